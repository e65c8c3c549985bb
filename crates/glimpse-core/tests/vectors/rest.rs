//! An account, and records at rest.

use glimpse_core::account::{NewAccount, adopt_seed};
use glimpse_core::kem::KemPublic;
use glimpse_core::keys::WriterKeys;
use glimpse_core::record::{Author, Draft, OpenedVersion, Origin, Place, Recipient};
use glimpse_core::secret::ServerShare;
use glimpse_wire::preimage::{self, Preimage, label};
use glimpse_wire::record::{Envelope, Meta};
use glimpse_wire::{Hash, UnixMillis, encode, merkle};
use sha2::{Digest, Sha256};

use crate::by_hand::Schedule;
use crate::hand;
use crate::sheet::Sheet;
use crate::tape::Tape;

/// The account of every scenario.
pub(crate) fn account() -> NewAccount {
    let tape = [
        hand::drawn::<32>("device signing seed").as_slice(),
        &hand::drawn::<32>("device KEM seed"),
        &hand::drawn::<32>("account seed"),
        &hand::drawn::<64>("seed wrap"),
        &hand::drawn::<32>("genesis random"),
    ]
    .concat();
    let mut tape = Tape::new(&tape);
    let account = NewAccount::generate(&mut tape).unwrap();
    assert!(tape.rest().is_empty());
    account
}

fn account_key_seed() -> [u8; 32] {
    hand::derived(None, &hand::drawn::<32>("account seed"), label::ACCOUNT_KEY)
}

pub(crate) fn account_sheet() -> Sheet {
    let account = account();
    let public = account.device.public();
    let info = preimage::seed_wrap_info(&account.device.id(), 1, account.epoch.account_key.as_slice());
    let (enc, ciphertext) = account.wrap.split_at(1120);
    let shared = hand::decapsulated(hand::drawn("device KEM seed"), enc);
    let schedule = Schedule::new(&shared, &info, None);
    let sealed = hand::sealed(&schedule.key, schedule.base_nonce, b"", &hand::drawn::<32>("account seed"));
    assert_eq!(sealed, ciphertext);
    assert!(adopt_seed(&account.device, &account.epoch, &account.wrap).is_ok());
    Sheet::about("Founding an account: keys, the seed of epoch 1 wrapped to the device, and the signed genesis link.")
        .bytes("device_signing_seed", hand::drawn::<32>("device signing seed"))
        .bytes("device_kem_seed", hand::drawn::<32>("device KEM seed"))
        .bytes("account_seed", hand::drawn::<32>("account seed"))
        .bytes("seed_wrap_randomness", hand::drawn::<64>("seed wrap"))
        .bytes("genesis_random", hand::drawn::<32>("genesis random"))
        .bytes("device_signing_key", public.signing.0)
        .bytes("device_kem_key", public.kem.as_slice())
        .bytes("device_id", account.device.id().0)
        .bytes("account_key_seed", account_key_seed())
        .bytes("account_key", account.epoch.account_key.as_slice())
        .bytes("seed_wrap_info", &info)
        .bytes("seed_wrap_shared_secret", shared)
        .bytes("seed_wrap_key", schedule.key)
        .bytes("seed_wrap_nonce", schedule.base_nonce)
        .bytes("seed_wrap", &account.wrap)
        .bytes("seed_wrap_hash", preimage::wrap_hash(&account.wrap).0)
        .bytes("link", account.link.link.as_slice())
        .bytes("link_signature", account.link.signature.0)
        .bytes("link_hash", account.chain.head().hash.0)
        .bytes("account_id", account.chain.account().0)
}

pub(crate) const SERVER_SHARE: &str = "server share of the record";

fn recipient(account: &NewAccount) -> Recipient {
    Recipient {
        account: account.chain.account(),
        epoch: 1,
        key: KemPublic::parse(account.epoch.account_key.as_slice()).unwrap(),
        head: account.chain.head(),
    }
}

fn meta(title: &str, from: &str) -> Meta {
    Meta {
        title: title.to_owned(),
        kind: "text".to_owned(),
        content_type: "text/plain".to_owned(),
        file_name: "letter.txt".to_owned(),
        tags: vec!["post".to_owned()],
        length: 0,
        policy: 0,
        from: from.to_owned(),
        created: UnixMillis(1_700_000_000_000),
    }
}

/// A sealed version and its chunks.
pub(crate) fn sealed(account: &NewAccount, author: Author<'_>, from: &str, content: &[u8]) -> (Envelope, Vec<Vec<u8>>) {
    let tape = [
        hand::drawn::<16>("record id").as_slice(),
        &hand::drawn::<32>("record salt"),
        &hand::drawn::<32>("record client share"),
        &hand::drawn::<64>("share wrap"),
    ]
    .concat();
    let mut tape = Tape::new(&tape);
    let recipient = recipient(account);
    let place = Place::new_record(&mut tape);
    let length = u64::try_from(content.len()).unwrap();
    let draft = Draft::new(&recipient, place, author, UnixMillis(1_700_000_000_000), length, &mut tape).unwrap();
    let share = ServerShare::from_wire(&Hash(hand::drawn(SERVER_SHARE)));
    let mut sealer = draft.seal(meta("Letter", from), 1, &share, &recipient, &mut tape).unwrap();
    assert!(tape.rest().is_empty());
    let mut chunks = Vec::new();
    sealer.push(content, &mut |chunk| chunks.push(chunk)).unwrap();
    let envelope = sealer.finish(author, &mut |chunk| chunks.push(chunk)).unwrap();
    (envelope, chunks)
}

