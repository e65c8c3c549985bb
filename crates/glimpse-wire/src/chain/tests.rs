use ed25519_dalek::{Signer as _, SigningKey};

use super::*;
use crate::account::{Act, KEM_KEY_LEN, Need, Second};
use crate::codec::encode;
use crate::ids::{Bytes, SignatureBytes};
use crate::limits::{MAX_DEVICES, MAX_HELD_MILLIS, MAX_TITLE};

mod holding;
mod length;
mod loosening;
mod pinning;

/// A device with a key of its own. Its KEM key is never used here.
#[derive(Clone)]
struct Someone {
    key: SigningKey,
    device: DevicePublic,
}

impl Someone {
    fn new(seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let signing = SigningKeyBytes(key.verifying_key().to_bytes());
        let device = DevicePublic { signing, kem: Bytes(vec![seed; KEM_KEY_LEN]), serial: Bytes(Vec::new()) };
        Self { key, device }
    }

    fn id(&self) -> DeviceId {
        self.device.id()
    }

    fn kit(&self) -> RecoveryKeys {
        RecoveryKeys { signing: self.device.signing, kem: self.device.kem.clone() }
    }

    fn sign(&self, preimage: &[u8]) -> SignatureBytes {
        SignatureBytes(self.key.sign(preimage).to_bytes())
    }

    /// A link by this key, under the name of `signer`.
    fn link(&self, place: Head, signer: DeviceId, body: LinkBody) -> SignedLink {
        let link = encode(&Link { suite: crate::SUITE, seq: place.seq, previous: place.hash, body, signer });
        let signature = self.sign(&preimage::link_signature(&link));
        SignedLink { link: Bytes(link), signature }
    }

    fn act(&self, chain: &Chain, act: Act) -> SignedLink {
        self.link(chain.next_place(), self.id(), LinkBody::Act { act, second: Vec::new() })
    }

    fn seconded(&self, chain: &Chain, act: Act, by: &Self) -> SignedLink {
        let place = chain.next_place();
        let signature = by.sign(&preimage::second_signature(&chain.account(), &place, &encode(&act)));
        let second = vec![Second { device: by.id(), signature }];
        self.link(place, self.id(), LinkBody::Act { act, second })
    }

    fn joins(&self, chain: &Chain, adder: &Self) -> Act {
        self.joins_at(chain, adder, 1_000, 0)
    }

    fn joins_at(&self, chain: &Chain, adder: &Self, at: u64, held: u64) -> Act {
        let (place, transcript) = (chain.next_place(), Hash([77; 32]));
        let signed = preimage::reverse_signature(&chain.account(), &place, &self.device, &adder.id(), &transcript);
        let reverse = self.sign(&signed);
        Act::Add { device: self.device.clone(), transcript, reverse, at: UnixMillis(at), held }
    }
}

fn epoch(number: u32, whom: &[DeviceId]) -> Epoch {
    let mut whom = whom.to_vec();
    whom.sort_unstable();
    Epoch {
        number,
        account_key: Bytes(vec![u8::try_from(number).unwrap(); KEM_KEY_LEN]),
        wraps: whom.into_iter().map(|device| WrapCommitment { device, hash: Hash([9; 32]) }).collect(),
        previous_seed: Bytes(vec![8; if number == 1 { 0 } else { OLDER_SEED_LEN }]),
    }
}

fn genesis(first: &Someone, kit: Option<&Someone>) -> SignedLink {
    let recovery: Vec<RecoveryKeys> = kit.map(Someone::kit).into_iter().collect();
    let whom: Vec<DeviceId> = std::iter::once(first.id()).chain(kit.map(Someone::id)).collect();
    let body =
        LinkBody::Genesis { random: Hash([1; 32]), device: first.device.clone(), epoch: epoch(1, &whom), recovery };
    first.link(Head { seq: 0, hash: Hash::ZERO }, first.id(), body)
}

