//! `cargo xtask bench`: one JSON line a figure on standard output, so that a change can be compared with its parent.
//! Everything else goes to standard error.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::run::{command, find};
use crate::{page, tools};

/// Measures; with `quick`, fewer times and smaller numbers.
///
/// # Errors
///
/// Fails when something cannot be built, or a figure cannot be taken; the other figures are taken all the same.
pub(crate) fn run(root: &Path, quick: bool) -> Result<()> {
    eprintln!("Figures are for comparing two commits on one machine at rest: other work on it shows in all of them.");
    step("tools and page", || {
        tools::for_page(root)?;
        tools::for_browser(root)?;
        page::build(root)
    })?;
    step("server, command and measurements", || {
        let packages = ["-p", "glimpse-server", "-p", "glimpse-cli", "-p", "e2e"];
        run_to_the_end(command("cargo", root).args(["build", "--locked", "--quiet", "--bins"]).args(packages))
    })?;
    let size = if quick { &["--quick"][..] } else { &[] };
    let bench = |package: &str, name: &str, profile: &str| {
        let mut bench = command("cargo", root);
        bench.args(["bench", "--locked", "--quiet", "--profile", profile, "-p", package, "--bench", name, "--"]);
        bench.args(size);
        bench
    };
    let figures = [
        step("content, X-Wing, handshake, natively", || run_to_the_end(&mut bench("glimpse-core", "native", "bench"))),
        // As tested, and so built already: memory hardly depends on optimisation.
        step("memory of sessions", || run_to_the_end(&mut bench("glimpse-server", "sessions", "dev"))),
        step("live sessions of agents", || run_to_the_end(&mut bench("glimpse-server", "agents", "bench"))),
        step("linking and revoking, few records and many", || {
            run_to_the_end(&mut bench("glimpse-device", "devices", "dev"))
        }),
        step("whole system", || {
            let mut bench = command("cargo", root);
            bench.args(["run", "--locked", "--quiet", "-p", "e2e", "--bin", "glimpse-bench", "--"]).args(size);
            bench.env("GLIMPSE_DIST", root.join("dist"));
            if let Some(browser) = tools::chromium() {
                bench.env("GLIMPSE_CHROMIUM", browser);
            }
            if let Some(driver) = find("chromedriver") {
                bench.env("CHROMEDRIVER", driver);
            }
            run_to_the_end(&mut bench)
        }),
    ];
    figures.into_iter().collect()
}

fn run_to_the_end(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().context("cargo cannot be started")?;
    ensure!(status.success(), "{status}");
    Ok(())
}

fn step(what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("== {what}");
    let start = Instant::now();
    let outcome = act().with_context(|| what.to_owned());
    match &outcome {
        Ok(()) => eprintln!("   {:.1} s", start.elapsed().as_secs_f64()),
        Err(error) => eprintln!("   {error:#}"),
    }
    outcome
}
