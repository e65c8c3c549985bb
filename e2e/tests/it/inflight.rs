//! One message altered on the way, at a time, between the real device and the real browser: rows 7 to 11, 14, 38, 41 and 105.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use e2e::device::{field, is};
use e2e::frames::{deliver, delivered, sent, sent_since};
use e2e::program::root;
use e2e::proxy::{Answer, Asked, SocketId, Tamper};
use e2e::stage::Stage;
use glimpse_wire::ids::{Bytes, Hash, MailboxId};
use glimpse_wire::pairing::{Message, Offer, Purpose};
use glimpse_wire::session::{Opened, UnitEnvelope};
use glimpse_wire::{decode, encode};
use serde_json::{Value, json};

const LIMIT: usize = 1024 * 1024;

/// What is altered, and how. `own` is the viewer's PAKE message, `confirm` its `cA`.
#[derive(Clone, Copy)]
enum Alter {
    Nothing,
    Offer(fn(&mut Offer)),
    OfferBytes(fn(Vec<u8>) -> Vec<u8>),
    Pake(fn(own: &[u8], theirs: Vec<u8>) -> Vec<u8>),
    Confirm(fn(confirm: Hash, &mut Hash, &mut Bytes)),
    Envelope(fn(&mut UnitEnvelope)),
    Content(fn(Vec<u8>) -> Vec<u8>),
}

struct State {
    alter: Alter,
    own: Vec<u8>,
    confirm: Hash,
    /// Whether there was something to alter.
    altered: bool,
}

/// Alters what its state says.
struct InFlight(Mutex<State>);

impl InFlight {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            alter: Alter::Nothing,
            own: Vec::new(),
            confirm: Hash::ZERO,
            altered: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, alter: Alter) {
        let mut state = self.state();
        (state.alter, state.altered) = (alter, false);
    }
}

impl Tamper for InFlight {
    fn answer(&self, asked: &Asked, mut answer: Answer) -> Option<Answer> {
        let mut state = self.state();
        let before = answer.body.clone();
        if asked.path == "/v1/claims" && answer.status.is_success() {
            let mut claimed: Value = serde_json::from_slice(&answer.body).ok()?;
            let bytes = Base64UrlUnpadded::decode_vec(claimed.get("offer")?.as_str()?).ok()?;
            let bytes = if let Alter::Offer(change) = state.alter {
                let mut offer: Offer = decode(&bytes, LIMIT).ok()?;
                change(&mut offer);
                encode(&offer)
            } else if let Alter::OfferBytes(change) = state.alter {
                change(bytes)
            } else {
                bytes
            };
            *claimed.get_mut("offer")? = json!(Base64UrlUnpadded::encode_string(&bytes));
            answer.body = claimed.to_string().into_bytes();
            state.altered |= matches!(state.alter, Alter::Offer(_) | Alter::OfferBytes(_));
        } else if let Alter::Envelope(change) = state.alter
            && asked.path.ends_with("/open")
        {
            let mut opened: Opened = decode(&answer.body, LIMIT).ok()?;
            let mut envelope: UnitEnvelope = decode(opened.envelope.as_slice(), LIMIT).ok()?;
            change(&mut envelope);
            opened.envelope = Bytes(encode(&envelope));
            answer.body = encode(&opened);
            state.altered |= answer.body != before;
        } else if let Alter::Content(change) = state.alter
            && asked.path.ends_with("/content")
        {
            answer.body = change(answer.body);
            state.altered |= answer.body != before;
        }
        Some(answer)
    }

    fn to_server(&self, _: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        match sent(&frame) {
            Some((_, Message::Hello { pake, .. })) => self.state().own = pake.0,
            Some((_, Message::ConfirmA { confirm, .. })) => self.state().confirm = confirm,
            _ => {}
        }
        vec![frame]
    }

    fn to_end(&self, _: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let Some((seq, message)) = delivered(&frame) else { return vec![frame] };
        let mut state = self.state();
        let altered = match (state.alter, message) {
            (Alter::Pake(change), Message::Answer { pake }) => {
                Message::Answer { pake: Bytes(change(&state.own, pake.0)) }
            }
            (Alter::Confirm(change), Message::ConfirmB { mut confirm, mut sealed }) => {
                change(state.confirm, &mut confirm, &mut sealed);
                Message::ConfirmB { confirm, sealed }
            }
            _ => return vec![frame],
        };
        state.altered = true;
        vec![deliver(seq, &altered)]
    }
}

