//! Requests that a device began while it belonged, and whose bodies it sends after it was taken out.

use glimpse_server::test_server::TestServer;
use glimpse_wire::account::{Head, Veto};
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Checkpoint, Deletion};
use glimpse_wire::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::actors::*;
use crate::family::Family;
use crate::slow::connect;

/// A request that was let in: the server asks for its body.
struct Begun(TcpStream);

impl Begun {
    async fn new(server: &TestServer, by: &Phone, line: &str, media: &str) -> Self {
        let mut stream = connect(server).await;
        let token = by.http.token.expect("signed in");
        let head = format!(
            "{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {media}\r\n\
             transfer-encoding: chunked\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer, expected, "{line}: {}", String::from_utf8_lossy(&answer));
        Self(stream)
    }

    /// Sends the body; gives the status, and the slug of a problem.
    async fn end(mut self, body: &[u8]) -> (u16, Option<String>) {
        self.0.write_all(format!("{:x}\r\n", body.len()).as_bytes()).await.expect("sent");
        self.0.write_all(body).await.expect("sent");
        self.0.write_all(b"\r\n0\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).await.expect("an answer");
        let status = answer.split(' ').nth(1).expect("a status").parse().expect("a number");
        let slug = answer.split("\"type\":\"").nth(1).and_then(|rest| rest.split('"').next());
        (status, slug.map(str::to_owned))
    }
}

/// One of the things that a device writes: where, as what, and the body as of the head that the device names.
struct Write {
    line: String,
    media: &'static str,
    body: Box<dyn Fn(Head) -> Vec<u8>>,
}

fn word(key: &ed25519_dalek::SigningKey, kind: StatementKind, statement: &impl minicbor::Encode<()>) -> Vec<u8> {
    serde_json::to_vec(&SignedJson::from(sign(key, kind, statement))).expect("JSON")
}

/// A record that is there, a record to be, a checkpoint, a grant, a veto, and the end of the account.
async fn writes(phone: &Phone, recovering: DeviceId) -> Vec<Write> {
    let there = phone.add(10).await;
    let draft = phone.prepare(phone.header(RecordId(random()), None, 10)).await;
    let visit = phone.unsent_visit(Vec::new(), |_| {}).await;
    let (account, device, json) = (phone.account, phone.device, "application/json");
    let key = || phone.key.clone();
    let at = phone.now().await;
    let write = |line: String, media, body: Box<dyn Fn(Head) -> Vec<u8>>| Write { line, media, body };
    let record = there.envelope.header.record;
    vec![
        write("POST /v1/records".into(), CBOR, {
            let (key, header) = (key(), draft.envelope.header);
            Box::new(move |head| {
                envelope(header, draft.share.kid, &draft.content, head, Bytes::default(), &key).to_bytes()
            })
        }),
        write("PUT /v1/account/checkpoint".into(), json, {
            let key = key();
            Box::new(move |head| {
                let (previous, root) = (Hash::ZERO, Hash([9; 32]));
                let word_on =
                    Checkpoint { suite: SUITE, account, number: 1, previous, head, count: 1, root, at, device };
                word(&key, StatementKind::Checkpoint, &word_on)
            })
        }),
        write("POST /v1/sessions".into(), CBOR, {
            let submit = crate::chains::copy(phone);
            Box::new(move |head| submit.submission(&visit, &pairing::Terms { head, ..visit.terms.clone() }))
        }),
        write("DELETE /v1/account/recovery".into(), json, {
            let key = key();
            Box::new(move |_| word(&key, StatementKind::Veto, &Veto { suite: SUITE, account, device: recovering, at }))
        }),
        write(format!("DELETE /v1/records/{record}"), json, {
            let (key, h1) = (key(), there.envelope.h1());
            Box::new(move |head| {
                let deletion = Deletion { suite: SUITE, account, record, version: 1, h1, at, head };
                word(&key, StatementKind::Deletion, &deletion)
            })
        }),
        write("DELETE /v1/account".into(), json, {
            let key = key();
            Box::new(move |_| {
                word(&key, StatementKind::AccountDeletion, &AccountDeletion { suite: SUITE, account, at })
            })
        }),
    ]
}

/// Row 28 of the catalogue: a request that was let in before the revocation and goes on after it.
#[tokio::test]
async fn t028_a_body_that_comes_after_the_revocation_writes_nothing() {
    let server = TestServer::start().await;
    for revoked in [true, false] {
        let mut family = Family::new(&server, 2).await;
        let kit = family.equip().await;
        let thief = family.newcomer(&server);
        Http::to(&server).post("/v1/recoveries", &kit.request(&family.chain, &thief)).await.ok();
        let writes = writes(&family.phones[1], thief.device).await;
        let mut begun = Vec::new();
        for write in &writes {
            begun.push(Begun::new(&server, &family.phones[1], &write.line, write.media).await);
        }
        if revoked {
            family.revoke(0, 1).await;
        }
        let before = family.phones[0].list(0).await;
        for (write, begun) in writes.iter().zip(begun) {
            let (status, slug) = begun.end(&(write.body)(family.chain.head())).await;
            if revoked {
                assert_eq!((status, slug.as_deref()), (403, Some("device-revoked")), "{}", write.line);
            } else {
                assert!((200..300).contains(&status), "control: {} {status} {slug:?}", write.line);
            }
        }
        if revoked {
            assert_eq!(family.phones[0].list(0).await, before, "nothing was written");
            let account: Account = family.phones[0].http.get("/v1/account").await.json();
            assert!(account.recovery.is_some(), "nothing was stopped");
        }
    }
}
