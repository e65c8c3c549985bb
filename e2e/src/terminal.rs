//! A terminal with a command in it, as a person sees it and presses its keys.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// A command on a terminal. It is killed when this is dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keys: File,
    pieces: UnboundedReceiver<Vec<u8>>,
    /// What was shown and not waited for yet.
    shown: String,
}

impl Terminal {
    /// Starts a command on a terminal of its own, which does not say how wide it is.
    ///
    /// # Errors
    /// When there is no terminal, or the command does not start.
    pub fn start(mut command: Command) -> Result<Self> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?;
        let theirs = File::options().read(true).write(true).open(name.to_str()?)?;
        let stdio = || Ok::<_, std::io::Error>(Stdio::from(OwnedFd::from(theirs.try_clone()?)));
        command.env("TERM", "xterm").env("NO_COLOR", "1").stdin(stdio()?).stdout(stdio()?).stderr(stdio()?);
        let child = command.kill_on_drop(true).spawn()?;
        let keys = File::from(ours);
        let mut screen = keys.try_clone()?;
        let (send, pieces) = unbounded_channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read) = screen.read(&mut buffer) {
                let piece = buffer.get(..read).unwrap_or_default();
                if piece.is_empty() || send.send(piece.to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, keys, pieces, shown: String::new() })
    }

    /// Waits until this stands on the screen, behind what was waited for before; gives what came before it.
    ///
    /// # Errors
    /// When it does not come, with what stands there.
    pub async fn then(&mut self, text: &str) -> Result<String> {
        loop {
            if let Some((before, rest)) = self.shown.split_once(text) {
                let (before, rest) = (before.to_owned(), rest.to_owned());
                self.shown = rest;
                return Ok(before);
            }
            match timeout(PATIENCE, self.pieces.recv()).await {
                Ok(Some(piece)) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Ok(None) | Err(_) => bail!("no {text:?} in {}", self.shown),
            }
        }
    }

    /// The digits of the code that is shown next.
    ///
    /// # Errors
    /// When none is.
    pub async fn code(&mut self) -> Result<String> {
        let screen = self.then("press q.").await?;
        let digits = |line: &&str| {
            line.len() >= 10 && line.chars().all(|character| character.is_ascii_digit() || character == ' ')
        };
        let code = screen.lines().map(str::trim).find(digits).with_context(|| format!("no code in {screen}"))?;
        Ok(code.to_owned())
    }

    /// Presses keys.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn presses(&mut self, keys: &str) -> Result<()> {
        Ok(self.keys.write_all(keys.as_bytes())?)
    }

    /// Waits until the command has ended.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(timeout(PATIENCE, self.child.wait()).await.with_context(|| format!("it goes on: {}", self.shown))??)
    }
}
