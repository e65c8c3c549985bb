use glimpse_wire::UnixMillis;
use glimpse_wire::chain::ChainError;

use super::*;
use crate::account::NewAccount;
use crate::testing::rng;

const TRANSCRIPT: Hash = Hash([5; 32]);

struct World {
    chain: Chain,
    phone: DeviceKeys,
    watch: DeviceKeys,
    seed: AccountSeed,
}

/// A phone that linked a watch.
fn world(rng: &mut impl CryptoRng) -> World {
    let new = NewAccount::generate(rng).unwrap();
    let mut chain = Chain::begin(&new.link).unwrap();
    let watch = DeviceKeys::generate(rng);
    chain.push(&added(&chain, &new.device, &watch)).unwrap();
    World { chain, phone: new.device, watch, seed: new.seed }
}

fn added(chain: &Chain, adder: &DeviceKeys, joining: &DeviceKeys) -> SignedLink {
    let device = joining.public();
    let reverse = join(&chain.account(), &chain.next_place(), joining, &device, &adder.id(), &TRANSCRIPT);
    act(chain, adder, Act::Add { device, transcript: TRANSCRIPT, reverse, at: UnixMillis(1), held: 0 }, None)
}

fn adopted(chain: &Chain, keys: &DeviceKeys, wraps: &[Wrap]) -> Result<AccountSeed, OpenError> {
    let epoch = chain.epoch().unwrap();
    let own = wraps.iter().find(|wrap| wrap.device == keys.id()).ok_or(OpenError)?;
    crate::account::adopt_seed(keys, epoch, &own.sealed)
}

#[test]
fn every_device_adopts_the_next_epoch_and_reads_back_from_there() {
    let mut rng = rng(1);
    let World { mut chain, phone, watch, seed } = world(&mut rng);
    let drawn = DrawnEpoch::next(&chain, &seed, &[], &mut rng).unwrap();
    chain.push(&act(&chain, &watch, Act::Rotate { epoch: drawn.epoch.clone() }, None)).unwrap();
    let third = DrawnEpoch::next(&chain, &drawn.seed, &[], &mut rng).unwrap();
    chain.push(&act(&chain, &phone, Act::Rotate { epoch: third.epoch.clone() }, None)).unwrap();
    for keys in [&phone, &watch] {
        let present = adopted(&chain, keys, &third.wraps).unwrap();
        assert!(present.0.matches(third.seed.0.expose_secret()));
        let (number, second) = older_seed(&chain, 3, &present).unwrap();
        assert_eq!(number, 2);
        assert!(second.0.matches(drawn.seed.0.expose_secret()));
        assert!(older_seed(&chain, 2, &second).unwrap().1.0.matches(seed.0.expose_secret()));
        assert!(older_seed(&chain, 1, &second).is_err(), "nothing is before the first");
        assert!(older_seed(&chain, 2, &present).is_err(), "not by the seed of another epoch");
    }
    // Never the other way: the seed of an earlier epoch opens nothing of a later one.
    assert!(older_seed(&chain, 3, &drawn.seed).is_err());
    assert!(DrawnEpoch::next(&chain, &drawn.seed, &[], &mut rng).is_err(), "made from the newest seed only");
}

#[test]
fn t028_a_revoked_device_has_no_part_of_the_epoch_that_follows() {
    let mut rng = rng(2);
    let World { mut chain, phone, watch, seed } = world(&mut rng);
    let control = DrawnEpoch::next(&chain, &seed, &[], &mut rng).unwrap();
    let opens = |drawn: &DrawnEpoch, keys: &DeviceKeys| {
        drawn.wraps.iter().any(|wrap| {
            let info = preimage::seed_wrap_info(&keys.id(), drawn.epoch.number, drawn.epoch.account_key.as_slice());
            keys.kem().open(&info, &[], &wrap.sealed).is_ok()
        })
    };
    assert!(opens(&control, &watch), "control: as long as it belongs, it does");
    let leaving = vec![watch.id()];
    let drawn = DrawnEpoch::next(&chain, &seed, &leaving, &mut rng).unwrap();
    chain.push(&act(&chain, &phone, Act::Revoke { devices: leaving, epoch: drawn.epoch.clone() }, None)).unwrap();
    assert!(opens(&drawn, &phone) && !opens(&drawn, &watch));
    // What it still holds, the seed of the epoch before, does not open what is sealed for the present one.
    let present = KemPublic::parse(chain.epoch().unwrap().account_key.as_slice()).unwrap();
    let sealed = present.seal(b"info", &[], b"a record's share", &mut rng).unwrap();
    assert!(drawn.seed.account_key().open(b"info", &[], &sealed).is_ok(), "control");
    assert!(seed.account_key().open(b"info", &[], &sealed).is_err());
}

