//! Who gets through as an agent, and who does not.

use glimpse_wire::account::Signed;
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::limits::{CLOCK_SLACK_MILLIS, MAX_CREDENTIAL_MILLIS};
use glimpse_wire::organisation::{RevokedAgent, Role};
use glimpse_wire::pairing::{Message, Purpose, Terms};
use glimpse_wire::{AgentId, SUITE, decode};

use super::*;
use crate::account::NewAccount;
use crate::keys::Signing;
use crate::organisation::OrganisationKeys;
use crate::pairing::device::{KeyConfirmed, open};
use crate::pairing::tests::{MAILBOX, NOW, claims, counted, setup};
use crate::pairing::viewer::{Asking, ExpectConfirmB, ExpectOffer};
use crate::session::device::Change;
use crate::testing::rng;

/// A day, by the wall clock.
const AT: UnixMillis = UnixMillis(1_800_000_000_000);
const HOUR: u64 = 3_600_000;

struct World {
    account: NewAccount,
    organisation: OrganisationKeys,
    agent: Signing,
}

fn world() -> World {
    World {
        account: NewAccount::generate(&mut rng(1)).unwrap(),
        organisation: OrganisationKeys::generate(&mut rng(2)),
        agent: Signing::generate(&mut rng(3)),
    }
}

impl World {
    fn credential(&self) -> Credential {
        Credential {
            suite: SUITE,
            organisation: self.organisation.public(),
            agent: AgentId([7; 16]),
            name: "Sam Okoro".to_owned(),
            key: self.agent.public(),
            role: Role::Agent,
            not_before: AT,
            not_after: AT.plus(HOUR),
        }
    }

    fn asking(&self, edit: impl FnOnce(&mut Credential)) -> Asking {
        let mut credential = self.credential();
        edit(&mut credential);
        asking(Some(self.organisation.vouch(&credential)))
    }

    /// A pairing up to ConfirmB, in which `sign` signs for the agent.
    fn confirmed(
        &self,
        purpose: Purpose,
        asking: &Asking,
        sign: impl FnOnce(&[u8]) -> SignatureBytes,
    ) -> Result<(KeyConfirmed, ExpectConfirmB, Vec<u8>), ErrorCode> {
        let mut setup = setup(&self.account);
        setup.purpose = purpose;
        let opened = open(setup, &mut rng(11)).unwrap();
        let viewer = ExpectOffer::new(opened.code, purpose);
        let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(12)).unwrap();
        let (device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(13)).unwrap();
        let agreed = viewer.agree(&answer).unwrap();
        let signature = agreed.presentation(asking).map(|presentation| sign(&presentation));
        let (viewer, confirm_a) = agreed.introduce(asking, signature);
        let (confirmed, confirm_b) = device.receive(&confirm_a, NOW)?;
        Ok((confirmed, viewer, confirm_b))
    }

    fn agent(&self, asking: &Asking) -> KeyConfirmed {
        let (confirmed, _, _) = self.confirmed(Purpose::Agent, asking, |bytes| self.agent.sign(bytes)).unwrap();
        confirmed
    }

    fn vouched(&self, asking: &Asking, now: UnixMillis) -> Result<Vouched, CredentialFault> {
        self.agent(asking).vouch(&self.organisation.public(), None, now)
    }
}

fn asking(credential: Option<Signed>) -> Asking {
    Asking { credential, case: "4711".to_owned(), reason: "the bill of March".to_owned() }
}

fn decision() -> Decision {
    Decision::view(Vec::new(), AT, 600_000)
}

#[test]
fn an_agent_whom_a_pinned_organisation_vouches_for_is_approved_and_the_terms_say_what_was_asked() {
    let world = world();
    let asking = world.asking(|_| {});
    let (confirmed, viewer, confirm_b) =
        world.confirmed(Purpose::Agent, &asking, |bytes| world.agent.sign(bytes)).unwrap();
    assert_eq!(confirmed.named_organisation(), Ok(world.organisation.public()));
    let vouched = confirmed.vouch(&world.organisation.public(), None, AT).unwrap();
    assert_eq!(vouched.credential().name, "Sam Okoro");
    assert_eq!((confirmed.peer().case.as_str(), confirmed.peer().reason.as_str()), ("4711", "the bill of March"));
    let words = confirmed.words();
    let approved = confirmed.approve_agent(vouched, decision(), NOW).unwrap();
    assert_ne!(approved.terms().asked, glimpse_wire::Hash::ZERO);
    let waiting = viewer.receive(&confirm_b).unwrap();
    assert_eq!(waiting.words(), words);
    let (_, grant) = approved.seal(&world.account.device, &mut rng(20)).unwrap();
    let session = waiting.receive(&grant.message).unwrap();
    assert_eq!(session.terms().unwrap().asked, grant.terms.asked, "both ends commit to one request");
}

