//! What rules are in force. A rule that becomes stricter is so at once; one that becomes less strict waits as a pin does,
//! so that whoever took one device cannot undo in one breath what was to stop them.

use super::{Chain, ChainError};
use crate::account::{Need, Pin, Policy};
use crate::ids::{SigningKeyBytes, UnixMillis};
use crate::limits::{MAX_HELD_MILLIS, MAX_PINS, MAX_TITLE};

/// A policy whose rules are less strict than those in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loosened {
    /// As it was signed.
    policy: Policy,
    /// It is in force for what carries this time or a later one, and for everything from the first such link on.
    from: UnixMillis,
}

/// As what a key is pinned. One that was pinned as a writer's long ago is new as an organisation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pinned {
    Organisation,
    Writer,
}

/// What a policy link brings.
#[derive(Debug)]
pub(super) struct NewRules {
    pub(super) policy: Policy,
    pub(super) loosened: Option<Loosened>,
    pub(super) pinned: Vec<(Pinned, SigningKeyBytes, UnixMillis)>,
}

impl Chain {
    /// The pins, and the rules that are in force for a link which carries no time.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The pins, and the rules that are in force for what carries this time.
    #[must_use]
    pub fn policy_at(&self, at: UnixMillis) -> &Policy {
        self.loosened.as_ref().filter(|loosened| loosened.from <= at).map_or(&self.policy, |loosened| &loosened.policy)
    }

    /// The newest policy as it was signed: what the next one changes.
    #[must_use]
    pub fn signed_policy(&self) -> &Policy {
        self.loosened.as_ref().map_or(&self.policy, |loosened| &loosened.policy)
    }

    /// When the newest policy is in force with all its rules, where some wait because they are less strict: for what carries
    /// this time or a later one.
    #[must_use]
    pub fn loosens_at(&self) -> Option<UnixMillis> {
        self.loosened.as_ref().map(|loosened| loosened.from)
    }

    /// Takes note of a link's time.
    pub(super) fn settle(&mut self, at: UnixMillis) {
        self.dated = self.dated.max(at);
        if let Some(loosened) = self.loosened.take_if(|loosened| loosened.from <= at) {
            self.policy = loosened.policy;
        }
    }

    pub(super) fn fit_policy(&self, policy: Policy, at: UnixMillis, held: u64) -> Result<NewRules, ChainError> {
        let before = self.policy_at(at);
        if !(before.pinning.held..=MAX_HELD_MILLIS).contains(&held) {
            return Err(ChainError::Policy);
        }
        if !is_policy(&policy) {
            return Err(ChainError::Malformed);
        }
        let from = at.plus(held);
        let organisations = policy.organisations.iter().map(|pin| (Pinned::Organisation, pin.key));
        let writers = policy.writers.iter().map(|pin| (Pinned::Writer, pin.key));
        let since = |(list, key)| (list, key, self.pinned_from(list, &key).unwrap_or(from));
        let pinned = organisations.chain(writers).map(since).collect();
        let strict = stricter(before, &policy);
        if before.pinning.held == 0 || strict == policy {
            return Ok(NewRules { policy, loosened: None, pinned });
        }
        let waits = self.loosened.as_ref().filter(|waiting| same_rules(&waiting.policy, &policy));
        let from = waits.map_or(from, |waiting| waiting.from);
        Ok(NewRules { policy: strict, loosened: Some(Loosened { policy, from }), pinned })
    }
}

/// `policy` with each of its rules at least as strict as `before` has it.
fn stricter(before: &Policy, policy: &Policy) -> Policy {
    let need = |a: Need, b: Need| Need { second: a.second || b.second, held: a.held.max(b.held) };
    Policy {
        adding: need(before.adding, policy.adding),
        revoking: need(before.revoking, policy.revoking),
        pinning: need(before.pinning, policy.pinning),
        recovering: before.recovering.max(policy.recovering),
        ..policy.clone()
    }
}

fn same_rules(a: &Policy, b: &Policy) -> bool {
    (a.adding, a.revoking, a.pinning, a.recovering) == (b.adding, b.revoking, b.pinning, b.recovering)
}

fn is_policy(policy: &Policy) -> bool {
    let pins = |pins: &[Pin]| {
        let named = pins.iter().all(|pin| (1..=MAX_TITLE).contains(&pin.name.len()));
        let once = pins
            .iter()
            .enumerate()
            .all(|(place, pin)| pins.iter().skip(place.saturating_add(1)).all(|other| other.key != pin.key));
        pins.len() <= MAX_PINS && named && once
    };
    let Policy { organisations, writers, adding, revoking, pinning, recovering } = policy;
    pins(organisations)
        && pins(writers)
        && revoking.held == 0
        && [adding.held, pinning.held, *recovering].iter().all(|held| *held <= MAX_HELD_MILLIS)
}
