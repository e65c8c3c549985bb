use super::*;
use proptest::prelude::*;

fn cells(text: &str) -> Vec<Vec<String>> {
    let plan = plan(text, true).unwrap();
    let read = read(text, &plan, &mut Visible::default());
    read.table
        .rows
        .iter()
        .map(|row| {
            row.iter().map(|cell| if let Words::Data(text) = cell { text.clone() } else { "?".into() }).collect()
        })
        .collect()
}

fn keys_of(text: &str) -> Vec<&'static str> {
    let plan = plan(text, true).unwrap();
    read(text, &plan, &mut Visible::default()).notices.iter().map(|notice| notice.key).collect()
}

#[test]
fn quotes_line_ends_and_delimiters() {
    assert_eq!(cells("a,b\r\n\"x, \"\"y\"\"\",\"two\nlines\"\r\n\r\n1,2"), [["x, \"y\"", "two\nlines"], ["1", "2"]]);
    assert_eq!(cells("a;b\n1,5;2,5\n3,5;4\n"), [["1,5", "2,5"], ["3,5", "4"]]);
    assert_eq!(cells("a\tb\n1\t2\n"), [["1", "2"]]);
    assert_eq!(cells("sep=|\na|b\n1|2\n"), [["1", "2"]]);
    assert_eq!(cells("1,2\n3,4\n"), [["1", "2"], ["3", "4"]]);
}

#[test]
fn ragged_rows_are_said_and_filled() {
    let text = "a,b,c\n1,2,3\n1\n1,2,3\n1,2,3,4\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n";
    let rows = cells(text);
    assert_eq!(rows[1], ["1", "", "", ""]);
    let plan = plan(text, true).unwrap();
    let notices = read(text, &plan, &mut Visible::default()).notices;
    assert_eq!(notices, [Message::new(keys::NOTICE_RAGGED).with("count", 2_usize)]);
    assert!(keys_of("a,b\n1,2\n").is_empty());
}

#[test]
fn long_tables_are_cut_with_a_word() {
    let text = "a,b\n".to_owned() + &"1,2\n".repeat(100_000);
    let plan = plan(&text, true).unwrap();
    let read = read(&text, &plan, &mut Visible::default());
    assert_eq!((read.table.rows.len(), read.table.total_rows), (ROWS_SHOWN, 100_000));
    assert_eq!(read.notices[0].key, keys::NOTICE_ROWS_CUT);
}

#[test]
fn wide_tables_and_huge_cells_are_cut_with_a_word() {
    let wide = vec!["x"; 1000].join(",") + "\n" + &vec!["1"; 1000].join(",") + "\n";
    assert!(keys_of(&wide).contains(&keys::NOTICE_COLUMNS_CUT));
    let too_wide = vec!["x"; 10_000].join(",");
    assert!(keys_of(&format!("a,b\n1,2\n{too_wide}\n")).contains(&keys::NOTICE_ROW_TOO_LONG));
    let unclosed = format!("a,b\n1,2\n\"{}", "y\n".repeat(ROW_BYTES));
    assert!(keys_of(&unclosed).contains(&keys::NOTICE_ROW_TOO_LONG));
    let mut visible = Visible::default();
    let huge = format!("a,b\n1,{}\n", "z".repeat(100_000));
    read(&huge, &plan(&huge, true).unwrap(), &mut visible);
    assert_eq!(visible.shortened, 1);
}

#[test]
fn times_and_values_make_series_with_units() {
    let text = "Zeit;Puls (bpm);Quelle\n09.11.2026 07:00;61,5;Uhr\n09.11.2026 07:05;63;Uhr\n09.11.2026 07:10;;Uhr\n09.11.2026 07:15;nix;Uhr\n09.11.2026 07:20;64;Uhr\n09.11.2026 07:25;64;Uhr\n09.11.2026 07:30;64;Uhr\n";
    let plan = plan(text, true).unwrap();
    assert!(plan.is_series());
    let read = read(text, &plan, &mut Visible::default());
    assert_eq!(read.tracks.dropped, 1);
    let charts = read.tracks.charts();
    assert_eq!((charts[0].unit.as_str(), charts[0].min, charts[0].series[0].count), ("bpm", 61.5, 5));
    assert!(charts[0].floating);
}

#[test]
fn seconds_since_1970_are_times_where_the_heading_says_so() {
    assert!(plan("timestamp,value\n1794209400,1\n1794209460,2\n", true).unwrap().is_series());
    assert!(!plan("number,value\n1794209400,1\n1794209460,2\n", true).unwrap().is_series());
}

#[test]
fn books_and_lists_are_no_series() {
    assert!(
        !plan("date,item,shop,amount\n2026-11-01,bread,baker,2.40\n2026-11-02,milk,market,1.20\n", true)
            .unwrap()
            .is_series()
    );
    assert!(!plan("name,age\nAnna,4\nBen,7\n", true).unwrap().is_series());
}

#[test]
fn numbers_are_what_a_person_would_call_so() {
    for (cell, comma, expected) in [
        ("1.5", false, Some(1.5)),
        ("1,5", true, Some(1.5)),
        ("1,5", false, None),
        (" −3 ", false, Some(-3.0)),
        ("+4", false, Some(4.0)),
        ("1e3", false, Some(1000.0)),
        ("inf", false, None),
        ("nan", false, None),
        ("1e999", false, None),
        (".", false, None),
        ("", false, None),
        ("12 kg", false, None),
    ] {
        assert_eq!(number(cell, comma), expected, "{cell}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_table_or_not(text in "[a-c0-9,;|\t\"\n\r.\\- ü]{0,300}", named: bool) {
        if let Some(plan) = plan(&text, named) {
            let read = read(&text, &plan, &mut Visible::default());
            prop_assert!(read.table.rows.iter().all(|row| row.len() == read.table.columns.len()));
            read.tracks.charts();
        }
    }

    /// What is written with quotes comes back as it was.
    #[test]
    fn cells_survive(rows in prop::collection::vec(prop::collection::vec("[a-z,;\"\n ü]{1,8}", 3), 1..20)) {
        let text: String = std::iter::once("one,two,three\n".to_owned())
            .chain(rows.iter().map(|row| row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\n"))
            .collect();
        let mut found = Vec::new();
        records(&text, b',', |_, record| {
            found.push(record.cells().map(str::to_owned).collect::<Vec<_>>());
            ControlFlow::Continue(())
        });
        prop_assert_eq!(&found[1..], &rows[..]);
    }
}
