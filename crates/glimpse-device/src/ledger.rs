//! A session of an organisation as a line of JSON that anybody checks offline: what `glimpse org audit export` writes and the
//! supervisor's view gives (docs/audit-log.md).

use core::fmt;
use std::collections::BTreeSet;

use glimpse_core::receipts::{Audit, BrokenTrail, audit};
use glimpse_wire::account::{Signed, SignedLink};
use glimpse_wire::api::AgentSession;
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_LINK, MAX_MESSAGE, MAX_RECEIPT};
use glimpse_wire::organisation::{Asked, Credential, CredentialFault, Note, Outcome, Request};
use glimpse_wire::pairing::Terms;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::session::{Event, Receipt, Stop};
use glimpse_wire::{AccountId, AgentId, ErrorCode, Hash, SessionId, SigningKeyBytes, UnixMillis, decode, encode};
use serde::{Deserialize, Serialize};

use crate::sessions::{first_terms, lent_by, stopper};

/// Form of a line.
pub const VERSION: u8 = 1;

/// One session. What can be checked is in it byte for byte; the rest is there to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// [`VERSION`].
    pub version: u8,
    /// Whose agent.
    pub organisation: SigningKeyBytes,
    /// Which session.
    pub session: SessionId,
    /// Which agent.
    pub agent: AgentId,
    /// When it began: as its first Terms say.
    pub issued: UnixMillis,
    /// Until when it was granted: as its newest Terms say.
    pub expires: UnixMillis,
    /// Why it ended, as the server says.
    pub ended: Option<String>,
    /// The account that lent.
    pub account: Option<AccountId>,
    /// The key of the server, as whoever exported met it: by it the server signs that it destroyed the session.
    #[serde(default)]
    pub server: Option<SigningKeyBytes>,
    /// The account's chain, so that the lender's signatures can be checked.
    pub chain: Vec<Bytes>,
    /// The receipts, as the server wrote them.
    pub receipts: Vec<Bytes>,
    /// What was asked, as the agent left it for this audit; nothing where whoever exports cannot open it.
    pub asked: Option<Bytes>,
    /// What came of it: a signed outcome.
    pub outcome: Option<Bytes>,
    /// Of what was asked, to be read. A check compares it, and the three that follow.
    pub name: Option<String>,
    /// Of what was asked.
    pub case: Option<String>,
    /// Of what was asked.
    pub reason: Option<String>,
    /// The check words.
    pub words: Option<String>,
}

/// What a line proves.
#[derive(Clone, Debug)]
pub struct Proved {
    /// Who asked, and why; nothing where no note of it is in the line.
    pub request: Option<Request>,
    /// What came of it, where the agent said so.
    pub outcome: Option<Outcome>,
    /// What the receipts show.
    pub audit: Audit,
}

/// The first thing about a line that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is of another organisation, or of another version.
    Other,
    /// Its first receipt is no grant.
    NoGrant,
    /// This link of the account's chain does not hold, counted from zero.
    Link {
        /// Which.
        seq: usize,
    },
    /// The chain is not that of the account that lent.
    OtherAccount,
    /// The device that lent did not belong to the account then.
    Lender,
    /// This receipt does not hold, counted from zero.
    Receipt {
        /// Which.
        seq: u64,
    },
    /// The server says that the session ended, and the receipts, of which there are so many, do not tell of it: the rest was cut off.
    CutOff {
        /// The first that is missing.
        seq: usize,
    },
    /// No agent asked: it was lent to a screen of the account's own.
    NoAgent,
    /// It began, or was granted, at another time than its Terms say.
    Times,
    /// What is written out to be read says otherwise than what is proved.
    Readable,
    /// What was asked cannot be read, or is not what the customer granted.
    Asked,
    /// The agent's credential did not count when the session began.
    Credential,
    /// Somebody else asked than this agent of this organisation.
    OtherAgent,
    /// The outcome stands without what was asked, whose credential names the agent's key.
    OutcomeAlone,
    /// The outcome cannot be read, or the agent did not sign it.
    Outcome,
    /// The outcome is of another session, agent or organisation.
    OtherOutcome,
    /// The session is in the log already.
    Repeated,
}

