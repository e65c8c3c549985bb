//! Agents: an organisation in a folder of its own, the portal as an agent works with it, and a customer's device.

use std::borrow::Borrow;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::browser::{Browser, Kind};
use crate::device::{Device, Lending, PASSPHRASE, field, is, write_private};
use crate::devtools::DevTools;
use crate::program::own;
use crate::proxy::{Honest, Proxy};
use crate::server::{Server, free_port};
use crate::wait::until;

/// An organisation, as whoever runs it has it: the real `glimpse org`.
#[derive(Debug)]
pub struct Organisation {
    server: String,
    folder: TempDir,
}

impl Organisation {
    /// Makes one for a server, which need not run.
    ///
    /// # Errors
    /// What the command says.
    pub async fn found(server: &str, name: &str) -> Result<Self> {
        let organisation = Self { server: server.to_owned(), folder: tempfile::tempdir()? };
        write_private(&organisation.folder.path().join("passphrase"), PASSPHRASE).await?;
        organisation.run(&["init", name]).await?;
        Ok(organisation)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let folder = self.folder.path();
        let mut command = Command::new(own("glimpse")?);
        command.args(["--json", "--server", &self.server, "--home"]).arg(folder.join("home"));
        command.arg("--passphrase-file").arg(folder.join("passphrase"));
        command.args(["org", "--org-home"]).arg(folder.join("org")).args(arguments);
        Ok(command)
    }

    /// Runs a command of `glimpse org` and returns its events.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let output = self.command(arguments)?.output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "glimpse org {}: {said}{complaint}", arguments.join(" "));
        said.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    async fn told(&self, arguments: &[&str], event: &str, name: &str) -> Result<String> {
        let events = self.run(arguments).await?;
        field(events.iter().find(|each| is(each, event)).with_context(|| format!("no {event} in {events:?}"))?, name)
    }

    /// Its key, which whoever runs the server puts into `organisations`.
    ///
    /// # Errors
    /// What the command says.
    pub async fn key(&self) -> Result<String> {
        self.told(&["card"], "card", "key").await
    }

    /// Its card, which customers pin.
    ///
    /// # Errors
    /// What the command says.
    pub async fn card(&self) -> Result<String> {
        self.told(&["card"], "card", "card").await
    }

    /// Invites an agent, and returns the link.
    ///
    /// # Errors
    /// What the command says.
    pub async fn invite(&self, name: &str) -> Result<String> {
        self.told(&["agent", "invite", name], "invited", "link").await
    }

    /// Invites a supervisor, and returns the link.
    ///
    /// # Errors
    /// What the command says.
    pub async fn invite_supervisor(&self, name: &str) -> Result<String> {
        self.told(&["agent", "invite", name, "--supervisor"], "invited", "link").await
    }

    /// Vouches for everybody who has enrolled.
    ///
    /// # Errors
    /// When that is nobody.
    pub async fn issue(&self) -> Result<()> {
        self.told(&["agent", "issue"], "issued", "agent").await.map(drop)
    }

    /// Takes back an agent.
    ///
    /// # Errors
    /// What the command says.
    pub async fn revoke(&self, name: &str) -> Result<()> {
        self.told(&["agent", "revoke", name, "--yes"], "revoked", "agent").await.map(drop)
    }

    /// The id under which the server knows an agent.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn id(&self, name: &str) -> Result<String> {
        let events = self.run(&["agent", "list"]).await?;
        let fits = |event: &&Value| event.get("name").and_then(Value::as_str) == Some(name);
        field(events.iter().find(fits).context("no such agent")?, "agent")
    }

    /// Where its keys and its list lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The portal: a browser with the page `/agent`.
#[derive(Debug)]
pub struct Portal<B = Browser> {
    /// Its browser.
    pub browser: B,
    url: String,
    /// Chromium's authenticator, which is there as long as this is.
    authenticator: Option<DevTools>,
}

impl Portal {
    /// Opens the page of a server in a browser of this kind, which is not enrolled. Chromium has an authenticator that says
    /// yes to everything; Firefox has none.
    ///
    /// # Errors
    /// When the browser or the page does not start.
    pub async fn blank_in(kind: Kind, server: &str) -> Result<Self> {
        Self::around(Browser::start(kind).await?, server).await
    }
}

impl<B: Borrow<Browser>> Portal<B> {
    /// The same in a browser that the caller started.
    ///
    /// # Errors
    /// When the page does not start.
    pub async fn around(browser: B, server: &str) -> Result<Self> {
        let authenticator = match browser.borrow().kind() {
            Kind::Chromium => Some(authenticator(browser.borrow()).await?),
            Kind::Firefox => None,
        };
        let portal = Self { browser, url: format!("{server}/agent"), authenticator };
        portal.load("stranger").await?;
        Ok(portal)
    }

