//! Measurements that a person types: Open mHealth data points (<https://www.openmhealth.org/documentation/>), which the readers
//! show as a chart with a table beside it.

use core::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::json;

/// The longest number that is taken: sign-less digits, with a point between them or without.
const MAX_DIGITS: usize = 9;
/// `2026-11-25T07:30:00+01:00`, with `d` for any digit and `±` for the sign of the offset.
const TIME: &str = "dddd-dd-ddTdd:dd:dd±dd:dd";

/// Something that can be measured at home.
#[derive(Debug, Serialize)]
pub(crate) struct Measure {
    /// The name of its schema. The catalogue has `measure.<name>`.
    name: &'static str,
    #[serde(skip)]
    version: &'static str,
    /// What is typed, one number each. Where there is more than one, the catalogue has `measure.field.<field>`.
    fields: &'static [&'static str],
    units: &'static [Unit],
}

/// A unit, and between what a number in it makes sense.
#[derive(Debug, Serialize)]
struct Unit {
    /// The catalogue has `measure.unit.<name>`.
    name: &'static str,
    #[serde(skip)]
    code: &'static str,
    least: u32,
    most: u32,
}

/// What there is, the most usual first.
pub(crate) static MEASURES: [Measure; 6] = [
    Measure {
        name: "blood-pressure",
        version: "3.0",
        fields: &["systolic_blood_pressure", "diastolic_blood_pressure"],
        units: &[Unit { name: "mmhg", code: "mmHg", least: 20, most: 300 }],
    },
    Measure {
        name: "heart-rate",
        version: "2.0",
        fields: &["heart_rate"],
        units: &[Unit { name: "per-minute", code: "beats/min", least: 20, most: 300 }],
    },
    Measure {
        name: "blood-glucose",
        version: "3.0",
        fields: &["blood_glucose"],
        units: &[
            Unit { name: "mgdl", code: "mg/dL", least: 10, most: 1_500 },
            Unit { name: "mmol", code: "mmol/L", least: 1, most: 80 },
        ],
    },
    Measure {
        name: "body-weight",
        version: "2.0",
        fields: &["body_weight"],
        units: &[
            Unit { name: "kg", code: "kg", least: 1, most: 600 },
            Unit { name: "lb", code: "lb", least: 1, most: 1_300 },
        ],
    },
    Measure {
        name: "body-temperature",
        version: "3.0",
        fields: &["body_temperature"],
        units: &[
            Unit { name: "celsius", code: "C", least: 25, most: 45 },
            Unit { name: "fahrenheit", code: "F", least: 77, most: 113 },
        ],
    },
    Measure {
        name: "oxygen-saturation",
        version: "2.0",
        fields: &["oxygen_saturation"],
        units: &[Unit { name: "percent", code: "%", least: 40, most: 100 }],
    },
];

/// One measurement, as it was typed.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Measured {
    /// One of those that there are.
    measure: String,
    /// One of its units.
    unit: String,
    /// One number for each of its fields, with a point before decimals.
    values: Vec<String>,
    /// Such as `2026-11-25T07:30:00+01:00`.
    at: String,
}

impl Measured {
    /// The data point, under an id that was drawn for it. Without one, the key of what is wrong.
    pub(crate) fn point(&self, id: [u8; 16]) -> Result<String, &'static str> {
        let measure = MEASURES.iter().find(|measure| measure.name == self.measure).ok_or("malformed")?;
        let unit = measure.units.iter().find(|unit| unit.name == self.unit).ok_or("malformed")?;
        if !is_time(&self.at) || self.values.len() != measure.fields.len() {
            return Err("malformed");
        }
        let mut body = serde_json::Map::new();
        for (field, value) in measure.fields.iter().zip(&self.values) {
            let number = number(value, unit).ok_or("measure-range")?;
            body.insert((*field).to_owned(), json!({ "value": number, "unit": unit.code }));
        }
        body.insert("effective_time_frame".to_owned(), json!({ "date_time": self.at }));
        let point = json!({
            "header": {
                "id": uuid(id),
                "creation_date_time": self.at,
                "schema_id": { "namespace": "omh", "name": measure.name, "version": measure.version },
                "acquisition_provenance": { "source_name": "Glimpse", "modality": "self-reported" },
            },
            "body": body,
        });
        Ok(point.to_string())
    }
}

/// A list of one point.
pub(crate) fn list(point: &str) -> String {
    format!("[\n{point}\n]\n")
}

