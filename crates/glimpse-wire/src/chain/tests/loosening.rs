//! A rule that is loosened waits.

use super::*;

const HELD: u64 = 1_000;

/// Rules with all that there is, made at 10,000 by the phone, and the link that loosens them to `loose`.
fn strict(second: bool) -> (Chain, [Someone; 3], Policy) {
    let (mut chain, people) = family();
    let need = Need { second, held: HELD };
    let rules = Policy {
        adding: need,
        revoking: Need { second, held: 0 },
        pinning: need,
        recovering: 5_000,
        ..Policy::default()
    };
    chain.push(&people[0].act(&chain, change(&rules, 10_000, 0))).unwrap();
    (chain, people, rules)
}

fn change(policy: &Policy, at: u64, held: u64) -> Act {
    Act::Policy { policy: policy.clone(), at: UnixMillis(at), held }
}

#[test]
fn a_rule_that_is_loosened_goes_on_until_its_time_has_come() {
    let (mut chain, [phone, watch, computer], rules) = strict(true);
    let loose = Policy::default();
    chain.push(&phone.seconded(&chain, change(&loose, 20_000, HELD), &watch)).unwrap();
    let from = UnixMillis(20_000 + HELD);
    assert_eq!((chain.policy(), chain.signed_policy(), chain.loosens_at()), (&rules, &loose, Some(from)));
    assert_eq!((chain.policy_at(UnixMillis(from.0 - 1)), chain.policy_at(from)), (&rules, &loose));

    let tablet = Someone::new(30);
    let revoke = Act::Revoke { devices: vec![watch.id()], epoch: epoch(2, &[phone.id(), computer.id()]) };
    let add = |at, held| tablet.joins_at(&chain, &phone, at, held);
    refused(&chain, &phone.act(&chain, add(from.0 - 1, HELD)), ChainError::Policy);
    refused(&chain, &phone.seconded(&chain, add(from.0 - 1, HELD - 1), &watch), ChainError::Policy);
    refused(&chain, &phone.act(&chain, change(&loose, from.0 - 1, HELD)), ChainError::Policy);
    refused(&chain, &phone.seconded(&chain, change(&loose, from.0 - 1, 0), &watch), ChainError::Policy);
    // A link without a time waits for one that says that it has passed.
    refused(&chain, &phone.act(&chain, revoke.clone()), ChainError::Policy);
    assert_eq!(chain.clone().push(&phone.seconded(&chain, revoke.clone(), &computer)), Ok(()), "control");
    for later in [add(from.0, 0), change(&loose, from.0, 0)] {
        let mut settled = chain.clone();
        settled.push(&phone.act(&chain, later.clone())).unwrap();
        assert_eq!((settled.policy(), settled.loosens_at()), (&loose, None));
        let staying: Vec<DeviceId> =
            settled.members().iter().map(|member| member.id).filter(|id| *id != watch.id()).collect();
        let revoke = Act::Revoke { devices: vec![watch.id()], epoch: epoch(2, &staying) };
        assert_eq!(settled.clone().push(&phone.act(&settled, revoke)), Ok(()), "from then on for all");
    }
}

#[test]
fn where_pinning_is_not_held_back_a_rule_is_loosened_at_once() {
    let (mut chain, [phone, ..]) = ruled(Policy { recovering: 5_000, ..Policy::default() });
    chain.push(&phone.act(&chain, change(&Policy::default(), 20_000, 0))).unwrap();
    assert_eq!((chain.policy(), chain.loosens_at()), (&Policy::default(), None));
}

#[test]
fn what_becomes_stricter_does_so_at_once_and_what_is_loosened_beside_it_waits() {
    let (mut chain, [phone, ..], rules) = strict(false);
    let mixed = Policy { adding: Need { second: true, held: 0 }, recovering: 9_000, ..rules.clone() };
    chain.push(&phone.act(&chain, change(&mixed, 20_000, HELD))).unwrap();
    let both = Policy { adding: Need { second: true, held: HELD }, ..mixed.clone() };
    assert_eq!((chain.policy(), chain.signed_policy()), (&both, &mixed));
    // Another device takes it back before its time: nothing was ever loosened.
    let mut back = chain.clone();
    back.push(&phone.seconded(&back, change(&rules, 20_500, HELD), &Someone::new(2))).unwrap_err();
    back.push(&phone.act(&back, change(&both, 20_500, HELD))).unwrap();
    assert_eq!((back.policy_at(UnixMillis(u64::MAX)), back.loosens_at()), (&both, None));
    // A later change of something else does not make it wait anew.
    let pin = Pin { name: "clinic".to_owned(), key: Someone::new(40).device.signing };
    let pinned = Policy { writers: vec![pin], ..mixed };
    chain.push(&phone.act(&chain, change(&pinned, 20_500, HELD))).unwrap();
    assert_eq!(chain.loosens_at(), Some(UnixMillis(20_000 + HELD)));
    assert_eq!(chain.policy_at(UnixMillis(20_000 + HELD)), &pinned);
}
