//! The suite's byte in everything that the server reads: another value is refused, whoever signed it (attack 12). The
//! sealed things that only the two ends read are in core's matrix.

use ed25519_dalek::Signer;
use glimpse_server::test_server::TestServer;
use glimpse_wire::account::{HeadStatement, Link, SignedLink};
use glimpse_wire::api::*;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::pairing::{Offer, Purpose, Terms};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::record::{Deletion, Header};
use glimpse_wire::session::{Countersignature, End, OpenRequest, Side, UnitEnvelope};
use glimpse_wire::size::{padded, sealed};
use glimpse_wire::*;
use reqwest::Method;

use crate::actors::*;

/// Sends everything that has a suite, with this one in it and right in all else. What the server says to each.
async fn said(suite: u8) -> Vec<(&'static str, Option<ErrorCode>)> {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let json = |signed: account::Signed| SignedJson::from(signed);
    let mut heard: Vec<(&'static str, Said)> = Vec::new();

    let newcomer = Phone::unboxed(&server);
    let genesis: SignedLink = decode(newcomer.founding.genesis.as_slice(), 1 << 16).expect("a link");
    let link = encode(&Link { suite, ..decode(genesis.link.as_slice(), 1 << 16).expect("a link") });
    let signature = SignatureBytes(newcomer.key.sign(&preimage::link_signature(&link)).to_bytes());
    let genesis = Bytes(encode(&SignedLink { link: Bytes(link), signature }));
    let founding = CreateAccount { genesis, wrap: newcomer.founding.wrap.clone() };
    heard.push(("genesis link", newcomer.http.post("/v1/accounts", &founding).await));

    let ask = ChallengeRequest { account: phone.account, device: phone.device };
    let challenge: Challenge = phone.http.post("/v1/sign-in/challenge", &ask).await.json();
    let (account, device, at) = (phone.account, phone.device, challenge.now);
    let answer =
        SignIn { suite, account, device, origin: server.url(), challenge: challenge.challenge, at, counter: 2 };
    heard.push((
        "sign-in",
        phone.http.post("/v1/sign-in", &json(sign(&phone.key, StatementKind::SignIn, &answer))).await,
    ));

    let statement = HeadStatement { suite, account, head: phone.head, at, device };
    let word = json(sign(&phone.key, StatementKind::Head, &statement));
    heard.push(("head statement", phone.http.json(Method::PUT, "/v1/account/head", &word).await));

    let header = Header { suite, ..phone.header(RecordId(random()), None, 10) };
    let version = phone.prepare(header).await;
    heard.push(("header", phone.publish(&version).await));

    let lasting = phone.add(10).await;
    let header = lasting.envelope.header;
    let (record, h1) = (header.record, lasting.envelope.h1());
    let deletion = Deletion { suite, account, record, version: header.version, h1, at, head: phone.head };
    let word = json(sign(&phone.key, StatementKind::Deletion, &deletion));
    heard.push(("deletion", phone.http.json(Method::DELETE, &format!("/v1/records/{record}"), &word).await));

    let writer = ed25519_dalek::SigningKey::from_bytes(&random());
    let author = preimage::writer_id(&public(&writer));
    let header = Header { author, ..phone.header(RecordId(random()), None, 10) };
    let mint = WriterMint { suite, account, writer: public(&writer), record: header.record, h0: header.h0(), at };
    let word = json(sign(&writer, StatementKind::WriterMint, &mint));
    heard.push(("writer's mint", phone.http.post("/v1/writes/shares", &word).await));

    let mailbox: Mailbox = phone.http.post("/v1/mailboxes", &OpenMailbox { purpose: PurposeWord::View }).await.json();
    let offer = Offer {
        suite,
        purpose: Purpose::View,
        mailbox: mailbox.mailbox,
        server_nonce: mailbox.server_nonce,
        device_nonce: Hash(random()),
        identity: Hash(random()),
        expires: mailbox.expires,
    };
    let path = format!("/v1/mailboxes/{}/offer", mailbox.mailbox);
    heard.push(("offer", phone.http.with(mailbox.token).bytes(Method::PUT, &path, encode(&offer)).await));

    let refused = phone.try_lend(vec![unit().1], |terms| terms.suite = suite).await.err();
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    let session = visit.session;
    let next = Terms { suite, seq: 2, units: Vec::new(), ..visit.terms.clone() };
    let path = format!("/v1/sessions/{session}/terms");
    let submission = phone.submission(&visit, &next);
    heard.push(("further terms", phone.http.bytes(Method::POST, &path, submission).await));

    let salt = Salt(random());
    let scope = ShareScope::Session { session, unit: id, salt };
    let _minted: Minted = phone.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await.json();
    let terms = preimage::terms_hash(&encode(&visit.terms));
    let envelope = UnitEnvelope { suite, session, unit: id, salt, terms, commit: Hash(random()), size: padded(10) };
    let body = unit_body(&envelope, &noise(sealed(envelope.size)));
    heard.push(("unit envelope", phone.http.bytes(Method::PUT, &unit_path(&visit, &id), body).await));

    let (other, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    let session = visit.session;
    phone.seal_unit(&visit, other, 10).await;
    let request = OpenRequest { suite, ..visit.request(other, 1, Hash::ZERO) };
    heard.push(("open request", visit.send(&request).await));

    let receipts = phone.receipts(&session).await.receipts;
    let head = preimage::receipt_hash(receipts.last().expect("granted").as_slice());
    let seq = u64::try_from(receipts.len()).expect("few") - 1;
    let word = encode(&sign(&phone.key, StatementKind::Countersign, &Countersignature { suite, session, head, seq }));
    let path = format!("/v1/sessions/{session}/countersign");
    heard.push(("countersignature", phone.http.bytes(Method::POST, &path, word).await));

    let end = End { suite, session, side: Side::Device, last_receipt: Hash::ZERO, at };
    let word = encode(&sign(&phone.key, StatementKind::End, &end));
    heard.push(("end", phone.http.bytes(Method::POST, &format!("/v1/sessions/{session}/end"), word).await));

    let deletion = AccountDeletion { suite, account, at: phone.now().await };
    let word = json(sign(&phone.key, StatementKind::AccountDeletion, &deletion));
    heard.push(("account's deletion", phone.http.json(Method::DELETE, "/v1/account", &word).await));

    let code = |said: &Said| (!said.status.is_success()).then(|| said.code());
    let heard = heard.iter().map(|(name, said)| (*name, code(said)));
    heard.chain([("first terms", refused.as_ref().and_then(code))]).collect()
}

#[tokio::test]
async fn t012_no_suite_byte_can_be_changed() {
    let (by_name, malformed) = (Some(ErrorCode::Malformed), Some(ErrorCode::Malformed));
    let expected = [
        ("genesis link", malformed),
        ("sign-in", by_name),
        ("head statement", malformed),
        ("header", malformed),
        ("deletion", malformed),
        ("writer's mint", malformed),
        ("offer", by_name),
        ("further terms", by_name),
        ("unit envelope", malformed),
        ("open request", malformed),
        ("countersignature", malformed),
        ("end", malformed),
        ("account's deletion", malformed),
        ("first terms", by_name),
    ];
    for suite in [0, 2, 255] {
        assert_eq!(said(suite).await, expected, "suite {suite}");
    }
    // Control: with the one suite all of them are taken.
    assert_eq!(said(SUITE).await, expected.map(|(name, _)| (name, None)));
}
