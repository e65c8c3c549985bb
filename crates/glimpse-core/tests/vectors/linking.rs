//! A whole linking: an adder that shows a QR code, a joiner that reads it, the link, the seed, and the joiner's name.

use glimpse_core::Monotonic;
use glimpse_core::attempts::Attempts;
use glimpse_core::chain;
use glimpse_core::code::{Nameplate, PairingCode};
use glimpse_core::keys::DeviceKeys;
use glimpse_core::linking::joiner::AfterJoin;
use glimpse_core::linking::{self, CodeForm, adder, joiner, name};
use glimpse_core::pairing::device::Setup;
use glimpse_core::pairing::viewer::{Asking, Claims, ExpectOffer};
use glimpse_wire::account::{Act, SignedLink};
use glimpse_wire::chain::Chain;
use glimpse_wire::ids::{Bytes, SignatureBytes, SigningKeyBytes};
use glimpse_wire::linking::{Linking, SealedSeed};
use glimpse_wire::pairing::{Identity, Introduction, Message, Purpose};
use glimpse_wire::preimage::{self, Preimage, label};
use glimpse_wire::session::Side;
use glimpse_wire::{Hash, MailboxId, Salt, UnixMillis, decode, encode};

use crate::by_hand::{self, Schedule};
use crate::hand;
use crate::rest;
use crate::sheet::Sheet;
use crate::tape::Tape;

const NOW: Monotonic = Monotonic(0);
const AT: UnixMillis = UnixMillis(1_700_000_000_000);
const NAMEPLATE: &str = "417";
/// Each digit is drawn as a byte.
const DIGITS: &str = "141592653589793238462643383279502884197";
const NAME: &str = "Ada's watch";
const SERIAL: &str = "SN-0042";

fn parsed<T>(bytes: &[u8]) -> T
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    decode(bytes, 1 << 20).unwrap()
}

/// One message of the channel: sealed by hand as it was sent, and what it says.
fn said(from: &str, key: &[u8; 32], transcript: &Hash, counter: u8, plaintext: &Linking, sent: &[u8]) -> Sheet {
    let mut nonce = [0; 12];
    nonce[11] = counter;
    let aad = preimage::linking_aad(transcript, counter.into());
    let sealed = hand::sealed(key, nonce, &aad, &encode(plaintext));
    assert_eq!(encode(&Message::Live { counter: counter.into(), sealed: Bytes(sealed) }), sent, "{from} {counter}");
    Sheet::default()
        .text("from", from)
        .number("counter", counter.into())
        .bytes("aad", aad)
        .bytes("plaintext", encode(plaintext))
        .bytes("message", sent)
}

fn signed(seed: &str, message: &[u8]) -> SignatureBytes {
    let signing = ed25519_dalek::SigningKey::from_bytes(&hand::drawn(seed));
    SignatureBytes(ed25519_dalek::Signer::sign(&signing, message).to_bytes())
}