/// Side B's byte before a point.
fn as_answer(point: &[u8]) -> Vec<u8> {
    [b"B", point].concat()
}

/// A point of order two times the prime: the base point and the point of order 2, `(0, −1)`.
fn mixed_order() -> [u8; 32] {
    let mut point = [0x99; 32];
    point[0] = 0x95;
    point
}

/// The neutral element.
fn identity() -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = 1;
    point
}

/// Row, what is altered, the error on the page, and the device's last word, if it hears of it. Once Hello has left, whatever
/// does not ask for a new code by itself is the same to the page.
const PAIRING: &[(&str, Alter, &str, Option<&str>)] = &[
    ("t011 purpose", Alter::Offer(|offer| offer.purpose = Purpose::Agent), "malformed", None),
    ("t011 mailbox", Alter::Offer(|offer| offer.mailbox = MailboxId([7; 16])), "malformed", None),
    ("t011 server nonce", Alter::Offer(|offer| offer.server_nonce.0[0] ^= 1), "pairing-broken", Some("malformed")),
    ("t011 device nonce", Alter::Offer(|offer| offer.device_nonce.0[0] ^= 1), "pairing-broken", Some("malformed")),
    ("t010 identity", Alter::Offer(|offer| offer.identity.0[0] ^= 1), "pairing-broken", Some("malformed")),
    ("t011 expiry", Alter::Offer(|offer| offer.expires.0 += 1), "pairing-broken", Some("malformed")),
    // There is no field for a cost or a salt; one more element is none of this suite.
    (
        "t014 a cost",
        Alter::OfferBytes(|bytes| [&[bytes[0] + 1], &bytes[1..], &[0x1a, 0, 0x40, 0, 0]].concat()),
        "malformed",
        None,
    ),
    ("t014 a salt", Alter::OfferBytes(|bytes| [&[bytes[0] + 1], &bytes[1..], &[0x41, 0]].concat()), "malformed", None),
    ("t007 reflected", Alter::Pake(|own, _| as_answer(&own[1..])), "pairing-broken", None),
    ("t007 side byte", Alter::Pake(|own, _| own.to_vec()), "pairing-broken", None),
    ("t008 identity point", Alter::Pake(|_, _| as_answer(&identity())), "pairing-broken", None),
    ("t008 mixed order", Alter::Pake(|_, _| as_answer(&mixed_order())), "pairing-broken", None),
    ("t009 cA echoed", Alter::Confirm(|ours, confirm, _| *confirm = ours), "code-wrong", None),
    ("t011 cB flipped", Alter::Confirm(|_, confirm, _| confirm.0[0] ^= 1), "code-wrong", None),
    ("t010 identity altered", Alter::Confirm(|_, _, sealed| sealed.0[0] ^= 1), "code-wrong", None),
];

/// What a person reads of an error: both its lines.
fn lines(slug: &str) -> Result<[String; 2]> {
    let catalogue: Value = serde_json::from_slice(&std::fs::read(root()?.join("www/lang/en.json"))?)?;
    let line = |key: String| field(&catalogue, &key);
    Ok([line(format!("error.{slug}"))?, line(format!("error.{slug}.next"))?])
}