#[test]
fn t063_a_look_lasts_no_longer_than_the_credential_of_who_looks() {
    let world = world();
    let until = |left: u64| {
        let confirmed = world.agent(&world.asking(|credential| credential.not_after = AT.plus(left)));
        let vouched = confirmed.vouch(&world.organisation.public(), None, AT).unwrap();
        confirmed.approve_agent(vouched, decision(), NOW)
    };
    let approved = until(60_000).unwrap();
    assert_eq!(approved.terms().expires, AT.plus(60_000), "and not the ten minutes that were allowed");
    let (mut session, _) = approved.seal(&world.account.device, &mut rng(20)).unwrap();
    let mut lasting = |millis| {
        let change = Change { expires: Some(AT.plus(millis)), ..Change::default() };
        session.amend(change, AT.plus(1), &world.account.device, &mut rng(21)).map(|grant| grant.terms.expires)
    };
    assert_eq!(lasting(60_001), Err(ErrorCode::Malformed), "nor is it made longer");
    assert_eq!(lasting(50_000), Ok(AT.plus(50_000)), "control");
    assert_eq!(until(9_999).map(|_approved| ()), Err(ErrorCode::CredentialInvalid), "less than a session lasts");
    assert_eq!(until(900_000).unwrap().terms().expires, AT.plus(600_000), "control");
}

#[test]
fn t063_whoever_no_pinned_organisation_vouches_for_gets_nothing() {
    let world = world();
    let forged = |result: Result<Vouched, CredentialFault>| result.map(drop);
    let check = |asking: &Asking, now| forged(world.vouched(asking, now));
    let good = world.asking(|_| {});
    assert_eq!(check(&good, AT), Ok(()), "control");

    // Without a credential, and with bytes that are none.
    assert_eq!(check(&asking(None), AT), Err(CredentialFault::Missing));
    // Over, not yet, and for longer than any may be.
    assert_eq!(check(&good, AT.plus(HOUR)), Err(CredentialFault::Expired));
    assert_eq!(check(&world.asking(|it| it.not_before = AT.plus(HOUR / 2)), AT), Err(CredentialFault::Early));
    let long = world.asking(|it| it.not_after = AT.plus(MAX_CREDENTIAL_MILLIS + 1));
    assert_eq!(check(&long, AT), Err(CredentialFault::Forged));
    // Of nobody, of another suite, of another organisation than the one that signs.
    assert_eq!(check(&world.asking(|it| it.name.clear()), AT), Err(CredentialFault::Forged));
    assert_eq!(check(&world.asking(|it| it.suite = 2), AT), Err(CredentialFault::Forged));
    let other = OrganisationKeys::generate(&mut rng(9));
    assert_eq!(check(&world.asking(|it| it.organisation = other.public()), AT), Err(CredentialFault::Forged));
    // Signed by an organisation that is not the pinned one, and by the agent itself.
    assert_eq!(check(&asking(Some(other.vouch(&world.credential()))), AT), Err(CredentialFault::Forged));
    let own = world.agent.sign_statement(glimpse_wire::preimage::StatementKind::Credential, &world.credential());
    assert_eq!(check(&asking(Some(own)), AT), Err(CredentialFault::Forged));
    // For another key than the one that presents it: stolen from a colleague.
    let stolen = world.asking(|it| it.key = Signing::generate(&mut rng(10)).public());
    assert_eq!(check(&stolen, AT), Err(CredentialFault::Forged));
    // Every byte of what is presented counts.
    let signed = world.organisation.vouch(&world.credential());
    for place in (0..signed.statement.0.len()).step_by(7) {
        let mut flipped = signed.clone();
        flipped.statement.0[place] ^= 1;
        assert!(check(&asking(Some(flipped)), AT).is_err(), "byte {place}");
    }
}

