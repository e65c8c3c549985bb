//! What the page draws of the portal.

use glimpse_page::announce::Announcement;
use glimpse_wire::UnixMillis;
use glimpse_wire::ids::Bytes;
use serde::Serialize;

/// What the page draws, where no viewer runs.
#[derive(Debug, Serialize)]
pub struct Snapshot<'p> {
    /// Always `agent`: a viewer's snapshots have names of their own.
    pub screen: &'static str,
    /// The portal.
    pub agent: View<'p>,
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
    /// What was said of the case, to be shown beside the viewer.
    pub case: &'p str,
    /// And why.
    pub reason: &'p str,
}

/// What a passkey is to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assert {
    /// The challenge.
    pub challenge: Bytes,
    /// Which passkey.
    pub id: Bytes,
}
