//! The hostile server, end to end: real device, real browser, and one lie at a time. Rows 12, 39, 61, 62, 68, 73,
//! 74 and 103; the same rows are tested in the parts, where more can be tried.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use e2e::browser::Chromium;
use e2e::device::is;
use e2e::frames::{deliver, delivered};
use e2e::proxy::{Answer, Asked, Seen, SocketId, Tamper};
use e2e::stage::Stage;
use e2e::wait::until;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::{Message, Offer};
use glimpse_wire::session::Opened;
use glimpse_wire::{ErrorCode, decode, encode};
use serde_json::{Value, json};

use crate::ending::go_with;
use crate::memory::LATER;

const LIMIT: usize = 1024 * 1024;

/// A lie that can be switched on in the middle of a story.
struct Lie<F> {
    on: Arc<AtomicBool>,
    tell: F,
}

impl<F: Fn(&Asked, Answer) -> Option<Answer> + Send + Sync + 'static> Tamper for Lie<F> {
    fn answer(&self, asked: &Asked, answer: Answer) -> Option<Answer> {
        if self.on.load(Ordering::SeqCst) { (self.tell)(asked, answer) } else { Some(answer) }
    }
}

/// A stage whose server lies about answers once the switch is on.
async fn lying(
    tell: impl Fn(&Asked, Answer) -> Option<Answer> + Send + Sync + 'static,
) -> Result<(Stage, Arc<AtomicBool>)> {
    let on = Arc::new(AtomicBool::new(false));
    let stage = Stage::behind(Arc::new(Lie { on: Arc::clone(&on), tell })).await?;
    Ok((stage, on))
}

const TAMPERED: &str = "This record was changed on the way and is not shown.";

/// Chooses a record, and waits until the page says that it was tampered with.
async fn is_tampered(browser: &Chromium, title: &str) -> Result<()> {
    browser.choose(title).await?;
    browser.reads(TAMPERED).await
}

#[tokio::test]
async fn t074_a_wrong_server_share_is_a_clean_error_and_the_rest_stays_usable() -> Result<()> {
    let (stage, lie) = lying(|asked, mut answer| {
        if asked.path.ends_with("/open") {
            let mut opened: Opened = decode(&answer.body, LIMIT).ok()?;
            opened.share.0[0] ^= 1;
            answer.body = encode(&opened);
        }
        Some(answer)
    })
    .await?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    stage.device.add_bytes("second.txt", "The second text.").await?;
    let _look = stage.lend(&["--everything"]).await?;
    lie.store(true, Ordering::SeqCst);
    is_tampered(&stage.browser, "first").await?;
    lie.store(false, Ordering::SeqCst);
    stage.browser.open("second").await.context("control: with the right share")?;
    stage.browser.reads("The second text.").await
}

#[tokio::test]
async fn t073_t061_another_units_share_or_content_does_not_open() -> Result<()> {
    // Answers every opening, and every fetch of content, with the first of its kind.
    let first: Mutex<[Option<Answer>; 2]> = Mutex::default();
    let (stage, lie) = lying(move |asked, answer| {
        let kind = usize::from(asked.path.ends_with("/content"));
        if kind == 0 && !asked.path.ends_with("/open") {
            return Some(answer);
        }
        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
        Some(first.get_mut(kind)?.get_or_insert(answer).clone())
    })
    .await?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    stage.device.add_bytes("second.txt", "The second text.").await?;
    stage.device.add_bytes("third.txt", "The third text.").await?;
    let _look = stage.lend(&["--everything"]).await?;
    lie.store(true, Ordering::SeqCst);
    stage.browser.open("first").await.context("control: its own answers open it")?;
    stage.browser.reads("The first text.").await?;
    is_tampered(&stage.browser, "second").await?;
    assert!(!stage.browser.text().await?.contains("The first text."), "nor is it shown in another's place");
    lie.store(false, Ordering::SeqCst);
    stage.browser.open("third").await?;
    stage.browser.reads("The third text.").await
}

