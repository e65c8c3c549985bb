//! What somebody can learn who guesses codes: by himself, at one end, at both, or for the check words. Codes here have
//! two or four digits and are stretched by one hash, so that whole code spaces can be searched.

use glimpse_wire::preimage;
use glimpse_wire::session::Side;
use rand_core::Rng;
use sha2::{Digest, Sha256};

use super::*;
use crate::aead::{self, NONCE};
use crate::derive::PairingKeys;
use crate::pake;
use crate::secret::Secret;
use crate::testing::{by_hand, volume};

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

    /// The codes that `shared` makes fit: given the elements without the masks of a guess, it says what point both ends
    /// may have shared.
    fn crack(
        &self,
        shared: impl Fn(curve25519_dalek::EdwardsPoint, curve25519_dalek::EdwardsPoint) -> curve25519_dalek::EdwardsPoint,
        codes: impl Iterator<Item = String>,
    ) -> Vec<String> {
        codes
            .filter(|code| {
                let password = password(code);
                let (x, y) = by_hand::unmasked(password.expose_secret(), &self.message_a, &self.message_b);
                let point = shared(x, y);
                let password = password.expose_secret();
                self.fits(by_hand::output(password, &ID_A, &ID_B, &self.message_a, &self.message_b, &point))
            })
            .collect()
    }
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

    // All codes in the soak run, a part with the right one in it otherwise.
    let many = volume(100, 10_000);
    let some = || four_digits().skip(if many == 100 { 2_000 } else { 0 }).take(many.try_into().unwrap());
    // What a cracker without a scalar can put in the place of the shared point: nothing tells one code from another.
    let base = curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
    assert_eq!(recorded.crack(|x, _| x, four_digits()), Vec::<String>::new());
    assert_eq!(recorded.crack(|_, y| y, some()), Vec::<String>::new());
    assert_eq!(recorded.crack(|x, y| x + y, some()), Vec::<String>::new());
    assert_eq!(recorded.crack(|_, _| base, some()), Vec::<String>::new());

    // Control: the same cracker, told the viewer's scalar, finds the code and no other.
    let mut drawn = [0; 64];
    rng(1).fill_bytes(&mut drawn);
    let x = by_hand::scalar(&drawn);
    assert_eq!(recorded.crack(|_, y| y * x, some()), [code]);

    // Control: what is sealed under a key from the code alone is cracked, in less than a second for all codes.
    let naive = |code: &str| PairingKeys::new(&transcript, &password(code)).seal_a();
    let mut grant = b"grant".to_vec();
    aead::seal(&naive(code), [0; NONCE], &transcript.0, &mut grant);
    let opens = |code: &String| aead::open(&naive(code), [0; NONCE], &transcript.0, &mut grant.clone()).is_ok();
    assert_eq!(four_digits().filter(opens).collect::<Vec<_>>(), [code]);
}

/// One run of an attacker against one end that holds `code`: he guesses, and is told whether the confirmation fits.
fn guess(end: Side, code: &str, guess: &str, rng: &mut impl rand_core::CryptoRng) -> bool {
    let (honest, from_honest) = start(end, code, rng);
    let (attacker, from_attacker) = start(end.other(), guess, rng);
    let honest = honest.finish(&from_attacker).unwrap();
    attacker.finish(&from_honest).unwrap().matches(honest.expose_secret())
}

#[test]
fn t004_a_server_has_two_guesses_at_a_code_and_no_more() {
    // Two digits, and the bound of three standard deviations.
    let trials = volume(500, 20_000);
    let rng = &mut rng(4);
    let mut draw = move || u32::from_le_bytes(*Secret::<4>::generate(rng).expose_secret()) % 100;
    let guesses = &mut crate::testing::rng(5);
    let mut successes = |guesses_at_device: u32| {
        (0..trials)
            .filter(|_| {
                let code = draw();
                let first = draw();
                let nth = |n: u32| format!("{:02}", (first + n) % 100);
                let code = format!("{code:02}");
                // One run at the viewer, which has typed the code; so many at the device as it allows.
                let at_viewer = guess(Side::Viewer, &code, &nth(0), guesses);
                (1..=guesses_at_device).any(|n| guess(Side::Device, &code, &nth(n), guesses)) || at_viewer
            })
            .count()
    };
    let bound = |chance: f64| {
        let trials = f64::from(trials);
        trials * chance + 3.0 * (trials * chance * (1.0 - chance)).sqrt()
    };
    let found = u32::try_from(successes(1)).unwrap();
    assert!(f64::from(found) <= bound(0.02), "{found} of {trials}");
    assert!(found > 0, "control: who guesses right gets in");
    // Control: a device that did not burn the code would be found out.
    let found = u32::try_from(successes(6)).unwrap();
    assert!(f64::from(found) > bound(0.02), "{found} of {trials}");
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
    let wrong =
        || PairingCode::new(Nameplate::parse("417").unwrap(), CodeSecret::generate(Purpose::View, &mut rng(99)));
    // A device as it is run: it has a state or it has none.
    let (opened, _) = ends(&account, 3);
    let guesser = ExpectOffer::new(wrong(), Purpose::View);
    let (guesser, hello) = guesser.receive(MAILBOX, &opened.offer, claims(), &mut rng(4)).unwrap();
    let (state, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(5)).unwrap();
    let mut device = Some(state);
    let (_, confirm) = guesser.receive(&answer, &Asking::default()).unwrap();
    assert_eq!(device.take().map(|state| state.receive(&confirm, NOW).err()), Some(Some(ErrorCode::CodeWrong)));
    assert!(device.take().is_none(), "burnt: the state is gone, and types keep anyone from having two");
    crate::testing::assert_not_impl!(ExpectHello: Clone, minicbor::Encode<()>);
    crate::testing::assert_not_impl!(ExpectConfirmA: Clone, minicbor::Encode<()>);
    // Control: a device that came by the same state again (a copy, a snapshot of its memory) takes the right code after
    // the wrong one.
    let (opened, right) = ends(&account, 3);
    let (right, hello) = right.receive(MAILBOX, &opened.offer, claims(), &mut rng(6)).unwrap();
    let (state, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(5)).unwrap();
    let (_, confirm) = right.receive(&answer, &Asking::default()).unwrap();
    assert!(state.receive(&confirm, NOW).is_ok());
}
