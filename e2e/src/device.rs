//! The linked device: the real `glimpse` command, spoken to as a program does, by `--json`.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Program, own};

/// What lies under the keys of every device here.
pub const PASSPHRASE: &str = "four walls and a door";

/// What the owner of an account is called, where nothing else is said.
pub const NAME: &str = "Alex Quintessence";

/// An account and its one device, in a home of its own.
#[derive(Debug)]
pub struct Device {
    server: String,
    folder: TempDir,
}

impl Device {
    /// Founds an account at a server.
    ///
    /// # Errors
    /// What the command says.
    pub async fn create(server: &str) -> Result<Self> {
        Self::named(server, NAME).await
    }

    /// The same under a name.
    ///
    /// # Errors
    /// What the command says.
    pub async fn named(server: &str, name: &str) -> Result<Self> {
        let device = Self::blank(server).await?;
        device.run(&["account", "create", "--name", name]).await?;
        Ok(device)
    }

    /// A home without an account, for a device that is yet to come into one.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn blank(server: &str) -> Result<Self> {
        let device = Self { server: server.to_owned(), folder: tempfile::tempdir()? };
        write_private(&device.passphrase_file(), PASSPHRASE).await?;
        Ok(device)
    }

    /// One more device of this account, under a name.
    ///
    /// # Errors
    /// When it does not come into it.
    pub async fn another(&self, name: &str) -> Result<Self> {
        let newcomer = Self::blank(&self.server).await?;
        self.link(&newcomer, &["--name", name]).await?;
        Ok(newcomer)
    }

    /// The address by which it reaches its server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    fn passphrase_file(&self) -> PathBuf {
        self.folder.path().join("passphrase")
    }

    /// Removes the device's own count of failed pairings, as somebody with its disk could.
    ///
    /// # Errors
    /// The operating system's; none when there is no count.
    pub async fn forget_attempts(&self) -> Result<()> {
        match tokio::fs::remove_file(self.home().join("attempts.cbor")).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Where keys and state are kept.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A folder for files of the test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command, with home, server and passphrase.
    ///
    /// # Errors
    /// When it is not built.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(own("glimpse")?);
        command
            .args(["--json", "--server", &self.server])
            .arg("--home")
            .arg(self.home())
            .arg("--passphrase-file")
            .arg(self.passphrase_file())
            .args(arguments)
            .current_dir(self.folder.path());
        Ok(command)
    }

    /// The command as a person uses it, on this terminal.
    ///
    /// # Errors
    /// When it is not built.
    pub fn speaking(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(own("glimpse")?);
        command.arg("--home").arg(self.home()).arg("--passphrase-file").arg(self.passphrase_file());
        command.args(arguments).kill_on_drop(true);
        Ok(command)
    }

    /// Runs a command to its end, whatever that is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn attempt(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments)?.output().await?)
    }

    /// Runs a command to its end and returns its events.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let output = self.attempt(arguments).await?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "glimpse {}: {}\n{said}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        said.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// Adds a file and returns the record's id.
    ///
    /// # Errors
    /// What the command says.
    pub async fn add(&self, file: &Path) -> Result<String> {
        let events = self.run(&["add", &file.display().to_string()]).await?;
        let added = events.iter().find(|event| is(event, "added")).context("no record was added")?;
        field(added, "record")
    }

    /// Writes a file and adds it.
    ///
    /// # Errors
    /// What the command says.
    pub async fn add_bytes(&self, name: &str, content: impl AsRef<[u8]>) -> Result<String> {
        let file = self.folder.path().join(name);
        tokio::fs::write(&file, content).await?;
        self.add(&file).await
    }

    /// Starts a command that goes on, says events and takes commands.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin(&self, arguments: &[&str]) -> Result<Lending> {
        let process = Program::start(&mut self.command(arguments)?)?;
        Ok(Lending { process, code: String::new(), events: Vec::new() })
    }

    /// Runs a command that must fail, and returns the code of its last event.
    ///
    /// # Errors
    /// When it does not fail, or not with a code.
    pub async fn refused(&self, arguments: &[&str]) -> Result<String> {
        let output = self.attempt(arguments).await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(!output.status.success(), "glimpse {} went well: {said}", arguments.join(" "));
        let last = said.lines().last().with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        field(&serde_json::from_str(last)?, "code")
    }

    /// Starts lending, and returns once there is a code.
    ///
    /// # Errors
    /// What the command says.
    pub async fn lend(&self, arguments: &[&str]) -> Result<Lending> {
        let all: Vec<&str> = ["lend"].iter().chain(arguments).copied().collect();
        let mut lending = self.begin(&all)?;
        let shown = lending.event("code").await?;
        lending.code = field(&shown, "code")?;
        Ok(lending)
    }
}

