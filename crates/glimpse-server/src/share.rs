//! The server's one derivation: server shares. No other file uses K.
//!
//! `server share = HMAC-SHA-256[K_kid](preimage)`, where the preimage names a record version or a unit of a session and
//! holds the random r, so that a share is good for exactly one thing, and erasing r makes it impossible to derive again.
//! Half a key and nothing more: without the client share, which never reaches the server, it opens nothing.

use glimpse_wire::api::Share;
use glimpse_wire::{Hash, RecordId, Salt, SessionId, UnitId, preimage};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::key_file::KeyFile;

/// The random part of a server share: what is stored, in a file of its own, and what deletion erases.
pub(crate) type R = [u8; 32];

/// For what a share is derived.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// One version of a record.
    Record { record: &'a RecordId, version: u64, h0: &'a Hash },
    /// One sealing of a unit of a session.
    Unit { session: &'a SessionId, unit: &'a UnitId, salt: &'a Salt },
}

/// The share for `scope`; `None` when the key file holds no generation `kid`.
pub(crate) fn derive(keys: &KeyFile, kid: u32, scope: Scope<'_>, r: &R) -> Option<Share> {
    let preimage = match scope {
        Scope::Record { record, version, h0 } => preimage::record_share(record, version, h0, r),
        Scope::Unit { session, unit, salt } => preimage::unit_share(session, unit, salt, r),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(keys.key(kid)?).ok()?;
    mac.update(&preimage);
    Some(Share { kid, share: Hash(mac.finalize().into_bytes().into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> KeyFile {
        KeyFile::parse(&format!("2 {}\n1 {}", "22".repeat(32), "11".repeat(32))).expect("valid")
    }

    #[test]
    fn t073_a_share_is_good_for_one_version_of_one_record_alone() {
        let keys = keys();
        let (record, other, h0) = (RecordId([1; 16]), RecordId([2; 16]), Hash([3; 32]));
        let of = |kid, record: &RecordId, version, h0: &Hash, r: &R| {
            derive(&keys, kid, Scope::Record { record, version, h0 }, r).expect("kid exists").share
        };
        let share = of(1, &record, 1, &h0, &[9; 32]);
        assert_eq!(share, of(1, &record, 1, &h0, &[9; 32]), "control: the same question, the same share");
        for different in [
            of(2, &record, 1, &h0, &[9; 32]),
            of(1, &other, 1, &h0, &[9; 32]),
            of(1, &record, 2, &h0, &[9; 32]),
            of(1, &record, 1, &Hash([4; 32]), &[9; 32]),
            of(1, &record, 1, &h0, &[8; 32]),
        ] {
            assert_ne!(share, different);
        }
        let unit = Scope::Unit { session: &SessionId([1; 16]), unit: &UnitId([1; 16]), salt: &Salt([3; 32]) };
        assert_ne!(derive(&keys, 1, unit, &[9; 32]).expect("kid exists").share, share);
        assert!(derive(&keys, 3, unit, &[9; 32]).is_none(), "an unknown generation makes nothing");
    }

    /// HMAC-SHA-256 of the documented preimage, made by Python's `hmac` with
    /// `lp(label, record, version, h0, r)` spelled out by hand.
    #[test]
    fn known_answer() {
        let scope = Scope::Record { record: &RecordId([1; 16]), version: 7, h0: &Hash([3; 32]) };
        let share = derive(&keys(), 1, scope, &[9; 32]).expect("kid exists").share;
        let hex: String = share.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "97f8d0581008c5b258a2cd1c560b12cda18cf4b17d50bf2084026681269c9b99");
    }
}
