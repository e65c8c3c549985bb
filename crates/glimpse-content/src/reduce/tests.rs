use core::ops::Range;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Fault, Reduction, fields, outermost, reduce, without};
use crate::Source;
use crate::limits::{FIELDS_NAMED, FIELDS_WITHHELD, JSON_DEPTH, NAME_BYTES, REDUCED};

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

fn source<'a>(content_type: &'a str, bytes: &'a [u8]) -> Source<'a> {
    Source { content_type, title: "record", bytes }
}

fn reduced(content_type: &str, bytes: &[u8], pointers: &[&str]) -> Result<(Vec<u8>, usize), Fault> {
    let Reduction { cuts, fields } = reduce(&source(content_type, bytes), pointers)?;
    assert!(cuts.iter().all(|cut| cut.start < cut.end && cut.end <= bytes.len()), "{cuts:?}");
    assert!(cuts.windows(2).all(|pair| pair[0].end < pair[1].start), "{cuts:?}");
    Ok((without(bytes, &cuts), fields))
}

fn text(content_type: &str, bytes: &str, pointers: &[&str]) -> String {
    String::from_utf8(reduced(content_type, bytes.as_bytes(), pointers).unwrap().0).unwrap()
}

fn pointers(content_type: &str, bytes: &str) -> Vec<String> {
    let found = fields(&source(content_type, bytes.as_bytes())).unwrap();
    found.fields.into_iter().map(|field| field.pointer).collect()
}

#[test]
fn members_go_and_all_else_stays_to_the_byte() {
    let letter = "{\n  \"name\": \"Ada\",\n  \"born\": 1.50,\n  \"at\" : [ 1, 2 , 3 ]\n}\n";
    for (withheld, expected) in [
        (&["/name"][..], "{\n  \"born\": 1.50,\n  \"at\" : [ 1, 2 , 3 ]\n}\n"),
        (&["/born"], "{\n  \"name\": \"Ada\",\n  \"at\" : [ 1, 2 , 3 ]\n}\n"),
        (&["/at"], "{\n  \"name\": \"Ada\",\n  \"born\": 1.50\n}\n"),
        (&["/name", "/born"], "{\n  \"at\" : [ 1, 2 , 3 ]\n}\n"),
        (&["/name", "/at"], "{\n  \"born\": 1.50\n}\n"),
        (&["/at/1", "/name"], "{\n  \"born\": 1.50,\n  \"at\" : [ 1 , 3 ]\n}\n"),
        (&["/at/0"], "{\n  \"name\": \"Ada\",\n  \"born\": 1.50,\n  \"at\" : [ 2 , 3 ]\n}\n"),
        (&["/at/*"], "{\n  \"name\": \"Ada\",\n  \"born\": 1.50,\n  \"at\" : [  ]\n}\n"),
    ] {
        assert_eq!(text(JSON, letter, withheld), expected, "{withheld:?}");
    }
    assert_eq!(pointers(JSON, letter), ["/name", "/born", "/at", "/at/*"]);
}

