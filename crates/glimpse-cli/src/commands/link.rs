//! `glimpse link` and `glimpse join`: one more device in the account.

use core::cell::RefCell;
use std::path::Path;

use futures_channel::mpsc;
use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, select_biased};
use glimpse_core::code::PairingCode;
use glimpse_core::linking::CodeForm;
use glimpse_core::words::CheckWords;
use glimpse_device::DeviceError;
use glimpse_device::chain::Cosigned;
use glimpse_device::linking::{self, Added, Command, Event, Way, parse_code};
use glimpse_device::native::Framed;
use glimpse_wire::ErrorCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::devices::short;
use super::lend::{interrupt, large, next_line, read_lines};
use crate::args::{Join, Link, Shared};
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::text::{clean, count};
use crate::{home, passphrase, prompts};

/// A command as a program writes it.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Line {
    Approve { words: String },
    Second { signed: String },
    Cancel,
}

impl TryFrom<Line> for Command {
    type Error = ErrorCode;

    fn try_from(line: Line) -> Result<Self, ErrorCode> {
        Ok(match line {
            Line::Approve { words } => Self::Approve { words },
            Line::Second { signed } => Self::Second(signed.parse().map_err(|_| ErrorCode::Malformed)?),
            Line::Cancel => Self::Cancel,
        })
    }
}

pub(super) async fn add(shared: &Shared, link: &Link, out: Out) -> Result<u8, Failure> {
    if !out.is_json() && !out.can_ask() {
        return Err(Failure::usage(
            "Linking needs a person to say yes, and there is nobody to ask.",
            "Run it in a terminal, or with --json and approve with the words on the other screen.",
        ));
    }
    let device = home::unlock(shared, out).await?;
    let code = given_code(&link.code)?;
    let way = way(code, form(link.digits), link.local.as_deref(), out).await?;
    let (todo, mut commands) = mpsc::unbounded();
    let (tell, told) = mpsc::unbounded();
    let mut show = |event| drop(tell.unbounded_send(event));
    let linking = device.link(way, &mut commands, &mut show);
    let added: Added = attended(linking, told, &todo, out).await?;
    out.event(&json!({
        "event": "linked",
        "device": added.device.to_string(),
        "name": added.name,
        "held_millis": added.held,
        "told": added.told,
    }))?;
    let id = added.device.to_string();
    out.line(&format!("{} {} {}", out.styled(Style::Green, "Linked:"), short(&id), clean(&added.name)))?;
    if added.held > 0 {
        out.note(&format!("It is held back for {}. Every other device can take it out.", days(added.held)));
    }
    if !added.told {
        out.note("It did not say that it has the account's key. Run `glimpse join --resume` there.");
    }
    out.note(&format!("To take it out again: glimpse revoke {}", short(&id)));
    Ok(0)
}

pub(super) async fn join(shared: &Shared, join: &Join, out: Out) -> Result<u8, Failure> {
    let ground = match &join.phone {
        Some(phone) => home::watch_ground(shared, phone)?,
        None => home::new_ground(shared)?,
    };
    if join.resume {
        let passphrase = passphrase::ask(shared.passphrase_file.as_deref(), out).await?;
        let device = linking::resume(&ground, &passphrase).await?;
        return joined(&device, out);
    }
    let code = match given_code(&join.code)? {
        None if !join.show => Some(asked_code(out).await?),
        code => code,
    };
    let passphrase = passphrase::ask_new(shared.passphrase_file.as_deref(), out).await?;
    let way = way(code, form(join.digits), join.local.as_deref(), out).await?;
    let (todo, mut commands) = mpsc::unbounded();
    let (tell, told) = mpsc::unbounded();
    let mut show = |event| drop(tell.unbounded_send(event));
    let phone = join.phone.as_ref().map(|phone| std::path::absolute(phone).map(|phone| phone.display().to_string()));
    let plan = linking::Join {
        name: join.name.clone(),
        serial: join.serial.clone(),
        passphrase: &passphrase,
        phone: phone.transpose()?,
    };
    let joining = linking::join(&ground, plan, way, &mut commands, &mut show);
    let device = attended(joining, told, &todo, out).await?;
    joined(&device, out)
}

