//! `glimpse lend`: shows a code, asks, lends, mirrors, ends.

mod adding;
mod after;
mod choose;
mod fields;
mod json;
pub(super) mod keys;
pub(super) mod large;
mod report;
mod screen;

use core::cell::RefCell;
use std::collections::BTreeSet;

use futures_channel::mpsc;
use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, select_biased};
use glimpse_content::reduce::Fields;
use glimpse_device::lend::{Ending, FieldChoice, Plan, Withheld};
use glimpse_device::{Device, DeviceError};
use glimpse_wire::{ErrorCode, RecordId};

use crate::args::{Lend, Shared};
use crate::failure::{Failure, exit_code};
use crate::out::Out;
use crate::{home, interrupt, passphrase};
use after::Again;
pub(super) use fields::{fields, named};
use keys::Keys;
use report::Report;
pub(super) use screen::agent::fault_word;
use screen::{Ended, Errand, Left, Screen};

pub(super) async fn run(shared: &Shared, lend: &Lend, out: Out) -> Result<u8, Failure> {
    if !out.is_json() && !out.can_ask() {
        return Err(Failure::usage(
            "Lending needs a person to say yes, and there is nobody to ask.",
            "Run it in a terminal, or with --json and approve with the words on the other screen.",
        ));
    }
    let ground = home::known_ground(shared).await?;
    let passphrase = passphrase::ask(shared.passphrase_file.as_deref(), out).await?;
    let device = Device::unlock(&ground, &passphrase).await?;
    if shared.passphrase_file.is_none() && !out.is_json() {
        // Typed by hand a moment ago, which is what ten failures in a day ask for.
        device.forgive_failures().await?;
    }
    let mut choice = choose::choose(&device, lend, out).await?;
    if out.is_json() {
        return json::run(&device, choice, out).await;
    }
    loop {
        let plan = choice.plan(&device, out).await?;
        match one_code(&device, plan, out).await? {
            Outcome::Ended { ending, by, lent, less } => {
                let goes_on = match by {
                    Some(Ended::HandedOver) => true,
                    Some(Ended::Quit) => false,
                    // The agent ended it, or its time: a colleague of theirs may go on.
                    None => choice.is_for_agent() && after::colleague(out).await?,
                };
                if !goes_on {
                    return Ok(finished(&ending));
                }
                choice.extend(lent, less);
            }
            Outcome::NewCode => {}
            Outcome::Left(how) => return Err(how),
            Outcome::Failed(failure, about) => {
                out.report(&failure, None)?;
                match after::again(out, about.as_ref()).await? {
                    Again::NewCode => {}
                    Again::Leave => return Ok(failure.exit),
                }
            }
        }
    }
}

/// The fields of a record that may be lent on top, and a choice among them; none where its kind has none.
async fn fields_of(device: &Device, record: RecordId, out: Out) -> Result<Option<(FieldChoice, Fields)>, Failure> {
    let version = fields::opened(device, record).await?;
    let found = fields::fields_if_any(device, &version, out).await?;
    Ok(found.map(|found| (FieldChoice::of(&version), found)))
}

/// What to cut out of these records before they are lent on top.
async fn without(
    device: &Device,
    records: Vec<RecordId>,
    wishes: &fields::Wishes,
    out: Out,
) -> Result<Vec<Withheld>, Failure> {
    let mut withheld = Vec::new();
    for record in records {
        let version = fields::opened(device, record).await?;
        withheld.extend(fields::withheld(device, &[version], wishes, out).await?);
    }
    Ok(withheld)
}

/// What a code led to.
enum Outcome {
    Ended {
        ending: Ending,
        /// How the person here ended it, if they did.
        by: Option<Ended>,
        lent: BTreeSet<RecordId>,
        less: fields::Wishes,
    },
    /// The person wanted another one.
    NewCode,
    /// The person wants no more of it.
    Left(Failure),
    /// With what there is to report about whoever asked.
    Failed(Failure, Option<Report>),
}

