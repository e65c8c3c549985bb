//! Which seed leaves an adder, and which one a joiner adopts.

use glimpse_wire::linking::SealedSeed;

use super::cheating::{Invite, cheated};
use super::*;

/// How a Seed is sealed, to be altered.
struct Sealing {
    link: Hash,
    aad: Hash,
    psk: [u8; 32],
    info: Hash,
    to: crate::kem::KemPublic,
    epoch: u32,
    seed: Vec<u8>,
}

#[test]
fn t050_t106_a_seed_that_the_chain_does_not_commit_to_is_not_adopted() {
    let foreign = AccountSeed::generate(&mut rng(80));
    let stranger = DeviceKeys::generate(&mut rng(81));
    // What the joiner says to a seed that `alter` had a hand in; nothing where it adopts.
    let refusal = |shows: Shows, alter: &dyn Fn(&mut Sealing)| {
        let mut world = world();
        let (mut line, joiner) = cheated(&world, shows);
        let invite = Invite { serial: vec![3; 32], ..Invite::honest(&world) };
        let invite = invite.signed(&world, &line.transcript, world.account.device.signing());
        let invited = joiner.receive(&line.say(&invite), NOW).unwrap();
        let (joiner, join) = invited.join(&world.chain, &world.keys).unwrap();
        let Ok(Linking::Join { reverse }) = line.receive(&join, NOW) else { panic!() };
        let device = glimpse_wire::account::DevicePublic { serial: Bytes(vec![3; 32]), ..world.keys.public() };
        let act = Act::Add { device, transcript: line.transcript, reverse, at: AT, held: 0 };
        let link = chain::act(&world.chain, &world.account.device, act, None);
        let link = world.push(&link);
        let mut sealing = Sealing {
            link,
            aad: link,
            psk: *line.psk.expose_secret(),
            info: line.transcript,
            to: world.keys.kem().public().clone(),
            epoch: 1,
            seed: world.account.seed.0.expose_secret().to_vec(),
        };
        alter(&mut sealing);
        let Sealing { link, aad, psk, info, to, epoch, seed } = sealing;
        let plaintext = encode(&SealedSeed { epoch, seed: Bytes(seed) });
        let psk = Secret::fill_with(|own| *own = psk);
        let id = line.session().0;
        let (enc, ciphertext, _) = to.seal_with_psk(&psk, &id, &info.0, &aad.0, &plaintext, &mut rng(9)).unwrap();
        // The naive joiner: it has a seed as soon as one opens.
        let naive = world.keys.kem().open_with_psk(&line.psk, &id, &line.transcript.0, &link.0, &enc, &ciphertext);
        let seed = Linking::Seed { link, enc: Bytes(enc), ciphertext: Bytes(ciphertext) };
        let after = joiner.receive(&line.say(&seed), NOW).unwrap();
        let refused = seeded(after).adopt(&world.chain, &world.keys).err().map(|ended| {
            let told = line.receive(&ended.message.unwrap(), NOW).unwrap_err();
            assert_eq!(told, Ended { error: ended.error, message: None });
            ended.error
        });
        (naive.is_ok(), refused)
    };
    const TAMPERED: Option<ErrorCode> = Some(ErrorCode::RecordTampered);
    for shows in BOTH {
        assert_eq!(refusal(shows, &|_| {}), (true, None), "control");
        // These open, and a joiner that looked no further would have them: the control of the defence.
        let substituted = |sealing: &mut Sealing| sealing.seed = foreign.0.expose_secret().to_vec();
        assert_eq!(refusal(shows, &substituted), (true, TAMPERED), "another seed");
        assert_eq!(refusal(shows, &|sealing| sealing.seed.truncate(31)), (true, TAMPERED), "half a seed");
        assert_eq!(refusal(shows, &|sealing| sealing.epoch = 2), (true, TAMPERED), "an epoch that is not there");
        assert_eq!(refusal(shows, &|sealing| sealing.epoch = 0), (true, TAMPERED), "none");
        let other_link = |sealing: &mut Sealing| {
            sealing.link = Hash([1; 32]);
            sealing.aad = sealing.link;
        };
        assert_eq!(refusal(shows, &other_link), (true, Some(ErrorCode::ChainForked)), "by another link");
        // These do not open.
        assert_eq!(refusal(shows, &|sealing| sealing.aad = Hash([1; 32])), (false, TAMPERED));
        assert_eq!(refusal(shows, &|sealing| sealing.psk = [1; 32]), (false, TAMPERED));
        assert_eq!(refusal(shows, &|sealing| sealing.info = Hash([1; 32])), (false, TAMPERED));
        assert_eq!(refusal(shows, &|sealing| sealing.to = stranger.kem().public().clone()), (false, TAMPERED));
    }
}

