//! A linking with somebody in front of it: a person, or a program.

use core::cell::RefCell;

use futures_channel::mpsc;
use futures_util::future::{Either, pending, select};
use futures_util::{FutureExt, StreamExt, select_biased};
use glimpse_device::DeviceError;
use glimpse_device::chain::Cosigned;
use glimpse_device::linking::{Command, Commands, Event};

use super::person::{Course, Person, Task};
use super::programs;
use crate::commands::lend::keys::{Key, Keys};
use crate::commands::lend::{next_line, read_lines};
use crate::failure::Failure;
use crate::out::Out;
use crate::{interrupt, prompts};

/// What happens next.
enum Step {
    Event(Event),
    Line(String),
    Key(Key),
    Stop,
}

/// Both ends of what a linking tells and is told.
pub(super) struct Ends {
    pub(super) commands: Commands,
    pub(super) tell: mpsc::UnboundedSender<Event>,
    pub(super) room: Room,
}

/// Where somebody sits.
pub(super) struct Room {
    told: mpsc::UnboundedReceiver<Event>,
    todo: mpsc::UnboundedSender<Command>,
}

pub(super) fn ends() -> Ends {
    let (todo, commands) = mpsc::unbounded();
    let (tell, told) = mpsc::unbounded();
    Ends { commands, tell, room: Room { told, todo } }
}

/// How a linking came out, and how far it had come.
pub(super) type Outcome<T> = Result<T, (DeviceError, Course)>;

/// Runs `linking` to its end. An interrupt asks it to end, and it tells the other side before it does.
///
/// # Errors
/// Of the output and of the terminal: the linking is ended by them.
pub(super) async fn attended<T>(
    linking: impl Future<Output = Result<T, DeviceError>>,
    room: Room,
    task: Task,
    out: Out,
) -> Result<Outcome<T>, Failure> {
    let _attending = interrupt::attend();
    let Room { mut told, todo } = room;
    let person = RefCell::new(Person::new(task, todo, out));
    let failed = RefCell::new(None);
    let watching = async {
        let mut stop = Box::pin(interrupt::asked());
        let mut lines = out.is_json().then(read_lines);
        let mut keys: Option<Keys> = None;
        loop {
            let line = async {
                match &mut lines {
                    Some(lines) => next_line(lines).await,
                    None => pending().await,
                }
            };
            let key = async {
                match &mut keys {
                    Some(keys) => keys.next().await,
                    None => pending().await,
                }
            };
            let step = select_biased! {
                event = told.next().fuse() => match event {
                    Some(event) => Step::Event(event),
                    None => pending().await,
                },
                line = Box::pin(line).fuse() => Step::Line(line),
                key = Box::pin(key).fuse() => Step::Key(key),
                () = (&mut stop).fuse() => Step::Stop,
            };
            let taken = match step {
                Step::Event(event) => {
                    // First the keys: what is pressed as soon as the question stands there must not be taken for a line.
                    let asks = matches!(event, Event::Asked { .. }) && !out.is_json();
                    match asks.then(Keys::start).transpose() {
                        Ok(started) => {
                            keys = started.or(keys);
                            happened(event, &person, out).await
                        }
                        Err(failure) => Err(failure),
                    }
                }
                Step::Line(line) => program(&line, &person, out),
                Step::Key(key) => {
                    person.borrow_mut().key(key);
                    if !person.borrow().is_asked() {
                        keys = None;
                    }
                    Ok(())
                }
                Step::Stop => {
                    stop = Box::pin(interrupt::asked());
                    // The terminal has shown what was pressed.
                    out.note("");
                    person.borrow_mut().does(Command::Cancel);
                    Ok(())
                }
            };
            if let Err(failure) = taken {
                *failed.borrow_mut() = Some(failure);
                person.borrow_mut().does(Command::Cancel);
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
    // What it told last: nothing that is left in between is lost.
    while let Ok(event) = told.try_recv() {
        tell(event, &person, out)?;
    }
    match failed.into_inner() {
        Some(failure) => Err(failure),
        None => Ok(done.map_err(|error| (error, person.borrow().course()))),
    }
}

fn tell(event: Event, person: &RefCell<Person>, out: Out) -> Result<(), Failure> {
    out.event(&programs::event(&event))?;
    person.borrow_mut().event(event);
    Ok(())
}

async fn happened(event: Event, person: &RefCell<Person>, out: Out) -> Result<(), Failure> {
    let needs_second = matches!(event, Event::NeedsSecond(_));
    tell(event, person, out)?;
    if needs_second && !out.is_json() {
        let signed = second(out).await?;
        person.borrow_mut().does(signed.map_or(Command::Cancel, Command::Second));
    }
    Ok(())
}

fn program(line: &str, person: &RefCell<Person>, out: Out) -> Result<(), Failure> {
    match programs::command(line) {
        Ok(command) => {
            person.borrow_mut().does(command);
            Ok(())
        }
        Err(message) => {
            out.report(&Failure::usage(message, "Nothing was done. The table of commands is in README.md."), None)
        }
    }
}

/// What the second device gave; nothing for a no.
async fn second(out: Out) -> Result<Option<Cosigned>, Failure> {
    loop {
        let question = || dialoguer::Input::<String>::new().with_prompt("What it shows then").interact_text();
        let Some(typed) = prompts::ask(out, question).await? else { return Ok(None) };
        match typed.parse() {
            Ok(signed) => return Ok(Some(signed)),
            Err(glimpse_wire::Malformed) => out.report(&crate::commands::cosign::no_signature(), None)?,
        }
    }
}
