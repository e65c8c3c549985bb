//! Every type that travels, each with its samples.

use glimpse_wire::account::{
    Card, DevicePublic, Head, HeadStatement, Link, RecoveryRequest, RequestProof, Signed, SignedLink, Veto,
};
use glimpse_wire::api::{AccountDeletion, SignIn, WriterMint};
use glimpse_wire::ids::Bytes;
use glimpse_wire::linking::{Linking, SealedSeed};
use glimpse_wire::live::Live;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::organisation::{
    AgentSignIn, Asked, Credential, Invitation, Note, OrganisationCard, OrganisationRequest, Outcome, Presented,
    Revocations, RevokedAgent, Role, Settlement,
};
use glimpse_wire::pairing::{
    BlobKey, Grant, GrantBody, GrantUnit, HelloCore, Identity, Introduction, Message, Offer, Purpose, Terms,
};
use glimpse_wire::record::{Change, Checkpoint, Decision, Deletion, Envelope, Header, Meta, Page};
use glimpse_wire::session::{
    Countersignature, Destroyed, End, GrantSubmission, OpenRequest, Opened, Receipt, Side, Stop, UnitEnvelope,
};
use glimpse_wire::{
    AccountId, AgentId, AuthorId, DeviceId, ErrorCode, Hash, MailboxId, RecordId, Salt, SessionId, SigningKeyBytes,
    UnitId, UnixMillis, encode,
};

use crate::draw::Draw;

/// One type: its name, an encoding drawn from a seed, and decoding and encoding again.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) sample: fn(&mut Draw) -> Vec<u8>,
    /// What the bytes encode back to, if they decode.
    pub(crate) back: fn(&[u8]) -> Option<Vec<u8>>,
}

macro_rules! kinds {
    ($($type:ty => $sample:expr;)+) => {
        /// Every type that travels in CBOR.
        pub(crate) const KINDS: &[Kind] = &[$(Kind {
            name: stringify!($type),
            sample: |draw| {
                let sample: fn(&mut Draw) -> $type = $sample;
                encode(&sample(draw))
            },
            back: |bytes| glimpse_wire::decode::<$type>(bytes, usize::MAX).ok().map(|value| encode(&value)),
        }),+];
    };
}