#[tokio::test]
async fn t039_the_content_of_another_record_does_not_open_on_the_device() -> Result<()> {
    let first: Mutex<Option<Answer>> = Mutex::default();
    let (stage, lie) = lying(move |asked, answer| {
        if asked.method != "GET" || !asked.path.starts_with("/v1/contents/") {
            return Some(answer);
        }
        Some(first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(answer).clone())
    })
    .await?;
    let one = stage.device.add_bytes("first.txt", "The first text.").await?;
    let other = stage.device.add_bytes("other.txt", "The other text.").await?;
    lie.store(true, Ordering::SeqCst);
    stage.device.run(&["show", &one]).await.context("control: its own content opens")?;
    let shown = stage.device.attempt(&["show", &other]).await?;
    let said = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.status.code(), Some(8), "{said}");
    assert!(said.contains("record-tampered") && !said.contains("text."), "{said}");
    lie.store(false, Ordering::SeqCst);
    stage.device.run(&["show", &other]).await?;
    Ok(())
}

#[tokio::test]
async fn t012_another_suite_in_the_offer_is_refused() -> Result<()> {
    let (stage, lie) = lying(|asked, mut answer| {
        if asked.path == "/v1/claims" {
            let mut claimed: Value = serde_json::from_slice(&answer.body).ok()?;
            let offer = Base64UrlUnpadded::decode_vec(claimed.get("offer")?.as_str()?).ok()?;
            let mut offer: Offer = decode(&offer, LIMIT).ok()?;
            offer.suite = 2;
            *claimed.get_mut("offer")? = json!(Base64UrlUnpadded::encode_string(&encode(&offer)));
            answer.body = claimed.to_string().into_bytes();
        }
        Some(answer)
    })
    .await?;
    stage.device.add_bytes("first.txt", "x").await?;
    lie.store(true, Ordering::SeqCst);
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.enter(&stage.url(), &lending.code).await?;
    assert!(stage.browser.failure().await?.contains("The other end speaks another version."));
    lending.process.kill().await?;
    lie.store(false, Ordering::SeqCst);
    stage.lend(&["--everything"]).await.context("control: with the suite as it is")?;
    Ok(())
}

/// Drops the connection of a viewer once its first message has left, as often as it comes.
struct DropsAfterHello {
    hellos: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tamper for DropsAfterHello {
    fn to_server(&self, _: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        if let Ok(ToServer::Send { body, .. }) = decode::<ToServer>(&frame, LIMIT)
            && let Ok(Message::Hello { .. }) = decode::<Message>(body.as_slice(), LIMIT)
        {
            self.hellos.lock().unwrap_or_else(PoisonError::into_inner).push(body.0);
            return Vec::new();
        }
        vec![frame]
    }

    fn answer(&self, asked: &Asked, answer: Answer) -> Option<Answer> {
        let gone = asked.path == "/v1/claims" && !self.hellos.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        (!gone).then_some(answer)
    }
}

#[tokio::test]
async fn t103_a_server_that_seems_unreachable_gets_no_second_run_on_one_code() -> Result<()> {
    let hellos = Arc::new(Mutex::new(Vec::new()));
    let stage = Stage::behind(Arc::new(DropsAfterHello { hellos: Arc::clone(&hellos) })).await?;
    stage.device.add_bytes("first.txt", "x").await?;
    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.enter(&stage.url(), &lending.code).await?;
    let line = stage.proxy.as_ref().context("no proxy")?;
    let sent = || hellos.lock().unwrap_or_else(PoisonError::into_inner).clone();
    until("Hello has left", async || (!sent().is_empty()).then_some(())).await?;
    // The line breaks and comes back; the viewer joins again and may resend what it has, and nothing else.
    line.cut();
    line.has_sockets(0).await?;
    line.mend();
    line.has_sockets(2).await?;
    lending.tell(json!({ "do": "cancel" })).await?;
    lending.event_last().await?;
    let told = stage.browser.failure().await?;
    assert!(told.contains("new code"), "{told}");
    let left = stage.browser.run("return document.getElementById('code').value").await?;
    assert_eq!(left, "", "nothing is left to send again");
    let sent = sent();
    assert!(sent.iter().all(|hello| hello == &sent[0]), "what is sent again is the same bytes, {} times", sent.len());
    Ok(())
}

/// After a viewer's first message has left, everything that it could ask for by HTTP is answered with 503, and sockets are
/// refused, while the switch is on.
struct RefusesAfterHello {
    on: AtomicBool,
    hellos: AtomicU32,
    claims: AtomicU32,
}

impl RefusesAfterHello {
    fn refuses(&self) -> bool {
        self.on.load(Ordering::SeqCst) && self.hellos.load(Ordering::SeqCst) > 0
    }
}

impl Tamper for RefusesAfterHello {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        if asked.path == "/v1/claims" {
            self.claims.fetch_add(1, Ordering::SeqCst);
        }
        let refused = self.refuses() && asked.path == "/v1/claims";
        refused.then(|| Answer::own(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "later"))
    }