/// A command that runs: `glimpse lend`, mostly.
#[derive(Debug)]
pub struct Lending {
    /// The process.
    pub process: Program,
    /// The code that a `lend` shows, `417 203 9186`.
    pub code: String,
    /// Every event so far.
    pub events: Vec<Value>,
}

impl Lending {
    /// Waits for an event of this name; others that come before are kept in `events`.
    ///
    /// # Errors
    /// When the command ends first, or says nothing for long.
    pub async fn event(&mut self, name: &str) -> Result<Value> {
        loop {
            let event = self.next().await.with_context(|| format!("waiting for {name}; so far: {:?}", self.events))?;
            if is(&event, name) {
                return Ok(event);
            }
            if is(&event, "error") || is(&event, "ended") {
                bail!("waiting for {name}, and there is {event}");
            }
        }
    }

    /// The next event, whatever it is.
    ///
    /// # Errors
    /// When the command ends, or says nothing for long.
    pub async fn next(&mut self) -> Result<Value> {
        let line = self.process.line().await?;
        let event: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        self.events.push(event.clone());
        Ok(event)
    }

    /// Gives a command.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn tell(&mut self, command: Value) -> Result<()> {
        self.process.say(&command.to_string()).await
    }

    /// Waits for the viewer and picks the words that its screen shows.
    ///
    /// # Errors
    /// When no viewer comes, or the words are not among those to pick from.
    pub async fn approve(&mut self, words: &str) -> Result<Value> {
        let peer = self.event("peer").await?;
        let choice = peer.get("words").and_then(Value::as_array).context("no words")?;
        ensure!(choice.iter().any(|pair| pair == words), "{words:?} is not among {choice:?}");
        self.tell(json!({ "do": "approve", "words": words })).await?;
        self.event("granted").await
    }

    /// Ends the session from the device, and returns what it says last.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn end(&mut self) -> Result<Value> {
        self.tell(json!({ "do": "end" })).await?;
        self.event_last().await
    }

    /// The last event, `ended` or `error`.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn event_last(&mut self) -> Result<Value> {
        loop {
            let event = self.next().await?;
            if is(&event, "ended") || is(&event, "error") {
                return Ok(event);
            }
        }
    }
}

/// A `glimpse receive`: the viewer in a terminal.
#[derive(Debug)]
pub struct Receiving(pub Lending);

impl Receiving {
    /// Types a code at a server.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(server: &str, code: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(own("glimpse")?);
        command.args(["--json", "--server", server, "receive", code]).args(arguments);
        let process = Program::start(&mut command)?;
        Ok(Self(Lending { process, code: code.to_owned(), events: Vec::new() }))
    }

    /// The words that it shows.
    ///
    /// # Errors
    /// When the pairing fails.
    pub async fn words(&mut self) -> Result<String> {
        field(&self.0.event("words").await?, "words")
    }
}

/// Is this the event of that name?
#[must_use]
pub fn is(event: &Value, name: &str) -> bool {
    event.get("event").and_then(Value::as_str) == Some(name)
}

/// A field that is a string.
///
/// # Errors
/// When it is not there.
pub fn field(event: &Value, name: &str) -> Result<String> {
    Ok(event.get(name).and_then(Value::as_str).with_context(|| format!("no {name} in {event}"))?.to_owned())
}

/// Writes a file that its owner alone may read.
///
/// # Errors
/// When it cannot be written.
pub async fn write_private(file: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    tokio::fs::write(file, text).await?;
    Ok(tokio::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).await?)
}
