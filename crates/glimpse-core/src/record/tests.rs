//! Records at rest in hostile hands: flipped, moved, re-labelled, re-wrapped, opened with half of what it takes.

mod shares;
mod twins;

use glimpse_wire::ids::SignatureBytes;

use super::*;
use crate::account::NewAccount;
use crate::kem::KemPublic;
use crate::session::tests::{meta, open_all};
use crate::testing::{rng, salamander};

const SHARE: Hash = Hash([3; 32]);

fn account(seed: u64) -> NewAccount {
    NewAccount::generate(&mut rng(seed)).unwrap()
}

fn recipient(account: &NewAccount) -> Recipient {
    crate::session::tests::recipient(account)
}

fn server(share: Hash) -> ServerShare {
    ServerShare::from_wire(&share)
}

/// A version as it leaves its author.
struct Sealed {
    envelope: Envelope,
    chunks: Vec<Vec<u8>>,
    /// The client share, which only this test keeps.
    client: ClientShare,
}

fn seal_as(
    author: Author<'_>,
    account: &NewAccount,
    place: Place,
    title: &str,
    content: &[u8],
    share: Hash,
    seed: u64,
) -> Sealed {
    let rng = &mut rng(seed);
    let recipient = recipient(account);
    let length = u64::try_from(content.len()).unwrap();
    let draft = Draft::new(&recipient, place, author, UnixMillis(5), length, rng).unwrap();
    let client = ClientShare(Secret::from_slice(draft.client.0.expose_secret()).unwrap());
    let mut sealer = draft.seal(meta(title), 1, &server(share), &recipient, rng).unwrap();
    let mut chunks = Vec::new();
    sealer.push(content, &mut |chunk| chunks.push(chunk)).unwrap();
    let envelope = sealer.finish(author, &mut |chunk| chunks.push(chunk)).unwrap();
    Sealed { envelope, chunks, client }
}

fn seal(account: &NewAccount, seed: u64) -> Sealed {
    let place = Place::new_record(&mut rng(seed + 1_000));
    seal_as(Author::Device(&account.device), account, place, "Letter", b"Dear reader", SHARE, seed)
}

fn open(account: &NewAccount, envelope: &Envelope) -> Result<OpenedVersion, OpenError> {
    let envelope = Envelope::parse(&envelope.to_bytes())?;
    OpenedVersion::open(envelope, &account.chain.account(), &account.seed.account_key(), &[account.device.public()])
}

fn content(account: &NewAccount, sealed: &Sealed, share: Hash) -> Result<Plaintext, OpenError> {
    let opener = open(account, &sealed.envelope)?.open_content(&server(share))?;
    open_all(opener, sealed.chunks.clone()).ok_or(OpenError)
}

/// Whether a reader would take it for the user's own.
fn passes_as_own(account: &NewAccount, envelope: &Envelope) -> bool {
    open(account, envelope).is_ok_and(|opened| opened.origin() == Origin::Own)
}

#[test]
fn what_was_sealed_opens() {
    let account = account(1);
    let sealed = seal(&account, 2);
    let opened = open(&account, &sealed.envelope).unwrap();
    assert_eq!((opened.meta().title.as_str(), opened.meta().length), ("Letter", 11));
    assert_eq!(opened.origin(), Origin::Own);
    assert_eq!(content(&account, &sealed, SHARE).unwrap().as_slice(), b"Dear reader");
}

#[test]
fn t038_no_flipped_byte_of_an_envelope_passes_as_the_users_own() {
    let account = account(1);
    let sealed = seal(&account, 2);
    let bytes = sealed.envelope.to_bytes();
    let passes = |bytes: &[u8]| Envelope::parse(bytes).is_ok_and(|envelope| passes_as_own(&account, &envelope));
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(!passes(&flipped), "byte {place}");
    }
    assert!(passes(&bytes), "control");
}

