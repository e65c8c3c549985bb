//! A phone, a viewer and a writer that speak the protocol and seal nothing: to the server, ciphertext is random bytes.

use ed25519_dalek::{Signer, SigningKey};
use glimpse_server::test_server::TestServer;
use glimpse_wire::account::{DevicePublic, Epoch, Head, Link, LinkBody, Signed, SignedLink, WrapCommitment};
use glimpse_wire::account::{KEM_ENC_LEN, KEM_KEY_LEN};
use glimpse_wire::api::*;
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::merkle::MerkleTree;
use glimpse_wire::pairing::{Offer, Purpose, Rights, Terms, TermsUnit};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::record::{Deletion, Envelope, Header, Page, WRAPPED_LEN};
use glimpse_wire::session::{Countersignature, End, GrantSubmission, OpenRequest, Opened, Side, Stop, UnitEnvelope};
use glimpse_wire::size::{SEALED_CHUNK, padded, sealed};
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use crate::http::{Http, Said};

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

pub(crate) fn noise(length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).expect("small")];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

/// The signature of `statement` under its label.
pub(crate) fn sign<T: minicbor::Encode<()>>(key: &SigningKey, kind: StatementKind, statement: &T) -> Signed {
    let signature = key.sign(&Signed::preimage(kind, statement));
    Signed { statement: Bytes(encode(statement)), signature: SignatureBytes(signature.to_bytes()) }
}

pub(crate) fn public(key: &SigningKey) -> SigningKeyBytes {
    SigningKeyBytes(key.verifying_key().to_bytes())
}

/// A linked device.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) http: Http,
    pub(crate) key: SigningKey,
    pub(crate) device: DeviceId,
    pub(crate) public: DevicePublic,
    pub(crate) account: AccountId,
    pub(crate) head: Head,
    pub(crate) founding: CreateAccount,
    /// The counter of the last sign-in.
    pub(crate) sign_ins: AtomicU64,
}

/// A record version as its author remembers it.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
    pub(crate) share: Share,
}

impl Phone {
    /// Keys and a genesis link, unknown to any server.
    pub(crate) fn unboxed(server: &TestServer) -> Self {
        Self::keys(Http::to(server))
    }

    fn keys(http: Http) -> Self {
        let key = SigningKey::from_bytes(&random());
        let device =
            DevicePublic { signing: public(&key), kem: Bytes(noise(KEM_KEY_LEN as u64)), serial: Bytes::default() };
        let wrap = noise(KEM_ENC_LEN as u64 + 48);
        let id = device.id();
        let epoch = Epoch {
            number: 1,
            account_key: Bytes(noise(KEM_KEY_LEN as u64)),
            wraps: vec![WrapCommitment { device: id, hash: preimage::wrap_hash(&wrap) }],
            previous_seed: Bytes::default(),
        };
        let genesis = device.clone();
        let body = LinkBody::Genesis { random: Hash(random()), device: genesis, epoch, recovery: Vec::new() };
        let link = encode(&Link { suite: SUITE, seq: 0, previous: Hash::ZERO, body, signer: id });
        let signature = SignatureBytes(key.sign(&preimage::link_signature(&link)).to_bytes());
        Self {
            http,
            device: id,
            public: device,
            account: preimage::account_id(&link),
            head: Head { seq: 0, hash: preimage::link_hash(&link) },
            founding: CreateAccount {
                genesis: Bytes(encode(&SignedLink { link: Bytes(link), signature })),
                wrap: Bytes(wrap),
            },
            key,
            sign_ins: AtomicU64::new(0),
        }
    }

    /// A device with an account, signed in.
    pub(crate) async fn new(server: &TestServer) -> Self {
        Self::found(Http::to(server)).await
    }

    /// The same, at a server that is known by its address alone.
    pub(crate) async fn found(http: Http) -> Self {
        let mut phone = Self::keys(http);
        let founded: Account = phone.http.post("/v1/accounts", &phone.founding).await.json();
        assert_eq!(founded.chain.account, phone.account);
        phone.sign_in().await;
        phone
    }

    pub(crate) async fn sign_in(&mut self) {
        let answer = self.answer_challenge(&self.http.url.clone()).await;
        let token: Token = self.http.post("/v1/sign-in", &answer).await.json();
        self.http.token = Some(token.token);
    }

