//! Shares, put together.

use super::{KitId, KitKeys, KitSecret, Share, splitting};

/// Sets of shares that are tried, where some share is not what was printed. With two of three and three of five it is every
/// set; beyond, several strays may be left unnamed.
const TRIES: usize = 1_000;

/// Why shares do not make a kit. Indices are those printed on the shares.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// There are not enough yet.
    #[error("{missing} more are needed")]
    TooFew {
        /// How many more, at least.
        missing: usize,
    },
    /// One share was given twice.
    #[error("share {index} was given twice")]
    Twice {
        /// Which.
        index: u8,
    },
    /// A share is of another kit than the first that was given.
    #[error("share {index} is of the kit \"{kit}\"")]
    OtherKit {
        /// Of which.
        kit: KitId,
        /// Its number there.
        index: u8,
    },
    /// Shares that are whole and do not lie where the others do: they were made up, or altered together with their check.
    #[error("shares that do not fit the others: {indices:?}")]
    Stray {
        /// Which.
        indices: Vec<u8>,
    },
    /// No set of these shares makes the kit that they name.
    #[error("these shares do not make the kit that they name")]
    Wrong,
}

/// Puts a kit's keys together from its shares, in any order. More than are needed are checked against each other.
///
/// # Errors
/// [`CombineError`]: whatever is wrong is named before anything is used.
///
/// # Security
/// The shares name their kit themselves: ask [`KitKeys::is_of`] before the keys sign anything.
pub fn combine(shares: &[Share]) -> Result<KitKeys, CombineError> {
    let first = shares.first().ok_or(CombineError::TooFew { missing: 1 })?;
    if let Some(other) = shares.iter().find(|share| share.kit() != first.kit() || share.plan() != first.plan()) {
        return Err(CombineError::OtherKit { kit: other.kit(), index: other.index() });
    }
    for (place, share) in shares.iter().enumerate() {
        let same = |other: &Share| other.index() == share.index() && other.value.matches(share.value.expose_secret());
        if shares.iter().take(place).any(same) {
            return Err(CombineError::Twice { index: share.index() });
        }
    }
    let needed = usize::from(first.plan().threshold());
    let missing = needed.saturating_sub(shares.len());
    if missing > 0 {
        return Err(CombineError::TooFew { missing });
    }
    let (set, keys) = sets(shares, needed)
        .take(TRIES)
        .find_map(|set| keys_of(&set, first.kit()).map(|keys| (set, keys)))
        .ok_or(CombineError::Wrong)?;
    let indices: Vec<u8> = shares.iter().filter(|share| !lies_on(&set, share)).map(Share::index).collect();
    if indices.is_empty() { Ok(keys) } else { Err(CombineError::Stray { indices }) }
}

/// Every set of `needed` shares; that of the first ones first.
fn sets(shares: &[Share], needed: usize) -> impl Iterator<Item = Vec<&Share>> {
    // More shares than bits would be more than a kit has: what is over is in no set, and is found to be astray.
    let considered = shares.len().min(20);
    let ends = 1u32.checked_shl(u32::try_from(considered).unwrap_or(20)).unwrap_or(0);
    let size = u32::try_from(needed).unwrap_or(u32::MAX);
    (0..ends).filter(move |mask| mask.count_ones() == size).map(move |mask| {
        let chosen = (0u32..).zip(shares).filter(|(bit, _)| mask.wrapping_shr(*bit) & 1 == 1);
        chosen.map(|(_, share)| share).take(needed).collect()
    })
}

fn points<'s>(set: &[&'s Share]) -> Vec<(u8, &'s crate::secret::Secret<32>)> {
    set.iter().map(|share| (share.index(), &share.value)).collect()
}

/// The keys that follow from a set of shares, if they are those of the kit.
fn keys_of(set: &[&Share], kit: KitId) -> Option<KitKeys> {
    let keys = KitKeys::of(&KitSecret(splitting::interpolate(&points(set), 0).ok()?));
    (KitId::of(&keys.id()) == kit).then_some(keys)
}

fn lies_on(set: &[&Share], share: &Share) -> bool {
    if set.iter().any(|chosen| core::ptr::eq(*chosen, share)) {
        return true;
    }
    splitting::interpolate(&points(set), share.index()).is_ok_and(|there| there.matches(share.value.expose_secret()))
}