kinds! {
    Head => Draw::head;
    DevicePublic => Draw::device;
    Link => Draw::link;
    SignedLink => |draw| SignedLink { link: draw.octets(200), signature: draw.signature() };
    HeadStatement => Draw::statement;
    Card => |draw| Card { statement: draw.statement(), server: draw.text() };
    Signed => |draw| Signed { statement: draw.octets(200), signature: draw.signature() };
    Header => Draw::header;
    Envelope => Draw::envelope;
    Meta => Draw::meta;
    Deletion => |draw| Deletion {
        suite: draw.byte(),
        account: AccountId(draw.array()),
        record: RecordId(draw.array()),
        version: draw.number(),
        h1: draw.hash(),
        at: draw.time(),
        head: draw.head(),
    };
    Decision => |draw| Decision {
        suite: draw.byte(),
        account: AccountId(draw.array()),
        record: RecordId(draw.array()),
        version: draw.number(),
        h1: draw.hash(),
        writer: AuthorId(draw.array()),
        at: draw.time(),
        head: draw.head(),
        device: DeviceId(draw.array()),
    };
    Stop => |draw| Stop {
        suite: draw.byte(),
        session: SessionId(draw.array()),
        account: AccountId(draw.array()),
        device: DeviceId(draw.array()),
        at: draw.time(),
        head: draw.head(),
    };
    Change => Draw::change;
    Page => |draw| Page {
        changes: draw.several(Draw::change),
        next: draw.number(),
        more: draw.flag(),
        newest: draw.number(),
        head: draw.head(),
        checkpoint: draw.several(|draw| Signed { statement: draw.octets(200), signature: draw.signature() }),
    };
    Checkpoint => |draw| Checkpoint {
        suite: draw.byte(),
        account: AccountId(draw.array()),
        number: draw.number(),
        previous: draw.hash(),
        head: draw.head(),
        count: draw.number(),
        root: draw.hash(),
        at: draw.time(),
        device: DeviceId(draw.array()),
    };
    RecoveryRequest => |draw| RecoveryRequest {
        suite: draw.byte(),
        account: AccountId(draw.array()),
        head: draw.head(),
        device: draw.device(),
        at: draw.time(),
    };
    Veto => |draw| Veto {
        suite: draw.byte(),
        account: AccountId(draw.array()),
        device: DeviceId(draw.array()),
        at: draw.time(),
    };
    RequestProof => |draw| RequestProof {
        account: AccountId(draw.array()),
        device: DeviceId(draw.array()),
        origin: draw.text(),
        counter: draw.number(),
        signature: draw.signature(),
    };
    Linking => Draw::linking;
    SealedSeed => |draw| SealedSeed { epoch: draw.small(), seed: draw.octets(32) };
    Offer => |draw| Offer {
        suite: draw.byte(),
        purpose: [Purpose::View, Purpose::Agent, Purpose::Link][usize::try_from(draw.below(3)).unwrap()],
        mailbox: MailboxId(draw.array()),
        server_nonce: draw.hash(),
        device_nonce: draw.hash(),
        identity: draw.hash(),
        expires: draw.time(),
    };
    HelloCore => |draw| HelloCore {
        offer: draw.hash(),
        kem: draw.octets(300),
        signing: SigningKeyBytes(draw.array()),
        origin: draw.text(),
        build: draw.text(),
        program: draw.text(),
        nonce: draw.hash(),
        words: draw.hash(),
    };
    Identity => |draw| Identity {
        account: AccountId(draw.array()),
        signing: SigningKeyBytes(draw.array()),
        kem: draw.octets(300),
        head: draw.head(),
        epoch: draw.small(),
        name: draw.text(),
        blind: draw.hash(),
    };
    Introduction => |draw| Introduction {
        credential: draw.octets(100),
        case: draw.text(),
        reason: draw.text(),
        signature: draw.signature(),
    };
    Message => Draw::message;
    Terms => |draw| Terms {
        suite: draw.byte(),
        session: SessionId(draw.array()),
        account: AccountId(draw.array()),
        viewer: SigningKeyBytes(draw.array()),
        units: draw.several(Draw::unit_of_terms),
        rights: draw.byte(),
        budget: draw.small(),
        rate: draw.small(),
        issued: draw.time(),
        expires: draw.time(),
        head: draw.head(),
        seq: draw.small(),
        asked: draw.hash(),
        withheld: draw.small(),
    };
    Grant => Draw::grant;
    GrantBody => |draw| GrantBody {
        units: draw.several(|draw| GrantUnit {
            unit: UnitId(draw.array()),
            share: draw.exactly(32),
            meta: draw.meta(),
            origin: draw.byte(),
            withheld: draw.small(),
        }),
    };
    BlobKey => |draw| BlobKey { key: draw.exactly(32), h0: draw.hash(), size: draw.number(), root: draw.hash() };
    Live => Draw::live;
    UnitEnvelope => |draw| UnitEnvelope {
        suite: draw.byte(),
        session: SessionId(draw.array()),
        unit: UnitId(draw.array()),
        salt: Salt(draw.array()),
        terms: draw.hash(),
        commit: draw.hash(),
        size: draw.number(),
    };
    OpenRequest => |draw| OpenRequest {
        suite: draw.byte(),
        session: SessionId(draw.array()),
        unit: UnitId(draw.array()),
        from: draw.number(),
        to: draw.number(),
        counter: draw.number(),
        last_receipt: draw.hash(),
    };
    Opened => |draw| Opened {
        envelope: draw.octets(100),
        share: draw.hash(),
        receipts: draw.several(|draw| draw.octets(50)),
    };
    Receipt => |draw| Receipt {
        suite: draw.byte(),
        session: SessionId(draw.array()),
        seq: draw.number(),
        previous: draw.hash(),
        at: draw.time(),
        event: draw.event(),
    };
    End => |draw| End {
        suite: draw.byte(),
        session: SessionId(draw.array()),
        side: if draw.flag() { Side::Viewer } else { Side::Device },
        last_receipt: draw.hash(),
        at: draw.time(),
    };
    Countersignature => |draw| Countersignature {
        suite: draw.byte(),
        session: SessionId(draw.array()),
        head: draw.hash(),
        seq: draw.number(),
    };
    GrantSubmission => |draw| GrantSubmission {
        mailbox: MailboxId(draw.array()),
        transcript: draw.hash(),
        kem: draw.hash(),
        terms: draw.octets(200),
        sealed: draw.hash(),
        signature: draw.signature(),
    };
    ToServer => Draw::frame_to_server;
    ToEnd => Draw::frame_to_end;
    SignIn => |draw| SignIn {
        suite: draw.byte(),
        account: AccountId(draw.array()),
        device: DeviceId(draw.array()),
        origin: draw.text(),
        challenge: draw.hash(),
        at: draw.time(),
        counter: draw.number(),
    };
    AccountDeletion => |draw| AccountDeletion { suite: draw.byte(), account: AccountId(draw.array()), at: draw.time() };
    WriterMint => |draw| WriterMint {
        suite: draw.byte(),
        account: AccountId(draw.array()),
        writer: SigningKeyBytes(draw.array()),
        record: RecordId(draw.array()),
        h0: draw.hash(),
        at: draw.time(),
    };
    OrganisationCard => |draw| OrganisationCard {
        suite: draw.byte(),
        key: SigningKeyBytes(draw.array()),
        name: draw.text(),
        server: draw.text(),
        audit: draw.hash(),
        at: draw.time(),
    };
    Credential => |draw| Credential {
        suite: draw.byte(),
        organisation: SigningKeyBytes(draw.array()),
        agent: AgentId(draw.array()),
        name: draw.text(),
        key: SigningKeyBytes(draw.array()),
        role: if draw.flag() { Role::Agent } else { Role::Supervisor },
        not_before: draw.time(),
        not_after: draw.time(),
    };
    Revocations => |draw| Revocations {
        suite: draw.byte(),
        organisation: SigningKeyBytes(draw.array()),
        seq: draw.number(),
        at: draw.time(),
        agents: draw.several(|draw| RevokedAgent { agent: AgentId(draw.array()), at: draw.time() }),
    };
    Presented => |draw| Presented {
        credential: Signed { statement: draw.octets(200), signature: draw.signature() },
        signature: draw.signature(),
    };
    Asked => |draw| Asked {
        transcript: draw.hash(),
        introduction: draw.octets(200),
        first: draw.text(),
        second: draw.text(),
    };
    Note => |draw| {
        if draw.flag() {
            let (transcript, introduction) = (draw.hash(), draw.octets(200));
            Note::Asked(Asked { transcript, introduction, first: draw.text(), second: draw.text() })
        } else {
            Note::Outcome(Signed { statement: draw.octets(100), signature: draw.signature() })
        }
    };
    Destroyed => |draw| Destroyed {
        suite: draw.byte(),
        server: SigningKeyBytes(draw.array()),
        session: SessionId(draw.array()),
        head: draw.hash(),
        at: draw.time(),
        units: draw.number(),
    };
    Outcome => |draw| Outcome {
        suite: draw.byte(),
        session: SessionId(draw.array()),
        organisation: SigningKeyBytes(draw.array()),
        agent: AgentId(draw.array()),
        result: if draw.flag() { Settlement::Settled } else { Settlement::BrokenOff },
        text: draw.text(),
        at: draw.time(),
    };
    Invitation => |draw| Invitation {
        suite: draw.byte(),
        organisation: SigningKeyBytes(draw.array()),
        agent: AgentId(draw.array()),
        token: draw.hash(),
        expires: draw.time(),
    };
    OrganisationRequest => |draw| OrganisationRequest {
        suite: draw.byte(),
        organisation: SigningKeyBytes(draw.array()),
        origin: draw.text(),
        path: draw.text(),
        at: draw.time(),
    };
    AgentSignIn => |draw| AgentSignIn {
        suite: draw.byte(),
        organisation: SigningKeyBytes(draw.array()),
        agent: AgentId(draw.array()),
        origin: draw.text(),
        challenge: draw.hash(),
    };
    Hash => Draw::hash;
    UnixMillis => Draw::time;
    Bytes => |draw| draw.octets(300);
    ErrorCode => Draw::code;
}
