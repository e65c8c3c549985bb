//! FHIR's data types (<https://hl7.org/fhir/R4/datatypes.html>) on one line each.
//!
//! A type is known by the members it has. An object with a member that its type does not know is not put on one line but
//! walked, so that nothing in it goes unseen.

use crate::charset::Visible;
use crate::json::Json;
use crate::keys;
use crate::limits::CELL_CHARS;
use crate::time;
use crate::view::{Arg, Message, Precision, Words};
use crate::words::humanise;

/// The value on one line; none for what has parts of its own.
pub(super) fn say(name: &str, value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    match value {
        Json::Null => Some(Words::Data(String::new())),
        Json::Bool(value) => Some(Words::key(if *value { keys::YES } else { keys::NO })),
        Json::Number(digits) => Some(Words::Data(visible.value(digits, CELL_CHARS))),
        Json::String(text) => Some(string(name, text, visible)),
        Json::Array(_) => None,
        Json::Object(_) => object(name, value, visible),
    }
}

/// The value, or the first of several, on one line.
pub(super) fn first(name: &str, value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    say(name, value.items().first().unwrap_or(value), visible)
}

/// The catalogue's name for a type of resource; of an unknown one its name as words.
pub(super) fn resource_name(name: &str, visible: &mut Visible) -> Words {
    match keys::resource(name) {
        Some(key) => Words::key(key),
        None if name.is_empty() => Words::key(keys::RESOURCE),
        None => Words::Data(visible.value(&humanise(name), 120)),
    }
}

/// A `CodeableConcept` by its text, else by its first display or code, with the codes of the systems that people know.
pub(super) fn concept(value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let codings = value.get("coding").map_or(&[][..], Json::items);
    let main = value.text("text").or_else(|| codings.iter().find_map(|coding| coding.text("display")));
    // HL7's own codes for states and the like have names in the catalogue.
    let known = codings
        .iter()
        .find(|coding| coding.text("system").is_some_and(|system| system.contains("//terminology.hl7.org/")));
    if value.text("text").is_none()
        && let Some(key) = known.and_then(|coding| coding.text("code")).and_then(keys::code)
    {
        return Some(Words::key(key));
    }
    let code = codings.iter().find_map(|coding| coding.text("code"));
    let mut line = main.or(code)?.to_owned();
    for coding in codings {
        if let (Some(system), Some(code)) = (coding.text("system").and_then(system_name), coding.text("code")) {
            line.push_str(" (");
            line.push_str(system);
            line.push(' ');
            line.push_str(code);
            line.push(')');
        }
    }
    Some(Words::Data(visible.value(&line, CELL_CHARS)))
}

/// The name of a `CodeableConcept` alone, without codes where it has any words.
pub(super) fn concept_name(value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let codings = value.get("coding").map_or(&[][..], Json::items);
    let first = |name: &str| codings.iter().find_map(|coding| coding.text(name));
    let name = value.text("text").or_else(|| first("display")).or_else(|| first("code"))?;
    Some(Words::Data(visible.value(name, CELL_CHARS)))
}

/// An `interpretation`, in the catalogue's words where its code is a usual one.
pub(super) fn assessment(flag: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let coded = flag.get("coding").and_then(|codings| codings.items().first()?.text("code"));
    let known = coded.and_then(|code| keys::code(&format!("flag-{code}")));
    known.map(Words::key).or_else(|| concept(flag, visible))
}

/// The bounds of a `Range` or of a reference range.
pub(super) fn bounds(value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let side = |name: &str| value.get(name).and_then(quantity);
    let line = match (side("low"), side("high")) {
        (Some(low), Some(high)) => {
            // "3.5 mmol/L – 5.1 mmol/L" names the unit once.
            let low_value = value.get("low").and_then(|low| number(low.get("value"))).unwrap_or(&low);
            let same = value.get("low").and_then(unit) == value.get("high").and_then(unit);
            format!("{} – {high}", if same { low_value } else { &low })
        }
        (Some(low), None) => format!("≥ {low}"),
        (None, Some(high)) => format!("≤ {high}"),
        (None, None) => return None,
    };
    Some(Words::Data(visible.value(&line, CELL_CHARS)))
}

/// The unit of a quantity as people write it, else its code.
pub(super) fn unit<'v>(value: &'v Json<'_>) -> Option<&'v str> {
    value.text("unit").or_else(|| value.text("code")).filter(|unit| *unit != "1")
}

