//! The house: manifests, tests and the repository as a whole.

use super::{Problem, Tree};

/// The attacks that this release must withstand, each by a test that carries its number, stand in these lines of the page.
const ROWS: &str = "docs/threat-model.md";
const ROW: &str = "| `t";
/// Rows are never taken away, so a page with fewer was not read.
const LEAST_ROWS: usize = 50;

/// Every crate forbids unsafe code at its root.
pub(super) fn unsafe_code(tree: &Tree) -> Vec<Problem> {
    let is_root = |path: &str| {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        matches!(file, "lib.rs" | "main.rs") && (folder == "src" || folder.ends_with("/src"))
    };
    let roots = tree.below("", ".rs").filter(|(path, _)| is_root(path));
    roots
        .filter(|(_, text)| !text.contains("#![forbid(unsafe_code)]"))
        .map(|(path, _)| Problem::new(path, "does not say `#![forbid(unsafe_code)]`"))
        .collect()
}

/// Settings on which other invariants rest.
pub(super) fn manifests(tree: &Tree) -> Vec<Problem> {
    let wanted: [(&str, &str, &str); 5] = [
        ("Cargo.toml", "default-members = [\".\"]", "Trunk builds the default members for wasm32"),
        (
            "Cargo.toml",
            "js-sys = { version = \"0.3\", default-features = false",
            "its default features need `unsafe-eval`",
        ),
        ("Cargo.toml", "unsafe_code = \"deny\"", "the lint table denies unsafe code"),
        ("Trunk.toml", "inject_scripts = false", "Trunk's own script is inline"),
        ("Trunk.toml", "locked = true", "a build takes the versions of Cargo.lock"),
    ];
    wanted
        .into_iter()
        .filter(|(path, line, _)| !tree.get(path).is_some_and(|text| text.contains(line)))
        .map(|(path, line, why)| Problem::new(path, format!("`{line}` is missing: {why}")))
        .collect()
}

/// Tests in which time itself is what is tested, or that look again and again until something is there.
const IN_REAL_TIME: [(&str, &str); 6] = [
    ("crates/glimpse-server/tests/it/slow.rs", "a peer that is slow on a real socket"),
    ("crates/glimpse-server/src/pace.rs", "a peer that is slow on a real socket"),
    ("crates/glimpse-server/benches/agents.rs", "requests are due at even times"),
    ("crates/glimpse-server/benches/program/mod.rs", "a server is asked again until it is there"),
    ("e2e/src/wait.rs", "the pause between two looks, for all whole-system tests"),
    ("e2e/peers/test_viewer.py", "the pause between two looks at a starting server"),
];

/// A test that is left out, or that waits for the clock, proves nothing or proves it slowly.
pub(super) fn honest_tests(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let ours = |path: &str| path.ends_with(".rs") && !path.starts_with("xtask/");
    for (path, text) in tree.files.iter().filter(|(path, _)| ours(path)) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("#[ignore") || line.starts_with("#[should_panic") {
                problems.push(Problem::new(format!("{path}:{}", index.saturating_add(1)), format!("`{line}`")));
            }
        }
    }
    let mut excused = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| !path.starts_with("xtask/")) {
        let Some(tested) = test_code(path, text) else { continue };
        for (index, line) in text.lines().enumerate().skip(tested) {
            let comment = line.trim_start().starts_with("//") || line.trim_start().starts_with('#');
            if comment
                || !["time::sleep", "thread::sleep", "time.sleep(", "TimeoutFuture"]
                    .iter()
                    .any(|word| line.contains(word))
            {
                continue;
            }
            if IN_REAL_TIME.iter().any(|(exception, _)| exception == path) {
                excused.push(path.as_str());
            } else {
                problems.push(Problem::new(format!("{path}:{}", index.saturating_add(1)), "a test sleeps"));
            }
        }
    }
    for (path, why) in IN_REAL_TIME {
        if tree.get(path).is_some() && !excused.contains(&path) {
            problems.push(Problem::new(path, format!("does not sleep, and is excused for it: {why}")));
        }
    }
    problems
}

