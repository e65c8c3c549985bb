//! Lending: from the code on this screen to the end of the session (protocol sections 6 and 7).
//!
//! [`Device::lend`] runs one code and, if the user approves, one session. It asks nothing and prints nothing: what the
//! user must see leaves as an [`Event`], what the user does comes as a [`Command`]. Nothing is released without
//! [`Command::Approve`]; silence becomes a no at the deadline. Whatever happens, the other end is told why, and the
//! mailbox or the session is closed.

mod making;
mod pairing;
mod running;
mod trail;
mod withholding;

use core::fmt;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::{FutureExt, StreamExt, select_biased};
use glimpse_core::pairing::device::Peer;
use glimpse_core::record::OpenedVersion;
use glimpse_core::words::CheckWords;
use glimpse_wire::limits::{MAX_SESSION_MILLIS, MAX_UNITS_PER_SESSION, MIN_SESSION_MILLIS};
use glimpse_wire::organisation::CredentialFault;
use glimpse_wire::{ErrorCode, RecordId, SessionId, UnitId, UnixMillis};
use zeroize::Zeroizing;

use crate::account::Device;
use crate::error::DeviceError;
use crate::mailbox::{Link, News};
use crate::organisations::Agent;
use crate::surroundings::Surroundings;

pub use withholding::{FieldChoice, Withheld};

/// How often time is looked at, in milliseconds.
const TICK: u64 = 1_000;

/// To whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// A browser of the user's own, with its screen in front of them.
    #[default]
    OwnScreen,
    /// An agent for whom an organisation vouches that the user has pinned.
    Agent,
}

/// What is to be lent, if the user approves.
#[derive(Debug)]
pub struct Plan {
    /// To whom.
    pub to: Audience,
    /// The records, newest first.
    pub records: Vec<OpenedVersion>,
    /// Whether a copy may be saved.
    pub save: bool,
    /// For how long, in milliseconds.
    pub millis: u64,
    /// Where the page is, when that is not the server: an origin.
    pub site: Option<String>,
    /// What is cut out of them first.
    pub withheld: Vec<Withheld>,
}

impl Plan {
    /// Whether everything in it may be lent at all.
    ///
    /// # Errors
    /// [`ErrorCode::NeverLend`], [`ErrorCode::RecordTampered`] for an unsigned record, [`ErrorCode::TooLarge`] for too many
    /// records, [`ErrorCode::Malformed`] for a time outside the limits or nothing to lend; [`ErrorCode::Conflict`] where something
    /// is to be cut out of another version than is lent.
    pub fn check(&self) -> Result<(), ErrorCode> {
        if self.records.len() > MAX_UNITS_PER_SESSION {
            return Err(ErrorCode::TooLarge);
        }
        if self.records.is_empty() || !(MIN_SESSION_MILLIS..=MAX_SESSION_MILLIS).contains(&self.millis) {
            return Err(ErrorCode::Malformed);
        }
        self.records.iter().try_for_each(OpenedVersion::require_lendable)?;
        withholding::fit(&self.withheld, &self.records)
    }
}

/// A record as it is lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// As the session names it.
    pub unit: UnitId,
    /// As the account names it.
    pub record: RecordId,
    /// Its title.
    pub title: String,
    /// Its kind.
    pub kind: String,
    /// Its true length.
    pub bytes: u64,
    /// Whether it is lent by its content key, in place of a copy sealed for the session.
    pub by_key: bool,
    /// How many of its fields are not in it.
    pub withheld: u32,
}

/// What the user must see.
#[derive(Debug)]
pub enum Event {
    /// Show this code.
    Code {
        /// In groups.
        code: Zeroizing<String>,
        /// Where to type it: an origin.
        site: String,
        /// Milliseconds until it ends.
        expires_in: u64,
    },
    /// A browser has typed a code. It has proved nothing.
    Connecting,
    /// A browser has proved the code. Ask the user.
    Peer {
        /// The session that an approval would begin.
        session: SessionId,
        /// Who it claims to be.
        peer: Peer,
        /// Its words among three decoys.
        words: [CheckWords; 4],
        /// Milliseconds until silence becomes a no.
        expires_in: u64,
    },
    /// An agent has proved the code, and an organisation vouches for them. Ask the user.
    Agent {
        /// The session that an approval would begin.
        session: SessionId,
        /// Case, reason, and what the browser claims to be.
        peer: Peer,
        /// Who it is.
        agent: Agent,
        /// The words that the agent sees, too.
        words: CheckWords,
        /// Milliseconds until silence becomes a no.
        expires_in: u64,
    },
    /// Somebody has proved the code and says to be an agent, and nobody vouches for them. It is over; warn the user.
    NoAgent {
        /// What they say of themselves.
        peer: Peer,
        /// Why nobody vouches.
        fault: CredentialFault,
    },
    /// The session runs.
    Granted {
        /// Which.
        session: SessionId,
        /// When it ends, by the server's clock.
        expires: UnixMillis,
        /// Milliseconds until then.
        expires_in: u64,
        /// Openings that the session has in all.
        budget: u32,
        /// What is lent.
        records: Vec<Lent>,
    },
    /// New Terms are in force.
    Changed {
        /// When the session ends, by the server's clock.
        expires: UnixMillis,
        /// Milliseconds until then.
        expires_in: u64,
        /// Openings that the session has in all.
        budget: u32,
        /// What was added.
        added: Vec<Lent>,
    },
    /// A unit can be opened.
    Ready(Lent),
    /// A unit cannot be made.
    Unavailable {
        /// Which.
        lent: Lent,
        /// Why.
        code: ErrorCode,
    },
    /// The viewer opened a unit: a receipt that it signed.
    Opened {
        /// Which.
        lent: Lent,
        /// The receipt's number.
        seq: u64,
        /// When, by the server's clock.
        at: UnixMillis,
    },
    /// The viewer says that a unit is on its screen.
    Viewing(Lent),
    /// The viewer has opened as often as it may, and can open nothing until more is allowed. What it asks for then the server
    /// refuses, and tells nobody else (protocol section 7.2).
    Spent {
        /// Openings that the session has in all.
        budget: u32,
    },
    /// The server refused a request that the viewer signed, and noted it.
    Refused {
        /// For which unit.
        unit: UnitId,
        /// Why.
        code: ErrorCode,
        /// The receipt's number.
        seq: u64,
    },
    /// The viewer asks for more time.
    AskedTime {
        /// How many minutes.
        minutes: u32,
    },
    /// The viewer asks for another record.
    AskedRecord {
        /// In its words.
        text: String,
    },
    /// A change that the user asked for cannot be made; the session goes on as it was.
    NotChanged(DeviceError),
    /// The connection to the server came or went.
    Connection {
        /// Whether it is there.
        up: bool,
    },
    /// The viewer came or went.
    Viewer {
        /// Whether it is there.
        present: bool,
    },
    /// Somebody tried the code again after a browser had used it, and was refused. May come more than once.
    Crowded,
}