fn string(name: &str, text: &str, visible: &mut Visible) -> Words {
    match name {
        "div" => return Words::Data(visible.value(&narrative(text), CELL_CHARS)),
        // Base64: a picture or a document, which is a matter for a record of its own.
        "data" if text.len() > 64 => {
            let bytes = text.len().saturating_mul(3).checked_div(4).unwrap_or(0);
            return Message::new(keys::EMBEDDED).with("bytes", bytes).into();
        }
        "status" | "gender" | "intent" | "priority" | "criticality" | "severity" | "type" | "category"
        | "docStatus" | "lifecycleStatus" => {
            if let Some(key) = keys::code(text) {
                return Words::key(key);
            }
        }
        _ => {}
    }
    let is_date = name.ends_with("Date") || name.ends_with("DateTime") || matches!(name, "date" | "start" | "end");
    match time::iso(text) {
        Some(stamp) if stamp.precision >= Precision::Day || is_date => stamp.moment(text).into(),
        _ => Words::Data(visible.value(text, CELL_CHARS)),
    }
}

fn object(name: &str, value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let has = |member: &str| value.get(member).is_some();
    let only =
        |members: &[&str]| value.members().iter().all(|(name, _)| name == "id" || members.contains(&name.as_ref()));
    let mut data = |line: String| Some(Words::Data(visible.value(&line, CELL_CHARS)));
    if only(&["coding", "text"]) {
        if name == "interpretation" {
            return assessment(value, visible);
        }
        return concept(value, visible);
    }
    if has("value") && only(&["value", "comparator", "unit", "system", "code"]) && number(value.get("value")).is_some()
    {
        return data(quantity(value)?);
    }
    if has("currency") && only(&["value", "currency"]) {
        return data(format!("{} {}", number(value.get("value"))?, value.text("currency")?));
    }
    if only(&["low", "high"]) {
        return bounds(value, visible);
    }
    if only(&["numerator", "denominator"]) {
        return data(format!(
            "{} / {}",
            value.get("numerator").and_then(quantity)?,
            value.get("denominator").and_then(quantity)?
        ));
    }
    if only(&["start", "end"]) {
        return period(value, visible);
    }
    if (has("reference") || has("display")) && only(&["reference", "type", "identifier", "display"]) {
        return data(value.text("display").or_else(|| value.text("reference"))?.to_owned());
    }
    if (has("code") || has("display")) && only(&["system", "version", "code", "display", "userSelected"]) {
        return coding(value, visible);
    }
    if has("value")
        && (name == "telecom" || has("rank") || is_contact_system(value))
        && only(&["system", "value", "use", "rank", "period"])
    {
        return data(value.text("value")?.to_owned());
    }
    if has("value") && only(&["use", "type", "system", "value", "period", "assigner"]) {
        return identifier(value, visible);
    }
    if (has("family") || has("given")) && only(&["use", "text", "family", "given", "prefix", "suffix", "period"]) {
        return data(human_name(value));
    }
    if (has("line") || has("city") || has("postalCode") || has("country"))
        && only(&["use", "type", "text", "line", "city", "district", "state", "postalCode", "country", "period"])
    {
        return data(address(value));
    }
    if has("text") && only(&["text", "time", "authorString"]) {
        return data(value.text("text")?.to_owned());
    }
    if has("data")
        && has("origin")
        && only(&["origin", "period", "factor", "lowerLimit", "upperLimit", "dimensions", "data"])
    {
        let count = value.text("data")?.split_ascii_whitespace().count();
        return Some(Message::new(keys::RECORDING).with("count", count).into());
    }
    if has("frequency") && only(&["frequency", "period", "periodUnit"]) {
        return timing(value, visible);
    }
    if has("repeat") && only(&["repeat"]) {
        return object(name, value.get("repeat")?, visible);
    }
    if has("div") && only(&["status", "div"]) {
        return data(narrative(value.text("div")?));
    }
    None
}

fn number<'v>(value: Option<&'v Json<'_>>) -> Option<&'v str> {
    if let Some(Json::Number(digits)) = value { Some(digits) } else { None }
}

fn quantity(value: &Json<'_>) -> Option<String> {
    let digits = number(value.get("value"))?;
    let mut line = value.text("comparator").map(|comparator| format!("{comparator} ")).unwrap_or_default();
    line.push_str(digits);
    if let Some(unit) = unit(value) {
        line.push(' ');
        line.push_str(unit);
    }
    Some(line)
}

fn coding(value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let code = value.text("code");
    if value.text("system").is_some_and(|system| system.contains("//terminology.hl7.org/"))
        && let Some(key) = code.and_then(keys::code)
    {
        return Some(Words::key(key));
    }
    let line = match (value.text("display"), value.text("system").and_then(system_name), code) {
        (Some(display), Some(system), Some(code)) => format!("{display} ({system} {code})"),
        (Some(display), _, _) => display.to_owned(),
        (None, _, code) => code?.to_owned(),
    };
    Some(Words::Data(visible.value(&line, CELL_CHARS)))
}

