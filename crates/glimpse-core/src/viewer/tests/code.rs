//! What is typed, claimed and refused, and that no code runs twice.

use glimpse_wire::api::Problem;
use glimpse_wire::mailbox::ToEnd;
use glimpse_wire::pairing::Message;
use glimpse_wire::{ErrorCode, encode};

use super::world::{World, world};
use crate::pairing::tests::ends;
use crate::viewer::Input;

#[test]
fn a_typing_slip_spends_nothing() {
    let mut world = world();
    world.input(Input::Code("417 203 9187".to_owned()));
    assert_eq!(world.problem(), Some(ErrorCode::CodeMistyped));
    assert!(world.http.is_empty());
}

#[test]
fn a_refused_claim_is_told_by_its_problem_document() {
    for (status, kind, expected) in [
        (404, "code-unknown", ErrorCode::CodeUnknown),
        (409, "crowded", ErrorCode::Crowded),
        (429, "rate-limited", ErrorCode::RateLimited),
        (503, "nonsense", ErrorCode::Internal),
    ] {
        let mut world = world();
        let (opened, _) = ends(&world.account, 60);
        world.input(Input::Code(opened.code.to_groups().to_string()));
        let problem =
            Problem { kind: kind.to_owned(), title: String::new(), status, detail: String::new(), retry_after: None };
        world.answer(status, serde_json::to_vec(&problem).unwrap());
        assert_eq!(world.problem(), Some(expected));
    }
}

#[test]
fn t103_after_hello_has_left_no_failure_runs_the_code_again() {
    type Fault = fn(&mut World);
    let faults: [(&str, ErrorCode, Fault); 5] = [
        ("garbage on the socket", ErrorCode::PairingBroken, |world| world.input(Input::SocketBytes(vec![0xFF; 40]))),
        ("garbage from the device", ErrorCode::PairingBroken, |world| world.deliver(vec![0xFF; 40])),
        ("silence", ErrorCode::CodeExpired, |world| {
            world.now = world.now.plus(121_000);
            world.input(Input::Tick);
        }),
        ("the socket closes and does not open again", ErrorCode::CodeExpired, |world| {
            for _ in 0..130 {
                world.input(Input::SocketClosed);
                world.now = world.now.plus(1_000);
                world.input(Input::Tick);
            }
        }),
        ("a second Hello of ours comes back", ErrorCode::PairingBroken, |world| {
            let hello = world.to_device.first().cloned().unwrap();
            world.deliver(hello);
        }),
    ];
    for (name, told, fault) in faults {
        let mut world = world();
        world.claimed();
        assert_eq!(world.to_device.len(), 1, "Hello has left");
        fault(&mut world);
        assert_eq!(world.problem(), Some(told), "{name}");
        for input in [Input::SocketClosed, Input::SocketOpened, Input::Tick, Input::HttpFailed { id: 1 }] {
            world.now = world.now.plus(10_000);
            world.input(input);
        }
        assert!(world.http.is_empty(), "{name}: no further claim");
        assert_eq!(world.to_device.len(), 1, "{name}: no second run");
    }
    // Control: a failure before Hello leaves the field as it was, and typing again claims again.
    let mut world = world();
    let (opened, _) = ends(&world.account, 60);
    world.input(Input::Code(opened.code.to_groups().to_string()));
    let id = world.http.pop().unwrap().id;
    world.input(Input::HttpFailed { id });
    assert_eq!(world.problem(), Some(ErrorCode::ServerUnreachable));
    world.input(Input::Code(opened.code.to_groups().to_string()));
    assert_eq!(world.http.len(), 1);
}

#[test]
fn t103_no_reason_that_anybody_can_send_after_hello_asks_for_the_same_code_again() {
    let passing = [
        ErrorCode::CodeWrong,
        ErrorCode::CodeUsed,
        ErrorCode::CodeExpired,
        ErrorCode::Crowded,
        ErrorCode::DeviceOffline,
        ErrorCode::Declined,
        ErrorCode::ApprovalTimedOut,
        ErrorCode::PausedAfterFailures,
    ];
    // All reasons there are, "a typing slip, nothing was used up" among them, from the server and in the device's name.
    for code in ErrorCode::ALL {
        let told = if passing.contains(code) { *code } else { ErrorCode::PairingBroken };
        for says in ["Over", "Abort"] {
            let mut world = world();
            world.claimed();
            if says == "Over" {
                world.frame(&ToEnd::Over { code: *code });
            } else {
                world.deliver(encode(&Message::Abort { code: *code }));
            }
            assert_eq!(world.problem(), Some(told), "{says} {code}");
            assert!(world.http.is_empty(), "{says} {code}: no further claim");
            assert_eq!(world.to_device.len(), 1, "{says} {code}: no second run");
        }
    }
    assert!(ErrorCode::ALL.contains(&ErrorCode::CodeMistyped), "control: it was among them");
}

#[test]
fn the_code_is_not_in_what_leaves() {
    let mut world = world();
    let (opened, _) = ends(&world.account, 60);
    let digits: String = opened.code.to_groups().split(' ').collect();
    world.input(Input::Code(digits.clone()));
    let body = String::from_utf8(world.http[0].body.clone()).unwrap();
    assert!(body.contains(&digits[..3]), "the nameplate is");
    assert!(!body.contains(&digits[3..9]), "the secret is not");
}