/// One code in a terminal.
async fn one_code(device: &Device, plan: Plan, out: Out) -> Result<Outcome, Failure> {
    let (todo, mut commands) = mpsc::unbounded();
    let mut pressed = Keys::start()?;
    let screen = RefCell::new(Screen::new(&plan, device.server(), todo.clone(), out));
    let ended = {
        let mut show = |event| screen.borrow_mut().event(event);
        let lending = device.lend(plan, &mut commands, &mut show);
        let watching = async {
            loop {
                select_biased! {
                    key = pressed.next().fuse() => screen.borrow_mut().key(key),
                    () = tokio::time::sleep(core::time::Duration::from_secs(1)).fuse() => screen.borrow_mut().tick(),
                }
                let errand = screen.borrow_mut().errand();
                match errand {
                    None => {}
                    Some(Errand::List) => {
                        let listing = device.listing().await;
                        screen.borrow_mut().offer(listing);
                    }
                    Some(Errand::Fields(record)) => {
                        let found = fields_of(device, record, out).await;
                        screen.borrow_mut().ask_fields(record, found);
                    }
                    Some(Errand::Without(choice)) => {
                        let record = choice.record();
                        let withheld = without(device, vec![record], &[(record, choice)].into(), out).await;
                        screen.borrow_mut().lend_without(record, withheld);
                    }
                }
            }
        };
        let attended = async {
            futures_util::pin_mut!(lending, watching);
            match select(lending, watching).await {
                Either::Left((ended, _)) => ended,
                Either::Right((never, _)) => never,
            }
        };
        interruptible(attended, || screen.borrow_mut().interrupted()).await
    };
    drop(pressed);
    let mut screen = screen.borrow_mut();
    screen.over(&ended);
    let about = screen.about();
    let failed = |failure| Outcome::Failed(failure, about.clone());
    Ok(match ended {
        Ok(ending) => {
            let (by, lent, less) = screen.handed_over();
            Outcome::Ended { ending, by, lent, less }
        }
        Err(error) => match screen.left().filter(|_| declined(&error) || before_session(&error, &screen)) {
            Some(Left::NewCode) => Outcome::NewCode,
            Some(Left::BrokeOff) => Outcome::Left(left()),
            Some(Left::SaidNo) => Outcome::Left(said_no()),
            Some(Left::NoneOfThese) => failed(none_of_these()),
            None if before_session(&error, &screen) => failed(viewer_left()),
            None if error.code() == Some(ErrorCode::NotFound) && screen.has_code() => failed(Failure::said(
                ErrorCode::NotFound,
                "The server lost this code. Nothing was shared.",
                "Start again with a new one.",
            )),
            None => failed(shown(error.into())),
        },
    })
}

/// The person here broke it off.
fn left() -> Failure {
    Failure::said(ErrorCode::Declined, "You broke it off. Nothing was shared.", "Start again when you are ready.")
}

/// The person here said no to whoever asked.
fn said_no() -> Failure {
    Failure::said(ErrorCode::Declined, "You said no. Nothing was shared.", "Start again when you want to lend.")
}

/// What the protocol says of a code to whoever types it, in words for whoever shows it.
fn shown(mut failure: Failure) -> Failure {
    if failure.is_of_code() {
        let next = if failure.code == ErrorCode::CodeExpired.slug() {
            "Show a new one."
        } else {
            "Show a new one. If it was not the person whom you told it, somebody guesses."
        };
        next.clone_into(&mut failure.next);
    }
    failure
}

fn declined(error: &DeviceError) -> bool {
    error.code() == Some(ErrorCode::Declined)
}

/// It was ended before there was a session that could be.
fn before_session(error: &DeviceError, screen: &Screen) -> bool {
    error.code() == Some(ErrorCode::SessionEnded) && !screen.has_lent()
}

/// Whoever has a code and leaves before the yes has seen nothing.
fn viewer_left() -> Failure {
    Failure::said(
        ErrorCode::Declined,
        "The other side left. Nothing was shared.",
        "Ask them, then start again with a new code.",
    )
}

/// Where the words on the other screen were none of those offered.
fn none_of_these() -> Failure {
    Failure::said(
        ErrorCode::Declined,
        "You saw none of these words. Nothing was shared.",
        "Somebody may be in between. Try again only with the other screen in front of you.",
    )
}

/// Runs `lending`; an interrupt has `end` ask it to end, and it tells the other side and closes everything before it does.
async fn interruptible(
    lending: impl Future<Output = Result<Ending, DeviceError>>,
    mut end: impl FnMut(),
) -> Result<Ending, DeviceError> {
    let _attending = interrupt::attend();
    futures_util::pin_mut!(lending);
    let mut asked = false;
    loop {
        match select(lending, std::pin::pin!(interrupt::asked())).await {
            Either::Left((ended, _)) => return ended,
            // Asked twice: what could not be told to the server ends there by itself.
            Either::Right(((), _)) if asked => return Err(ErrorCode::SessionEnded.into()),
            Either::Right(((), waiting)) => {
                asked = true;
                end();
                lending = waiting;
            }
        }
    }
}

/// The exit code of a session that ran.
fn finished(ending: &Ending) -> u8 {
    match (ending.code, &ending.audit) {
        // The trail does not hold, whatever else happened.
        (_, None) if ending.told => exit_code(ErrorCode::RecordTampered),
        (ErrorCode::SessionEnded | ErrorCode::SessionExpired, _) => 0,
        (code, _) => exit_code(code),
    }
}

/// Lines of standard input, from a thread of their own.
pub(super) fn read_lines() -> mpsc::UnboundedReceiver<String> {
    let (send, receive) = mpsc::unbounded();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { break };
            if send.unbounded_send(line).is_err() {
                break;
            }
        }
    });
    receive
}

/// The next of them. Never comes once the input is closed: that is no command.
pub(super) async fn next_line(lines: &mut mpsc::UnboundedReceiver<String>) -> String {
    match lines.next().await {
        Some(line) => line,
        None => futures_util::future::pending().await,
    }
}
