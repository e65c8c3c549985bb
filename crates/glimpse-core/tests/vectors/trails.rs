//! Trails of which one receipt says what no honest server writes: each goes as far as its fault.

use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::session::{Event, OpenRequest};
use glimpse_wire::{ErrorCode, Hash, SUITE, UnitId, encode};

use crate::{hand, lent};

/// The name of each, what it shows, and its bytes.
pub(crate) fn faults() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut story = lent::story();
    let (events, _) = lent::events(&mut story);
    let [granted, opened, ended, ..] = events.as_slice() else { panic!() };
    let Event::Opened { request, signature: by } = opened.clone() else { panic!() };
    let refused = |code| Event::Refused { code, request: request.clone(), signature: by };
    let foreign = |code| {
        let (session, unit, last_receipt) = (story.viewer.session(), UnitId([0; 16]), Hash::ZERO);
        let request = encode(&OpenRequest { suite: SUITE, session, unit, from: 0, to: 1, counter: 1, last_receipt });
        let signing = ed25519_dalek::SigningKey::from_bytes(&hand::drawn("viewer signing seed"));
        let signed = preimage::statement_signature(StatementKind::Open, &request);
        let signature = SignatureBytes(ed25519_dalek::Signer::sign(&signing, &signed).to_bytes());
        Event::Refused { code, request: Bytes(request), signature }
    };
    let revoked = ErrorCode::SessionRevoked;
    let unsigned = Event::Ended { code: revoked, statement: Bytes(Vec::new()), signature: SignatureBytes([7; 64]) };
    let Event::Ended { statement, signature, .. } = ended.clone() else { panic!() };
    let renamed = Event::Ended { code: revoked, statement, signature };
    let trail = |then: &[Event]| {
        let events = [std::slice::from_ref(granted), then].concat();
        encode(&lent::linked(&story, &events).into_iter().map(Bytes).collect::<Vec<_>>())
    };
    let opened = || opened.clone();
    vec![
        (
            "receipts-refused-lent-unit",
            "The opening noted as a request for a unit that was not lent.",
            trail(&[refused(ErrorCode::NotGranted)]),
        ),
        (
            "receipts-refused-then-opened",
            "A request for a unit that was not lent, and an opening by its number.",
            trail(&[foreign(ErrorCode::NotGranted), opened()]),
        ),
        (
            "receipts-refused-other-code",
            "A refusal that is told to the viewer alone.",
            trail(&[foreign(ErrorCode::BudgetSpent)]),
        ),
        (
            "receipts-alarm-unused-number",
            "The opening noted as an alarm: nothing had used its number.",
            trail(&[refused(ErrorCode::CounterReused)]),
        ),
        (
            "receipts-alarm-same-bytes",
            "The opening, and an alarm of the very same request.",
            trail(&[opened(), refused(ErrorCode::CounterReused)]),
        ),
        (
            "receipts-ended-no-zeros",
            "An end by the server with other bytes than zeros in the place of a signature.",
            trail(&[opened(), unsigned]),
        ),
        (
            "receipts-ended-other-reason",
            "The viewer's End, with the reason of a session that was revoked.",
            trail(&[opened(), renamed]),
        ),
    ]
}