#[test]
fn t038_no_flipped_byte_of_the_content_comes_out() {
    let account = account(1);
    let mut sealed = seal(&account, 2);
    for place in 0..sealed.chunks[0].len() {
        sealed.chunks[0][place] ^= 1;
        let mut opener = open(&account, &sealed.envelope).unwrap().open_content(&server(SHARE)).unwrap();
        assert_eq!(opener.open(sealed.chunks[0].clone()).err(), Some(OpenError), "byte {place}");
        sealed.chunks[0][place] ^= 1;
    }
    assert!(content(&account, &sealed, SHARE).is_ok(), "control");
}

#[test]
fn t039_nothing_opens_in_another_place() {
    // Two accounts; in the first, two records and a second version.
    let (ours, theirs) = (account(1), account(2));
    let first = seal(&ours, 10);
    let other = seal(&ours, 11);
    let place = Place::after(&first.envelope);
    let second = seal_as(Author::Device(&ours.device), &ours, place, "Letter", b"Dear writer", SHARE, 12);
    let foreign = seal(&theirs, 13);
    let all = [(&ours, &first), (&ours, &other), (&ours, &second), (&theirs, &foreign)];
    for (to, (account, here)) in all.iter().enumerate() {
        for (from, (_, there)) in all.iter().enumerate() {
            let moved = |alter: &dyn Fn(&mut Envelope)| {
                let mut envelope = here.envelope.clone();
                alter(&mut envelope);
                open(account, &envelope)
            };
            let meta_opens = moved(&|envelope| envelope.sealed_meta = there.envelope.sealed_meta.clone()).is_ok();
            let share_opens = moved(&|envelope| envelope.wrapped = there.envelope.wrapped.clone()).is_ok();
            let both_open = moved(&|envelope| {
                envelope.wrapped = there.envelope.wrapped.clone();
                envelope.sealed_meta = there.envelope.sealed_meta.clone();
                envelope.commit_meta = there.envelope.commit_meta;
            })
            .is_ok();
            let content_opens = {
                let opener = open(account, &here.envelope).unwrap().open_content(&server(SHARE)).unwrap();
                open_all(opener, there.chunks.clone()).is_some()
            };
            let same = to == from;
            assert_eq!([meta_opens, share_opens, both_open, content_opens], [same; 4], "{from} to {to}");
            let whole = open(account, &there.envelope).is_ok();
            assert_eq!(whole, same || (to < 3 && from < 3), "an account opens its own envelopes only: {from} to {to}");
        }
    }
}

#[test]
fn t040_no_field_of_an_envelope_can_be_changed() {
    let account = account(1);
    let sealed = seal(&account, 2);
    let other = seal(&account, 3).envelope;
    type Alteration<'f> = (&'static str, &'f dyn Fn(&mut Envelope));
    let fields: [Alteration<'_>; 19] = [
        ("account", &|envelope| envelope.header.account.0[0] ^= 1),
        ("record", &|envelope| envelope.header.record = other.header.record),
        ("version", &|envelope| {
            envelope.header.version = 2;
            envelope.header.previous = Hash([1; 32]);
        }),
        ("epoch", &|envelope| envelope.header.epoch = 2),
        ("author", &|envelope| envelope.header.author.0[0] ^= 1),
        ("created", &|envelope| envelope.header.created = UnixMillis(6)),
        ("salt", &|envelope| envelope.header.salt = other.header.salt),
        ("size", &|envelope| envelope.header.size = 544),
        ("suite", &|envelope| envelope.header.suite = 2),
        ("kid", &|envelope| envelope.kid = 2),
        ("wrapped", &|envelope| envelope.wrapped = other.wrapped.clone()),
        ("commit_meta", &|envelope| envelope.commit_meta = other.commit_meta),
        ("sealed_meta", &|envelope| envelope.sealed_meta = other.sealed_meta.clone()),
        ("commit_content", &|envelope| envelope.commit_content = other.commit_content),
        ("content_root", &|envelope| envelope.content_root = other.content_root),
        ("head seq", &|envelope| envelope.head.seq = 1),
        ("head hash", &|envelope| envelope.head.hash.0[0] ^= 1),
        ("signature", &|envelope| envelope.signature = other.signature),
        ("writer", &|envelope| envelope.writer = Bytes(account.device.signing().public().0.to_vec())),
    ];
    for (name, alter) in fields {
        let mut altered = sealed.envelope.clone();
        alter(&mut altered);
        assert_ne!(altered, sealed.envelope, "{name}");
        assert!(!passes_as_own(&account, &altered), "{name}");
    }
    assert!(passes_as_own(&account, &sealed.envelope), "control");
}