fn joined(device: &glimpse_device::Device, out: Out) -> Result<u8, Failure> {
    out.event(&json!({
        "event": "joined",
        "account": device.account().to_string(),
        "device": device.keys().id().to_string(),
        "server": device.server(),
    }))?;
    out.line(&format!("{} on {}", out.styled(Style::Green, "This device is in the account"), device.server()))?;
    out.line(&format!("Account  {}", device.account()))?;
    out.note("`glimpse ls` shows the records. Your other devices are told that this one joined.");
    Ok(0)
}

const fn form(digits: bool) -> CodeForm {
    if digits { CodeForm::Typed } else { CodeForm::Qr }
}

fn given_code(words: &[String]) -> Result<Option<PairingCode>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    Ok(Some(parse_code(&words.join(" "))?))
}

async fn asked_code(out: Out) -> Result<PairingCode, Failure> {
    if !out.can_ask() {
        return Err(Failure::usage("No code was given.", "Give it, or --show to show one here."));
    }
    let question = || dialoguer::Input::<String>::new().with_prompt("Code on the other device").interact_text();
    let typed = prompts::ask(out, question).await?.ok_or(ErrorCode::Declined)?;
    Ok(parse_code(&typed)?)
}

async fn way(code: Option<PairingCode>, form: CodeForm, local: Option<&Path>, out: Out) -> Result<Way, Failure> {
    Ok(match (code, local) {
        (None, None) => Way::Show(form),
        (Some(code), None) => Way::Type(code),
        (None, Some(path)) => {
            out.note(&format!("Waiting for the other device at {}", path.display()));
            out.event(&json!({ "event": "waiting", "socket": path }))?;
            let socket = Framed::accept(path).await.map_err(|error| Failure::output(path, &error))?;
            Way::ShowLocal(form, Box::new(socket))
        }
        (Some(code), Some(path)) => {
            let socket = Framed::connect(path).await.map_err(|error| Failure::input(path, &error.to_string()))?;
            Way::TypeLocal(code, Box::new(socket))
        }
    })
}

/// Runs a linking with somebody in front of it: a person, or a program.
async fn attended<T>(
    linking: impl Future<Output = Result<T, DeviceError>>,
    mut told: mpsc::UnboundedReceiver<Event>,
    todo: &mpsc::UnboundedSender<Command>,
    out: Out,
) -> Result<T, Failure> {
    let shown = RefCell::new(Ok(()));
    let mut lines = out.is_json().then(read_lines);
    let watching = async {
        loop {
            let line = async {
                match &mut lines {
                    Some(lines) => next_line(lines).await,
                    None => futures_util::future::pending().await,
                }
            };
            let step = select_biased! {
                event = told.next().fuse() => match event {
                    Some(event) => show(event, todo, out).await,
                    None => futures_util::future::pending().await,
                },
                line = Box::pin(line).fuse() => command(&line, todo, out),
                () = Box::pin(interrupt()).fuse() => {
                    drop(todo.unbounded_send(Command::Cancel));
                    Ok(())
                }
            };
            if let Err(failure) = step {
                *shown.borrow_mut() = Err(failure);
                drop(todo.unbounded_send(Command::Cancel));
            }
        }
    };
    let done = {
        futures_util::pin_mut!(linking);
        match select(linking, std::pin::pin!(watching)).await {
            Either::Left((done, _)) => done,
            Either::Right((never, _)) => never,
        }
    };
    shown.into_inner()?;
    Ok(done?)
}

fn command(line: &str, todo: &mpsc::UnboundedSender<Command>, out: Out) -> Result<(), Failure> {
    let read = serde_json::from_str::<Line>(line).map_err(|error| error.to_string());
    match read.and_then(|line| Command::try_from(line).map_err(|code| code.to_string())) {
        Ok(command) => {
            drop(todo.unbounded_send(command));
            Ok(())
        }
        Err(message) => out.event(&json!({ "event": "error", "code": "usage", "message": message })),
    }
}

