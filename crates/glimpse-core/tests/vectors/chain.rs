//! A whole chain: every kind of link once, and what the account is after each.

use glimpse_core::chain::{self, DrawnEpoch, Wrap};
use glimpse_core::keys::{AccountSeed, DeviceKeys};
use glimpse_core::recovery::{KitKeys, Plan, RecoveryKit, Share, combine};
use glimpse_wire::account::{Act, DevicePublic, Epoch, Need, Pin, Policy, SignedLink};
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage;
use glimpse_wire::{DeviceId, Hash, SigningKeyBytes, UnixMillis};

use crate::sheet::Sheet;
use crate::tape::Tape;
use crate::{hand, rest};

const AT: UnixMillis = UnixMillis(1_700_000_000_000);
const HOUR: u64 = 60 * 60 * 1000;
/// Room for what an epoch draws after its seed: 64 bytes for each sealing.
const ROOM: usize = 512;

/// A device of the story, with its keys as they were drawn.
pub(crate) struct Device {
    name: &'static str,
    pub(crate) keys: DeviceKeys,
    pub(crate) public: DevicePublic,
    signing: [u8; 32],
    kem: [u8; 32],
}

impl Device {
    fn drawn(name: &'static str, drawn_as: &str) -> Self {
        let signing: [u8; 32] = hand::drawn(&format!("{drawn_as} signing seed"));
        let kem: [u8; 32] = hand::drawn(&format!("{drawn_as} KEM seed"));
        let keys = DeviceKeys::generate(&mut Tape::new(&[signing, kem].concat()));
        let public = keys.public();
        Self { name, keys, public, signing, kem }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.keys.id()
    }

    /// A signature of its key, over whatever it likes.
    pub(crate) fn sign(&self, message: &[u8]) -> SignatureBytes {
        signature(&self.signing, message)
    }

    fn sheet(&self) -> Sheet {
        Sheet::default()
            .text("name", self.name)
            .bytes("signing_seed", self.signing)
            .bytes("kem_seed", self.kem)
            .bytes("id", self.id().0)
    }
}

/// By the key of this seed.
pub(crate) fn signature(seed: &[u8; 32], message: &[u8]) -> SignatureBytes {
    let signing = ed25519_dalek::SigningKey::from_bytes(seed);
    SignatureBytes(ed25519_dalek::Signer::sign(&signing, message).to_bytes())
}

/// A kit of one share: its keys.
pub(crate) fn kit(secret: &str) -> KitKeys {
    let drawn = hand::drawn::<32>(secret);
    let kit = RecoveryKit::generate(Plan::new(1, 1).unwrap(), &mut Tape::new(&drawn)).unwrap();
    combine(&[Share::parse(&kit.shares[0].to_letters()).unwrap()]).unwrap()
}

/// One link, and the chain once it is taken.
pub(crate) struct Step {
    shows: &'static str,
    pub(crate) link: SignedLink,
    wraps: Vec<Wrap>,
    pub(crate) after: Chain,
}

/// The chain of chain.json, and whoever has a part in it.
pub(crate) struct Story {
    pub(crate) devices: [Device; 5],
    pub(crate) steps: Vec<Step>,
    pub(crate) kit: KitKeys,
    epochs: Vec<Sheet>,
    pins: Vec<(&'static str, SigningKeyBytes, UnixMillis)>,
}

/// The chain as it grows, and the seed of its newest epoch.
struct Growing {
    chain: Chain,
    seed: AccountSeed,
    steps: Vec<Step>,
    epochs: Vec<Sheet>,
}

impl Growing {
    fn push(&mut self, shows: &'static str, link: SignedLink, wraps: Vec<Wrap>) {
        self.chain.push(&link).unwrap();
        self.steps.push(Step { shows, link, wraps, after: self.chain.clone() });
    }