#[test]
fn t043_what_somebody_else_sealed_is_never_the_users_own() {
    let ours = account(1);
    let place = Place::new_record(&mut rng(3));
    // The server knows the account's public key, so it can seal; it has neither a device's key nor a writer's.
    let (stranger, writer) = (account(2), WriterKeys::generate(&mut rng(4)));
    let forged = seal_as(Author::Device(&stranger.device), &ours, place, "Forged", b"?", SHARE, 5).envelope;
    assert_eq!(open(&ours, &forged).unwrap().origin(), Origin::Unsigned);
    let mut framed = forged;
    framed.header.author = ours.device.id().into();
    assert!(!passes_as_own(&ours, &framed));
    // A writer's own signature makes it the writer's, whatever author it names.
    let written = seal_as(Author::Writer(&writer), &ours, place, "Written", b"!", SHARE, 6).envelope;
    assert_eq!(open(&ours, &written).unwrap().origin(), Origin::Writer(writer.id()));
    let mut unsigned = written;
    unsigned.signature = SignatureBytes([0; 64]);
    assert_eq!(open(&ours, &unsigned).unwrap().origin(), Origin::Unsigned);
    // Only what is signed can be lent.
    assert_eq!(open(&ours, &unsigned).unwrap().require_lendable(), Err(ErrorCode::RecordTampered));
    // Control: what the device seals is its own.
    assert!(passes_as_own(&ours, &seal(&ours, 7).envelope));
}

#[test]
fn t047_a_wrapped_share_opens_under_its_own_header_and_for_its_own_account_only() {
    let (ours, theirs) = (account(1), account(2));
    let (one, other) = (seal(&ours, 3).envelope, seal(&ours, 4).envelope);
    let opens = |account: &NewAccount, header: &Header, wrapped: &Bytes| {
        let info = preimage::share_wrap_info(&header.h0());
        account.seed.account_key().open(&info, &[], wrapped.as_slice()).is_ok()
    };
    assert!(opens(&ours, &one.header, &one.wrapped), "control");
    assert!(!opens(&ours, &other.header, &one.wrapped));
    assert!(!opens(&theirs, &one.header, &one.wrapped));
    // Control: a wrap that is not bound to a header opens under each.
    let key = ours.seed.account_key();
    let unbound = key.public().seal(&[], &[], &[9; 32], &mut rng(5)).unwrap();
    assert!(key.open(&[], &[], &unbound).is_ok());
}

#[test]
fn t048_every_failure_to_open_says_the_same() {
    let account = account(1);
    let sealed = seal(&account, 2);
    let with = |alter: &dyn Fn(&mut Sealed)| {
        let mut altered = seal(&account, 2);
        alter(&mut altered);
        content(&account, &altered, SHARE).map(|_content| ()).unwrap_err()
    };
    let failures = [
        with(&|sealed| sealed.envelope.header.suite = 9),
        with(&|sealed| sealed.envelope.header.account.0[0] ^= 1),
        with(&|sealed| sealed.envelope.wrapped.0[0] ^= 1),
        with(&|sealed| sealed.envelope.wrapped.0[1100] ^= 1),
        with(&|sealed| sealed.envelope.wrapped.0[1130] ^= 1),
        with(&|sealed| sealed.envelope.commit_meta.0[0] ^= 1),
        with(&|sealed| sealed.envelope.sealed_meta.0[0] ^= 1),
        with(&|sealed| sealed.envelope.commit_content.0[0] ^= 1),
        with(&|sealed| sealed.chunks[0][0] ^= 1),
        with(&|sealed| drop(sealed.chunks.pop())),
        content(&account, &sealed, Hash([4; 32])).map(|_content| ()).unwrap_err(),
        Envelope::parse(b"not an envelope").map(|_envelope| ()).map_err(OpenError::from).unwrap_err(),
    ];
    for failure in failures {
        assert_eq!((failure.to_string().as_str(), format!("{failure:?}").as_str()), ("does not open", "OpenError"));
    }
    assert_eq!(size_of::<OpenError>(), 0, "there is no room for a cause");
    assert!(content(&account, &sealed, SHARE).is_ok(), "control");
}

