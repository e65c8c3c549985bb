//! Lending to an agent: who asks, or that nobody vouches for whoever asks, and the report about whoever typed a code.

use glimpse_core::pairing::device::Peer;
use glimpse_core::words::CheckWords;
use glimpse_device::lend::Audience;
use glimpse_device::organisations::Agent;
use glimpse_wire::limits::MAX_ASK;
use glimpse_wire::organisation::CredentialFault;
use glimpse_wire::{SessionId, UnixMillis};
use serde::{Deserialize, Serialize};

use super::Stage;
use super::own::{OwnReport, OwnView};
use crate::organisations::{MAX_NAME, clip};
use crate::phone::Phone;

/// What a person is offered for an agent, in minutes.
const MINUTES: [u32; 5] = [5, 10, 15, 30, 60];
/// Titles that are named one by one: of more, the newest.
pub(super) const MAX_TITLES: usize = 20;

/// To whom something is lent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// A screen in front of the person.
    #[default]
    OwnScreen,
    /// An agent of an organisation that the person has pinned.
    Agent,
}

impl Whom {
    pub(super) const fn audience(self) -> Audience {
        match self {
            Self::OwnScreen => Audience::OwnScreen,
            Self::Agent => Audience::Agent,
        }
    }
}

/// What is offered, with what was chosen before it was asked.
pub(super) fn minutes(chosen: u32) -> Vec<u32> {
    let mut offered = MINUTES.to_vec();
    offered.push(chosen);
    offered.sort_unstable();
    offered.dedup();
    offered
}

/// An agent for whom an organisation vouches.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentView {
    /// As the person calls it.
    organisation: String,
    /// As the organisation vouches for it.
    name: String,
    case: String,
    reason: String,
    program: String,
    origin: String,
    words: String,
    #[serde(skip)]
    key: String,
    #[serde(skip)]
    session: SessionId,
}

/// Somebody who says to be an agent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NobodyView {
    /// The catalogue has `no-agent.<fault>`.
    fault: &'static str,
    case: String,
    reason: String,
    program: String,
    origin: String,
}

impl AgentView {
    pub(super) fn of(session: SessionId, peer: &Peer, agent: &Agent, words: CheckWords) -> Self {
        Self {
            organisation: clip(&agent.organisation, MAX_NAME),
            name: clip(&agent.name, MAX_NAME),
            case: clip(&peer.case, MAX_ASK),
            reason: clip(&peer.reason, MAX_ASK),
            program: clip(&peer.program, MAX_ASK),
            origin: clip(&peer.origin, MAX_ASK),
            words: words.to_string(),
            key: agent.key.to_string(),
            session,
        }
    }

    /// Who it is, for a screen reader.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl NobodyView {
    pub(super) fn of(peer: &Peer, fault: CredentialFault) -> Self {
        Self {
            fault: word(fault),
            case: clip(&peer.case, MAX_ASK),
            reason: clip(&peer.reason, MAX_ASK),
            program: clip(&peer.program, MAX_ASK),
            origin: clip(&peer.origin, MAX_ASK),
        }
    }
}

/// Why nobody vouches, as the terminal says it to programs.
const fn word(fault: CredentialFault) -> &'static str {
    match fault {
        CredentialFault::Missing => "missing",
        CredentialFault::Unknown => "unknown-organisation",
        CredentialFault::Forged => "forged",
        CredentialFault::Early => "early",
        CredentialFault::Expired => "expired",
        CredentialFault::Revoked => "revoked",
    }
}

/// What the person hands to the organisation, or to whoever runs the server: who asked for what, and nothing of any record, of
/// the code or of the words of a screen of their own.
#[derive(Serialize)]
struct Report<'a> {
    written: UnixMillis,
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a AgentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nobody_vouches: Option<&'a NobodyView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    screen: Option<OwnReport<'a>>,
}

impl Phone {
    /// Lets the person keep what this device knows of the agent, of whoever said to be one, or of the screen that has the code;
    /// while nobody has typed one, where and when it was shown.
    pub(crate) fn report(&self) {
        let Some(device) = self.device() else { return };
        let written = device.now();
        let text = self.look(|state| {
            let lending = state.lending.as_ref()?;
            let agent = lending.agent.as_ref();
            let nobody_vouches = if let Stage::NoAgent { nobody, .. } = &lending.stage { Some(nobody) } else { None };
            if lending.wish.to == Whom::Agent && agent.is_none() && nobody_vouches.is_none() {
                return None;
            }
            let organisation_key = agent.map(|agent| agent.key.as_str());
            let own = lending.own.as_ref();
            let session = agent.map(|agent| agent.session).or_else(|| own.map(|own| own.session));
            let (server, screen) = (device.server(), own.map(OwnView::report));
            let report = Report { written, server, agent, organisation_key, session, nobody_vouches, screen };
            serde_json::to_string_pretty(&report).ok()
        });
        if let Some(text) = text {
            self.0.face.file("glimpse-report.json", &format!("{text}\n"));
        }
    }
}
