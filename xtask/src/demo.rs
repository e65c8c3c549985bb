//! `cargo xtask demo`: everything that it needs, built; then the whole story, from code to wiped page.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::run::{check, command, find};
use crate::{page, tools};

/// What is demonstrated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    /// A terminal lends to a browser.
    Plain,
    /// The page `/device` takes the place of the terminal.
    Phone,
    /// The page `/agent` takes that of the browser.
    Agent,
}

/// Runs the demo; with `headless`, Chromium takes the place of the person.
///
/// # Errors
///
/// Fails when something cannot be installed or built, and when the story does not go as it must.
pub(crate) fn run(root: &Path, headless: bool, story: Story) -> Result<()> {
    println!(
        "The first run builds everything: about fifteen minutes on two cores where Trunk and wasm-bindgen have to be"
    );
    println!("built too, some three where they are there. Later runs start in seconds.\n");
    step("tools (about ten minutes where they have to be built)", || {
        tools::for_page(root)?;
        if headless { tools::for_browser(root) } else { Ok(()) }
    })?;
    step("page (wasm, optimised: about a minute when it changed)", || page::build(root))?;
    let packages = ["-p", "glimpse-server", "-p", "glimpse-cli", "-p", "e2e"];
    step("server, command and demo (a minute or two the first time)", || {
        check(command("cargo", root).args(["build", "--locked", "--bins"]).args(packages))
    })?;
    let mut demo = command("cargo", root);
    demo.args(["run", "--locked", "--quiet", "-p", "e2e", "--bin", "glimpse-demo", "--"]);
    demo.env("GLIMPSE_DIST", root.join("dist")).stdin(Stdio::inherit());
    if let Some(browser) = tools::chromium() {
        demo.env("GLIMPSE_CHROMIUM", browser);
    }
    if let Some(driver) = find("chromedriver") {
        demo.env("CHROMEDRIVER", driver);
    }
    let flags = [("--headless", headless), ("--phone", story == Story::Phone), ("--agent", story == Story::Agent)];
    for (flag, wanted) in flags {
        if wanted {
            demo.arg(flag);
        }
    }
    let status = demo.status()?;
    if !status.success() {
        bail!("the demo did not go as it must");
    }
    Ok(())
}

fn step(what: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {what}");
    let start = Instant::now();
    act()?;
    println!("   {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
