//! Devices that are held back are no second devices, and revoking is not got round.

use super::*;

const SECOND: Need = Need { second: true, held: 0 };
/// When the tablet is free: it joins at 10,000.
const FREE: u64 = 70_000;

fn policy(policy: Policy, at: u64) -> Act {
    Act::Policy { policy, at: UnixMillis(at), held: 0 }
}

/// A phone that made these rules and added a tablet that is held back until [`FREE`].
fn with_held_tablet(rules: Policy) -> (Chain, [Someone; 2]) {
    let [phone, tablet] = [Someone::new(1), Someone::new(30)];
    let mut chain = Chain::begin(&genesis(&phone, None)).unwrap();
    chain.push(&phone.act(&chain, policy(rules, 5_000))).unwrap();
    chain.push(&phone.act(&chain, tablet.joins_at(&chain, &phone, 10_000, FREE - 10_000))).unwrap();
    (chain, [phone, tablet])
}

#[test]
fn a_device_that_is_held_back_neither_counts_nor_signs_as_a_second() {
    let (chain, [phone, tablet]) = with_held_tablet(Policy { adding: SECOND, pinning: SECOND, ..Policy::default() });
    let add = |at| Someone::new(31).joins_at(&chain, &phone, at, 0);
    for act in [add(FREE - 1), policy(Policy::default(), FREE - 1)] {
        assert!(!chain.needs_second(&phone.id(), &act));
        refused(&chain, &phone.seconded(&chain, act.clone(), &tablet), ChainError::Policy);
        assert_eq!(chain.clone().push(&phone.act(&chain, act)), Ok(()), "as if it were not there");
    }
    // Control: from the time on at which it is free it counts, and it may.
    for act in [add(FREE), policy(Policy::default(), FREE)] {
        assert!(chain.needs_second(&phone.id(), &act));
        refused(&chain, &phone.act(&chain, act.clone()), ChainError::Policy);
        assert_eq!(chain.clone().push(&phone.seconded(&chain, act, &tablet)), Ok(()));
    }
    // With another device it is the other one who is asked.
    let mut chain = chain;
    let watch = Someone::new(2);
    let adding = watch.joins_at(&chain, &phone, 10_001, 0);
    chain.push(&phone.act(&chain, adding)).unwrap();
    let act = Someone::new(31).joins_at(&chain, &phone, 10_002, 0);
    refused(&chain, &phone.seconded(&chain, act.clone(), &tablet), ChainError::Policy);
    assert_eq!(chain.clone().push(&phone.seconded(&chain, act, &watch)), Ok(()), "control");
}

#[test]
fn an_act_without_a_time_goes_by_the_latest_that_the_chain_carries_and_by_the_clock() {
    let (mut chain, [phone, tablet]) = with_held_tablet(Policy { pinning: SECOND, ..Policy::default() });
    let none = Act::Recovery { keys: Vec::new(), wraps: Vec::new() };
    assert!(!chain.needs_second(&phone.id(), &none));
    assert!(!chain.needs_second_at(&phone.id(), &none, UnixMillis(FREE - 1)));
    assert!(chain.needs_second_at(&phone.id(), &none, UnixMillis(FREE)), "whoever has a clock knows better");
    // The chain takes it either way until it carries a time at which the tablet was free.
    assert_eq!(chain.clone().push(&phone.act(&chain, none.clone())), Ok(()));
    assert_eq!(chain.clone().push(&phone.seconded(&chain, none.clone(), &tablet)), Ok(()));
    let watch = Someone::new(2);
    let adding = watch.joins_at(&chain, &phone, FREE, 0);
    chain.push(&phone.act(&chain, adding)).unwrap();
    refused(&chain, &phone.act(&chain, none.clone()), ChainError::Policy);
    assert_eq!(chain.clone().push(&phone.seconded(&chain, none, &tablet)), Ok(()), "control");
}

#[test]
fn taking_out_everyone_else_in_one_link_needs_one_of_them() {
    let (chain, [phone, watch, computer]) = ruled(Policy { revoking: SECOND, ..Policy::default() });
    let revoke = |devices: &[&Someone], left: &[&Someone]| {
        let ids = |whom: &[&Someone]| {
            let mut ids: Vec<DeviceId> = whom.iter().map(|someone| someone.id()).collect();
            ids.sort_unstable();
            ids
        };
        Act::Revoke { devices: ids(devices), epoch: epoch(2, &ids(left)) }
    };
    let all = revoke(&[&watch, &computer], &[&phone]);
    refused(&chain, &phone.act(&chain, all.clone()), ChainError::Policy);
    // Nobody stays who could be asked: then it is one of those who leave.
    assert_eq!(chain.clone().push(&phone.seconded(&chain, all, &computer)), Ok(()));
    // While somebody stays, it is they.
    let one = revoke(&[&watch], &[&phone, &computer]);
    refused(&chain, &phone.act(&chain, one.clone()), ChainError::Policy);
    refused(&chain, &phone.seconded(&chain, one.clone(), &watch), ChainError::Policy);
    assert_eq!(chain.clone().push(&phone.seconded(&chain, one, &computer)), Ok(()));
    // Control: without the rule one device takes out all others.
    let (bare, [phone, watch, computer]) = ruled(Policy::default());
    assert_eq!(bare.clone().push(&phone.act(&bare, revoke(&[&watch, &computer], &[&phone]))), Ok(()));
}

#[test]
fn whoever_has_one_other_device_takes_it_out_alone_also_if_it_brought_a_helper() {
    let [phone, watch, helper] = [Someone::new(1), Someone::new(2), Someone::new(66)];
    let mut chain = Chain::begin(&genesis(&phone, None)).unwrap();
    chain.push(&phone.act(&chain, watch.joins(&chain, &phone))).unwrap();
    let held = 60_000;
    let rules = Policy { revoking: SECOND, adding: Need { second: false, held }, ..Policy::default() };
    chain.push(&phone.act(&chain, policy(rules, 5_000))).unwrap();
    let alone = |chain: &Chain, devices: &[&Someone]| {
        let mut devices: Vec<DeviceId> = devices.iter().map(|someone| someone.id()).collect();
        devices.sort_unstable();
        phone.act(chain, Act::Revoke { devices, epoch: epoch(2, &[phone.id()]) })
    };
    assert_eq!(chain.clone().push(&alone(&chain, &[&watch])), Ok(()));
    // The watch was stolen, and its thief adds a device: it is held back, and stops nobody as long as it is.
    chain.push(&watch.act(&chain, helper.joins_at(&chain, &watch, 10_000, held))).unwrap();
    assert_eq!(chain.clone().push(&alone(&chain, &[&watch, &helper])), Ok(()));
    // Control: had it been let go for so long that it is free, it would.
    let later = Someone::new(67).joins_at(&chain, &watch, 10_000 + held, held);
    chain.push(&watch.act(&chain, later)).unwrap();
    refused(&chain, &alone(&chain, &[&watch, &helper]), ChainError::Policy);
}