/// How many lines of a file come before its tests; nothing when it has none. All of `e2e/` is there for tests.
fn test_code(path: &str, text: &str) -> Option<usize> {
    let (_, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name.rsplit_once('.') {
        Some((_, "rs")) if super::is_test(path) || path.starts_with("e2e/") => Some(0),
        Some((_, "rs")) => text.lines().position(|line| line.starts_with("#[cfg(test)]")),
        Some((stem, "py")) => (stem.starts_with("test_") || stem.starts_with("check_")).then_some(0),
        _ => None,
    }
}

/// Nothing names a folder outside the repository, or of one machine.
pub(super) fn stands_alone(tree: &Tree) -> Vec<Problem> {
    // In pieces, so that this file does not find itself.
    let outside =
        [concat!("../", "shared"), concat!("/work/", "main"), concat!("/work/", "shared"), concat!("/root/", ".cargo")];
    let mut problems = Vec::new();
    for (path, text) in &tree.files {
        for (index, line) in text.lines().enumerate() {
            if let Some(word) = outside.iter().find(|word| line.contains(**word)) {
                problems.push(Problem::new(format!("{path}:{}", index.saturating_add(1)), format!("names {word}")));
            }
        }
    }
    problems
}

/// Rows of the attacks for which no test carries the number.
pub(super) fn rows_have_tests(tree: &Tree) -> Vec<Problem> {
    let page = tree.get(ROWS).unwrap_or_default();
    let rows: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix(ROW)?.split_once('`')).map(|(number, _)| number).collect();
    let mut problems = Vec::new();
    if rows.len() < LEAST_ROWS {
        problems.push(Problem::new(ROWS, format!("has {} rows: have they moved?", rows.len())));
    }
    let tested = |row: &str| {
        let (rust, script) = (format!("fn t{row}_"), format!("t{row}_"));
        tree.files.iter().any(|(path, text)| match path.rsplit_once('.') {
            Some((_, "rs")) => text.contains(&rust),
            Some((_, "py" | "mjs")) => text.contains(&script),
            _ => false,
        })
    };
    let untested = rows.into_iter().filter(|row| !tested(row));
    problems.extend(untested.map(|row| Problem::new(ROWS, format!("no test is called t{row}_…"))));
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn a_crate_that_allows_unsafe_code_is_found() {
        let fine = ("crates/a/src/lib.rs", "//! a\n#![forbid(unsafe_code)]\n");
        assert_eq!(unsafe_code(&tree(&[fine, ("crates/a/src/b.rs", "")])), []);
        assert_eq!(unsafe_code(&tree(&[fine, ("src/lib.rs", "//! a\n")])).len(), 1);
        assert_eq!(unsafe_code(&tree(&[fine, ("xtask/src/main.rs", "//! a\n")])).len(), 1);
    }

    #[test]
    fn a_changed_manifest_is_found() {
        let cargo = "default-members = [\".\"]\njs-sys = { version = \"0.3\", default-features = false }\nunsafe_code = \"deny\"";
        let trunk = "inject_scripts = false\nlocked = true\n";
        assert_eq!(manifests(&tree(&[("Cargo.toml", cargo), ("Trunk.toml", trunk)])), []);
        for (cargo, trunk) in [
            (cargo.replace("[\".\"]", "[\".\", \"xtask\"]"), trunk.to_owned()),
            (cargo.to_owned(), trunk.replace("false", "true")),
        ] {
            assert_eq!(manifests(&tree(&[("Cargo.toml", &cargo), ("Trunk.toml", &trunk)])).len(), 1);
        }
    }

    #[test]
    fn a_test_that_is_left_out_is_found() {
        assert_eq!(honest_tests(&tree(&[("crates/a/src/lib.rs", "    #[ignore = \"slow\"]\n")])).len(), 1);
        assert_eq!(honest_tests(&tree(&[("e2e/tests/a.rs", "#[should_panic]\n")])).len(), 1);
        assert_eq!(honest_tests(&tree(&[("e2e/tests/a.rs", "#[test]\n")])), []);
    }

    #[test]
    fn a_test_that_sleeps_is_found() {
        let nap = "    tokio::time::sleep(Duration::from_secs(1)).await;\n";
        let unit = format!("fn wait() {{\n{nap}}}\n#[cfg(test)]\nmod tests {{\n");
        for (path, text, found) in [
            ("crates/a/tests/it/b.rs", nap, 1),
            ("e2e/src/device.rs", nap, 1),
            ("crates/a/src/b/tests.rs", "use std::thread::sleep;\n", 1),
            ("crates/a/src/b.rs", nap, 0),
            ("crates/a/src/b.rs", &unit, 0),
            ("crates/a/src/b.rs", &format!("{unit}{nap}}}\n"), 1),
            ("e2e/peers/test_a.py", "        time.sleep(1)\n", 1),
            ("e2e/peers/server.py", "        time.sleep(1)\n", 0),
            ("crates/a/tests/it/b.rs", "    // no thread::sleep here\n", 0),
            ("e2e/src/wait.rs", nap, 0),
            ("e2e/src/wait.rs", "fn until() {}\n", 1),
        ] {
            assert_eq!(honest_tests(&tree(&[(path, text)])).len(), found, "{path}: {text}");
        }
    }

    #[test]
    fn a_path_out_of_the_repository_is_found() {
        assert_eq!(stands_alone(&tree(&[("docs/a.md", concat!("see ../", "shared/DESIGN.md"))])).len(), 1);
        assert_eq!(stands_alone(&tree(&[("docs/a.md", "see ../docs/shared.md")])), []);
    }

    #[test]
    fn a_row_without_a_test_is_found() {
        let numbers = 1..=60;
        let page: String = numbers.clone().map(|row| format!("| `t{row:03}` | attack | S | stopped |\n")).collect();
        let all: String = numbers.map(|row| format!("fn t{row:03}_x() {{}}\n")).collect();
        let page = (ROWS, page.as_str());
        assert_eq!(rows_have_tests(&tree(&[page, ("e2e/tests/a.rs", &all)])), []);
        let without = rows_have_tests(&tree(&[page, ("e2e/tests/a.rs", &all.replace("fn t038_", "fn u038_"))]));
        assert_eq!(without, [Problem::new(ROWS, "no test is called t038_…")]);
        assert_eq!(rows_have_tests(&tree(&[page, ("docs/a.md", &all)])).len(), 60, "a mention is not a test");
        assert_eq!(rows_have_tests(&tree(&[("e2e/tests/a.rs", &all)])).len(), 1, "no page has not passed");
    }
}
