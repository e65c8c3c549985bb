//! A whole linking in memory, in both directions, and what must stop it.

mod cheating;
mod ending;
mod purposes;
mod relay;
mod seeds;

use core::fmt::Debug;

use glimpse_wire::account::{Act, SignedLink};
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::SigningKeyBytes;
use glimpse_wire::linking::Linking;
use glimpse_wire::{UnixMillis, decode};

use super::adder::{ExpectDone, ExpectJoin, Joined, Linked};
use super::joiner::{Adopted, AfterJoin, ExpectSeed, Invited};
use super::*;
use crate::account::NewAccount;
use crate::chain;
use crate::code::{Nameplate, PairingCode};
use crate::keys::DeviceKeys;
use crate::pairing::tests::{MAILBOX, NOW, counted, setup};
use crate::pairing::viewer::{Asking, Claims, ExpectOffer};
use crate::testing::rng;

pub(crate) const AT: UnixMillis = UnixMillis(1_700_000_000_000);
const SERIAL: &str = "SN-0042";
/// By which the adder knows the server.
const SERVER: SigningKeyBytes = SigningKeyBytes([0x5e; 32]);

/// Which end shows the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    Adder,
    Joiner,
}

const BOTH: [Shows; 2] = [Shows::Adder, Shows::Joiner];

/// An account with one device, its chain, and a device with fresh keys.
pub(crate) struct World {
    pub(crate) account: NewAccount,
    pub(crate) chain: Chain,
    pub(crate) keys: DeviceKeys,
}

pub(crate) fn world() -> World {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let chain = Chain::begin(&account.link).unwrap();
    World { account, chain, keys: DeviceKeys::generate(&mut rng(2)) }
}

impl World {
    fn setup(&self, shows: Shows) -> Setup {
        match shows {
            Shows::Adder => Setup { purpose: Purpose::Link, ..setup(&self.account) },
            Shows::Joiner => joiner_setup(&self.keys),
        }
    }

    pub(crate) fn paired(&self, shows: Shows) -> (Paired, Paired) {
        let (shown, typed) = crate::stretch::tests::cheaply(|| pair(self.setup(shows), CodeForm::Typed));
        match shows {
            Shows::Adder => (shown, typed),
            Shows::Joiner => (typed, shown),
        }
    }

    fn invite(&self, approved: adder::LinkApproved) -> (ExpectJoin, Vec<u8>) {
        approved.invite(&self.chain, &self.account.device, &self.account.seed, AT, 0, NOW).unwrap()
    }

    /// The link that the adder signs; the chain has it then.
    fn append(&mut self, joined: &Joined) -> Hash {
        let link = chain::act(&self.chain, &self.account.device, joined.act().clone(), None);
        self.push(&link)
    }

    fn push(&mut self, link: &SignedLink) -> Hash {
        self.chain.push(link).unwrap();
        self.chain.head().hash
    }

    /// Another device's link takes the next place.
    fn overtake(&mut self, seed: u64) {
        let other = DeviceKeys::generate(&mut rng(seed));
        let (place, adder) = (self.chain.next_place(), self.account.device.id());
        let device = other.public();
        let reverse = chain::join(&self.chain.account(), &place, &other, &device, &adder, &Hash::ZERO);
        let act = Act::Add { device, transcript: Hash::ZERO, reverse, at: AT, held: 0 };
        let link = chain::act(&self.chain, &self.account.device, act, None);
        self.push(&link);
    }

    /// The whole linking; `look` sees each state of each end, and each thing that comes out for the caller.
    pub(crate) fn walk(
        &mut self,
        adder: Paired,
        joiner: Paired,
        look: &mut dyn FnMut(&dyn Debug),
    ) -> (AdoptedSeed, Linked) {
        let (joiner, ask) = joiner::begin(joiner, &self.keys, "Watch".to_owned(), SERIAL.to_owned()).unwrap();
        look(&joiner);
        let adder = adder::begin(adder, SERVER).unwrap();
        look(&adder);
        let asked = adder.receive(&ask, NOW).unwrap();
        look(&asked);
        assert_eq!((asked.name(), asked.serial(), asked.device()), ("Watch", SERIAL, self.keys.id()));
        let approved = asked.approve(joiner.words(), NOW).unwrap();
        look(&approved);
        let (adder, invite) = self.invite(approved);
        look(&adder);
        let invited = joiner.receive(&invite, NOW).unwrap();
        look(&invited);
        assert_eq!((invited.account(), invited.held()), (self.chain.account(), 0));
        let (joiner, join) = invited.join(&self.chain, &self.keys).unwrap();
        look(&joiner);
        let joined = adder.receive(&join, NOW).unwrap();
        look(&joined);
        assert_eq!(joined.place(), self.chain.next_place());
        let link = self.append(&joined);
        let (adder, sealed) = joined.accepted(link, &self.chain, &self.account.seed, &mut rng(9)).unwrap();
        look(&adder);
        let adopted = seeded(joiner.receive(&sealed, NOW).unwrap()).adopt(&self.chain, &self.keys).unwrap();
        look(&adopted);
        let Adopted { epoch, seed, stored } = adopted;
        let linked = adder.receive(&stored.done(), NOW).unwrap();
        (AdoptedSeed { epoch, seed }, linked)
    }