fn period(value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let mut side = |name: &str| value.text(name).map(|text| Arg::Words(string(name, text, visible)));
    let message = match (side("start"), side("end")) {
        (Some(start), Some(end)) => Message::new(keys::FROM_TO).with("start", start).with("end", end),
        (Some(start), None) => Message::new(keys::FROM).with("start", start),
        (None, Some(end)) => Message::new(keys::TO).with("end", end),
        (None, None) => return None,
    };
    Some(message.into())
}

fn timing(repeat: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let mut count = |name: &str| number(repeat.get(name)).map(|digits| visible.value(digits, 20));
    let (times, period) = (count("frequency")?, count("period")?);
    let unit = match repeat.text("periodUnit")? {
        "s" => "unit-s",
        "min" => "unit-min",
        "h" => "unit-h",
        "d" => "unit-d",
        "wk" => "unit-wk",
        "mo" => "unit-mo",
        "a" => "unit-a",
        _ => return None,
    };
    let unit = Words::key(keys::code(unit)?);
    Some(Message::new(keys::TIMING).with("times", times).with("period", period).with("unit", unit).into())
}

fn identifier(value: &Json<'_>, visible: &mut Visible) -> Option<Words> {
    let mut line = value.text("value")?.to_owned();
    let of = value
        .get("type")
        .and_then(|kind| kind.text("text").or_else(|| kind.get("coding")?.items().first()?.text("display")));
    if let Some(of) = of.or_else(|| value.get("assigner").and_then(|assigner| assigner.text("display"))) {
        line.push_str(" (");
        line.push_str(of);
        line.push(')');
    }
    Some(Words::Data(visible.value(&line, CELL_CHARS)))
}

fn human_name(value: &Json<'_>) -> String {
    if let Some(text) = value.text("text") {
        return text.to_owned();
    }
    let list = |name: &str| value.get(name).map_or(&[][..], Json::items).iter().filter_map(Json::as_str);
    let parts = list("prefix").chain(list("given")).chain(value.text("family")).chain(list("suffix"));
    parts.collect::<Vec<_>>().join(" ")
}