#[test]
fn t049_no_other_suite_is_read() {
    let account = account(1);
    let envelope = seal(&account, 2).envelope;
    for suite in [0, 2, 255] {
        let mut other = envelope.clone();
        other.header.suite = suite;
        assert!(Envelope::parse(&other.to_bytes()).is_err());
        let devices = [account.device.public()];
        let key = account.seed.account_key();
        assert!(OpenedVersion::open(other, &account.chain.account(), &key, &devices).is_err());
    }
    assert!(open(&account, &envelope).is_ok(), "control");
    // Nor one that its author sealed as such from the start, to this account or under another's name.
    let sealed_as = |edit: fn(&mut Header)| {
        let rng = &mut rng(3);
        let recipient = recipient(&account);
        let author = Author::Device(&account.device);
        let mut draft = Draft::new(&recipient, Place::new_record(rng), author, UnixMillis(5), 0, rng).unwrap();
        edit(&mut draft.header);
        let sealer = draft.seal(meta("Letter"), 1, &server(SHARE), &recipient, rng).unwrap();
        let envelope = sealer.finish(author, &mut |_chunk| {}).unwrap();
        let key = account.seed.account_key();
        OpenedVersion::open(envelope, &account.chain.account(), &key, &[account.device.public()]).map(|_opened| ())
    };
    assert_eq!(sealed_as(|header| header.suite = 2), Err(OpenError));
    assert_eq!(sealed_as(|header| header.account = AccountId([7; 32])), Err(OpenError));
    assert_eq!(sealed_as(|_header| {}), Ok(()), "control");
}

#[test]
fn t069_a_later_version_does_not_open_with_the_keys_of_an_earlier_one() {
    let account = account(1);
    let first = seal(&account, 2);
    let place = Place::after(&first.envelope);
    let second = seal_as(Author::Device(&account.device), &account, place, "Letter", b"Dear reader", SHARE, 3);
    // A session was lent the first version by its content key, and keeps it.
    let lent = open(&account, &first.envelope).unwrap().blob_key(&server(SHARE)).unwrap();
    let lent: BlobKey = decode(&lent, 1024).unwrap();
    assert_eq!(
        open_all(open_blob(&lent).unwrap(), first.chunks.clone()).unwrap().as_slice(),
        b"Dear reader",
        "control"
    );
    let later = BlobKey {
        key: lent.key.clone(),
        h0: second.envelope.header.h0(),
        size: second.envelope.header.size,
        root: second.envelope.content_root,
    };
    assert!(open_all(open_blob(&later).unwrap(), second.chunks).is_none());
}

/// Chunks that somebody seals who knows the key of a content and keeps the rules otherwise.
fn reseal(sealed: &Sealed, other: &[u8]) -> Vec<Vec<u8>> {
    let key = derive::content_key(&sealed.envelope.header.salt, &sealed.client, &server(SHARE)).key;
    let mut sealer = ContentSealer::new(key, sealed.envelope.header.h0(), u64::try_from(other.len()).unwrap());
    let mut chunks = Vec::new();
    sealer.push(other, &mut |chunk| chunks.push(chunk)).unwrap();
    sealer.finish(&mut |chunk| chunks.push(chunk)).unwrap();
    chunks
}