/// What the user does.
#[derive(Debug)]
pub enum Command {
    /// Yes, and these are the words on the other screen.
    Approve {
        /// Such as `apple river`.
        words: String,
        /// For how long, if not as planned.
        millis: Option<u64>,
        /// Whether a copy may be saved, if not as planned.
        save: Option<bool>,
    },
    /// Yes, to the agent for whom an organisation vouches.
    ApproveAgent {
        /// For how long, if not as planned.
        millis: Option<u64>,
        /// Whether a copy may be saved, if not as planned.
        save: Option<bool>,
    },
    /// No.
    Decline,
    /// No more of this code.
    Cancel,
    /// So many milliseconds more.
    Extend {
        /// From the present end.
        millis: u64,
    },
    /// Ends so many milliseconds from now.
    Shorten {
        /// From now.
        millis: u64,
    },
    /// Lends more.
    Add {
        /// Which.
        records: Vec<RecordId>,
        /// What is cut out of them first.
        withheld: Vec<Withheld>,
    },
    /// Allows so many openings more.
    Allow {
        /// Beyond the present number.
        openings: u32,
    },
    /// No to what the viewer asked for.
    Refuse,
    /// Ends the session.
    End,
}

/// How a session ended.
#[derive(Debug)]
pub struct Ending {
    /// Which.
    pub session: SessionId,
    /// Why.
    pub code: ErrorCode,
    /// What the audit trail shows; nothing when it could not be fetched or does not hold.
    pub audit: Option<glimpse_core::receipts::Audit>,
    /// The number of a receipt that the viewer says it holds and that did not come: the server keeps it from this device,
    /// or the viewer made it up.
    pub missing: Option<u64>,
    /// Whether the server has said that it is over. Otherwise it ends there by itself, at its time.
    pub told: bool,
}

/// Where commands come from. That it closes is no command.
pub type Commands = mpsc::UnboundedReceiver<Command>;

enum Happened {
    News(News),
    Command(Command),
    Tick,
}

/// Waits for whatever is next, for a tick at most.
async fn next(link: &mut Link, commands: &mut Commands, machine: &Rc<dyn Surroundings>, most: u64) -> Happened {
    loop {
        let raw = select_biased! {
            command = commands.select_next_some() => return Happened::Command(command),
            raw = link.wait().fuse() => raw,
            () = machine.sleep(most.min(TICK)).fuse() => return Happened::Tick,
        };
        if let Some(news) = link.take(raw).await {
            return Happened::News(news);
        }
    }
}

impl Device {
    /// Shows a code, waits for a browser and for the user's yes, and lends.
    ///
    /// # Errors
    /// Why nothing was lent: [`ErrorCode::LogBroken`] where the log of changes is not intact. [`DeviceError::Paused`] and [`DeviceError::PassphraseNeeded`] come before any code is shown.
    pub async fn lend(
        &self,
        plan: Plan,
        commands: &mut Commands,
        events: &mut dyn FnMut(Event),
    ) -> Result<Ending, DeviceError> {
        plan.check()?;
        self.require_intact_log().await?;
        self.meet_server().await?;
        let granted = pairing::run(self, plan, commands, events).await?;
        Ok(running::Running::new(self, granted).run(commands, events).await)
    }

    /// The owner has just given the passphrase: failed pairings of the day are forgiven. A pause goes on.
    ///
    /// # Errors
    /// [`DeviceError::Storage`], [`DeviceError::Damaged`].
    pub async fn forgive_failures(&self) -> Result<(), DeviceError> {
        self.home.with_attempts(glimpse_core::attempts::Attempts::forgive).await
    }
}

impl fmt::Display for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}