    fn refuse_socket(&self, _: &str) -> Option<StatusCode> {
        self.refuses().then_some(StatusCode::SERVICE_UNAVAILABLE)
    }

    fn to_server(&self, _: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let hello = decode::<ToServer>(&frame, LIMIT).ok().is_some_and(|frame| {
            matches!(&frame, ToServer::Send { body, .. }
                if matches!(decode::<Message>(body.as_slice(), LIMIT), Ok(Message::Hello { .. })))
        });
        if hello && self.on.load(Ordering::SeqCst) {
            self.hellos.fetch_add(1, Ordering::SeqCst);
            return Vec::new();
        }
        vec![frame]
    }
}

/// What a server can do once Hello has left, and what the page then says.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// Says that it is over, with this reason.
    Over(ErrorCode),
    /// Says in the device's name that it is over.
    Abort(ErrorCode),
    /// Closes the socket, and answers 503 to every further one until the code's time is up.
    Sockets,
}

#[tokio::test]
async fn t103_whatever_a_server_says_after_hello_the_code_is_not_run_again() -> Result<()> {
    let stage_of = async || {
        let refuses =
            RefusesAfterHello { on: AtomicBool::new(true), hellos: AtomicU32::new(0), claims: AtomicU32::new(0) };
        let refuses = Arc::new(refuses);
        anyhow::Ok((Stage::behind(refuses.clone()).await?, refuses))
    };
    let broke = "The connection broke while the code was in use.";
    for (refusal, told) in [
        (Refusal::Over(ErrorCode::ServerUnreachable), broke),
        (Refusal::Over(ErrorCode::CodeMistyped), broke),
        (Refusal::Abort(ErrorCode::CodeMistyped), broke),
        // Control: a reason that asks for a new code is told as it is.
        (Refusal::Abort(ErrorCode::Declined), "The person declined."),
        (Refusal::Sockets, "This code's two minutes are over."),
    ] {
        let (stage, refuses) = stage_of().await?;
        stage.device.add_bytes("first.txt", "x").await?;
        let (mut tools, page, worker) = go_with(&stage.browser, &stage.url(), "true").await?;
        // The Worker of the next code is not held.
        tools.follow(&page, false).await?;
        let mut lending = stage.device.lend(&["--everything"]).await?;
        stage.browser.type_code(&lending.code).await?;
        until("Hello has left", async || (refuses.hellos.load(Ordering::SeqCst) == 1).then_some(())).await?;
        let line = stage.proxy.as_ref().context("no proxy")?;
        let over = |code| encode(&ToEnd::Over { code });
        // Socket 0 is the device's.
        match refusal {
            Refusal::Over(code) => line.inject(SocketId(1), over(code)),
            Refusal::Abort(code) => {
                let body = glimpse_wire::ids::Bytes(encode(&Message::Abort { code }));
                line.inject(SocketId(1), encode(&ToEnd::Deliver { seq: 0, body }));
            }
            Refusal::Sockets => {
                line.cut();
                line.has_sockets(0).await?;
                line.mend();
                tools.evaluate(&worker, LATER).await?;
            }
        }
        let failure = stage.browser.failure().await.with_context(|| format!("{refusal:?}"))?;
        assert!(failure.contains(told), "{refusal:?}: {failure}");
        let left = stage.browser.run("return document.getElementById('code').value").await?;
        assert_eq!(left, "", "{refusal:?}: nothing is left to send again");
        // Every request of the run is counted: one claim, and one Hello at most.
        let counted = [refuses.claims.load(Ordering::SeqCst), refuses.hellos.load(Ordering::SeqCst)];
        assert_eq!(counted, [1, 1], "{refusal:?}: no second run");
        lending.process.kill().await?;
    }
    Ok(())
}

/// Gives every viewer the mailbox, and the messages, that the first one got.
#[derive(Default)]
struct Replay {
    claim: Mutex<Option<Answer>>,
    frames: Mutex<Vec<Vec<u8>>>,
    on: AtomicBool,
}