#[tokio::test]
async fn t007_t008_t009_t010_t011_t014_a_pairing_that_is_altered_on_the_way_grants_nothing() -> Result<()> {
    let hostile = InFlight::new();
    let limits = ["limits.claims_per_address=200", "limits.mailboxes_per_account_minute=200"];
    let stage = Stage::behind_with(hostile.clone(), &limits).await?;
    let line = stage.proxy.as_ref().context("no proxy")?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    let granted = || {
        let seen = line.seen();
        let registered =
            line.exchanges().iter().any(|(asked, _)| asked.method == "POST" && asked.path == "/v1/sessions");
        registered || sent_since(&seen, 0).iter().any(|(_, name)| *name == "Grant")
    };
    for (name, alter, page, device) in PAIRING {
        let what = || format!("in {name}");
        stage.device.forget_attempts().await?;
        hostile.set(*alter);
        let mut lending = stage.device.lend(&["--everything"]).await?;
        stage.browser.enter(&stage.url(), &lending.code).await?;
        let told = stage.browser.failure().await.with_context(what)?;
        assert!(hostile.state().altered, "{name}: nothing was altered");
        for text in lines(page)? {
            assert!(told.contains(&text), "{name}: {told:?} is not {text:?}");
        }
        match device {
            Some(code) => {
                let last = lending.event_last().await.with_context(what)?;
                assert_eq!(field(&last, "code")?, *code, "{name}: {last}");
            }
            // The viewer went without a word, and the device waits until its time is up or its person cancels.
            None => {
                lending.tell(json!({ "do": "cancel" })).await?;
                lending.event_last().await.with_context(what)?;
            }
        }
        assert!(!lending.events.iter().any(|event| is(event, "granted")), "{name}");
        assert!(!granted(), "{name}");
    }
    // Control: the same relay that alters nothing.
    stage.device.forget_attempts().await?;
    hostile.set(Alter::Nothing);
    let _look = stage.lend(&["--everything"]).await?;
    assert!(granted());
    stage.browser.open("first").await?;
    stage.browser.reads("The first text.").await
}

/// A sealed chunk.
const CHUNK: usize = 65_536 + 16;

/// What is altered of a unit that is three chunks long.
const UNIT: &[(&str, Alter)] = &[
    (
        "t038 first byte",
        Alter::Content(|mut bytes| {
            bytes[0] ^= 1;
            bytes
        }),
    ),
    (
        "t038 last byte",
        Alter::Content(|mut bytes| {
            let last = bytes.len() - 1;
            bytes[last] ^= 0x80;
            bytes
        }),
    ),
    ("t041 cut by a chunk", Alter::Content(|bytes| bytes[..bytes.len().min(2 * CHUNK)].to_vec())),
    (
        "t041 two chunks swapped",
        Alter::Content(|bytes| [&bytes[CHUNK..2 * CHUNK], &bytes[..CHUNK], &bytes[2 * CHUNK..]].concat()),
    ),
    ("t041 a chunk twice", Alter::Content(|bytes| [&bytes[..CHUNK], &bytes[..CHUNK], &bytes[2 * CHUNK..]].concat())),
    ("t105 another salt", Alter::Envelope(|envelope| envelope.salt.0[0] ^= 1)),
    ("t105 another commitment", Alter::Envelope(|envelope| envelope.commit.0[0] ^= 1)),
    ("t105 other terms", Alter::Envelope(|envelope| envelope.terms.0[0] ^= 1)),
    ("t105 another size", Alter::Envelope(|envelope| envelope.size += 1)),
];

#[tokio::test]
async fn t038_t041_t105_a_unit_that_is_altered_on_the_way_is_not_shown() -> Result<()> {
    let hostile = InFlight::new();
    let stage = Stage::behind(hostile.clone()).await?;
    let text = "Every line of this long text is the same.\n".repeat(3_900);
    for at in 0..UNIT.len() {
        stage.device.add_bytes(&format!("long {at}.txt"), &text).await?;
    }
    stage.device.add_bytes("control.txt", &text).await?;
    let _look = stage.lend(&["--everything"]).await?;
    let [happened, _] = lines("record-tampered")?;
    for (at, (name, alter)) in UNIT.iter().enumerate() {
        hostile.set(*alter);
        stage.browser.choose(&format!("long {at}")).await?;
        stage.browser.reads(&happened).await.with_context(|| format!("in {name}"))?;
        assert!(hostile.state().altered, "{name}: nothing was altered");
        assert!(!stage.browser.text().await?.contains("Every line"), "{name}: nothing of it is shown");
        hostile.set(Alter::Nothing);
        // As it was, it opens: the record is refused for what came, not for good.
        stage.browser.choose("control").await?;
        stage.browser.reads("Every line").await.with_context(|| format!("control after {name}"))?;
    }
    Ok(())
}