    /// The two ends once the adder's person said yes and Invite is on its way.
    fn invited(&self, shows: Shows) -> (ExpectJoin, Invited) {
        let (adder, joiner) = self.paired(shows);
        let (joiner, ask) = joiner::begin(joiner, &self.keys, "Watch".to_owned(), SERIAL.to_owned()).unwrap();
        let asked = adder::begin(adder, SERVER).unwrap().receive(&ask, NOW).unwrap();
        let words = joiner.words();
        let (adder, invite) = self.invite(asked.approve(words, NOW).unwrap());
        (adder, joiner.receive(&invite, NOW).unwrap())
    }

    /// The two ends once the link is in the chain and Seed is on its way.
    fn seeded(&mut self, shows: Shows) -> (ExpectDone, ExpectSeed, Vec<u8>) {
        let (adder, invited) = self.invited(shows);
        let (joiner, join) = invited.join(&self.chain, &self.keys).unwrap();
        let joined = adder.receive(&join, NOW).unwrap();
        let link = self.append(&joined);
        let (adder, seed) = joined.accepted(link, &self.chain, &self.account.seed, &mut rng(9)).unwrap();
        (adder, joiner, seed)
    }
}

/// What a joiner ends with.
pub(crate) struct AdoptedSeed {
    epoch: u32,
    seed: AccountSeed,
}

fn joiner_setup(keys: &DeviceKeys) -> Setup {
    let nameplate = Nameplate::parse("417").unwrap();
    joiner::setup(keys, MAILBOX, nameplate, Hash([9; 32]), AT.plus(120_000), NOW.plus(120_000))
}

fn program() -> Claims {
    Claims { program: "glimpse".to_owned(), ..Claims::default() }
}

/// The end that showed the code, and the end that typed it.
fn pair(setup: Setup, form: CodeForm) -> (Paired, Paired) {
    let opened = open(setup, form, &mut rng(5)).unwrap();
    let text = opened.code.to_qr_text().unwrap_or_else(|| opened.code.to_groups());
    assert_eq!(form == CodeForm::Qr, text.starts_with("GLIMPSE:LINK:"));
    let code = PairingCode::parse(&text, Purpose::Link).unwrap();
    let rng = &mut rng(6);
    let typed = ExpectOffer::new(code, Purpose::Link);
    let (typed, hello) = typed.receive(MAILBOX, &opened.offer, program(), rng).unwrap();
    let (shown, answer) = opened.state.receive(&hello, NOW, counted(), rng).unwrap();
    let (typed, confirm_a) = typed.receive(&answer, &Asking::default()).unwrap();
    let (shown, confirm_b) = shown.receive(&confirm_a, NOW).unwrap();
    (shown.for_linking().unwrap(), typed.receive_for_linking(&confirm_b, NOW).unwrap())
}

fn seeded(after: AfterJoin) -> joiner::Seeded {
    match after {
        AfterJoin::Seeded(seeded) => seeded,
        AfterJoin::Again(_) => panic!("invited again"),
    }
}

fn again(after: AfterJoin) -> Invited {
    match after {
        AfterJoin::Again(invited) => invited,
        AfterJoin::Seeded(_) => panic!("not invited again"),
    }
}

