//! What somebody can learn who guesses codes: by himself, at one end, or for the check words; at both ends is the
//! viewer's `tests/guessing.rs`. Codes here are short and stretched by one hash, so that whole code spaces can be searched.

use curve25519_dalek::EdwardsPoint;
use glimpse_wire::pairing::Message;
use glimpse_wire::session::Side;
use glimpse_wire::{decode, encode, preimage};
use rand_core::Rng;
use sha2::{Digest, Sha256};

use super::target::Target;
use super::*;
use crate::aead::{self, NONCE};
use crate::derive::PairingKeys;
use crate::pake;
use crate::secret::Secret;
use crate::testing::by_hand;

const ID_A: Hash = Hash([0xA; 32]);
const ID_B: Hash = Hash([0xB; 32]);

/// The stretching, without its cost.
fn password(code: &str) -> Secret<32> {
    Secret::fill_with(|own| own.copy_from_slice(&Sha256::digest(code)))
}

fn start(side: Side, code: &str, rng: &mut impl rand_core::CryptoRng) -> (pake::ExpectElement, [u8; pake::MESSAGE]) {
    pake::ExpectElement::start(side, &password(code), &ID_A, &ID_B, rng)
}

fn transcript(message_a: &[u8], message_b: &[u8]) -> Hash {
    preimage::transcript(Purpose::View, "417", b"offer", message_a, message_b)
}

/// All that the server sees of a pairing, up to a sealed introduction.
struct Recorded {
    message_a: [u8; pake::MESSAGE],
    message_b: [u8; pake::MESSAGE],
    nonce: Hash,
    confirm_a: Secret<32>,
    confirm_b: Secret<32>,
    sealed: Vec<u8>,
}

impl Recorded {
    /// Whether this is the PAKE's output: a test that whoever knows it has.
    fn fits(&self, output: [u8; 32]) -> bool {
        let transcript = transcript(&self.message_a, &self.message_b);
        let keys = PairingKeys::new(&transcript, &Secret::fill_with(|own| *own = output));
        let message = preimage::confirm_a(&transcript, &self.nonce, &self.sealed);
        keys.confirm_a(&message).matches(self.confirm_a.expose_secret())
            || keys.confirm_b(&message).matches(self.confirm_b.expose_secret())
            || aead::open(&keys.seal_a(), [0; NONCE], &transcript.0, &mut self.sealed.clone()).is_ok()
    }

