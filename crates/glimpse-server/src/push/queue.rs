//! Which pushes are to be sent, and when: time is an argument, and nothing here sends.
//!
//! An act is noted by its account and by who did it. For each device that is to hear of it there is at most one push: acts
//! that come while it waits are told by it as well, and those that come while it is being sent, or soon after, by one more.
//! Everything is bounded; what finds no room is dropped, and the device sees it when it next looks.

use std::collections::{BTreeSet, HashMap};

use glimpse_wire::{AccountId, DeviceId, UnixMillis};

use super::seal::PushId;
use super::send::Outcome;

/// A device of an account.
pub(crate) type Target = (AccountId, DeviceId);

/// What happened in an account, as far as anybody here wants to know: that something did, and which device needs no telling.
pub(crate) type Act = (AccountId, Option<DeviceId>);

/// Waits before a push is tried again, in milliseconds. After the last it is given up.
const BACKOFF: [u64; 4] = [10 * 1_000, 60 * 1_000, 5 * 60 * 1_000, 15 * 60 * 1_000];
/// The longest that a provider may have us wait, in milliseconds; beyond it the push is given up.
const MAX_WAIT: u64 = 60 * 60 * 1_000;
/// One account has at most this part of the places.
const SHARE_OF_ONE: usize = 8;

/// The bounds of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Devices that are known here at one time, and acts likewise.
    pub(crate) waiting: usize,
    /// Pushes that are sent at one time.
    pub(crate) at_once: usize,
    /// Milliseconds between two pushes to one device.
    pub(crate) gap: u64,
}

#[derive(Debug)]
enum Stage {
    Waits { due: UnixMillis, tries: usize, id: PushId },
    IsSent { tries: usize, id: PushId, again: Option<PushId> },
    Rests { until: UnixMillis },
}

