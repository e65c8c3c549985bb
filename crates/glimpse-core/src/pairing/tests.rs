//! A whole pairing in memory, and what must stop it.

use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, Hash, MailboxId, UnixMillis};

use super::device::{ExpectConfirmA, ExpectHello, KeyConfirmed, Opened, Setup};
use super::viewer::{Asking, Claims, ExpectConfirmB, ExpectOffer};
use crate::Monotonic;
use crate::account::NewAccount;
use crate::attempts::{Attempts, Counted};
use crate::code::{CodeSecret, Nameplate, PairingCode};
use crate::session::ExpectGrant;
use crate::testing::rng;

pub(crate) const NOW: Monotonic = Monotonic(1_000);
pub(crate) const MAILBOX: MailboxId = MailboxId([5; 16]);

pub(crate) fn counted() -> Counted {
    Attempts::default().begin(UnixMillis(0))
}

pub(crate) fn setup(account: &NewAccount) -> Setup {
    Setup {
        purpose: Purpose::View,
        mailbox: MAILBOX,
        nameplate: Nameplate::parse("417").unwrap(),
        server_nonce: Hash([9; 32]),
        expires: UnixMillis(1_700_000_120_000),
        deadline: NOW.plus(120_000),
        account: account.chain.account(),
        signing: account.device.signing().public(),
        kem: account.device.kem().public().to_wire(),
        head: account.chain.head(),
        epoch: 1,
        name: "Ada".to_owned(),
    }
}

pub(crate) fn claims() -> Claims {
    Claims { origin: "https://glimpse.example".to_owned(), build: "b".to_owned(), program: "Test".to_owned() }
}

/// A device that waits, and a viewer that typed its code.
pub(crate) fn ends(account: &NewAccount, seed: u64) -> (Opened, ExpectOffer) {
    ends_with(setup(account), seed)
}

fn ends_with(setup: Setup, seed: u64) -> (Opened, ExpectOffer) {
    let opened = super::device::open(setup, &mut rng(seed)).unwrap();
    let typed = PairingCode::parse(&opened.code.to_groups(), Purpose::View).unwrap();
    (opened, ExpectOffer::new(typed, Purpose::View))
}

/// Runs a pairing up to the two ends that have confirmed each other.
pub(crate) fn confirmed(account: &NewAccount, seed: u64) -> (KeyConfirmed, ExpectGrant) {
    confirmed_with(setup(account), seed)
}

pub(crate) fn confirmed_with(setup: Setup, seed: u64) -> (KeyConfirmed, ExpectGrant) {
    let (opened, viewer) = ends_with(setup, seed);
    let rng = &mut rng(seed + 1);
    let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), rng).unwrap();
    let (device, answer) = opened.state.receive(&hello, NOW, counted(), rng).unwrap();
    let (viewer, confirm_a) = viewer.receive(&answer, &Asking::default()).unwrap();
    let (device, confirm_b) = device.receive(&confirm_a, NOW).unwrap();
    (device, viewer.receive(&confirm_b).unwrap())
}

#[test]
fn two_ends_with_one_code_confirm_each_other() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (device, viewer) = confirmed(&account, 2);
    assert_eq!(device.words(), viewer.words());
    assert_eq!(device.peer().origin, "https://glimpse.example");
    assert_eq!(viewer.identity().account, account.chain.account());
    assert_eq!(viewer.identity().name, "Ada");
}

#[test]
fn a_wrong_code_is_told_by_the_device_and_burns_it() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (opened, _) = ends(&account, 3);
    let wrong = PairingCode::new(Nameplate::parse("417").unwrap(), CodeSecret::generate(Purpose::View, &mut rng(99)));
    let viewer = ExpectOffer::new(wrong, Purpose::View);
    let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(4)).unwrap();
    let (device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(5)).unwrap();
    let (_viewer, confirm_a): (ExpectConfirmB, Vec<u8>) = viewer.receive(&answer, &Asking::default()).unwrap();
    let device: ExpectConfirmA = device;
    assert_eq!(device.receive(&confirm_a, NOW).err(), Some(ErrorCode::CodeWrong));
}

