//! The real program, killed in the middle of its work, again and again.

use glimpse_server::KeyFile;
use glimpse_server::test_server::ScratchFolder;
use glimpse_wire::api::{Account, Appended, DeviceWrap, Share};
use glimpse_wire::record::{Change, Envelope};
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::actors::{Http, Phone, Version, opened, unit};
use crate::family::Family;

/// The program `glimpse-server`, as a process of its own.
struct Process {
    child: Child,
    folder: ScratchFolder,
    address: SocketAddr,
}

impl Process {
    fn new() -> Self {
        let folder = ScratchFolder::new().expect("a folder");
        KeyFile::generate(&folder.path().join("k")).expect("a key file");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        drop(listener);
        Self { child: Self::spawn(&folder, address), folder, address }
    }

    fn spawn(folder: &ScratchFolder, address: SocketAddr) -> Child {
        Command::new(env!("CARGO_BIN_EXE_glimpse-server"))
            .args(["serve", "--listen", &address.to_string()])
            .args(["--set", "log_level=warn", "--set", "limits.requests_per_address=1000000"])
            .args(["--set", "limits.mints_per_signer=1000000", "--set", "limits.releases_per_device=1000000"])
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--key-file")
            .arg(folder.path().join("k"))
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts")
    }

    /// SIGKILL, and a new process over the same data.
    async fn crash(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        self.child = Self::spawn(&self.folder, self.address);
        self.ready().await;
    }

    async fn ready(&self) {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while crate::http::client().get(format!("http://{}/readyz", self.address)).send().await.is_err() {
            assert!(std::time::Instant::now() < deadline, "the server does not come up");
            tokio::task::yield_now().await;
        }
    }