#[test]
fn t063_what_an_organisation_took_back_does_not_count() {
    let world = world();
    let confirmed = world.agent(&world.asking(|_| {}));
    let list = |agent: u8, at| Revocations {
        suite: SUITE,
        organisation: world.organisation.public(),
        seq: 1,
        at: AT,
        agents: vec![RevokedAgent { agent: AgentId([agent; 16]), at }],
    };
    let vouch = |list: &Revocations| confirmed.vouch(&world.organisation.public(), Some(list), AT).map(drop);
    assert_eq!(vouch(&list(7, AT)), Err(CredentialFault::Revoked));
    assert_eq!(vouch(&list(8, AT)), Ok(()), "control: a colleague");
    // A list by somebody else is no list.
    let key = world.organisation.public();
    let other = OrganisationKeys::generate(&mut rng(9));
    assert_eq!(Revocations::open(&other.revoke(&list(7, AT)), &key), Err(CredentialFault::Forged));
    assert_eq!(Revocations::open(&world.organisation.revoke(&list(7, AT)), &key), Ok(list(7, AT)), "control");
    let mut doubled = list(7, AT);
    doubled.agents.extend(list(7, AT).agents);
    assert_eq!(Revocations::open(&world.organisation.revoke(&doubled), &key), Err(CredentialFault::Forged));
}

#[test]
fn t062_a_credential_that_was_presented_in_one_pairing_is_worth_nothing_in_another() {
    let world = world();
    let good = world.asking(|_| {});
    let mut taken = None;
    let signed = |bytes: &[u8]| *taken.insert(world.agent.sign(bytes));
    drop(world.confirmed(Purpose::Agent, &good, signed).unwrap());
    // Whoever overheard the credential and its signature, even of a pairing with the same code, presents them again. The key
    // of a viewer is made for each pairing, and so each transcript is another.
    let taken = taken.unwrap();
    let elsewhere = World { account: NewAccount::generate(&mut rng(30)).unwrap(), ..world };
    let (replayed, _, _) = elsewhere.confirmed(Purpose::Agent, &good, |_| taken).unwrap();
    let key = elsewhere.organisation.public();
    assert_eq!(replayed.vouch(&key, None, AT).map(drop), Err(CredentialFault::Forged));
    let (own, _, _) = elsewhere.confirmed(Purpose::Agent, &good, |bytes| elsewhere.agent.sign(bytes)).unwrap();
    assert_eq!(own.vouch(&key, None, AT).map(drop), Ok(()), "control");
    // The proof of one pairing approves no other.
    let vouched = own.vouch(&key, None, AT).unwrap();
    let world = elsewhere;
    let again = World { account: NewAccount::generate(&mut rng(31)).unwrap(), ..world };
    let (other, _, _) = again.confirmed(Purpose::Agent, &good, |bytes| again.agent.sign(bytes)).unwrap();
    assert_eq!(other.approve_agent(vouched, decision(), NOW).err(), Some(ErrorCode::CredentialInvalid));
}

#[test]
fn t063_case_and_reason_are_said_and_are_what_the_agent_signed() {
    let world = world();
    for (case, reason) in [("", "why"), ("4711", ""), ("  ", "why"), ("4711", "\u{a0} ")] {
        let mut silent = world.asking(|_| {});
        (silent.case, silent.reason) = (case.to_owned(), reason.to_owned());
        let refused = world.confirmed(Purpose::Agent, &silent, |bytes| world.agent.sign(bytes)).err();
        assert_eq!(refused, Some(ErrorCode::Malformed), "{case:?} {reason:?}");
    }
    // The session key introduces a case that the agent's key did not sign.
    let good = world.asking(|_| {});
    let mut other = good.clone();
    other.reason = "something else".to_owned();
    let (confirmed, _, _) = world
        .confirmed(Purpose::Agent, &other, |bytes| {
            let presentation = String::from_utf8_lossy(bytes).into_owned();
            assert!(presentation.contains("something else"));
            world.agent.sign(b"another presentation")
        })
        .unwrap();
    assert_eq!(confirmed.vouch(&world.organisation.public(), None, AT).map(drop), Err(CredentialFault::Forged));
}

#[test]
fn t017_an_agent_is_nobodys_own_screen_and_the_other_way_round() {
    let world = world();
    let good = world.asking(|_| {});
    // A user's own screen that brings a credential is no agent.
    let (own, _, _) = world.confirmed(Purpose::View, &good, |bytes| world.agent.sign(bytes)).unwrap();
    assert!(!own.is_agent());
    assert_eq!(own.vouch(&world.organisation.public(), None, AT).map(drop), Err(CredentialFault::Missing));
    // An agent is not let in by picking words.
    let agent = world.agent(&good);
    let words = agent.words();
    assert_eq!(agent.approve(words, decision(), NOW).err(), Some(ErrorCode::CredentialInvalid));
    // Nor after the time is up, whoever vouches.
    let agent = world.agent(&good);
    let vouched = agent.vouch(&world.organisation.public(), None, AT).unwrap();
    let late = agent.deadline();
    assert_eq!(agent.approve_agent(vouched, decision(), late).err(), Some(ErrorCode::ApprovalTimedOut));
}