/// Phone, watch and computer.
fn family() -> (Chain, [Someone; 3]) {
    let people = [Someone::new(1), Someone::new(2), Someone::new(3)];
    let mut chain = Chain::begin(&genesis(&people[0], None)).unwrap();
    for joining in &people[1..] {
        let act = joining.joins(&chain, &people[0]);
        chain.push(&people[0].act(&chain, act)).unwrap();
    }
    (chain, people)
}

/// Refused for this reason, and nothing changed.
fn refused(chain: &Chain, link: &SignedLink, why: ChainError) {
    let mut tried = chain.clone();
    assert_eq!(tried.push(link), Err(why));
    assert_eq!(&tried, chain);
}

#[test]
fn devices_join_and_leave() {
    let (mut chain, [phone, watch, computer]) = family();
    assert_eq!(chain.members().len(), 3);
    assert_eq!(chain.head().seq, 2);
    let before = chain.head();
    let act = Act::Revoke { devices: vec![watch.id()], epoch: epoch(2, &[phone.id(), computer.id()]) };
    chain.push(&computer.act(&chain, act)).unwrap();
    assert!(chain.active(&watch.id()).is_none());
    assert!(chain.active_at(&watch.id(), &before).is_some(), "what it signed before stays its own");
    assert!(chain.active_at(&watch.id(), &chain.head()).is_none());
    assert_eq!(chain.epoch().unwrap().number, 2);
    chain.push(&phone.act(&chain, Act::Rotate { epoch: epoch(3, &[phone.id(), computer.id()]) })).unwrap();
    assert_eq!(chain.epochs().len(), 3);
}

#[test]
fn t023_an_edited_reordered_dropped_or_doubled_link_is_refused() {
    let people = [Someone::new(1), Someone::new(2)];
    let mut links = vec![genesis(&people[0], None)];
    let mut chain = Chain::begin(&links[0]).unwrap();
    let act = people[1].joins(&chain, &people[0]);
    links.push(people[0].act(&chain, act));
    chain.push(&links[1]).unwrap();
    links.push(people[1].act(&chain, Act::Rotate { epoch: epoch(2, &[people[0].id(), people[1].id()]) }));
    assert!(Chain::replay(&links).is_ok(), "control");

    for which in 0..links.len() {
        for place in (0..links[which].link.0.len()).step_by(if which == 2 { 7 } else { 29 }) {
            let mut edited = links.clone();
            edited[which].link.0[place] ^= 1;
            assert!(Chain::replay(&edited).is_err(), "link {which} byte {place}");
        }
        for place in 0..64 {
            let mut edited = links.clone();
            edited[which].signature.0[place] ^= 1;
            assert!(matches!(Chain::replay(&edited), Err(ChainError::Signature)), "link {which} signature {place}");
        }
    }
    let order = |order: &[usize]| Chain::replay(order.iter().map(|place| &links[*place])).map(|_| ());
    assert_eq!(order(&[0, 1, 2]), Ok(()), "control");
    assert_eq!(order(&[0, 2, 1]), Err(ChainError::NotNext));
    assert_eq!(order(&[0, 2]), Err(ChainError::NotNext), "dropped");
    assert_eq!(order(&[0, 1, 1, 2]), Err(ChainError::NotNext), "doubled");
    assert_eq!(order(&[1, 2]), Err(ChainError::Malformed), "without genesis");
    assert_eq!(order(&[]), Err(ChainError::Malformed));
    assert_eq!(order(&[0, 0]), Err(ChainError::NotNext), "genesis twice");
    // A cut chain is a chain: who saw more knows better.
    let short = Chain::replay(&links[..2]).unwrap();
    let long = Chain::replay(&links).unwrap();
    assert_eq!((short.compare(&long.head()), long.compare(&short.head())), (Standing::Ahead, Standing::Behind));
}

