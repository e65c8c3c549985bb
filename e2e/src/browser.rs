//! A real browser with a profile of its own, driven by a driver of its own: Chromium, or Firefox.
//!
//! [`Browser`] is what both can do. What only one of them gives stays behind a type that only it gives: [`Chromium`] and its
//! [`DevTools`], [`BiDi`] for Firefox.

use std::borrow::Borrow;
use std::ffi::OsString;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities as _;
use thirtyfour::common::capabilities::firefox::FirefoxPreferences;
use thirtyfour::{Capabilities, CapabilitiesHelper as _, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver};
use tokio::process::Command;

use crate::bidi::BiDi;
use crate::devtools::DevTools;
use crate::program::Program;
use crate::server::free_port;
use crate::wait::until;

/// Which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Chromium, or a Chrome.
    Chromium,
    /// Firefox, as its extended support release or another.
    Firefox,
}

/// A window's size before anybody changes it.
const SIZE: (u32, u32) = (1280, 900);

/// What keeps Chromium from talking to anybody but the page under test.
const QUIET: [&str; 13] = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--headless=new",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-default-browser-check",
    // Without it Chromium refuses to run as root, as it must in a container.
    "--no-sandbox",
];

/// The same for Firefox, beside what its driver sets.
const STILL: [&str; 5] = [
    "app.normandy.enabled",
    "browser.safebrowsing.downloads.enabled",
    "browser.safebrowsing.malware.enabled",
    "browser.safebrowsing.phishing.enabled",
    "network.captive-portal-service.enabled",
];

/// A browser window.
#[derive(Debug)]
pub struct Browser {
    /// WebDriver's view of it.
    pub driver: WebDriver,
    kind: Kind,
    /// Firefox's debugger; Chromium's is connected to when it is asked for.
    bidi: Option<BiDi>,
    profile: PathBuf,
    _driver: Program,
    /// Whether it was closed as its person closes it.
    closed: bool,
    /// Last, so that nobody writes into it any more.
    folder: Arc<TempDir>,
}

impl Browser {
    /// Starts without a window on the screen.
    ///
    /// # Errors
    /// When the browser or its driver is missing or does not start.
    pub async fn start(kind: Kind) -> Result<Self> {
        match kind {
            Kind::Chromium => Ok(Chromium::start().await?.0),
            Kind::Firefox => Self::firefox(&[]).await,
        }
    }

    /// Starts with everything open that its owner could have opened: WebRTC reaches this machine too, which browsers hide
    /// from pages, and links send pings.
    ///
    /// # Errors
    /// When the browser or its driver is missing or does not start.
    pub async fn unguarded(kind: Kind) -> Result<Self> {
        match kind {
            Kind::Chromium => Ok(Chromium::with(&["--allow-loopback-in-peer-connection"]).await?.0),
            Kind::Firefox => {
                let open = [("media.peerconnection.ice.loopback", json!(true)), ("browser.send_pings", json!(true))];
                Self::firefox(&open).await
            }
        }
    }

    /// Starts Firefox to look at pages, light or dark ones, in which nothing moves: what Chromium can be told at any time.
    ///
    /// # Errors
    /// When Firefox or geckodriver is missing or does not start.
    pub async fn firefox_still(dark: bool) -> Result<Self> {
        Self::firefox(&[("ui.systemUsesDarkTheme", json!(u8::from(dark))), ("ui.prefersReducedMotion", json!(1))]).await
    }

    /// Starts Firefox with preferences of its person's.
    ///
    /// # Errors
    /// When Firefox or geckodriver is missing or does not start.
    pub async fn firefox(more: &[(&str, Value)]) -> Result<Self> {
        Self::firefox_in(Arc::new(tempfile::tempdir()?), None, more).await
    }

    async fn firefox_in(folder: Arc<TempDir>, profile: Option<&Path>, more: &[(&str, Value)]) -> Result<Self> {
        let mut preferences = FirefoxPreferences::new();
        for name in STILL {
            preferences.set(name, false)?;
        }
        for (name, value) in more {
            preferences.set(name, value)?;
        }
        // Into the folder that is named, and not into the system's.
        preferences.set("browser.download.folderList", 2)?;
        preferences.set("browser.download.dir", downloads(&folder).display().to_string())?;
        let mut firefox = DesiredCapabilities::firefox();
        firefox.set_firefox_binary(&named("GLIMPSE_FIREFOX", "/usr/bin/firefox-esr").to_string_lossy())?;
        firefox.set_headless()?;
        if let Some(profile) = profile {
            firefox.add_arg("-profile")?;
            firefox.add_arg(&profile.display().to_string())?;
        }
        firefox.add_arg(&format!("--width={}", SIZE.0))?;
        firefox.add_arg(&format!("--height={}", SIZE.1))?;
        firefox.set_preferences(preferences)?;
        firefox.set("webSocketUrl", true)?;
        let debugger = free_port()?;
        let mut geckodriver = Command::new(named("GECKODRIVER", "geckodriver"));
        geckodriver.arg(format!("--websocket-port={debugger}"));
        geckodriver.arg("--profile-root").arg(folder.path());
        let (driver, program) = drive(geckodriver, firefox.into()).await.context(
            "Debian: apt-get install firefox-esr, cargo install geckodriver; or set GLIMPSE_FIREFOX and GECKODRIVER",
        )?;
        let told = |name: &str| {
            let value = driver.capabilities().get(name).and_then(Value::as_str);
            value.map(str::to_owned).with_context(|| format!("geckodriver does not tell {name}"))
        };
        let (url, profile) = (told("webSocketUrl")?, told("moz:profile")?.into());
        let mut browser =
            Self { driver, kind: Kind::Firefox, bidi: None, profile, _driver: program, closed: false, folder };
        browser.bidi = Some(BiDi::connect(&url).await?);
        Ok(browser)
    }

