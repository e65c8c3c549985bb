//! Questions to a person while keys are unlocked. A device that nobody attends to does not stay unlocked: without a key
//! pressed for a while, the question is taken back and the command ends, which drops the keys.

use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use glimpse_device::native::Machine;
use glimpse_device::surroundings::Surroundings as _;

use crate::failure::Failure;
use crate::interrupt;
use crate::out::Out;

/// How often it is looked whether anybody is there.
const LOOK: Duration = Duration::from_secs(1);

/// Asks; nothing when the person left the question, by Ctrl-C. Whatever ends the question, and be it that nobody waits
/// for the answer any more, the terminal is as it was before.
///
/// # Errors
/// [`Failure::locked`] when no key was pressed for the time that `out` allows.
pub(crate) async fn ask<T: Send + 'static>(
    out: Out,
    question: impl FnOnce() -> dialoguer::Result<T> + Send + 'static,
) -> Result<Option<T>, Failure> {
    interrupt::keep();
    let _attending = interrupt::attend();
    let mut stop = Box::pin(interrupt::asked());
    let (send, mut answer) = oneshot::channel();
    let open = Open(Some(terminal::State::now()));
    let machine = Machine::new();
    let asked = machine.monotonic();
    // Reading waits for keys and cannot be called off: a thread of its own, which ends with the process.
    std::thread::spawn(move || drop(send.send(question())));
    loop {
        let answered = tokio::time::timeout(LOOK.min(out.lock_after()), &mut answer);
        match select(Box::pin(answered), &mut stop).await {
            Either::Left((Ok(Ok(Ok(answered))), _)) => {
                open.answered();
                return Ok(Some(answered));
            }
            Either::Left((Ok(Ok(Err(_)) | Err(oneshot::Canceled)), _)) | Either::Right(((), _)) => return Ok(None),
            Either::Left((Err(_), _)) => {
                // Sleep counts.
                let since = Duration::from_millis(asked.until(machine.monotonic()));
                let idle = terminal::idle().map_or(since, |idle| idle.min(since));
                if idle >= out.lock_after() {
                    return Err(Failure::locked());
                }
            }
        }
    }
}

/// `question` as a prompt that has one line to itself, with `room` for the answer: what asks draws a longer one twice. One
/// that is longer stands above it, and `short` asks.
pub(crate) fn fitting(out: Out, question: &'static str, room: usize, short: &'static str) -> &'static str {
    let fits = out.columns().is_none_or(|columns| question.chars().count().saturating_add(room) <= columns);
    if fits {
        return question;
    }
    out.note(question);
    short
}

/// A question that is on the screen.
struct Open(Option<terminal::State>);

impl Open {
    /// What asked has put the terminal back itself.
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            before.restore();
        }
    }
}

#[cfg(unix)]
pub(crate) mod terminal {
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    use rustix::stdio::stdin;
    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    /// How the terminal was before the question.
    #[derive(Debug)]
    pub(crate) struct State(Option<Termios>);

    impl State {
        pub(crate) fn now() -> Self {
            Self(tcgetattr(stdin()).ok())
        }

        /// Lines, echo and cursor as they were. The question is still on the screen, so what follows begins a line.
        pub(crate) fn restore(&self) {
            if let Some(before) = &self.0 {
                // The terminal may be gone.
                let _gone = tcsetattr(stdin(), OptionalActions::Flush, before);
                let _gone = std::io::stderr().write_all(b"\x1b[?25h\r\n");
            }
        }
    }

    /// Since when nothing was read from the terminal: systems note it in its time of access, some to eight seconds.
    pub(crate) fn idle() -> Option<Duration> {
        let stat = rustix::fs::fstat(stdin()).ok()?;
        let at = Duration::from_secs(u64::try_from(stat.st_atime).ok()?);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        now.checked_sub(at)
    }
}

#[cfg(not(unix))]
pub(crate) mod terminal {
    use std::time::Duration;

    #[derive(Debug)]
    pub(crate) struct State;

    impl State {
        pub(crate) fn now() -> Self {
            Self
        }

        pub(crate) fn restore(&self) {}
    }

    pub(crate) fn idle() -> Option<Duration> {
        None
    }
}
