//! An agent's viewer: it has its key sign before it introduces itself, and once.

use glimpse_wire::organisation::{Credential, Role};
use glimpse_wire::pairing::{Message, Purpose};
use glimpse_wire::{AgentId, ErrorCode, SUITE, UnixMillis, encode};

use super::world::World;
use crate::account::NewAccount;
use crate::organisation::{AgentKey, OrganisationKeys};
use crate::pairing::device::{ExpectConfirmA, open};
use crate::pairing::tests::{NOW, counted, setup};
use crate::pairing::viewer::Asking;
use crate::testing::rng;
use crate::viewer::{Input, State, Step};

const AT: UnixMillis = UnixMillis(1_800_000_000_000);

/// An agent's viewer whose device has answered, and what waits for the introduction.
fn answered() -> (World, OrganisationKeys, AgentKey, ExpectConfirmA) {
    let (organisation, agent) = (OrganisationKeys::generate(&mut rng(2)), AgentKey::generate(&mut rng(3)));
    let credential = Credential {
        suite: SUITE,
        organisation: organisation.public(),
        agent: AgentId([7; 16]),
        name: "Sam Okoro".to_owned(),
        key: agent.public(),
        role: Role::Agent,
        not_before: AT,
        not_after: AT.plus(3_600_000),
    };
    let asking = Asking {
        credential: Some(organisation.vouch(&credential)),
        case: "4711".to_owned(),
        reason: "the bill of March".to_owned(),
    };
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let mut place = setup(&account);
    place.purpose = Purpose::Agent;
    let opened = open(place, &mut rng(60)).unwrap();
    let mut world = World::asking(account, Purpose::Agent, asking);
    let device = world.claim(opened);
    let hello = world.to_device.remove(0);
    let (device, answer) = device.receive(&hello, NOW, counted(), &mut rng(61)).unwrap();
    world.deliver(answer);
    (world, organisation, agent, device)
}

#[test]
fn an_agent_signs_before_it_introduces_itself() {
    let (mut world, organisation, agent, device) = answered();
    assert!(matches!(world.viewer.state(), State::Connecting { step: Step::Agreeing }));
    assert!(world.to_device.is_empty(), "nothing leaves before the key has signed");
    let presentation = world.to_sign.remove(0);
    world.input(Input::Signed(agent.present(&presentation)));
    let (confirmed, confirm_b) = device.receive(&world.to_device.remove(0), NOW).unwrap();
    let vouched = confirmed.vouch(&organisation.public(), None, AT).unwrap();
    assert_eq!(vouched.credential().name, "Sam Okoro");
    world.deliver(confirm_b);
    assert!(matches!(world.viewer.state(), State::Waiting { .. }));
    // A signature that nobody asked for changes nothing.
    world.input(Input::Signed(agent.present(b"more")));
    assert!(world.to_device.is_empty() && matches!(world.viewer.state(), State::Waiting { .. }));
}

#[test]
fn while_the_key_signs_the_code_can_end_and_nothing_else_comes() {
    let (mut world, ..) = answered();
    world.deliver(encode(&Message::Abort { code: ErrorCode::Declined }));
    assert_eq!(world.problem(), Some(ErrorCode::Declined));
    // That nobody vouches is said to an agent; to whoever is none it is no reason (`t103`).
    let (mut world, ..) = answered();
    world.deliver(encode(&Message::Abort { code: ErrorCode::CredentialInvalid }));
    assert_eq!(world.problem(), Some(ErrorCode::CredentialInvalid));
    let (mut world, ..) = answered();
    world.deliver(encode(&Message::Abort { code: ErrorCode::CodeMistyped }));
    assert_eq!(world.problem(), Some(ErrorCode::PairingBroken));
    let (mut world, _, agent, _) = answered();
    world.deliver(encode(&Message::Answer { pake: vec![0; 33].into() }));
    assert_eq!(world.problem(), Some(ErrorCode::PairingBroken));
    // The key comes too late.
    world.input(Input::Signed(agent.present(b"late")));
    assert_eq!(world.problem(), Some(ErrorCode::PairingBroken));
    assert!(world.to_device.is_empty());
    // A key that never signs runs into the end of the code.
    let (mut world, ..) = answered();
    world.now = world.now.plus(glimpse_wire::limits::PAIRING_MILLIS);
    world.input(Input::Tick);
    assert_eq!(world.problem(), Some(ErrorCode::CodeExpired));
}
