//! An identity provider (OpenID Connect), as an organisation has one: somebody else's program, from the npm registry.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use thirtyfour::By;
use tokio::process::Command;

use crate::browser::Browser;
use crate::program::Program;
use crate::server::free_port;
use crate::wait::until;

/// What the provider calls the server that is tested, and the secret between them.
pub const CLIENT: &str = "glimpse";
/// See [`CLIENT`].
pub const SECRET: &str = "a secret between two machines";

/// A running provider, at which whoever types a name is that name.
#[derive(Debug)]
pub struct Provider {
    process: Program,
    issuer: String,
}

impl Provider {
    /// One that sends browsers back to the portal of the server at `url`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(url: &str) -> Result<Self> {
        crate::provide_tls();
        let script: PathBuf = std::env::var_os("GLIMPSE_PROVIDER")
            .context("GLIMPSE_PROVIDER names no provider.mjs: run by cargo xtask test")?
            .into();
        let port = free_port()?;
        let issuer = format!("http://127.0.0.1:{port}");
        let (portal, window) = (format!("{url}/agent"), format!("{url}/agent/sign-in"));
        let arguments = [&port.to_string(), CLIENT, SECRET, &portal, &window];
        let process = Program::start(Command::new("node").arg(script).args(arguments))?;
        let provider = Self { process, issuer };
        let about = format!("{}/.well-known/openid-configuration", provider.issuer);
        let ready = until("the identity provider is ready", async || {
            reqwest::get(&about).await.ok()?.status().is_success().then_some(())
        });
        ready.await.with_context(|| provider.process.complaints())?;
        Ok(provider)
    }

    /// As it calls itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs in there in a browser that the portal has sent.
    ///
    /// # Errors
    /// When the browser is not there, or the provider does not let this person in.
    pub async fn sign_in(&self, browser: &Browser, who: &str) -> Result<()> {
        self.arrived(browser).await?;
        let field = |name: &str| browser.driver.find(By::Css(format!("input[name={name}]")));
        field("login").await?.send_keys(who).await?;
        field("password").await?.send_keys("anything").await?;
        field("login").await?.find(By::XPath("ancestor::form")).await?.find(By::Css("button")).await?.click().await?;
        Ok(())
    }

    /// Breaks it off there: the provider sends the browser back without a code.
    ///
    /// # Errors
    /// When the browser is not there.
    pub async fn cancel(&self, browser: &Browser) -> Result<()> {
        self.arrived(browser).await?;
        let cancel = "const link = [...document.links].find((each) => each.href.endsWith('/abort')); link?.click(); return !!link";
        let pressed = browser.run(cancel).await?;
        ensure!(pressed == true, "the provider offers no way out");
        Ok(())
    }

    async fn arrived(&self, browser: &Browser) -> Result<()> {
        let here = format!("{}/", self.issuer);
        let there = until("the browser is at the provider", async || {
            let place = browser.driver.current_url().await.ok()?;
            let field = browser.run("return !!document.querySelector('input[name=login]')").await.ok()?;
            (place.as_str().starts_with(&here) && field == true).then_some(())
        })
        .await;
        let Err(error) = there else { return Ok(()) };
        Err(error.context(format!(
            "it is at {:?} and reads {:?}",
            browser.driver.current_url().await,
            browser.text().await
        )))
    }
}