/// Acts whose devices have not been looked up, and a stage for each device that was told of late or is to be told.
#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    acts: BTreeSet<Act>,
    /// The acts that were taken and are being looked up.
    looking: bool,
    devices: HashMap<Target, Stage>,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, acts: BTreeSet::new(), looking: false, devices: HashMap::new() }
    }

    /// Notes an act. False when there is no room for it.
    pub(crate) fn note(&mut self, act: Act) -> bool {
        let room = self.acts.len() < self.bounds.waiting || self.acts.contains(&act);
        if room {
            self.acts.insert(act);
        }
        room
    }

    /// The acts that were noted, for whoever looks up the devices and calls [`Queue::looked_up`] when all are in.
    pub(crate) fn take_acts(&mut self) -> Vec<Act> {
        let acts: Vec<Act> = std::mem::take(&mut self.acts).into_iter().collect();
        self.looking = !acts.is_empty();
        acts
    }

    pub(crate) fn looked_up(&mut self) {
        self.looking = false;
    }

    /// A device is to be told. False when there is no room for it. `id` is said if this takes a push of its own.
    pub(crate) fn want(&mut self, target: Target, id: PushId, now: UnixMillis) -> bool {
        let has_room = self.devices.len() < self.bounds.waiting;
        match self.devices.get_mut(&target) {
            None if !has_room => return false,
            None => {
                self.devices.insert(target, Stage::Waits { due: now, tries: 0, id });
            }
            Some(Stage::Waits { .. }) => {}
            Some(Stage::IsSent { again, .. }) => {
                again.get_or_insert(id);
            }
            Some(Stage::Rests { until }) => {
                let due = (*until).max(now);
                self.devices.insert(target, Stage::Waits { due, tries: 0, id });
            }
        }
        true
    }

    /// What is to be sent now, the longest due first, as far as there are places.
    pub(crate) fn take_due(&mut self, now: UnixMillis) -> Vec<(Target, PushId)> {
        self.devices.retain(|_, stage| !matches!(stage, Stage::Rests { until } if *until <= now));
        let mut sent: HashMap<AccountId, usize> = HashMap::new();
        let mut due: Vec<(UnixMillis, Target)> = Vec::new();
        for ((account, device), stage) in &self.devices {
            match stage {
                Stage::IsSent { .. } => *sent.entry(*account).or_default() += 1,
                Stage::Waits { due: at, .. } if *at <= now => due.push((*at, (*account, *device))),
                Stage::Waits { .. } | Stage::Rests { .. } => {}
            }
        }
        due.sort_unstable();
        let mut places = self.bounds.at_once.saturating_sub(sent.values().sum());
        let share = self.bounds.at_once.div_ceil(SHARE_OF_ONE);
        let mut taken = Vec::new();
        for (_, target) in due {
            let of_account = sent.entry(target.0).or_default();
            if places == 0 || *of_account >= share {
                continue;
            }
            if let Some(stage) = self.devices.get_mut(&target)
                && let Stage::Waits { tries, id, .. } = *stage
            {
                *stage = Stage::IsSent { tries, id, again: None };
                *of_account += 1;
                places -= 1;
                taken.push((target, id));
            }
        }
        taken
    }

    /// What became of a push. True when it is tried again.
    pub(crate) fn sent(&mut self, target: &Target, outcome: Outcome, now: UnixMillis) -> bool {
        let Some(stage) = self.devices.get_mut(target) else { return false };
        let Stage::IsSent { tries, id, again } = *stage else { return false };
        let rested = now.plus(self.bounds.gap);
        let wait = match outcome {
            Outcome::Later { after } => BACKOFF.get(tries).map(|wait| after.unwrap_or(0).max(*wait)),
            Outcome::Taken | Outcome::Gone | Outcome::Refused => None,
        };
        if let Some(wait) = wait.filter(|wait| *wait <= MAX_WAIT) {
            *stage = Stage::Waits { due: now.plus(wait).max(rested), tries: tries + 1, id };
            return true;
        }
        *stage = match again {
            Some(id) => Stage::Waits { due: rested, tries: 0, id },
            None => Stage::Rests { until: rested },
        };
        false
    }

    /// Whether nothing is left to do at this time.
    pub(crate) fn is_quiet(&self, now: UnixMillis) -> bool {
        let busy = |stage: &Stage| match stage {
            Stage::IsSent { .. } => true,
            Stage::Waits { due, .. } => *due <= now,
            Stage::Rests { .. } => false,
        };
        self.acts.is_empty() && !self.looking && !self.devices.values().any(busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMillis = UnixMillis(1_000_000);
    const GAP: u64 = 10_000;

    fn queue() -> Queue {
        Queue::new(Bounds { waiting: 8, at_once: 4, gap: GAP })
    }

    fn target(account: u8, device: u8) -> Target {
        (AccountId([account; 32]), DeviceId([device; 32]))
    }

    const fn id(byte: u8) -> PushId {
        PushId([byte; 16])
    }

    const LATER: Outcome = Outcome::Later { after: None };

    #[test]
    fn a_flood_is_one_push_and_one_more() {
        let (mut queue, phone) = (queue(), target(1, 1));
        for _ in 0..1_000 {
            assert!(queue.want(phone, id(1), START));
        }
        assert_eq!(queue.take_due(START), [(phone, id(1))]);
        for _ in 0..1_000 {
            assert!(queue.want(phone, id(2), START));
        }
        assert_eq!(queue.take_due(START), [], "it is being sent");
        assert!(!queue.sent(&phone, Outcome::Taken, START));
        assert!(queue.is_quiet(START));
        assert_eq!(queue.take_due(START.plus(GAP - 1)), []);
        assert_eq!(queue.take_due(START.plus(GAP)), [(phone, id(2))], "what came meanwhile is told, once");
        assert!(!queue.sent(&phone, Outcome::Taken, START.plus(GAP)));
        assert_eq!(queue.take_due(START.plus(10 * GAP)), []);
        assert!(queue.devices.is_empty(), "nothing is remembered of who has rested");
    }

    #[test]
    fn what_comes_during_the_rest_waits_for_its_end() {
        let (mut queue, phone) = (queue(), target(1, 1));
        queue.want(phone, id(1), START);
        queue.take_due(START);
        queue.sent(&phone, Outcome::Taken, START);
        queue.want(phone, id(2), START.plus(1));
        assert_eq!(queue.take_due(START.plus(GAP - 1)), []);
        assert_eq!(queue.take_due(START.plus(GAP)), [(phone, id(2))]);
    }

    #[test]
    fn what_fails_is_tried_again_with_the_same_id_and_then_given_up() {
        let (mut queue, phone) = (queue(), target(1, 1));
        queue.want(phone, id(1), START);
        let mut now = START;
        for wait in BACKOFF {
            assert_eq!(queue.take_due(now), [(phone, id(1))]);
            assert!(queue.sent(&phone, LATER, now));
            assert_eq!(queue.take_due(now.plus(wait - 1)), []);
            now = now.plus(wait);
        }
        assert_eq!(queue.take_due(now), [(phone, id(1))]);
        assert!(!queue.sent(&phone, LATER, now), "given up");
        assert_eq!(queue.take_due(now.plus(MAX_WAIT)), []);
        queue.want(phone, id(2), now.plus(MAX_WAIT));
        assert_eq!(queue.take_due(now.plus(MAX_WAIT)), [(phone, id(2))], "control: the next act is told");
    }

    #[test]
    fn a_provider_is_waited_for_as_long_as_it_says_and_not_for_ever() {
        let (mut queue, phone) = (queue(), target(1, 1));
        queue.want(phone, id(1), START);
        queue.take_due(START);
        assert!(queue.sent(&phone, Outcome::Later { after: Some(120_000) }, START));
        assert_eq!(queue.take_due(START.plus(119_999)), []);
        assert_eq!(queue.take_due(START.plus(120_000)).len(), 1);
        assert!(!queue.sent(&phone, Outcome::Later { after: Some(MAX_WAIT + 1) }, START.plus(120_000)));
        assert!(queue.is_quiet(START.plus(2 * MAX_WAIT)));
    }

    #[test]
    fn nothing_grows_without_end_and_nobody_takes_all_places() {
        let mut queue = queue();
        for device in 0..8 {
            assert!(queue.want(target(1, device), id(device), START));
        }
        assert!(!queue.want(target(2, 0), id(9), START), "full");
        assert_eq!(queue.take_due(START).len(), 1, "an eighth of the places, one at least");
        let full: Vec<bool> = (0..10).map(|account| queue.note((AccountId([account; 32]), None))).collect();
        assert_eq!(full, [true, true, true, true, true, true, true, true, false, false]);
        assert!(queue.note((AccountId([1; 32]), None)), "what is noted is noted");
        assert_eq!(queue.take_acts().len(), 8);
        assert!(queue.note((AccountId([9; 32]), None)), "control: there is room again");
        let mut fair = self::queue();
        for account in 0..8 {
            fair.want(target(account, 1), id(account), START);
        }
        assert_eq!(fair.take_due(START).len(), 4, "all places, for several accounts");
        assert_eq!(fair.take_due(START), []);
        fair.sent(&target(0, 1), Outcome::Gone, START);
        assert_eq!(fair.take_due(START).len(), 1, "a place that is free is taken");
    }

    #[test]
    fn it_is_not_quiet_while_somebody_looks() {
        let mut queue = queue();
        assert!(queue.is_quiet(START));
        queue.note((AccountId([1; 32]), None));
        assert!(!queue.is_quiet(START));
        queue.take_acts();
        assert!(!queue.is_quiet(START));
        queue.want(target(1, 1), id(1), START);
        queue.looked_up();
        assert!(!queue.is_quiet(START));
        queue.take_due(START);
        assert!(!queue.is_quiet(START));
        queue.sent(&target(1, 1), LATER, START);
        assert!(queue.is_quiet(START) && !queue.is_quiet(START.plus(BACKOFF[0])));
    }
}