#[test]
fn a_device_is_linked_whoever_shows_the_code_and_however_it_is_read() {
    for shows in BOTH {
        for form in [CodeForm::Typed, CodeForm::Qr] {
            let mut world = world();
            let (shown, typed) = pair(world.setup(shows), form);
            let (adder, joiner) = if shows == Shows::Adder { (shown, typed) } else { (typed, shown) };
            assert_eq!(adder.words(), joiner.words());
            let mut states = 0;
            let (adopted, linked) = world.walk(adder, joiner, &mut |_| states += 1);
            assert_eq!(states, 10, "all of them");
            assert_eq!(adopted.epoch, 1);
            let seed = &world.account.seed;
            assert!(adopted.seed.0.matches(seed.0.expose_secret()));
            assert_eq!((linked.device, linked.name.as_str()), (world.keys.id(), "Watch"));
            let member = world.chain.active(&world.keys.id()).unwrap();
            assert_eq!(member.device.serial, serial_hash(seed, SERIAL));
            assert_eq!(world.chain.with_serial(serial_hash(seed, SERIAL).as_slice()).count(), 1);
        }
    }
}

#[test]
fn a_serial_hash_knows_a_machine_again_and_tells_others_nothing() {
    let (ours, theirs) = (AccountSeed::generate(&mut rng(1)), AccountSeed::generate(&mut rng(2)));
    assert_eq!(serial_hash(&ours, SERIAL), serial_hash(&ours, SERIAL));
    assert_eq!(serial_hash(&ours, SERIAL).0.len(), 32);
    assert_ne!(serial_hash(&ours, SERIAL), serial_hash(&ours, "SN-0043"));
    assert_ne!(serial_hash(&ours, SERIAL), serial_hash(&theirs, SERIAL), "salted with the account's secret");
    assert_eq!(serial_hash(&ours, ""), Bytes(Vec::new()));
}

#[test]
fn a_place_that_was_taken_is_invited_for_again_three_times_and_no_more() {
    let mut world = world();
    let (mut adder, mut invited) = world.invited(Shows::Adder);
    for round in 0..3 {
        let (joiner, join) = invited.join(&world.chain, &world.keys).unwrap();
        let joined = adder.receive(&join, NOW).unwrap();
        world.overtake(20 + round);
        let (next, invite) = joined.again(&world.chain, &world.account.device, AT, 0, NOW).unwrap();
        adder = next;
        invited = again(joiner.receive(&invite, NOW).unwrap());
    }
    let (_, join) = invited.join(&world.chain, &world.keys).unwrap();
    let joined = adder.receive(&join, NOW).unwrap();
    world.overtake(30);
    let ended = joined.again(&world.chain, &world.account.device, AT, 0, NOW).unwrap_err();
    assert_eq!(ended.error, ErrorCode::Conflict);
    // The fourth place is as good as the first where it is not taken.
    let mut world = self::world();
    let (adder, invited) = world.invited(Shows::Joiner);
    let (joiner, join) = invited.join(&world.chain, &world.keys).unwrap();
    let joined = adder.receive(&join, NOW).unwrap();
    world.overtake(40);
    let (adder, invite) = joined.again(&world.chain, &world.account.device, AT, 0, NOW).unwrap();
    let invited = again(joiner.receive(&invite, NOW).unwrap());
    let (joiner, join) = invited.join(&world.chain, &world.keys).unwrap();
    let joined = adder.receive(&join, NOW).unwrap();
    let link = world.append(&joined);
    let (_, seed) = joined.accepted(link, &world.chain, &world.account.seed, &mut rng(9)).unwrap();
    assert!(seeded(joiner.receive(&seed, NOW).unwrap()).adopt(&world.chain, &world.keys).is_ok());
}

#[test]
fn an_epoch_that_began_meanwhile_is_told_and_its_seed_is_in_the_wrap() {
    let mut world = world();
    let (_, joiner, seed) = world.seeded(Shows::Adder);
    let drawn = chain::DrawnEpoch::next(&world.chain, &world.account.seed, &[], &mut rng(11)).unwrap();
    let rotate = chain::act(&world.chain, &world.account.device, Act::Rotate { epoch: drawn.epoch.clone() }, None);
    world.push(&rotate);
    let ended = seeded(joiner.receive(&seed, NOW).unwrap()).adopt(&world.chain, &world.keys).unwrap_err();
    assert_eq!(ended.error, ErrorCode::Conflict);
    let wrap = drawn.wraps.iter().find(|wrap| wrap.device == world.keys.id()).unwrap();
    let newest = crate::account::adopt_seed(&world.keys, world.chain.epoch().unwrap(), &wrap.sealed).unwrap();
    let (_, older) = chain::older_seed(&world.chain, 2, &newest).unwrap();
    assert!(older.0.matches(world.account.seed.0.expose_secret()));
}