    /// A signed answer to a fresh challenge, for the server at `origin`.
    pub(crate) async fn answer_challenge(&self, origin: &str) -> SignedJson {
        let ask = ChallengeRequest { account: self.account, device: self.device };
        let challenge: Challenge = self.http.post("/v1/sign-in/challenge", &ask).await.json();
        let answer = SignIn {
            suite: SUITE,
            account: self.account,
            device: self.device,
            origin: origin.to_owned(),
            challenge: challenge.challenge,
            at: challenge.now,
            counter: self.sign_ins.fetch_add(1, Ordering::Relaxed) + 1,
        };
        sign(&self.key, StatementKind::SignIn, &answer).into()
    }

    pub(crate) async fn now(&self) -> UnixMillis {
        self.http.get("/v1/info").await.json::<Info>().now
    }

    /// The header of a next version, of `size` padded bytes.
    pub(crate) fn header(&self, record: RecordId, before: Option<&Version>, length: u64) -> Header {
        Header {
            suite: SUITE,
            account: self.account,
            record,
            version: before.map_or(1, |version| version.envelope.header.version + 1),
            previous: before.map_or(Hash::ZERO, |version| version.envelope.h1()),
            epoch: 1,
            author: self.device.into(),
            created: UnixMillis(1),
            salt: Salt(random()),
            size: padded(length),
        }
    }

    pub(crate) async fn mint(&self, header: &Header) -> Share {
        let scope = ShareScope::Record { record: header.record, version: header.version, h0: header.h0() };
        let minted: Minted =
            self.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await.json();
        minted.shares.into_iter().next().expect("one share")
    }

    /// Everything of a version but its publication: minted, uploaded, signed.
    pub(crate) async fn prepare(&self, header: Header) -> Version {
        let share = self.mint(&header).await;
        let content = noise(sealed(header.size));
        self.http.bytes(Method::PUT, &format!("/v1/contents/{}", header.h0()), content.clone()).await.ok();
        let envelope = envelope(header, share.kid, &content, self.head, Bytes::default(), &self.key);
        Version { envelope, content, share }
    }

    pub(crate) async fn publish(&self, version: &Version) -> Said {
        self.http.bytes(Method::POST, "/v1/records", version.envelope.to_bytes()).await
    }

    /// A published record of `length` bytes of plaintext.
    pub(crate) async fn add(&self, length: u64) -> Version {
        let version = self.prepare(self.header(RecordId(random()), None, length)).await;
        self.publish(&version).await.ok();
        version
    }

    pub(crate) async fn list(&self, after: u64) -> Page {
        let said = self.http.get(&format!("/v1/records?after={after}")).await;
        assert_eq!(said.status, StatusCode::OK);
        decode(&said.body, usize::MAX).expect("a page")
    }

    pub(crate) async fn release(&self, version: &Version) -> Said {
        let Header { record, version, .. } = version.envelope.header;
        self.http.bytes(Method::POST, &format!("/v1/records/{record}/versions/{version}/share"), Vec::new()).await
    }

    pub(crate) async fn delete(&self, version: &Version) -> Said {
        let header = version.envelope.header;
        let deletion = Deletion {
            suite: SUITE,
            account: self.account,
            record: header.record,
            version: header.version,
            h1: version.envelope.h1(),
            at: UnixMillis(2),
            head: self.head,
        };
        let signed: SignedJson = sign(&self.key, StatementKind::Deletion, &deletion).into();
        self.http.json(Method::DELETE, &format!("/v1/records/{}", header.record), &signed).await
    }

    /// A mailbox with its Offer: the code is on the screen.
    pub(crate) async fn show_code(&self) -> Mailbox {
        let mailbox: Mailbox =
            self.http.post("/v1/mailboxes", &OpenMailbox { purpose: PurposeWord::View }).await.json();
        self.put_offer(&mailbox).await.ok();
        mailbox
    }

    pub(crate) async fn put_offer(&self, mailbox: &Mailbox) -> Said {
        self.put_offer_for(Purpose::View, mailbox).await
    }

    pub(crate) async fn put_offer_for(&self, purpose: Purpose, mailbox: &Mailbox) -> Said {
        let offer = Offer {
            suite: SUITE,
            purpose,
            mailbox: mailbox.mailbox,
            server_nonce: mailbox.server_nonce,
            device_nonce: Hash(random()),
            identity: Hash(random()),
            expires: mailbox.expires,
        };
        let path = format!("/v1/mailboxes/{}/offer", mailbox.mailbox);
        self.http.with(mailbox.token).bytes(Method::PUT, &path, encode(&offer)).await
    }

    /// A session with these units, granted to a new viewer through a pairing of its own.
    pub(crate) async fn lend(&self, units: Vec<TermsUnit>, change: impl FnOnce(&mut Terms)) -> Visit {
        self.try_lend(units, change).await.expect("the server takes the session")
    }

