//! An organisation in a folder of its own.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::device::{PASSPHRASE, field, is, write_private};
use crate::program::own;

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