#[test]
fn t105_another_text_under_the_same_key_does_not_pass_for_what_was_signed() {
    let account = account(1);
    let mut sealed = seal(&account, 2);
    let forged = reseal(&sealed, b"Dear debtor");
    // Control: to the key alone, the one is as good as the other.
    let key = derive::content_key(&sealed.envelope.header.salt, &sealed.client, &server(SHARE)).key;
    let opener = ContentOpener::new(key, sealed.envelope.header.h0(), sealed.envelope.header.size);
    assert_eq!(open_all(opener, forged.clone()).unwrap().as_slice(), b"Dear debtor");
    // Under the signed envelope it does not open, neither to its owner nor where the record was lent by its key.
    let genuine = core::mem::replace(&mut sealed.chunks, forged.clone());
    assert_eq!(content(&account, &sealed, SHARE).err(), Some(OpenError));
    let lent = open(&account, &sealed.envelope).unwrap().blob_key(&server(SHARE)).unwrap();
    let lent: BlobKey = decode(&lent, 1024).unwrap();
    assert!(open_all(open_blob(&lent).unwrap(), forged.clone()).is_none());
    assert!(open_all(open_blob(&lent).unwrap(), genuine).is_some(), "control");
    // With the root changed to fit, the signature does not.
    let mut tree = glimpse_wire::merkle::MerkleTree::new();
    forged.iter().for_each(|chunk| tree.push(chunk));
    sealed.envelope.content_root = tree.root();
    assert!(content(&account, &sealed, SHARE).is_ok(), "control: it opens");
    assert!(!passes_as_own(&account, &sealed.envelope));
}

#[test]
fn t105_another_meta_under_the_same_key_does_not_pass_for_what_was_signed() {
    let account = account(1);
    let sealed = seal(&account, 2);
    let key = derive::meta_key(&sealed.envelope.header.salt, &sealed.client).key;
    let mut other = meta("Invoice");
    other.length = 11;
    let mut altered = sealed.envelope.clone();
    altered.sealed_meta = Bytes(seal_small(key, altered.header.h0(), &encode(&other)).unwrap());
    let opened = open(&account, &altered).unwrap();
    assert_eq!(opened.meta().title, "Invoice", "control: it opens");
    assert_eq!(opened.origin(), Origin::Unsigned);
    // One that announces another length than the header has room for does not even open.
    let key = derive::meta_key(&sealed.envelope.header.salt, &sealed.client).key;
    other.length = 5_000;
    altered.sealed_meta = Bytes(seal_small(key, altered.header.h0(), &encode(&other)).unwrap());
    assert_eq!(open(&account, &altered).err(), Some(OpenError));
}

#[test]
fn t045_a_content_that_opens_under_two_keys_is_refused_for_all_but_the_committed_one() {
    let account = account(1);
    let sealed = seal(&account, 2);
    let salt = &sealed.envelope.header.salt;
    let h0 = sealed.envelope.header.h0();
    let (one, other) = (Hash([3; 32]), Hash([4; 32]));
    let key = |share: Hash| derive::content_key(salt, &sealed.client, &server(share));
    let nonce = {
        let mut nonce = [0; crate::aead::NONCE];
        nonce[11] = 1;
        nonce
    };
    let (first, second) = (key(one), key(other));
    let both = salamander::opens_under_both(first.key.expose_secret(), second.key.expose_secret(), nonce, &h0.0, 512);
    for committed in [&first, &second] {
        let mut buffer = both.clone();
        assert!(crate::aead::open(&committed.key, nonce, &h0.0, &mut buffer).is_ok(), "control: the cipher takes it");
    }
    // The envelope commits to one of the two.
    assert_eq!(sealed.envelope.commit_content, first.commitment());
    let opened = open(&account, &sealed.envelope).unwrap();
    assert!(opened.open_content(&server(one)).is_ok());
    assert_eq!(opened.open_content(&server(other)).err(), Some(OpenError));
}

