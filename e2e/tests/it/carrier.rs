//! Who carries a watch's bytes: a phone that records everything, changes it, and says it again.
//!
//! The server of these tests speaks plain HTTP, so that the carrier sees what TLS hides from it elsewhere: what is proved here
//! holds without TLS.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::http::{HeaderMap, Method, header};
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use e2e::browser::Chromium;
use e2e::device::{Device, field};
use e2e::program::root;
use e2e::proxy::{Answer, Asked, Honest, Proxy, Seen, Tamper};
use e2e::record::{SECRET, TITLE};
use e2e::scan::occurrences;
use e2e::server::{Server, free_port};
use e2e::watch::Wrist;
use serde_json::Value;

fn authorization(headers: &HeaderMap) -> &str {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Everything that went through, as bytes.
fn recorded(carrier: &Proxy) -> Vec<u8> {
    let mut all = Vec::new();
    for seen in carrier.seen() {
        match seen {
            Seen::Http(asked, answer) => {
                all.extend(format!("{} {} {:?}\n", asked.method, asked.path, asked.headers).into_bytes());
                all.extend(asked.body);
                all.extend(answer.body);
            }
            Seen::Opened(_, path) => all.extend(path.into_bytes()),
            Seen::ToServer(_, frame) | Seen::ToEnd(_, frame) => all.extend(frame),
        }
        all.push(b'\n');
    }
    all
}

/// Whether digits occur with no other digit beside them.
fn stands_alone(hay: &[u8], digits: &str) -> bool {
    let length = digits.len();
    let is_digit = |at: Option<usize>| at.and_then(|at| hay.get(at)).is_some_and(u8::is_ascii_digit);
    let mut windows = hay.windows(length).enumerate();
    windows
        .any(|(at, found)| found == digits.as_bytes() && !is_digit(at.checked_sub(1)) && !is_digit(Some(at + length)))
}

/// A request of the carrier's own.
async fn send(server: &Server, asked: &Asked) -> Result<(u16, String)> {
    let url = format!("{}{}", server.url(), asked.path);
    let mut request = reqwest::Client::new().request(asked.method.clone(), url).body(asked.body.clone());
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = asked.headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), String::from_utf8_lossy(&answer.bytes().await?).into_owned()))
}

/// Every token that was presented in these requests, by whom and for whatever.
fn tokens(carrier: &Proxy) -> Vec<Asked> {
    let presented = carrier.exchanges().into_iter().map(|(asked, _)| asked);
    presented.filter(|asked| authorization(&asked.headers).starts_with("Bearer ")).collect()
}

/// Asks for the account with the authorization of another request.
async fn read_account(server: &Server, with: &Asked) -> Result<(u16, String)> {
    let (method, path) = (Method::GET, "/v1/account".to_owned());
    send(server, &Asked { method, path, headers: with.headers.clone(), body: Vec::new() }).await
}