    /// Starts one that opens, whenever it is started, what was open when it was closed.
    ///
    /// # Errors
    /// When the browser or its driver is missing or does not start.
    pub async fn resuming(kind: Kind) -> Result<Self> {
        let folder = Arc::new(tempfile::tempdir()?);
        std::fs::create_dir(folder.path().join("profile"))?;
        Self::resume(kind, folder, &[]).await
    }

    async fn resume(kind: Kind, folder: Arc<TempDir>, flags: &[&str]) -> Result<Self> {
        if kind == Kind::Chromium {
            return Ok(Chromium::preferring_in(folder, flags, &json!({})).await?.0);
        }
        // Its driver wants tests to start where nothing was; and whoever closes it means it.
        let wishes = [
            ("browser.startup.page", json!(3)),
            ("browser.sessionstore.resume_from_crash", json!(true)),
            ("dom.disable_beforeunload", json!(true)),
        ];
        let profile = folder.path().join("profile");
        Self::firefox_in(folder, Some(&profile), &wishes).await
    }

    /// Closes one that is [`Self::resuming`] as its person does, and starts it again on the same profile.
    ///
    /// # Errors
    /// When it does not close, or does not start.
    pub async fn again(mut self) -> Result<Self> {
        let id = self.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).context("no process id")?;
        self.driver.clone().quit().await?;
        until("the browser is closed", async || test_kill_process(id).is_err().then_some(())).await?;
        self.closed = true;
        let (kind, folder) = (self.kind, Arc::clone(&self.folder));
        drop(self);
        Self::resume(kind, folder, &["--restore-last-session"]).await
    }

    /// Which browser it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Firefox's debugger; Chromium has another.
    #[must_use]
    pub const fn bidi(&self) -> Option<&BiDi> {
        self.bidi.as_ref()
    }

    /// Where its profile lies.
    #[must_use]
    pub fn profile(&self) -> &Path {
        &self.profile
    }

    /// Where it saves files.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        downloads(&self.folder)
    }

    /// The process id of the browser.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        let name = match self.kind {
            Kind::Chromium => "goog:processID",
            Kind::Firefox => "moz:processID",
        };
        self.driver.capabilities().get(name).and_then(Value::as_u64)
    }

    /// Loads an address.
    ///
    /// # Errors
    /// When the browser could not be told.
    pub async fn go(&self, url: &str) -> Result<()> {
        Ok(self.driver.goto(url).await?)
    }

    /// Runs a script in the page, as the body of a function, and returns what it returns. It stands for script that an
    /// attacker got to run: the driver put it there, so the page's policy binds what it does and not whether it runs. In
    /// Firefox its own global object lies before the page's: what the page shall see is set on `window`.
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

    /// Runs a script in every page that is loaded from here on, before the page's own.
    ///
    /// # Errors
    /// When the browser could not be told.
    pub async fn run_first(&self, script: &str) -> Result<()> {
        if let Some(bidi) = &self.bidi {
            return bidi.run_first(script).await;
        }
        let params = json!({ "source": format!("{{ {script} }}") });
        self.driver.cdp().send_raw("Page.addScriptToEvaluateOnNewDocument", params).await?;
        Ok(())
    }

    /// Runs a script in the Worker of every page that is loaded from here on with this behind its address, before the first
    /// line of the Worker's own. A debugger that holds a Worker would hold the whole process, and the window beside it.
    /// What the page is sent as `{ toWorker }` comes to the Worker as it is, and how many Workers it has ended stands at its root.
    ///
    /// # Errors
    /// When the browser could not be told.
    pub async fn run_first_in_worker(&self, search: &str, script: &str) -> Result<()> {
        let page = format!(
            "if (location.search === {search}) {{ \
               const {{ Blob: RealBlob, Worker: RealWorker }} = window; const own = {script}; \
               window.Blob = class extends RealBlob {{ constructor(parts, kind) {{ \
                 super(kind?.type === 'text/javascript' ? [own, '\\n', ...parts] : parts, kind) }} }}; \
               window.Worker = class extends RealWorker {{ \
                 constructor(...given) {{ super(...given); \
                   addEventListener('message', ({{ data }}) => data?.toWorker && this.postMessage(data.toWorker)) }} \
                 terminate() {{ const {{ dataset }} = document.documentElement; \
                   dataset.ended = Number(dataset.ended ?? 0) + 1; super.terminate() }} }} }}",
            search = json!(search),
            script = json!(script)
        );
        self.run_first(&page).await
    }

    /// Everything that pages wrote to the console since the last call.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn console(&self) -> Result<Vec<String>> {
        match &self.bidi {
            Some(bidi) => bidi.console().await,
            None => Ok(self.driver.browser_log().await?.into_iter().map(|entry| entry.message).collect()),
        }
    }

    /// Chromium's debugger, in a story that is told in both; Firefox has none of the kind.
    ///
    /// # Errors
    /// When it does not answer, and in Firefox.
    pub async fn connect_devtools(&self) -> Result<DevTools> {
        let address =
            self.driver.capabilities().get("goog:chromeOptions").and_then(|options| options.get("debuggerAddress"));
        // Chromium's driver calls a window by what the debugger calls it.
        let window = self.driver.window().await?.to_string();
        DevTools::connect(address.and_then(Value::as_str).context("no debugger address")?, window).await
    }

    /// Gives Chromium an authenticator of its own, which says yes to everything, for as long as what is returned is kept.
    ///
    /// # Errors
    /// When its debugger does not answer, and in Firefox.
    pub async fn authenticator(&self) -> Result<DevTools> {
        let mut tools = self.connect_devtools().await?;
        let page = tools.page().await?;
        tools.call(Some(&page), "WebAuthn.enable", json!({})).await?;
        let options = json!({
            "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true, "hasPrf": true, "automaticPresenceSimulation": true,
        });
        tools.call(Some(&page), "WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await?;
        Ok(tools)
    }
}

