//! `cargo xtask test`: every check of the project in one run, each phase timed, everything counted at the end.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::run::{Count, Outcome, check, command, counted, find};
use crate::{browsers, package, page, tidy, tools};

/// The target of what runs in a browser.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";
/// What runs in a browser.
const WASM_CRATES: [&str; 6] =
    ["glimpse-web", "glimpse-device", "glimpse-phone", "glimpse-portal", "glimpse-reader", "glimpse-scanner"];
/// What the names of the tests against the peers in Python have in common, and no other test has.
const OF_PYTHON: &str = "in_python";
/// The same of those that need axe-core.
const WITH_AXE: &str = "with_axe";
/// The same of those that need the compiler of TypeScript.
const WITH_TSC: &str = "with_tsc";
/// The same of those that need an identity provider: others say `what_a_provider`.
const AT_PROVIDER: &str = "_at_a_provider";
/// The same of those in Firefox.
const OF_FIREFOX: &str = "firefox::";

/// One phase that ran.
#[derive(Debug)]
struct Phase {
    name: &'static str,
    took: Duration,
    error: Option<String>,
    closing: Vec<String>,
    count: Count,
}

/// Runs everything, also after a failure, so that one run tells all there is to mend.
///
/// # Errors
///
/// Fails when any phase failed, after the last one.
pub(crate) fn run(root: &Path) -> Result<()> {
    println!("cargo xtask test: some 20 minutes when nothing is built yet, a few when it is");
    let mut phases = Vec::new();
    let mut phase = |name, act: &dyn Fn() -> Result<Outcome>| {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = act();
        let took = start.elapsed();
        let (error, outcome) = match outcome {
            Ok(outcome) if outcome.success => (None, outcome),
            Ok(outcome) => (Some("failed".to_owned()), outcome),
            Err(error) => (Some(format!("{error:#}")), Outcome::default()),
        };
        println!("== {name}: {} in {:.1} s", error.as_deref().unwrap_or("ok"), took.as_secs_f64());
        phases.push(Phase { name, took, error, closing: outcome.closing, count: outcome.count });
    };

    phase("tools", &|| {
        tools::for_page(root)?;
        tools::for_browser(root)?;
        // Without it the native tests say what they leave out.
        done(tools::for_firefox(root).map(drop))
    });
    phase("format", &|| done(check(cargo(root).args(["fmt", "--all", "--check"]))));
    phase("tidy", &|| done(tidy::run(root)));
    phase("lints, native", &|| {
        done(check(cargo(root).args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])))
    });
    phase("lints, wasm", &|| {
        // The device as a library also builds for wasm32.
        let clippy = |what: &[&str]| {
            let common = ["clippy", "--locked", "--quiet", "--target", WASM];
            check(cargo(root).args(common).args(what).args(["--", "-D", "warnings"]))
        };
        done(
            clippy(&["-p", "glimpse-web", "--tests"])
                .and_then(|()| clippy(&["-p", "glimpse-device", "--test", "browser_page", "--test", "browser_worker"]))
                .and_then(|()| clippy(&WASM_CRATES.map(|name| ["-p", name]).concat())),
        )
    });
    phase("documentation", &|| {
        done(check(cargo(root).args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])))
    });
    phase("dependencies", &|| dependencies(root));
    phase("page", &|| done(page::build(root).and_then(|()| tidy::built_page(root))));
    phase("packages", &|| done(package::build(root)));
    phase("binaries", &|| done(check(cargo(root).args(["build", "--workspace", "--bins", "--locked", "--quiet"]))));
    phase("native tests", &|| native(root));
    phase("documentation tests", &|| {
        let outcome = counted(cargo(root).args(["test", "--workspace", "--doc", "--locked", "--quiet"]))?;
        Ok(outcome)
    });
    phase("browser tests", &|| browsers::run(root));

    report(&phases)
}

