//! What happened to the account, for its owner to read: devices that came and went, alarms, a recovery that waits. With it
//! are the last names of devices, by which the owner knows those that are gone.

use glimpse_wire::account::{Head, RecoveryRequest, Signed};
use glimpse_wire::api::AnnouncedRecovery;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{DeviceId, ErrorCode, SUITE, SessionId, UnixMillis, decode, encode};
use minicbor::{Decode, Encode};

use crate::account::Device;
use crate::error::DeviceError;
use crate::home::Home;
use crate::listing::LogAlarm;

const NAME: &str = "inbox";
/// The sealed file, in bytes.
const MAX_INBOX: usize = 4 * 1024 * 1024;
/// Names of devices that are kept.
const MAX_NAMES: usize = 1_000;
/// Of a name, so many bytes are kept here.
const MAX_NAME: usize = 128;
/// Notices that are kept. Of more, the oldest go: first those that were read, alarms last.
const MAX_NOTICES: usize = 1_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Notice {
    /// A device joined.
    #[n(0)]
    Linked {
        /// The link's number.
        #[n(0)]
        seq: u64,
        /// Which device.
        #[n(1)]
        device: DeviceId,
        /// Who added it.
        #[n(2)]
        by: DeviceId,
        /// When, by the adder's clock.
        #[n(3)]
        at: UnixMillis,
        /// Milliseconds for which it is held back.
        #[n(4)]
        held: u64,
    },
    /// Devices were taken out.
    #[n(1)]
    Revoked {
        /// The link's number.
        #[n(0)]
        seq: u64,
        /// Which.
        #[n(1)]
        devices: Vec<DeviceId>,
        /// By whom.
        #[n(2)]
        by: DeviceId,
    },
    /// An epoch began.
    #[n(2)]
    Rotated {
        /// The link's number.
        #[n(0)]
        seq: u64,
        /// By whom.
        #[n(1)]
        by: DeviceId,
    },
    /// Rules or pins changed.
    #[n(3)]
    PolicyChanged {
        /// The link's number.
        #[n(0)]
        seq: u64,
        /// By whom.
        #[n(1)]
        by: DeviceId,
        /// When, by the signer's clock.
        #[n(2)]
        at: Option<UnixMillis>,
        /// The names that were pinned, and of each its beginning; not all where they are many.
        #[n(3)]
        pinned: Option<Vec<String>>,
        /// The same of those whose pin was taken away.
        #[n(4)]
        unpinned: Option<Vec<String>>,
    },
    /// The recovery kit was replaced, or given up.
    #[n(4)]
    KitChanged {
        /// The link's number.
        #[n(0)]
        seq: u64,
        /// By whom.
        #[n(1)]
        by: DeviceId,
        /// Whether there is one.
        #[n(2)]
        there: bool,
    },
    /// The recovery kit brought the account back on a device; all others are out.
    #[n(5)]
    Recovered {
        /// The link's number.
        #[n(0)]
        seq: u64,
        /// On which device.
        #[n(1)]
        device: DeviceId,
    },
    /// Somebody holds the recovery kit and waits to begin anew with it.
    #[n(6)]
    RecoveryAsked {
        /// With which device.
        #[n(0)]
        device: DeviceId,
        /// When it may take place, by the server's clock.
        #[n(1)]
        due: UnixMillis,
    },
    /// A device's state turned up in two places.
    #[n(7)]
    Doubled {
        /// Which device.
        #[n(0)]
        device: DeviceId,
        /// When it last did, by the server's clock.
        #[n(1)]
        at: UnixMillis,
    },
    /// The log of devices has two versions.
    #[n(8)]
    Forked {
        /// This device's.
        #[n(0)]
        ours: Head,
        /// The other.
        #[n(1)]
        theirs: Head,
        /// On whose word.
        #[n(2)]
        by: Option<DeviceId>,
    },
    /// The server gave an older log of devices.
    #[n(9)]
    RolledBack {
        /// What this device has seen.
        #[n(0)]
        ours: Head,
        /// How many links the server has.
        #[n(1)]
        length: u64,
    },
    /// The server's list of changes is not the one that was signed.
    #[n(10)]
    LogBroken {
        /// In what.
        #[n(0)]
        alarm: LogAlarm,
    },
    /// What was to be done here when the connection broke was not: another link was first, or the server refused it.
    #[n(11)]
    Undone {
        /// The number that the link would have had.
        #[n(0)]
        seq: u64,
        /// The devices that it was to take out, if any.
        #[n(1)]
        devices: Vec<DeviceId>,
    },
    /// An agent has begun to look at what another device of the account lent.
    #[n(12)]
    AgentLooks {
        /// In which session.
        #[n(0)]
        session: SessionId,
        /// Which device lent.
        #[n(1)]
        by: DeviceId,
        /// When, by the server's clock.
        #[n(2)]
        at: UnixMillis,
    },
    /// That look is over.
    #[n(13)]
    AgentLooked {
        /// The session.
        #[n(0)]
        session: SessionId,
        /// Which device lent.
        #[n(1)]
        by: DeviceId,
        /// When, by the server's clock.
        #[n(2)]
        at: UnixMillis,
        /// Why it ended.
        #[n(3)]
        code: ErrorCode,
    },
}

