//! One fault a file: bytes that must be refused, by whom, and with which error.

use glimpse_core::Monotonic;
use glimpse_core::attempts::Attempts;
use glimpse_core::code::PairingCode;
use glimpse_core::pairing::viewer::Asking;
use glimpse_core::receipts::audit;
use glimpse_core::record::{Author, OpenedVersion, Origin};
use glimpse_core::secret::ServerShare;
use glimpse_wire::account::SignedLink;
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::ids::Bytes;
use glimpse_wire::pairing::{HelloCore, Message, Offer, Purpose, Terms};
use glimpse_wire::record::Envelope;
use glimpse_wire::session::Event;
use glimpse_wire::{ErrorCode, Hash, MailboxId, UnixMillis, decode, encode};

use crate::sheet::Sheet;
use crate::{hand, lent, rest};

/// The QR code of linking.json.
pub(crate) const QR: &str = "GLIMPSE:LINK:4171415926535897932384626433832795028841973";

/// A file: its name, what it shows, what is offered to whom, and what must come of it.
pub(crate) struct Reject {
    pub(crate) name: &'static str,
    comment: &'static str,
    /// What kind of bytes these are, and with that who refuses them.
    offered_as: &'static str,
    bytes: Vec<u8>,
    error: &'static str,
}

impl Reject {
    pub(crate) fn sheet(&self) -> Sheet {
        Sheet::about(self.comment)
            .text("offered_as", self.offered_as)
            .bytes("bytes", &self.bytes)
            .text("error", self.error)
    }
}

fn edited<T>(bytes: &[u8], edit: impl FnOnce(&mut T)) -> Vec<u8>
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    let mut value: T = decode(bytes, 1 << 20).unwrap();
    edit(&mut value);
    encode(&value)
}

fn answer_with(point: &str) -> Vec<u8> {
    let mut element = vec![b'B'];
    element.extend(hex::decode(point).unwrap());
    encode(&Message::Answer { pake: Bytes(element) })
}

