//! Open mHealth data points (<https://www.openmhealth.org/documentation/>, later IEEE 1752.1): a header that names the schema,
//! and a body of measures `{value, unit}` with the time they hold for. Every schema built so is read, named here or not.

use crate::charset::Visible;
use crate::json::Json;
use crate::keys;
use crate::limits::CELL_CHARS;
use crate::number::decimal;
use crate::readings::{Reading, Readings, When};
use crate::time::{DAY, Stamp};
use crate::view::{ContentView, Words};
use crate::words::humanise;

/// Names of measures (key, English) that the catalogue knows.
const MEASURES: [(&str, &str); 17] = [
    ("heart_rate", keys::OMH_HEART_RATE),
    ("step_count", keys::OMH_STEP_COUNT),
    ("sleep_duration", keys::OMH_SLEEP_DURATION),
    ("total_sleep_time", keys::OMH_TOTAL_SLEEP_TIME),
    ("latency_to_sleep_onset", keys::OMH_LATENCY_TO_SLEEP_ONSET),
    ("number_of_awakenings", keys::OMH_NUMBER_OF_AWAKENINGS),
    ("body_weight", keys::OMH_BODY_WEIGHT),
    ("body_height", keys::OMH_BODY_HEIGHT),
    ("body_mass_index", keys::OMH_BODY_MASS_INDEX),
    ("body_temperature", keys::OMH_BODY_TEMPERATURE),
    ("blood_glucose", keys::OMH_BLOOD_GLUCOSE),
    ("systolic_blood_pressure", keys::OMH_SYSTOLIC),
    ("diastolic_blood_pressure", keys::OMH_DIASTOLIC),
    ("oxygen_saturation", keys::OMH_OXYGEN_SATURATION),
    ("respiratory_rate", keys::OMH_RESPIRATORY_RATE),
    ("distance", keys::OMH_DISTANCE),
    ("kcal_burned", keys::OMH_CALORIES),
];

/// True for a data point, a body alone, a list of either, and a list in the envelope of a service (`{"body": […]}`).
pub(crate) fn is_data(root: &Json<'_>) -> bool {
    let has_header = |value: &Json<'_>| value.get("header").is_some_and(|header| header.get("schema_id").is_some());
    let is_point = |value: &Json<'_>| {
        (has_header(value) && value.get("body").is_some()) || matches!(value.get(TIME_FRAME), Some(Json::Object(_)))
    };
    // Every element is asked, so that a list of something else with one such element is shown whole, as a tree.
    let points = points(root);
    !points.is_empty() && points.iter().all(is_point)
}

const TIME_FRAME: &str = "effective_time_frame";

fn points<'v, 't>(root: &'v Json<'t>) -> &'v [Json<'t>] {
    match (root, root.get("body")) {
        (Json::Array(points), _) => points,
        (_, Some(Json::Array(points))) if root.get("header").is_none() => points,
        _ => std::slice::from_ref(root),
    }
}

pub(crate) fn view(root: &Json<'_>, view: &mut ContentView, visible: &mut Visible) {
    let mut readings = Readings::default();
    for point in points(root) {
        match point.get("body") {
            // A data series has one header for a list of bodies.
            Some(Json::Array(bodies)) => bodies.iter().for_each(|body| read(body, &mut readings, visible)),
            Some(body) => read(body, &mut readings, visible),
            None => read(point, &mut readings, visible),
        }
    }
    readings.show(view);
}

fn read(body: &Json<'_>, readings: &mut Readings, visible: &mut Visible) {
    let frame = body.get(TIME_FRAME);
    let (at, until) = frame.map_or((None, None), time_frame);
    let notes = notes(body, visible);
    for (name, value) in body.members() {
        let (digits, unit) = match value {
            Json::Number(digits) => (digits, ""),
            Json::Object(_) => match (value.get("value"), value.text("unit")) {
                (Some(Json::Number(digits)), Some(unit)) => (digits, unit),
                _ => continue,
            },
            Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) => continue,
        };
        let reading = Reading {
            at,
            until,
            what: label(name, visible),
            id: name,
            group: if name.ends_with("_blood_pressure") { "blood-pressure" } else { name },
            value: Words::Data(visible.value(digits, CELL_CHARS)),
            number: decimal(digits),
            unit,
            range: None,
            flag: None,
            notes: notes.clone(),
        };
        readings.push(reading, visible);
    }
}

fn label(name: &str, visible: &mut Visible) -> Words {
    let known = MEASURES.iter().find(|(measure, _)| *measure == name);
    known.map_or_else(|| Words::Data(visible.value(&humanise(name), 120)), |(_, key)| Words::key(key))
}

/// What is neither measure nor time: `relation to sleep: before sleep`.
fn notes(body: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let mut notes = String::new();
    for (name, value) in body.members() {
        let text = match value {
            Json::String(text) => text.as_ref(),
            Json::Bool(true) => "✓",
            Json::Bool(false) => "✗",
            Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => continue,
        };
        if !notes.is_empty() {
            notes.push_str("; ");
        }
        notes.push_str(&humanise(name));
        notes.push_str(": ");
        notes.push_str(text);
    }
    (!notes.is_empty()).then(|| Words::Data(visible.value(&notes, CELL_CHARS)))
}

