//! The viewer in another language, `e2e/peers/`, written from the protocol's page alone: it takes every vector, and looks at
//! what the real command lends through the real server.
//!
//! `GLIMPSE_PYTHON` names an interpreter with the packages of `e2e/peers/requirements.txt`; without it the one that
//! `cargo xtask test` keeps in `.venv` is taken. `cargo xtask test` leaves these tests out, loudly, where there is no Python.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use e2e::program::{own, root};
use tokio::process::Command;

/// Runs Python in the folder of the peer, and returns what it said.
pub(crate) async fn python(arguments: &[&str]) -> Result<Output> {
    let own_environment = root()?.join(".venv/bin/python");
    let python = std::env::var_os("GLIMPSE_PYTHON").map_or(own_environment, Into::into);
    let server = own("glimpse-server")?;
    let mut command = Command::new(&python);
    command
        .arg("-B")
        .args(arguments)
        .current_dir(root()?.join("e2e/peers"))
        .env("GLIMPSE_PYTHON", &python)
        .env("GLIMPSE_BIN_DIR", server.parent().context("a program lies in a folder")?)
        .kill_on_drop(true);
    command.output().await.with_context(|| format!("{}: cargo xtask test installs the peers", python.display()))
}

/// Every test that a run of Python's own runner reports, at least `least` of them, has passed.
fn passed(output: &Output, least: u32) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}\n{said}", output.status);
    let count = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<u32>().ok());
    ensure!(count.is_some_and(|count| count >= least) && !said.contains("skipped="), "{least} tests must run:\n{said}");
    Ok(())
}

#[tokio::test]
async fn every_vector_is_taken_by_the_viewer_in_python() -> Result<()> {
    passed(&python(&["-m", "unittest", "discover", "--start-directory", ".", "--pattern", "check_*.py"]).await?, 18)
}

#[tokio::test]
async fn what_the_command_lends_is_seen_by_the_viewer_in_python() -> Result<()> {
    passed(&python(&["test_viewer.py"]).await?, 9)
}

/// Control: a run in which a test fails, or in which none runs, has not passed.
#[tokio::test]
async fn control_a_test_in_python_that_fails_is_told() -> Result<()> {
    let broken = "import sys, wire; wire.SUITE = 2; \
                  import unittest; unittest.main(module='check_vectors', argv=['', 'Scenarios.test_account'])";
    let told = passed(&python(&["-c", broken]).await?, 1).map_err(|why| why.to_string());
    ensure!(told.as_ref().is_err_and(|why| why.contains("Refused: malformed: suite")), "{told:?}");
    let none = python(&["-m", "unittest", "discover", "--pattern", "nothing_*.py"]).await?;
    ensure!(passed(&none, 1).is_err(), "no test has run");
    Ok(())
}
