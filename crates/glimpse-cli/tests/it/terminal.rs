//! A terminal with the command in it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, channel};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::world::World;

/// A terminal with a command in it.
pub(crate) struct Terminal {
    pub(crate) child: Child,
    keys: File,
    pieces: mpsc::Receiver<Vec<u8>>,
    pub(crate) shown: String,
}

impl Terminal {
    pub(crate) fn start(world: &World, arguments: &[&str]) -> Self {
        Self::start_with(world.command(arguments))
    }

    /// One whose questions are taken back after a second.
    pub(crate) fn impatient(world: &World, arguments: &[&str]) -> Self {
        let mut command = world.command(arguments);
        command.env("GLIMPSE_LOCK_AFTER", "1");
        Self::start_with(command)
    }

    pub(crate) fn start_with(command: std::process::Command) -> Self {
        // A terminal that does not say how wide it is.
        Self::start_wide(command, 0)
    }

    /// One of so many columns.
    pub(crate) fn start_wide(mut command: std::process::Command, columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let size = rustix::termios::Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&ours, size).unwrap();
        let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let stdio = || Stdio::from(OwnedFd::from(theirs.try_clone().unwrap()));
        command.env("TERM", "xterm").stdin(stdio()).stdout(stdio()).stderr(stdio());
        let child = command.spawn().unwrap();
        let keys = File::from(ours);
        let mut screen = keys.try_clone().unwrap();
        let (send, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read) = screen.read(&mut buffer) {
                if read == 0 || send.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keys, pieces, shown: String::new() }
    }

    /// Waits until `text` is on the screen; gives everything from it on.
    pub(crate) fn sees(&mut self, text: &str) -> String {
        while !self.shown.contains(text) {
            let piece = self.pieces.recv_timeout(Duration::from_secs(20));
            let piece = piece.unwrap_or_else(|_| panic!("no {text:?} in {}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&piece));
        }
        self.shown.split_off(self.shown.find(text).unwrap())
    }

    /// Waits until `text` is on the screen, behind what was waited for before.
    pub(crate) fn then(&mut self, text: &str) {
        let rest = self.sees(text);
        self.shown = rest[text.len()..].to_owned();
    }

    /// As `sees`, and the rest of what comes until a line ends with `end`.
    pub(crate) fn sees_until(&mut self, text: &str, end: &str) -> String {
        let begun = self.sees(text);
        self.shown = begun;
        while !self.shown.contains(end) {
            let piece = self.pieces.recv_timeout(Duration::from_secs(20));
            self.shown.push_str(&String::from_utf8_lossy(&piece.expect("the rest comes")));
        }
        self.shown.clone()
    }

    pub(crate) fn presses(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).unwrap();
    }
}

impl Terminal {
    /// Ctrl-C: the command is not the leader of this terminal's session, so the signal goes to it by name.
    pub(crate) fn interrupts(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    /// Answers a question for a secret: what is typed before the terminal hides it is thrown away.
    pub(crate) fn confides(&mut self, question: &str, secret: &str) {
        self.then(question);
        self.hides();
        self.presses(&format!("{secret}\r"));
    }

    /// Waits until what is typed is not shown.
    pub(crate) fn hides(&self) {
        while self.echoes() {
            std::thread::yield_now();
        }
    }

    /// Whether what is typed is shown.
    pub(crate) fn echoes(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&self.keys).unwrap().local_modes;
        modes.contains(rustix::termios::LocalModes::ECHO)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The key of the pair, as the screen numbers it.
pub(crate) fn key_for(screen: &str, words: &str) -> String {
    let line =
        screen.lines().find(|line| line.trim().ends_with(words)).unwrap_or_else(|| panic!("{words} in {screen}"));
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    // The last digit before the words: what comes before may be a colour.
    digits.chars().next_back().unwrap().to_string()
}