#[test]
fn a_joiner_that_is_not_in_the_chain_or_was_taken_out_at_once_adopts_nothing() {
    let mut world = world();
    let before = world.chain.clone();
    let (_, joiner, seed) = world.seeded(Shows::Adder);
    let ended = seeded(joiner.receive(&seed, NOW).unwrap()).adopt(&before, &world.keys).unwrap_err();
    assert_eq!(ended.error, ErrorCode::ChainRolledBack, "the link that the adder tells of is kept back");
    let mut world = self::world();
    let (_, joiner, seed) = world.seeded(Shows::Adder);
    let id = world.keys.id();
    let drawn = chain::DrawnEpoch::next(&world.chain, &world.account.seed, &[id], &mut rng(51)).unwrap();
    let revoke = Act::Revoke { devices: vec![id], epoch: drawn.epoch };
    let link = chain::act(&world.chain, &world.account.device, revoke, None);
    world.push(&link);
    let ended = seeded(joiner.receive(&seed, NOW).unwrap()).adopt(&world.chain, &world.keys).unwrap_err();
    assert_eq!(ended.error, ErrorCode::DeviceRevoked);
    // Another account's chain, and other keys.
    let mut world = self::world();
    let (_, joiner, seed) = world.seeded(Shows::Adder);
    let other = NewAccount::generate(&mut rng(90)).unwrap();
    let other = Chain::begin(&other.link).unwrap();
    let ended = seeded(joiner.receive(&seed, NOW).unwrap()).adopt(&other, &world.keys).unwrap_err();
    assert_eq!(ended.error, ErrorCode::Malformed);
    let mut world = self::world();
    let (_, joiner, seed) = world.seeded(Shows::Adder);
    let ended = seeded(joiner.receive(&seed, NOW).unwrap()).adopt(&world.chain, &world.account.device).unwrap_err();
    assert_eq!(ended.error, ErrorCode::Internal);
}

#[test]
fn an_adder_seals_no_seed_before_the_link_is_in_the_chain_and_no_other_seed() {
    let joined = || {
        let mut world = world();
        let (adder, invited) = world.invited(Shows::Adder);
        let (_, join) = invited.join(&world.chain, &world.keys).unwrap();
        let joined = adder.receive(&join, NOW).unwrap();
        let before = world.chain.clone();
        let link = world.append(&joined);
        (world, before, joined, link)
    };
    let sealed = |joined: Joined, link: Hash, chain: &Chain, seed: &AccountSeed| {
        joined.accepted(link, chain, seed, &mut rng(9)).map(|_sealed| ()).map_err(|ended| ended.error)
    };
    let (world, before, state, link) = joined();
    assert_eq!(sealed(state, link, &before, &world.account.seed), Err(ErrorCode::Conflict), "not in the chain");
    let (world, _, state, _) = joined();
    assert_eq!(sealed(state, Hash([1; 32]), &world.chain, &world.account.seed), Err(ErrorCode::Conflict));
    let (world, _, state, link) = joined();
    let foreign = AccountSeed::generate(&mut rng(80));
    assert_eq!(sealed(state, link, &world.chain, &foreign), Err(ErrorCode::Internal), "a seed of no epoch");
    let (world, _, state, link) = joined();
    assert_eq!(sealed(state, link, &world.chain, &world.account.seed), Ok(()), "control");
    let (mut world, _, state, link) = joined();
    let id = world.keys.id();
    let drawn = chain::DrawnEpoch::next(&world.chain, &world.account.seed, &[id], &mut rng(51)).unwrap();
    let revoke = Act::Revoke { devices: vec![id], epoch: drawn.epoch };
    let revoke = chain::act(&world.chain, &world.account.device, revoke, None);
    world.push(&revoke);
    assert_eq!(sealed(state, link, &world.chain, &drawn.seed), Err(ErrorCode::DeviceRevoked), "vetoed at once");
}
