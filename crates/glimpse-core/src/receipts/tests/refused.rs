//! What a trail says of requests that opened nothing, and of ends that nobody signed (attack 65).

use glimpse_wire::limits::MAX_NOTED_REFUSALS;

use super::*;

/// A unit that nobody lent.
const FOREIGN: UnitId = UnitId([5; 16]);

impl Signers {
    fn refused(&self, code: ErrorCode, edit: impl FnOnce(&mut OpenRequest)) -> Event {
        let Event::Opened { request, signature } = self.opened_by(edit) else { panic!() };
        Event::Refused { code, request, signature }
    }

    /// What a server notes of a request for a unit that nobody lent.
    fn not_granted(&self, counter: u64, last_receipt: Hash) -> Event {
        self.refused(ErrorCode::NotGranted, |it| {
            (it.counter, it.unit, it.last_receipt) = (counter, FOREIGN, last_receipt);
        })
    }

    /// An opening by the number 1, and what comes after it.
    fn after_an_opening(&self, then: &[Event]) -> Vec<Event> {
        let begun = [self.granted(1, self.viewer.public()), self.opened(1, SESSION, Hash::ZERO)];
        [begun.as_slice(), then].concat()
    }
}

#[test]
fn a_refusal_counts_and_its_signature_is_checked() {
    let by = Signers::new();
    let audited = |last: Event| {
        let events = by.after_an_opening(&[last]);
        audit(SESSION, &by.device.public(), &|_| None, None, &link(SESSION, &events))
    };
    let refused = by.not_granted(2, Hash::ZERO);
    assert_eq!(audited(refused.clone()).map(|audit| (audit.openings, audit.refusals)), Ok((1, 1)));
    let Event::Refused { code, request, .. } = refused else { panic!() };
    let forged = Event::Refused { code, request, signature: SignatureBytes([0; 64]) };
    assert_eq!(audited(forged), Err(BrokenTrail { seq: 2 }));
}

#[test]
fn t065_a_refused_request_fits_its_place_like_an_opening() {
    let by = Signers::new();
    let begun = by.after_an_opening(&[]);
    assert!(by.holds(&by.after_an_opening(&[by.not_granted(2, head(&begun))])), "control");
    let without = [begun[0].clone(), by.not_granted(2, head(&begun))];
    assert!(!by.holds(&without), "an opening before it was left out");
    let ended = by.after_an_opening(&[by.ended(Side::Viewer, SESSION, Hash::ZERO), by.not_granted(2, Hash::ZERO)]);
    assert!(!by.holds(&ended), "refused after the end");
}

#[test]
fn t065_a_released_share_cannot_be_noted_as_a_refusal() {
    let by = Signers::new();
    let after = |then: &[Event]| by.holds(&by.after_an_opening(then));
    assert!(after(&[by.not_granted(2, Hash::ZERO)]), "control");
    let adds = by.granted_by(|terms| (terms.seq, terms.units) = (2, vec![TermsUnit::Sealed { unit: FOREIGN }]));
    assert!(after(&[by.not_granted(2, Hash::ZERO), adds.clone()]), "control: what was not lent then may be lent since");
    assert!(!after(&[adds, by.not_granted(2, Hash::ZERO)]), "of a unit that Terms list");
    assert!(!after(&[by.refused(ErrorCode::NotGranted, |it| it.counter = 2)]), "the same, of the first Terms");
    // It uses its number.
    assert!(after(&[by.not_granted(2, Hash::ZERO), by.opened(3, SESSION, Hash::ZERO)]), "control");
    assert!(!after(&[by.not_granted(2, Hash::ZERO), by.opened(2, SESSION, Hash::ZERO)]));
    assert!(!after(&[by.not_granted(1, Hash::ZERO)]), "a number that an opening used is an alarm");
    // Nothing else than these two is noted.
    for code in [ErrorCode::BudgetSpent, ErrorCode::RateLimited, ErrorCode::NotReady, ErrorCode::Conflict] {
        assert!(!after(&[by.refused(code, |it| (it.counter, it.unit) = (2, FOREIGN))]), "{code:?}");
    }
}

#[test]
fn t065_an_alarm_is_of_a_number_that_another_request_used() {
    let by = Signers::new();
    let after = |then: &[Event]| by.holds(&by.after_an_opening(then));
    let alarm = |counter, last_receipt| {
        by.refused(ErrorCode::CounterReused, |it| (it.counter, it.to, it.last_receipt) = (counter, 2, last_receipt))
    };
    assert!(after(&[alarm(1, Hash([7; 32]))]), "control: what a thief of a number made up is no fault of the server");
    assert!(after(&[by.not_granted(2, Hash::ZERO), alarm(2, Hash::ZERO)]), "control: a refusal uses its number, too");
    assert!(after(&[alarm(1, Hash::ZERO), by.opened(2, SESSION, Hash::ZERO)]), "control: an alarm uses none");
    assert!(!after(&[alarm(2, Hash::ZERO)]), "of a number that nothing used");
    assert!(!after(&[by.refused(ErrorCode::CounterReused, |_| {})]), "the very bytes that were answered");
    // Beyond so many refusals, what used a number is not noted, and the first alarm is.
    let noted = |count: u64| (2..2 + count).map(|counter| by.not_granted(counter, Hash::ZERO)).collect::<Vec<_>>();
    let most = u64::try_from(MAX_NOTED_REFUSALS).unwrap();
    let then = |count, last: Event| after(&[noted(count).as_slice(), &[last]].concat());
    assert!(then(most, alarm(most + 9, Hash::ZERO)));
    assert!(!then(most - 1, alarm(most + 9, Hash::ZERO)));
}

#[test]
fn t065_an_end_that_nobody_signed_is_the_servers_and_a_signed_one_gives_no_other_reason() {
    let by = Signers::new();
    let after = |last: Event| by.holds(&by.after_an_opening(&[last]));
    let by_server = |code, signature| Event::Ended { code, statement: Bytes(Vec::new()), signature };
    let none = SignatureBytes([0; 64]);
    for code in [ErrorCode::SessionEnded, ErrorCode::SessionExpired, ErrorCode::SessionIdle, ErrorCode::SessionRevoked]
    {
        assert!(after(by_server(code, none)), "control: {code:?}");
        assert!(!after(by_server(code, SignatureBytes([9; 64]))), "{code:?} with bytes in the place of zeros");
    }
    assert!(!after(by_server(ErrorCode::BudgetSpent, none)), "no session ends so");
    let signed = [by.ended(Side::Viewer, SESSION, Hash::ZERO), by.stopped(&by.other, |_| {})];
    for right in signed {
        assert!(after(right.clone()), "control");
        let Event::Ended { statement, signature, .. } = right else { panic!() };
        assert!(!after(Event::Ended { code: ErrorCode::SessionRevoked, statement, signature }));
    }
}
