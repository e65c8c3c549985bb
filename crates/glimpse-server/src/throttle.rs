//! Rates: so many a minute, with a burst of as many, for each key.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use glimpse_wire::UnixMillis;

use crate::lapsing::Lapsing;

/// The generic cell rate algorithm: a time for each key that has a bill to pay, no timer.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    /// Milliseconds that one admission costs.
    cost: u64,
    /// How far ahead of now the bill may run: a full period.
    burst: u64,
    /// Each key until its bill is paid.
    bills: Mutex<Lapsing<K, ()>>,
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
            bills: Mutex::new(Lapsing::new()),
        }
    }

    /// Admits `weight` at once for `key`, or says how long to wait. A refused attempt costs nothing.
    pub(crate) fn admit(&self, key: K, weight: u32, now: UnixMillis) -> Result<(), RetryAfter> {
        let mut bills = self.bills.lock().unwrap_or_else(PoisonError::into_inner);
        let from = bills.find(&key, now).map_or(now.0, |(paid_at, ())| paid_at.0);
        let until = from.saturating_add(self.cost.saturating_mul(u64::from(weight)));
        let limit = now.0.saturating_add(self.burst);
        if until > limit {
            return Err(RetryAfter { seconds: until.saturating_sub(limit).div_ceil(1_000).max(1) });
        }
        bills.insert(key, (), UnixMillis(until), now);
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
}
