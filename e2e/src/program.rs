//! Programs under test: found beside the test binary, watched line by line, and killed with whoever started them.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// Where a binary of this workspace is: named by the environment, or beside the binary that runs.
///
/// # Errors
/// Says what to run when it is not there.
pub fn own(name: &str) -> Result<PathBuf> {
    let variable = format!("{}_BIN", name.to_uppercase().replace('-', "_"));
    if let Some(named) = std::env::var_os(&variable) {
        return Ok(named.into());
    }
    let here = std::env::current_exe()?;
    // Tests lie in target/debug/deps, binaries in target/debug.
    let found = here.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.with_context(|| format!("{name} is not built: run `cargo build --workspace --bins`, or set {variable}"))
}

/// The root of the repository.
///
/// # Errors
/// When this crate was moved out of it.
pub fn root() -> Result<PathBuf> {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(PathBuf::from).context("e2e lies in the repository")
}

/// The static build of the page.
///
/// # Errors
/// Says what to run when it is not there.
pub fn dist() -> Result<PathBuf> {
    let folder = match std::env::var_os("GLIMPSE_DIST") {
        Some(named) => named.into(),
        None => root()?.join("dist"),
    };
    if !folder.join("headers.json").is_file() {
        bail!("no page in {}: run `cargo xtask page`, or set GLIMPSE_DIST to a build of it", folder.display());
    }
    Ok(folder)
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: UnboundedReceiver<String>,
    complaints: Arc<Mutex<String>>,
}

impl Program {
    /// Starts a program whose standard output is read line by line. It is killed when this is dropped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let (sender, lines) = unbounded_channel();
        let complaints = Arc::new(Mutex::new(String::new()));
        if let Some(stream) = child.stdout.take() {
            each_line(stream, move |line| drop(sender.send(line)));
        }
        if let Some(stream) = child.stderr.take() {
            let complaints = Arc::clone(&complaints);
            each_line(stream, move |line| {
                if let Ok(mut text) = complaints.lock() {
                    text.push_str(&line);
                    text.push('\n');
                }
            });
        }
        Ok(Self { name, stdin: child.stdin.take(), child, lines, complaints })
    }

    /// The next line of its standard output.
    ///
    /// # Errors
    /// When it ended or said nothing for a long time; with what it complained of.
    pub async fn line(&mut self) -> Result<String> {
        match timeout(PATIENCE, self.lines.recv()).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => bail!("{} ended:\n{}", self.name, self.complaints()),
            Err(_) => bail!("{} said nothing for {PATIENCE:?}:\n{}", self.name, self.complaints()),
        }
    }

    /// Writes one line to its standard input.
    ///
    /// # Errors
    /// When it ended.
    pub async fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().with_context(|| format!("{} listens no more", self.name))?;
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(stdin.flush().await?)
    }

    /// Closes its standard input.
    pub fn hush(&mut self) {
        self.stdin = None;
    }

    /// What it wrote to its standard error so far.
    #[must_use]
    pub fn complaints(&self) -> String {
        self.complaints.lock().map(|text| text.clone()).unwrap_or_default()
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let status = timeout(PATIENCE, self.child.wait()).await;
        Ok(status.with_context(|| format!("{} goes on: {}", self.name, self.complaints()))??)
    }

    /// Kills it as the kernel does: no signal handler runs.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to end, as a supervisor does.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(kill_process(id.with_context(|| format!("{} has ended", self.name))?, signal)?)
    }
}

fn each_line(stream: impl AsyncRead + Unpin + Send + 'static, mut take: impl FnMut(String) + Send + 'static) {
    let mut lines = BufReader::new(stream).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            take(line);
        }
    });
}
