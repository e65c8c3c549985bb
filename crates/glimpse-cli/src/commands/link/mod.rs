//! `glimpse link` and `glimpse join`: one more device in the account.

mod attend;
mod person;
mod programs;

use std::path::Path;

use glimpse_core::code::PairingCode;
use glimpse_core::linking::CodeForm;
use glimpse_device::linking::{self, Added, Way, parse_code};
use glimpse_device::native::{Awaited, Framed};
use glimpse_device::{Device, DeviceError};
use glimpse_wire::ErrorCode;
use glimpse_wire::pairing::Purpose;
use serde_json::json;

use super::chain::span;
use super::devices::argument;
use crate::args::{Join, Link, Shared};
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::text::{clean, date};
use crate::{home, passphrase, prompts};
use attend::{Ends, attended, ends};
use person::{Course, Task, told};

pub(super) async fn add(shared: &Shared, link: &Link, out: Out) -> Result<u8, Failure> {
    if !out.is_json() && !out.can_ask() {
        return Err(Failure::usage(
            "Linking needs a person to say yes, and there is nobody to ask.",
            "Run it in a terminal, or with --json and approve with the words on the other screen.",
        ));
    }
    let code = given_code(&link.code, OF_JOIN)?;
    let device = home::unlock(shared, out).await?;
    let code = match code {
        None if link.ask => Some(asked_code(OF_JOIN, out).await?),
        code => code,
    };
    let way = way(code, form(link.digits), link.local.as_deref(), out).await?;
    let Ends { mut commands, tell, room } = ends();
    let mut show = |event| drop(tell.unbounded_send(event));
    let linking = device.link(way, &mut commands, &mut show);
    let there = format!("glimpse join --server {}{}", clean(device.server()), over(link.local.as_deref()));
    let task = Task { there, digits: "glimpse link --digits" };
    let added = attended(linking, room, task, out).await?.map_err(|(error, course)| not_added(error, course))?;
    say_added(&added, out)
}

fn say_added(added: &Added, out: Out) -> Result<u8, Failure> {
    let id = added.device.to_string();
    out.event(&json!({
        "event": "linked",
        "device": id,
        "name": added.name,
        "held_millis": added.held,
        "told": added.told,
    }))?;
    out.line(&format!("{} {}", out.styled(Style::Green, "Linked:"), told(&added.name, &id)))?;
    if added.held > 0 {
        out.note(&format!("It is held back for {}. Every other device can take it out.", span(added.held)));
    }
    if !added.told {
        out.note("It did not say that it has the account's key. Run `glimpse join --resume` there.");
    }
    out.note(&format!("To take it out again: glimpse revoke {}", argument(&added.device)));
    Ok(0)
}

pub(super) async fn join(shared: &Shared, join: &Join, out: Out) -> Result<u8, Failure> {
    let ground = match &join.phone {
        Some(phone) => home::watch_ground(shared, phone)?,
        None => home::new_ground(shared)?,
    };
    let code = given_code(&join.code, OF_LINK)?;
    home::require_empty(shared).await?;
    if join.local.is_none() {
        // Before anything is typed in vain.
        home::reach(&ground).await.map_err(|failure| home::by_phone(join.phone.as_deref(), failure))?;
    }
    if join.resume {
        let passphrase = passphrase::ask(shared.passphrase_file.as_deref(), out).await?;
        let device = linking::resume(&ground, &passphrase).await.map_err(not_resumed)?;
        return say_joined(&device, out);
    }
    // Before the code, whose time is short.
    let passphrase = passphrase::ask_new(shared.passphrase_file.as_deref(), out).await?;
    let code = match code {
        None if !join.show => Some(asked_code(OF_LINK, out).await?),
        code => code,
    };
    let way = way(code, form(join.digits), join.local.as_deref(), out).await?;
    let Ends { mut commands, tell, room } = ends();
    let mut show = |event| drop(tell.unbounded_send(event));
    let phone = join.phone.as_ref().map(|phone| std::path::absolute(phone).map(|phone| phone.display().to_string()));
    let plan = linking::Join {
        name: join.name.clone(),
        serial: join.serial.clone(),
        passphrase: &passphrase,
        phone: phone.transpose()?,
    };
    let joining = linking::join(&ground, plan, way, &mut commands, &mut show);
    let there = format!("glimpse link --ask{}", over(join.local.as_deref()));
    let task = Task { there, digits: "glimpse join --show --digits" };
    let joined = attended(joining, room, task, out).await?;
    let device = joined.map_err(|(error, course)| home::by_phone(join.phone.as_deref(), not_joined(error, course)))?;
    say_joined(&device, out)
}

