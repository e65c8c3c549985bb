//! Rates: so many a minute, with a burst of as many, for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use glimpse_wire::UnixMillis;

/// Keys that are remembered before those at rest are forgotten.
const KEYS_BEFORE_PURGE: usize = 4_096;

/// The generic cell rate algorithm: eight bytes for each key, no timer.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    /// Milliseconds that one admission costs.
    cost: u64,
    /// How far ahead of now the bill may run: a full period.
    burst: u64,
    /// For each key, when its bill will be paid.
    paid_at: Mutex<HashMap<K, u64>>,
}

/// How long to wait before the next attempt can be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryAfter {
    /// Whole seconds, at least one.
    pub(crate) seconds: u64,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Admits `count` in each `period_seconds`, all of which may come at once.
    pub(crate) fn new(count: u32, period_seconds: u64) -> Self {
        let period = period_seconds.saturating_mul(1_000);
        Self {
            cost: period.checked_div(u64::from(count)).unwrap_or(u64::MAX).max(1),
            burst: if count == 0 { 0 } else { period },
            paid_at: Mutex::new(HashMap::new()),
        }
    }

    /// Admits `weight` at once for `key`, or says how long to wait. A refused attempt costs nothing.
    pub(crate) fn admit(&self, key: K, weight: u32, now: UnixMillis) -> Result<(), RetryAfter> {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        if paid_at.len() >= KEYS_BEFORE_PURGE {
            paid_at.retain(|_, at| *at > now.0);
        }
        let from = paid_at.get(&key).copied().unwrap_or(0).max(now.0);
        let until = from.saturating_add(self.cost.saturating_mul(u64::from(weight)));
        let limit = now.0.saturating_add(self.burst);
        if until > limit {
            return Err(RetryAfter { seconds: until.saturating_sub(limit).div_ceil(1_000).max(1) });
        }
        paid_at.insert(key, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_then_rest() {
        let throttle = Throttle::new(30, 60);
        let start = UnixMillis(1_000_000);
        for _ in 0..30 {
            assert_eq!(throttle.admit("a", 1, start), Ok(()));
        }
        assert_eq!(throttle.admit("a", 1, start), Err(RetryAfter { seconds: 2 }));
        assert_eq!(throttle.admit("b", 1, start), Ok(()), "another key has its own bill");
        assert_eq!(throttle.admit("a", 1, start.plus(2_000)), Ok(()));
        assert_eq!(throttle.admit("a", 30, start.plus(62_000)), Ok(()));
        assert!(throttle.admit("a", 31, start.plus(600_000)).is_err(), "never more than the burst");
    }

    #[test]
    fn keys_at_rest_are_forgotten() {
        let throttle = Throttle::new(1, 1);
        for key in 0..KEYS_BEFORE_PURGE {
            throttle.admit(key, 1, UnixMillis(0)).expect("first");
        }
        throttle.admit(usize::MAX, 1, UnixMillis(2_000)).expect("first");
        assert_eq!(throttle.paid_at.lock().expect("sound").len(), 1);
    }
}
