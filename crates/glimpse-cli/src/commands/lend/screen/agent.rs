//! Lending to an agent: who asks and why, or the warning that nobody vouches for whoever asks.

use std::collections::BTreeSet;

use glimpse_core::pairing::device::Peer;
use glimpse_core::words::CheckWords;
use glimpse_device::organisations::Agent;
use glimpse_wire::RecordId;
use glimpse_wire::limits::MAX_ASK;
use glimpse_wire::organisation::CredentialFault;

use super::super::fields::Wishes;
use super::super::report::Report;
use super::{Phase, Screen};
use crate::out::Style;
use crate::text::{clean, clean_to};

/// Columns of a name on the screen.
const NAME: usize = 80;

/// How the person here ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Ended {
    /// For good.
    Quit,
    /// For an agent who goes on with the same.
    HandedOver,
}

impl Screen {
    /// What there is to report about whoever asked.
    pub(in super::super) fn about(&self) -> Option<Report> {
        self.about.clone()
    }

    /// How the person here ended the session, if they did; and what was lent on top, for whoever gets the same.
    pub(in super::super) fn handed_over(&self) -> (Option<Ended>, BTreeSet<RecordId>, Wishes) {
        (self.ended, self.lent.clone(), self.less.clone())
    }

    pub(super) fn agent(&mut self, peer: &Peer, agent: &Agent, words: CheckWords, expires_in: u64) {
        self.set_end(expires_in);
        let name = clean_to(&agent.name, NAME);
        let organisation = clean_to(&agent.organisation, NAME);
        self.line("");
        self.line(&self.out.styled(Style::Bold, &format!("{name} of {organisation} asks to look.")));
        self.line(&format!(
            "{} {organisation}, which you pinned, vouches for them.",
            self.out.styled(Style::Green, "Verified:")
        ));
        for (what, said) in [("case", &peer.case), ("reason", &peer.reason)] {
            self.line(&format!("   {what:<7}  {}", clean_to(said, MAX_ASK)));
        }
        self.line(&format!("They would get {}", self.lends));
        self.line(&format!("They see these two words as well: {}", self.out.styled(Style::Bold, &words.to_string())));
        self.line("");
        self.line(&self.out.styled(
            Style::Yellow,
            "Did they call you? Then say no, hang up, and call a number of theirs that you know.",
        ));
        self.line("   y  yes, lend      n  no      w  write a report");
        self.phase = Phase::Agent;
    }

    pub(super) fn no_agent(&mut self, peer: &Peer, fault: CredentialFault) {
        self.suspicious = true;
        self.line("");
        self.line(&self.out.styled(Style::Red, "Nobody vouches for whoever typed this code. Nothing was shared."));
        self.line(&format!("   {}", why(fault)));
        for (what, said) in [("case", &peer.case), ("reason", &peer.reason), ("page", &peer.origin)] {
            if !said.is_empty() {
                self.line(&format!("   They say, and nobody can check that: {what} “{}”", clean_to(said, MAX_ASK)));
            }
        }
        self.line(
            &self.out.styled(Style::Red, "Hang up. Call the organisation yourself, under a number that you know."),
        );
    }
}

/// Why nobody vouches, for a person.
pub(in super::super) const fn why(fault: CredentialFault) -> &'static str {
    match fault {
        CredentialFault::Missing => "They showed no credential.",
        CredentialFault::Unknown => "Their credential is of an organisation that you have not pinned.",
        CredentialFault::Forged => "Their credential is forged, or somebody else's.",
        CredentialFault::Early => "Their credential does not count yet. Is the clock of this device right?",
        CredentialFault::Expired => "Their credential is over. Is the clock of this device right?",
        CredentialFault::Revoked => "Their organisation has taken their credential back.",
    }
}

/// The same for programs.
pub(in crate::commands) const fn fault_word(fault: CredentialFault) -> &'static str {
    match fault {
        CredentialFault::Missing => "missing",
        CredentialFault::Unknown => "unknown-organisation",
        CredentialFault::Forged => "forged",
        CredentialFault::Early => "early",
        CredentialFault::Expired => "expired",
        CredentialFault::Revoked => "revoked",
    }
}

/// What stands on the screen before a code for an agent.
pub(super) fn before_code(screen: &Screen) {
    screen.line(&screen.out.styled(Style::Bold, "For an agent of an organisation that you called yourself:"));
    screen.line(&format!(
        "tell them this code. {}",
        clean("You see who they are, and why they ask, before anything is shared.")
    ));
}