pub(crate) fn all() -> Vec<Reject> {
    let mut story = lent::story();
    let (events, _) = lent::events(&mut story);
    let trail = |edit: fn(&mut Vec<Event>)| {
        let mut events = events.clone();
        edit(&mut events);
        encode(&lent::linked(&story, &events).into_iter().map(Bytes).collect::<Vec<_>>())
    };
    let (envelope, chunks) = rest::sealed(&story.account, Author::Device(&story.account.device), "", b"Dear reader");
    let envelope = envelope.to_bytes();
    let link = encode(&story.account.link);
    let reject = |name, comment, offered_as, bytes, error| Reject { name, comment, offered_as, bytes, error };
    let offer = |edit: fn(&mut Offer)| edited(&story.offer, edit);
    let hello = |edit: fn(&mut HelloCore)| {
        edited(&story.hello, |message: &mut Message| {
            if let Message::Hello { core, .. } = message {
                core.0 = edited(core.as_slice(), edit);
            }
        })
    };
    let version = |edit: fn(&mut Envelope)| edited(&envelope, edit);
    let grant = |edit: fn(&mut glimpse_wire::pairing::Grant)| {
        edited(&story.grant.message, |message: &mut Message| {
            if let Message::Grant(grant) = message {
                edit(grant);
            }
        })
    };
    let confirm = |bytes: &[u8], edit: fn(&mut Message)| edited(bytes, edit);
    let links = crate::faults::all().into_iter();
    let links = links.map(|(name, comment, place, bytes, error)| reject(name, comment, place, bytes, error));
    let mut chunk = chunks.concat();
    chunk[20] ^= 1;
    let long_form = [&[0x98, 0x07], &story.offer[1..]].concat();
    let indefinite = [&[0x9F], &story.offer[1..], &[0xFF]].concat();
    let surplus = [&[0x88], &story.offer[1..], &[0x00]].concat();
    let mut all = vec![
        reject("offer-long-array-head", "An array head in a longer form than needed.", "offer", long_form, "malformed"),
        reject("offer-indefinite-array", "An array of indefinite length.", "offer", indefinite, "malformed"),
        reject("offer-surplus-element", "One element more than the type has.", "offer", surplus, "malformed"),
        reject(
            "offer-trailing-byte",
            "One byte behind the message.",
            "offer",
            [&story.offer[..], &[0]].concat(),
            "malformed",
        ),
        reject("offer-cut", "One byte less.", "offer", story.offer[..story.offer.len() - 1].to_vec(), "malformed"),
        reject("offer-empty", "Nothing.", "offer", Vec::new(), "malformed"),
        reject("offer-other-suite", "Suite 2.", "offer", offer(|offer| offer.suite = 2), "unsupported-suite"),
        reject(
            "offer-other-purpose",
            "A purpose that the viewer's screen did not ask for.",
            "offer",
            offer(|offer| offer.purpose = Purpose::Link),
            "malformed",
        ),
        reject(
            "offer-other-mailbox",
            "A mailbox that the claim did not lead to.",
            "offer",
            offer(|offer| offer.mailbox = MailboxId([0; 16])),
            "malformed",
        ),
        reject(
            "hello-other-offer",
            "Hello for another Offer.",
            "hello",
            hello(|core| core.offer = Hash([0; 32])),
            "malformed",
        ),
        reject(
            "hello-low-order-kem-key",
            "An X-Wing key whose X25519 part is zero.",
            "hello",
            hello(|core| core.kem.0[1184..].fill(0)),
            "malformed",
        ),
        reject(
            "hello-kem-key-over-the-modulus",
            "An X-Wing key whose ML-KEM part has a coefficient of 4095.",
            "hello",
            hello(|core| core.kem.0[..3].fill(0xFF)),
            "malformed",
        ),
        reject(
            "hello-long-claim",
            "An origin of 201 bytes.",
            "hello",
            hello(|core| core.origin = "x".repeat(201)),
            "malformed",
        ),
        reject(
            "answer-identity-point",
            "The identity as an element.",
            "answer",
            answer_with("0100000000000000000000000000000000000000000000000000000000000000"),
            "malformed",
        ),
        reject(
            "answer-order-eight-point",
            "A point of order eight as an element.",
            "answer",
            answer_with("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
            "malformed",
        ),
        reject(
            "answer-mixed-order-point",
            "A point outside the prime-order group as an element.",
            "answer",
            answer_with("cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d"),
            "malformed",
        ),
        reject(
            "answer-non-canonical-point",
            "The identity, written with y + p.",
            "answer",
            answer_with("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            "malformed",
        ),
        reject(
            "answer-no-point",
            "No point at all.",
            "answer",
            answer_with("0200000000000000000000000000000000000000000000000000000000000000"),
            "malformed",
        ),
        reject(
            "answer-side-a",
            "An element with the viewer's own side byte.",
            "answer",
            confirm(&story.answer, |message| {
                if let Message::Answer { pake } = message {
                    pake.0[0] = b'A';
                }
            }),
            "malformed",
        ),
        reject("answer-reflected", "The viewer's own element.", "answer", reflected(&story.hello), "malformed"),
        reject(
            "answer-abort",
            "The device burnt the code.",
            "answer",
            encode(&Message::Abort { code: ErrorCode::CodeUsed }),
            "code-used",
        ),
        reject(
            "confirm-a-wrong-tag",
            "A wrong cA.",
            "confirm-a",
            confirm(&story.confirm_a, |message| {
                if let Message::ConfirmA { confirm, .. } = message {
                    confirm.0[0] ^= 1;
                }
            }),
            "code-wrong",
        ),
        reject(
            "confirm-a-other-nonce",
            "A nonce that Hello did not commit to.",
            "confirm-a",
            confirm(&story.confirm_a, |message| {
                if let Message::ConfirmA { words, .. } = message {
                    words.0[0] ^= 1;
                }
            }),
            "code-wrong",
        ),
        reject(
            "confirm-b-echo",
            "cA in the place of cB, above the device's own identity.",
            "confirm-b",
            echo(&story.confirm_a, &story.confirm_b),
            "code-wrong",
        ),
        reject(
            "confirm-b-other-identity",
            "An altered identity.",
            "confirm-b",
            confirm(&story.confirm_b, |message| {
                if let Message::ConfirmB { sealed, .. } = message {
                    sealed.0[3] ^= 1;
                }
            }),
            "code-wrong",
        ),
        reject(
            "grant-longer",
            "Terms that expire a minute later than what was signed.",
            "grant",
            grant(|grant| {
                grant.terms.0 =
                    edited(grant.terms.as_slice(), |terms: &mut Terms| terms.expires = terms.expires.plus(60_000));
            }),
            "record-tampered",
        ),
        reject(
            "grant-other-signature",
            "A signature that does not verify.",
            "grant",
            grant(|grant| grant.signature.0[0] ^= 1),
            "record-tampered",
        ),
        reject(
            "grant-other-ciphertext",
            "An altered ciphertext.",
            "grant",
            grant(|grant| grant.sealed.0[0] ^= 1),
            "record-tampered",
        ),
        reject(
            "envelope-other-suite",
            "Suite 2.",
            "envelope",
            version(|envelope| envelope.header.suite = 2),
            "malformed",
        ),
        reject(
            "envelope-size-not-padded",
            "A size that no padding gives.",
            "envelope",
            version(|envelope| envelope.header.size = 513),
            "malformed",
        ),
        reject(
            "envelope-other-record",
            "The share was wrapped under another header.",
            "envelope",
            version(|envelope| envelope.header.record.0[0] ^= 1),
            "does not open",
        ),
        reject(
            "envelope-other-commitment",
            "A commitment that the meta key does not fit.",
            "envelope",
            version(|envelope| envelope.commit_meta.0[0] ^= 1),
            "does not open",
        ),
        reject(
            "envelope-other-meta",
            "An altered sealed meta.",
            "envelope",
            version(|envelope| envelope.sealed_meta.0[0] ^= 1),
            "does not open",
        ),
        reject(
            "envelope-other-time",
            "Another time of making: the share does not open under it.",
            "envelope",
            version(|envelope| envelope.header.created = UnixMillis(0)),
            "does not open",
        ),
        reject(
            "envelope-other-root",
            "Another Merkle root: it opens, and nobody signed it.",
            "envelope",
            version(|envelope| envelope.content_root.0[0] ^= 1),
            "unsigned",
        ),
        reject(
            "envelope-other-head",
            "Another chain head: it opens, and nobody signed it.",
            "envelope",
            version(|envelope| envelope.head.seq = 1),
            "unsigned",
        ),
        reject("content-altered", "The chunk of record.json with one bit flipped.", "content", chunk, "does not open"),
        reject(
            "content-cut",
            "The chunk of record.json without its last byte.",
            "content",
            chunks.concat()[..527].to_vec(),
            "does not open",
        ),
        reject(
            "genesis-other-signature",
            "A genesis link that its device did not sign.",
            "genesis",
            edited(&link, |link: &mut SignedLink| link.signature.0[0] ^= 1),
            "signature",
        ),
        reject(
            "genesis-altered",
            "A genesis link with one bit flipped.",
            "genesis",
            edited(&link, |link: &mut SignedLink| link.link.0[50] ^= 1),
            "malformed or signature",
        ),
        reject(
            "receipts-one-left-out",
            "The opening left out, and the rest linked anew.",
            "receipts",
            trail(|events| drop(events.remove(1))),
            "broken",
        ),
        reject(
            "receipts-swapped",
            "The opening before the grant.",
            "receipts",
            trail(|events| events.swap(0, 1)),
            "broken",
        ),
        reject("code-wrong-check-digit", "One digit mistyped.", "code", b"4172039181".to_vec(), "code-mistyped"),
        reject("code-too-long", "One digit more.", "code", b"41720391860".to_vec(), "code-mistyped"),
        reject("code-letter", "A letter in the place of a digit.", "code", b"4172O39186".to_vec(), "code-mistyped"),
        reject("code-of-linking", "The QR code of a linking.", "code", QR.as_bytes().to_vec(), "code-mistyped"),
        reject("code-of-lending", "A code of lending.", "link-code", b"4172039186".to_vec(), "code-mistyped"),
        reject(
            "code-qr-wrong-digit",
            "One digit of a QR code altered.",
            "link-code",
            QR.replace("4159", "4158").into_bytes(),
            "code-mistyped",
        ),
        reject(
            "code-qr-too-short",
            "One digit of a QR code left out.",
            "link-code",
            QR.replace("4159", "459").into_bytes(),
            "code-mistyped",
        ),
    ];
    all.extend(links);
    let trails = crate::trails::faults().into_iter();
    all.extend(trails.map(|(name, comment, bytes)| reject(name, comment, "receipts", bytes, "broken")));
    let decisions = crate::decisions::faults().into_iter();
    all.extend(decisions.map(|(name, comment, bytes)| reject(name, comment, "decision", bytes, "refused")));
    all
}

fn reflected(hello: &[u8]) -> Vec<u8> {
    let Ok(Message::Hello { mut pake, .. }) = decode(hello, 1 << 20) else { panic!() };
    pake.0[0] = b'B';
    encode(&Message::Answer { pake })
}

fn echo(confirm_a: &[u8], confirm_b: &[u8]) -> Vec<u8> {
    let Ok(Message::ConfirmA { confirm, .. }) = decode(confirm_a, 1 << 20) else { panic!() };
    let Ok(Message::ConfirmB { sealed, .. }) = decode(confirm_b, 1 << 20) else { panic!() };
    encode(&Message::ConfirmB { confirm, sealed })
}

/// What comes of offering bytes to the end that `offered_as` names; "accepted" where nothing is refused.
pub(crate) fn outcome(story: &lent::Story, offered_as: &str, bytes: &[u8]) -> String {
    match offered_as {
        "offer" | "hello" | "answer" | "confirm-a" | "confirm-b" | "grant" => pairing(story, offered_as, bytes),
        "envelope" => envelope(bytes),
        "decision" => crate::decisions::outcome(bytes),
        "content" => content(bytes),
        "genesis" => {
            let signed = decode(bytes, 1 << 20).map_err(ChainError::from);
            crate::faulty::word(signed.and_then(|signed: SignedLink| Chain::begin(&signed)).map(|_chain| ()))
        }
        "receipts" => {
            let receipts: Vec<Bytes> = decode(bytes, 1 << 20).unwrap();
            let audited =
                audit(story.viewer.session(), &story.account.device.public().signing, &|_| None, None, &receipts);
            if audited.is_ok() { "accepted".to_owned() } else { "broken".to_owned() }
        }
        "code" => code(bytes, Purpose::View),
        "link-code" => code(bytes, Purpose::Link),
        link if link.starts_with("link-") => crate::faulty::outcome(link, bytes),
        other => format!("nobody takes {other}"),
    }
}

fn code(bytes: &[u8], purpose: Purpose) -> String {
    match PairingCode::parse(core::str::from_utf8(bytes).unwrap(), purpose) {
        Ok(_) => "accepted".to_owned(),
        Err(code) => code.slug().to_owned(),
    }
}

/// The pairing of pairing.json, with one message replaced.
fn pairing(story: &lent::Story, replaced: &str, bytes: &[u8]) -> String {
    let run = || -> Result<(), ErrorCode> {
        let opened = lent::opened(&story.account);
        let at = |name: &str, message: &[u8]| if name == replaced { bytes.to_vec() } else { message.to_vec() };
        let typed = lent::typed(&opened.code);
        let mailbox = MailboxId(hand::drawn("mailbox"));
        let offer = at("offer", &opened.offer);
        let (viewer, hello) = typed.receive(mailbox, &offer, lent::claims(), &mut lent::viewer_tape())?;
        let counted = Attempts::default().begin(lent::ISSUED);
        let mut tape = crate::tape::Tape::new(&hand::drawn::<64>("y"));
        let now = Monotonic(0);
        let (device, answer) = opened.state.receive(&at("hello", &hello), now, counted, &mut tape)?;
        let (viewer, confirm_a) = viewer.receive(&at("answer", &answer), &Asking::default())?;
        let (_, confirm_b) = device.receive(&at("confirm-a", &confirm_a), now)?;
        let viewer = viewer.receive(&at("confirm-b", &confirm_b))?;
        viewer.receive(&at("grant", &story.grant.message)).map(|_session| ())
    };
    run().map_or_else(|code| code.slug().to_owned(), |()| "accepted".to_owned())
}

fn envelope(bytes: &[u8]) -> String {
    let account = rest::account();
    let Ok(envelope) = Envelope::parse(bytes) else { return "malformed".to_owned() };
    let devices = [account.device.public()];
    match OpenedVersion::open(envelope, &account.chain.account(), &account.seed.account_key(), &devices) {
        Err(error) => error.to_string(),
        Ok(opened) if opened.origin() == Origin::Unsigned => "unsigned".to_owned(),
        Ok(_) => "accepted".to_owned(),
    }
}

fn content(bytes: &[u8]) -> String {
    let account = rest::account();
    let (envelope, _) = rest::sealed(&account, Author::Device(&account.device), "", b"Dear reader");
    let share = ServerShare::from_wire(&Hash(hand::drawn(rest::SERVER_SHARE)));
    let mut opener = rest::opened(&account, &envelope).open_content(&share).unwrap();
    match opener.open(bytes.to_vec()) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The honest bytes for each kind: the control of every file.
pub(crate) fn honest(offered_as: &str) -> Vec<u8> {
    let mut story = lent::story();
    let (envelope, chunks) = rest::sealed(&story.account, Author::Device(&story.account.device), "", b"Dear reader");
    match offered_as {
        "offer" => story.offer,
        "hello" => story.hello,
        "answer" => story.answer,
        "confirm-a" => story.confirm_a,
        "confirm-b" => story.confirm_b,
        "grant" => story.grant.message,
        "envelope" => envelope.to_bytes(),
        "decision" => crate::decisions::honest(),
        "content" => chunks.concat(),
        "genesis" => encode(&story.account.link),
        "receipts" => {
            let (events, _) = lent::events(&mut story);
            encode(&lent::linked(&story, &events).into_iter().map(Bytes).collect::<Vec<_>>())
        }
        "link-code" => QR.as_bytes().to_vec(),
        link if link.starts_with("link-") => crate::faulty::honest(link),
        _ => b"4172039186".to_vec(),
    }
}