#[test]
fn t022_a_ghost_device_is_not_let_in() {
    let (chain, [phone, ..]) = family();
    let ghost = Someone::new(66);
    // Unsigned by any device of the account, under its own name and under the phone's.
    let act = ghost.joins(&chain, &ghost);
    refused(&chain, &ghost.act(&chain, act), ChainError::NotAMember);
    let act = ghost.joins(&chain, &phone);
    let forged = ghost.link(chain.next_place(), phone.id(), LinkBody::Act { act: act.clone(), second: Vec::new() });
    refused(&chain, &forged, ChainError::Signature);
    // A device of another account.
    let elsewhere = Chain::begin(&genesis(&ghost, None)).unwrap();
    let stranger = Someone::new(67);
    let theirs = ghost.act(&elsewhere, stranger.joins(&elsewhere, &ghost));
    refused(&chain, &theirs, ChainError::NotNext);
    let mut chain = chain;
    chain.push(&phone.act(&chain, act)).unwrap();
    assert!(chain.active(&ghost.id()).is_some(), "control: signed by the phone it would be a device");
}

#[test]
fn t029_a_key_that_nobody_proved_to_hold_is_not_added() {
    let (chain, [phone, watch, _]) = family();
    let (mine, other) = (Someone::new(10), Someone::new(11));
    let joined = |change: &dyn Fn(&mut DevicePublic, &mut Hash, &mut SignatureBytes)| {
        let Act::Add { mut device, mut transcript, mut reverse, at, held } = mine.joins(&chain, &phone) else {
            panic!("an add");
        };
        change(&mut device, &mut transcript, &mut reverse);
        phone.act(&chain, Act::Add { device, transcript, reverse, at, held })
    };
    assert!(chain.clone().push(&joined(&|_, _, _| {})).is_ok(), "control");
    refused(&chain, &joined(&|_, _, reverse| reverse.0 = [0; 64]), ChainError::Reverse);
    refused(&chain, &joined(&|device, _, _| device.signing = other.device.signing), ChainError::Reverse);
    refused(&chain, &joined(&|device, _, _| device.kem = other.device.kem.clone()), ChainError::Reverse);
    refused(&chain, &joined(&|device, _, _| device.serial = Bytes(vec![5; 32])), ChainError::Reverse);
    refused(&chain, &joined(&|_, transcript, _| *transcript = Hash([1; 32])), ChainError::Reverse);
    // The proof is for this adder and this place.
    refused(&chain, &watch.act(&chain, mine.joins(&chain, &phone)), ChainError::Reverse);
    let mut longer = chain.clone();
    longer.push(&phone.act(&chain, other.joins(&chain, &phone))).unwrap();
    refused(&longer, &phone.act(&longer, mine.joins(&chain, &phone)), ChainError::Reverse);
}

#[test]
fn t027_a_revoked_device_signs_nothing_more() {
    let (mut chain, [phone, watch, computer]) = family();
    let act = Act::Revoke { devices: vec![watch.id()], epoch: epoch(2, &[phone.id(), computer.id()]) };
    let late = watch.act(&chain, Act::Rotate { epoch: epoch(2, &[phone.id(), watch.id(), computer.id()]) });
    assert!(chain.clone().push(&late).is_ok(), "control: before it was revoked it could");
    chain.push(&phone.act(&chain, act)).unwrap();
    refused(&chain, &late, ChainError::NotNext);
    let later = watch.act(&chain, Act::Rotate { epoch: epoch(3, &[phone.id(), computer.id()]) });
    refused(&chain, &later, ChainError::NotAMember);
    // Nor does it come back with the same keys, or with the same signing key beside another KEM key.
    refused(&chain, &phone.act(&chain, watch.joins(&chain, &phone)), ChainError::Known);
    let mut half = watch.clone();
    half.device.kem = Bytes(vec![99; KEM_KEY_LEN]);
    refused(&chain, &phone.act(&chain, half.joins(&chain, &phone)), ChainError::Known);
}