/// How the other device is told to meet this one over a socket.
fn over(local: Option<&Path>) -> String {
    local.map_or_else(String::new, |path| format!(" --local {}", clean(&path.display().to_string())))
}

fn say_joined(device: &Device, out: Out) -> Result<u8, Failure> {
    out.event(&json!({
        "event": "joined",
        "account": device.account().to_string(),
        "device": device.keys().id().to_string(),
        "server": device.server(),
    }))?;
    out.line(&format!("{} on {}", out.styled(Style::Green, "This device is in the account"), device.server()))?;
    out.line(&format!("Account  {}", device.account()))?;
    let own = device.chain().active(&device.keys().id()).map(|member| member.free_at);
    match own.filter(|free| *free > device.now()) {
        Some(free) => {
            out.note(&format!(
                "It is held back until {} UTC: it gets no record and lends nothing before.",
                date(free.0)
            ));
            out.note("Until then every other device of the account can take it out. They are told that it joined.");
        }
        None => out.note("`glimpse ls` shows the records. Your other devices are told that this one joined."),
    }
    Ok(0)
}

const fn form(digits: bool) -> CodeForm {
    if digits { CodeForm::Typed } else { CodeForm::Qr }
}

/// Where a code comes from that `link` takes.
const OF_JOIN: &str = "Take the code that `glimpse join --show` shows on the new device.";
/// Where a code comes from that `join` takes.
const OF_LINK: &str = "Take the code that `glimpse link` shows on a device of the account.";

fn given_code(words: &[String], from: &str) -> Result<Option<PairingCode>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    read_code(&words.join(" "), from).map(Some)
}

/// A code that links. One that lends is none, and is told apart for whoever mixed them up.
fn read_code(text: &str, from: &str) -> Result<PairingCode, Failure> {
    parse_code(text).map_err(|code| {
        let mut failure = Failure::from(code);
        if PairingCode::parse(text, Purpose::View).is_ok() {
            failure.message = "This is a code for lending: it links no device.".to_owned();
            from.clone_into(&mut failure.next);
        }
        failure
    })
}

/// Asks until what is typed is a code: a slip costs nothing.
async fn asked_code(from: &str, out: Out) -> Result<PairingCode, Failure> {
    if !out.can_ask() {
        return Err(Failure::usage(
            "No code was given, and there is nobody to ask.",
            "Give it, or --show to show one here.",
        ));
    }
    out.note("Type or paste the code that the other device shows.");
    loop {
        let question = || dialoguer::Input::<String>::new().with_prompt("Code").interact_text();
        let typed = prompts::ask(out, question).await?.ok_or_else(left)?;
        match read_code(&typed, from) {
            Ok(code) => return Ok(code),
            Err(failure) => out.report(&failure, None)?,
        }
    }
}

async fn way(code: Option<PairingCode>, form: CodeForm, local: Option<&Path>, out: Out) -> Result<Way, Failure> {
    Ok(match (code, local) {
        (None, None) => Way::Show(form),
        (Some(code), None) => Way::Type(code),
        (None, Some(path)) => {
            let socket = Awaited::listen(path).map_err(|error| Failure::output(path, &error))?;
            out.event(&json!({ "event": "waiting", "socket": path }))?;
            Way::ShowLocal(form, Box::new(socket))
        }
        (Some(code), Some(path)) => {
            let socket = Framed::connect(path).await.map_err(|error| {
                let mut failure = Failure::input(path, &error.to_string());
                failure.next = "Start the device that shows the code first: it makes the socket.".to_owned();
                failure
            })?;
            Way::TypeLocal(code, Box::new(socket))
        }
    })
}