fn address(value: &Json<'_>) -> String {
    if let Some(text) = value.text("text") {
        return text.to_owned();
    }
    let lines = value.get("line").map_or(&[][..], Json::items).iter().filter_map(Json::as_str).map(str::to_owned);
    let place = [value.text("postalCode"), value.text("city")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let rest = ["district", "state", "country"].into_iter().filter_map(|name| value.text(name).map(str::to_owned));
    lines.chain(std::iter::once(place)).chain(rest).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn is_contact_system(value: &Json<'_>) -> bool {
    matches!(value.text("system"), Some("phone" | "fax" | "email" | "pager" | "url" | "sms" | "other"))
}

/// Systems whose codes people look up.
fn system_name(system: &str) -> Option<&'static str> {
    Some(match system {
        "http://loinc.org" => "LOINC",
        "http://snomed.info/sct" => "SNOMED CT",
        "http://www.nlm.nih.gov/research/umls/rxnorm" => "RxNorm",
        "http://www.whocc.no/atc" | "http://fhir.de/CodeSystem/bfarm/atc" => "ATC",
        "http://fhir.de/CodeSystem/ifa/pzn" => "PZN",
        "http://hl7.org/fhir/sid/cvx" => "CVX",
        "http://hl7.org/fhir/sid/ndc" => "NDC",
        "http://www.ama-assn.org/go/cpt" => "CPT",
        _ if system.starts_with("http://hl7.org/fhir/sid/icd-10")
            || system.starts_with("http://fhir.de/CodeSystem/bfarm/icd-10") =>
        {
            "ICD-10"
        }
        _ => return None,
    })
}

/// The text of XHTML: what stands between tags, the five entities and the numeric ones resolved, white space drawn together.
/// The result is shown as text, so a tag that this misses is seen and not run.
fn narrative(markup: &str) -> String {
    let mut text = String::new();
    let mut rest = markup;
    // A narrative is cut where it is shown; reading twenty times as much allows for its markup.
    let most = CELL_CHARS.saturating_mul(20);
    while let Some(at) = rest.find(['<', '&']).filter(|_| text.len() < most) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(before);
        if from.starts_with('<') {
            text.push(' ');
            rest = from.split_once('>').map_or("", |(_, rest)| rest);
            continue;
        }
        let entity = from.split_once(';').filter(|(entity, _)| entity.len() < 12);
        let char = entity.and_then(|(entity, _)| entity.strip_prefix('&')).and_then(character);
        match (entity, char) {
            (Some((_, behind)), Some(char)) => {
                text.push(char);
                rest = behind;
            }
            _ => {
                text.push('&');
                rest = from.strip_prefix('&').unwrap_or_default();
            }
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let digits = entity.strip_prefix('#')?;
            let number = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;

    fn said(name: &str, json: &str) -> Option<Words> {
        say(name, &read(json).unwrap().root, &mut Visible::default())
    }

    fn data(text: &str) -> Option<Words> {
        Some(Words::Data(text.to_owned()))
    }

    #[test]
    fn data_types_are_lines() {
        assert_eq!(
            said(
                "valueQuantity",
                r#"{"value":5.40,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}"#
            ),
            data("5.40 mmol/L")
        );
        assert_eq!(said("valueQuantity", r#"{"value":3,"comparator":"<","code":"mg"}"#), data("< 3 mg"));
        assert_eq!(
            said("valueRange", r#"{"low":{"value":3.5,"unit":"g"},"high":{"value":5.1,"unit":"g"}}"#),
            data("3.5 – 5.1 g")
        );
        assert_eq!(said("valueRange", r#"{"high":{"value":5.1}}"#), data("≤ 5.1"));
        assert_eq!(said("valueRatio", r#"{"numerator":{"value":1},"denominator":{"value":128}}"#), data("1 / 128"));
        assert_eq!(
            said("code", r#"{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]}"#),
            data("Heart rate (LOINC 8867-4)")
        );
        assert_eq!(said("code", r#"{"text":"Pulse","coding":[{"system":"urn:x","code":"p"}]}"#), data("Pulse"));
        assert_eq!(said("subject", r#"{"reference":"Patient/1","display":"Ada"}"#), data("Ada"));
        assert_eq!(said("name", r#"{"prefix":["Dr."],"given":["Ada","M."],"family":"Berg"}"#), data("Dr. Ada M. Berg"));
        assert_eq!(
            said("address", r#"{"line":["Am Hang 3"],"postalCode":"12345","city":"Neustadt","country":"DE"}"#),
            data("Am Hang 3, 12345 Neustadt, DE")
        );
        assert_eq!(said("telecom", r#"{"system":"phone","value":"+49 30 1"}"#), data("+49 30 1"));
        assert_eq!(
            said("identifier", r#"{"system":"urn:x","value":"A1","type":{"text":"Insurance number"}}"#),
            data("A1 (Insurance number)")
        );
        assert_eq!(said("totalNet", r#"{"value":12.50,"currency":"EUR"}"#), data("12.50 EUR"));
        assert_eq!(said("note", r#"{"text":"Take with food","time":"2026-11-01"}"#), data("Take with food"));
    }

    #[test]
    fn states_and_times_are_the_pages_to_word() {
        assert_eq!(said("status", "\"final\""), keys::code("final").map(Words::key));
        assert_eq!(said("status", "\"of-my-own\""), data("of-my-own"));
        assert!(
            matches!(said("birthDate", "\"1961-03\""), Some(Words::Time(moment)) if moment.precision == Precision::Month)
        );
        assert_eq!(said("lotNumber", "\"1961-03\""), data("1961-03"));
        assert!(
            matches!(said("period", r#"{"start":"2026-01-01"}"#), Some(Words::Message(message)) if message.key == keys::FROM)
        );
        assert!(
            matches!(said("timing", r#"{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}"#), Some(Words::Message(message)) if message.key == keys::TIMING)
        );
    }

    #[test]
    fn an_unknown_member_keeps_an_object_whole() {
        assert_eq!(said("code", r#"{"text":"Pulse","extension":[{"url":"x","valueBoolean":true}]}"#), None);
        assert_eq!(said("valueQuantity", r#"{"value":1,"unit":"mg","precision":2}"#), None);
    }

    #[test]
    fn narratives_are_text() {
        assert_eq!(
            narrative("<div xmlns=\"x\"><p>A &amp; B</p>\n<b>&#65;&#x42;</b> &lt;script&gt;</div>"),
            "A & B AB <script>"
        );
        assert_eq!(narrative("a < b"), "a");
        assert_eq!(narrative("AT&T &unknown; &#xFFFFFFFF;"), "AT&T &unknown; &#xFFFFFFFF;");
    }

    proptest::proptest! {
        #[test]
        fn any_narrative_is_text(markup in "[<>&;#x0-9a-z ü]{0,80}") {
            narrative(&markup);
        }
    }
}
