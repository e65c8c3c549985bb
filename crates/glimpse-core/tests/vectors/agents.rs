//! A pairing in which an agent asks: the credential, how it is presented, what the Terms commit to, and a later grant.

use glimpse_core::Monotonic;
use glimpse_core::attempts::Attempts;
use glimpse_core::code::PairingCode;
use glimpse_core::organisation::{AgentKey, OrganisationKeys};
use glimpse_core::pairing::viewer::{Asking, ExpectOffer};
use glimpse_core::session::Decision;
use glimpse_core::session::device::Change;
use glimpse_wire::organisation::{Credential, Presented, Role};
use glimpse_wire::pairing::{Introduction, Message, Purpose, Terms};
use glimpse_wire::preimage;
use glimpse_wire::{AgentId, SUITE, decode, encode};

use crate::hand;
use crate::lent::{self, ISSUED};
use crate::rest;
use crate::sheet::Sheet;
use crate::tape::Tape;

const NOW: Monotonic = Monotonic(0);
const CASE: &str = "4711";
const REASON: &str = "to check the bill of March";

fn signed(name: &str, message: &[u8]) -> [u8; 64] {
    let key = ed25519_dalek::SigningKey::from_bytes(&hand::drawn(name));
    ed25519_dalek::Signer::sign(&key, message).to_bytes()
}

pub(crate) fn agent() -> Sheet {
    let account = rest::account();
    let drawn = [hand::drawn::<32>("organisation audit seed"), hand::drawn::<32>("organisation signing seed")].concat();
    let organisation = OrganisationKeys::generate(&mut Tape::new(&drawn));
    let key = AgentKey::generate(&mut Tape::new(&hand::drawn::<32>("agent signing seed")));
    let credential = Credential {
        suite: SUITE,
        organisation: organisation.public(),
        agent: AgentId(hand::drawn("agent id")),
        name: "Sam Okoro".to_owned(),
        key: key.public(),
        role: Role::Agent,
        not_before: ISSUED,
        not_after: ISSUED.plus(3_600_000),
    };
    let vouched = organisation.vouch(&credential);
    let asking = Asking { credential: Some(vouched.clone()), case: CASE.to_owned(), reason: REASON.to_owned() };

    let opened = lent::opened_for(&account, Purpose::Agent);
    let code = PairingCode::parse(&opened.code.to_groups(), Purpose::Agent).unwrap();
    let viewer = ExpectOffer::new(code, Purpose::Agent);
    let (viewer, hello) =
        viewer.receive(lent::mailbox(), &opened.offer, lent::claims(), &mut lent::viewer_tape()).unwrap();
    let counted = Attempts::default().begin(ISSUED);
    let mut tape = Tape::new(&hand::drawn::<64>("y"));
    let (device, answer) = opened.state.receive(&hello, NOW, counted, &mut tape).unwrap();
    let agreed = viewer.agree(&answer).unwrap();
    let presentation = agreed.presentation(&asking).unwrap();
    let signature = key.present(&presentation);
    let (viewer, confirm_a) = agreed.introduce(&asking, Some(signature));
    let (device, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
    let viewer = viewer.receive(&confirm_b).unwrap();

    // By hand, from the specification.
    let transcript = preimage::transcript(Purpose::Agent, lent::NAMEPLATE, &opened.offer, &hello, &answer);
    let viewer_key = ed25519_dalek::SigningKey::from_bytes(&hand::drawn("viewer signing seed")).verifying_key();
    let by_hand = preimage::presentation(
        &transcript,
        &glimpse_wire::ids::SigningKeyBytes(viewer_key.to_bytes()),
        vouched.statement.as_slice(),
        CASE,
        REASON,
    );
    assert_eq!(by_hand, presentation);
    assert_eq!(signed("agent signing seed", &presentation), signature.0);
    let presented = encode(&Presented { credential: vouched.clone(), signature });
    let named = preimage::introduction(&transcript, &presented, CASE, REASON);
    let introduction = encode(&Introduction {
        credential: glimpse_wire::ids::Bytes(presented.clone()),
        case: CASE.to_owned(),
        reason: REASON.to_owned(),
        signature: glimpse_wire::ids::SignatureBytes(signed("viewer signing seed", &named)),
    });
    assert_eq!(device.asked().unwrap().introduction.as_slice(), introduction);

    let proof = device.vouch(&organisation.public(), None, ISSUED).unwrap();
    let words = device.words();
    let approved = device.approve_agent(proof, Decision::view(Vec::new(), ISSUED, 600_000), NOW).unwrap();
    let (mut device, grant) = approved.seal(&account.device, &mut Tape::new(&hand::drawn::<64>("grant"))).unwrap();
    let mut viewer = viewer.receive(&grant.message).unwrap();
    let longer = Change { expires: Some(ISSUED.plus(900_000)), ..Change::default() };
    let at = ISSUED.plus(60_000);
    let later = device.amend(longer, at, &account.device, &mut Tape::new(&hand::drawn::<64>("later grant"))).unwrap();
    let Message::Grant(taken) = decode(&later.message, 1 << 20).unwrap() else { panic!() };
    viewer.receive_grant(&taken).unwrap();
    let terms: Terms = viewer.terms().unwrap().clone();
    assert_eq!((terms.seq, terms.asked), (2, grant.terms.asked));

    Sheet::about("A pairing for an agent, with the device, the code and the draws of pairing.json: who vouches, how it is presented, the grant of no record yet, and a later one of a longer time.")
        .bytes("organisation_signing_seed", hand::drawn::<32>("organisation signing seed"))
        .bytes("agent_signing_seed", hand::drawn::<32>("agent signing seed"))
        .bytes("viewer_kem_seed", hand::drawn::<32>("viewer KEM seed"))
        .bytes("viewer_signing_seed", hand::drawn::<32>("viewer signing seed"))
        .bytes("device_signing_key", account.device.public().signing.0)
        .text("nameplate", lent::NAMEPLATE)
        .text("secret", lent::DIGITS)
        .number("purpose", 2)
        .text("case", CASE)
        .text("reason", REASON)
        .bytes("credential", vouched.statement.as_slice())
        .bytes("credential_signature", vouched.signature.0)
        .bytes("offer", &opened.offer)
        .bytes("hello", &hello)
        .bytes("answer", &answer)
        .bytes("transcript", transcript.0)
        .bytes("presentation", &presentation)
        .bytes("presentation_signature", signature.0)
        .bytes("presented", &presented)
        .bytes("introduction", &introduction)
        .bytes("confirm_a", &confirm_a)
        .bytes("confirm_b", &confirm_b)
        .text("words", &words.to_string())
        .bytes("asked", grant.terms.asked.0)
        .bytes("grant", &grant.message)
        .bytes("later_grant", &later.message)
}