pub(crate) fn opened(account: &NewAccount, envelope: &Envelope) -> OpenedVersion {
    let devices = [account.device.public()];
    let envelope = Envelope::parse(&envelope.to_bytes()).unwrap();
    OpenedVersion::open(envelope, &account.chain.account(), &account.seed.account_key(), &devices).unwrap()
}

fn record(comment: &str, author: Author<'_>, from: &str, content: &[u8]) -> Sheet {
    let account = account();
    let (envelope, chunks) = sealed(&account, author, from, content);
    let header = &envelope.header;
    let h0 = header.h0();
    let (client, server): ([u8; 32], [u8; 32]) = (hand::drawn("record client share"), hand::drawn(SERVER_SHARE));
    let info = preimage::share_wrap_info(&h0);
    let (enc, wrapped) = envelope.wrapped.as_slice().split_at(1120);
    let shared = hand::decapsulated(account_key_seed(), enc);
    let schedule = Schedule::new(&shared, &info, None);
    assert_eq!(hand::sealed(&schedule.key, schedule.base_nonce, b"", &client), wrapped);
    let meta_key: [u8; 64] = hand::derived(Some(&header.salt.0), &client, label::META_KEY);
    let both = Preimage::unlabelled().part(&client).part(&server).into_bytes();
    let content_key: [u8; 64] = hand::derived(Some(&header.salt.0), &both, label::CONTENT_KEY);
    assert_eq!((&meta_key[32..], &content_key[32..]), (&envelope.commit_meta.0[..], &envelope.commit_content.0[..]));
    let opened = opened(&account, &envelope);
    let meta = encode(opened.meta());
    let by_hand = hand::chunks(&meta_key[..32].try_into().unwrap(), &h0.0, &meta);
    assert_eq!(by_hand.concat(), envelope.sealed_meta.as_slice());
    assert_eq!(hand::chunks(&content_key[..32].try_into().unwrap(), &h0.0, content), chunks);
    let origin = match opened.origin() {
        Origin::Own => "own",
        Origin::Writer(_) => "writer",
        Origin::Approved(_) => "approved",
        Origin::Unsigned => "unsigned",
    };
    let sheet = Sheet::about(comment)
        .bytes("account_key_seed", account_key_seed())
        .bytes("device_signing_key", account.device.public().signing.0)
        .bytes("record", header.record.0)
        .bytes("salt", header.salt.0)
        .bytes("client_share", client)
        .bytes("server_share", server)
        .bytes("share_wrap_randomness", hand::drawn::<64>("share wrap"))
        .bytes("header", encode(header))
        .bytes("h0", h0.0)
        .bytes("share_wrap_info", &info)
        .bytes("share_wrap_shared_secret", shared)
        .bytes("wrapped", envelope.wrapped.as_slice())
        .bytes("meta_key", &meta_key[..32])
        .bytes("commit_meta", &meta_key[32..])
        .bytes("meta", &meta)
        .bytes("sealed_meta", envelope.sealed_meta.as_slice())
        .bytes("content_key", &content_key[..32])
        .bytes("commit_content", &content_key[32..]);
    let sheet = if content.len() < 1_000 {
        sheet.bytes("content", content).bytes("chunk", chunks.concat())
    } else {
        let entry = |chunk: &Vec<u8>| {
            Sheet::default()
                .number("length", u64::try_from(chunk.len()).unwrap())
                .bytes("sha256", Sha256::digest(chunk))
                .bytes("leaf", merkle::leaf_hash(chunk).0)
        };
        sheet
            .text("content", "byte n is n * 7 mod 251")
            .number("content_length", u64::try_from(content.len()).unwrap())
            .list("chunks", chunks.iter().map(entry).collect())
    };
    sheet
        .bytes("content_root", envelope.content_root.0)
        .bytes("h1", envelope.h1().0)
        .bytes("signature", envelope.signature.0)
        .bytes("envelope", envelope.to_bytes())
        .text("origin", origin)
}

pub(crate) fn small_record() -> Sheet {
    let account = account();
    record("A record version of one chunk.", Author::Device(&account.device), "", b"Dear reader")
}

pub(crate) fn large_record() -> Sheet {
    let account = account();
    let content: Vec<u8> = (0..150_000u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
    record("A record version of three chunks, the last of them short.", Author::Device(&account.device), "", &content)
}

pub(crate) fn written_record() -> Sheet {
    let writer = WriterKeys::generate(&mut Tape::new(&hand::drawn::<32>("writer signing seed")));
    record("A record version by a writer.", Author::Writer(&writer), "Practice", b"Dear patient")
        .bytes("writer_signing_seed", hand::drawn::<32>("writer signing seed"))
        .bytes("writer_signing_key", writer.signing().public().0)
        .bytes("writer_id", writer.id().0)
}