    /// What `draw` draws, from a seed and randomness that are written down.
    fn draw(&mut self, draw: impl FnOnce(&Chain, &AccountSeed, &mut Tape) -> DrawnEpoch) -> (Epoch, Vec<Wrap>) {
        let number = self.chain.epochs().len() + 1;
        let seed = hand::drawn::<32>(&format!("chain epoch {number} seed"));
        let randomness = hand::drawn::<ROOM>(&format!("chain epoch {number} randomness"));
        let mut tape = Tape::new(&[seed.as_slice(), &randomness].concat());
        let DrawnEpoch { seed: drawn, epoch, wraps } = draw(&self.chain, &self.seed, &mut tape);
        let used = ROOM - tape.rest().len();
        self.epochs.push(epoch_sheet(epoch.number, &seed, &randomness[..used]));
        self.seed = drawn;
        (epoch, wraps)
    }
}

fn epoch_sheet(number: u32, seed: &[u8], randomness: &[u8]) -> Sheet {
    Sheet::default().number("number", number.into()).bytes("seed", seed).bytes("randomness", randomness)
}

fn at(minutes: u64) -> UnixMillis {
    AT.plus(minutes * 60_000)
}

/// A key of nobody.
fn pinned(name: &str) -> Pin {
    let signing = ed25519_dalek::SigningKey::from_bytes(&hand::drawn(name));
    Pin { name: name.to_owned(), key: SigningKeyBytes(signing.verifying_key().to_bytes()) }
}

fn policy() -> Policy {
    Policy {
        organisations: vec![pinned("City hospital")],
        writers: vec![pinned("Dr. Grey")],
        adding: Need { second: true, held: HOUR },
        revoking: Need { second: true, held: 0 },
        pinning: Need { second: true, held: HOUR },
        recovering: 72 * HOUR,
    }
}

/// Another pin in each list, one of a key that was in the other; less time to hold a device back, and no second device for pins.
fn loosened() -> Policy {
    let before = policy();
    let adding = Need { second: true, held: HOUR / 2 };
    Policy {
        organisations: vec![pinned("City hospital"), pinned("Dr. Grey")],
        writers: vec![pinned("Dr. Grey"), pinned("Dr. White")],
        adding,
        pinning: Need { second: false, held: 2 * HOUR },
        ..before
    }
}

/// The act by which `joiner` joins at the chain's next place.
fn joins(chain: &Chain, adder: &Device, joiner: &Device, at: UnixMillis, held: u64) -> Act {
    let transcript = Hash(hand::drawn(&format!("chain {} transcript", joiner.name)));
    let (account, place) = (chain.account(), chain.next_place());
    let reverse = chain::join(&account, &place, &joiner.keys, &joiner.public, &adder.id(), &transcript);
    Act::Add { device: joiner.public.clone(), transcript, reverse, at, held }
}

pub(crate) fn story() -> Story {
    let account = rest::account();
    let first = Device::drawn("first", "device");
    let mut second = Device::drawn("second", "chain second");
    second.public.serial = Bytes(hand::drawn::<32>("chain second serial hash").to_vec());
    let (third, fourth) = (Device::drawn("third", "chain third"), Device::drawn("fourth", "chain fourth"));
    let fifth = Device::drawn("fifth", "chain fifth");
    let (kit_one, kit_two) = (kit("chain kit one secret"), kit("chain kit two secret"));

    let genesis = Chain::begin(&account.link).unwrap();
    let wrap = Wrap { device: first.id(), sealed: account.wrap };
    let begun = Step {
        shows: "The genesis link, that of account.json.",
        link: account.link,
        wraps: vec![wrap],
        after: genesis.clone(),
    };
    let epoch = epoch_sheet(1, &hand::drawn::<32>("account seed"), &hand::drawn::<64>("seed wrap"));
    let mut told = Growing { chain: genesis, seed: account.seed, steps: vec![begun], epochs: vec![epoch] };

    let act = joins(&told.chain, &first, &second, at(1), 0);
    let link = chain::act(&told.chain, &first.keys, act, None);
    told.push("The first device adds the second. Nothing asks for more than its signature.", link, Vec::new());

    let act = Act::Policy { policy: policy(), at: at(2), held: HOUR };
    let link = chain::act(&told.chain, &first.keys, act, None);
    told.push("Rules, and two pins. What they ask for counts from the next link on.", link, Vec::new());

    let mut tape = Tape::new(&hand::drawn::<64>("chain kit one wrap"));
    let wrap = Wrap::for_kit(&told.chain, &told.seed, &kit_one.public(), &mut tape).unwrap();
    let act = Act::Recovery { keys: vec![kit_one.public()], wraps: vec![wrap.commitment()] };
    let signed = chain::second(&told.chain, &first.keys, &act);
    let link = chain::act(&told.chain, &second.keys, act, Some(signed));
    told.push("The second device sets a recovery kit, the first one signs too.", link, vec![wrap]);

    let act = joins(&told.chain, &first, &third, at(4), 2 * HOUR);
    let signed = chain::second(&told.chain, &second.keys, &act);
    let link = chain::act(&told.chain, &first.keys, act, Some(signed));
    told.push(
        "The first device adds the third, held back for two hours, and the second one signs too.",
        link,
        Vec::new(),
    );

    let act = Act::Policy { policy: loosened(), at: at(240), held: 3 * HOUR };
    let signed = chain::second(&told.chain, &third.keys, &act);
    let link = chain::act(&told.chain, &first.keys, act, Some(signed));
    told.push(
        "One more pin, and the first writer's key as an organisation's, too. The earlier pins keep their times. Two rules are looser, which waits.",
        link,
        Vec::new(),
    );

    let leaving = vec![third.id()];
    let (epoch, wraps) = told.draw(|chain, seed, tape| DrawnEpoch::next(chain, seed, &leaving, tape).unwrap());
    let act = Act::Revoke { devices: leaving, epoch };
    let signed = chain::second(&told.chain, &second.keys, &act);
    let link = chain::act(&told.chain, &first.keys, act, Some(signed));
    told.push("The first device takes the third one out, and the second one signs too: epoch 2.", link, wraps);

    let (epoch, wraps) = told.draw(|chain, seed, tape| DrawnEpoch::next(chain, seed, &[], tape).unwrap());
    let link = chain::act(&told.chain, &second.keys, Act::Rotate { epoch }, None);
    told.push("The second device begins epoch 3. No rule asks for a second signature.", link, wraps);

    let act = joins(&told.chain, &second, &fourth, at(420), HOUR / 2);
    let signed = chain::second(&told.chain, &first.keys, &act);
    let link = chain::act(&told.chain, &second.keys, act, Some(signed));
    told.push("The second device adds the fourth, at a time at which the looser rules are in force.", link, Vec::new());

    let next = kit_two.public();
    let (epoch, wraps) =
        told.draw(|chain, seed, tape| DrawnEpoch::recovered(chain, seed, &fifth.public, Some(&next), tape).unwrap());
    let link = kit_one.recover(&told.chain, &fifth.keys, fifth.public.clone(), epoch, Some(next));
    told.push("The kit begins anew with a fifth device, and another kit takes its place: epoch 4.", link, wraps);

    // In which list, whose, and from when it takes effect.
    let pins = vec![
        ("organisation", pinned("City hospital").key, at(2).plus(HOUR)),
        ("writer", pinned("Dr. Grey").key, at(2).plus(HOUR)),
        ("organisation", pinned("Dr. Grey").key, at(240).plus(3 * HOUR)),
        ("writer", pinned("Dr. White").key, at(240).plus(3 * HOUR)),
    ];
    Story { devices: [first, second, third, fourth, fifth], steps: told.steps, kit: kit_one, epochs: told.epochs, pins }
}

impl Story {
    fn pins(&self, chain: &Chain) -> Vec<Sheet> {
        let before = |at: UnixMillis| UnixMillis(at.0 - 1);
        let said = |kind: &'static str, pin: &Pin| {
            let (_, _, from) = self.pins.iter().find(|(list, key, _)| *key == pin.key && *list == kind).unwrap();
            let there = |now| match kind {
                "organisation" => chain.organisation(&pin.key, now).is_some(),
                _ => chain.writer(&pin.key, now).is_some(),
            };
            assert_eq!((there(before(*from)), there(*from)), (false, true), "{kind} {}", pin.name);
            Sheet::default().text("kind", kind).text("name", &pin.name).bytes("key", pin.key.0).number("from", from.0)
        };
        let policy = chain.policy();
        let organisations = policy.organisations.iter().map(|pin| said("organisation", pin));
        organisations.chain(policy.writers.iter().map(|pin| said("writer", pin))).collect()
    }

