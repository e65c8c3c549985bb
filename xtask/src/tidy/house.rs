//! The house: manifests, tests and the repository as a whole.

use super::{Problem, Tree};

/// The attacks that this release must withstand, each by a test that carries its number (`docs/threat-model.md`).
const ROWS: &[u32] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 38, 39, 41, 45, 47, 59, 60, 61, 62, 66, 67, 68,
    70, 73, 74, 76, 77, 78, 79, 80, 81, 82, 83, 84, 86, 87, 88, 89, 90, 91, 92, 102, 103, 104, 105, 107,
];

/// Every crate forbids unsafe code at its root.
pub(super) fn unsafe_code(tree: &Tree) -> Vec<Problem> {
    let is_root = |path: &str| {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        matches!(file, "lib.rs" | "main.rs") && (folder == "src" || folder.ends_with("/src"))
    };
    let roots = tree.below("", ".rs").filter(|(path, _)| is_root(path) && !path.starts_with("weak/"));
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

/// A test that is left out, or that waits for the clock, proves nothing or proves it slowly.
pub(super) fn honest_tests(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.below("", ".rs").filter(|(path, _)| !path.starts_with("xtask/")) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("#[ignore") || line.starts_with("#[should_panic") {
                problems.push(Problem::new(format!("{path}:{}", index.saturating_add(1)), format!("`{line}`")));
            }
        }
    }
    problems
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

/// Every dependency is one of crates.io with the checksum of its bytes, and every build takes the versions of Cargo.lock.
pub(super) fn pinned_dependencies(tree: &Tree) -> Vec<Problem> {
    const CRATES_IO: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let lock = tree.get("Cargo.lock").unwrap_or_default();
    let mut problems = Vec::new();
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    if packages.len() < 2 {
        problems.push(Problem::new("Cargo.lock", "lists no packages"));
    }
    for package in packages {
        let name = package.lines().find_map(|line| line.strip_prefix("name = ")).unwrap_or("a package");
        let from_elsewhere = package.contains("source = ") && !package.contains(CRATES_IO);
        let unchecked = package.contains("source = ") && !package.contains("checksum = ");
        if from_elsewhere || unchecked {
            problems.push(Problem::new("Cargo.lock", format!("{name} is not pinned to bytes of crates.io")));
        }
    }
    for (path, text) in tree.below("xtask/src/", ".rs").chain(tree.below(".ci/", "")) {
        for (number, line) in super::code(text) {
            let builds = ["\"test\", \"", "\"clippy\", \"", "\"build\", \"--workspace", "\"fetch\""]
                .iter()
                .any(|call| line.contains(call));
            if builds
                && line.contains(".args([")
                && !line.contains("--locked")
                && !line.contains("[\"build\", \"--quiet\"]")
            {
                problems.push(Problem::new(format!("{path}:{number}"), "cargo is called without --locked"));
            }
        }
    }
    problems
}

/// Rows of the attacks for which no test carries the number.
pub(super) fn rows_without_a_test(tree: &Tree) -> Vec<u32> {
    let tested = |row: &u32| {
        let (rust, script) = (format!("fn t{row:03}_"), format!("t{row:03}_"));
        tree.files.iter().any(|(path, text)| match path.rsplit_once('.') {
            Some((_, "rs")) => text.contains(&rust),
            Some((_, "py" | "mjs")) => text.contains(&script),
            _ => false,
        })
    };
    ROWS.iter().copied().filter(|row| !tested(row)).collect()
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
    fn a_path_out_of_the_repository_is_found() {
        assert_eq!(stands_alone(&tree(&[("docs/a.md", concat!("see ../", "shared/DESIGN.md"))])).len(), 1);
        assert_eq!(stands_alone(&tree(&[("docs/a.md", "see ../docs/shared.md")])), []);
    }

    #[test]
    fn t086_a_swapped_dependency_is_found() {
        let own = "[[package]]\nname = \"xtask\"\nversion = \"0.1.0\"\n";
        let fine = "[[package]]\nname = \"a\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"00\"\n";
        let lock = |second: &str| pinned_dependencies(&tree(&[("Cargo.lock", &format!("{own}{second}"))])).len();
        assert_eq!(lock(fine), 0);
        assert_eq!(
            lock(&fine.replace("registry+https://github.com/rust-lang/crates.io-index", "git+https://x.example/a")),
            1
        );
        assert_eq!(lock(&fine.replace("checksum = \"00\"\n", "")), 1);
        assert_eq!(pinned_dependencies(&tree(&[])).len(), 1, "no lock file has not passed");
        let loose = "cargo.args([\"test\", \"--workspace\"]);";
        let call = |line: &str| {
            pinned_dependencies(&tree(&[("Cargo.lock", &format!("{own}{fine}")), ("xtask/src/a.rs", line)])).len()
        };
        assert_eq!((call(loose), call(&loose.replace("workspace", "locked"))), (1, 0));
    }

    #[test]
    fn a_row_without_a_test_is_found() {
        let all: String = ROWS.iter().map(|row| format!("fn t{row:03}_x() {{}}\n")).collect();
        assert!(rows_without_a_test(&tree(&[("e2e/tests/a.rs", &all)])).is_empty());
        assert_eq!(rows_without_a_test(&tree(&[("e2e/tests/a.rs", &all.replace("fn t038_", "fn u038_"))])), [38]);
        assert_eq!(rows_without_a_test(&tree(&[("docs/a.md", &all)])).len(), ROWS.len(), "a mention is not a test");
    }
}