#[test]
fn t015_a_code_ends_by_the_devices_own_clock() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (opened, viewer) = ends(&account, 6);
    let (_, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(7)).unwrap();
    let state: ExpectHello = opened.state;
    let late = NOW.plus(121_000);
    assert_eq!(state.receive(&hello, late, counted(), &mut rng(8)).err(), Some(ErrorCode::CodeExpired));
    // Control: the same Hello in time is taken.
    let (opened, viewer) = ends(&account, 6);
    let (_, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(7)).unwrap();
    assert!(opened.state.receive(&hello, NOW.plus(119_000), counted(), &mut rng(8)).is_ok());
}

mod binding;
mod ending;
mod guessing;
mod leaving;
pub(crate) mod target;

/// The messages of a pairing, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Offer,
    Hello,
    Answer,
    ConfirmA,
    ConfirmB,
}

/// How a pairing ended at each end; nothing where an end was never asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) device: Option<Result<(), ErrorCode>>,
    pub(crate) viewer: Option<Result<(), ErrorCode>>,
}

/// A pairing through somebody who may alter each message on its way.
fn relayed(opened: Opened, viewer: ExpectOffer, alter: &mut dyn FnMut(Step, &mut Vec<u8>)) -> Outcome {
    let mut outcome = Outcome { device: None, viewer: None };
    let mut pass = |step, mut message: Vec<u8>| {
        alter(step, &mut message);
        message
    };
    let rng = &mut rng(60);
    let offer = pass(Step::Offer, opened.offer);
    let (viewer, hello) = match viewer.receive(MAILBOX, &offer, claims(), rng) {
        Ok(next) => next,
        Err(code) => return Outcome { viewer: Some(Err(code)), ..outcome },
    };
    let hello = pass(Step::Hello, hello);
    let (device, answer) = match opened.state.receive(&hello, NOW, counted(), rng) {
        Ok(next) => next,
        Err(code) => return Outcome { device: Some(Err(code)), ..outcome },
    };
    let answer = pass(Step::Answer, answer);
    let (viewer, confirm_a) = match viewer.receive(&answer, &because()) {
        Ok(next) => next,
        Err(code) => return Outcome { viewer: Some(Err(code)), ..outcome },
    };
    let confirm_a = pass(Step::ConfirmA, confirm_a);
    let confirm_b = match device.receive(&confirm_a, NOW) {
        Ok((_confirmed, message)) => message,
        Err(code) => return Outcome { device: Some(Err(code)), ..outcome },
    };
    outcome.device = Some(Ok(()));
    let confirm_b = pass(Step::ConfirmB, confirm_b);
    outcome.viewer = Some(viewer.receive(&confirm_b).map(|_confirmed| ()));
    outcome
}

/// A case and a reason, as an agent must give and everybody may.
pub(crate) fn because() -> Asking {
    Asking { credential: None, case: "4711".to_owned(), reason: "the bill of March".to_owned() }
}

const AGREED: Outcome = Outcome { device: Some(Ok(())), viewer: Some(Ok(())) };

#[test]
fn an_introduction_over_the_limits_ends_the_pairing() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let answer_to = |asking: &Asking| {
        let (opened, viewer) = ends(&account, 31);
        let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(32)).unwrap();
        let (device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(33)).unwrap();
        let (_, confirm_a) = viewer.receive(&answer, asking).unwrap();
        device.receive(&confirm_a, NOW).err()
    };
    let asking =
        |case: usize, reason: usize| Asking { credential: None, case: "c".repeat(case), reason: "r".repeat(reason) };
    assert_eq!(answer_to(&asking(200, 500)), None, "control: what fits is taken");
    assert_eq!(answer_to(&asking(201, 0)), Some(ErrorCode::Malformed));
    assert_eq!(answer_to(&asking(0, 501)), Some(ErrorCode::Malformed));
}
