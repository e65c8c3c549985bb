//! The sample record is what its README says, and every file of it that can be shown displays without a word of warning.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "functions of a test, which reads the sample files"
)]

use std::fs;
use std::path::Path;

use glimpse_content::view::{Block, ContentView, Style};
use glimpse_content::{Kind, Source, detect, keys, view};

fn read(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)).expect(name)
}

fn shown(name: &str) -> ContentView {
    let bytes = read(name);
    let found = detect(name, &bytes);
    let view = view(&Source { content_type: found.content_type, title: name, bytes: &bytes });
    assert_eq!(view.kind, found.kind, "{name}");
    // A file of no kind that can be shown says that it can be saved, and nothing else.
    let said: &[&str] = if view.kind == Kind::File { &[keys::NOTICE_NOT_SHOWN] } else { &[] };
    assert_eq!(view.notices.iter().map(|notice| notice.key).collect::<Vec<_>>(), said, "{name}");
    view
}

fn blocks(view: &ContentView) -> Vec<&'static str> {
    let name = |block: &Block| match block {
        Block::Text(_) => "text",
        Block::Tree(_) => "tree",
        Block::Table(_) => "table",
        Block::Chart(_) => "chart",
        Block::Fields(fields) if fields.folded => "folded",
        Block::Fields(_) => "fields",
        Block::Image => "image",
        Block::Pdf => "pdf",
        Block::Download => "download",
    };
    view.blocks.iter().map(name).collect()
}

#[test]
fn the_readme_names_every_file_with_its_kind() {
    let readme = String::from_utf8(read("README.md")).unwrap();
    let mut named = Vec::new();
    for row in readme.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        assert_eq!(shown(name).kind.as_str(), cells[2], "{name}");
        named.push(name.to_owned());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // Folders are whole pages for developers, and no records.
        let is_named = match entry.file_type().unwrap().is_dir() {
            true => readme.contains(&format!("`{name}/`")),
            false => ["README.md", "make.py"].contains(&name.as_str()) || named.contains(&name),
        };
        assert!(is_named, "{name} is not in the README");
    }
}

#[test]
fn each_file_has_the_view_it_is_there_for() {
    assert_eq!(blocks(&shown("heart-rate.csv")), ["chart", "table"]);
    assert_eq!(blocks(&shown("steps.json")), ["chart", "table"]);
    assert_eq!(blocks(&shown("sleep.json")), ["chart", "chart", "chart", "table"]);
    assert_eq!(blocks(&shown("patient.json")), ["fields"]);
    assert_eq!(blocks(&shown("expenses.csv")), ["table"]);
    assert_eq!(blocks(&shown("letter.pdf")), ["pdf"]);
    assert_eq!(blocks(&shown("photo.jpg")), ["image"]);
    assert_eq!(blocks(&shown("plan.json")), ["tree"]);
    assert_eq!(blocks(&shown("ecg.edf")), ["download"]);
    assert_eq!(blocks(&shown("note.txt")), ["text"]);
    let labs = shown("lab-results.json");
    let expected = [vec!["fields"], vec!["chart"; 6], vec!["table"], vec!["folded"; 30]].concat();
    assert_eq!(blocks(&labs), expected);
}

#[test]
fn the_week_is_whole() {
    let chart = |name: &str| {
        let view = shown(name);
        view.blocks
            .into_iter()
            .find_map(|block| if let Block::Chart(chart) = block { Some(chart) } else { None })
            .expect(name)
    };
    let heart = chart("heart-rate.csv");
    assert_eq!((heart.unit.as_str(), heart.series[0].style, heart.series[0].count), ("bpm", Style::Line, 1974));
    assert!(heart.min > 40.0 && heart.max < 180.0);
    // The line breaks while the watch charges for half an hour, and nowhere else.
    let breaks = heart.series[0].points.windows(2).filter(|pair| pair[1].x - pair[0].x > heart.series[0].gap).count();
    assert_eq!(breaks, 7);
    let steps = chart("steps.json");
    assert_eq!((steps.unit.as_str(), steps.series[0].style), ("steps", Style::Bars));
}