impl Drop for Browser {
    /// The browser goes at once, as if the machine had; WebDriver's own goodbye needs the runtime that drops it.
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        if let Some(id) = self.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
            let _ = kill_process(id, Signal::KILL);
        }
        let _ = self.driver.clone().leak();
    }
}

/// A browser window of Chromium, for what Firefox has nothing like.
#[derive(Debug)]
pub struct Chromium(Browser);

impl Chromium {
    /// Starts without a window on the screen.
    ///
    /// # Errors
    /// When Chromium or chromedriver is missing or does not start.
    pub async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    /// Starts with flags of the caller's choice beside those that keep it quiet.
    async fn with(flags: &[&str]) -> Result<Self> {
        Self::preferring(flags, &json!({})).await
    }

    /// Starts with flags and preferences of its person's.
    ///
    /// # Errors
    /// When Chromium or chromedriver is missing or does not start.
    pub async fn preferring(flags: &[&str], preferences: &Value) -> Result<Self> {
        Self::preferring_in(Arc::new(tempfile::tempdir()?), flags, preferences).await
    }

    async fn preferring_in(folder: Arc<TempDir>, flags: &[&str], preferences: &Value) -> Result<Self> {
        let profile = folder.path().join("profile");
        let mut chrome = DesiredCapabilities::chrome();
        chrome.set_binary(&named("GLIMPSE_CHROMIUM", "/usr/bin/chromium").to_string_lossy())?;
        for flag in QUIET.iter().chain(flags) {
            chrome.add_arg(flag)?;
        }
        chrome.add_arg(&format!("--window-size={},{}", SIZE.0, SIZE.1))?;
        chrome.add_arg(&format!("--user-data-dir={}", profile.display()))?;
        let mut all = json!({ "download.default_directory": downloads(&folder).display().to_string() });
        if let (Some(all), Some(more)) = (all.as_object_mut(), preferences.as_object()) {
            all.extend(more.clone());
        }
        chrome.add_experimental_option("prefs", all)?;
        chrome.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        let chromedriver = Command::new(named("CHROMEDRIVER", "chromedriver"));
        let (driver, program) = drive(chromedriver, chrome.into())
            .await
            .context("Debian: apt-get install chromium chromium-driver; or set GLIMPSE_CHROMIUM and CHROMEDRIVER")?;
        Ok(Self(Browser { driver, kind: Kind::Chromium, bidi: None, profile, _driver: program, closed: false, folder }))
    }

    /// A connection to the browser's own debugger.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn devtools(&self) -> Result<DevTools> {
        self.0.connect_devtools().await
    }
}

impl Deref for Chromium {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.0
    }
}

impl Borrow<Browser> for Chromium {
    fn borrow(&self) -> &Browser {
        &self.0
    }
}

/// Starts a driver on a port of its own, and the browser by it.
async fn drive(mut program: Command, capabilities: Capabilities) -> Result<(WebDriver, Program)> {
    crate::provide_tls();
    let port = free_port()?;
    let program = Program::start(program.arg(format!("--port={port}")))?;
    let url = format!("http://127.0.0.1:{port}");
    until("the driver listens", async || reqwest::get(format!("{url}/status")).await.ok()).await?;
    let driver = WebDriver::new(url, capabilities).await.context("the browser does not start")?;
    Ok((driver, program))
}

fn downloads(folder: &TempDir) -> PathBuf {
    folder.path().join("downloads")
}

fn named(variable: &str, program: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| program.into())
}
