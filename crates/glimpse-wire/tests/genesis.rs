//! The first link of a chain, and the envelope of a record version: what is refused without a key.

use ed25519_dalek::{Signer, SigningKey};
use glimpse_wire::account::{DevicePublic, Epoch, Head, KEM_KEY_LEN, Link, LinkBody, SignedLink, WrapCommitment};
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::record::{Envelope, Header, WRAPPED_LEN};
use glimpse_wire::{
    AccountId, AuthorId, DeviceId, Hash, RecordId, SUITE, Salt, SigningKeyBytes, UnixMillis, encode, preimage,
};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn link() -> Link {
    let signing = SigningKeyBytes(key().verifying_key().to_bytes());
    let device = DevicePublic { signing, kem: Bytes(vec![1; KEM_KEY_LEN]), serial: Bytes(Vec::new()) };
    let id = device.id();
    let epoch = Epoch {
        number: 1,
        account_key: Bytes(vec![2; KEM_KEY_LEN]),
        wraps: vec![WrapCommitment { device: id, hash: Hash([3; 32]) }],
        previous_seed: Bytes(Vec::new()),
    };
    let body = LinkBody::Genesis { random: Hash([4; 32]), device, epoch, recovery: Vec::new() };
    Link { suite: SUITE, seq: 0, previous: Hash::ZERO, body, signer: id }
}

fn sign(link: &Link) -> SignedLink {
    let link = encode(link);
    let signature = SignatureBytes(key().sign(&preimage::link_signature(&link)).to_bytes());
    SignedLink { link: Bytes(link), signature }
}

#[test]
fn a_genesis_link_is_taken_whole_or_not_at_all() {
    let signed = sign(&link());
    let chain = Chain::begin(&signed).unwrap();
    assert_eq!(chain.account(), preimage::account_id(signed.link.as_slice()));
    assert_eq!(chain.head(), Head { seq: 0, hash: preimage::link_hash(signed.link.as_slice()) });
    for place in 0..signed.link.0.len() {
        let mut altered = signed.clone();
        altered.link.0[place] ^= 1;
        assert!(Chain::begin(&altered).is_err(), "byte {place}");
    }
    for place in 0..64 {
        let mut altered = signed.clone();
        altered.signature.0[place] ^= 1;
        assert_eq!(Chain::begin(&altered), Err(ChainError::Signature), "signature byte {place}");
    }
}

#[test]
fn a_genesis_link_whose_parts_do_not_fit_is_refused_even_if_it_is_signed() {
    type Edit = (&'static str, ChainError, fn(&mut Link));
    use ChainError::{Epoch as OfEpoch, Malformed};
    fn genesis(link: &mut Link) -> (&mut DevicePublic, &mut Epoch) {
        let LinkBody::Genesis { device, epoch, .. } = &mut link.body else { panic!("genesis") };
        (device, epoch)
    }
    let edits: [Edit; 12] = [
        ("suite", Malformed, |link| link.suite = 2),
        ("seq", Malformed, |link| link.seq = 1),
        ("previous", Malformed, |link| link.previous = Hash([1; 32])),
        ("signer", Malformed, |link| link.signer = DeviceId([1; 32])),
        ("device key", Malformed, |link| genesis(link).0.kem.0.truncate(KEM_KEY_LEN - 1)),
        ("serial", Malformed, |link| genesis(link).0.serial = Bytes(vec![0; 31])),
        ("epoch", OfEpoch, |link| genesis(link).1.number = 2),
        ("account key", OfEpoch, |link| genesis(link).1.account_key.0.push(0)),
        ("previous seed", Malformed, |link| genesis(link).1.previous_seed = Bytes(vec![0])),
        ("no wrap", OfEpoch, |link| genesis(link).1.wraps.clear()),
        ("a wrap for another", OfEpoch, |link| genesis(link).1.wraps[0].device = DeviceId([1; 32])),
        ("two wraps", OfEpoch, |link| {
            let wrap = genesis(link).1.wraps[0];
            genesis(link).1.wraps.push(wrap);
        }),
    ];
    for (name, told, edit) in edits {
        let mut altered = link();
        edit(&mut altered);
        assert_eq!(Chain::begin(&sign(&altered)), Err(told), "{name}");
    }
    assert!(Chain::begin(&sign(&link())).is_ok(), "control");
}

fn envelope() -> Envelope {
    Envelope {
        header: Header {
            suite: SUITE,
            account: AccountId([1; 32]),
            record: RecordId([2; 16]),
            version: 1,
            previous: Hash::ZERO,
            epoch: 1,
            author: AuthorId([3; 32]),
            created: UnixMillis(5),
            salt: Salt([4; 32]),
            size: 512,
        },
        kid: 1,
        wrapped: Bytes(vec![5; WRAPPED_LEN]),
        commit_meta: Hash([6; 32]),
        sealed_meta: Bytes(vec![7; 528]),
        commit_content: Hash([8; 32]),
        content_root: Hash([9; 32]),
        head: Head { seq: 0, hash: Hash([10; 32]) },
        writer: Bytes(Vec::new()),
        signature: SignatureBytes([11; 64]),
    }
}

#[test]
fn an_envelope_outside_the_limits_is_refused() {
    type Edit = (&'static str, fn(&mut Envelope));
    let edits: [Edit; 15] = [
        ("suite", |envelope| envelope.header.suite = 0),
        ("version zero", |envelope| envelope.header.version = 0),
        ("a first version with a previous one", |envelope| envelope.header.previous = Hash([1; 32])),
        ("a second version without", |envelope| envelope.header.version = 2),
        ("a size below the smallest", |envelope| envelope.header.size = 511),
        ("a size that no padding gives", |envelope| envelope.header.size = 513),
        ("a size over the limit", |envelope| envelope.header.size = 1 << 40),
        ("a size without end", |envelope| envelope.header.size = u64::MAX),
        ("a share cut", |envelope| envelope.wrapped.0.truncate(WRAPPED_LEN - 1)),
        ("a share with more", |envelope| envelope.wrapped.0.push(0)),
        ("no meta", |envelope| envelope.sealed_meta.0.clear()),
        ("a meta of a size that no padding gives", |envelope| envelope.sealed_meta.0.push(0)),
        ("a meta over the limit", |envelope| envelope.sealed_meta.0.resize(16_384 + 16, 0)),
        ("a writer's key cut", |envelope| envelope.writer = Bytes(vec![0; 31])),
        ("a writer's key with more", |envelope| envelope.writer = Bytes(vec![0; 33])),
    ];
    for (name, edit) in edits {
        let mut altered = envelope();
        edit(&mut altered);
        assert!(Envelope::parse(&altered.to_bytes()).is_err(), "{name}");
    }
    assert_eq!(Envelope::parse(&envelope().to_bytes()), Ok(envelope()), "control");
}