impl Fault {
    /// A word for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::NoGrant => "no-grant",
            Self::Link { .. } => "link",
            Self::OtherAccount => "other-account",
            Self::Lender => "lender",
            Self::Receipt { .. } => "receipt",
            Self::CutOff { .. } => "cut-off",
            Self::NoAgent => "no-agent",
            Self::Times => "times",
            Self::Readable => "readable",
            Self::Asked => "asked",
            Self::Credential => "credential",
            Self::OtherAgent => "other-agent",
            Self::OutcomeAlone => "outcome-alone",
            Self::Outcome => "outcome",
            Self::OtherOutcome => "other-outcome",
            Self::Repeated => "repeated",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other => f.write_str("it is of another organisation, or of another version"),
            Self::NoGrant => f.write_str("its first receipt is no grant"),
            Self::Link { seq } => write!(f, "link {seq} of the account's chain does not hold"),
            Self::OtherAccount => f.write_str("the chain is not that of the account that lent"),
            Self::Lender => f.write_str("the device that lent did not belong to the account then"),
            Self::Receipt { seq } => write!(f, "receipt {seq} does not hold"),
            Self::CutOff { seq } => write!(f, "receipt {seq} is missing: the session ended, and its end was cut off"),
            Self::NoAgent => f.write_str("no agent asked: it was lent to a screen of the account's own"),
            Self::Times => f.write_str("it began, or was granted, at another time than its receipts say"),
            Self::Readable => f.write_str("what is written out to be read says otherwise than what is proved"),
            Self::Asked => f.write_str("what was asked is not what the customer granted"),
            Self::Credential => f.write_str("the agent's credential did not count when the session began"),
            Self::OtherAgent => f.write_str("somebody else asked than this agent of this organisation"),
            Self::OutcomeAlone => f.write_str("the outcome stands without what was asked"),
            Self::Outcome => f.write_str("the agent did not sign the outcome"),
            Self::OtherOutcome => f.write_str("the outcome is of another session"),
            Self::Repeated => f.write_str("the session is in the log already"),
        }
    }
}

/// Name, case, reason and check words of what was asked, as a line writes them out.
fn readable(request: Option<&Request>) -> [Option<String>; 4] {
    let Some(Request { credential, case, reason, words: [first, second], .. }) = request else {
        return [const { None }; 4];
    };
    [credential.name.clone(), case.clone(), reason.clone(), format!("{first} {second}")].map(Some)
}

/// Replays a chain; the number of the first link that does not hold.
fn replayed(chain: &[Bytes]) -> Result<Chain, usize> {
    let mut links: Vec<SignedLink> = Vec::with_capacity(chain.len());
    for (seq, link) in chain.iter().enumerate() {
        links.push(decode(link.as_slice(), 2 * MAX_LINK).map_err(|_| seq)?);
    }
    let mut links = links.iter();
    let mut chain = Chain::begin(links.next().ok_or(0usize)?).map_err(|_| 0usize)?;
    for (seq, link) in (1usize..).zip(links) {
        chain.push(link).map_err(|_| seq)?;
    }
    Ok(chain)
}

/// When a session began and until when it was granted, by its first Terms and its newest. They are read, not verified.
fn times(receipts: &[Bytes]) -> Option<(UnixMillis, UnixMillis)> {
    let terms = events(receipts).find_map(|event| {
        let Event::Granted { terms, .. } = event else { return None };
        decode::<Terms>(terms.as_slice(), MAX_RECEIPT).ok()
    });
    Some((first_terms(receipts)?.issued, terms?.expires))
}

/// Why a session ended, by its receipts.
fn ended(receipts: &[Bytes]) -> Option<ErrorCode> {
    events(receipts).find_map(|event| if let Event::Ended { code, .. } = event { Some(code) } else { None })
}

/// What receipts tell, from the newest back.
fn events(receipts: &[Bytes]) -> impl Iterator<Item = Event> {
    receipts.iter().rev().filter_map(|bytes| Some(decode::<Receipt>(bytes.as_slice(), MAX_RECEIPT).ok()?.event))
}

/// The lines of one log, of which each is of another session.
#[derive(Debug, Default)]
pub struct Log {
    sessions: BTreeSet<SessionId>,
}

impl Log {
    /// Checks the next line: [`Line::check`], and that its session is not in the log already.
    ///
    /// # Errors
    /// [`Fault`], the first.
    pub fn check(&mut self, line: &Line, organisation: Option<&SigningKeyBytes>) -> Result<Proved, Fault> {
        let proved = line.check(organisation)?;
        if self.sessions.insert(line.session) { Ok(proved) } else { Err(Fault::Repeated) }
    }
}

impl Line {
    /// A session as a server lists it, with all that the server has of it; nothing of it is verified. What the agent left for the
    /// audit is not in it yet: [`Self::with_notes`].
    #[must_use]
    pub fn listed(
        organisation: SigningKeyBytes,
        listed: &AgentSession,
        server: SigningKeyBytes,
        chain: Vec<Bytes>,
        receipts: Vec<Bytes>,
    ) -> Self {
        // A session that runs may have got newer Terms since it was listed.
        let (issued, expires) = times(&receipts).unwrap_or((listed.issued, listed.expires));
        Self {
            version: VERSION,
            organisation,
            session: listed.session,
            agent: listed.agent,
            issued,
            expires,
            ended: listed.ended.clone(),
            account: first_terms(&receipts).map(|terms| terms.account),
            server: Some(server),
            chain,
            receipts,
            asked: None,
            outcome: None,
            name: None,
            case: None,
            reason: None,
            words: None,
        }
    }