#[test]
fn t037_an_epoch_is_the_next_and_for_those_who_belong() {
    let (chain, [phone, watch, computer]) = family();
    let all = [phone.id(), watch.id(), computer.id()];
    let with = |change: &dyn Fn(&mut Epoch)| {
        let mut next = epoch(2, &all);
        change(&mut next);
        phone.act(&chain, Act::Rotate { epoch: next })
    };
    assert!(chain.clone().push(&with(&|_| {})).is_ok(), "control");
    let edits: [&dyn Fn(&mut Epoch); 9] = [
        &|epoch| epoch.number = 1,
        &|epoch| epoch.number = 3,
        &|epoch| epoch.account_key = Bytes(vec![1; KEM_KEY_LEN]),
        &|epoch| epoch.account_key.0.truncate(KEM_KEY_LEN - 1),
        &|epoch| epoch.previous_seed.0.clear(),
        &|epoch| epoch.wraps.reverse(),
        &|epoch| epoch.wraps.truncate(2),
        &|epoch| epoch.wraps.push(WrapCommitment { device: DeviceId([0xFF; 32]), hash: Hash([9; 32]) }),
        &|epoch| epoch.wraps[0].device = DeviceId([0; 32]),
    ];
    for edit in edits {
        refused(&chain, &with(edit), ChainError::Epoch);
    }
    // Revoking and leaving the revoked device its wrap is no revoking.
    let kept = Act::Revoke { devices: vec![watch.id()], epoch: epoch(2, &all) };
    refused(&chain, &phone.act(&chain, kept), ChainError::Epoch);
}

#[test]
fn revoking_names_others_once_each_by_rising_id() {
    let (chain, [phone, watch, computer]) = family();
    let revoke =
        |devices: Vec<DeviceId>, left: &[DeviceId]| phone.act(&chain, Act::Revoke { devices, epoch: epoch(2, left) });
    let mut both = vec![watch.id(), computer.id()];
    both.sort_unstable();
    assert!(chain.clone().push(&revoke(both.clone(), &[phone.id()])).is_ok(), "control");
    both.reverse();
    refused(&chain, &revoke(both, &[phone.id()]), ChainError::Malformed);
    refused(&chain, &revoke(Vec::new(), &[phone.id(), watch.id(), computer.id()]), ChainError::Malformed);
    refused(&chain, &revoke(vec![watch.id(), watch.id()], &[phone.id(), computer.id()]), ChainError::Malformed);
    refused(&chain, &revoke(vec![phone.id()], &[watch.id(), computer.id()]), ChainError::Malformed);
    refused(&chain, &revoke(vec![DeviceId([4; 32])], &[phone.id()]), ChainError::NotAMember);
}

#[test]
fn t025_two_links_at_one_place_are_a_fork_and_seen_as_one() {
    let (chain, [phone, watch, computer]) = family();
    let mut left = chain.clone();
    left.push(&phone.act(&chain, Someone::new(20).joins(&chain, &phone))).unwrap();
    let mut right = chain.clone();
    let all = [phone.id(), watch.id(), computer.id()];
    right.push(&watch.act(&chain, Act::Rotate { epoch: epoch(2, &all) })).unwrap();
    assert_eq!(left.compare(&right.head()), Standing::Forked);
    assert_eq!(right.compare(&left.head()), Standing::Forked);
    // Honest concurrency: whoever comes second signs anew on top of what came first, and no fork is left.
    assert_eq!(left.compare(&chain.head()), Standing::Behind, "control");
    assert_eq!(left.compare(&left.head()), Standing::Same);
    let grown = [all.as_slice(), &[Someone::new(20).id()]].concat();
    left.push(&watch.act(&left, Act::Rotate { epoch: epoch(2, &grown) })).unwrap();
}

fn ruled(policy: Policy) -> (Chain, [Someone; 3]) {
    let (mut chain, people) = family();
    let act = Act::Policy { policy, at: UnixMillis(5_000), held: 0 };
    chain.push(&people[0].act(&chain, act)).unwrap();
    (chain, people)
}

