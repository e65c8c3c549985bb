//! What a server says of a session that it destroyed (attack 65).

use super::*;

type Edit = fn(&mut Destroyed);

#[test]
fn t065_the_word_of_a_server_that_it_destroyed_a_session_is_signed_and_fits_its_place() {
    let by = Signers::new();
    let begun = [by.granted(1, by.viewer.public()), by.ended(Side::Viewer, SESSION, Hash::ZERO)];
    let audited = |server: Option<&SigningKeyBytes>, last: Event| {
        let events = [begun.as_slice(), &[last]].concat();
        audit(SESSION, &by.device.public(), &|_| None, server, &link(SESSION, &events))
    };
    let right = || destroyed(SESSION, &begun, 1, |_| {});
    let (key, other) = (server().public(), by.viewer.public());
    assert_eq!(audited(Some(&key), right()).unwrap().deleted, Some(key), "control");
    assert_eq!(
        audited(None, right()).unwrap().deleted,
        Some(key),
        "control: whoever met no server takes the key it names"
    );
    let broken = Err(BrokenTrail { seq: 2 });
    assert_eq!(audited(Some(&other), right()), broken, "another server than the one that was met");
    let edits: [(&str, Edit); 6] = [
        ("suite", |word| word.suite = 2),
        ("session", |word| word.session = SessionId([9; 16])),
        ("head", |word| word.head = Hash([9; 32])),
        ("time", |word| word.at = UnixMillis(9)),
        ("fewer units", |word| word.units = 0),
        ("in another server's name", |word| word.server = Signing::generate(&mut rng(78)).public()),
    ];
    for (name, edit) in edits {
        assert_eq!(audited(None, destroyed(SESSION, &begun, 1, edit)), broken, "{name}");
    }
    let Event::Deleted { statement, mut signature } = right() else { panic!() };
    signature.0[0] ^= 1;
    assert_eq!(audited(None, Event::Deleted { statement: statement.clone(), signature }), broken, "signature");
    // A signature of another kind by the very key says something else.
    let word: Destroyed = decode(statement.as_slice(), 1 << 10).unwrap();
    let signature = server().sign(&Signed::preimage(StatementKind::Countersign, &word));
    assert_eq!(audited(None, Event::Deleted { statement, signature }), broken, "label");
    let cut = audit(SESSION, &by.device.public(), &|_| None, Some(&key), &link(SESSION, &begun)).unwrap();
    assert_eq!((cut.ended, cut.deleted), (true, None), "a log without it lacks it");
}
