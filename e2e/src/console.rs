//! Somebody else's console: the example of this repository with the portal in its frame, on an origin of its own, and an agent
//! who works in it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::agent::{AGENT, Place, Portal, approve};
use crate::browser::{Browser, Kind};
use crate::device::{Lending, NAME};
use crate::program::root;
use crate::proxy::{Answer, Asked, Proxy, Tamper};
use crate::server::free_port;
use crate::wait::until;

/// A plain host of files, on an origin of its own.
#[derive(Debug)]
pub struct Files(HashMap<String, (&'static str, Vec<u8>)>);

/// What the example calls the server.
const SERVER: &str = "https://glimpse.example";

impl Files {
    /// The example console for this server, and beside it pages of the caller's: a path, and what is there.
    ///
    /// # Errors
    /// When a file of the example is not there.
    pub fn of_console(server: &str, more: &[(&str, &str)]) -> Result<Self> {
        let mut files = HashMap::new();
        let mut add = |path: &str, at: &Path| -> Result<()> {
            let text = std::fs::read_to_string(at).with_context(|| at.display().to_string())?;
            files.insert(path.to_owned(), (kind(path), text.replace(SERVER, server).into_bytes()));
            Ok(())
        };
        for name in ["index.html", "console.js", "console.css"] {
            add(&format!("/{name}"), &root()?.join("examples/console").join(name))?;
        }
        let element = "agent-element/glimpse-agent.js";
        add(&format!("/{element}"), &root()?.join("packages").join(element))?;
        for (path, text) in more {
            files.insert((*path).to_owned(), (kind(path), text.replace(SERVER, server).into_bytes()));
        }
        Ok(Self(files))
    }

    /// The example of a page of one's own for this server, with the viewer's package in it.
    ///
    /// # Errors
    /// When a file is not there.
    pub fn of_own_page(server: &str, viewer: &Path) -> Result<Self> {
        let mut files = HashMap::new();
        for name in ["index.html", "page.js"] {
            let text = std::fs::read_to_string(root()?.join("examples/own-page").join(name))?;
            files.insert(format!("/{name}"), (kind(name), text.replace(SERVER, server).into_bytes()));
        }
        for entry in std::fs::read_dir(viewer)? {
            let path = entry?.path();
            let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
            files.insert(format!("/viewer/{name}"), (kind(&name), std::fs::read(&path)?));
        }
        Ok(Self(files))
    }

    /// Changes one byte of a file, its last.
    ///
    /// # Errors
    /// When it is not there.
    pub fn alter(&mut self, path: &str) -> Result<()> {
        let (_, bytes) = self.0.get_mut(path).with_context(|| path.to_owned())?;
        *bytes.last_mut().context("a byte")? ^= 1;
        Ok(())
    }
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript",
        Some((_, "css")) => "text/css",
        Some((_, "wasm")) => "application/wasm",
        _ => "text/html",
    }
}

impl Tamper for Files {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        let path = if asked.path == "/" { "/index.html" } else { &asked.path };
        Some(match self.0.get(path) {
            Some((kind, body)) => Answer::own(StatusCode::OK, kind, body.clone()),
            None => Answer::own(StatusCode::NOT_FOUND, "text/plain", ""),
        })
    }
}

/// A host of these files.
///
/// # Errors
/// When the port is taken.
pub async fn host(port: u16, files: Files) -> Result<Proxy> {
    Proxy::start(port, "http://127.0.0.1:1", Arc::new(files)).await
}

/// An agent at a console, and a customer.
#[derive(Debug)]
pub struct Console {
    /// The agent's browser; what the portal can do, it does in the frame.
    pub portal: Portal,
    /// Server, organisation and customer.
    pub place: Place,
    /// Who serves the console.
    pub host: Proxy,
    window: WindowHandle,
}

