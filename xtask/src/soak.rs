//! `cargo xtask soak`: tests that run small volumes every time, at their full volumes.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::run::{Count, command, counted};

/// Packages, and the tests in them that read `GLIMPSE_SOAK`.
const TESTS: [(&str, &[&str]); 2] = [
    (
        "glimpse-core",
        &["t004_a_server_has_two_guesses", "t013_neither_the_code_nor_anything", "t016_secrets_are_uniform"],
    ),
    ("glimpse-server", &["t096_a_killed_server_loses_no_record"]),
];

/// Packages with properties, and how many cases each property gets.
const PROPERTIES: [&str; 4] = ["glimpse-wire", "glimpse-core", "glimpse-content", "glimpse-device"];
const CASES: &str = "20000";

/// Runs them, one package after the other.
///
/// # Errors
///
/// Fails when one of them fails, or a test that has a full volume did not run.
pub(crate) fn run(root: &Path) -> Result<()> {
    println!("cargo xtask soak: full volumes; an hour and more");
    let mut total = Count::default();
    for (package, tests) in TESTS {
        println!("\n== {package}: {}", tests.join(", "));
        // `cargo test`, because nextest would end what takes long.
        let mut test = command("cargo", root);
        test.args(["test", "--locked", "--quiet", "-p", package, "--lib", "--tests", "--"]).args(tests);
        let outcome = counted(test.env("GLIMPSE_SOAK", "1"))?;
        ensure!(outcome.success, "{package}: {} failed", outcome.count.failed);
        let expected = u64::try_from(tests.len())?;
        ensure!(outcome.count.passed == expected, "{package}: {} of {expected} tests ran", outcome.count.passed);
        total = total.plus(outcome.count);
    }
    for package in PROPERTIES {
        println!("\n== {package}: {CASES} cases of each property");
        let mut test = command("cargo", root);
        test.args(["test", "--locked", "--quiet", "-p", package, "--lib", "--tests"]);
        let outcome = counted(test.env("PROPTEST_CASES", CASES))?;
        ensure!(outcome.success, "{package}: {} failed", outcome.count.failed);
        total = total.plus(outcome.count);
    }
    println!("\n{} passed", total.passed);
    Ok(())
}