#[test]
fn a_second_device_signs_where_the_policy_asks_for_one() {
    let second = Need { second: true, held: 0 };
    let (chain, [phone, watch, computer]) = ruled(Policy { adding: second, revoking: second, ..Policy::default() });
    let tablet = Someone::new(30);
    let add = tablet.joins(&chain, &phone);
    refused(&chain, &phone.act(&chain, add.clone()), ChainError::Policy);
    refused(&chain, &phone.seconded(&chain, add.clone(), &phone), ChainError::Policy);
    refused(&chain, &phone.seconded(&chain, add.clone(), &Someone::new(31)), ChainError::Policy);
    // Signed for another act.
    let other = Someone::new(32).joins(&chain, &phone);
    let LinkBody::Act { second: wrong, .. } =
        decode::<Link>(phone.seconded(&chain, other, &watch).link.as_slice(), MAX_LINK).unwrap().body
    else {
        panic!("an act")
    };
    let moved = phone.link(chain.next_place(), phone.id(), LinkBody::Act { act: add.clone(), second: wrong });
    refused(&chain, &moved, ChainError::Signature);
    assert!(chain.clone().push(&phone.seconded(&chain, add, &watch)).is_ok(), "control");
    // Who leaves is not asked.
    let revoke = Act::Revoke { devices: vec![watch.id()], epoch: epoch(2, &[phone.id(), computer.id()]) };
    refused(&chain, &phone.seconded(&chain, revoke.clone(), &watch), ChainError::Policy);
    let mut two = chain.clone();
    two.push(&phone.seconded(&chain, revoke, &computer)).unwrap();
    // With nobody left to ask, one is enough: otherwise a lost device could never be revoked.
    let last = Act::Revoke { devices: vec![computer.id()], epoch: epoch(3, &[phone.id()]) };
    assert!(two.clone().push(&phone.act(&two, last)).is_ok());
    // Nobody signs where nobody is asked.
    let rotate = Act::Rotate { epoch: epoch(2, &[phone.id(), watch.id(), computer.id()]) };
    refused(&chain, &phone.seconded(&chain, rotate, &watch), ChainError::Policy);
}

#[test]
fn a_device_is_held_back_as_long_as_the_policy_says() {
    let (chain, [phone, ..]) = ruled(Policy { adding: Need { second: false, held: 60_000 }, ..Policy::default() });
    let tablet = Someone::new(30);
    let Act::Add { device, transcript, reverse, at, .. } = tablet.joins(&chain, &phone) else { panic!("an add") };
    let add = |held| Act::Add { device: device.clone(), transcript, reverse, at, held };
    refused(&chain, &phone.act(&chain, add(59_999)), ChainError::Policy);
    refused(&chain, &phone.act(&chain, add(MAX_HELD_MILLIS + 1)), ChainError::Policy);
    let mut chain = chain;
    chain.push(&phone.act(&chain, add(60_000))).unwrap();
    assert_eq!(chain.active(&tablet.id()).unwrap().free_at, UnixMillis(61_000));
}

#[test]
fn pins_take_effect_when_their_time_has_come_and_keep_it() {
    let (mut chain, [phone, ..]) = family();
    let pin = |seed: u8| Pin { name: format!("clinic {seed}"), key: Someone::new(seed).device.signing };
    let put = |chain: &mut Chain, writers: Vec<Pin>, at, held| {
        let policy = Policy { writers, pinning: Need { second: false, held: 10 }, ..Policy::default() };
        chain.push(&phone.act(chain, Act::Policy { policy, at: UnixMillis(at), held }))
    };
    put(&mut chain, vec![pin(40)], 100, 0).unwrap();
    assert!(chain.writer(&pin(40).key, UnixMillis(99)).is_none());
    assert_eq!(chain.writer(&pin(40).key, UnixMillis(100)), Some(&pin(40)));
    assert!(chain.organisation(&pin(40).key, UnixMillis(100)).is_none(), "a writer is no organisation");
    assert_eq!(put(&mut chain, vec![pin(40), pin(41)], 200, 9), Err(ChainError::Policy));
    put(&mut chain, vec![pin(40), pin(41)], 200, 50).unwrap();
    assert!(chain.writer(&pin(40).key, UnixMillis(201)).is_some(), "the earlier pin goes on");
    assert!(chain.writer(&pin(41).key, UnixMillis(249)).is_none());
    assert!(chain.writer(&pin(41).key, UnixMillis(250)).is_some());
    put(&mut chain, vec![pin(41)], 300, 10).unwrap();
    assert!(chain.writer(&pin(40).key, UnixMillis(999)).is_none(), "taken out, at once");
    for writers in [
        vec![pin(41), pin(41)],
        vec![Pin { name: String::new(), ..pin(42) }],
        vec![Pin { name: "x".repeat(MAX_TITLE + 1), ..pin(42) }],
    ] {
        assert_eq!(put(&mut chain, writers, 400, 10), Err(ChainError::Malformed));
    }
}