/// The list with one more point at its end: what stands there stays byte for byte. Nothing when it is no list.
pub(crate) fn append(list: &str, point: &str) -> Option<String> {
    let there: Vec<serde::de::IgnoredAny> = serde_json::from_str(list).ok()?;
    let before = list.trim_end().strip_suffix(']')?.trim_end();
    let comma = if there.is_empty() { "" } else { "," };
    Some(format!("{before}{comma}\n{point}\n]\n"))
}

/// What a list of data points measures, when its last one says so and is one of those that can be typed.
pub(crate) fn measured_in(list: &str) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Point {
        header: Header,
    }
    #[derive(Deserialize)]
    struct Header {
        schema_id: Schema,
    }
    #[derive(Deserialize)]
    struct Schema {
        name: String,
    }
    let points: Vec<Point> = serde_json::from_str(list).ok()?;
    let name = &points.last()?.header.schema_id.name;
    MEASURES.iter().map(|measure| measure.name).find(|measure| measure == name)
}

/// A whole number stays one: people read `128`, and not `128.0`.
fn number(text: &str, unit: &Unit) -> Option<serde_json::Number> {
    let plain = text.len() <= MAX_DIGITS && text.chars().all(|each| each.is_ascii_digit() || each == '.');
    let value: f64 = plain.then(|| text.parse().ok()).flatten()?;
    if !(f64::from(unit.least)..=f64::from(unit.most)).contains(&value) {
        return None;
    }
    text.parse::<u32>().ok().map(Into::into).or_else(|| serde_json::Number::from_f64(value))
}

fn is_time(text: &str) -> bool {
    text.chars().count() == TIME.chars().count()
        && text.chars().zip(TIME.chars()).all(|(is, wanted)| match wanted {
            'd' => is.is_ascii_digit(),
            '±' => is == '+' || is == '-',
            other => is == other,
        })
}

/// A random one (RFC 9562, version 4).
fn uuid(mut bytes: [u8; 16]) -> String {
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(measure: &str, unit: &str, values: &[&str]) -> Measured {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Measured { measure: measure.into(), unit: unit.into(), values, at: "2026-11-25T07:30:00+01:00".into() }
    }

    #[test]
    fn a_point_is_what_its_schema_says() {
        let point = measured("blood-pressure", "mmhg", &["128", "82"]).point([0xff; 16]).unwrap();
        let point: serde_json::Value = serde_json::from_str(&point).unwrap();
        assert_eq!(point["header"]["id"], "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(point["header"]["schema_id"]["name"], "blood-pressure");
        assert_eq!(point["body"]["systolic_blood_pressure"], json!({ "value": 128, "unit": "mmHg" }));
        assert_eq!(point["body"]["diastolic_blood_pressure"]["value"], 82);
        assert_eq!(point["body"]["effective_time_frame"]["date_time"], "2026-11-25T07:30:00+01:00");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |measured: &Measured| measured.point([0; 16]).unwrap_err();
        for value in ["", "-70", "7e1", "NaN", "1.2.3", "19", "301", "0000000070"] {
            assert_eq!(refused(&measured("heart-rate", "per-minute", &[value])), "measure-range", "{value}");
        }
        assert!(measured("heart-rate", "per-minute", &["70.5"]).point([0; 16]).is_ok());
        assert_eq!(refused(&measured("heart-rate", "kg", &["70"])), "malformed");
        assert_eq!(refused(&measured("shoe-size", "kg", &["42"])), "malformed");
        assert_eq!(refused(&measured("blood-pressure", "mmhg", &["128"])), "malformed");
        for at in ["", "2026-11-25T07:30:00Z", "2026-11-25T07:30:00+01:0x", "٢٠٢٦-11-25T07:30:00+01:00"] {
            let measured = Measured { at: at.into(), ..measured("heart-rate", "per-minute", &["70"]) };
            assert_eq!(refused(&measured), "malformed", "{at}");
        }
    }

    #[test]
    fn a_list_grows_at_its_end_and_is_otherwise_as_it_was() {
        let point = measured("body-weight", "kg", &["71.4"]).point([1; 16]).unwrap();
        let one = list(&point);
        assert_eq!(measured_in(&one), Some("body-weight"));
        let two = append(&one, &point).unwrap();
        assert!(two.starts_with(one.trim_end().trim_end_matches(']').trim_end()));
        assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&two).unwrap().len(), 2);
        assert_eq!(append(" [ ] ", "1").as_deref(), Some(" [\n1\n]\n"));
        for other in ["", "{}", "[1", "1]", "[1] 2"] {
            assert_eq!(append(other, &point), None, "{other}");
        }
        assert_eq!(measured_in("[1]"), None);
        assert_eq!(measured_in("[]"), None);
    }
}
