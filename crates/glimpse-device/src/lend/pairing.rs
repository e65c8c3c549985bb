//! From the code to the grant. Everything that leaves this device before the user's yes is in this file.

use glimpse_core::Monotonic;
use glimpse_core::attempts::{Paused, RunOutcome};
use glimpse_core::code::Nameplate;
use glimpse_core::pairing::device::{ExpectConfirmA, ExpectHello, KeyConfirmed, Setup, Vouched, open};
use glimpse_core::record::{OpenedVersion, Origin};
use glimpse_core::session::device::{Cuts, split_for_grants};
use glimpse_core::session::{Decision, DeviceSession, LentUnit, SealedGrant};
use glimpse_core::words::CheckWords;
use glimpse_wire::api::{Mailbox, OpenMailbox};
use glimpse_wire::limits::{DEFAULT_BUDGET, DEFAULT_RATE, MAX_JSON, PAIRING_MILLIS};
use glimpse_wire::pairing::{Message, Purpose, Rights};
use glimpse_wire::{ErrorCode, Hash, UnitId, UnixMillis, encode};
use std::rc::Rc;

use super::{Audience, Command, Commands, Event, Happened, Lent, Plan, Withheld, next, withholding};
use crate::account::Device;
use crate::api::{bare, json, with_cbor, with_json};
use crate::error::DeviceError;
use crate::mailbox::{Link, News, reason_of};
use crate::text::same_words;
use crate::transport::Method;

/// How long the other end may take to hear why a pairing is over, in milliseconds.
const FAREWELL: u64 = 2_000;
/// Openings in all, for each unit lent.
const BUDGET_PER_UNIT: u32 = 4;

/// A session that was granted, and what is left to do for it.
pub(super) struct Granted {
    pub(super) session: DeviceSession,
    pub(super) link: Link,
    pub(super) mailbox: Mailbox,
    pub(super) clock: ServerClock,
    pub(super) first: Vec<Planned>,
    /// Units beyond the first grant, by further grants.
    pub(super) later: Vec<Vec<LentUnit>>,
    /// Every record, by the unit that lends it.
    pub(super) lent: Vec<Planned>,
}

/// A unit and the record that it lends.
#[derive(Clone)]
pub(super) struct Planned {
    pub(super) lent: Lent,
    pub(super) version: Rc<OpenedVersion>,
    /// What is cut out of its content.
    pub(super) cuts: Option<Rc<Cuts>>,
}

/// The server's clock as it was at a moment of ours.
#[derive(Clone, Copy)]
pub(super) struct ServerClock {
    server: UnixMillis,
    ours: Monotonic,
}

impl ServerClock {
    pub(super) const fn at(&self, now: Monotonic) -> UnixMillis {
        self.server.plus(self.ours.until(now))
    }
}

/// Units for records.
pub(super) fn units_of(
    device: &Device,
    records: Vec<OpenedVersion>,
    withheld: &[Withheld],
) -> Result<(Vec<LentUnit>, Vec<Planned>), ErrorCode> {
    withholding::fit(withheld, &records)?;
    let mut units = Vec::with_capacity(records.len());
    let mut planned = Vec::with_capacity(records.len());
    for version in records {
        let unit = LentUnit::of(&version, &mut device.rng())?;
        let pinned = match version.origin() {
            Origin::Writer(writer) | Origin::Approved(writer) => device.pinned_name(writer),
            Origin::Own | Origin::Unsigned => None,
        };
        let unit = match pinned {
            Some(name) => unit.from_pinned(&name),
            None => unit,
        };
        let cuts = withholding::of(withheld, &version);
        let unit = match &cuts {
            Some(cuts) => unit.without(cuts)?,
            None => unit,
        };
        let meta = version.meta();
        let lent = Lent {
            unit: unit.id(),
            record: version.envelope().header.record,
            title: meta.title.clone(),
            kind: meta.kind.clone(),
            bytes: cuts.as_ref().map_or(meta.length, |cuts| cuts.left()),
            by_key: unit.is_blob(),
            withheld: cuts.as_ref().map_or(0, |cuts| cuts.fields()),
        };
        units.push(unit);
        planned.push(Planned { lent, version: Rc::new(version), cuts: cuts.map(Rc::new) });
    }
    Ok((units, planned))
}