    /// The codes of four digits that one of the `crackers` makes fit: given the elements without the masks of a guess, a
    /// cracker says what point both ends may have shared.
    fn crack(&self, crackers: &[Cracker<'_>]) -> Vec<String> {
        four_digits()
            .filter(|code| {
                let password = password(code);
                let password = password.expose_secret();
                let (x, y) = by_hand::unmasked(password, &self.message_a, &self.message_b);
                crackers.iter().any(|shared| {
                    let point = shared(x, y);
                    self.fits(by_hand::output(password, &ID_A, &ID_B, &self.message_a, &self.message_b, &point))
                })
            })
            .collect()
    }
}

type Cracker<'c> = &'c dyn Fn(EdwardsPoint, EdwardsPoint) -> EdwardsPoint;

/// Milliseconds that something takes.
#[expect(clippy::disallowed_methods, reason = "how long an attack takes is what is measured")]
fn millis(attack: impl FnOnce()) -> u128 {
    let begin = std::time::Instant::now();
    attack();
    begin.elapsed().as_millis()
}

fn four_digits() -> impl Iterator<Item = String> {
    (0..10_000).map(|code| format!("{code:04}"))
}

#[test]
fn t001_a_recorded_session_gives_no_test_for_a_guess() {
    let code = "2039";
    let rng_a = &mut rng(1);
    let (viewer, message_a) = start(Side::Viewer, code, rng_a);
    let (device, message_b) = start(Side::Device, code, &mut rng(2));
    let output = viewer.finish(&message_b).unwrap();
    assert!(device.finish(&message_a).unwrap().matches(output.expose_secret()));
    let transcript = transcript(&message_a, &message_b);
    let keys = PairingKeys::new(&transcript, &output);
    let mut sealed = b"introduction".to_vec();
    aead::seal(&keys.seal_a(), [0; NONCE], &transcript.0, &mut sealed);
    let nonce = Hash([7; 32]);
    let message = preimage::confirm_a(&transcript, &nonce, &sealed);
    let (confirm_a, confirm_b) = (keys.confirm_a(&message), keys.confirm_b(&message));
    let recorded = Recorded { message_a, message_b, nonce, confirm_a, confirm_b, sealed };

    // What a cracker without a scalar can put in the place of the shared point: nothing tells one code from another.
    let base = curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
    let blind: [Cracker<'_>; 4] = [&|x, _| x, &|_, y| y, &|x, y| x + y, &|_, _| base];
    assert_eq!(recorded.crack(&blind), Vec::<String>::new());

    // Control: the same cracker, told the viewer's scalar, finds the code and no other.
    let mut drawn = [0; 64];
    rng(1).fill_bytes(&mut drawn);
    let x = by_hand::scalar(&drawn);
    assert_eq!(recorded.crack(&[&|_, y| y * x]), [code]);

    // Control: what is sealed under a key from the code alone is cracked, in less than a second for all codes.
    let naive = |code: &str| PairingKeys::new(&transcript, &password(code)).seal_a();
    let mut grant = b"grant".to_vec();
    aead::seal(&naive(code), [0; NONCE], &transcript.0, &mut grant);
    let opens = |code: &String| aead::open(&naive(code), [0; NONCE], &transcript.0, &mut grant.clone()).is_ok();
    let crack = || assert_eq!(four_digits().filter(opens).collect::<Vec<_>>(), [code]);
    // The best of three, because the machine may be busy with something else.
    let best = (0..3).map(|_| millis(crack)).min().unwrap();
    assert!(best < 1_000, "{best} ms");
}

/// Bits of the check words that are compared here; all 22 would take the attacker without hindrance four million runs.
fn first_bits(keys: &PairingKeys, nonce: &Hash) -> u8 {
    let [first, ..] = *keys.words(nonce).expose_secret();
    first >> 2
}

#[test]
fn t104_check_words_cannot_be_ground_for_before_the_nonce_is_revealed() {
    // Somebody who overheard the code sits in between: he has finished with the device and knows its words. To the viewer
    // he plays the device, and looks for an element that gives the viewer the same words.
    let code = "203918";
    let rng = &mut rng(104);
    let (rounds, tries) = (48, 1_024);
    let mut matches = [0u32; 2];
    for _ in 0..rounds {
        let words_of_the_device = Secret::<1>::generate(rng).expose_secret()[0] >> 2;
        let n_v = Hash(*Secret::generate(rng).expose_secret());
        let guessed = Hash(*Secret::generate(rng).expose_secret());
        for (known, count) in [(guessed, 0), (n_v, 1)] {
            let (viewer, of_viewer) = start(Side::Viewer, code, rng);
            let ground = (0..tries).find_map(|_| {
                let (attacker, of_attacker) = start(Side::Device, code, rng);
                let keys =
                    PairingKeys::new(&transcript(&of_viewer, &of_attacker), &attacker.finish(&of_viewer).unwrap());
                (first_bits(&keys, &known) == words_of_the_device).then_some(of_attacker)
            });
            let of_attacker = ground.unwrap();
            let keys = PairingKeys::new(&transcript(&of_viewer, &of_attacker), &viewer.finish(&of_attacker).unwrap());
            matches[count] += u32::from(first_bits(&keys, &n_v) == words_of_the_device);
        }
    }
    let [with_commitment, without] = matches;
    assert_eq!(without, rounds, "control: with n_V in Hello he finds a match every time, after some 64 runs");
    assert!(with_commitment <= 6, "chance is one in 64: {with_commitment} of {rounds}");
}

#[test]
fn t002_a_wrong_confirmation_leaves_nothing_to_try_a_second_one_on() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    // A run with a viewer that has the right code; somebody in between sends another cA first.
    let run = || {
        let (opened, viewer) = ends(&account, 3);
        let mut device = Target::Waiting(opened.state);
        let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(4)).unwrap();
        let answer = device.send(&hello, &mut rng(5)).unwrap().unwrap();
        let (_, right) = viewer.receive(&answer, &Asking::default()).unwrap();
        (opened.offer, hello, device, right)
    };
    let (offer, hello, mut device, right) = run();
    let wrong = altered(&right);
    assert_eq!(device.send(&wrong, &mut rng(5)), Some(Err(ErrorCode::CodeWrong)));
    assert!(matches!(device, Target::Over), "burnt");
    assert_eq!(device.send(&right, &mut rng(5)), None, "the right one finds nobody");
    assert_eq!(device.send(&hello, &mut rng(5)), None, "nor does a run from the start");
    let (_, again) = ends(&account, 3);
    let (_, hello) = again.receive(MAILBOX, &offer, claims(), &mut rng(8)).unwrap();
    assert_eq!(device.send(&hello, &mut rng(5)), None, "nor one by another viewer with the right code");
    // Types keep anyone from having two.
    crate::testing::assert_not_impl!(ExpectHello: Clone, minicbor::Encode<()>);
    crate::testing::assert_not_impl!(ExpectConfirmA: Clone, minicbor::Encode<()>);
    // Control: a device that came by the same state again (a copy, a snapshot of its memory) takes the right cA after
    // the wrong one.
    let (_, _, mut device, _) = run();
    assert_eq!(device.send(&wrong, &mut rng(5)), Some(Err(ErrorCode::CodeWrong)));
    let (_, _, mut restored, _) = run();
    assert!(matches!(restored.send(&right, &mut rng(5)), Some(Ok(_))));
}

/// ConfirmA with another tag.
fn altered(confirm_a: &[u8]) -> Vec<u8> {
    let Ok(Message::ConfirmA { mut confirm, words, sealed }) = decode(confirm_a, 1 << 20) else { panic!() };
    confirm.0[0] ^= 1;
    encode(&Message::ConfirmA { confirm, words, sealed })
}
