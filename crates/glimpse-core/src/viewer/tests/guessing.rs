//! Guesses at both ends, at the states and the machine as they are run: how many there are is what comes of it. All but
//! two digits of the code are known to the attacker, and stretching costs little, so that the space is a hundred codes.

use glimpse_wire::api::Claimed;
use glimpse_wire::ids::Bytes;
use glimpse_wire::mailbox::ToEnd;
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, Hash};

use super::world::{CLAIMED_AT, World, world};
use crate::account::NewAccount;
use crate::code::PairingCode;
use crate::pairing::device::{Opened, open};
use crate::pairing::tests::target::Target;
use crate::pairing::tests::{MAILBOX, NOW, claims, counted, setup};
use crate::pairing::viewer::{Asking, ExpectOffer};
use crate::secret::Secret;
use crate::stretch;
use crate::testing::tape::Tape;
use crate::testing::{rng, volume};
use crate::viewer::{Config, Input, Viewer};

fn digits(last: u32) -> String {
    format!("2039{last:02}")
}

fn code(last: u32) -> PairingCode {
    let fits = |check| PairingCode::parse(&format!("417{}{check}", digits(last)), Purpose::View).ok();
    (0..10).find_map(fits).unwrap()
}

/// A device that drew this code. Whatever the code, the Offer is the same.
fn opened(account: &NewAccount, last: u32) -> Opened {
    let secret = digits(last).bytes().map(|digit| digit - b'0').collect::<Vec<u8>>();
    open(setup(account), &mut Tape::new(&[secret.as_slice(), &[7; 64]].concat())).unwrap()
}

/// How many guesses an end let somebody test, and whether one of them was right.
#[derive(Default)]
struct Tried {
    guesses: u32,
    right: bool,
}

/// Sends Hello and ConfirmA for one guess after the other until the device says nothing more. A device that begins again
/// after a failure does so as often as it `revives`.
fn at_device(account: &NewAccount, code_of: u32, first: u32, mut revives: u32) -> Tried {
    let rng = &mut rng(u64::from(first));
    let offer = opened(account, code_of).offer;
    let mut device = Target::Waiting(opened(account, code_of).state);
    let mut tried = Tried::default();
    for guess in (0..100).map(|n| (first + n) % 100) {
        let attacker = ExpectOffer::new(code(guess), Purpose::View);
        let (attacker, hello) = attacker.receive(MAILBOX, &offer, claims(), rng).unwrap();
        let Some(Ok(answer)) = device.send(&hello, rng) else { break };
        let (_, confirm) = attacker.receive(&answer, &Asking::default()).unwrap();
        let Some(told) = device.send(&confirm, rng) else { break };
        tried.guesses += 1;
        tried.right |= told.is_ok();
        if told.is_err() && revives > 0 {
            revives -= 1;
            device = Target::Waiting(opened(account, code_of).state);
        }
    }
    tried
}

/// Plays the server, and the device behind it, to a viewer that typed the code: one Answer after the other, with a
/// network in between that breaks and says so, until nothing comes from the viewer that was not there before.
fn at_viewer(world: &mut World, code_of: u32, first: u32) -> Tried {
    let rng = &mut rng(u64::from(first));
    world.viewer =
        Viewer::new(Config { claims: claims(), purpose: Purpose::View, asking: Asking::default(), bearer: None });
    world.to_device.clear();
    world.http.clear();
    world.sent_to_viewer = 0;
    world.input(Input::Code(code(code_of).to_groups().to_string()));
    let offer = opened(&world.account, first).offer;
    let claimed = Claimed { mailbox: MAILBOX, token: Hash([2; 32]), offer: Bytes(offer), now: CLAIMED_AT };
    world.answer(200, serde_json::to_vec(&claimed).unwrap());
    world.input(Input::SocketOpened);
    world.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: 0, peer: true });
    let mut seen: Vec<Vec<u8>> = core::mem::take(&mut world.to_device);
    let hello = seen[0].clone();
    let mut tried = Tried::default();
    for guess in (0..100).map(|n| (first + n) % 100) {
        let state = opened(&world.account, guess).state;
        let (device, answer) = state.receive(&hello, NOW, counted(), rng).unwrap();
        world.deliver(answer);
        if tried.guesses > 0 {
            world.frame(&ToEnd::Over { code: ErrorCode::ServerUnreachable });
            world.now = world.now.plus(5_000);
            for input in [Input::SocketClosed, Input::Tick, Input::SocketOpened] {
                world.input(input);
            }
            world.frame(&ToEnd::Joined { now: CLAIMED_AT, sent: 0, peer: true });
            assert!(world.http.is_empty(), "the code is not claimed again");
        }
        let sent = core::mem::take(&mut world.to_device);
        let Some(confirm) = sent.into_iter().find(|message| !seen.contains(message)) else { break };
        tried.guesses += 1;
        tried.right |= device.receive(&confirm, NOW).is_ok();
        seen.push(confirm);
    }
    tried
}

#[test]
fn t004_a_server_has_two_guesses_at_a_code_and_no_more() {
    let trials = volume(500, 20_000);
    let mut world = world();
    let rng = &mut rng(4);
    let mut draw = || u32::from_le_bytes(*Secret::<4>::generate(rng).expose_secret()) % 100;
    let mut successes = |revives: u32| {
        (0..trials)
            .filter(|_| {
                let (code, first) = (draw(), draw());
                let at_viewer = at_viewer(&mut world, code, first);
                let at_device = at_device(&world.account, code, (first + 1) % 100, revives);
                if revives == 0 {
                    assert_eq!((at_viewer.guesses, at_device.guesses), (1, 1), "one at each end");
                }
                at_viewer.right || at_device.right
            })
            .count()
    };
    let bound = |share: f64| {
        let trials = f64::from(trials);
        share * trials + 3.0 * (trials * share * (1.0 - share)).sqrt()
    };
    stretch::tests::cheaply(|| {
        let found = u32::try_from(successes(0)).unwrap();
        assert!(f64::from(found) <= bound(0.02), "{found} of {trials}");
        assert!(found > 0, "control: who guesses right gets in");
        // Control: a device that comes by the same state again after each of five failures is found out.
        let found = u32::try_from(successes(5)).unwrap();
        assert!(f64::from(found) > bound(0.02), "{found} of {trials}");
    });
}
