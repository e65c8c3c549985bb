//! Observations (<https://hl7.org/fhir/R4/observation.html>) as measurements: the value, each component, each recording.

use crate::charset::Visible;
use crate::json::Json;
use crate::keys;
use crate::limits::POINTS_READ;
use crate::number::decimal;
use crate::readings::{Reading, Readings, When};
use crate::series::Label;
use crate::time::Stamp;
use crate::view::{Precision, Words};

use super::fields::choice;
use super::{is_entered_in_error, value};

/// Adds what one Observation measured.
pub(super) fn read(observation: &Json<'_>, readings: &mut Readings, visible: &mut Visible) {
    let (at, until) = when(observation);
    let group = code(observation);
    let wrong = is_entered_in_error(observation);
    let parts = observation.get("component").map_or(&[][..], Json::items);
    for part in std::iter::once(observation).chain(parts) {
        let measured = choice(part, "value[x]");
        if measured.is_none() && part.get("dataAbsentReason").is_none() {
            continue;
        }
        let (name, measured) = measured.unwrap_or(("", &Json::Null));
        let what = part
            .get("code")
            .and_then(|code| value::concept_name(code, visible))
            .unwrap_or(Words::key(keys::UNNAMED_SERIES));
        if name == "valueSampledData" && !wrong {
            recording(measured, Label { id: code(part), group, name: &what, unit: "" }, at, readings);
        }
        let is_quantity = name == "valueQuantity" && matches!(measured.get("value"), Some(Json::Number(_)));
        let compared = measured.text("comparator").filter(|_| is_quantity);
        let words = match measured.get("value") {
            Some(Json::Number(digits)) if is_quantity => Words::Data(
                visible.value(&compared.map_or_else(|| (*digits).to_owned(), |sign| format!("{sign} {digits}")), 100),
            ),
            _ => value::say(name, measured, visible)
                .filter(|words| *words != Words::Data(String::new()))
                .or_else(|| part.get("dataAbsentReason").and_then(|reason| value::concept(reason, visible)))
                .unwrap_or(Words::Data("–".to_owned())),
        };
        let number = if is_quantity { measured.get("value").and_then(Json::as_f64) } else { measured.as_f64() };
        readings.push(
            Reading {
                at,
                until,
                what,
                id: code(part),
                group,
                value: words,
                // "< 3" is not 3, and is not drawn as if it were; nor is what was measured or written down wrongly.
                number: number.filter(|_| compared.is_none() && !wrong),
                unit: if is_quantity { value::unit(measured).unwrap_or_default() } else { "" },
                range: part.get("referenceRange").and_then(|ranges| range(ranges, visible)),
                flag: match part.get("interpretation") {
                    _ if wrong => keys::code("entered-in-error").map(Words::key),
                    flags => flags.and_then(|flags| flag(flags, visible)),
                },
                notes: observation.get("note").and_then(|notes| value::first("note", notes, visible)),
            },
            visible,
        );
    }
}

fn when<'v>(observation: &'v Json<'_>) -> (Option<When<'v>>, Option<When<'v>>) {
    let time = |name: &str| observation.text(name).and_then(When::iso);
    if let Some(period) = observation.get("effectivePeriod") {
        return (period.text("start").and_then(When::iso), period.text("end").and_then(When::iso));
    }
    let timing = observation
        .get("effectiveTiming")
        .and_then(|timing| timing.get("event")?.items().first()?.as_str())
        .and_then(When::iso);
    (time("effectiveDateTime").or_else(|| time("effectiveInstant")).or(timing).or_else(|| time("issued")), None)
}

/// What tells kinds of measurement apart: the first code, else the text.
fn code<'v>(part: &'v Json<'_>) -> &'v str {
    let Some(code) = part.get("code") else { return "" };
    let first = code.get("coding").and_then(|codings| codings.items().first()?.text("code"));
    first.or_else(|| code.text("text")).unwrap_or_default()
}

fn range(ranges: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let range = ranges.items().first()?;
    value::bounds(range, visible).or_else(|| range.text("text").map(|text| Words::Data(visible.value(text, 200))))
}

fn flag(flags: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    // R4 has a list; DSTU2 and STU3 have one concept.
    value::assessment(flags.items().first().unwrap_or(flags), visible)
}

/// A `SampledData`: values at a fixed distance, in one or more dimensions that take turns.
fn recording(data: &Json<'_>, label: Label<'_>, at: Option<When<'_>>, readings: &mut Readings) {
    let (Some(at), Some(values), Some(period)) = (at, data.text("data"), data.get("period").and_then(micros)) else {
        return;
    };
    let float = |value: Option<&Json<'_>>| value.and_then(Json::as_f64);
    let origin = data.get("origin");
    let zero = float(origin.and_then(|origin| origin.get("value"))).unwrap_or(0.0);
    let factor = float(data.get("factor")).unwrap_or(1.0);
    let unit = origin.and_then(value::unit).unwrap_or_default();
    let dimensions = match data.get("dimensions") {
        Some(Json::Number(digits)) => digits.parse().unwrap_or(1).clamp(1, 16),
        _ => 1,
    };
    let ids: Vec<String> = (0..dimensions).map(|dimension| format!("{} {dimension}", label.id)).collect();
    for ((index, value), id) in values.split_ascii_whitespace().take(POINTS_READ).enumerate().zip(ids.iter().cycle()) {
        // "E" is an error, "U" and "L" are beyond the limits of the device.
        let Some(value) = decimal(value) else { continue };
        let place = index.checked_div(dimensions).and_then(|place| i64::try_from(place).ok()).unwrap_or(0);
        let offset = place.saturating_mul(period).checked_div(1_000).unwrap_or(0);
        let Some(x) = at.stamp.at.checked_add(offset).filter(|x| *x < 253_402_300_800_000) else { return };
        let stamp = Stamp { at: x, precision: Precision::Second, ..at.stamp };
        readings.tracks.push(Label { id, unit, ..label }, stamp, None, zero + factor * value);
    }
}

/// Milliseconds with up to three decimal places, in microseconds.
fn micros(period: &Json<'_>) -> Option<i64> {
    let Json::Number(digits) = period else { return None };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let millis: i64 = whole.parse().ok()?;
    let places: String = fraction.chars().chain("000".chars()).take(3).collect();
    let micros = millis.checked_mul(1_000)?.checked_add(places.parse().ok()?)?;
    (1..=1_000_000_000_000).contains(&micros).then_some(micros)
}
