//! What reading costs: the Worker has the record, the keys and one view in the same memory.
#![expect(clippy::expect_used, reason = "functions of a test")]

use std::fmt::Write;

use glimpse_content::{Kind, Source, view};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const FIVE: usize = 5 * 1024 * 1024;

/// A week and more of a watch, one row a second.
fn table() -> String {
    let mut text = "time,Heart rate (bpm),Steps\n".to_owned();
    let mut second = 0_u32;
    while text.len() < FIVE {
        writeln!(text, "{},{},{}", second.wrapping_add(1_794_200_000), second % 40, second % 3)
            .expect("a string grows");
        second = second.wrapping_add(1);
    }
    text
}

/// Years of laboratory values.
fn bundle() -> String {
    let mut text = r#"{"resourceType":"Bundle","entry":["#.to_owned();
    let mut day = 0_u32;
    while text.len() < FIVE {
        let comma = if day == 0 { "" } else { "," };
        let (year, month, date) = (day % 100, (day % 12).wrapping_add(1), (day % 28).wrapping_add(1));
        write!(
            text,
            r#"{comma}{{"resource":{{"resourceType":"Observation","id":"o{day}","status":"final","code":{{"coding":[{{"system":"http://loinc.org",
            "code":"{}"}}]}},"effectiveDateTime":"20{year:02}-{month:02}-{date:02}","valueQuantity":{{"value":{}.50,"unit":"mmol/L"}}}}}}"#,
            day % 20,
            day % 9
        )
        .expect("a string grows");
        day = day.wrapping_add(1);
    }
    text.push_str("]}");
    text
}

/// The most memory that reading takes beside the record itself, and the kind that was found.
fn cost(content_type: &str, text: &str) -> (usize, Kind) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let view = view(&Source { content_type, title: "", bytes: text.as_bytes() });
    (MEMORY.peak_usage().saturating_sub(before), view.kind)
}

/// One test, because a second one beside it would be measured too.
#[test]
fn reading_takes_a_small_multiple_of_the_record() {
    let (series, kind) = cost("text/csv", &table());
    assert_eq!(kind, Kind::Series);
    assert!(series < 10 * FIVE, "{series}");
    let (fhir, kind) = cost("application/fhir+json", &bundle());
    assert_eq!(kind, Kind::Fhir);
    assert!(fhir < 10 * FIVE, "{fhir}");
    // The measure measures: a text that is copied costs at least itself.
    let (plain, _) = cost("text/plain", &"word ".repeat(100_000));
    assert!(plain >= 500_000, "{plain}");
}
