//! From the grant to an opened unit, in memory; the server's part is played here.

use glimpse_wire::ids::Bytes;
use glimpse_wire::live::Live;
use glimpse_wire::pairing::Message;
use glimpse_wire::preimage;
use glimpse_wire::record::Meta;
use glimpse_wire::session::{Event, Opened, Receipt};
use glimpse_wire::{ErrorCode, Hash, SUITE, UnixMillis, decode, encode};

use super::device::{Decision, LentUnit};
use super::{DeviceSession, ViewerSession, fresh_salt};
use crate::account::NewAccount;
use crate::kem::KemPublic;
use crate::pairing::tests::{NOW, confirmed};
use crate::record::{Author, Draft, OpenedVersion, Place, Recipient};
use crate::secret::{Plaintext, ServerShare};
use crate::stream::ContentOpener;
use crate::testing::rng;

pub(crate) mod granting;
mod withholding;

pub(crate) fn meta(title: &str) -> Meta {
    Meta {
        title: title.to_owned(),
        kind: "text".to_owned(),
        content_type: "text/plain".to_owned(),
        file_name: String::new(),
        tags: Vec::new(),
        length: 0,
        policy: 0,
        from: String::new(),
        created: UnixMillis(5),
    }
}

pub(crate) fn recipient(account: &NewAccount) -> Recipient {
    Recipient {
        account: account.chain.account(),
        epoch: 1,
        key: KemPublic::parse(account.epoch.account_key.as_slice()).unwrap(),
        head: account.chain.head(),
    }
}

/// A record version at rest: opened meta, and sealed chunks.
pub(crate) fn version(account: &NewAccount, meta: Meta, content: &[u8], share: &Hash) -> (OpenedVersion, Vec<Vec<u8>>) {
    let rng = &mut rng(77);
    let (recipient, author) = (recipient(account), Author::Device(&account.device));
    let length = u64::try_from(content.len()).unwrap();
    let draft = Draft::new(&recipient, Place::new_record(rng), author, UnixMillis(5), length, rng).unwrap();
    let mut sealer = draft.seal(meta, 1, &ServerShare::from_wire(share), &recipient, rng).unwrap();
    let mut chunks = Vec::new();
    sealer.push(content, &mut |chunk| chunks.push(chunk)).unwrap();
    let envelope = sealer.finish(author, &mut |chunk| chunks.push(chunk)).unwrap();
    let envelope = glimpse_wire::record::Envelope::parse(&envelope.to_bytes()).unwrap();
    let devices = [account.device.public()];
    let opened =
        OpenedVersion::open(envelope, &account.chain.account(), &account.seed.account_key(), &devices).unwrap();
    (opened, chunks)
}

pub(crate) fn open_all(mut opener: ContentOpener, chunks: Vec<Vec<u8>>) -> Option<Plaintext> {
    let mut content = Plaintext::default();
    for chunk in chunks {
        content.extend_from_slice(&opener.open(chunk).ok()?);
    }
    opener.is_done().then_some(content)
}

/// A session over one text record.
pub(crate) fn session(account: &NewAccount, seed: u64) -> (DeviceSession, ViewerSession, glimpse_wire::UnitId) {
    let (device, viewer) = confirmed(account, seed);
    let (record, _) = version(account, meta("Letter"), b"Dear reader", &Hash([3; 32]));
    let unit = LentUnit::of(&record, &mut rng(seed)).unwrap();
    let id = unit.id();
    let decision = Decision::view(vec![unit], UnixMillis(1_700_000_000_000), 600_000);
    let words = device.words();
    let approved = device.approve(words, decision, NOW).unwrap();
    let (device, grant) = approved.seal(&account.device, &mut rng(seed + 5)).unwrap();
    let viewer = viewer.receive(&grant.message).unwrap();
    (device, viewer, id)
}

#[test]
fn a_granted_unit_opens_in_the_browser_it_was_granted_to() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (mut device, mut viewer, id) = session(&account, 20);
    assert_eq!(viewer.units().map(|(_, unit)| unit.meta.title.as_str()).collect::<Vec<_>>(), ["Letter"]);

    let share = Hash([8; 32]);
    let salt = fresh_salt(&mut rng(30));
    let mut sealer = device.seal_unit(&id, salt, &ServerShare::from_wire(&share)).unwrap();
    let envelope = encode(sealer.envelope());
    let mut chunks = Vec::new();
    sealer.push(b"Dear reader", &mut |chunk| chunks.push(chunk)).unwrap();
    sealer.finish(&mut |chunk| chunks.push(chunk)).unwrap();

    let request = viewer.request(&id).unwrap();
    let receipt = encode(&Receipt {
        suite: SUITE,
        session: viewer.session(),
        seq: 0,
        previous: Hash::ZERO,
        at: UnixMillis(1),
        event: Event::Opened { request: request.statement.clone(), signature: request.signature },
    });
    let answer = encode(&Opened { envelope: Bytes(envelope), share, receipts: vec![Bytes(receipt.clone())] });
    let opener = viewer.opened(&request, &answer).unwrap().into_content();
    assert_eq!(open_all(opener, chunks).unwrap().as_slice(), b"Dear reader");
    assert_eq!(viewer.receipts().head(), preimage::receipt_hash(&receipt));

    let opened = device.live().unwrap();
    let sealed = viewer.live().unwrap().seal(&Live::Opened { unit: id });
    let Message::Live { counter, sealed } = decode(&sealed, 1 << 16).unwrap() else { panic!() };
    assert_eq!(opened.open(counter, &sealed), Ok(Live::Opened { unit: id }));
}

#[test]
fn t062_a_grant_does_not_open_in_another_browser() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (device, viewer) = confirmed(&account, 40);
    let (_, other) = confirmed(&account, 50);
    let (record, _) = version(&account, meta("Letter"), b"Dear reader", &Hash([3; 32]));
    let unit = LentUnit::of(&record, &mut rng(41)).unwrap();
    let words = device.words();
    let approved = device.approve(words, Decision::view(vec![unit], UnixMillis(1), 600_000), NOW).unwrap();
    let (_, grant) = approved.seal(&account.device, &mut rng(42)).unwrap();
    assert_eq!(other.receive(&grant.message).err(), Some(ErrorCode::RecordTampered));
    assert!(viewer.receive(&grant.message).is_ok(), "control: it opens where it belongs");
}