#[test]
fn t050_keys_that_the_server_pushes_are_not_adopted() {
    let mut rng = rng(3);
    let World { mut chain, phone, watch, seed } = world(&mut rng);
    let drawn = DrawnEpoch::next(&chain, &seed, &[], &mut rng).unwrap();
    chain.push(&act(&chain, &phone, Act::Rotate { epoch: drawn.epoch.clone() }, None)).unwrap();
    assert!(adopted(&chain, &watch, &drawn.wraps).is_ok(), "control");
    // A seed of the server's own, sealed to the watch as the phone would.
    let account_key = chain.epoch().unwrap().account_key.clone();
    let info = preimage::seed_wrap_info(&watch.id(), 2, account_key.as_slice());
    let pushed = watch.kem().public().seal(&info, &[], &[9; 32], &mut rng).unwrap();
    assert!(watch.kem().open(&info, &[], &pushed).is_ok(), "control: it opens");
    assert!(adopted(&chain, &watch, &[Wrap { device: watch.id(), sealed: pushed }]).is_err());
    // The wrap of another device, and the wrap of the epoch before.
    let other = drawn.wraps.iter().find(|wrap| wrap.device == phone.id()).unwrap();
    assert!(adopted(&chain, &watch, &[Wrap { device: watch.id(), sealed: other.sealed.clone() }]).is_err());
    // An epoch of the server's own does not come into the chain.
    let stranger = DeviceKeys::generate(&mut rng);
    let forged = DrawnEpoch::next(&chain, &drawn.seed, &[], &mut rng).unwrap();
    let link = act(&chain, &stranger, Act::Rotate { epoch: forged.epoch }, None);
    assert_eq!(chain.clone().push(&link), Err(ChainError::NotAMember));
}

#[test]
fn an_older_seed_that_was_put_in_its_place_is_refused() {
    let mut rng = rng(4);
    let World { chain, phone, seed, .. } = world(&mut rng);
    let drawn = DrawnEpoch::next(&chain, &seed, &[], &mut rng).unwrap();
    // The phone itself signs an epoch whose older seed is not that of epoch 1.
    let mut epoch = drawn.epoch.clone();
    let info = preimage::older_seed_info(&chain.account(), 2, epoch.account_key.as_slice());
    epoch.previous_seed = Bytes(drawn.seed.account_key().public().seal(&info, &[], &[3; 32], &mut rng).unwrap());
    let mut lying = chain.clone();
    lying.push(&act(&chain, &phone, Act::Rotate { epoch }, None)).unwrap();
    assert!(older_seed(&lying, 2, &drawn.seed).is_err());
    let mut honest = chain.clone();
    honest.push(&act(&chain, &phone, Act::Rotate { epoch: drawn.epoch.clone() }, None)).unwrap();
    assert!(older_seed(&honest, 2, &drawn.seed).is_ok(), "control");
}