#[test]
fn a_policy_bit_that_is_not_known_or_forbids_it_keeps_a_record_from_being_lent() {
    let account = account(1);
    let lendable = |policy: u32| {
        let rng = &mut rng(9);
        let recipient = recipient(&account);
        let author = Author::Device(&account.device);
        let draft = Draft::new(&recipient, Place::new_record(rng), author, UnixMillis(5), 0, rng).unwrap();
        let meta = Meta { policy, ..meta("Key") };
        let sealer = draft.seal(meta, 1, &server(SHARE), &recipient, rng).unwrap();
        let envelope = sealer.finish(author, &mut |_chunk| {}).unwrap();
        open(&account, &envelope).unwrap().require_lendable()
    };
    assert_eq!((lendable(0), lendable(Policy::SENSITIVE)), (Ok(()), Ok(())));
    for policy in [Policy::NEVER_LEND, Policy::NEVER_LEND | Policy::SENSITIVE, 4, 1 << 31, u32::MAX] {
        assert_eq!(lendable(policy), Err(ErrorCode::NeverLend), "{policy:b}");
    }
}

#[test]
fn what_is_over_a_limit_is_refused_before_it_is_sealed() {
    let account = account(1);
    let recipient = recipient(&account);
    let author = Author::Device(&account.device);
    let place = Place::new_record(&mut rng(1));
    let draft = |length| Draft::new(&recipient, place, author, UnixMillis(5), length, &mut rng(2));
    assert_eq!(draft(MAX_CONTENT + 1).err(), Some(SealError::TooLarge));
    assert!(draft(MAX_CONTENT).is_ok(), "control");
    let sealed =
        |meta: Meta| draft(0).unwrap().seal(meta, 1, &server(SHARE), &recipient, &mut rng(3)).map(|_sealer| ());
    let long = "x".repeat(MAX_TITLE + 1);
    let too_large = [
        meta(&long),
        Meta { file_name: long.clone(), ..meta("") },
        Meta { from: long.clone(), ..meta("") },
        Meta { content_type: long, ..meta("") },
        Meta { kind: "x".repeat(MAX_TAG + 1), ..meta("") },
        Meta { tags: vec!["x".repeat(MAX_TAG + 1)], ..meta("") },
        Meta { tags: vec![String::new(); MAX_TAGS + 1], ..meta("") },
    ];
    for meta in too_large {
        assert_eq!(sealed(meta), Err(SealError::TooLarge));
    }
    assert_eq!(sealed(meta(&"x".repeat(MAX_TITLE))), Ok(()), "control");
}

#[test]
fn what_is_over_a_limit_does_not_open_either() {
    let account = account(1);
    let key = account.seed.account_key();
    let devices = [account.device.public()];
    // What a writer of another program could leave: the meta sealed as it should be, with the check left out.
    let open = |title: &str| {
        let (recipient, author) = (recipient(&account), Author::Device(&account.device));
        let draft =
            Draft::new(&recipient, Place::new_record(&mut rng(1)), author, UnixMillis(5), 0, &mut rng(2)).unwrap();
        let sealer = draft.seal(meta("short"), 1, &server(SHARE), &recipient, &mut rng(3)).unwrap();
        let mut envelope = sealer.finish(author, &mut |_| {}).unwrap();
        let h0 = envelope.header.h0();
        let share = key.open(&preimage::share_wrap_info(&h0), &[], envelope.wrapped.as_slice()).unwrap();
        let client = ClientShare(Secret::from_slice(&share).unwrap());
        let meta_key = derive::meta_key(&envelope.header.salt, &client);
        envelope.sealed_meta = Bytes(seal_small(meta_key.key, h0, &encode(&meta(title))).unwrap());
        OpenedVersion::open(envelope, &account.chain.account(), &key, &devices).err()
    };
    assert_eq!(open(&"x".repeat(MAX_TITLE)), None, "control");
    assert_eq!(open(&"x".repeat(MAX_TITLE + 1)), Some(OpenError));
}

#[test]
fn an_account_key_that_nobody_can_have_is_no_recipient() {
    let account = account(1);
    let mut key = account.epoch.account_key.0.clone();
    assert!(KemPublic::parse(&key).is_ok(), "control");
    key[1216 - 32..].fill(0);
    assert!(KemPublic::parse(&key).is_err(), "an X25519 part of small order");
}
