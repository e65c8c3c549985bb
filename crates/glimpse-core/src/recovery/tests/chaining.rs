//! A kit and the account's chain.

use glimpse_wire::account::{Act, RecoveryRequest, SignedLink};
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::signature::BadSignature;
use glimpse_wire::{SUITE, UnixMillis};

use super::*;
use crate::account::NewAccount;
use crate::chain::{DrawnEpoch, Wrap, act};
use crate::keys::{AccountSeed, DeviceKeys};

struct World {
    chain: Chain,
    phone: DeviceKeys,
    seed: AccountSeed,
    kit: RecoveryKit,
    wrap: Wrap,
}

/// An account that has a kit.
fn world(seed: u64) -> World {
    let rng = &mut rng(seed);
    let new = NewAccount::generate(rng).unwrap();
    let mut chain = Chain::begin(&new.link).unwrap();
    assert!(chain.kit_wrap().is_none(), "none yet");
    let kit = RecoveryKit::generate(Plan::default(), rng).unwrap();
    let wrap = put(&mut chain, &new.device, &new.seed, &kit, rng);
    World { chain, phone: new.device, seed: new.seed, kit, wrap }
}

/// Makes `kit` the account's.
fn put(chain: &mut Chain, phone: &DeviceKeys, seed: &AccountSeed, kit: &RecoveryKit, rng: &mut impl CryptoRng) -> Wrap {
    let wrap = Wrap::for_kit(chain, seed, &kit.keys, rng).unwrap();
    let replaced = Act::Recovery { keys: vec![kit.keys.clone()], wraps: vec![wrap.commitment()] };
    chain.push(&act(chain, phone, replaced, None)).unwrap();
    wrap
}

fn keys(kit: &RecoveryKit) -> KitKeys {
    combine(&chosen(kit, &[3, 1])).unwrap()
}

#[test]
fn a_kit_asks_opens_the_seed_and_begins_the_account_anew() {
    let World { mut chain, phone, seed, kit, wrap } = world(41);
    let keys = keys(&kit);
    assert_eq!(keys.is_of(&chain), Ok(()));
    let rng = &mut rng(42);
    let (fresh, next) = (DeviceKeys::generate(rng), RecoveryKit::generate(Plan::default(), rng).unwrap());
    let request = keys.request(chain.account(), chain.head(), fresh.public(), UnixMillis(5));
    let opened: RecoveryRequest = request.open(StatementKind::Recovery, &kit.keys.signing).unwrap();
    assert_eq!((opened.suite, opened.account, opened.head), (SUITE, chain.account(), chain.head()));
    assert_eq!(opened.device, fresh.public());
    for kind in StatementKind::ALL.into_iter().filter(|kind| *kind != StatementKind::Recovery) {
        assert_eq!(request.open::<RecoveryRequest>(kind, &kit.keys.signing), Err(BadSignature), "{kind:?}");
    }
    let present = keys.open_seed(&chain, &wrap.sealed).unwrap();
    assert!(present.0.matches(seed.0.expose_secret()));
    let drawn = DrawnEpoch::recovered(&chain, &present, &fresh.public(), Some(&next.keys), rng).unwrap();
    let link = keys.recover(&chain, &fresh, fresh.public(), drawn.epoch.clone(), Some(next.keys.clone()));
    chain.push(&link).unwrap();
    assert!(chain.active(&fresh.id()).is_some() && chain.active(&phone.id()).is_none());
    assert_eq!(chain.recovery(), Some(&next.keys));
    // The kit that follows opens the epoch that began; the kit that spoke is nobody's.
    let following = super::chaining::keys(&next);
    let own = drawn.wraps.iter().find(|wrap| wrap.device == following.id()).unwrap();
    assert!(following.open_seed(&chain, &own.sealed).unwrap().0.matches(drawn.seed.0.expose_secret()));
    assert_eq!(keys.is_of(&chain), Err(WrongKit));
    assert!(keys.open_seed(&chain, &own.sealed).is_err());
}

#[test]
fn the_wrap_is_the_newest_epochs_whatever_brought_it() {
    let World { mut chain, phone, seed, kit, wrap } = world(43);
    let rng = &mut rng(44);
    assert_eq!(chain.kit_wrap(), Some(&wrap.commitment()));
    let drawn = DrawnEpoch::next(&chain, &seed, &[], rng).unwrap();
    chain.push(&act(&chain, &phone, Act::Rotate { epoch: drawn.epoch.clone() }, None)).unwrap();
    let own = drawn.wraps.iter().find(|wrap| wrap.device == kit.keys.id()).unwrap();
    assert_eq!(chain.kit_wrap(), Some(&own.commitment()));
    assert!(keys(&kit).open_seed(&chain, &own.sealed).is_ok(), "control");
    assert!(keys(&kit).open_seed(&chain, &wrap.sealed).is_err(), "that of the epoch before");
    // Given up: the chain names no wrap.
    chain.push(&act(&chain, &phone, Act::Recovery { keys: Vec::new(), wraps: Vec::new() }, None)).unwrap();
    assert!(chain.kit_wrap().is_none());
    assert_eq!(keys(&kit).is_of(&chain), Err(WrongKit));
}

#[test]
fn t106_a_seed_that_the_server_wraps_to_the_kit_is_not_adopted() {
    let World { chain, kit, wrap, .. } = world(45);
    let keys = keys(&kit);
    assert!(keys.open_seed(&chain, &wrap.sealed).is_ok(), "control");
    let epoch = chain.epoch().unwrap();
    let info = glimpse_wire::preimage::seed_wrap_info(&keys.id(), epoch.number, epoch.account_key.as_slice());
    let kem = crate::kem::KemPublic::parse(kit.keys.kem.as_slice()).unwrap();
    let pushed = kem.seal(&info, &[], &[9; 32], &mut rng(46)).unwrap();
    assert!(keys.open_seed(&chain, &pushed).is_err());
}

#[test]
fn a_kit_that_was_replaced_or_is_anothers_begins_nothing() {
    let World { mut chain, phone, seed, kit, .. } = world(47);
    let rng = &mut rng(48);
    let fresh = DeviceKeys::generate(rng);
    let drawn = DrawnEpoch::recovered(&chain, &seed, &fresh.public(), None, rng).unwrap();
    let by = |chain: &Chain, kit: &RecoveryKit| -> SignedLink {
        keys(kit).recover(chain, &fresh, fresh.public(), drawn.epoch.clone(), None)
    };
    assert_eq!(chain.clone().push(&by(&chain, &kit)), Ok(()), "control");
    let stranger = RecoveryKit::generate(Plan::default(), rng).unwrap();
    assert_eq!(keys(&stranger).is_of(&chain), Err(WrongKit));
    assert_eq!(chain.clone().push(&by(&chain, &stranger)), Err(ChainError::Signature));
    let next = RecoveryKit::generate(Plan::default(), rng).unwrap();
    put(&mut chain, &phone, &seed, &next, rng);
    assert_eq!(chain.clone().push(&by(&chain, &kit)), Err(ChainError::Signature), "replaced");
    assert_eq!(chain.clone().push(&by(&chain, &next)), Ok(()), "control: the one in its place");
}