/// The point in time, or start and end; two of start, end and duration are given (schema `time-frame`).
fn time_frame<'a>(frame: &'a Json<'_>) -> (Option<When<'a>>, Option<When<'a>>) {
    if let Some(at) = frame.text("date_time").or_else(|| frame.text("date")) {
        return (When::iso(at), None);
    }
    let Some(interval) = frame.get("time_interval") else { return (None, None) };
    let date = interval.text("date").and_then(When::iso);
    let start = interval.text("start_date_time").and_then(When::iso);
    let end = interval.text("end_date_time").and_then(When::iso);
    let length = interval.get("duration").and_then(duration);
    // A computed time has no text of its own.
    let shifted = |when: When<'a>, by: Option<i64>| {
        let at = by.and_then(|by| when.stamp.at.checked_add(by))?;
        Some(When { stamp: Stamp { at, ..when.stamp }, text: "" })
    };
    match (start, end) {
        (Some(start), Some(end)) => (Some(start), Some(end)),
        (Some(start), None) => (Some(start), shifted(start, length)),
        (None, Some(end)) => (shifted(end, length.and_then(i64::checked_neg)), Some(end)),
        (None, None) => (date, None),
    }
}

/// A whole number of a unit of time, in milliseconds.
fn duration(value: &Json<'_>) -> Option<i64> {
    let Some(Json::Number(digits)) = value.get("value") else { return None };
    let unit = match value.text("unit")? {
        "ms" => 1,
        "sec" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => DAY,
        "wk" => DAY.checked_mul(7)?,
        _ => return None,
    };
    let length: i64 = digits.parse().ok()?;
    length.checked_mul(unit).filter(|length| (0..DAY.saturating_mul(366)).contains(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Source, view::Block};

    fn show(json: &str) -> ContentView {
        crate::view(&Source { content_type: "application/json", title: "", bytes: json.as_bytes() })
    }

    fn point(body: &str) -> String {
        format!(
            r#"{{"header":{{"id":"x","schema_id":{{"namespace":"omh","name":"blood-pressure","version":"3.0"}}}},"body":{body}}}"#
        )
    }

    #[test]
    fn two_pressures_share_a_chart() {
        let at = |day: u8, high: u8, low: u8| {
            point(&format!(
                r#"{{"systolic_blood_pressure":{{"value":{high},"unit":"mmHg"}},"diastolic_blood_pressure":{{"value":{low},"unit":"mmHg"}},
                "body_posture":"sitting","effective_time_frame":{{"date_time":"2026-11-0{day}T08:00:00+01:00"}}}}"#
            ))
        };
        let view = show(&format!("[{},{}]", at(1, 128, 82), at(2, 131, 84)));
        assert_eq!(view.kind, Kind::Series);
        let [Block::Chart(chart), Block::Table(table)] = view.blocks.as_slice() else { panic!("{view:?}") };
        assert_eq!(
            chart.series.iter().map(|series| series.name.clone()).collect::<Vec<_>>(),
            [Words::key(keys::OMH_SYSTOLIC), Words::key(keys::OMH_DIASTOLIC)]
        );
        assert_eq!((chart.min, chart.max, chart.unit.as_str()), (82.0, 131.0, "mmHg"));
        assert_eq!(table.total_rows, 4);
        assert_eq!(table.rows[0].last(), Some(&Words::Data("Body posture: sitting".into())));
    }

    #[test]
    fn intervals_are_bars_and_durations_make_their_end() {
        let night = |day: u8| {
            point(&format!(
                r#"{{"sleep_duration":{{"value":7.5,"unit":"h"}},"effective_time_frame":{{"time_interval":
                {{"start_date_time":"2026-11-0{day}T23:00:00Z","duration":{{"value":480,"unit":"min"}}}}}}}}"#
            ))
        };
        let view = show(&format!("[{},{}]", night(1), night(2)));
        let Block::Chart(chart) = &view.blocks[0] else { panic!("{view:?}") };
        let first = chart.series[0].points[0];
        assert_eq!(first.until, Some(first.x + 8 * 3_600_000));
        assert_eq!(chart.series[0].style, crate::view::Style::Bars);
    }

    #[test]
    fn unknown_measures_and_missing_times_are_shown() {
        let view =
            show(&point(r#"{"grip_strength":{"value":1e2,"unit":"N"},"effective_time_frame":{"date_time":"soon"}}"#));
        let [Block::Table(table)] = view.blocks.as_slice() else { panic!("{view:?}") };
        assert_eq!(table.rows[0], ["Grip strength", "1e2", "N"].map(|text| Words::Data(text.into())));
    }

    #[test]
    fn bodies_alone_and_envelopes_are_read() {
        let body = r#"{"body_weight":{"value":71.50,"unit":"kg"},"effective_time_frame":{"date_time":"2026-11-09T07:00:00Z"}}"#;
        for json in [
            body.to_owned(),
            format!("[{body}]"),
            format!(r#"{{"shim":"scale","timeStamp":1,"body":[{}]}}"#, point(body)),
        ] {
            let view = show(&json);
            let [Block::Table(table)] = view.blocks.as_slice() else { panic!("{view:?}") };
            assert!(table.rows[0].contains(&Words::Data("71.50".into())));
        }
    }

    #[test]
    fn another_list_is_a_tree() {
        assert_eq!(show(&format!("[{},1]", point("{}"))).kind, Kind::Json);
    }
}