/// Unit, integration and whole-system tests; the last need the page and the binaries of the phases before.
fn native(root: &Path) -> Result<Outcome> {
    let python = tools::python_peers(root)?;
    let firefox = tools::for_firefox(root)?;
    let axe = tools::axe(root)?;
    let provider = tools::provider(root)?;
    let tsc = tools::typescript(root)?;
    let mut test = cargo(root);
    let mut left_out = Vec::new();
    for (variable, tool, name, what) in [
        ("GLIMPSE_PYTHON", python, OF_PYTHON, "the tests against the independent peers in Python, which is not there"),
        ("GLIMPSE_AXE", axe, WITH_AXE, "the look of axe-core at the phone page, which cannot be fetched"),
        (
            "GLIMPSE_PROVIDER",
            provider,
            AT_PROVIDER,
            "signing in at an identity provider, which cannot be fetched or run",
        ),
        ("GLIMPSE_TSC", tsc, WITH_TSC, "the types of the npm packages, whose compiler cannot be fetched or run"),
    ] {
        match tool {
            Some(tool) => {
                test.env(variable, tool);
            }
            None => left_out.push((name, what)),
        }
    }
    match &firefox {
        Some(tools::Firefox { browser, driver }) => {
            test.env("GLIMPSE_FIREFOX", browser).env("GECKODRIVER", driver);
        }
        None => left_out.push((OF_FIREFOX, "the stories and attacks in Firefox, which is not there")),
    }
    if find("cargo-nextest").is_some() {
        test.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
        // Whole-system tests wait for browsers a quarter of their time: two cores have time for a third one.
        let cores = std::thread::available_parallelism()?;
        test.args(["--test-threads", &cores.saturating_add(1).to_string()]);
        let left_out: Vec<String> = left_out.iter().map(|(name, _)| format!("not test({name})")).collect();
        if !left_out.is_empty() {
            test.args(["-E", &left_out.join(" and ")]);
        }
    } else {
        println!("cargo-nextest is not installed: cargo test runs the tests, more slowly");
        test.args(["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests", "--"]);
        for (name, _) in &left_out {
            test.args(["--skip", name]);
        }
    }
    let mut outcome = counted(&mut test)?;
    for (_, what) in left_out {
        let line = format!("SKIPPED, and not counted: {what}");
        println!("\n!!! {line}\n");
        outcome.closing.push(line);
    }
    Ok(outcome)
}

/// Licences, bans, sources and advisories of every dependency, where cargo-deny and its database are there. Building
/// cargo-deny takes a bare machine ten minutes, so that is left to whoever wants it.
fn dependencies(root: &Path) -> Result<Outcome> {
    let skipped = |what: &str| {
        let line = format!("NOT CHECKED: {what}");
        println!("\n!!! {line}\n");
        Ok(Outcome { success: true, closing: vec![line], ..Outcome::default() })
    };
    if find("cargo-deny").is_none() {
        return skipped("licences, sources and advisories of dependencies (cargo install --locked cargo-deny)");
    }
    let deny = |what: &[&str]| check(cargo(root).args(["deny", "--offline", "--workspace", "check"]).args(what));
    deny(&["bans", "licenses", "sources"])?;
    if check(cargo(root).args(["deny", "fetch", "db"])).is_err() {
        return skipped("advisories on dependencies: their database cannot be fetched");
    }
    done(deny(&["advisories"]))
}

/// Cargo with what every test may ask for: the page, the browser and its driver.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut cargo = command("cargo", root);
    cargo.env("GLIMPSE_DIST", root.join("dist"));
    if let Some(driver) = find("chromedriver") {
        cargo.env("CHROMEDRIVER", driver);
    }
    if let Some(browser) = tools::chromium() {
        cargo.env("GLIMPSE_CHROMIUM", browser);
    }
    cargo
}

/// A phase that has no tests of its own to count.
fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome { success: true, ..Outcome::default() })
}

fn report(phases: &[Phase]) -> Result<()> {
    println!("\n== summary");
    for phase in phases {
        println!("{:>7.1} s  {:<20} {}", phase.took.as_secs_f64(), phase.name, phase.error.as_deref().unwrap_or("ok"));
        for line in &phase.closing {
            println!("           {line}");
        }
    }
    let count = total(phases);
    println!("{} passed, {} failed", count.passed, count.failed);
    let failed: Vec<&str> = phases.iter().filter(|phase| phase.error.is_some()).map(|phase| phase.name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Counts tests, and each phase that failed without a failed test (a lint, a build) as one failure.
fn total(phases: &[Phase]) -> Count {
    phases.iter().fold(Count::default(), |total, phase| {
        let unseen = u64::from(phase.error.is_some() && phase.count.failed == 0);
        total.plus(phase.count).plus(Count { passed: 0, failed: unseen })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(error: Option<&str>, passed: u64, failed: u64) -> Phase {
        let count = Count { passed, failed };
        Phase { name: "x", took: Duration::ZERO, error: error.map(str::to_owned), closing: Vec::new(), count }
    }

    #[test]
    fn a_failure_without_a_failed_test_still_counts() {
        let phases = [phase(None, 5, 0), phase(Some("lint"), 0, 0), phase(Some("failed"), 3, 2)];
        assert_eq!(total(&phases), Count { passed: 8, failed: 3 });
        assert!(report(&phases).is_err());
        assert!(report(&[phase(None, 1, 0)]).is_ok());
    }
}
