//! `glimpse receive CODE`: a viewer in a terminal, and for programs.

mod json;
mod terminal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use glimpse_core::code::PairingCode;
use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Content, Input, Running, Stage};
use glimpse_device::home::Home;
use glimpse_device::native::{Files, Machine};
use glimpse_device::receive::Receiver;
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, UnitId};
use zeroize::Zeroizing;

use crate::args::{Receive, Shared};
use crate::failure::{Failure, exit_code};
use crate::files::Target;
use crate::out::Out;
use crate::text::file_name;
use crate::{home, prompts};

pub(super) async fn run(shared: &Shared, receive: &Receive, out: Out) -> Result<u8, Failure> {
    let code = code(receive, out).await?;
    let network = home::network(&server(shared).await?)?;
    if let Some(folder) = &receive.out {
        fs::create_dir_all(folder).map_err(|error| Failure::output(folder, &error))?;
    }
    let claims = Claims {
        origin: String::new(),
        build: concat!("glimpse ", env!("CARGO_PKG_VERSION")).to_owned(),
        program: format!("glimpse receive on {}", std::env::consts::OS),
    };
    let config = Config { claims, purpose: Purpose::View, asking: Asking::default(), bearer: None };
    let mut receiver = Receiver::new(Rc::new(network), Rc::new(Machine::new()), config);
    receiver.input(Input::Code(code.as_str().to_owned())).await;
    let folder = receive.out.as_deref();
    if out.is_json() { json::run(receiver, folder, out).await } else { terminal::run(receiver, folder, out).await }
}

/// From the command line, or asked, so that it stays out of the shell's history.
async fn code(receive: &Receive, out: Out) -> Result<Zeroizing<String>, Failure> {
    if !receive.code.is_empty() {
        let code = Zeroizing::new(receive.code.join(" "));
        require_lending(&code)?;
        return Ok(code);
    }
    if !out.can_ask() {
        return Err(Failure::usage("No code was given.", "Give the one that the other screen shows."));
    }
    out.note("Type the code that the other screen shows.");
    // A slip costs nothing.
    loop {
        let question = || dialoguer::Input::<String>::new().with_prompt("Code").interact_text();
        // Nothing is unlocked here: whoever is asked may take their time.
        let typed = prompts::ask(out.patient(), question).await?.map(Zeroizing::new).ok_or_else(left)?;
        match require_lending(&typed) {
            Ok(()) => return Ok(typed),
            Err(failure) => out.report(&failure, None)?,
        }
    }
}

/// A code that lends. One that links is none, and is told apart for whoever mixed them up.
fn require_lending(text: &str) -> Result<(), Failure> {
    let Err(code) = PairingCode::parse(text, Purpose::View) else { return Ok(()) };
    let mut failure = Failure::from(code);
    if PairingCode::parse(text, Purpose::Link).is_ok() {
        "This is a code for linking: it lends nothing.".clone_into(&mut failure.message);
        "To bring this device into the account: `glimpse join`. To look at what is lent, take the code of `glimpse lend`."
            .clone_into(&mut failure.next);
    }
    Err(failure)
}

/// The person here broke it off, before anything was lent.
fn left() -> Failure {
    Failure::said(ErrorCode::Declined, "You broke it off. Nothing was received.", "Start again when you are ready.")
}

/// The records were lent to be looked at, and this side wanted to keep them.
fn not_to_save() -> Failure {
    let next = "Start again without --out, or ask for a code of `glimpse lend --save`.";
    Failure {
        code: "save-not-granted".to_owned(),
        ..Failure::said(ErrorCode::NotGranted, "You may look at these records, and not save them.", next)
    }
}

/// The server that the command line names, or that of the account in the home.
async fn server(shared: &Shared) -> Result<String, Failure> {
    if let Some(server) = &shared.server {
        return Ok(server.clone());
    }
    let home = Home::new(Rc::new(Files::new(home::folder(shared)?)));
    home.profile().await?.map(|profile| profile.server).ok_or_else(|| {
        Failure::usage("No server was named.", "Give --server URL: the site that the other screen shows.")
    })
}

/// The exit code of a session that was looked at.
const fn finished(code: ErrorCode) -> u8 {
    if matches!(code, ErrorCode::SessionEnded | ErrorCode::SessionExpired) { 0 } else { exit_code(code) }
}

/// Why a unit failed, once it has.
fn failure_of(running: &Running, unit: UnitId) -> Option<ErrorCode> {
    running.openings().find(|opening| opening.unit == unit).and_then(|opening| match opening.stage {
        Stage::Failed(code) => Some(code),
        Stage::Preparing | Stage::Asking | Stage::Loading | Stage::Done => None,
    })
}

/// Units on their way into a folder.
struct Saving {
    folder: PathBuf,
    targets: BTreeMap<UnitId, (PathBuf, Target)>,
}

impl Saving {
    fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), targets: BTreeMap::new() }
    }

    /// Writes a piece; gives the file's name with the last.
    fn take(&mut self, running: &Running, piece: &Content) -> Result<Option<PathBuf>, Failure> {
        if !self.targets.contains_key(&piece.unit) {
            let path = self.folder.join(name(running, piece.unit));
            let target = Target::begin(&path, false)?;
            self.targets.insert(piece.unit, (path, target));
        }
        if let Some((path, target)) = self.targets.get_mut(&piece.unit) {
            target.write(&piece.bytes).map_err(|error| Failure::output(path, &error))?;
        }
        if !piece.last {
            return Ok(None);
        }
        match self.targets.remove(&piece.unit) {
            Some((path, target)) => target.finish().map(|()| Some(path)),
            None => Ok(None),
        }
    }
}

/// The lender's file name, made safe, with the unit's id so that no two are the same.
fn name(running: &Running, unit: UnitId) -> String {
    let meta = running.unit(&unit).map(|unit| &unit.meta);
    let own = meta.map(|meta| if meta.file_name.is_empty() { &meta.title } else { &meta.file_name });
    let safe = file_name(own.map_or("", String::as_str));
    match safe.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 10 => format!("{stem}-{unit}.{extension}"),
        Some(_) | None => format!("{safe}-{unit}"),
    }
}