/// The beginning of a name, as it is kept here: others chose it, and the file has an end.
pub(crate) fn short_name(name: &str) -> String {
    let end = (0..=MAX_NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.split_at_checked(end).map_or_else(String::new, |(front, _)| front.to_owned())
}

impl Notice {
    /// When it happened, by the clock of whoever did it, where the log says so.
    #[must_use]
    pub const fn happened_at(&self) -> Option<UnixMillis> {
        match self {
            Self::Linked { at, .. }
            | Self::Doubled { at, .. }
            | Self::AgentLooks { at, .. }
            | Self::AgentLooked { at, .. } => Some(*at),
            Self::PolicyChanged { at, .. } => *at,
            Self::Revoked { .. }
            | Self::Rotated { .. }
            | Self::KitChanged { .. }
            | Self::Recovered { .. }
            | Self::RecoveryAsked { .. }
            | Self::Forked { .. }
            | Self::RolledBack { .. }
            | Self::LogBroken { .. }
            | Self::Undone { .. } => None,
        }
    }

    /// Whether `later` says the same of the same device, at another time.
    fn is_said_again_by(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Doubled { device, .. }, Self::Doubled { device: again, .. })
            | (Self::RecoveryAsked { device, .. }, Self::RecoveryAsked { device: again, .. }) => device == again,
            (Self::RolledBack { ours, .. }, Self::RolledBack { ours: again, .. }) => ours == again,
            _ => false,
        }
    }

    /// Whether something is wrong and the owner should act.
    #[must_use]
    pub const fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::RecoveryAsked { .. }
                | Self::Doubled { .. }
                | Self::Forked { .. }
                | Self::RolledBack { .. }
                | Self::LogBroken { .. }
                | Self::Undone { .. }
        )
    }
}

/// A notice as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Noted {
    /// What happened.
    #[n(0)]
    pub notice: Notice,
    /// When this device learnt of it, by its clock.
    #[n(1)]
    pub at: UnixMillis,
    /// Whether the owner has read it.
    #[n(2)]
    pub read: bool,
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: u8,
    #[n(1)]
    notices: Vec<Noted>,
    #[n(2)]
    names: Option<Vec<LastName>>,
}

/// What a device was called when this one last heard of it. The server forgets the names of those that were taken out.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LastName {
    /// Which device.
    #[n(0)]
    pub device: DeviceId,
    /// Its name; not empty.
    #[n(1)]
    pub name: String,
}

impl Device {
    /// What happened, oldest first.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`], [`DeviceError::Storage`].
    pub async fn inbox(&self) -> Result<Vec<Noted>, DeviceError> {
        Ok(self.stored_inbox().await?.notices)
    }

    /// What devices were called when this one last heard of them.
    ///
    /// # Errors
    /// As [`Device::inbox`].
    pub async fn last_names(&self) -> Result<Vec<LastName>, DeviceError> {
        Ok(self.stored_inbox().await?.names.unwrap_or_default())
    }

