//! `cargo xtask soak`: tests that run small volumes every time, at their full volumes.

use std::path::Path;

use anyhow::{Result, bail};

use crate::run::{Count, check, counted};
use crate::test::cargo;
use crate::{page, tools};

/// Packages, and the tests in them that read `GLIMPSE_SOAK`.
const TESTS: [(&str, &[&str]); 3] = [
    (
        "glimpse-core",
        &[
            "t004_a_server_has_two_guesses",
            "t013_neither_the_code_nor_anything_computed_from_it_leaves_an_end",
            "t016_secrets_are_uniform",
            "t075_coefficients_are_uniform_zero_among_them",
            "t075_fewer_shares_than_it_takes_tell_nothing_of_a_byte",
        ],
    ),
    (
        "glimpse-server",
        &[
            "t096_a_killed_server_loses_no_record",
            "t101_a_thousand_bogus_mailboxes_and_claims_and_an_honest_pairing_works",
        ],
    ),
    ("e2e", &["t091_a_fault_at_any_call_is_told_and_leaves_no_broken_instance"]),
];

/// Packages with properties, and how many cases each property gets.
const PROPERTIES: [&str; 4] = ["glimpse-wire", "glimpse-core", "glimpse-content", "glimpse-device"];
const CASES: &str = "20000";

/// Runs them, one package after the other, also after a failure.
///
/// # Errors
///
/// Fails when one of them fails, or a test that has a full volume did not run.
pub(crate) fn run(root: &Path) -> Result<()> {
    println!("cargo xtask soak: full volumes; an hour and more");
    tools::for_page(root)?;
    tools::for_browser(root)?;
    page::build(root)?;
    check(cargo(root).args(["build", "--workspace", "--bins", "--locked", "--quiet"]))?;
    let mut total = Count::default();
    let mut failures = Vec::new();
    for (package, tests) in TESTS {
        println!("\n== {package}: {}", tests.join(", "));
        // `cargo test`, because nextest would end what takes long.
        let mut test = cargo(root);
        test.args(["test", "--locked", "-p", package, "--lib", "--tests", "--"]).args(tests);
        let outcome = counted(test.env("GLIMPSE_SOAK", "1"))?;
        total = total.plus(outcome.count);
        failures.extend(not_passed(tests, &outcome.passed).into_iter().map(|test| format!("{package}: {test}")));
    }
    for package in PROPERTIES {
        println!("\n== {package}: {CASES} cases of each property");
        let mut test = cargo(root);
        test.args(["test", "--locked", "--quiet", "-p", package, "--lib", "--tests"]);
        let outcome = counted(test.env("PROPTEST_CASES", CASES))?;
        total = total.plus(outcome.count);
        if !outcome.success {
            failures.push(format!("{package}: properties"));
        }
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    if !failures.is_empty() {
        bail!("failed, or did not run: {}", failures.join("; "));
    }
    Ok(())
}

/// The named tests that are not among those that passed.
fn not_passed<'a>(named: &[&'a str], passed: &[String]) -> Vec<&'a str> {
    let ran =
        |name: &str| passed.iter().any(|test| test.rsplit("::").next().is_some_and(|test| test.starts_with(name)));
    named.iter().copied().filter(|name| !ran(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_did_not_run_is_found() {
        let passed =
            ["pairing::t004_a_server_has_two_guesses", "code::tests::t016_secrets_are_uniform"].map(str::to_owned);
        assert_eq!(not_passed(&["t004_a_server", "t016_secrets_are_uniform"], &passed), Vec::<&str>::new());
        assert_eq!(not_passed(&["t004_a_server", "t001_a_recorded"], &passed), ["t001_a_recorded"]);
    }

    /// Each test of the list is there, and reads `GLIMPSE_SOAK`, itself or through core's `volume`.
    #[test]
    fn the_list_names_tests_that_are_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut sources = String::new();
        read(root, &mut sources);
        for (_, tests) in TESTS {
            for test in tests {
                let (_, body) = sources.split_once(&format!("fn {test}")).unwrap_or_else(|| panic!("{test} is gone"));
                let body = body.split("\n}\n").next().unwrap();
                assert!(body.contains("volume(") || body.contains("GLIMPSE_SOAK"), "{test} has no full volume");
            }
        }
    }

    fn read(folder: &Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() && !["target", ".git", ".venv", "dist"].contains(&name.as_str()) {
                read(&path, into);
            } else if name.ends_with(".rs") && name != "soak.rs" {
                into.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
}