#[tokio::test]
async fn a_carrier_learns_nothing_that_opens_or_speaks_for_the_watch() -> Result<()> {
    let wrist = Wrist::new().await?;
    let record = wrist.phone.add_secret().await?;
    let carrier = Proxy::carry(wrist.socket().as_ref(), &wrist.server.url(), Arc::new(Honest))?;
    let linked = wrist.link().await?;
    let shown = wrist.watch.run(&["show", &record]).await?;
    assert_eq!(field(shown.first().context("nothing is shown")?, "text")?, SECRET);
    let written = wrist.watch.add_bytes("second.txt", format!("{SECRET} {SECRET}")).await?;
    let browser = Chromium::start().await?;
    let mut lending = wrist.watch.lend(&["--everything"]).await?;
    browser.enter(&wrist.server.url(), &lending.code).await?;
    let words = browser.words().await?;
    lending.approve(&words).await?;
    browser.open(TITLE).await?;
    browser.reads(SECRET).await?;
    lending.event("opened").await?;
    lending.end().await?;
    assert_eq!(wrist.nowhere.reached(), 0, "all of it went by the socket");

    let all = recorded(&carrier);
    let digits = |code: &str| code.chars().filter(char::is_ascii_digit).collect::<String>();
    let secret = |code: &str, length: usize| digits(code).chars().skip(3).take(length).collect::<String>();
    for (name, text) in [
        ("content", SECRET.to_owned()),
        ("title", TITLE.to_owned()),
        ("secret of the linking code", secret(&linked.code, 12)),
        ("code as shown", lending.code.clone()),
        ("check words", words),
        ("name of the watch", "Wristlet".to_owned()),
        ("serial number", "SN-778-112".to_owned()),
        ("passphrase", "four walls and a door".to_owned()),
    ] {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let forms = [
            text.clone().into_bytes(),
            Base64::encode_string(text.as_bytes()).trim_end_matches('=').into(),
            Base64UrlUnpadded::encode_string(text.as_bytes()).into_bytes(),
            hex.into_bytes(),
        ];
        for form in forms {
            assert_eq!(occurrences(&all, &form), 0, "{name} was carried");
        }
    }
    // Six digits are part of many a time in milliseconds: looked for between anything but digits.
    assert!(!stands_alone(&all, &secret(&lending.code, 6)), "secret of the lending code");
    let nameplate: String = digits(&lending.code).chars().take(3).collect();
    assert!(stands_alone(&all, &nameplate), "control: the nameplate goes to the server");
    assert!(occurrences(&all, written.as_bytes()) > 0, "control: the id of a record is found by the same search");

    // No sign-in, and no token that is good for more than a mailbox.
    let signed =
        carrier.exchanges().iter().filter(|(asked, _)| authorization(&asked.headers).starts_with("Signed ")).count();
    ensure!(signed > 10, "control: {signed} requests are signed");
    assert!(!carrier.exchanges().iter().any(|(asked, _)| asked.path.starts_with("/v1/sign-in")), "it never signs in");
    for asked in tokens(&carrier) {
        assert!(asked.path.starts_with("/v1/mailboxes/"), "{} {}", asked.method, asked.path);
        let (status, problem) = read_account(&wrist.server, &asked).await?;
        assert!(status == 401 && problem.contains("unauthorised"), "{status} {problem}");
    }

    // Control: what carries for a device with a network of its own, and without TLS, has a token and speaks for it.
    let port = free_port()?;
    let server = Server::known_as(&[&format!("http://127.0.0.1:{port}")]).await?;
    let eavesdropper = Proxy::start(port, &server.url(), Arc::new(Honest)).await?;
    let phone = Device::create(&eavesdropper.url()).await?;
    phone.run(&["ls"]).await?;
    let token = tokens(&eavesdropper).into_iter().next_back().context("control: a phone shows a token")?;
    assert_eq!(read_account(&server, &token).await?.0, 200, "control: which opens the account to whoever has it");
    Ok(())
}

/// How a carrier changes a request.
type Change = fn(&mut Asked);

/// Changes the requests that the watch signs, while it is told to.
#[derive(Default)]
struct Forger(Mutex<Option<Change>>);

impl Forger {
    fn does(&self, change: Option<Change>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = change;
    }
}

impl Tamper for Forger {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        let change = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(change) = change
            && !authorization(&asked.headers).is_empty()
        {
            change(asked);
        }
        None
    }
}

/// Asks for another page of the records than the device did.
fn other_query(asked: &mut Asked) {
    if asked.path.starts_with("/v1/records?") {
        asked.path = "/v1/records?after=0&limit=1".to_owned();
    }
}

/// Asks for the account in place of the sessions.
fn other_path(asked: &mut Asked) {
    if asked.path == "/v1/sessions" {
        asked.path = "/v1/account".to_owned();
    }
}

/// Writes a record where the list of them was to be read.
fn other_method(asked: &mut Asked) {
    if asked.path.starts_with("/v1/records?") {
        asked.method = Method::POST;
    }
}

/// Turns one bit of a small body around.
fn other_body(asked: &mut Asked) {
    if asked.path == "/v1/shares"
        && let Some(byte) = asked.body.iter_mut().rfind(|byte| byte.is_ascii_alphanumeric())
    {
        *byte ^= 1;
    }
}