    async fn stored_inbox(&self) -> Result<Stored, DeviceError> {
        let Some(sealed) = self.home.inbox().await? else {
            return Ok(Stored { version: 1, notices: Vec::new(), names: None });
        };
        let damaged = || DeviceError::Damaged(Home::INBOX);
        let opened = self.vault.open_cache(NAME, &sealed).map_err(|_| damaged())?;
        match decode::<Stored>(&opened, MAX_INBOX) {
            Ok(stored) if stored.version == 1 => Ok(stored),
            Ok(_) | Err(_) => Err(damaged()),
        }
    }

    /// The owner has read what is there.
    ///
    /// # Errors
    /// As [`Device::inbox`].
    pub async fn mark_read(&self) -> Result<(), DeviceError> {
        self.change_inbox(|stored| stored.notices.iter_mut().for_each(|noted| noted.read = true)).await
    }

    /// Keeps the names that the server gave; gives all that are kept. A device of which it gives none keeps its last.
    pub(crate) async fn keep_names(&self, given: Vec<(DeviceId, String)>) -> Result<Vec<LastName>, DeviceError> {
        let kept = self.last_names().await?;
        let gone = kept.iter().filter(|last| !given.iter().any(|(device, _)| *device == last.device)).cloned();
        let mut names: Vec<LastName> = given
            .iter()
            .map(|(device, name)| LastName { device: *device, name: short_name(name) })
            .chain(gone)
            .collect();
        names.retain(|last| !last.name.is_empty());
        names.truncate(MAX_NAMES);
        names.sort_unstable_by_key(|last| last.device);
        if names != kept {
            let stored = names.clone();
            self.change_inbox(|inbox| inbox.names = Some(stored)).await?;
        }
        Ok(names)
    }

    /// Keeps what happened. What is there already is not kept twice.
    pub(crate) async fn note(&self, news: Vec<Notice>) -> Result<(), DeviceError> {
        if news.is_empty() {
            return Ok(());
        }
        let at = self.machine.now();
        self.change_inbox(|Stored { notices, .. }| {
            for notice in news {
                if notices.iter().any(|noted| noted.notice == notice) {
                    continue;
                }
                // What the server says again and again has one place, however it says it.
                notices.retain(|noted| !noted.notice.is_said_again_by(&notice));
                notices.push(Noted { notice, at, read: false });
            }
            let mut surplus = notices.len().saturating_sub(MAX_NOTICES);
            // What was read goes first, and alarms last.
            for may_go in [|noted: &Noted| noted.read, |noted: &Noted| !noted.notice.is_alarm(), |_: &Noted| true] {
                notices.retain(|noted| {
                    let goes = surplus > 0 && may_go(noted);
                    surplus = surplus.saturating_sub(usize::from(goes));
                    !goes
                });
            }
        })
        .await
    }

    /// Those of `news` that the inbox does not have.
    pub(crate) async fn unknown_of(&self, news: Vec<Notice>) -> Result<Vec<Notice>, DeviceError> {
        if news.is_empty() {
            return Ok(news);
        }
        let there = self.inbox().await?;
        Ok(news.into_iter().filter(|notice| !there.iter().any(|noted| noted.notice == *notice)).collect())
    }

    /// A recovery that the account's kit signed for; nothing for one that it did not.
    pub(crate) fn recovery_notice(&self, waiting: &AnnouncedRecovery) -> Option<Notice> {
        let known = self.known();
        let kit = known.chain.recovery()?;
        let signed = Signed::from(waiting.request.clone());
        let request: RecoveryRequest = signed.open(StatementKind::Recovery, &kit.signing).ok()?;
        let fits = request.suite == SUITE && request.account == known.chain.account();
        fits.then(|| Notice::RecoveryAsked { device: request.device.id(), due: waiting.due })
    }

    async fn change_inbox(&self, change: impl FnOnce(&mut Stored)) -> Result<(), DeviceError> {
        let _held = self.home.lock_inbox().await?;
        let mut inbox = self.stored_inbox().await?;
        change(&mut inbox);
        let stored = zeroize::Zeroizing::new(encode(&inbox));
        let sealed = self.vault.seal_cache(NAME, &stored, &mut self.rng())?;
        Ok(self.home.store_inbox(&sealed).await?)
    }
}
