//! Content that comes in pieces.

use glimpse_wire::ErrorCode;

use super::world::{CLAIMED_AT, world};
use crate::account::NewAccount;
use crate::session::device::Change;
use crate::testing::rng;
use crate::viewer::{Input, Stage, State};

#[test]
fn from_code_to_content() {
    for length in [11usize, 3_000_000] {
        let content: Vec<u8> = (0..=250u8).cycle().take(length).collect();
        let mut world = world();
        let (mut device, id) = world.session(&content);
        let sealed = world.open(&mut device, id, &content);
        assert!(world.http.len() <= 3, "pieces ahead are bounded");
        world.serve(&sealed);
        let shown: Vec<u8> = world.content.iter().flat_map(|piece| piece.bytes.to_vec()).collect();
        assert_eq!(shown, content);
        assert_eq!(world.stage(), Stage::Done);
        assert!(world.content.last().unwrap().last);
    }
}

#[test]
fn a_piece_that_is_not_exactly_as_long_as_it_must_be_is_refused() {
    let content = vec![7; 3_000_000];
    type Alter = fn(&mut Vec<u8>, &[u8]);
    let alter: [Alter; 5] = [
        |body, _| body.clear(),
        |body, _| body.truncate(body.len() - 1),
        // As many whole chunks as fit before the piece's end.
        |body, _| body.truncate(65_552),
        |body, _| body.push(0),
        // The next piece with it: all of it would open, and the next would be taken for a stale one.
        |body, sealed| *body = sealed[..32 * 65_552].to_vec(),
    ];
    for (index, alter) in alter.into_iter().enumerate() {
        let mut world = world();
        let (mut device, id) = world.session(&content);
        let sealed = world.open(&mut device, id, &content);
        let place = world.http.iter().position(|request| request.range.is_some_and(|(first, _)| first == 0)).unwrap();
        let first = world.http.remove(place);
        let mut body = sealed[..16 * 65_552].to_vec();
        alter(&mut body, &sealed);
        world.input(Input::HttpDone { id: first.id, status: 200, body });
        assert_eq!(world.stage(), Stage::Failed(ErrorCode::RecordTampered), "{index}");
        assert!(world.content.is_empty(), "{index}");
        assert_eq!(world.ended, None, "{index}");
    }
}

#[test]
fn a_long_transfer_is_not_idleness() {
    let content = vec![7; 3_000_000];
    let mut world = world();
    let (mut device, id) = world.session(&content);
    // A session of more than two stretches of idle time.
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let change = Change { expires: Some(CLAIMED_AT.plus(3_600_000)), ..Change::default() };
    let grant = device.amend(change, CLAIMED_AT, &account.device, &mut rng(65)).unwrap();
    world.deliver(grant.message);
    let sealed = world.open(&mut device, id, &content);
    for _ in 0..3 {
        world.now = world.now.plus(600_000);
        let request = world.http.remove(0);
        let (first, last) = request.range.unwrap();
        let last = usize::try_from(last).unwrap().min(sealed.len() - 1);
        let body = sealed[usize::try_from(first).unwrap()..=last].to_vec();
        world.input(Input::HttpDone { id: request.id, status: 206, body });
        world.input(Input::Tick);
        let State::Session(running) = world.viewer.state() else { panic!("{:?}", world.viewer) };
        assert_eq!(running.idle_at(), world.now.plus(900_000));
    }
    // Control: when nothing comes any more, it is.
    world.now = world.now.plus(900_000);
    world.input(Input::Tick);
    world.answer(204, Vec::new());
    assert_eq!(world.ended, Some(ErrorCode::SessionIdle));
}

#[test]
fn what_stopped_for_the_network_goes_on_where_it_stopped() {
    let content: Vec<u8> = (0..=250u8).cycle().take(3_000_000).collect();
    let mut world = world();
    let (mut device, id) = world.session(&content);
    let sealed = world.open(&mut device, id, &content);
    let first = world.http.remove(0);
    world.input(Input::HttpDone { id: first.id, status: 206, body: sealed[..16 * 65_552].to_vec() });
    let shown: usize = world.content.iter().map(|piece| piece.bytes.len()).sum();
    while world.stage() != Stage::Failed(ErrorCode::ServerUnreachable) {
        for request in std::mem::take(&mut world.http) {
            world.input(Input::HttpFailed { id: request.id });
        }
        world.now = world.now.plus(20_000);
        world.input(Input::Tick);
    }
    world.http.clear();
    world.input(Input::Open(id));
    assert_eq!(world.stage(), Stage::Loading);
    assert!(world.http.iter().all(|request| request.path.ends_with("/content")), "no second opening is asked for");
    assert!(world.http.iter().all(|request| request.range.is_some_and(|(first, _)| first >= 16 * 65_552)));
    world.serve(&sealed);
    let all: Vec<u8> = world.content.iter().flat_map(|piece| piece.bytes.to_vec()).collect();
    assert_eq!((all.len(), all == content, shown), (content.len(), true, 16 * 65_536 - 8));
}