    /// Takes what the agent left, in the order in which the server gives it. Of each kind the first that holds counts: anybody
    /// can seal a note, and an agent's second word changes nothing of the first. Where none holds, the first is taken, and a
    /// check names it.
    #[must_use]
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = Note>) -> Self {
        let (mut asked, mut outcomes) = (Vec::new(), Vec::new());
        for note in notes {
            match note {
                Note::Asked(said) => asked.push(said),
                Note::Outcome(signed) => outcomes.push(Bytes(encode(&signed))),
            }
        }
        let terms = first_terms(&self.receipts);
        let request = |said: &Asked| said.check(terms.as_ref()?).ok();
        let said = asked.iter().find(|said| request(said).is_some()).or_else(|| asked.first());
        let request = said.and_then(request);
        let credential = request.as_ref().map(|request| &request.credential);
        let outcome = outcomes.iter().find(|bytes| self.outcome_of(bytes, credential).is_ok());
        let outcome = outcome.or_else(|| outcomes.first()).cloned();
        self.asked = said.map(|said| Bytes(encode(said)));
        self.outcome = outcome;
        // Only what the Terms commit to is written out to be read.
        [self.name, self.case, self.reason, self.words] = readable(request.as_ref());
        self
    }

    /// Checks it with nothing but what is in it, from the account's chain to what came of the session. Somebody who knows the
    /// organisation's key names it. A trail that holds says in [`Proved::audit`] whether it goes to the end.
    ///
    /// # Errors
    /// [`Fault`], the first.
    pub fn check(&self, organisation: Option<&SigningKeyBytes>) -> Result<Proved, Fault> {
        if self.version != VERSION || organisation.is_some_and(|key| *key != self.organisation) {
            return Err(Fault::Other);
        }
        let terms = first_terms(&self.receipts).ok_or(Fault::NoGrant)?;
        let chain = replayed(&self.chain).map_err(|seq| Fault::Link { seq })?;
        if Some(chain.account()) != self.account || chain.account() != terms.account {
            return Err(Fault::OtherAccount);
        }
        let mut members = chain.members().iter();
        let lender = members.find(|member| lent_by(&member.device.signing, self.session, &self.receipts));
        let lender = lender.ok_or(Fault::Receipt { seq: 0 })?;
        // Whoever was taken out since belonged then; whoever was taken out before did not.
        if chain.active_at(&lender.id, &terms.head).is_none() {
            return Err(Fault::Lender);
        }
        let others = |stop: &Stop| stopper(&chain, stop);
        let audit = audit(self.session, &lender.device.signing, &others, self.server.as_ref(), &self.receipts)
            .map_err(|BrokenTrail { seq }| Fault::Receipt { seq })?;
        if self.ended.is_some() && !audit.ended {
            return Err(Fault::CutOff { seq: self.receipts.len() });
        }
        if terms.asked == Hash::ZERO {
            return Err(Fault::NoAgent);
        }
        if times(&self.receipts) != Some((self.issued, self.expires)) {
            return Err(Fault::Times);
        }
        let request = match &self.asked {
            Some(bytes) => {
                let asked: Asked = decode(bytes.as_slice(), MAX_MESSAGE).map_err(|_| Fault::Asked)?;
                let request = asked.check(&terms).map_err(|fault| match fault {
                    CredentialFault::Early | CredentialFault::Expired => Fault::Credential,
                    CredentialFault::Missing
                    | CredentialFault::Unknown
                    | CredentialFault::Forged
                    | CredentialFault::Revoked => Fault::Asked,
                })?;
                if request.credential.organisation != self.organisation || request.credential.agent != self.agent {
                    return Err(Fault::OtherAgent);
                }
                Some(request)
            }
            None => None,
        };
        let credential = request.as_ref().map(|request| &request.credential);
        let outcome = match &self.outcome {
            Some(bytes) => Some(self.outcome_of(bytes, credential)?),
            None => None,
        };
        let proved = readable(request.as_ref());
        let told = [&self.name, &self.case, &self.reason, &self.words].into_iter().zip(&proved);
        let ended = ended(&self.receipts).map(ErrorCode::slug);
        if told.into_iter().any(|(told, proved)| told.is_some() && told != proved)
            || self.ended.as_deref().is_some_and(|told| ended != Some(told))
        {
            return Err(Fault::Readable);
        }
        Ok(Proved { request, outcome, audit })
    }

    fn outcome_of(&self, bytes: &Bytes, credential: Option<&Credential>) -> Result<Outcome, Fault> {
        let signed: Signed = decode(bytes.as_slice(), MAX_MESSAGE).map_err(|_| Fault::Outcome)?;
        let key = credential.map(|credential| credential.key).ok_or(Fault::OutcomeAlone)?;
        let outcome: Outcome = signed.open(StatementKind::Outcome, &key).map_err(|_| Fault::Outcome)?;
        if (outcome.session, outcome.agent, outcome.organisation) != (self.session, self.agent, self.organisation) {
            return Err(Fault::OtherOutcome);
        }
        Ok(outcome)
    }
}