#[test]
fn names_are_compared_without_their_escapes() {
    let odd = r#"{"\u0061/b~c":{"":1,"k":2},"z":[{"p":1,"q":2},{"q":3},4]}"#;
    assert_eq!(pointers(JSON, odd), ["/a~1b~0c", "/a~1b~0c/", "/a~1b~0c/k", "/z", "/z/*", "/z/*/p", "/z/*/q"]);
    assert_eq!(text(JSON, odd, &["/a~1b~0c/", "/z/*/q"]), r#"{"\u0061/b~c":{"k":2},"z":[{"p":1},{},4]}"#);
    let marked = "\u{feff}{\"a\":1,\"b\":2}";
    assert_eq!(text(JSON, marked, &["/a"]), "\u{feff}{\"b\":2}");
    let lines = Source { content_type: "application/x-ndjson", title: "x", bytes: b"{\"a\":1,\"b\":2}\n{\"a\":3}\n" };
    let Reduction { cuts, .. } = reduce(&lines, &["/*/a"]).unwrap();
    assert_eq!(without(lines.bytes, &cuts), b"{\"b\":2}\n{}\n");
}

#[test]
fn t061_what_a_document_says_again_goes_with_what_was_withheld() {
    let halves = r#"{"resourceType":"Patient","birthDate":"1974-12-25","_birthDate":{"extension":[{"valueDateTime":"1974-12-25T14:35"}]},"gender":"female"}"#;
    for pointer in ["/birthDate", "/_birthDate"] {
        let (left, count) = reduced(JSON, halves.as_bytes(), &[pointer]).unwrap();
        assert_eq!((left.as_slice(), count), (&br#"{"resourceType":"Patient","gender":"female"}"#[..], 2), "{pointer}");
    }
    assert_eq!(reduced(JSON, halves.as_bytes(), &["/birthDate", "/_birthDate"]).unwrap().1, 2, "both were named");
    assert_eq!(text(JSON, r#"{"a":1,"_a":2,"b":3}"#, &["/a"]), r#"{"_a":2,"b":3}"#, "no document of FHIR");

    // The letter of a bundle says what stands in its entries.
    let letter = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Composition","text":{"div":"<p>Ada</p>"},"section":[{"title":"Who","text":{"div":"<p>Ada again</p>"},"code":{"text":"kept"}}]}},{"resource":{"resourceType":"Patient","name":"Ada","id":"1"}}]}"#;
    let left = text(JSON, letter, &["/entry/1/resource/name"]);
    assert!(!left.contains("Ada"), "{left}");
    assert!(left.contains(r#""code":{"text":"kept"}"#) && left.contains(r#""title":"Who""#), "{left}");
    let own = text(JSON, letter, &["/entry/0/resource/section/*/title"]);
    assert!(!own.contains("Ada again") && own.contains(r#""name":"Ada""#), "what is no running text stays: {own}");
    // Each line of NDJSON is a document of its own.
    let lines = "{\"resourceType\":\"A\",\"text\":{\"div\":\"one\"},\"x\":1,\"y\":2}\n{\"resourceType\":\"A\",\"text\":{\"div\":\"two\"},\"x\":1}\n";
    let left = text("application/x-ndjson", lines, &["/0/x"]);
    assert!(!left.contains("one") && left.contains("two"), "{left}");
}

#[test]
fn the_running_text_of_a_resource_goes_with_any_of_its_fields() {
    let patient = r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div>Ada</div>"},"name":[{"family":"Ada"}],"gender":"female"}"#;
    let (left, count) = reduced("application/fhir+json", patient.as_bytes(), &["/name"]).unwrap();
    assert_eq!(String::from_utf8(left).unwrap(), r#"{"resourceType":"Patient","gender":"female"}"#);
    assert_eq!(count, 2);
    // Named by the person it counts once; and in a bundle only that of the resource that lost something goes.
    assert_eq!(reduced(JSON, patient.as_bytes(), &["/name", "/text"]).unwrap().1, 2);
    let bundle = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","text":"A","id":"1"}},{"resource":{"resourceType":"Patient","text":"B","id":"2"}}]}"#;
    assert_eq!(
        text(JSON, bundle, &["/entry/1/resource/id"]),
        r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","text":"A","id":"1"}},{"resource":{"resourceType":"Patient"}}]}"#
    );
    // What is no resource keeps a member of that name.
    assert_eq!(text(JSON, r#"{"text":"x","a":1,"b":2}"#, &["/a"]), r#"{"text":"x","b":2}"#);
}

#[test]
fn columns_go_whole() {
    let table = "date;\"who; why\";amount\r\n2026-11-01;\"Ada \"\"A\"\"\r\nB\";2,40\r\n\r\n2026-11-02;;1,20";
    assert_eq!(pointers(CSV, table), ["/date", "/who; why", "/amount"]);
    assert_eq!(text(CSV, table, &["/who; why"]), "date;amount\r\n2026-11-01;2,40\r\n\r\n2026-11-02;1,20");
    assert_eq!(text(CSV, table, &["/date", "/amount"]), "\"who; why\"\r\n\"Ada \"\"A\"\"\r\nB\"\r\n\r\n");
    let bare = "2026-11-01T10:00,61,a\n2026-11-01T10:05,64,b\n";
    assert_eq!(pointers(CSV, bare), ["/1", "/2", "/3"], "without a heading");
    assert_eq!(text(CSV, bare, &["/2"]), "2026-11-01T10:00,a\n2026-11-01T10:05,b\n");
    let declared = "sep=|\na|b\n1|2\n";
    assert_eq!(text(CSV, declared, &["/a"]), "sep=|\nb\n2\n");
}

/// The faults of what might have been made by anybody: each with a control beside it that is reduced.
#[test]
fn what_cannot_be_told_apart_is_refused() {
    let deep = format!("{{\"a\":1,\"b\":{}{}}}", "[".repeat(JSON_DEPTH + 2), "]".repeat(JSON_DEPTH + 2));
    let long = format!("{{\"a\":1,\"{}\":2}}", "k".repeat(NAME_BYTES + 1));
    let large = format!("{{\"a\":1,\"b\":\"{}\"}}", "x".repeat(REDUCED));
    let many = format!("{{\"a\":1,\"b\":[{}1]}}", "1,".repeat(crate::limits::JSON_VALUES));
    for (bytes, fault) in [
        (&b"{\"a\":1,\"b\":2}"[..], None),
        (deep.as_bytes(), Some("too-much")),
        (many.as_bytes(), Some("too-much")),
        (long.as_bytes(), Some("long-name")),
        (large.as_bytes(), Some("large")),
        (b"{\"a\":1,\"\\u0061\":2}", Some("named-twice")),
        (b"{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", Some("named-twice")),
        (b"{\"a\":1,\"b\":\"\xff\"}", Some("not-utf8")),
        (b"{\"a\":1,\"b\":2", Some("malformed")),
        (b"{\"a\":1,\"b\":2}{}", Some("malformed")),
        (b"{\"a\":1,}", Some("malformed")),
        (b"{\"b\":2}", Some("no-such-field")),
        (b"{\"a\":1}", Some("nothing-left")),
        (b"\"a\"", Some("no-such-field")),
        (b"", Some("malformed")),
    ] {
        let found = reduced(JSON, bytes, &["/a"]).err().map(|fault| fault.word());
        assert_eq!(found, fault, "{:?}", bytes.get(..40));
    }
    for (bytes, fault) in [
        (&b"a,b\n1,2\n"[..], None),
        (b"a,b\n1,2,3\n", Some("ragged")),
        (b"a,b\n1\n", Some("ragged")),
        (b"a,a\nx,y\n", Some("named-twice")),
        (b"a,b\n\"1,2\n", Some("malformed")),
        (b"a,b\n\"1\"x,2\n", Some("malformed")),
        (b"a,b\n1,2\"\n", Some("malformed")),
        (b"a,b\n1,\xe4\n", Some("not-utf8")),
        (b"b,c\nx,y\n", Some("no-such-field")),
        (b"a\nx\n", Some("nothing-left")),
    ] {
        let found = reduced(CSV, bytes, &["/a"]).err().map(|fault| fault.word());
        assert_eq!(found, fault, "{:?}", String::from_utf8_lossy(bytes));
    }
    for pointer in ["a", "/a~", "/a~2", "#/a"] {
        assert_eq!(reduced(JSON, b"{\"a\":1,\"b\":2}", &[pointer]).unwrap_err().word(), "no-pointer", "{pointer}");
    }
    assert_eq!(reduced(JSON, b"{\"a\":1}", &[""]).unwrap_err(), Fault::NothingLeft);
    let named = vec!["/a"; FIELDS_WITHHELD + 1];
    assert_eq!(reduced(JSON, b"{\"a\":1,\"b\":2}", &named).unwrap_err(), Fault::TooMany);
    for (content_type, bytes) in [("text/plain", &b"{\"a\":1}"[..]), ("", b"\x89PNG\r\n\x1a\n"), ("", b"Dear Ada")] {
        assert_eq!(fields(&source(content_type, bytes)), Err(Fault::NoFields));
    }
}

#[test]
fn more_fields_than_are_named_are_withheld_all_the_same() {
    let members: Vec<String> = (0..=FIELDS_NAMED).map(|number| format!("\"k{number}\":{number}")).collect();
    let document = format!("{{{}}}", members.join(","));
    let found = fields(&source(JSON, document.as_bytes())).unwrap();
    assert!(found.more && found.fields.len() == FIELDS_NAMED);
    let last = format!("/k{FIELDS_NAMED}");
    assert!(!text(JSON, &document, &[&last]).contains(&format!("\"k{FIELDS_NAMED}\"")));
}

#[test]
fn what_lies_in_another_is_counted_with_it() {
    let (left, count) = reduced(JSON, br#"{"a":{"b":1,"c":2},"a2":1,"d":3}"#, &["/a/b", "/a", "/a2", "/a"]).unwrap();
    assert_eq!((left.as_slice(), count), (&br#"{"d":3}"#[..], 2));
    assert!(outermost(Vec::new()).is_empty());
}

/// A document of which every value is found nowhere else in it.
fn document() -> impl Strategy<Value = Value> {
    let leaf = any::<u64>().prop_map(|number| json!(format!("<{number:020}>")));
    leaf.prop_recursive(4, 40, 5, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map("[a-d~/ü\"\\\\]{0,3}", inside, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn all_pointers(value: &Value, above: &str, found: &mut Vec<String>) {
    let mut note = |name: &str, value: &Value| {
        let pointer = format!("{above}/{}", name.replace('~', "~0").replace('/', "~1"));
        all_pointers(value, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| note(&at.to_string(), item)),
        Value::Object(members) => members.iter().for_each(|(name, value)| note(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// As another would do it: on the tree, and not on the bytes.
fn naive(value: &Value, above: &str, withheld: &[String]) -> Option<Value> {
    if withheld.iter().any(|pointer| pointer == above) {
        return None;
    }
    let at = |name: &str| format!("{above}/{}", name.replace('~', "~0").replace('/', "~1"));
    Some(match value {
        Value::Array(items) => {
            (0..).zip(items).filter_map(|(place, item)| naive(item, &at(&i32::to_string(&place)), withheld)).collect()
        }
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter_map(|(name, value)| naive(value, &at(name), withheld).map(|value| (name.clone(), value)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    })
}

fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(members) => members.values().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            value.as_str().map(str::to_owned).into_iter().collect()
        }
    }
}

proptest! {
    #[test]
    fn t061_no_withheld_value_is_left_and_all_else_is_as_it_was(
        value in document(),
        chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        pretty: bool,
    ) {
        let mut known = Vec::new();
        all_pointers(&value, "", &mut known);
        prop_assume!(!known.is_empty());
        let withheld: Vec<String> = chosen.iter().map(|index| index.get(&known).clone()).collect();
        let bytes = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let names: Vec<&str> = withheld.iter().map(String::as_str).collect();
        match reduced(JSON, &bytes, &names) {
            Ok((left, _)) => {
                let expected = naive(&value, "", &withheld).unwrap();
                prop_assert_eq!(serde_json::from_slice::<Value>(&left).unwrap(), expected.clone());
                let kept = leaves(&expected);
                let left = String::from_utf8(left).unwrap();
                for gone in leaves(&value) {
                    // Positive control: what was not withheld is there, and found by the same search.
                    prop_assert_eq!(left.contains(&gone), kept.contains(&gone));
                }
            }
            Err(fault) => {
                prop_assert_eq!(fault, Fault::NothingLeft);
                let left = naive(&value, "", &withheld).unwrap();
                prop_assert!(left.as_object().is_some_and(serde_json::Map::is_empty) || left == Value::Array(Vec::new()));
            }
        }
    }

    #[test]
    fn t061_no_withheld_cell_is_left_and_all_others_are_as_they_were(
        cells in prop::collection::vec(prop::collection::vec("[a-z,\"\n]{0,4}", 4), 1..6),
        chosen in prop::collection::btree_set(0_usize..4, 1..4),
    ) {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut written = String::from("k0,k1,k2,k3\n");
        for (row, line) in cells.iter().enumerate() {
            let line: Vec<String> =
                line.iter().enumerate().map(|(at, cell)| quoted(&format!("<{row}.{at}>{cell}"))).collect();
            written.push_str(&line.join(","));
            written.push('\n');
        }
        let names: Vec<String> = chosen.iter().map(|at| format!("/k{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let left = text(CSV, &written, &names);
        let mut expected = String::new();
        let kept: Vec<usize> = (0..4).filter(|at| !chosen.contains(at)).collect();
        expected.push_str(&kept.iter().map(|at| format!("k{at}")).collect::<Vec<_>>().join(","));
        expected.push('\n');
        for (row, line) in cells.iter().enumerate() {
            let line: Vec<String> = kept.iter().map(|at| quoted(&format!("<{row}.{at}>{}", line[*at]))).collect();
            expected.push_str(&line.join(","));
            expected.push('\n');
        }
        prop_assert_eq!(left, expected);
    }

    #[test]
    fn whatever_comes_there_is_an_answer(bytes: Vec<u8>, pointer in "/?[a-z*0-9~/]{0,6}", json: bool) {
        let content_type = if json { JSON } else { CSV };
        let found = reduce(&source(content_type, &bytes), &[pointer]);
        let cuts: Vec<Range<usize>> = found.map(|reduction| reduction.cuts).unwrap_or_default();
        prop_assert!(without(&bytes, &cuts).len() <= bytes.len());
        let _ = fields(&source(content_type, &bytes));
    }
}