/// One code, from its opening to the grant. On every other way out the other end hears why, and the mailbox is gone.
pub(super) async fn run(
    device: &Device,
    plan: Plan,
    commands: &mut Commands,
    events: &mut dyn FnMut(Event),
) -> Result<Granted, DeviceError> {
    let wall = device.machine.now();
    paused(device.home.with_attempts(|attempts| attempts.check(wall)).await?)?;
    let purpose = match plan.to {
        Audience::OwnScreen => Purpose::View,
        Audience::Agent => Purpose::Agent,
    };
    let request = OpenMailbox { purpose: purpose.into() };
    let opened = device.authorised(|token| with_json(Method::Post, "/v1/mailboxes".to_owned(), &request).by(token));
    let mailbox: Mailbox = json(opened.await?, MAX_JSON).await?;
    let clock = ServerClock { server: mailbox.now, ours: device.machine.monotonic() };
    let transport = device.api.shared_transport();
    let link = Link::new(transport, Rc::clone(&device.machine), mailbox.mailbox, mailbox.token);
    let mut pairing = Pairing { device, purpose, mailbox, clock, link, commands, events };
    match pairing.grant(plan).await {
        Ok((session, first, later, lent)) => {
            let Pairing { mailbox, clock, link, .. } = pairing;
            Ok(Granted { session, link, mailbox, clock, first, later, lent })
        }
        Err(error) => {
            pairing.abandon(&error).await;
            Err(error)
        }
    }
}

fn paused<T>(checked: Result<T, Paused>) -> Result<T, DeviceError> {
    checked.map_err(|paused| match paused {
        Paused::Wait { millis } => DeviceError::Paused { millis },
        Paused::Passphrase => DeviceError::PassphraseNeeded,
    })
}

struct Pairing<'d, 'c> {
    device: &'d Device,
    purpose: Purpose,
    mailbox: Mailbox,
    clock: ServerClock,
    link: Link,
    commands: &'c mut Commands,
    events: &'c mut dyn FnMut(Event),
}

type FirstGrant = (DeviceSession, Vec<Planned>, Vec<Vec<LentUnit>>, Vec<Planned>);

impl Pairing<'_, '_> {
    async fn grant(&mut self, plan: Plan) -> Result<FirstGrant, DeviceError> {
        let state = self.show_code(plan.site.as_deref()).await?;
        let (state, counted) = self.hello(state).await?;
        let confirmed = self.confirm(state, counted).await?;
        let yes = match plan.to {
            Audience::OwnScreen => self.ask(&confirmed, &plan).await?,
            Audience::Agent => self.ask_about_agent(&confirmed, &plan).await?,
        };
        let (units, lent) = units_of(self.device, plan.records, &plan.withheld)?;
        let mut parts = split_for_grants(units).into_iter();
        let first = parts.next().unwrap_or_default();
        let in_first: Vec<UnitId> = first.iter().map(LentUnit::id).collect();
        let now = self.device.machine.monotonic();
        let issued = self.clock.at(now);
        let decision = Decision {
            units: first,
            rights: if yes.save { Rights::VIEW | Rights::SAVE } else { Rights::VIEW },
            budget: match plan.to {
                Audience::OwnScreen => budget(lent.len()).max(DEFAULT_BUDGET),
                Audience::Agent => budget(lent.len()),
            },
            rate: DEFAULT_RATE,
            issued,
            expires: issued.plus(yes.millis),
        };
        let approved = match yes.to {
            Yes::Picked(words) => confirmed.approve(words, decision, now)?,
            Yes::Vouched(vouched) => {
                let asked = confirmed.asked().ok_or(ErrorCode::Internal)?;
                self.device.keep_asked(confirmed.session(), asked).await?;
                confirmed.approve_agent(vouched, decision, now)?
            }
        };
        let (session, grant) = approved.seal(self.device.keys(), &mut self.device.rng())?;
        // The server first: what it does not enforce is not granted.
        if let Err(error) = self.register(&grant).await {
            // It may run there although nobody said so: whose answer was lost is ended, not left to its time.
            self.end_lost(&session).await;
            return Err(error);
        }
        self.link.send(grant.message).await;
        let first = lent.iter().filter(|planned| in_first.contains(&planned.lent.unit)).cloned().collect();
        Ok((session, first, parts.collect(), lent))
    }

    /// Opens the pairing and shows its code.
    async fn show_code(&mut self, site: Option<&str>) -> Result<ExpectHello, DeviceError> {
        let life = self.mailbox.expires.since(self.mailbox.now).min(PAIRING_MILLIS);
        let known = self.device.trusted_chain().await?;
        let own = self.device.keys().public();
        let setup = Setup {
            purpose: self.purpose,
            mailbox: self.mailbox.mailbox,
            nameplate: Nameplate::parse(&self.mailbox.nameplate)?,
            server_nonce: self.mailbox.server_nonce,
            expires: self.mailbox.expires,
            deadline: self.device.machine.monotonic().plus(life),
            account: self.device.account(),
            signing: own.signing,
            kem: own.kem,
            head: known.chain.head(),
            epoch: known.chain.epoch().map_or(0, |epoch| epoch.number),
            name: self.device.name.clone(),
        };
        let deadline = setup.deadline;
        let opened = open(setup, &mut self.device.rng())?;
        let path = format!("/v1/mailboxes/{}/offer", self.mailbox.mailbox);
        let request = || with_cbor(Method::Put, path.clone(), opened.offer.clone()).by(self.mailbox.token);
        self.device.again_if_lost(request).await?;
        (self.events)(Event::Code {
            code: opened.code.to_groups(),
            site: site.unwrap_or(self.device.server()).to_owned(),
            expires_in: self.device.machine.monotonic().until(deadline),
        });
        Ok(opened.state)
    }

