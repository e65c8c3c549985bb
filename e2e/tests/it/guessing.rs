//! A hostile server that wants more than one guess at a code: rows 2, 3 and 5.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use e2e::device::{Receiving, field};
use e2e::frames::{deliver, delivered, is_taken, sent, sent_since};
use e2e::proxy::{Answer, Asked, Honest, SocketId, Tamper};
use e2e::stage::Stage;
use glimpse_wire::ids::{Bytes, Hash};
use glimpse_wire::pairing::{HelloCore, Message};
use glimpse_wire::{decode, encode};
use serde_json::{Value, json};

use crate::stories::wrong;

/// What the device sent through the proxy: every message but the viewer's.
fn of_device(stage: &Stage) -> Result<Vec<&'static str>> {
    let sent = sent_since(&stage.proxy.as_ref().context("no proxy")?.seen(), 0);
    let viewer = sent.iter().find(|(_, name)| *name == "Hello").map(|(socket, _)| *socket);
    Ok(sent.into_iter().filter(|(socket, _)| Some(*socket) != viewer).map(|(_, name)| name).collect())
}

/// How many sessions devices registered.
fn registered(stage: &Stage) -> Result<usize> {
    let exchanges = stage.proxy.as_ref().context("no proxy")?.exchanges();
    Ok(exchanges.iter().filter(|(asked, _)| asked.method == "POST" && asked.path == "/v1/sessions").count())
}

/// Gives the device other messages in place of one of the viewer's, and numbers those that follow.
struct Multiply<F> {
    make: F,
    more: AtomicUsize,
    viewer: Mutex<Option<SocketId>>,
}

impl<F> Multiply<F> {
    fn new(make: F) -> Arc<Self> {
        Arc::new(Self { make, more: AtomicUsize::new(0), viewer: Mutex::default() })
    }
}

impl<F: Fn(u64, &Message) -> Option<Vec<(u64, Message)>> + Send + Sync + 'static> Tamper for Multiply<F> {
    fn to_end(&self, socket: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let Some((seq, message)) = delivered(&frame) else { return vec![frame] };
        if *self.viewer.lock().unwrap_or_else(PoisonError::into_inner) == Some(socket) {
            return vec![frame];
        }
        let seq = seq + u64::try_from(self.more.load(Ordering::SeqCst)).unwrap_or_default();
        let Some(made) = (self.make)(seq, &message) else { return vec![deliver(seq, &message)] };
        let last = made.last().map_or(seq, |(last, _)| *last);
        self.more.fetch_add(usize::try_from(last - seq).unwrap_or_default(), Ordering::SeqCst);
        made.iter().map(|(seq, message)| deliver(*seq, message)).collect()
    }

    fn to_server(&self, socket: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        if let Some((_, Message::Hello { .. })) = sent(&frame) {
            *self.viewer.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
        }
        // The real server must not hear of messages that it never had.
        if is_taken(&frame) { Vec::new() } else { vec![frame] }
    }
}

/// Fifty runs: the viewer's first message, and 49 with another nonce.
fn fifty(seq: u64, message: &Message) -> Option<Vec<(u64, Message)>> {
    let Message::Hello { core, pake } = message else { return None };
    let core: HelloCore = decode(core.as_slice(), 64 * 1024).ok()?;
    let each = |at: u8| {
        let nonce = if at == 0 { core.nonce } else { Hash([at; 32]) };
        let core = Bytes(encode(&HelloCore { nonce, ..core.clone() }));
        (seq + u64::from(at), Message::Hello { core, pake: pake.clone() })
    };
    Some((0..50).map(each).collect())
}

#[tokio::test]
async fn t003_a_server_that_starts_fifty_runs_gets_one_answer() -> Result<()> {
    let stage = Stage::behind(Multiply::new(fifty)).await?;
    stage.device.add_bytes("first.txt", "x").await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.enter(&stage.url(), &lending.code).await?;
    let last = lending.event_last().await?;
    assert_eq!(field(&last, "code")?, "malformed", "{last}");
    assert_eq!(of_device(&stage)?, ["Answer", "Abort"]);
    assert_eq!(registered(&stage)?, 0);

    // Control: the same message fifty times under its own number is a resend, and the one run goes on to its grant.
    let resend =
        |seq, message: &Message| matches!(message, Message::Hello { .. }).then(|| vec![(seq, message.clone()); 50]);
    let stage = Stage::behind(Multiply::new(resend)).await?;
    stage.device.add_bytes("first.txt", "x").await?;
    let _look = stage.lend(&["--everything"]).await?;
    let sent = of_device(&stage)?;
    assert_eq!(sent.get(..3), Some(["Answer", "ConfirmB", "Grant"].as_slice()), "{sent:?}");
    assert_eq!(registered(&stage)?, 1);
    Ok(())
}