/// The person here broke it off.
fn left() -> Failure {
    Failure::said(ErrorCode::Declined, "You broke it off. Nothing was linked.", "Start again when you are ready.")
}

const SOMEBODY: &str = "Somebody may be in between. Start again with both devices in front of you, or with --local.";

/// Why no device came into the account, for whoever has the account.
#[expect(clippy::wildcard_enum_match_arm, reason = "`ErrorCode` is non-exhaustive")]
fn not_added(error: DeviceError, course: Course) -> Failure {
    let Some(code) = error.code() else { return error.into() };
    match code {
        ErrorCode::Declined if course.none_of_these => {
            Failure::said(code, "You saw none of these words. Nothing was linked.", SOMEBODY)
        }
        ErrorCode::Declined if course.left => left(),
        ErrorCode::CodeWrong if course.words => {
            Failure::said(code, "The other device shows other words. Nothing was linked.", SOMEBODY)
        }
        ErrorCode::Declined => {
            Failure::said(code, "The other device broke it off. Nothing was linked.", "Start again on both devices.")
        }
        ErrorCode::ApprovalTimedOut => {
            Failure::said(code, "Nobody said yes in time. Nothing was linked.", "Start again on both devices.")
        }
        ErrorCode::NotFound => Failure::said(code, LOST, "Start again on both devices."),
        ErrorCode::Conflict if course.words => Failure::said(code, OVERTAKEN, "Start again on both devices."),
        ErrorCode::Conflict => Failure::said(
            code,
            "The other device is in an account already. Nothing was linked.",
            "Run `glimpse join` on the device that is to come into the account, and `glimpse link` on one of it.",
        ),
        other => with_code(other, error),
    }
}

const LOST: &str = "The server lost this linking. Nothing was linked.";
const OVERTAKEN: &str = "The account's log of devices went on meanwhile. Nothing was linked.";

/// Why this device did not come into the account.
#[expect(clippy::wildcard_enum_match_arm, reason = "`ErrorCode` is non-exhaustive")]
fn not_joined(error: DeviceError, course: Course) -> Failure {
    let Some(code) = error.code() else { return error.into() };
    match code {
        ErrorCode::Declined if course.left => left(),
        ErrorCode::CodeWrong if course.words => {
            Failure::said(code, "Other words were picked on the other device. Nothing was linked.", SOMEBODY)
        }
        ErrorCode::Declined => Failure::said(
            code,
            "The person at the other device said no. Nothing was linked.",
            "If that is you, start again on both devices and compare the words.",
        ),
        ErrorCode::ApprovalTimedOut => {
            Failure::said(code, "Nobody said yes in time. Nothing was linked.", "Start again on both devices.")
        }
        // The other device may have added it all the same.
        ErrorCode::NotFound if course.invited => Failure::said(
            code,
            "The server lost this linking before it was done.",
            "If `glimpse devices` shows this one there: `glimpse join --resume`. If not, start again on both devices.",
        ),
        ErrorCode::NotFound => Failure::said(code, LOST, "Start again on both devices."),
        ErrorCode::Conflict if course.words => Failure::said(code, OVERTAKEN, "Start again on both devices."),
        other => with_code(other, error),
    }
}

/// Where the code is at fault, another one is needed; it may have been shown on either device.
fn with_code(code: ErrorCode, error: DeviceError) -> Failure {
    let mut failure = Failure::from(error);
    if matches!(
        code,
        ErrorCode::CodeUnknown
            | ErrorCode::CodeWrong
            | ErrorCode::CodeUsed
            | ErrorCode::CodeExpired
            | ErrorCode::PairingBroken
    ) {
        failure.next = "Nothing was linked. Start again on both devices, with a new code.".to_owned();
    }
    failure
}

fn not_resumed(error: DeviceError) -> Failure {
    let mut failure = Failure::from(error);
    if failure.code == "no-account" {
        failure.message = "No linking of this home waits to be gone on with.".to_owned();
        failure.next = "Begin with `glimpse link` on a device of the account, and `glimpse join` here.".to_owned();
    }
    failure
}
