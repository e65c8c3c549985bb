//! Lending to a screen of one's own: what that says of itself, and what of it goes into a report.

use glimpse_core::pairing::device::Peer;
use glimpse_page::data;
use glimpse_wire::SessionId;
use glimpse_wire::limits::MAX_ASK;
use serde::Serialize;

use crate::organisations::clip;

/// Who is at the other end, as claimed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnView {
    origin: String,
    program: String,
    build: String,
    /// Whether it names a case or a reason, as somebody who calls would. Nobody vouches for what stands there, so the page does
    /// not get it: it would be read as if somebody did.
    names_case: bool,
    #[serde(skip)]
    case: String,
    #[serde(skip)]
    reason: String,
    #[serde(skip)]
    pub(super) session: SessionId,
}

/// The same for a report, with all that it said.
#[derive(Debug, Serialize)]
pub(super) struct OwnReport<'a> {
    program: &'a str,
    origin: &'a str,
    build: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    case: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
}

impl OwnView {
    pub(super) fn of(session: SessionId, peer: &Peer) -> Self {
        Self {
            origin: data::line(&peer.origin),
            program: data::line(&peer.program),
            build: data::line(&peer.build),
            names_case: !peer.case.is_empty() || !peer.reason.is_empty(),
            case: clip(&peer.case, MAX_ASK),
            reason: clip(&peer.reason, MAX_ASK),
            session,
        }
    }

    pub(super) fn report(&self) -> OwnReport<'_> {
        OwnReport {
            program: &self.program,
            origin: &self.origin,
            build: &self.build,
            case: &self.case,
            reason: &self.reason,
        }
    }
}