impl Console {
    /// The console in a browser of this kind, with an agent whom the organisation vouches for and who has not signed in. The
    /// agent has no passkey.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn open(kind: Kind, settings: &[&str], more: &[(&str, &str)]) -> Result<Self> {
        Self::around(Browser::start(kind).await?, settings, more).await
    }

    /// The same in a browser that the caller started.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn around(browser: Browser, settings: &[&str], more: &[(&str, &str)]) -> Result<Self> {
        let port = free_port()?;
        let listed = format!("embed_origins=http://127.0.0.1:{port}");
        let place = Place::with(NAME, &[&[&*listed], settings].concat()).await?;
        Self::at(browser, place, port, more).await
    }

    /// The same at a place whose server lists the console at this port.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn at(browser: Browser, place: Place, port: u16, more: &[(&str, &str)]) -> Result<Self> {
        let host = host(port, Files::of_console(&place.url(), more)?).await?;
        let portal = Portal::around(browser, &place.url()).await?;
        portal.follow(&place.organisation.invite(AGENT).await?).await?;
        portal.press(".desk .plain").await?;
        portal.stage("signed-out").await?;
        place.organisation.issue().await?;
        let window = portal.browser.driver.window().await?;
        let console = Self { portal, place, host, window };
        console.go("/").await?;
        Ok(console)
    }

    /// The same, signed in, in the frame.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn ready(kind: Kind) -> Result<Self> {
        let console = Self::open(kind, &[], &[]).await?;
        console.sign_in().await?;
        Ok(console)
    }

    /// The browser.
    #[must_use]
    pub const fn browser(&self) -> &Browser {
        &self.portal.browser
    }

    /// Loads a page of the host, and waits until the frame in it is ready.
    ///
    /// # Errors
    /// When it does not come to that.
    pub async fn go(&self, path: &str) -> Result<()> {
        self.browser().go(&format!("{}{path}", self.host.url())).await?;
        self.tells("ready").await
    }

    /// Goes to the page of the console.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn outside(&self) -> Result<()> {
        let driver = &self.browser().driver;
        driver.switch_to_window(self.window.clone()).await?;
        Ok(driver.enter_default_frame().await?)
    }

    /// Goes into the frame.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn inside(&self) -> Result<()> {
        self.outside().await?;
        enter(self.browser()).await
    }

    /// What the console has written down.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn log(&self) -> Result<Vec<String>> {
        self.outside().await?;
        let lines = "[...document.querySelectorAll('#log li')].map(line => line.textContent)";
        Ok(serde_json::from_value(self.browser().value(lines).await?)?)
    }

    /// Waits until the console has written this down last.
    ///
    /// # Errors
    /// When it does not come to that, with what it has.
    pub async fn tells(&self, line: &str) -> Result<()> {
        let what = format!("the console says {line}");
        let told = until(&what, async || (self.log().await.ok()?.last()? == line).then_some(())).await;
        let Err(error) = told else { return Ok(()) };
        Err(error.context(format!(
            "it says {:?}, and its console {:?}",
            self.log().await,
            self.browser().console().await
        )))
    }

    /// Opens the window in which the agent signs in, and goes there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn open_window(&self) -> Result<()> {
        self.inside().await?;
        self.portal.go_on().await?;
        self.other_window().await
    }

    /// Goes to the window that is not the console's.
    ///
    /// # Errors
    /// When there is none.
    pub async fn other_window(&self) -> Result<()> {
        let driver = &self.browser().driver;
        let other = until("another window", async || {
            driver.windows().await.ok()?.into_iter().find(|window| *window != self.window)
        });
        Ok(driver.switch_to_window(other.await?).await?)
    }

    /// Signs in from the frame, which is where it ends.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn sign_in(&self) -> Result<()> {
        self.open_window().await?;
        self.portal.stage("signed-out").await?;
        // The window closes by itself, and may be gone before the driver answers.
        let _closed = self.portal.go_on().await;
        self.alone().await?;
        self.inside().await?;
        self.portal.stage("ready").await
    }

    /// Waits until the console's window is the only one.
    ///
    /// # Errors
    /// When another stays.
    pub async fn alone(&self) -> Result<()> {
        let driver = &self.browser().driver;
        until("the window has closed", async || (driver.windows().await.ok()?.len() == 1).then_some(())).await
    }

    /// A look from the case to the session on the screen, in the frame.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn lend(&self, case: &str, reason: &str, more: &[&str]) -> Result<Lending> {
        self.portal.look(case, reason).await?;
        let mut lending = self.place.device.lend(&[&["--agent", "--everything"], more].concat()).await?;
        self.browser().type_code(&lending.code).await?;
        approve(&mut lending).await?;
        self.browser().screen("session").await?;
        Ok(lending)
    }

    /// Presses End in the frame, says what came of it, and returns the reason that the frame gives.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn end(&self) -> Result<String> {
        self.browser().tap("end").await?;
        self.browser().shows("#outcome-end").await?;
        self.browser().tap("outcome-end").await?;
        self.reason().await
    }

    /// Why the session is over, once the frame says so.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn reason(&self) -> Result<String> {
        let found = until("the frame says why", async || {
            // Another document has come into the frame.
            self.inside().await.ok()?;
            let reason = self.browser().value("document.documentElement.dataset.reason ?? null").await.ok()?;
            reason.as_str().map(str::to_owned)
        });
        let found = found.await;
        let Err(error) = found else { return found };
        Err(error.context(format!(
            "the frame reads {:?}, the console of the browser {:?}",
            self.browser().text().await,
            self.browser().console().await
        )))
    }
}

/// Goes from a page into the frame of the element in it.
///
/// # Errors
/// When there is none.
pub async fn enter(browser: &Browser) -> Result<()> {
    let frame = "return document.querySelector('glimpse-agent').shadowRoot.querySelector('iframe')";
    Ok(browser.driver.execute(frame, Vec::new()).await?.element()?.enter_frame().await?)
}

/// What the page of the console records of every message that it gets, from before its own scripts.
pub const RECORDER: &str = "if (window === top) { window.recorded = []; \
     addEventListener('message', e => window.recorded.push({ origin: e.origin, data: e.data, ports: e.ports.length }), true); }";

/// The messages that were recorded.
///
/// # Errors
/// When the browser could not be asked.
pub async fn recorded(browser: &Browser) -> Result<Vec<Value>> {
    let all = browser.value("window.recorded ?? null").await?;
    Ok(all.as_array().with_context(|| format!("no recorder: {}", json!(all)))?.clone())
}