    /// The same, where the server may refuse the session.
    pub(crate) async fn try_lend(&self, units: Vec<TermsUnit>, change: impl FnOnce(&mut Terms)) -> Result<Visit, Said> {
        let visit = self.unsent_visit(units, change).await;
        let submission = self.submission(&visit, &visit.terms);
        let said = self.http.bytes(Method::POST, "/v1/sessions", submission).await;
        if said.status == StatusCode::CREATED { Ok(visit) } else { Err(said) }
    }

    /// The same, without the server's having been told of the session.
    pub(crate) async fn unsent_visit(&self, units: Vec<TermsUnit>, change: impl FnOnce(&mut Terms)) -> Visit {
        let mailbox = self.show_code().await;
        let http = Http { token: None, ..self.http.clone() };
        let claim = Claim { nameplate: mailbox.nameplate.clone(), purpose: PurposeWord::View };
        let claimed: Claimed = http.post("/v1/claims", &claim).await.json();
        self.visit_in(mailbox, &claimed, units, change).await
    }

    /// A session in a mailbox that was claimed, which the server has not been told of.
    pub(crate) async fn visit_in(
        &self,
        mailbox: Mailbox,
        claimed: &Claimed,
        units: Vec<TermsUnit>,
        change: impl FnOnce(&mut Terms),
    ) -> Visit {
        let viewer = SigningKey::from_bytes(&random());
        let transcript = Hash(random());
        let issued = self.now().await;
        let mut terms = Terms {
            suite: SUITE,
            session: preimage::session_id(&transcript),
            account: self.account,
            viewer: public(&viewer),
            units,
            rights: Rights::VIEW,
            budget: 100,
            rate: 30,
            issued,
            expires: issued.plus(5 * 60 * 1000),
            head: self.head,
            seq: 1,
            asked: Hash::ZERO,
            withheld: 0,
        };
        change(&mut terms);
        Visit {
            http: Http { token: None, ..self.http.clone() },
            key: viewer,
            session: terms.session,
            mailbox: mailbox.mailbox,
            nameplate: mailbox.nameplate,
            device_token: mailbox.token,
            viewer_token: claimed.token,
            transcript,
            terms,
        }
    }

    pub(crate) fn submission(&self, visit: &Visit, terms: &Terms) -> Vec<u8> {
        submission_by(&self.key, visit, terms)
    }

    /// Mints and uploads the sealing of a unit; returns the share and the ciphertext.
    pub(crate) async fn seal_unit(&self, visit: &Visit, unit: UnitId, length: u64) -> (Share, Vec<u8>) {
        let salt = Salt(random());
        let scope = ShareScope::Session { session: visit.session, unit, salt };
        let minted: Minted =
            self.http.post("/v1/shares", &MintRequest { shares: vec![scope], head: None }).await.json();
        let envelope = visit.sealing(unit, salt, length);
        let content = noise(sealed(envelope.size));
        self.http.bytes(Method::PUT, &unit_path(visit, &unit), unit_body(&envelope, &content)).await.ok();
        (minted.shares.into_iter().next().expect("one share"), content)
    }

    pub(crate) fn end_statement(&self, visit: &Visit) -> Signed {
        let end = End {
            suite: SUITE,
            session: visit.session,
            side: Side::Device,
            last_receipt: Hash::ZERO,
            at: UnixMillis(3),
        };
        sign(&self.key, StatementKind::End, &end)
    }

    pub(crate) async fn end(&self, visit: &Visit) -> Said {
        let path = format!("/v1/sessions/{}/end", visit.session);
        self.http.bytes(Method::POST, &path, encode(&self.end_statement(visit))).await
    }

    /// Ends a session that another device of the account began; `edit` may spoil what is signed.
    pub(crate) async fn stop(&self, visit: &Visit, edit: impl FnOnce(&mut Stop)) -> Said {
        let (session, account, device, head) = (visit.session, self.account, self.device, self.head);
        let mut stop = Stop { suite: SUITE, session, account, device, at: UnixMillis(3), head };
        edit(&mut stop);
        let signed = sign(&self.key, StatementKind::Stop, &stop);
        self.http.bytes(Method::POST, &format!("/v1/sessions/{session}/stop"), encode(&signed)).await
    }

    pub(crate) async fn receipts(&self, session: &SessionId) -> Receipts {
        self.http.get(&format!("/v1/sessions/{session}/receipts")).await.json()
    }

