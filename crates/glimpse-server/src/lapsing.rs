//! A map whose entries lapse. What anyone can make the server remember is forgotten by itself, at a constant cost an entry.

use std::collections::HashMap;
use std::hash::Hash;

use glimpse_wire::UnixMillis;

/// Entries that are kept before those that lapsed are looked for.
const FEW: usize = 1_024;

/// Entries by key, each until a moment of its own.
#[derive(Debug)]
pub(crate) struct Lapsing<K, V> {
    entries: HashMap<K, (UnixMillis, V)>,
    /// The number of entries at which the next purge is due: twice as many as the last one left, so that a purge never
    /// costs more than the insertions that led to it, however many keys an attacker has.
    purge_at: usize,
}

impl<K: Eq + Hash, V> Lapsing<K, V> {
    pub(crate) fn new() -> Self {
        Self { entries: HashMap::new(), purge_at: FEW }
    }

    /// The value under `key` and until when it is kept, unless it has lapsed.
    pub(crate) fn find(&self, key: &K, now: UnixMillis) -> Option<(UnixMillis, &V)> {
        self.entries.get(key).filter(|(until, _)| until.0 > now.0).map(|(until, value)| (*until, value))
    }

    /// Keeps `value` until then, instead of what was there.
    pub(crate) fn insert(&mut self, key: K, value: V, until: UnixMillis, now: UnixMillis) {
        if self.entries.len() >= self.purge_at {
            self.entries.retain(|_, (until, _)| until.0 > now.0);
            self.purge_at = self.entries.len().saturating_mul(2).max(FEW);
        }
        self.entries.insert(key, (until, value));
    }

    /// How many are kept, some of which may have lapsed.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lapsed_is_gone_and_is_forgotten() {
        let mut map = Lapsing::new();
        let start = UnixMillis(0);
        for key in 0..FEW {
            map.insert(key, (), start.plus(1_000), start);
        }
        assert!(map.find(&1, start.plus(999)).is_some() && map.find(&1, start.plus(1_000)).is_none());
        map.insert(FEW, (), start.plus(2_000), start.plus(1_000));
        assert_eq!(map.len(), 1);
    }

    #[test]
    fn many_live_keys_cost_no_purge_each() {
        let mut map = Lapsing::new();
        let (start, mut purges) = (UnixMillis(0), 0);
        for key in 0..200_000u32 {
            let before = map.purge_at;
            map.insert(key, (), start.plus(60_000), start);
            purges += u32::from(map.purge_at != before);
        }
        assert!(purges <= 8, "{purges} purges, each over everything");
        assert_eq!(map.len(), 200_000, "control: none had lapsed");
    }
}