    fn link_sheet(&self, seq: usize, step: &Step) -> Sheet {
        let Step { shows, link, wraps, after } = step;
        let mut ids: Vec<DeviceId> = after.members().iter().filter(|it| it.until.is_none()).map(|it| it.id).collect();
        ids.sort_unstable_by_key(|id| id.0);
        let epoch = after.epoch().unwrap();
        assert_eq!(after.head(), glimpse_wire::account::Head { seq: seq.try_into().unwrap(), hash: hash(link) });
        let wrap = |wrap: &Wrap| Sheet::default().bytes("for", wrap.device.0).bytes("wrap", &wrap.sealed);
        Sheet::default()
            .text("shows", shows)
            .bytes("link", link.link.as_slice())
            .bytes("signature", link.signature.0)
            .list("wraps", wraps.iter().map(wrap).collect())
            .number("head_seq", after.head().seq)
            .bytes("head_hash", after.head().hash.0)
            .list("devices", ids.iter().map(|id| Sheet::default().bytes("id", id.0)).collect())
            .number("epoch", epoch.number.into())
            .bytes("account_key", epoch.account_key.as_slice())
            .bytes("kit_id", after.recovery().map_or(Vec::new(), |kit| kit.id().0.to_vec()))
            .list("pins", self.pins(after))
            .list("rules", vec![rules(after.policy())])
    }
}

/// The rules in force for a link that carries no time.
fn rules(policy: &Policy) -> Sheet {
    Sheet::default()
        .number("adding_second", policy.adding.second.into())
        .number("adding_held", policy.adding.held)
        .number("revoking_second", policy.revoking.second.into())
        .number("pinning_second", policy.pinning.second.into())
        .number("pinning_held", policy.pinning.held)
        .number("recovering", policy.recovering)
}

fn hash(link: &SignedLink) -> Hash {
    preimage::link_hash(link.link.as_slice())
}

pub(crate) fn chain_sheet() -> Sheet {
    let story = story();
    let kits = ["chain kit one secret", "chain kit two secret"]
        .map(|secret| Sheet::default().bytes("secret", hand::drawn::<32>(secret)).bytes("id", kit(secret).id().0));
    let links = story.steps.iter().enumerate().map(|(seq, step)| story.link_sheet(seq, step)).collect();
    let devices = story.devices.iter().map(Device::sheet).collect();
    let account = story.steps[0].after.account();
    Sheet::about("A chain from genesis to a recovery: every kind of link, and what the account is after each.")
        .bytes("account", account.0)
        .list("devices", devices)
        .list("kits", kits.into())
        .bytes("kit_wrap_randomness", hand::drawn::<64>("chain kit one wrap"))
        .list("links", links)
        .list("epochs", story.epochs)
}