    pub(crate) async fn countersign(&self, session: SessionId, seq: u64, head: Hash) -> Said {
        let word = Countersignature { suite: SUITE, session, head, seq };
        let signed = sign(&self.key, StatementKind::Countersign, &word);
        self.http.bytes(Method::POST, &format!("/v1/sessions/{session}/countersign"), encode(&signed)).await
    }
}

/// A grant, signed by `key`.
pub(crate) fn submission_by(key: &SigningKey, visit: &Visit, terms: &Terms) -> Vec<u8> {
    let (kem, sealed, terms) = (Hash([1; 32]), Hash([2; 32]), encode(terms));
    let message = preimage::grant_signature(&visit.transcript, &kem, &terms, &sealed);
    encode(&GrantSubmission {
        mailbox: visit.mailbox,
        transcript: visit.transcript,
        kem,
        terms: Bytes(terms),
        sealed,
        signature: SignatureBytes(key.sign(&message).to_bytes()),
    })
}

pub(crate) fn unit_path(visit: &Visit, unit: &UnitId) -> String {
    format!("/v1/sessions/{}/units/{unit}", visit.session)
}

pub(crate) fn unit_body(envelope: &UnitEnvelope, content: &[u8]) -> Vec<u8> {
    let envelope = encode(envelope);
    let length = u32::try_from(envelope.len()).expect("small").to_be_bytes();
    [length.as_slice(), &envelope, content].concat()
}

/// An envelope over random sealed parts, signed by `key`.
pub(crate) fn envelope(
    header: Header,
    kid: u32,
    content: &[u8],
    head: Head,
    writer: Bytes,
    key: &SigningKey,
) -> Envelope {
    let mut tree = MerkleTree::new();
    content.chunks(usize::try_from(SEALED_CHUNK).expect("small")).for_each(|chunk| tree.push(chunk));
    let mut envelope = Envelope {
        header,
        kid,
        wrapped: Bytes(noise(WRAPPED_LEN as u64)),
        commit_meta: Hash(random()),
        sealed_meta: Bytes(noise(sealed(512))),
        commit_content: Hash(random()),
        content_root: tree.root(),
        head,
        writer,
        signature: SignatureBytes([0; 64]),
    };
    let signature = key.sign(&preimage::record_signature(&envelope.h1(), &envelope.head));
    envelope.signature = SignatureBytes(signature.to_bytes());
    envelope
}

/// The viewer's side of a session.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) http: Http,
    pub(crate) key: SigningKey,
    pub(crate) session: SessionId,
    pub(crate) mailbox: MailboxId,
    pub(crate) nameplate: String,
    pub(crate) device_token: Hash,
    pub(crate) viewer_token: Hash,
    pub(crate) transcript: Hash,
    pub(crate) terms: Terms,
}

impl Visit {
    /// The envelope of a unit of `length` bytes of plaintext.
    pub(crate) fn sealing(&self, unit: UnitId, salt: Salt, length: u64) -> UnitEnvelope {
        UnitEnvelope {
            suite: SUITE,
            session: self.session,
            unit,
            salt,
            terms: preimage::terms_hash(&encode(&self.terms)),
            commit: Hash(random()),
            size: padded(length),
        }
    }

    pub(crate) fn request(&self, unit: UnitId, counter: u64, last_receipt: Hash) -> OpenRequest {
        OpenRequest { suite: SUITE, session: self.session, unit, from: 0, to: 1, counter, last_receipt }
    }

    pub(crate) async fn send(&self, request: &OpenRequest) -> Said {
        self.send_signed_by(&self.key, request).await
    }

    pub(crate) async fn send_signed_by(&self, key: &SigningKey, request: &OpenRequest) -> Said {
        let signed = sign(key, StatementKind::Open, request);
        self.http.bytes(Method::POST, &format!("/v1/sessions/{}/open", self.session), encode(&signed)).await
    }

    /// Opens, starting from no receipt.
    pub(crate) async fn open(&self, unit: UnitId, counter: u64) -> Said {
        self.send(&self.request(unit, counter, Hash::ZERO)).await
    }

    pub(crate) async fn content(&self, unit: &UnitId) -> Said {
        self.http.get(&format!("{}/content", unit_path(self, unit))).await
    }
}

pub(crate) fn opened(said: &Said) -> Opened {
    assert_eq!(said.status, StatusCode::OK, "{}", String::from_utf8_lossy(&said.body));
    decode(&said.body, usize::MAX).expect("an answer to an opening")
}

pub(crate) fn unit() -> (UnitId, TermsUnit) {
    let unit = UnitId(random());
    (unit, TermsUnit::Sealed { unit })
}
