//! What the page draws of the portal.

use glimpse_page::announce::Announcement;
use glimpse_wire::ids::Bytes;
use glimpse_wire::{AgentId, SessionId, UnixMillis};
use serde::Serialize;

use crate::portal::Kept;

/// What the page draws, where no viewer runs.
#[derive(Debug, Serialize)]
pub struct Snapshot<'p> {
    /// `agent`, or `ledger` for what a supervisor sees; a viewer's snapshots have names of their own.
    pub screen: &'static str,
    /// The portal.
    pub agent: View<'p>,
    /// What a supervisor sees of the organisation, where that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerView<'p>>,
    /// What a screen reader says.
    pub announcement: Option<&'p Announcement>,
}

/// The portal.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View<'p> {
    /// Where the agent is: `starting`, `stranger`, `invited`, `enrolling`, `signed-out`, `signing-in`, `leaving`, `unvouched`,
    /// `ready`, `looking`.
    pub stage: &'static str,
    /// What the organisation calls itself; empty where it is not known yet.
    pub organisation: &'p str,
    /// The agent's name, as the organisation vouches for it; empty where it does not.
    pub name: &'p str,
    /// Whether the agent is a supervisor.
    pub supervisor: bool,
    /// When the credential ends.
    pub until: Option<UnixMillis>,
    /// What went wrong, by key of the catalogue.
    pub problem: Option<&'static str>,
    /// What a passkey is to answer.
    pub assert: Option<&'p Assert>,
    /// Where the page goes for the agent to sign in, and comes back from: an address that was looked at.
    pub leave: Option<&'p str>,
    /// Before another is enrolled here: who is.
    pub enrolled: Option<Enrolled<'p>>,
    /// Whether nobody enrols without a passkey.
    pub passkey_only: bool,
    /// What was said of the case, to be shown beside the viewer.
    pub case: &'p str,
    /// And why.
    pub reason: &'p str,
}

/// Who is enrolled in this browser.
#[derive(Debug, Serialize)]
pub struct Enrolled<'p> {
    /// As the organisation vouched last; empty where it has not.
    pub name: &'p str,
    /// Which agent.
    pub agent: AgentId,
}

impl<'p> Enrolled<'p> {
    pub(crate) fn of(kept: &'p Kept) -> Self {
        Self { name: &kept.name, agent: kept.agent }
    }
}

/// The sessions of the organisation: who and when, never what.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerView<'p> {
    /// Those that the filter lets through, newest first.
    pub rows: Vec<LedgerRow<'p>>,
    /// How many were read.
    pub read: usize,
    /// Whether there are older ones.
    pub more: bool,
    /// Whether the server is being asked.
    pub busy: bool,
    /// The agents of those that were read.
    pub agents: Vec<String>,
    /// The filter: an agent's id, or empty.
    pub agent: &'p str,
    /// The filter: `running`, `ended`, or empty.
    pub state: &'p str,
    /// The one that is looked at.
    pub trail: Option<&'p TrailView>,
}

/// One of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerRow<'p> {
    /// Which session.
    pub session: SessionId,
    /// Which agent.
    pub agent: AgentId,
    /// When it was granted.
    pub issued: UnixMillis,
    /// Until when.
    pub expires: UnixMillis,
    /// How many units.
    pub units: u64,
    /// How many were opened.
    pub opened: u64,
    /// The slug of why it ended; nothing while it runs.
    pub ended: Option<&'p str>,
}

/// A trail that was verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrailView {
    /// Of which session.
    pub session: SessionId,
    /// Which agent.
    pub agent: AgentId,
    /// `whole`, `no-end`, `not-destroyed`, or `broken`.
    pub verdict: &'static str,
    /// Of a broken one: the word of its fault.
    pub fault: Option<&'static str>,
    /// And the number of the link or receipt.
    pub seq: Option<u64>,
    /// What each receipt tells.
    pub receipts: Vec<ReceiptView>,
}

/// One receipt.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptView {
    /// When, by the server's clock.
    pub at: UnixMillis,
    /// `granted`, `opened`, `refused`, `ended`, `deleted`, `countersigned`.
    pub what: &'static str,
    /// Units that were granted, or destroyed.
    pub units: Option<u64>,
    /// The slug of why: a refusal, an end.
    pub code: Option<&'static str>,
    /// Who ended it: `device`, `viewer`, `other-device`, `server`.
    pub by: Option<&'static str>,
}

/// What a passkey is to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assert {
    /// The challenge.
    pub challenge: Bytes,
    /// Which passkey.
    pub id: Bytes,
}