impl Tamper for Replay {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        let replayed = self.on.load(Ordering::SeqCst) && asked.path == "/v1/claims";
        replayed.then(|| self.claim.lock().unwrap_or_else(PoisonError::into_inner).clone()).flatten()
    }

    fn answer(&self, asked: &Asked, answer: Answer) -> Option<Answer> {
        if asked.path == "/v1/claims" {
            *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        }
        Some(answer)
    }

    fn to_server(&self, _: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        // The second viewer talks to nobody; what it must get is made here.
        if self.on.load(Ordering::SeqCst) { Vec::new() } else { vec![frame] }
    }

    fn to_end(&self, socket: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        // Socket 0 is the device's, 1 the first viewer's.
        if socket.0 == 1 {
            self.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame.clone());
        }
        vec![frame]
    }
}

#[tokio::test]
async fn t068_a_copied_mailbox_and_grant_open_nothing_in_another_browser() -> Result<()> {
    let replay = Arc::new(Replay::default());
    let stage = Stage::behind(replay.clone()).await?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    let look = stage.lend(&["--everything"]).await?;
    stage.browser.open("first").await.context("control: the first browser reads")?;
    let frames = replay.frames.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let granted = frames.iter().any(|frame| {
        let Ok(ToEnd::Deliver { body, .. }) = decode::<ToEnd>(frame, LIMIT) else { return false };
        matches!(decode::<Message>(body.as_slice(), LIMIT), Ok(Message::Grant { .. }))
    });
    assert!(granted, "control: the copy holds a grant");

    replay.on.store(true, Ordering::SeqCst);
    let line = stage.proxy.as_ref().context("no proxy")?;
    let second = Chromium::start().await?;
    second.enter(&stage.url(), &look.lending.code).await?;
    let socket = until("the second viewer joins", async || {
        line.seen().into_iter().rev().find_map(|seen| match seen {
            Seen::Opened(socket, _) if socket.0 > 1 => Some(socket),
            Seen::Http(..) | Seen::Opened(..) | Seen::ToServer(..) | Seen::ToEnd(..) => None,
        })
    })
    .await?;
    for frame in frames {
        line.inject(socket, frame);
    }
    let told = second.failure().await?;
    assert!(told.contains("The code was wrong") || told.contains("Ask for a new code"), "{told}");
    assert_eq!(second.titles().await?, Vec::<String>::new());
    Ok(())
}

/// Gives every viewer the first grant that went by, while the switch is on.
#[derive(Default)]
struct CopiesGrant {
    first: Mutex<Option<Message>>,
    on: AtomicBool,
}

impl Tamper for CopiesGrant {
    fn to_end(&self, _: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let Some((seq, grant @ Message::Grant(_))) = delivered(&frame) else { return vec![frame] };
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let copied = first.get_or_insert(grant);
        if self.on.load(Ordering::SeqCst) { vec![deliver(seq, copied)] } else { vec![frame] }
    }
}

#[tokio::test]
async fn t062_a_copied_grant_opens_nothing_for_a_viewer_that_paired_rightly() -> Result<()> {
    let copies = Arc::new(CopiesGrant::default());
    let stage = Stage::behind(copies.clone()).await?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open("first").await.context("control: the viewer that it was made for reads")?;

    for copied in [true, false] {
        copies.on.store(copied, Ordering::SeqCst);
        let second = Chromium::start().await?;
        second.go(&stage.url()).await?;
        let mut lending = stage.device.lend(&["--everything"]).await?;
        second.type_code(&lending.code).await?;
        let words = second.words().await?;
        lending.approve(&words).await?;
        if copied {
            // A first grant that does not open is the end of this code.
            let told = second.failure().await?;
            assert!(told.contains("The connection broke while the code was in use."), "{told}");
            assert_eq!(second.titles().await?, Vec::<String>::new());
        } else {
            second.open("first").await.context("control: with its own grant it reads")?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_dies_under_a_session_ends_it_on_both_screens() -> Result<()> {
    let mut stage = Stage::new().await?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    stage.device.add_bytes("second.txt", "The second text.").await?;
    let mut look = stage.lend(&["--everything"]).await?;
    stage.browser.open("first").await?;
    stage.server.kill().await?;
    stage.browser.becomes("the banner", "document.querySelector('.offline')?.hidden", false).await?;
    stage.server.resume().await?;
    // Mailboxes live in memory: with them the live channel is gone, and so is the session, on both screens.
    stage.browser.reason().await?;
    let text = stage.browser.text().await?;
    assert!(!text.contains("The first text."), "{text}");
    let last = look.lending.event_last().await?;
    assert!(is(&last, "ended"), "{last}");
    let _look = stage.lend(&["--everything"]).await.context("and a new look can be lent")?;
    stage.browser.open("second").await?;
    stage.browser.reads("The second text.").await
}
