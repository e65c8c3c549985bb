//! A real Chromium with a profile of its own, driven by a chromedriver of its own.

use std::ffi::OsString;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities as _;
use thirtyfour::{DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};
use tokio::process::Command;

use crate::devtools::DevTools;
use crate::program::Program;
use crate::server::free_port;
use crate::wait::until;

/// What keeps Chromium from talking to anybody but the page under test.
const QUIET: [&str; 12] = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-default-browser-check",
    // Without it Chromium refuses to run as root, as it must in a container.
    "--no-sandbox",
];

/// A browser window.
#[derive(Debug)]
pub struct Browser {
    /// WebDriver's view of it.
    pub driver: WebDriver,
    _chromedriver: Program,
    profile: TempDir,
}

impl Browser {
    /// Starts without a window on the screen.
    ///
    /// # Errors
    /// When Chromium or chromedriver is missing or does not start.
    pub async fn start() -> Result<Self> {
        Self::with(&["--headless=new", "--window-size=1280,900"]).await
    }

    /// Starts with flags of the caller's choice beside those that keep it quiet.
    ///
    /// # Errors
    /// When Chromium or chromedriver is missing or does not start.
    pub async fn with(flags: &[&str]) -> Result<Self> {
        Self::preferring(flags, json!({})).await
    }

    /// Starts with preferences of its person's as well.
    ///
    /// # Errors
    /// When Chromium or chromedriver is missing or does not start.
    pub async fn preferring(flags: &[&str], preferences: Value) -> Result<Self> {
        crate::provide_tls();
        let port = free_port()?;
        let program = named("CHROMEDRIVER", "chromedriver");
        let chromedriver = Program::start(Command::new(program).arg(format!("--port={port}")))
            .context("Debian: apt-get install chromium-driver, or set CHROMEDRIVER")?;
        let profile = tempfile::tempdir()?;
        let mut chrome = DesiredCapabilities::chrome();
        chrome.set_binary(&named("GLIMPSE_CHROMIUM", "/usr/bin/chromium").to_string_lossy())?;
        for flag in QUIET.iter().chain(flags) {
            chrome.add_arg(flag)?;
        }
        chrome.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        chrome.add_experimental_option("prefs", preferences)?;
        chrome.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        let url = format!("http://127.0.0.1:{port}");
        until("chromedriver listens", async || reqwest::get(format!("{url}/status")).await.ok()).await?;
        let driver = WebDriver::new(url, chrome).await.context("Chromium does not start")?;
        Ok(Self { driver, _chromedriver: chromedriver, profile })
    }

    /// Where its profile lies.
    #[must_use]
    pub fn profile(&self) -> &std::path::Path {
        self.profile.path()
    }

    /// The process id of the browser.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        self.driver.capabilities().get("goog:processID").and_then(Value::as_u64)
    }

    /// Loads an address.
    ///
    /// # Errors
    /// When the browser could not be told.
    pub async fn go(&self, url: &str) -> Result<()> {
        Ok(self.driver.goto(url).await?)
    }

    /// Runs a script in the page, as the body of a function, and returns what it returns. It stands for script that an
    /// attacker got to run: DevTools put it there, so the page's policy binds what it does and not whether it runs.
    ///
    /// # Errors
    /// What the script throws.
    pub async fn run(&self, script: &str) -> Result<Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// The same for a script that calls `done(value)` at its end; it throws nothing.
    ///
    /// # Errors
    /// When it does not call `done`.
    pub async fn run_async(&self, script: &str) -> Result<Value> {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        Ok(self.driver.execute_async(script, Vec::new()).await?.json().clone())
    }

    /// Everything that pages wrote to the console.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn console(&self) -> Result<Vec<String>> {
        Ok(self.driver.browser_log().await?.into_iter().map(|entry| entry.message).collect())
    }

    /// A connection to the browser's own debugger.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn devtools(&self) -> Result<DevTools> {
        let address =
            self.driver.capabilities().get("goog:chromeOptions").and_then(|options| options.get("debuggerAddress"));
        DevTools::connect(address.and_then(Value::as_str).context("no debugger address")?).await
    }
}

impl Drop for Browser {
    /// The browser goes at once, as if the machine had; WebDriver's own goodbye needs the runtime that drops it.
    fn drop(&mut self) {
        if let Some(id) = self.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
            let _ = kill_process(id, Signal::KILL);
        }
        let _ = self.driver.clone().leak();
    }
}

fn named(variable: &str, program: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| program.into())
}
