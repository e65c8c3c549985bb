//! A device that signs and seals what it should not: what the viewer refuses although every signature and seal holds.

use glimpse_wire::Salt;

use super::*;
use crate::account::NewAccount;
use crate::pairing::tests::{NOW, confirmed};
use crate::secret::ServerShare;
use crate::session::tests::{meta, version};
use crate::testing::rng;

/// A grant of two units whose Terms and units were altered before they were sealed and signed.
fn offered(alter: impl FnOnce(&mut Terms, &mut Vec<LentUnit>)) -> Result<(), ErrorCode> {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (device, viewer) = confirmed(&account, 2);
    let (record, _) = version(&account, meta("Letter"), b"Dear reader", &Hash([3; 32]));
    let units = vec![LentUnit::of(&record, &mut rng(3)).unwrap(), LentUnit::of(&record, &mut rng(4)).unwrap()];
    let words = device.words();
    let decision = Decision::view(units, UnixMillis(1_700_000_000_000), 600_000);
    let mut approved = device.approve(words, decision, NOW).unwrap();
    alter(&mut approved.terms, &mut approved.units);
    let (_, grant) = approved.seal(&account.device, &mut rng(5)).unwrap();
    viewer.receive(&grant.message).map(|_session| ())
}

#[test]
fn t012_terms_of_another_suite_are_refused_even_if_the_device_signs_them() {
    for suite in [0, 2, 255] {
        assert_eq!(offered(|terms, _units| terms.suite = suite), Err(ErrorCode::RecordTampered), "{suite}");
    }
    assert_eq!(offered(|_terms, _units| {}), Ok(()), "control");
}

#[test]
fn t061_terms_for_another_session_account_or_browser_are_refused_even_if_the_device_signs_them() {
    type Edit = (&'static str, fn(&mut Terms));
    let edits: [Edit; 7] = [
        ("suite", |terms| terms.suite = 2),
        ("session", |terms| terms.session.0[0] ^= 1),
        ("account", |terms| terms.account.0[0] ^= 1),
        ("viewer", |terms| terms.viewer.0[0] ^= 1),
        ("seq", |terms| terms.seq = 2),
        ("no seq", |terms| terms.seq = 0),
        ("rights", |terms| terms.rights = Rights::SAVE),
    ];
    for (name, edit) in edits {
        assert_eq!(offered(|terms, _units| edit(terms)), Err(ErrorCode::RecordTampered), "{name}");
    }
    assert_eq!(offered(|_terms, _units| {}), Ok(()), "control");
}

#[test]
fn t061_units_that_are_not_the_ones_listed_are_refused_even_if_the_device_signs_them() {
    type Edit = (&'static str, fn(&mut Terms, &mut Vec<LentUnit>));
    let edits: [Edit; 5] = [
        ("one more listed", |terms, _units| terms.units.push(terms.units[0])),
        ("one less listed", |terms, _units| terms.units.truncate(1)),
        ("swapped", |_terms, units| units.swap(0, 1)),
        ("one of them twice", |terms, units| {
            terms.units[1] = terms.units[0];
            units[1].id = units[0].id;
        }),
        ("of an origin that nobody knows", |_terms, units| units[0].origin = 3),
    ];
    for (name, edit) in edits {
        assert_eq!(offered(edit), Err(ErrorCode::RecordTampered), "{name}");
    }
}

#[test]
fn terms_under_an_older_head_than_the_identitys_are_refused() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let grant_under = |seq: u64| {
        let setup = crate::pairing::device::Setup {
            head: Head { seq: 5, hash: Hash([5; 32]) },
            ..crate::pairing::tests::setup(&account)
        };
        let (device, viewer) = crate::pairing::tests::confirmed_with(setup, 2);
        let words = device.words();
        let decision = Decision::view(Vec::new(), UnixMillis(1_700_000_000_000), 600_000);
        let mut approved = device.approve(words, decision, NOW).unwrap();
        approved.terms.head.seq = seq;
        let (_, grant) = approved.seal(&account.device, &mut rng(5)).unwrap();
        viewer.receive(&grant.message).map(|_session| ())
    };
    assert_eq!(grant_under(4), Err(ErrorCode::RecordTampered));
    assert_eq!((grant_under(5), grant_under(6)), (Ok(()), Ok(())), "control");
}

#[test]
fn a_blob_of_another_size_than_was_announced_is_refused() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let opens = |announced: u64| {
        let (device, viewer) = confirmed(&account, 2);
        let record_share = Hash([3; 32]);
        let (record, _) = version(&account, meta("Scan"), b"Dear reader", &record_share);
        // Small, and lent by its key all the same, so that the test is quick.
        let mut unit = LentUnit::of(&record, &mut rng(3)).unwrap();
        unit.blob = Some(record.envelope().header.h0());
        unit.meta.length = announced;
        let id = unit.id();
        let words = device.words();
        let decision = Decision::view(vec![unit], UnixMillis(1_700_000_000_000), 600_000);
        let approved = device.approve(words, decision, NOW).unwrap();
        let (device, grant) = approved.seal(&account.device, &mut rng(5)).unwrap();
        let mut viewer = viewer.receive(&grant.message).unwrap();
        let (share, server) = (Hash([8; 32]), |share: &Hash| ServerShare::from_wire(share));
        let (envelope, key) =
            device.seal_blob_unit(&id, Salt([7; 32]), &server(&share), &record, &server(&record_share)).unwrap();
        let request = viewer.request(&id).unwrap();
        let answer = crate::session::tests::granting::answer(&viewer, &request, &envelope, share);
        viewer.opened(&request, &answer).unwrap().into_blob(key).map(|_opener| ())
    };
    assert_eq!(opens(5_000), Err(ErrorCode::RecordTampered));
    assert_eq!(opens(11), Ok(()), "control");
}
