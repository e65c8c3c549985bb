//! Values of every type that travels, drawn from a seed.

use glimpse_wire::account::{
    Act, DevicePublic, Epoch, Head, HeadStatement, KEM_KEY_LEN, Link, LinkBody, Need, Pin, Policy, RecoveryKeys,
    Second, WrapCommitment,
};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::linking::Linking;
use glimpse_wire::live::Live;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::pairing::{Grant, Message, TermsUnit};
use glimpse_wire::record::{Change, Envelope, Header, Meta};
use glimpse_wire::session::Event;
use glimpse_wire::{
    AccountId, AuthorId, DeviceId, ErrorCode, Hash, RecordId, Salt, SigningKeyBytes, UnitId, UnixMillis,
};

/// A stream of numbers (SplitMix64): enough to vary values, no more.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }

    /// Numbers of every width in CBOR.
    pub(crate) fn number(&mut self) -> u64 {
        let width = self.below(64);
        self.word() >> width
    }

    pub(crate) fn small(&mut self) -> u32 {
        u32::try_from(self.number() & u64::from(u32::MAX)).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.word().to_be_bytes()[0]
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.byte())
    }

    pub(crate) fn octets(&mut self, most: u64) -> Bytes {
        let length = self.below(most);
        Bytes((0..length).map(|_| self.byte()).collect())
    }

    pub(crate) fn exactly(&mut self, length: usize) -> Bytes {
        Bytes((0..length).map(|_| self.byte()).collect())
    }

    pub(crate) fn text(&mut self) -> String {
        let length = self.below(40);
        (0..length)
            .map(|_| ['a', 'é', '語', '\u{202E}', '\0', '🜲', ' '][usize::try_from(self.below(7)).unwrap()])
            .collect()
    }

    pub(crate) fn several<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(4);
        (0..count).map(|_| one(self)).collect()
    }

    pub(crate) fn hash(&mut self) -> Hash {
        Hash(self.array())
    }

    pub(crate) fn signature(&mut self) -> SignatureBytes {
        SignatureBytes(self.array())
    }

    pub(crate) fn time(&mut self) -> UnixMillis {
        UnixMillis(self.number())
    }

    pub(crate) fn code(&mut self) -> ErrorCode {
        let count = u64::try_from(ErrorCode::ALL.len()).unwrap();
        ErrorCode::ALL[usize::try_from(self.below(count)).unwrap()]
    }

    pub(crate) fn head(&mut self) -> Head {
        Head { seq: self.number(), hash: self.hash() }
    }

    pub(crate) fn device(&mut self) -> DevicePublic {
        DevicePublic { signing: SigningKeyBytes(self.array()), kem: self.exactly(KEM_KEY_LEN), serial: self.octets(2) }
    }

    fn epoch(&mut self) -> Epoch {
        Epoch {
            number: self.small(),
            account_key: self.octets(50),
            wraps: self.several(Self::wrap),
            previous_seed: self.octets(3),
        }
    }

    fn wrap(&mut self) -> WrapCommitment {
        WrapCommitment { device: DeviceId(self.array()), hash: self.hash() }
    }

    fn kit(&mut self) -> RecoveryKeys {
        RecoveryKeys { signing: SigningKeyBytes(self.array()), kem: self.octets(9) }
    }

    fn pin(&mut self) -> Pin {
        Pin { name: self.text(), key: SigningKeyBytes(self.array()) }
    }

    fn need(&mut self) -> Need {
        Need { second: self.flag(), held: self.number() }
    }

    fn act(&mut self) -> Act {
        match self.below(5) {
            0 => Act::Add {
                device: self.device(),
                transcript: self.hash(),
                reverse: self.signature(),
                at: UnixMillis(self.number()),
                held: self.number(),
            },
            1 => Act::Revoke { devices: self.several(|draw| DeviceId(draw.array())), epoch: self.epoch() },
            2 => Act::Rotate { epoch: self.epoch() },
            3 => Act::Policy {
                policy: Policy {
                    organisations: self.several(Self::pin),
                    writers: self.several(Self::pin),
                    adding: self.need(),
                    revoking: self.need(),
                    pinning: self.need(),
                    recovering: self.number(),
                },
                at: UnixMillis(self.number()),
                held: self.number(),
            },
            _ => Act::Recovery { keys: self.several(Self::kit), wraps: self.several(Self::wrap) },
        }
    }

    pub(crate) fn link(&mut self) -> Link {
        let body = match self.below(3) {
            0 => LinkBody::Genesis {
                random: self.hash(),
                device: self.device(),
                epoch: self.epoch(),
                recovery: self.several(Self::kit),
            },
            1 => LinkBody::Act {
                act: self.act(),
                second: self.several(|draw| Second { device: DeviceId(draw.array()), signature: draw.signature() }),
            },
            _ => LinkBody::Recover {
                device: self.device(),
                reverse: self.signature(),
                epoch: self.epoch(),
                recovery: self.several(Self::kit),
            },
        };
        Link { suite: self.byte(), seq: self.number(), previous: self.hash(), body, signer: DeviceId(self.array()) }
    }

    pub(crate) fn header(&mut self) -> Header {
        Header {
            suite: self.byte(),
            account: AccountId(self.array()),
            record: RecordId(self.array()),
            version: self.number(),
            previous: self.hash(),
            epoch: self.small(),
            author: AuthorId(self.array()),
            created: self.time(),
            salt: Salt(self.array()),
            size: self.number(),
        }
    }

    pub(crate) fn meta(&mut self) -> Meta {
        Meta {
            title: self.text(),
            kind: self.text(),
            content_type: self.text(),
            file_name: self.text(),
            tags: self.several(Self::text),
            length: self.number(),
            policy: self.small(),
            from: self.text(),
            created: self.time(),
        }
    }

    pub(crate) fn envelope(&mut self) -> Envelope {
        Envelope {
            header: self.header(),
            kid: self.small(),
            wrapped: self.octets(300),
            commit_meta: self.hash(),
            sealed_meta: self.octets(300),
            commit_content: self.hash(),
            content_root: self.hash(),
            head: self.head(),
            writer: self.octets(33),
            signature: self.signature(),
        }
    }

    pub(crate) fn unit_of_terms(&mut self) -> TermsUnit {
        let unit = UnitId(self.array());
        if self.flag() { TermsUnit::Sealed { unit } } else { TermsUnit::Blob { unit, h0: self.hash() } }
    }

    pub(crate) fn grant(&mut self) -> Grant {
        Grant { terms: self.octets(200), enc: self.octets(200), sealed: self.octets(200), signature: self.signature() }
    }

    pub(crate) fn message(&mut self) -> Message {
        match self.below(7) {
            0 => Message::Hello { core: self.octets(300), pake: self.exactly(33) },
            1 => Message::Answer { pake: self.exactly(33) },
            2 => Message::ConfirmA { confirm: self.hash(), words: self.hash(), sealed: self.octets(100) },
            3 => Message::ConfirmB { confirm: self.hash(), sealed: self.octets(100) },
            4 => Message::Grant(self.grant()),
            5 => Message::Live { counter: self.number(), sealed: self.octets(100) },
            _ => Message::Abort { code: self.code() },
        }
    }

    pub(crate) fn live(&mut self) -> Live {
        match self.below(9) {
            0 => Live::Opened { unit: UnitId(self.array()) },
            1 => Live::Want { unit: UnitId(self.array()) },
            2 => Live::Ready { units: self.several(|draw| UnitId(draw.array())) },
            3 => Live::Unavailable { unit: UnitId(self.array()), code: self.code() },
            4 => Live::AskTime { minutes: self.small() },
            5 => Live::AskRecord { text: self.text() },
            6 => Live::Refused,
            7 => Live::End { code: self.code() },
            _ => Live::Receipts { seq: self.number(), head: self.hash() },
        }
    }

    pub(crate) fn event(&mut self) -> Event {
        let signature = self.signature();
        match self.below(6) {
            0 => Event::Granted {
                terms: self.octets(100),
                transcript: self.hash(),
                kem: self.hash(),
                sealed: self.hash(),
                signature,
            },
            1 => Event::Opened { request: self.octets(100), signature },
            2 => Event::Refused { code: self.code(), request: self.octets(100), signature },
            3 => Event::Ended { code: self.code(), statement: self.octets(100), signature },
            4 => Event::Deleted { statement: self.octets(100), signature },
            _ => Event::Countersigned { head: self.hash(), signature },
        }
    }

    pub(crate) fn frame_to_server(&mut self) -> ToServer {
        match self.below(4) {
            0 => ToServer::Join { token: self.hash(), received: self.number() },
            1 => ToServer::Send { seq: self.number(), body: self.octets(100) },
            2 => ToServer::Taken { received: self.number() },
            _ => ToServer::Ping,
        }
    }

    pub(crate) fn frame_to_end(&mut self) -> ToEnd {
        match self.below(8) {
            0 => ToEnd::Joined { now: self.time(), sent: self.number(), peer: self.flag() },
            1 => ToEnd::Deliver { seq: self.number(), body: self.octets(100) },
            2 => ToEnd::Stored { sent: self.number() },
            3 => ToEnd::Peer { present: self.flag() },
            4 => ToEnd::Receipt { receipt: self.octets(100) },
            5 => ToEnd::Over { code: self.code() },
            6 => ToEnd::Pong,
            _ => ToEnd::Crowded,
        }
    }

    pub(crate) fn change(&mut self) -> Change {
        let seq = self.number();
        match self.below(5) {
            0 => Change::Version { seq, envelope: self.octets(100) },
            1 => Change::Pending { seq, envelope: self.octets(100) },
            2 => Change::Deleted { seq, deletion: self.octets(100) },
            3 => Change::Decided { seq, envelope: self.octets(100), decision: self.octets(100) },
            _ => Change::Replaced {
                seq,
                record: RecordId(self.array()),
                version: self.number(),
                h1: self.hash(),
                kind: self.byte(),
            },
        }
    }

    pub(crate) fn linking(&mut self) -> Linking {
        match self.below(6) {
            0 => Linking::Ask {
                signing: SigningKeyBytes(self.array()),
                kem: self.octets(300),
                name: self.text(),
                serial: self.text(),
            },
            1 => Linking::Invite {
                account: AccountId(self.array()),
                place: self.head(),
                adder: DeviceId(self.array()),
                serial: self.octets(32),
                at: self.time(),
                held: self.number(),
                server: SigningKeyBytes(self.array()),
                signature: self.signature(),
            },
            2 => Linking::Join { reverse: self.signature() },
            3 => Linking::Seed { link: self.hash(), enc: self.octets(100), ciphertext: self.octets(100) },
            4 => Linking::Done,
            _ => Linking::Over { error: ErrorCode::Declined },
        }
    }

    pub(crate) fn statement(&mut self) -> HeadStatement {
        HeadStatement {
            suite: self.byte(),
            account: AccountId(self.array()),
            head: self.head(),
            at: self.time(),
            device: DeviceId(self.array()),
        }
    }
}
