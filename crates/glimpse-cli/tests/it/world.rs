//! A server, homes in a scratch folder, and the command.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};

use glimpse_server::Settings;
use glimpse_server::test_server::{ScratchFolder, TestServer};
use serde_json::Value;
use tokio::runtime::Runtime;

/// The server runs on its own threads, so that tests can wait for processes.
pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) folder: ScratchFolder,
    pub(crate) home: PathBuf,
    runtime: Runtime,
}

impl World {
    /// With an account in the home.
    pub(crate) fn start() -> Self {
        let world = Self::empty(|_| {});
        let created = world.glimpse(&["account", "create", "--name", "Mara"]);
        assert!(created.status.success(), "{created:?}");
        world
    }

    pub(crate) fn empty(change: impl FnOnce(&mut Settings)) -> Self {
        let runtime = Runtime::new().unwrap();
        let clock = std::sync::Arc::new(glimpse_server::SystemClock::new());
        let server = runtime.block_on(TestServer::start_with(clock, change));
        let folder = ScratchFolder::new().unwrap();
        let home = folder.path().join("home");
        let world = Self { server, folder, home, runtime };
        world.secret("passphrase", "correct horse battery\n");
        world
    }

    /// The server stops, its data are changed, and it goes on.
    pub(crate) fn stopped(&mut self, change: impl FnOnce(&Path)) {
        self.runtime.block_on(async {
            self.server.stop().await;
            change(self.server.data());
            self.server.resume().await.unwrap();
        });
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A file that only its owner can read.
    pub(crate) fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.file(name, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Another machine.
    pub(crate) fn at(&self, name: &str) -> Place<'_> {
        Place { world: self, home: self.path(name) }
    }

    /// The machine with the account.
    pub(crate) fn here(&self) -> Place<'_> {
        Place { world: self, home: self.home.clone() }
    }

    /// The command, with home, server and passphrase.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.env("GLIMPSE_SERVER", self.server.url());
        command
    }

    /// The same without a server.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse"));
        for name in ["GLIMPSE_SERVER", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.env("GLIMPSE_HOME", &self.home).env("GLIMPSE_PASSPHRASE_FILE", self.path("passphrase"));
        command.args(arguments);
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn glimpse(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs with `--json` and gives the events.
    pub(crate) fn events(&self, arguments: &[&str]) -> Vec<Value> {
        self.here().events(arguments)
    }

    pub(crate) fn add(&self, path: &Path) -> String {
        let events = self.events(&["add", path.to_str().unwrap()]);
        events[0]["record"].as_str().unwrap_or_else(|| panic!("{events:?}")).to_owned()
    }

    pub(crate) fn listed(&self) -> Vec<Value> {
        self.events(&["ls"]).into_iter().filter(|event| event["event"] == "record").collect()
    }

    /// Starts with `--json`, spoken to line by line.
    pub(crate) fn program(&self, arguments: &[&str]) -> Program {
        self.here().program(arguments)
    }
}

/// A machine: a home of its own.
pub(crate) struct Place<'w> {
    pub(crate) world: &'w World,
    pub(crate) home: PathBuf,
}

impl Place<'_> {
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(arguments);
        command.env("GLIMPSE_HOME", &self.home);
        command
    }

    pub(crate) fn glimpse(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs with `--json` and gives the events.
    pub(crate) fn events(&self, arguments: &[&str]) -> Vec<Value> {
        self.ends(arguments).0
    }

    /// The same, and the exit code.
    pub(crate) fn ends(&self, arguments: &[&str]) -> (Vec<Value>, i32) {
        let all: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        let output = self.glimpse(&all);
        let lines = String::from_utf8(output.stdout).unwrap();
        (lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), output.status.code().unwrap())
    }

    /// How it fails: the code of the error, and the exit code.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> (String, i32) {
        let (events, exit) = self.ends(arguments);
        let last = events.last().unwrap();
        assert_eq!(last["event"], "error", "{events:?}");
        (last["code"].as_str().unwrap().to_owned(), exit)
    }

    /// Starts with `--json`, spoken to line by line.
    pub(crate) fn program(&self, arguments: &[&str]) -> Program {
        let all: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        let mut child = self.command(&all).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        Program { input: child.stdin.take(), child, events, said: Vec::new() }
    }

    /// Brings `other` into the account that is here; gives the id of its device.
    pub(crate) fn links(&self, other: &Place<'_>, name: &str) -> String {
        let mut adder = self.program(&["link"]);
        let code = adder.event("code")["qr"].as_str().unwrap().to_owned();
        let mut joiner = other.program(&["join", "--name", name, &code]);
        let words = joiner.event("words")["words"].clone();
        adder.event("asked");
        adder.does(&serde_json::json!({ "do": "approve", "words": words }));
        let device = adder.event("linked")["device"].as_str().unwrap().to_owned();
        joiner.event("joined");
        assert!(joiner.ends().1.success() && adder.ends().1.success());
        device
    }
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A command that runs and is spoken to in JSON.
pub(crate) struct Program {
    pub(crate) child: Child,
    input: Option<ChildStdin>,
    events: Lines<BufReader<ChildStdout>>,
    said: Vec<Value>,
}

impl Program {
    /// The next event of this name.
    pub(crate) fn event(&mut self, name: &str) -> Value {
        loop {
            let line = self.events.next().unwrap_or_else(|| panic!("no {name} after {:?}", self.said)).unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            self.said.push(event.clone());
            if event["event"] == name {
                return event;
            }
        }
    }

    /// The newest event of this name that was read already.
    pub(crate) fn last(&self, name: &str) -> &Value {
        let found = self.said.iter().rev().find(|event| event["event"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.said))
    }

    pub(crate) fn does(&mut self, command: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
    }

    pub(crate) fn hangs_up(&mut self) {
        self.input = None;
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; gives every event and the exit status.
    pub(crate) fn ends(mut self) -> (Vec<Value>, ExitStatus) {
        let rest = self.events.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        self.said.extend(rest);
        (std::mem::take(&mut self.said), self.child.wait().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