    /// Waits for Hello. The run is counted as a failure, and the count is on disk, before Answer leaves.
    async fn hello(&mut self, state: ExpectHello) -> Result<(ExpectConfirmA, Run), DeviceError> {
        let deadline = state.deadline();
        let message = self.message(deadline, ErrorCode::CodeExpired).await?;
        (self.events)(Event::Connecting);
        let wall = self.device.machine.now();
        let counted = self.device.home.with_attempts(|attempts| attempts.check(wall).map(|()| attempts.begin(wall)));
        let counted = paused(counted.await?)?;
        let now = self.device.machine.monotonic();
        match state.receive(&message, now, counted, &mut self.device.rng()) {
            Ok((state, answer)) => {
                self.link.send(answer).await;
                Ok((state, Run { deadline }))
            }
            Err(code) => {
                self.settle(RunOutcome::Silent).await?;
                Err(code.into())
            }
        }
    }

    /// Waits for ConfirmA, which is the guess, and settles the count.
    async fn confirm(&mut self, state: ExpectConfirmA, run: Run) -> Result<KeyConfirmed, DeviceError> {
        let message = match self.message(run.deadline, ErrorCode::CodeExpired).await {
            Ok(message) => message,
            Err(error) => {
                self.settle(RunOutcome::Silent).await?;
                return Err(error);
            }
        };
        match state.receive(&message, self.device.machine.monotonic()) {
            Ok((confirmed, confirm)) => {
                self.settle(RunOutcome::Proved).await?;
                self.link.send(confirm).await;
                Ok(confirmed)
            }
            Err(code) => {
                let guessed = code == ErrorCode::CodeWrong;
                self.settle(if guessed { RunOutcome::Guessed } else { RunOutcome::Silent }).await?;
                Err(code.into())
            }
        }
    }

    async fn settle(&self, outcome: RunOutcome) -> Result<(), DeviceError> {
        self.device.home.with_attempts(|attempts| attempts.settle(outcome)).await
    }

    /// Shows the peer and waits for the user. Only an approval with words gets through.
    async fn ask(&mut self, confirmed: &KeyConfirmed, plan: &Plan) -> Result<Consent, DeviceError> {
        let words = confirmed.words().among_decoys(&mut self.device.rng());
        (self.events)(Event::Peer {
            session: confirmed.session(),
            peer: confirmed.peer().clone(),
            words,
            expires_in: self.device.machine.monotonic().until(confirmed.deadline()),
        });
        let (picked, millis, save) = self
            .decided(confirmed.deadline(), |command| {
                if let Command::Approve { words, millis, save } = command { Some((words, millis, save)) } else { None }
            })
            .await?;
        // Words that nobody offered are as wrong as a decoy.
        let picked = words.into_iter().find(|words| same_words(&words.to_string(), &picked));
        let to = Yes::Picked(picked.ok_or(ErrorCode::CodeWrong)?);
        Ok(Consent { to, save: save.unwrap_or(plan.save), millis: millis.unwrap_or(plan.millis) })
    }

    /// Finds out who vouches for the agent, and asks the user. Where nobody does, nobody is asked.
    async fn ask_about_agent(&mut self, confirmed: &KeyConfirmed, plan: &Plan) -> Result<Consent, DeviceError> {
        let peer = confirmed.peer().clone();
        let (vouched, agent) = match self.device.vouch(confirmed).await? {
            Ok(verified) => verified,
            Err(fault) => {
                (self.events)(Event::NoAgent { peer, fault });
                return Err(ErrorCode::CredentialInvalid.into());
            }
        };
        (self.events)(Event::Agent {
            session: confirmed.session(),
            peer,
            agent,
            words: confirmed.words(),
            expires_in: self.device.machine.monotonic().until(confirmed.deadline()),
        });
        let decided = self
            .decided(confirmed.deadline(), |command| {
                if let Command::ApproveAgent { millis, save } = command { Some((millis, save)) } else { None }
            })
            .await;
        if let Err(error) = &decided {
            // What was shown and came to nothing is on record; a record that cannot be kept makes no no a yes.
            let code = error.code().unwrap_or(ErrorCode::Internal);
            let _kept = self.device.keep_declined(confirmed, code).await;
        }
        let (millis, save) = decided?;
        let to = Yes::Vouched(vouched);
        Ok(Consent { to, save: save.unwrap_or(plan.save), millis: millis.unwrap_or(plan.millis) })
    }