    fn browser(&self) -> &Browser {
        self.browser.borrow()
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Loads the page and waits for the stage that it begins with: `stranger`, or `signed-out`.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn load(&self, stage: &str) -> Result<()> {
        self.browser().go(&self.url).await?;
        self.stage(stage).await
    }

    /// Waits until the agent is at this stage.
    ///
    /// # Errors
    /// When that does not come, with what can be read instead.
    pub async fn stage(&self, name: &str) -> Result<()> {
        let browser = self.browser();
        let script = "return document.documentElement.dataset.stage ?? null";
        let what = format!("the stage {name}");
        let reached = until(&what, async || (browser.run(script).await.ok()? == json!(name)).then_some(())).await;
        let Err(error) = reached else { return Ok(()) };
        Err(error.context(format!(
            "the page reads {:?}, its console {:?}",
            browser.text().await,
            browser.console().await
        )))
    }

    /// Presses what the screen suggests.
    ///
    /// # Errors
    /// When there is no such button.
    pub async fn go_on(&self) -> Result<()> {
        self.press(".desk button.primary").await
    }

    /// Presses what fits a selector, as soon as it is there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn press(&self, selector: &str) -> Result<()> {
        until(&format!("{selector} is pressed"), async || {
            let found = self.browser().driver.find(thirtyfour::By::Css(selector)).await.ok()?;
            found.click().await.ok()
        })
        .await
    }

    /// Opens an enrolment link.
    ///
    /// # Errors
    /// When the portal takes it for none.
    pub async fn follow(&self, link: &str) -> Result<()> {
        self.browser().go("about:blank").await?;
        self.browser().go(link).await?;
        self.stage("invited").await
    }

    /// Enrols this browser by a link: with a passkey where it has an authenticator, otherwise without.
    ///
    /// # Errors
    /// When that fails.
    pub async fn enrol(&self, link: &str) -> Result<()> {
        self.follow(link).await?;
        let how = if self.authenticator.is_some() { ".desk button.primary" } else { ".desk button.plain" };
        self.press(how).await?;
        self.stage("signed-out").await
    }

    /// Signs in, to this stage: `ready`, or `unvouched`.
    ///
    /// # Errors
    /// When it comes to another.
    pub async fn sign_in(&self, stage: &str) -> Result<()> {
        self.stage("signed-out").await?;
        self.go_on().await?;
        self.stage(stage).await
    }

    /// Says which case and why, and waits for the field for the code.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn look(&self, case: &str, reason: &str) -> Result<()> {
        self.stage("ready").await?;
        self.browser().write("case", case).await?;
        self.browser().write("reason", reason).await?;
        self.go_on().await?;
        self.browser().screen("enter").await
    }

    /// What went wrong, as it stands at the desk.
    ///
    /// # Errors
    /// When nothing stands there.
    pub async fn problem(&self) -> Result<String> {
        let browser = self.browser();
        let script =
            "const p = document.querySelector('.desk > .notice.bad'); return p && !p.hidden ? p.innerText : null";
        let told = until("a problem at the desk", async || {
            browser.run(script).await.ok()?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        });
        told.await.with_context(|| format!("at {}", self.url))
    }

    /// Presses End, says what came of it, and returns the reason that the page of the end gives.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn end(&self) -> Result<String> {
        self.browser().tap("end").await?;
        self.browser().shows("#outcome-end").await?;
        self.browser().tap("outcome-end").await?;
        self.browser().reason().await
    }

    /// After somebody else ended the session: says what came of it, or nothing, and returns the reason that the page of the end gives.
    ///
    /// # Errors
    /// When it is not asked, or the page does not come.
    pub async fn over(&self, said: Option<&str>) -> Result<String> {
        let browser = self.browser();
        browser.shows("#outcome-none").await?;
        match said {
            None => browser.tap("outcome-none").await?,
            Some(text) => {
                browser.write("outcome-text", text).await?;
                browser.tap("outcome-end").await?;
            }
        }
        browser.reason().await
    }
}

/// Gives a browser an authenticator of its own, for as long as what is returned is kept.
async fn authenticator(browser: &Browser) -> Result<DevTools> {
    let mut tools = browser.connect_devtools().await?;
    let page = tools.page().await?;
    tools.call(Some(&page), "WebAuthn.enable", json!({})).await?;
    let options = json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
        "isUserVerified": true, "automaticPresenceSimulation": true,
    });
    tools.call(Some(&page), "WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await?;
    Ok(tools)
}

/// What the organisation is called.
pub const ORGANISATION: &str = "City Hospital";

/// What the agent is called.
pub const AGENT: &str = "Sam Okoro";

/// A server that lets an organisation in, and a customer's device that has pinned it.
#[derive(Debug)]
pub struct Place {
    /// The customer's device.
    pub device: Device,
    /// The organisation.
    pub organisation: Organisation,
    /// What stands between everybody and the server.
    pub line: Proxy,
    /// The real server.
    pub server: Server,
}