pub(crate) fn linking() -> Sheet {
    let account = rest::account();
    let mut chain = Chain::begin(&account.link).unwrap();
    let drawn = [hand::drawn::<32>("joiner signing seed"), hand::drawn::<32>("joiner KEM seed")].concat();
    let keys = DeviceKeys::generate(&mut Tape::new(&drawn));

    // The pairing.
    let setup = Setup {
        purpose: Purpose::Link,
        mailbox: MailboxId(hand::drawn("mailbox")),
        nameplate: Nameplate::parse(NAMEPLATE).unwrap(),
        server_nonce: Hash(hand::drawn("server nonce")),
        expires: AT.plus(120_000),
        deadline: NOW.plus(120_000),
        account: account.chain.account(),
        signing: account.device.signing().public(),
        kem: account.device.kem().public().to_wire(),
        head: account.chain.head(),
        epoch: 1,
        name: String::new(),
    };
    let digits: Vec<u8> = DIGITS.bytes().map(|digit| digit - b'0').collect();
    let (blind, device_nonce): ([u8; 32], [u8; 32]) =
        (hand::drawn("linking blind"), hand::drawn("linking device nonce"));
    let mut tape = Tape::new(&[digits.as_slice(), &blind, &device_nonce].concat());
    let opened = linking::open(setup, CodeForm::Qr, &mut tape).unwrap();
    let qr = opened.code.to_qr_text().unwrap();
    assert_eq!(*qr, crate::reject::QR);
    let code = PairingCode::parse(&qr, Purpose::Link).unwrap();
    let (words_nonce, viewer_nonce): ([u8; 32], [u8; 32]) = (hand::drawn("linking n_V"), hand::drawn("linking nonce"));
    let (kem_seed, signing_seed): ([u8; 32], [u8; 32]) =
        (hand::drawn("linking KEM seed"), hand::drawn("linking signing seed"));
    let x: [u8; 64] = hand::drawn("linking x");
    let mut tape = Tape::new(&[kem_seed.as_slice(), &signing_seed, &words_nonce, &viewer_nonce, &x].concat());
    let claims = Claims { program: "glimpse on Linux".to_owned(), ..Claims::default() };
    let typed = ExpectOffer::new(code, Purpose::Link);
    let (typed, hello) = typed.receive(MailboxId(hand::drawn("mailbox")), &opened.offer, claims, &mut tape).unwrap();
    let y: [u8; 64] = hand::drawn("linking y");
    let counted = Attempts::default().begin(AT);
    let (shown, answer) = opened.state.receive(&hello, NOW, counted, &mut Tape::new(&y)).unwrap();
    let (typed, confirm_a) = typed.receive(&answer, &Asking::default()).unwrap();
    let (shown, confirm_b) = shown.receive(&confirm_a, NOW).unwrap();
    let typed = typed.receive_for_linking(&confirm_b, NOW).unwrap();
    let words = typed.words();

    // The linking.
    let server = SigningKeyBytes(hand::drawn("linking server key"));
    let (joiner, ask) = joiner::begin(typed, &keys, NAME.to_owned(), SERIAL.to_owned()).unwrap();
    let asked = adder::begin(shown.for_linking().unwrap(), server).unwrap().receive(&ask, NOW).unwrap();
    let place = chain.next_place();
    let approved = asked.approve(words, NOW).unwrap();
    let (adder, invite) = approved.invite(&chain, &account.device, &account.seed, AT, 0, NOW).unwrap();
    let invited = joiner.receive(&invite, NOW).unwrap();
    let (joiner, join) = invited.join(&chain, &keys).unwrap();
    let joined = adder.receive(&join, NOW).unwrap();
    let act = joined.act().clone();
    let link: SignedLink = chain::act(&chain, &account.device, act.clone(), None);
    chain.push(&link).unwrap();
    let hash = chain.head().hash;
    let seal: [u8; 64] = hand::drawn("linking seal");
    let (adder, seed) = joined.accepted(hash, &chain, &account.seed, &mut Tape::new(&seal)).unwrap();
    let AfterJoin::Seeded(seeded) = joiner.receive(&seed, NOW).unwrap() else { panic!() };
    let adopted = seeded.adopt(&chain, &keys).unwrap();
    let done = adopted.stored.done();
    assert_eq!(adder.receive(&done, NOW).unwrap().name, NAME);

    // The same by hand.
    let Message::Hello { core, pake: message_a } = parsed(&hello) else { panic!() };
    let Message::Answer { pake: message_b } = parsed(&answer) else { panic!() };
    let Message::ConfirmA { sealed: sealed_a, .. } = parsed(&confirm_a) else { panic!() };
    let Message::ConfirmB { sealed: sealed_b, .. } = parsed(&confirm_b) else { panic!() };
    let salt = preimage::stretch_salt(&opened.offer);
    let input = Preimage::unlabelled().part(NAMEPLATE.as_bytes()).part(DIGITS.as_bytes()).into_bytes();
    let password = hand::stretched(&input, &salt.0);
    let id = |side| preimage::side_id(side, Purpose::Link, NAMEPLATE, &opened.offer, core.as_slice());
    let (element_a, element_b) = (message_a.as_slice(), message_b.as_slice());
    let (x_element, y_element) = by_hand::unmasked(&password, element_a, element_b);
    assert_eq!(y_element * by_hand::scalar(&x), x_element * by_hand::scalar(&y));
    let shared = y_element * by_hand::scalar(&x);
    let output = by_hand::output(&password, &id(Side::Viewer), &id(Side::Device), element_a, element_b, &shared);
    let transcript = preimage::transcript(Purpose::Link, NAMEPLATE, &opened.offer, &hello, &answer);
    let prk = hand::extracted(&transcript.0, &output);
    let expanded = |label: &str| -> [u8; 32] { hand::expanded(&prk, &Preimage::new(label).into_bytes()) };
    let introduction = encode(&Introduction {
        credential: Bytes(Vec::new()),
        case: String::new(),
        reason: String::new(),
        signature: signed("linking signing seed", &preimage::introduction(&transcript, b"", "", "")),
    });
    assert_eq!(hand::sealed(&expanded(label::SEAL_A), [0; 12], &transcript.0, &introduction), sealed_a.as_slice());
    let identity = encode(&Identity {
        account: account.chain.account(),
        signing: account.device.signing().public(),
        kem: account.device.kem().public().to_wire(),
        head: account.chain.head(),
        epoch: 1,
        name: String::new(),
        blind: Hash(blind),
    });
    assert_eq!(hand::sealed(&expanded(label::SEAL_B), [0; 12], &transcript.0, &identity), sealed_b.as_slice());
    let bits: [u8; 3] = hand::expanded(&prk, &Preimage::new(label::WORDS).part(&words_nonce).into_bytes());
    assert_eq!(crate::small::two_words(bits), words.to_string());

    let (adder_key, joiner_key) = (expanded(label::LINKING_ADDER), expanded(label::LINKING_JOINER));
    let public = keys.public();
    let serial_key: [u8; 32] = hand::derived(None, &hand::drawn::<32>("account seed"), label::SERIAL_KEY);
    let serial = Bytes(hand::mac(&serial_key, &preimage::serial(SERIAL)).to_vec());
    let (account_id, adder_id) = (account.chain.account(), account.device.id());
    let invitation = preimage::invitation(
        &transcript,
        &keys.id(),
        &account_id,
        &place,
        &adder_id,
        serial.as_slice(),
        AT,
        0,
        &server,
    );
    let Act::Add { device, .. } = &act else { panic!() };
    let reverse = preimage::reverse_signature(&account_id, &place, device, &adder_id, &transcript);
    let says = [
        Linking::Ask { signing: public.signing, kem: public.kem, name: NAME.to_owned(), serial: SERIAL.to_owned() },
        Linking::Invite {
            account: account_id,
            place,
            adder: adder_id,
            serial: serial.clone(),
            at: AT,
            held: 0,
            server,
            signature: signed("device signing seed", &invitation),
        },
        Linking::Join { reverse: signed("joiner signing seed", &reverse) },
    ];
    let sealed_seed = SealedSeed { epoch: 1, seed: Bytes(hand::drawn::<32>("account seed").to_vec()) };
    let psk = expanded(label::PSK);
    let session = preimage::session_id(&transcript);
    // The encapsulation is core's own; what is sealed under it is computed.
    let enc = seed_enc(&seed, &adder_key, &transcript);
    let shared_secret = hand::decapsulated(hand::drawn("joiner KEM seed"), &enc);
    let schedule = Schedule::new(&shared_secret, &transcript.0, Some((&psk, &session.0)));
    let ciphertext = hand::sealed(&schedule.key, schedule.base_nonce, &hash.0, &encode(&sealed_seed));
    let [says_ask, says_invite, says_join] = &says;
    let says_seed = Linking::Seed { link: hash, enc: Bytes(enc.clone()), ciphertext: Bytes(ciphertext.clone()) };
    let messages = vec![
        said("joiner", &joiner_key, &transcript, 0, says_ask, &ask),
        said("adder", &adder_key, &transcript, 0, says_invite, &invite),
        said("joiner", &joiner_key, &transcript, 1, says_join, &join),
        said("adder", &adder_key, &transcript, 1, &says_seed, &seed),
        said("joiner", &joiner_key, &transcript, 2, &Linking::Done, &done),
    ];

    let name_salt: [u8; 32] = hand::drawn("name salt");
    let name_aad = preimage::name_aad(&account_id, &keys.id(), 1);
    let name_key: [u8; 32] = hand::derived(Some(&name_salt), &hand::drawn::<32>("account seed"), label::NAME_KEY);
    let sealed_name = name::seal(NAME, &account_id, &keys.id(), 1, &account.seed, &mut Tape::new(&name_salt)).unwrap();
    let by_hand = [Salt(name_salt).0.to_vec(), hand::chunks(&name_key, &name_aad.0, NAME.as_bytes()).concat()].concat();
    assert_eq!(by_hand, sealed_name);

    Sheet::about("A linking: the device of account.json shows a QR code, another one reads it and joins. Scalars as in pairing.json.")
        .text("nameplate", NAMEPLATE)
        .text("secret", DIGITS)
        .text("qr", &qr)
        .number("purpose", 3)
        .bytes("joiner_signing_seed", hand::drawn::<32>("joiner signing seed"))
        .bytes("joiner_kem_seed", hand::drawn::<32>("joiner KEM seed"))
        .bytes("identity_blind", blind)
        .bytes("device_nonce", device_nonce)
        .bytes("device_scalar", y)
        .bytes("viewer_kem_seed", kem_seed)
        .bytes("viewer_signing_seed", signing_seed)
        .bytes("viewer_nonce", viewer_nonce)
        .bytes("words_nonce", words_nonce)
        .bytes("viewer_scalar", x)
        .bytes("seed_randomness", seal)
        .bytes("name_salt", name_salt)
        .bytes("identity", &identity)
        .bytes("offer", &opened.offer)
        .bytes("password", password)
        .bytes("hello_core", core.as_slice())
        .bytes("hello", &hello)
        .bytes("answer", &answer)
        .bytes("pake_output", output)
        .bytes("transcript", transcript.0)
        .bytes("prk", prk)
        .bytes("introduction", &introduction)
        .bytes("confirm_a", &confirm_a)
        .bytes("confirm_b", &confirm_b)
        .text("words", &words.to_string())
        .bytes("session", session.0)
        .bytes("psk", psk)
        .bytes("linking_key_adder", adder_key)
        .bytes("linking_key_joiner", joiner_key)
        .bytes("joiner_id", keys.id().0)
        .text("serial", SERIAL)
        .bytes("serial_key", serial_key)
        .bytes("serial_hash", serial.as_slice())
        .bytes("server_signing_key", server.0)
        .bytes("invitation", &invitation)
        .bytes("reverse", &reverse)
        .bytes("link", link.link.as_slice())
        .bytes("link_signature", link.signature.0)
        .bytes("link_hash", hash.0)
        .bytes("sealed_seed", encode(&sealed_seed))
        .bytes("seed_enc", &enc)
        .bytes("seed_shared_secret", shared_secret)
        .bytes("seed_key", schedule.key)
        .bytes("seed_nonce", schedule.base_nonce)
        .bytes("seed_ciphertext", &ciphertext)
        .list("messages", messages)
        .text("name", NAME)
        .bytes("name_key", name_key)
        .bytes("name_aad", name_aad.0)
        .bytes("name_sealed", &sealed_name)
}

/// The encapsulated key in Seed, opened by hand.
fn seed_enc(message: &[u8], key: &[u8; 32], transcript: &Hash) -> Vec<u8> {
    let Message::Live { counter, sealed } = parsed(message) else { panic!() };
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    let opened = hand::opened(key, nonce, &preimage::linking_aad(transcript, counter), sealed.as_slice());
    let Linking::Seed { enc, .. } = parsed(&opened) else { panic!() };
    enc.0
}