    /// Waits for the command that `yes` takes for the user's approval, until silence is a no.
    async fn decided<T>(&mut self, deadline: Monotonic, yes: impl Fn(Command) -> Option<T>) -> Result<T, DeviceError> {
        loop {
            let left = self.device.machine.monotonic().until(deadline);
            if left == 0 {
                return Err(ErrorCode::ApprovalTimedOut.into());
            }
            match next(&mut self.link, self.commands, &self.device.machine, left).await {
                Happened::Command(Command::Decline | Command::Cancel | Command::End) => {
                    return Err(ErrorCode::Declined.into());
                }
                // There is nothing to change yet.
                Happened::Command(command) => {
                    if let Some(decided) = yes(command) {
                        return Ok(decided);
                    }
                }
                Happened::News(news) => {
                    if let Some(message) = self.news(news)? {
                        return Err(reason_of(&message).unwrap_or(ErrorCode::Malformed).into());
                    }
                }
                Happened::Tick => self.link.tick().await,
            }
        }
    }

    /// The next message of the other end.
    async fn message(&mut self, deadline: Monotonic, late: ErrorCode) -> Result<Vec<u8>, DeviceError> {
        loop {
            let left = self.device.machine.monotonic().until(deadline);
            if left == 0 {
                return Err(late.into());
            }
            match next(&mut self.link, self.commands, &self.device.machine, left).await {
                Happened::Command(Command::Cancel | Command::End | Command::Decline) => {
                    return Err(ErrorCode::Declined.into());
                }
                // There is nothing to approve or change yet.
                Happened::Command(
                    Command::Approve { .. }
                    | Command::ApproveAgent { .. }
                    | Command::Extend { .. }
                    | Command::Shorten { .. }
                    | Command::Add { .. }
                    | Command::Allow { .. }
                    | Command::Refuse,
                ) => {}
                Happened::News(news) => {
                    if let Some(message) = self.news(news)? {
                        return Ok(message);
                    }
                }
                Happened::Tick => self.link.tick().await,
            }
        }
    }

    fn news(&mut self, news: News) -> Result<Option<Vec<u8>>, DeviceError> {
        match news {
            News::Message(message) => return Ok(Some(message)),
            News::Over(code) => return Err(code.into()),
            News::Joined { .. } => (self.events)(Event::Connection { up: true }),
            News::Lost => (self.events)(Event::Connection { up: false }),
            News::Peer { present } => (self.events)(Event::Viewer { present }),
            News::Crowded => (self.events)(Event::Crowded),
            News::Receipt(_) => {}
        }
        Ok(None)
    }

    async fn register(&self, grant: &SealedGrant) -> Result<(), DeviceError> {
        let submission = encode(&grant.submission(self.mailbox.mailbox));
        let token = self.device.credential().await?;
        let request = || with_cbor(Method::Post, "/v1/sessions".to_owned(), submission.clone()).by(token);
        self.device.again_if_lost(request).await?;
        Ok(())
    }

    /// Ends a session of which this device does not know whether the server began it.
    async fn end_lost(&self, session: &DeviceSession) {
        let now = self.clock.at(self.device.machine.monotonic());
        let end = session.end(self.device.keys().signing(), Hash::ZERO, now);
        // There is none, or the server is away: then it ends by itself, at its time. Nothing was sent to the viewer.
        let _told = self.device.end_signed(session.session(), &end).await;
    }

    /// Tells the other end why, and removes the mailbox.
    async fn abandon(&mut self, error: &DeviceError) {
        let code = error.code().unwrap_or(ErrorCode::Internal);
        self.link.send(encode(&Message::Abort { code })).await;
        let until = self.device.machine.monotonic().plus(FAREWELL);
        while !self.link.is_delivered() {
            let left = self.device.machine.monotonic().until(until);
            if left == 0 {
                break;
            }
            if let Happened::News(News::Over(_)) = next(&mut self.link, self.commands, &self.device.machine, left).await
            {
                break;
            }
        }
        let path = format!("/v1/mailboxes/{}", self.mailbox.mailbox);
        // If this is lost, the server's clock burns the code.
        let _gone = self.device.again_if_lost(|| bare(Method::Delete, path.clone()).by(self.mailbox.token)).await;
    }
}

/// The user said yes.
struct Consent {
    to: Yes,
    save: bool,
    millis: u64,
}

/// To whom.
enum Yes {
    /// The browser that shows these words.
    Picked(CheckWords),
    /// The agent for whom this proof is.
    Vouched(Vouched),
}

/// A run that was counted and is not settled.
struct Run {
    deadline: Monotonic,
}

/// Openings in all: each unit a few times. The user's own screen gets the default, where that is more.
fn budget(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX).saturating_mul(BUDGET_PER_UNIT)
}