impl Place {
    /// With an account of this name.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn new(customer: &str) -> Result<Self> {
        Self::with(customer, &[]).await
    }

    /// The same, with settings of the server: `name=value`.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn with(customer: &str, settings: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let url = format!("http://localhost:{port}");
        let organisation = Organisation::found(&url, ORGANISATION).await?;
        let more: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        Self::of(customer, port, organisation, &more).await
    }

    /// With an organisation that was made for this port of `localhost`, and more arguments for the server.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn of(customer: &str, port: u16, organisation: Organisation, more: &[&str]) -> Result<Self> {
        let url = format!("http://localhost:{port}");
        let listed = format!("organisations={}", organisation.key().await?);
        let own = ["--set", &format!("public_origins={url}"), "--set", &listed];
        let server = Server::with(&[&own, more].concat()).await?;
        let line = Proxy::start(port, &server.url(), Arc::new(Honest)).await?;
        let device = Device::named(&url, customer).await?;
        device.run(&["chain", "pin", ORGANISATION, "--card", &organisation.card().await?]).await?;
        Ok(Self { device, organisation, line, server })
    }

    /// The address that everybody uses.
    #[must_use]
    pub fn url(&self) -> String {
        named(&self.line)
    }
}

/// The address of a line, under a name: passkeys want one.
fn named(line: &Proxy) -> String {
    line.url().replace("127.0.0.1", "localhost")
}

/// A server that lets an organisation in, the portal of its agent, and a customer's device that has pinned it. All of them
/// reach the server by one line.
#[derive(Debug)]
pub struct Desk<B = Browser> {
    /// The agent's browser.
    pub portal: Portal<B>,
    /// The customer's device.
    pub device: Device,
    /// Whose agent it is.
    pub organisation: Organisation,
    /// What stands between everybody and the server.
    pub line: Proxy,
    /// The real server.
    pub server: Server,
}

impl Desk {
    /// A desk in a browser of this kind, which is not enrolled.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn blank(kind: Kind) -> Result<Self> {
        Self::around(Browser::start(kind)).await
    }

    /// A desk whose agent is enrolled, vouched for and signed in.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn ready(kind: Kind) -> Result<Self> {
        let desk = Self::blank(kind).await?;
        desk.hire().await?;
        Ok(desk)
    }

    /// Another agent of the organisation, in a browser of its own, who is signed in.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn another(&self, kind: Kind, name: &str) -> Result<Portal> {
        let portal = Portal::blank_in(kind, &self.url()).await?;
        portal.enrol(&self.organisation.invite(name).await?).await?;
        self.organisation.issue().await?;
        portal.sign_in("ready").await?;
        Ok(portal)
    }
}

impl<B: Borrow<Browser>> Desk<B> {
    /// A desk in a browser that the caller starts; it is not enrolled.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn around(browser: impl Future<Output = Result<B>>) -> Result<Self> {
        Self::at(Place::new("Alex Quintessence").await?, browser).await
    }

    /// A desk at a place that is there.
    ///
    /// # Errors
    /// When the browser or its page does not start.
    pub async fn at(place: Place, browser: impl Future<Output = Result<B>>) -> Result<Self> {
        let Place { device, organisation, line, server } = place;
        let portal = Portal::around(browser.await?, &named(&line)).await?;
        Ok(Self { portal, device, organisation, line, server })
    }

    /// The address that everybody uses.
    #[must_use]
    pub fn url(&self) -> String {
        named(&self.line)
    }

    /// Enrols, vouches and signs in.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn hire(&self) -> Result<()> {
        self.portal.enrol(&self.organisation.invite(AGENT).await?).await?;
        self.organisation.issue().await?;
        self.portal.sign_in("ready").await
    }

    /// The customer shows a code to an agent.
    ///
    /// # Errors
    /// What the command says.
    pub async fn show_code(&self, more: &[&str]) -> Result<Lending> {
        self.device.lend(&[&["--agent", "--everything"], more].concat()).await
    }

    /// A look from the case to the session on the screen, by an agent who is signed in.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn lend(&self, case: &str, reason: &str, more: &[&str]) -> Result<Lending> {
        self.portal.look(case, reason).await?;
        let mut lending = self.show_code(more).await?;
        let browser = self.portal.browser.borrow();
        browser.type_code(&lending.code).await?;
        approve(&mut lending).await?;
        browser.screen("session").await?;
        Ok(lending)
    }
}

/// The customer sees who asks and says yes; returns what was seen.
///
/// # Errors
/// When nobody asks whom the organisation vouches for.
pub async fn approve(lending: &mut Lending) -> Result<Value> {
    let asked = lending.event("agent").await?;
    lending.tell(json!({ "do": "approve-agent" })).await?;
    lending.event("granted").await?;
    Ok(asked)
}
