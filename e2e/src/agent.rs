//! Agents: an organisation, the portal as an agent works with it, and a customer's device.

mod organisation;
mod portal;

use std::borrow::Borrow;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::organisation::Organisation;
pub use self::portal::Portal;
use crate::browser::{Browser, Kind};
use crate::device::{Device, Lending, NAME, write_private};
use crate::provider::{CLIENT, SECRET};
use crate::proxy::{Honest, Proxy, Tamper};
use crate::server::{Server, free_port};

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
        Self::behind(Arc::new(Honest), customer, port, organisation, more).await
    }

    /// The same where a hostile server stands between everybody and the real one.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn behind(
        tamper: Arc<dyn Tamper>,
        customer: &str,
        port: u16,
        organisation: Organisation,
        more: &[&str],
    ) -> Result<Self> {
        let url = format!("http://localhost:{port}");
        let listed = format!("organisations={}", organisation.key().await?);
        let own = ["--set", &format!("public_origins={url}"), "--set", &listed];
        let server = Server::with(&[&own, more].concat()).await?;
        let line = Proxy::start(port, &server.url(), tamper).await?;
        let device = Device::named(&url, customer).await?;
        device.run(&["chain", "pin", ORGANISATION, "--card", &organisation.card().await?]).await?;
        Ok(Self { device, organisation, line, server })
    }

    /// The same whose organisation has its agents sign in at an identity provider. The folder holds the provider's secret and
    /// the settings of the server.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn at_provider(
        customer: &str,
        port: u16,
        organisation: Organisation,
        issuer: &str,
        more: &[&str],
    ) -> Result<(Self, TempDir)> {
        let folder = tempfile::tempdir()?;
        let (secret, settings) = (folder.path().join("secret"), folder.path().join("glimpse.toml"));
        write_private(&secret, SECRET).await?;
        let key = organisation.key().await?;
        let text = format!(
            "[providers.{key:?}]\nissuer = {issuer:?}\nclient_id = {CLIENT:?}\nclient_secret_file = {secret:?}\n"
        );
        tokio::fs::write(&settings, text).await?;
        let settings = settings.display().to_string();
        let more = [["--config", settings.as_str()].as_slice(), more].concat();
        Ok((Self::of(customer, port, organisation, &more).await?, folder))
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
        Self::at(Place::new(NAME).await?, browser).await
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