#[test]
fn a_kit_brings_the_account_back_and_is_replaced() {
    let (phone, kit, next_kit, fresh) = (Someone::new(1), Someone::new(50), Someone::new(51), Someone::new(52));
    let chain = Chain::begin(&genesis(&phone, Some(&kit))).unwrap();
    let recover = |by: &Someone, reverse_by: &Someone, kits: &[&Someone]| {
        let place = chain.next_place();
        let signed = preimage::reverse_signature(&chain.account(), &place, &fresh.device, &kit.id(), &Hash::ZERO);
        let whom: Vec<DeviceId> = std::iter::once(fresh.id()).chain(kits.iter().map(|kit| kit.id())).collect();
        let body = LinkBody::Recover {
            device: fresh.device.clone(),
            reverse: reverse_by.sign(&signed),
            epoch: epoch(2, &whom),
            recovery: kits.iter().map(|kit| kit.kit()).collect(),
        };
        by.link(place, fresh.id(), body)
    };
    refused(&chain, &recover(&phone, &fresh, &[&next_kit]), ChainError::Signature);
    refused(&chain, &recover(&kit, &kit, &[&next_kit]), ChainError::Reverse);
    refused(&chain, &recover(&kit, &fresh, &[&kit]), ChainError::Malformed);
    let mut back = chain.clone();
    back.push(&recover(&kit, &fresh, &[&next_kit])).unwrap();
    assert!(back.active(&phone.id()).is_none() && back.active(&fresh.id()).is_some());
    assert_eq!(back.recovery(), Some(&next_kit.kit()));
    // Once a device has replaced the kit, the old one opens nothing: that is the veto.
    let mut vetoed = chain.clone();
    let wraps = vec![WrapCommitment { device: next_kit.id(), hash: Hash([7; 32]) }];
    vetoed.push(&phone.act(&chain, Act::Recovery { keys: vec![next_kit.kit()], wraps })).unwrap();
    let place = vetoed.next_place();
    let signed = preimage::reverse_signature(&vetoed.account(), &place, &fresh.device, &kit.id(), &Hash::ZERO);
    let body = LinkBody::Recover {
        device: fresh.device.clone(),
        reverse: fresh.sign(&signed),
        epoch: epoch(2, &[fresh.id()]),
        recovery: Vec::new(),
    };
    refused(&vetoed, &kit.link(place, fresh.id(), body), ChainError::Signature);
    // An account without a kit is not recovered by anybody.
    let (bare, _) = family();
    let link = kit.link(
        bare.next_place(),
        fresh.id(),
        LinkBody::Recover {
            device: fresh.device.clone(),
            reverse: SignatureBytes([0; 64]),
            epoch: epoch(2, &[fresh.id()]),
            recovery: Vec::new(),
        },
    );
    refused(&bare, &link, ChainError::NotAMember);
}

#[test]
fn an_account_and_a_chain_have_an_end() {
    let phone = Someone::new(1);
    let mut chain = Chain::begin(&genesis(&phone, None)).unwrap();
    for seed in 2..=u8::try_from(MAX_DEVICES).unwrap() {
        let act = Someone::new(seed).joins(&chain, &phone);
        chain.push(&phone.act(&chain, act)).unwrap();
    }
    refused(&chain, &phone.act(&chain, Someone::new(200).joins(&chain, &phone)), ChainError::Full);
    let mut serials = Someone::new(201);
    serials.device.serial = Bytes(vec![3; 32]);
    assert_eq!(chain.with_serial(&[3; 32]).count(), 0);
    assert_eq!(chain.with_serial(&[]).count(), 0, "no serial is no match");
}