    fn http(&self) -> Http {
        Http { client: crate::http::client(), url: format!("http://{}", self.address), token: None }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the phone asked for and whether it was told that it is done.
struct Attempt {
    version: Version,
    acknowledged: bool,
}

/// Adds a record step by step, as a device would; `None` at the step that the crash broke.
async fn try_add(phone: &Phone, attempts: &std::sync::Mutex<Vec<Attempt>>) -> Option<()> {
    let header = phone.header(RecordId(crate::actors::random()), None, 300_000);
    let scope = api::ShareScope::Record { record: header.record, version: 1, h0: header.h0() };
    let ask = api::MintRequest { shares: vec![scope], head: None };
    let minted = phone.http.request(Method::POST, "/v1/shares").json(&ask).send().await.ok()?;
    let minted: api::Minted = minted.json().await.ok()?;
    let share = minted.shares.into_iter().next()?;
    let content = crate::actors::noise(size::sealed(header.size));
    let path = format!("/v1/contents/{}", header.h0());
    let put = phone.http.request(Method::PUT, &path).body(content.clone()).send().await.ok()?;
    assert_eq!(put.status(), StatusCode::NO_CONTENT);
    let envelope = crate::actors::envelope(header, share.kid, &content, phone.head, Default::default(), &phone.key);
    let body = envelope.to_bytes();
    let index = {
        let mut attempts = attempts.lock().expect("sound");
        attempts.push(Attempt { version: Version { envelope, content, share }, acknowledged: false });
        attempts.len() - 1
    };
    let published = phone.http.request(Method::POST, "/v1/records").body(body).send().await.ok()?;
    assert_eq!(published.status(), StatusCode::CREATED);
    attempts.lock().expect("sound")[index].acknowledged = true;
    Some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t096_a_killed_server_loses_no_record_and_shows_no_half_one() {
    let mut server = Process::new();
    server.ready().await;
    let phone = Phone::found(server.http()).await;
    let attempts = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let phone = std::sync::Arc::new(phone);
    // A thousand kills in `cargo xtask soak`.
    let rounds: usize = if std::env::var_os("GLIMPSE_SOAK").is_some() { 1_000 } else { 12 };
    for round in 0..rounds {
        let adding: Vec<_> = (0..3)
            .map(|_| {
                let (phone, attempts) = (std::sync::Arc::clone(&phone), std::sync::Arc::clone(&attempts));
                tokio::spawn(async move { while try_add(&phone, &attempts).await.is_some() {} })
            })
            .collect();
        // Once a few more are done, the next are under way, each at another step.
        let done = || attempts.lock().expect("sound").iter().filter(|attempt: &&Attempt| attempt.acknowledged).count();
        let enough = done() + 1 + round % 3;
        while done() < enough {
            tokio::task::yield_now().await;
        }
        server.crash().await;
        for task in adding {
            task.abort();
            let _ = task.await;
        }
    }

    let (mut changes, mut page) = (Vec::new(), phone.list(0).await);
    changes.append(&mut page.changes);
    while page.more {
        page = phone.list(page.next).await;
        changes.append(&mut page.changes);
    }
    let listed: Vec<Envelope> = changes
        .iter()
        .map(|change| match change {
            Change::Version { envelope, .. } => Envelope::parse(envelope.as_slice()).expect("an envelope"),
            other => panic!("{other:?}"),
        })
        .collect();
    let attempts = std::mem::take(&mut *attempts.lock().expect("sound"));
    let acknowledged = attempts.iter().filter(|attempt| attempt.acknowledged).count();
    assert!(acknowledged >= rounds, "control: work was done between the kills ({acknowledged})");
    for attempt in attempts.iter().filter(|attempt| attempt.acknowledged) {
        assert!(listed.contains(&attempt.version.envelope), "an acknowledged record is lost");
    }
    // Whatever is listed is whole: its content and its share are there, and are the ones that were made for it.
    for envelope in &listed {
        let attempt = attempts.iter().find(|attempt| attempt.version.envelope == *envelope).expect("known");
        let path = format!("/v1/contents/{}", envelope.header.h0());
        assert_eq!(phone.http.get(&path).await.body, attempt.version.content);
        assert_eq!(phone.release(&attempt.version).await.json::<Share>(), attempt.version.share);
    }
    // And nothing that was cut off is left lying about: one file for each upload that was finished.
    let files = std::fs::read_dir(server.folder.path().join("data/blobs")).expect("a folder").count();
    assert!(
        files >= listed.len() && files <= attempts.len() + rounds * 3,
        "{files} files for {} records",
        listed.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t096_a_killed_server_brings_back_no_code_and_no_session() {
    let mut server = Process::new();
    server.ready().await;
    let phone = Phone::found(server.http()).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let first = opened(&visit.open(id, 1).await);
    let shown = phone.show_code().await;
    server.crash().await;

    let claim = api::Claim { nameplate: shown.nameplate.clone(), purpose: api::PurposeWord::View };
    assert_eq!(server.http().post("/v1/claims", &claim).await.code(), ErrorCode::CodeUnknown);
    // The live channel is lost, so the session is over, for the identical request as well. What was opened stays on record.
    assert_eq!(visit.open(id, 1).await.code(), ErrorCode::SessionEnded);
    let receipts = phone.receipts(&visit.session).await.receipts;
    assert_eq!(receipts[..first.receipts.len()], first.receipts);
    assert_eq!(receipts.len(), first.receipts.len() + 2, "ended, and deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t096_a_killed_server_has_a_link_whole_or_not_at_all() {
    let mut server = Process::new();
    server.ready().await;
    let mut family = Family::of(Phone::found(server.http()).await);
    let mut wraps = vec![DeviceWrap { device: family.phones[0].device, wrap: family.phones[0].founding.wrap.clone() }];
    let rounds: usize = if std::env::var_os("GLIMPSE_SOAK").is_some() { 1_000 } else { 12 };
    let mut kept = 0;
    for round in 0..rounds {
        let (act, next) = family.rotation();
        let link = family.act(&family.phones[0], act, next.clone());
        let asked = family.phones[0].http.request(Method::POST, "/v1/account/links").json(&link);
        let asking = tokio::spawn(asked.send());
        // Each time a little later: before the link is there, while it is, after its answer.
        let (begun, late) = (std::time::Instant::now(), Duration::from_millis(round as u64 % 12 * 2));
        while begun.elapsed() < late || (round + 1 == rounds && !asking.is_finished()) {
            tokio::task::yield_now().await;
        }
        server.crash().await;
        let answered = matches!(asking.await.expect("no panic"), Ok(answer) if answer.status() == StatusCode::OK);
        let before = family.chain.head().seq + 1;
        let account: Account = family.phones[0].http.get("/v1/account").await.json();
        if account.chain.length == before {
            assert!(!answered, "a link that was answered is lost");
            assert_eq!(account.wraps, wraps, "nothing of it is there");
        } else {
            assert_eq!((account.chain.length, account.chain.links.last()), (before + 1, Some(&link.link)));
            assert_eq!(account.wraps, next, "all of it is there");
        }
        // The same bytes again come to the same end in both cases.
        let again: Appended = family.phones[0].http.post("/v1/account/links", &link).await.json();
        family.take(&link);
        assert_eq!(again.head, family.chain.head());
        wraps = next;
        kept += usize::from(answered);
    }
    assert!(kept > 0, "control: some were answered before the kill");
}