#[tokio::test]
async fn t003_of_fifty_claims_at_once_one_is_answered() -> Result<()> {
    let stage = Stage::behind_with(Arc::new(Honest), &["limits.claims_per_address=200"]).await?;
    stage.device.add_bytes("first.txt", "x").await?;
    let lending = stage.device.lend(&["--everything"]).await?;
    let nameplate: String = lending.code.chars().filter(char::is_ascii_digit).take(3).collect();
    let body = json!({ "nameplate": nameplate, "purpose": "view" }).to_string();
    let client = reqwest::Client::new();
    let claims = (0..50).map(|_| {
        let request = client.post(format!("{}/v1/claims", stage.url())).header("content-type", "application/json");
        request.body(body.clone()).send()
    });
    let mut told = BTreeMap::new();
    for answer in futures_util::future::try_join_all(claims).await? {
        let status = answer.status();
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let slug = body.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        *told.entry((status, slug)).or_insert(0) += 1;
    }
    let expected = [((StatusCode::OK, String::new()), 1), ((StatusCode::CONFLICT, "crowded".to_owned()), 49)];
    assert_eq!(told, BTreeMap::from(expected));
    Ok(())
}

#[tokio::test]
async fn t002_a_right_confirmation_after_a_wrong_one_is_too_late() -> Result<()> {
    let wrong_first = |seq, message: &Message| {
        let Message::ConfirmA { confirm, words, sealed } = message else { return None };
        let mut wrong = *confirm;
        wrong.0[0] ^= 1;
        let wrong = Message::ConfirmA { confirm: wrong, words: *words, sealed: sealed.clone() };
        Some(vec![(seq, wrong), (seq + 1, message.clone())])
    };
    let stage = Stage::behind(Multiply::new(wrong_first)).await?;
    stage.device.add_bytes("first.txt", "x").await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.enter(&stage.url(), &lending.code).await?;
    let last = lending.event_last().await?;
    assert_eq!(field(&last, "code")?, "code-wrong", "{last}");
    let told = stage.browser.failure().await?;
    assert!(told.contains("The code was wrong"), "{told}");
    assert_eq!(of_device(&stage)?, ["Answer", "Abort"]);
    assert_eq!(registered(&stage)?, 0);

    // Control: the same relay that leaves cA as it is.
    let untouched =
        |seq, message: &Message| matches!(message, Message::ConfirmA { .. }).then(|| vec![(seq, message.clone())]);
    let stage = Stage::behind(Multiply::new(untouched)).await?;
    stage.device.add_bytes("first.txt", "x").await?;
    let _look = stage.lend(&["--everything"]).await?;
    assert_eq!(registered(&stage)?, 1);
    Ok(())
}

/// Says that nothing was tried, and that it is a day later.
#[derive(Default)]
struct Forgetful {
    on: AtomicBool,
    told: AtomicUsize,
}

const DAY: u64 = 86_400_000;

impl Tamper for Forgetful {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        // The real server takes only an Offer that ends when it said.
        let offers = self.on.load(Ordering::SeqCst) && asked.method == "PUT" && asked.path.ends_with("/offer");
        offers.then(|| Answer::own(StatusCode::NO_CONTENT, "application/json", ""))
    }

    fn answer(&self, asked: &Asked, mut answer: Answer) -> Option<Answer> {
        // A sign-in is signed at the time that was told, and the real server takes no other day's.
        if !asked.path.starts_with("/v1/sign-in")
            && self.on.load(Ordering::SeqCst)
            && let Ok(Value::Object(mut object)) = serde_json::from_slice(&answer.body)
        {
            for name in ["now", "expires"] {
                if let Some(time) = object.get_mut(name) {
                    *time = json!(time.as_u64()? + DAY);
                    self.told.fetch_add(1, Ordering::SeqCst);
                }
            }
            object.extend([
                ("attempts".to_owned(), json!(0)),
                ("failures".to_owned(), json!(0)),
                ("paused".to_owned(), json!(false)),
            ]);
            answer.body = Value::Object(object).to_string().into_bytes();
        }
        Some(answer)
    }
}

#[tokio::test]
async fn t005_wrong_codes_pause_lending_whatever_the_server_and_a_restart_say() -> Result<()> {
    let forgetful = Arc::new(Forgetful::default());
    let stage = Stage::behind(forgetful.clone()).await?;
    stage.device.add_bytes("first.txt", "x").await?;
    for attempt in 1..=3 {
        // Each time another process: what it counts is on disk.
        let mut lending = stage.device.lend(&["--everything"]).await?;
        let _guess = Receiving::start(&stage.url(), &wrong(&lending.code), &[])?;
        let last = lending.event_last().await?;
        assert_eq!(field(&last, "code")?, "code-wrong", "attempt {attempt}: {last}");
    }
    forgetful.on.store(true, Ordering::SeqCst);
    let refused = stage.device.lend(&["--everything"]).await;
    let told = format!("{:?}", refused.err().context("the fourth code is shown")?);
    ensure!(told.contains("paused-after-failures"), "{told}");

    // Control: what holds it back is its own count. Without that file the same server gets a code shown.
    stage.device.forget_attempts().await?;
    let _lending = stage.device.lend(&["--everything"]).await.context("control: no count, no pause")?;
    ensure!(forgetful.told.load(Ordering::SeqCst) > 0, "control: the server lied about the time");
    Ok(())
}