#[test]
fn t063_a_presentation_that_cannot_be_read_is_missing() {
    let world = world();
    let good = world.asking(|_| {});
    let (confirmed, _, _) = world.confirmed(Purpose::Agent, &good, |bytes| world.agent.sign(bytes)).unwrap();
    let whole = confirmed.peer().credential.0.clone();
    for cut in 0..whole.len() {
        assert_eq!(Presented::read(&whole[..cut]).map(drop), Err(CredentialFault::Missing), "{cut}");
    }
    assert!(Presented::read(&whole).is_ok(), "control");
    assert!(decode::<Message>(&whole, 10_000).is_err(), "it is no message of its own");
}

#[test]
fn a_credential_that_ended_while_the_user_thought_about_it_begins_no_session() {
    let world = world();
    let approved = |issued| {
        let (confirmed, ..) =
            world.confirmed(Purpose::Agent, &world.asking(|_| {}), |bytes| world.agent.sign(bytes)).unwrap();
        let vouched = confirmed.vouch(&world.organisation.public(), None, AT).unwrap();
        confirmed.approve_agent(vouched, Decision::view(Vec::new(), issued, 600_000), NOW).map(drop)
    };
    assert_eq!(approved(AT.plus(HOUR - 10_000)), Ok(()), "control");
    assert_eq!(approved(AT.plus(HOUR)), Err(ErrorCode::CredentialInvalid));
}

#[test]
fn t065_what_was_asked_is_proved_by_what_both_ends_keep_and_by_nothing_else() {
    let world = world();
    let asking = world.asking(|_| {});
    let (confirmed, viewer, confirm_b) =
        world.confirmed(Purpose::Agent, &asking, |bytes| world.agent.sign(bytes)).unwrap();
    let vouched = confirmed.vouch(&world.organisation.public(), None, AT).unwrap();
    let asked = confirmed.asked().unwrap().clone();
    let (_, grant) =
        confirmed.approve_agent(vouched, decision(), NOW).unwrap().seal(&world.account.device, &mut rng(20)).unwrap();
    let session = viewer.receive(&confirm_b).unwrap().receive(&grant.message).unwrap();
    assert_eq!(session.asked(), Some(&asked), "both ends keep the same");
    let request = asked.check(&grant.terms).unwrap();
    assert_eq!((request.credential, request.case.as_str()), (world.credential(), "4711"));
    assert_eq!(request.reason, "the bill of March");
    // Nothing of it can be another, for these Terms.
    let fault = |edit: &dyn Fn(&mut Asked)| {
        let mut other = asked.clone();
        edit(&mut other);
        other.check(&grant.terms).map(drop)
    };
    assert_eq!(fault(&|_| {}), Ok(()), "control");
    // The credential counted when the session began.
    let began = |issued| asked.check(&Terms { issued, ..grant.terms.clone() }).map(drop);
    assert_eq!(began(AT.plus(HOUR - 1)), Ok(()), "control");
    assert_eq!(began(AT.plus(HOUR)), Err(CredentialFault::Expired));
    let early = UnixMillis(AT.0 - CLOCK_SLACK_MILLIS);
    assert_eq!(began(early), Ok(()), "control: two clocks differ by so much");
    assert_eq!(began(UnixMillis(early.0 - 1)), Err(CredentialFault::Early));
    assert_eq!(fault(&|it| it.first = "zoo".to_owned()), Err(CredentialFault::Missing));
    assert_eq!(fault(&|it| it.transcript.0[0] ^= 1), Err(CredentialFault::Missing));
    for place in (0..asked.introduction.0.len()).step_by(5) {
        assert_eq!(fault(&|it| it.introduction.0[place] ^= 1), Err(CredentialFault::Missing), "byte {place}");
    }
    // Nor under Terms that were made to fit it: the viewer's key did not sign that introduction.
    let mut other = asked;
    let said = String::from_utf8_lossy(&other.introduction.0).find("4711").unwrap();
    let place = other.introduction.0.windows(4).position(|part| part == b"4711").unwrap_or(said);
    other.introduction.0[place] = b'5';
    let mut terms = grant.terms;
    terms.asked = other.commitment();
    assert_eq!(other.check(&terms).map(drop), Err(CredentialFault::Forged));
}