#[test]
fn a_kit_that_takes_the_place_of_another_opens_the_present_epoch() {
    let mut rng = rng(5);
    let World { mut chain, phone, seed, .. } = world(&mut rng);
    let (signing, kem) = (Signing::generate(&mut rng), KemSecret::generate(&mut rng));
    let kit = RecoveryKeys { signing: signing.public(), kem: kem.public().to_wire() };
    let wrap = Wrap::for_kit(&chain, &seed, &kit, &mut rng).unwrap();
    let put = Act::Recovery { keys: vec![kit.clone()], wraps: vec![wrap.commitment()] };
    chain.push(&act(&chain, &phone, put, None)).unwrap();
    let epoch = chain.epoch().unwrap();
    let opened = adopt(&kit.id(), &kem, epoch, &wrap.commitment(), &wrap.sealed).unwrap();
    assert!(opened.0.matches(seed.0.expose_secret()));
    assert!(adopt(&phone.id(), &kem, epoch, &wrap.commitment(), &wrap.sealed).is_err());
    // The next epoch is wrapped to the kit as to the devices.
    let drawn = DrawnEpoch::next(&chain, &seed, &[], &mut rng).unwrap();
    assert!(drawn.wraps.iter().any(|wrap| wrap.device == kit.id()));
    chain.push(&act(&chain, &phone, Act::Rotate { epoch: drawn.epoch }, None)).unwrap();
}

#[test]
fn a_key_that_nothing_can_be_sealed_to_stops_no_epoch() {
    let mut rng = rng(7);
    let World { mut chain, phone, watch, seed } = world(&mut rng);
    // The watch is in the wrong hands, and brings a device whose key only has the right length; the rules of the chain
    // do not look inside.
    let helper = DeviceKeys::generate(&mut rng);
    let device = DevicePublic { kem: Bytes(vec![0xFF; helper.public().kem.0.len()]), ..helper.public() };
    assert!(KemPublic::parse(device.kem.as_slice()).is_err(), "control: nothing can be sealed to it");
    let reverse = helper.signing().sign(&preimage::reverse_signature(
        &chain.account(),
        &chain.next_place(),
        &device,
        &watch.id(),
        &TRANSCRIPT,
    ));
    let add = Act::Add { device, transcript: TRANSCRIPT, reverse, at: UnixMillis(1), held: 0 };
    chain.push(&act(&chain, &watch, add, None)).unwrap();
    let leaving = vec![watch.id()];
    let drawn = DrawnEpoch::next(&chain, &seed, &leaving, &mut rng).unwrap();
    chain.push(&act(&chain, &phone, Act::Revoke { devices: leaving, epoch: drawn.epoch.clone() }, None)).unwrap();
    assert!(adopted(&chain, &phone, &drawn.wraps).is_ok());
}

#[test]
fn an_epoch_that_was_wrapped_to_nobody_is_passed_over() {
    let mut rng = rng(8);
    let World { mut chain, phone, watch, seed } = world(&mut rng);
    let second = DrawnEpoch::next(&chain, &seed, &[], &mut rng).unwrap();
    chain.push(&act(&chain, &phone, Act::Rotate { epoch: second.epoch.clone() }, None)).unwrap();
    // The watch begins one whose seed it keeps to itself.
    let mut kept = DrawnEpoch::next(&chain, &second.seed, &[], &mut rng).unwrap();
    for (wrap, committed) in kept.wraps.iter_mut().zip(&mut kept.epoch.wraps) {
        wrap.sealed = vec![7; wrap.sealed.len()];
        *committed = wrap.commitment();
    }
    chain.push(&act(&chain, &watch, Act::Rotate { epoch: kept.epoch.clone() }, None)).unwrap();
    assert!(adopted(&chain, &phone, &kept.wraps).is_err(), "control: it locks the phone out");
    let leaving = [watch.id()];
    assert!(DrawnEpoch::next(&chain, &second.seed, &leaving, &mut rng).is_err(), "control");
    let drawn = DrawnEpoch::next_from_older(&chain, &second.seed, &leaving, &mut rng).unwrap();
    let revoke = Act::Revoke { devices: leaving.to_vec(), epoch: drawn.epoch.clone() };
    chain.push(&act(&chain, &phone, revoke, None)).unwrap();
    let present = adopted(&chain, &phone, &drawn.wraps).unwrap();
    let (number, older) = older_seed(&chain, 4, &present).unwrap();
    assert_eq!(number, 2);
    assert!(older.0.matches(second.seed.0.expose_secret()));
    let stranger = AccountSeed::generate(&mut rng);
    assert!(DrawnEpoch::next_from_older(&chain, &stranger, &leaving, &mut rng).is_err());
}