#[tokio::test]
async fn a_carrier_that_changes_a_request_is_refused() -> Result<()> {
    let wrist = Wrist::new().await?;
    wrist.phone.add_bytes("note.txt", SECRET).await?;
    let forger = Arc::new(Forger::default());
    let _carrier = Proxy::carry(wrist.socket().as_ref(), &wrist.server.url(), forger.clone())?;
    wrist.link().await?;
    let example = root()?.join("examples/note.txt").display().to_string();
    let cases: [(&str, Change, &[&str]); 4] = [
        ("another query", other_query, &["ls"]),
        ("another path", other_path, &["sessions"]),
        ("another method", other_method, &["ls"]),
        ("another body", other_body, &["add", &example]),
    ];
    for (what, change, command) in cases {
        forger.does(Some(change));
        assert_eq!(wrist.watch.refused(command).await.context(what)?, "unauthorised", "{what}");
        forger.does(None);
        wrist.watch.run(command).await.with_context(|| format!("control: without {what}"))?;
    }

    // Control: a token signs nothing. What carries for a device with one asks for what it likes.
    let port = free_port()?;
    let server = Server::known_as(&[&format!("http://127.0.0.1:{port}")]).await?;
    let forger = Arc::new(Forger::default());
    let carrier = Proxy::start(port, &server.url(), forger.clone()).await?;
    let phone = Device::create(&carrier.url()).await?;
    forger.does(Some(other_query));
    phone.run(&["ls"]).await.context("control: a changed query passes with a token")?;
    let changed = carrier.exchanges().into_iter().rfind(|(asked, _)| asked.path == "/v1/records?after=0&limit=1");
    assert_eq!(changed.context("control: it was changed")?.1.status, 200);
    Ok(())
}

/// Turns one bit of sealed content around, which streams and is not part of what the device signs.
fn other_chunk(asked: &mut Asked) {
    if asked.method == Method::PUT
        && asked.path.starts_with("/v1/contents/")
        && let Some(byte) = asked.body.last_mut()
    {
        *byte ^= 1;
    }
}

#[tokio::test]
async fn sealed_content_that_a_carrier_changes_becomes_no_record() -> Result<()> {
    let wrist = Wrist::new().await?;
    let forger = Arc::new(Forger::default());
    let _carrier = Proxy::carry(wrist.socket().as_ref(), &wrist.server.url(), forger.clone())?;
    wrist.link().await?;
    let file = wrist.watch.folder().join("changed.txt");
    tokio::fs::write(&file, SECRET).await?;
    forger.does(Some(other_chunk));
    assert_eq!(wrist.watch.refused(&["add", &file.display().to_string()]).await?, "record-tampered");
    forger.does(None);
    let honest = wrist.watch.add(&file).await.context("control: what was not changed is taken")?;
    for device in [&wrist.watch, &wrist.phone] {
        let listed = device.run(&["ls"]).await?;
        assert_eq!(listed.last().and_then(|event| event.get("records")), Some(&1.into()), "{listed:?}");
        let shown = device.run(&["show", &honest]).await?;
        assert_eq!(field(shown.first().context("nothing is shown")?, "text")?, SECRET);
    }
    Ok(())
}

#[tokio::test]
async fn a_carrier_that_says_a_request_again_is_refused() -> Result<()> {
    let wrist = Wrist::new().await?;
    wrist.phone.add_bytes("note.txt", SECRET).await?;
    let carrier = Proxy::carry(wrist.socket().as_ref(), &wrist.server.url(), Arc::new(Honest))?;
    wrist.link().await?;
    wrist.watch.run(&["ls"]).await?;
    let signed: Vec<Asked> = carrier
        .exchanges()
        .into_iter()
        .filter(|(asked, answer)| authorization(&asked.headers).starts_with("Signed ") && answer.status.is_success())
        .map(|(asked, _)| asked)
        .collect();
    ensure!(signed.len() > 2, "control: the watch sent {} requests, and each was good once", signed.len());
    for asked in &signed {
        let (status, problem) = send(&wrist.server, asked).await?;
        let slug = serde_json::from_str::<Value>(&problem).ok().and_then(|problem| field(&problem, "type").ok());
        assert_eq!((status, slug.as_deref()), (409, Some("device-doubled")), "{} {}", asked.method, asked.path);
    }
    wrist.watch.run(&["ls"]).await.context("control: the watch's own next request is good")?;
    let devices = wrist.phone.run(&["inbox", "--all"]).await?;
    assert!(devices.iter().all(|notice| notice.get("kind") != Some(&"doubled".into())), "{devices:?}");

    // Control: what carries a token's request can say it again.
    let port = free_port()?;
    let server = Server::known_as(&[&format!("http://127.0.0.1:{port}")]).await?;
    let eavesdropper = Proxy::start(port, &server.url(), Arc::new(Honest)).await?;
    let phone = Device::create(&eavesdropper.url()).await?;
    phone.run(&["ls"]).await?;
    let again = eavesdropper.exchanges().into_iter().rfind(|(asked, _)| asked.path.starts_with("/v1/records?"));
    let (again, _) = again.context("control: a request of the phone")?;
    assert_eq!(send(&server, &again).await?.0, 200, "control: the same request again is answered");
    Ok(())
}