async fn show(event: Event, todo: &mpsc::UnboundedSender<Command>, out: Out) -> Result<(), Failure> {
    out.event(&as_json(&event))?;
    match event {
        Event::Code { code, qr, expires_in } => {
            match &qr {
                Some(text) => {
                    large::qr(text).iter().for_each(|row| out.note(row));
                    out.note(&format!("To paste in place of scanning: {}", text.as_str()));
                }
                None => out.note(&format!("Code  {}", out.styled(Style::Bold, &code))),
            }
            out.note(&format!(
                "It links a device to the account, for good. It ends in {}. Nobody who calls you needs it.",
                count(expires_in.div_ceil(1_000), "second")
            ));
        }
        Event::Connecting => out.note("The other device is there."),
        Event::Words { words, .. } => {
            out.note(&format!(
                "Pick these words on the other device:  {}",
                out.styled(Style::Bold, &words.to_string())
            ));
        }
        Event::Asked { device, name, serial, same_machine, words, held, .. } => {
            let name = if name.is_empty() { "A device without a name".to_owned() } else { clean(&name) };
            out.note(&format!("{} wants to be in the account ({}).", name, short(&device.to_string())));
            if !serial.is_empty() {
                out.note(&format!("Serial number, as it says: {}", clean(&serial)));
            }
            if !same_machine.is_empty() {
                let before: Vec<String> = same_machine.iter().map(|id| short(&id.to_string()).to_owned()).collect();
                let warning = format!("This machine was linked before, as {}.", before.join(", "));
                out.note(&out.styled(Style::Yellow, &warning));
            }
            out.note("It will read everything, and write as you do. Is it in front of you, and is nobody on the phone asking for this?");
            if held > 0 {
                out.note(&format!("The account's rules hold it back for {}.", days(held)));
            }
            if !out.is_json() {
                let picked = pick(words, out).await?;
                drop(todo.unbounded_send(picked.map_or(Command::Cancel, |words| Command::Approve { words })));
            }
        }
        Event::Invited { held } => {
            out.note("The other device said yes.");
            if held > 0 {
                out.note(&format!("This device is held back for {}.", days(held)));
            }
        }
        Event::NeedsSecond(proposal) => {
            out.note("The account's rules want a second device to sign. Run this there:");
            out.note(&format!("glimpse cosign {proposal}"));
            if !out.is_json() {
                drop(todo.unbounded_send(second(out).await?.map_or(Command::Cancel, Command::Second)));
            }
        }
        Event::Accepted => out.note("It is in the account's log of devices."),
        Event::Crowded => out.note("Somebody else tried the code, and was refused. If that was not you, press Ctrl-C."),
    }
    Ok(())
}

/// The words on the other screen; nothing for a no.
async fn pick(words: [CheckWords; 4], out: Out) -> Result<Option<String>, Failure> {
    let mut items: Vec<String> = vec!["None of these: do not link it".to_owned()];
    items.extend(words.iter().map(ToString::to_string));
    let shown = items.clone();
    let question = move || {
        dialoguer::Select::new()
            .with_prompt("Which words does the other device show?")
            .items(&shown)
            .default(0)
            .interact()
    };
    let picked = prompts::ask(out, question).await?;
    Ok(picked.filter(|place| *place > 0).and_then(|place| items.get(place).cloned()))
}

/// What the second device gave; nothing for a no.
async fn second(out: Out) -> Result<Option<Cosigned>, Failure> {
    let question = || dialoguer::Input::<String>::new().with_prompt("What it shows then").interact_text();
    let Some(typed) = prompts::ask(out, question).await? else { return Ok(None) };
    Ok(Some(typed.parse().map_err(|_| ErrorCode::Malformed)?))
}

fn as_json(event: &Event) -> Value {
    match event {
        Event::Code { code, qr, expires_in } => json!({
            "event": "code",
            "code": code.as_str(),
            "qr": qr.as_ref().map(|qr| qr.as_str()),
            "expires_in": expires_in,
        }),
        Event::Connecting => json!({ "event": "connecting" }),
        Event::Words { words, expires_in } => {
            json!({ "event": "words", "words": words.to_string(), "expires_in": expires_in })
        }
        Event::Asked { device, name, serial, same_machine, words, held, expires_in } => json!({
            "event": "asked",
            "device": device.to_string(),
            "name": name,
            "serial": serial,
            "same_machine": same_machine.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "words": words.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "held_millis": held,
            "expires_in": expires_in,
        }),
        Event::Invited { held } => json!({ "event": "invited", "held_millis": held }),
        Event::NeedsSecond(proposal) => json!({ "event": "needs-second", "proposal": proposal.to_string() }),
        Event::Accepted => json!({ "event": "accepted" }),
        Event::Crowded => json!({ "event": "crowded" }),
    }
}

fn days(millis: u64) -> String {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    if millis >= DAY { count(millis / DAY, "day") } else { count(millis.div_ceil(60_000), "minute") }
}
