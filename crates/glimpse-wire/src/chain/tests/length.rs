//! Long chains: what they cost, and what is left for those who must have the last word.

use std::time::{Duration, Instant};

use super::*;
use crate::account::Policy;
use crate::limits::{LINKS_FOR_RECOVERY, LINKS_FOR_REVOKING, MAX_LINKS};

/// A chain that looks as long as this to whoever adds to it.
fn lengthened(chain: &Chain, length: usize) -> Chain {
    let mut chain = chain.clone();
    let head = chain.head().hash;
    chain.hashes.resize(length, Hash([3; 32]));
    *chain.hashes.last_mut().unwrap() = head;
    chain
}

#[test]
fn a_device_that_fills_the_chain_leaves_room_for_its_revocation_and_for_the_kit() {
    let [phone, watch, kit, fresh] = [Someone::new(1), Someone::new(2), Someone::new(50), Someone::new(52)];
    let mut chain = Chain::begin(&genesis(&phone, Some(&kit))).unwrap();
    chain.push(&phone.act(&chain, watch.joins(&chain, &phone))).unwrap();
    let all = [phone.id(), watch.id(), kit.id()];
    let kinds = |chain: &Chain| {
        [
            Someone::new(3).joins(chain, &watch),
            Act::Rotate { epoch: epoch(2, &all) },
            Act::Policy { policy: Policy::default(), at: UnixMillis(1), held: 0 },
            Act::Recovery { keys: Vec::new(), wraps: Vec::new() },
        ]
    };
    let revoke = Act::Revoke { devices: vec![watch.id()], epoch: epoch(2, &[phone.id(), kit.id()]) };
    let recover = |chain: &Chain| {
        let place = chain.next_place();
        let signed = preimage::reverse_signature(&chain.account(), &place, &fresh.device, &kit.id(), &Hash::ZERO);
        let (reverse, epoch) = (fresh.sign(&signed), epoch(2, &[fresh.id()]));
        let body = LinkBody::Recover { device: fresh.device.clone(), reverse, epoch, recovery: Vec::new() };
        kit.link(place, fresh.id(), body)
    };
    let last = lengthened(&chain, MAX_LINKS - LINKS_FOR_REVOKING - 1);
    let full = lengthened(&chain, MAX_LINKS - LINKS_FOR_REVOKING);
    for (fits, not) in kinds(&last).into_iter().zip(kinds(&full)) {
        assert_eq!(last.clone().push(&watch.act(&last, fits)), Ok(()), "control");
        refused(&full, &watch.act(&full, not), ChainError::Full);
    }
    for length in [MAX_LINKS - LINKS_FOR_REVOKING, MAX_LINKS - LINKS_FOR_RECOVERY - 1] {
        let chain = lengthened(&chain, length);
        assert_eq!(chain.clone().push(&phone.act(&chain, revoke.clone())), Ok(()));
    }
    for length in [MAX_LINKS - LINKS_FOR_RECOVERY, MAX_LINKS - 1] {
        let chain = lengthened(&chain, length);
        refused(&chain, &phone.act(&chain, revoke.clone()), ChainError::Full);
        assert_eq!(chain.clone().push(&recover(&chain)), Ok(()));
    }
    let end = lengthened(&chain, MAX_LINKS);
    refused(&end, &recover(&end), ChainError::Full);
}

#[test]
fn links_are_taken_all_or_none() {
    let phone = Someone::new(1);
    let chain = Chain::begin(&genesis(&phone, None)).unwrap();
    let mut longer = chain.clone();
    let mut links = Vec::new();
    for number in 2..5 {
        let link = phone.act(&longer, Act::Rotate { epoch: epoch(number, &[phone.id()]) });
        longer.push(&link).unwrap();
        links.push(link);
    }
    let mut extended = chain.clone();
    assert_eq!(extended.extend(&links), Ok(()));
    assert_eq!(extended, longer);
    links[2].signature.0[0] ^= 1;
    let mut tried = chain.clone();
    assert_eq!(tried.extend(&links), Err(ChainError::Signature));
    assert_eq!(tried, chain);
}

#[test]
fn a_chain_costs_what_its_links_cost() {
    let phone = Someone::new(1);
    let mut links = vec![genesis(&phone, None)];
    let mut chain = Chain::begin(&links[0]).unwrap();
    while links.len() < 2_000 {
        let number = u32::try_from(links.len() + 1).unwrap();
        let mut next = epoch(2, &[phone.id()]);
        next.number = number;
        next.account_key.0[..4].copy_from_slice(&number.to_be_bytes());
        let link = phone.act(&chain, Act::Rotate { epoch: next });
        chain.push(&link).unwrap();
        links.push(link);
    }
    // The best of three: what disturbs a run makes it longer.
    let time = |links: &[SignedLink]| -> Duration {
        let once = |_| {
            #[expect(clippy::disallowed_methods, reason = "what is measured is time")]
            let begun = Instant::now();
            assert!(Chain::replay(links).is_ok());
            begun.elapsed()
        };
        (0..3).map(once).min().unwrap()
    };
    let (short, long) = (time(&links[..500]), time(&links));
    assert!(long < short * 8, "{short:?} for 500 links, {long:?} for 2000");
}
