use futures_util::SinkExt;
use glimpse_server::ManualClock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::mailbox::{ToEnd, ToServer};
use glimpse_wire::session::{Event, Receipt};
use glimpse_wire::*;
use reqwest::Method;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

use crate::actors::*;
use crate::socket::Socket;

fn message(n: u8) -> Bytes {
    Bytes(vec![n; 100])
}

#[tokio::test]
async fn two_ends_meet_and_lose_nothing_when_a_connection_breaks() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let mailbox = phone.show_code().await;
    let mut device = Socket::join(&server, &mailbox.mailbox, mailbox.token, 0).await;
    assert_eq!(device.joined().await, 0);

    let claim = Claim { nameplate: mailbox.nameplate.clone(), purpose: PurposeWord::View };
    let claimed: Claimed = Http::to(&server).post("/v1/claims", &claim).await.json();
    assert_eq!(claimed.mailbox, mailbox.mailbox);
    let mut viewer = Socket::join(&server, &claimed.mailbox, claimed.token, 0).await;
    assert_eq!(viewer.joined().await, 0);

    for n in 0..3u8 {
        viewer.send(&ToServer::Send { seq: n.into(), body: message(n) }).await;
        assert_eq!(viewer.hear().await, Some(ToEnd::Stored { sent: u64::from(n) + 1 }));
        assert_eq!(device.hear().await, Some(ToEnd::Deliver { seq: n.into(), body: message(n) }));
    }
    // Resending a stored number is safe; the other end sees it once.
    viewer.send(&ToServer::Send { seq: 2, body: message(2) }).await;
    assert_eq!(viewer.hear().await, Some(ToEnd::Stored { sent: 3 }));
    device.send(&ToServer::Taken { received: 1 }).await;
    drop(device);
    viewer.send(&ToServer::Send { seq: 3, body: message(3) }).await;
    assert_eq!(viewer.hear().await, Some(ToEnd::Stored { sent: 4 }));

    // The device took two before the line broke; the rest comes again, in order.
    let mut device = Socket::join(&server, &mailbox.mailbox, mailbox.token, 2).await;
    device.joined().await;
    for n in 2..4u8 {
        assert_eq!(device.hear().await, Some(ToEnd::Deliver { seq: n.into(), body: message(n) }));
    }
    // A second connection of one end takes the first one's place.
    let mut newer = Socket::join(&server, &mailbox.mailbox, mailbox.token, 4).await;
    newer.joined().await;
    assert_eq!(device.hear().await, None);
    newer.send(&ToServer::Ping).await;
    assert_eq!(newer.hear().await, Some(ToEnd::Pong));
}

#[tokio::test]
async fn a_code_has_one_run_and_its_own_space() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let http = Http::to(&server);
    let opened: Mailbox = phone.http.post("/v1/mailboxes", &OpenMailbox { purpose: PurposeWord::View }).await.json();
    let claim = Claim { nameplate: opened.nameplate.clone(), purpose: PurposeWord::View };
    assert_eq!(http.post("/v1/claims", &claim).await.code(), ErrorCode::CodeUnknown, "nothing is offered yet");
    phone.put_offer(&opened).await.ok();
    let linking = Claim { purpose: PurposeWord::Link, ..claim.clone() };
    assert_eq!(http.post("/v1/claims", &linking).await.code(), ErrorCode::CodeUnknown, "another code space");

    // Of many at one time, one gets the run.
    let claims = (0..15).map(|_| {
        let (http, claim) = (http.clone(), claim.clone());
        tokio::spawn(async move { http.post("/v1/claims", &claim).await })
    });
    let mut won = 0;
    for said in claims.collect::<Vec<_>>() {
        let said = said.await.expect("an answer");
        if said.status.is_success() { won += 1 } else { assert_eq!(said.code(), ErrorCode::Crowded) }
    }
    assert_eq!(won, 1);
    // After that the account's next code is longer.
    assert_eq!(opened.nameplate.len(), 3);
    assert_eq!(phone.show_code().await.nameplate.len(), 5);
}

#[tokio::test]
async fn t015_a_code_dies_by_time_by_cancelling_and_by_use() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let http = Http::to(&server);
    let claim = |mailbox: &Mailbox| {
        let claim = Claim { nameplate: mailbox.nameplate.clone(), purpose: PurposeWord::View };
        let http = http.clone();
        async move { http.post("/v1/claims", &claim).await }
    };
    let expired = phone.show_code().await;
    let mut device = Socket::join(&server, &expired.mailbox, expired.token, 0).await;
    device.joined().await;
    clock.advance(Duration::from_millis(120_000));
    assert_eq!(claim(&expired).await.code(), ErrorCode::CodeExpired);
    assert_eq!(device.hear().await, Some(ToEnd::Over { code: ErrorCode::CodeExpired }), "the device is told");
    assert_eq!(device.hear().await, None);

    let cancelled = phone.show_code().await;
    let path = format!("/v1/mailboxes/{}", cancelled.mailbox);
    assert_eq!(
        phone.http.bytes(Method::DELETE, &path, vec![]).await.code(),
        ErrorCode::NotFound,
        "not by another token"
    );
    phone.http.with(cancelled.token).bytes(Method::DELETE, &path, vec![]).await.ok();
    assert_eq!(claim(&cancelled).await.code(), ErrorCode::CodeUsed);

    let used = phone.show_code().await;
    claim(&used).await.ok();
    assert_eq!(claim(&used).await.code(), ErrorCode::Crowded);
    clock.advance(Duration::from_secs(240));
    server.running().sweep().await.expect("swept");
    assert_eq!(claim(&used).await.code(), ErrorCode::CodeExpired);
    // Control: in time, a fresh code works.
    let fresh = phone.show_code().await;
    let mut device = Socket::join(&server, &fresh.mailbox, fresh.token, 0).await;
    device.joined().await;
    clock.advance(Duration::from_millis(119_999));
    claim(&fresh).await.ok();
}

#[tokio::test]
async fn a_device_that_goes_and_does_not_come_back_ends_its_code() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let http = Http::to(&server);
    let claim = async |mailbox: &Mailbox| {
        let claim = Claim { nameplate: mailbox.nameplate.clone(), purpose: PurposeWord::View };
        http.post("/v1/claims", &claim).await
    };
    /// What the viewer hears of the other end, which tells when the server has seen a socket come or go.
    async fn peer(viewer: &mut Socket, present: bool) {
        loop {
            match viewer.hear_any().await {
                Some(ToEnd::Peer { present: there }) if there == present => return,
                Some(_) => {}
                None => panic!("closed"),
            }
        }
    }
    let (waiting, unclaimed, back) = (phone.show_code().await, phone.show_code().await, phone.show_code().await);
    let never_there = phone.show_code().await;
    let mut viewers = Vec::new();
    for mailbox in [&waiting, &back] {
        let claimed: Claimed = claim(mailbox).await.json();
        let mut viewer = Socket::join(&server, &mailbox.mailbox, claimed.token, 0).await;
        viewer.joined().await;
        let mut device = Socket::join(&server, &mailbox.mailbox, mailbox.token, 0).await;
        device.joined().await;
        peer(&mut viewer, true).await;
        drop(device);
        peer(&mut viewer, false).await;
        viewers.push(viewer);
    }
    let mut device = Socket::join(&server, &unclaimed.mailbox, unclaimed.token, 0).await;
    device.joined().await;
    // A second connection takes the first one's place: that the first is gone does not mean that the device is.
    let mut newer = Socket::join(&server, &unclaimed.mailbox, unclaimed.token, 0).await;
    newer.joined().await;
    assert_eq!(device.hear().await, None);
    clock.advance(Duration::from_millis(9_999));
    server.running().sweep().await.expect("swept");
    let mut returned = Socket::join(&server, &back.mailbox, back.token, 0).await;
    returned.joined().await;
    clock.advance(Duration::from_millis(1));
    server.running().sweep().await.expect("swept");
    let [waiting_viewer, back_viewer] = viewers.as_mut_slice() else { panic!("two") };
    assert_eq!(waiting_viewer.hear().await, Some(ToEnd::Over { code: ErrorCode::DeviceOffline }));
    assert_eq!(claim(&waiting).await.code(), ErrorCode::DeviceOffline);
    let mut late = Socket::join(&server, &waiting.mailbox, waiting.token, 0).await;
    assert_eq!(late.hear().await, Some(ToEnd::Over { code: ErrorCode::DeviceOffline }), "the device as well");
    // Control: the one that came back goes on, and so does the one that only reconnected.
    peer(back_viewer, true).await;
    back_viewer.send(&ToServer::Send { seq: 0, body: message(0) }).await;
    assert_eq!(returned.hear().await, Some(ToEnd::Deliver { seq: 0, body: message(0) }));
    claim(&unclaimed).await.ok();
    assert_eq!(
        claim(&never_there).await.code(),
        ErrorCode::DeviceOffline,
        "one that never came is as gone as one that went"
    );
}

#[tokio::test]
async fn a_session_outlives_the_absence_of_its_device() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let mut viewer = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
    viewer.joined().await;
    let mut device = Socket::join(&server, &visit.mailbox, visit.device_token, 0).await;
    device.joined().await;
    assert_eq!(viewer.hear_any().await, Some(ToEnd::Peer { present: true }));
    drop(device);
    assert_eq!(viewer.hear_any().await, Some(ToEnd::Peer { present: false }));
    clock.advance(Duration::from_secs(60));
    server.running().sweep().await.expect("swept");
    opened(&visit.open(id, 1).await);
}

#[tokio::test]
async fn a_restart_burns_every_code() {
    let mut server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let mailbox = phone.show_code().await;
    server.stop().await;
    server.resume().await.expect("starts");
    let claim = Claim { nameplate: mailbox.nameplate.clone(), purpose: PurposeWord::View };
    assert_eq!(Http::to(&server).post("/v1/claims", &claim).await.code(), ErrorCode::CodeUnknown);
    let mut socket = Socket::join(&server, &mailbox.mailbox, mailbox.token, 0).await;
    assert_eq!(socket.hear().await, Some(ToEnd::Over { code: ErrorCode::NotFound }));
}

#[tokio::test]
async fn a_restart_in_order_keeps_sessions_and_what_their_ends_said() {
    let mut server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let first = visit.open(id, 1).await.body;
    let mut viewer = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
    viewer.joined().await;
    for n in 0..3u8 {
        viewer.send(&ToServer::Send { seq: n.into(), body: message(n) }).await;
        assert_eq!(viewer.hear().await, Some(ToEnd::Stored { sent: u64::from(n) + 1 }));
    }
    let mut device = Socket::join(&server, &visit.mailbox, visit.device_token, 0).await;
    device.joined().await;
    device.send(&ToServer::Taken { received: 1 }).await;
    device.send(&ToServer::Ping).await;
    while device.hear().await != Some(ToEnd::Pong) {}

    server.stop().await;
    assert_eq!(device.hear().await, None, "the line breaks, and nobody says that it is over");
    server.resume().await.expect("starts");
    let mut device = Socket::join(&server, &visit.mailbox, visit.device_token, 1).await;
    assert_eq!(device.joined().await, 0);
    for n in 1..3u8 {
        assert_eq!(device.hear().await, Some(ToEnd::Deliver { seq: n.into(), body: message(n) }));
    }
    let mut viewer = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
    assert_eq!(viewer.joined().await, 3, "and numbers go on");
    let mut visit = visit;
    visit.http.client = crate::http::client();
    assert_eq!(visit.open(id, 1).await.body, first, "an identical request still gets the identical answer");
    let other = session::OpenRequest { to: 5, ..visit.request(id, 1, Hash::ZERO) };
    assert_eq!(visit.send(&other).await.code(), ErrorCode::CounterReused, "and the counter stays used");
}

#[tokio::test]
async fn claims_are_throttled_by_address() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |settings| settings.limits.claims_per_address = 5).await;
    let http = Http::to(&server);
    let guess = Claim { nameplate: "417".to_owned(), purpose: PurposeWord::View };
    for _ in 0..5 {
        assert_eq!(http.post("/v1/claims", &guess).await.code(), ErrorCode::CodeUnknown);
    }
    assert_eq!(http.post("/v1/claims", &guess).await.code(), ErrorCode::RateLimited);
    clock.advance(Duration::from_secs(12));
    assert_eq!(http.post("/v1/claims", &guess).await.code(), ErrorCode::CodeUnknown);
}

#[tokio::test]
async fn the_device_sees_openings_as_they_happen_and_both_see_the_end() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let mut device = Socket::join(&server, &visit.mailbox, visit.device_token, 0).await;
    let mut viewer = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
    device.joined().await;
    viewer.joined().await;
    opened(&visit.open(id, 1).await);
    let Some(ToEnd::Receipt { receipt }) = device.hear().await else { panic!("no receipt") };
    let receipt: Receipt = decode(receipt.as_slice(), usize::MAX).expect("a receipt");
    assert!(matches!(receipt.event, Event::Opened { .. }));
    phone.end(&visit).await.ok();
    assert!(matches!(device.hear().await, Some(ToEnd::Receipt { .. })));
    for mut socket in [device, viewer] {
        assert_eq!(socket.hear().await, Some(ToEnd::Over { code: ErrorCode::SessionEnded }));
        assert_eq!(socket.hear().await, None);
    }
    let mut late = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
    assert_eq!(late.hear().await, Some(ToEnd::Over { code: ErrorCode::SessionEnded }));
}

#[tokio::test]
async fn a_socket_that_does_not_say_who_it_is_hears_nothing() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let mailbox = phone.show_code().await;
    for token in [Hash(random()), phone.http.token.expect("signed in")] {
        let mut socket = Socket::join(&server, &mailbox.mailbox, token, 0).await;
        assert_eq!(socket.hear().await, Some(ToEnd::Over { code: ErrorCode::NotFound }));
    }
    let garbage = [
        Message::Binary(vec![0x80].into()),
        Message::Binary(encode(&ToServer::Ping).into()),
        Message::Text("join".into()),
    ];
    for first in garbage {
        let mut socket = Socket::open(&server, &mailbox.mailbox).await;
        socket.0.send(first).await.expect("sent");
        assert_eq!(socket.hear().await, Some(ToEnd::Over { code: ErrorCode::Malformed }));
    }
    let mut huge = Socket::open(&server, &mailbox.mailbox).await;
    let sent = huge.0.send(Message::Binary(vec![0; 1024 * 1024].into())).await;
    assert!(sent.is_err() || huge.hear().await.is_none());
    // Control: the device itself.
    let mut device = Socket::join(&server, &mailbox.mailbox, mailbox.token, 0).await;
    device.joined().await;
    // And what is not a frame of this protocol ends the pairing for both, as a message that skips a number does.
    let skips = Message::Binary(encode(&ToServer::Send { seq: 1, body: message(1) }).into());
    let again = Message::Binary(encode(&ToServer::Join { token: mailbox.token, received: 0 }).into());
    let garbage = [Message::Binary(vec![0x80].into()), Message::Text("taken".into()), skips, again];
    for bad in garbage {
        let mailbox = phone.show_code().await;
        let claim = Claim { nameplate: mailbox.nameplate.clone(), purpose: PurposeWord::View };
        let claimed: Claimed = Http::to(&server).post("/v1/claims", &claim).await.json();
        let mut viewer = Socket::join(&server, &mailbox.mailbox, claimed.token, 0).await;
        viewer.joined().await;
        let mut device = Socket::join(&server, &mailbox.mailbox, mailbox.token, 0).await;
        device.joined().await;
        device.0.send(bad).await.expect("sent");
        assert_eq!(device.hear().await, Some(ToEnd::Over { code: ErrorCode::Malformed }));
        assert_eq!(viewer.hear().await, Some(ToEnd::Over { code: ErrorCode::Malformed }));
    }
}

#[tokio::test]
async fn an_error_in_a_session_ends_the_connection_and_not_the_session() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    let mut device = Socket::join(&server, &visit.mailbox, visit.device_token, 0).await;
    device.joined().await;
    let mut viewer = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
    viewer.joined().await;
    // The device takes nothing: the server holds so much for it, and no more.
    for seq in 0..512 {
        viewer.send(&ToServer::Send { seq, body: message(0) }).await;
        assert_eq!(viewer.hear().await, Some(ToEnd::Stored { sent: seq + 1 }));
    }
    for (code, bad) in [
        (ErrorCode::Busy, ToServer::Send { seq: 512, body: message(0) }),
        (ErrorCode::Malformed, ToServer::Send { seq: 900, body: message(0) }),
        (ErrorCode::Malformed, ToServer::Taken { received: 1 }),
    ] {
        viewer.send(&bad).await;
        assert_eq!(viewer.hear().await, Some(ToEnd::Over { code }), "{bad:?}");
        assert_eq!(viewer.hear().await, None);
        viewer = Socket::join(&server, &visit.mailbox, visit.viewer_token, 0).await;
        assert_eq!(viewer.joined().await, 512, "what was stored is kept");
    }
    device.send(&ToServer::Taken { received: 1 }).await;
    device.send(&ToServer::Ping).await;
    while device.hear().await != Some(ToEnd::Pong) {}
    viewer.send(&ToServer::Send { seq: 512, body: message(0) }).await;
    assert_eq!(viewer.hear().await, Some(ToEnd::Stored { sent: 513 }), "there is room again");
    opened(&visit.open(id, 1).await);
}
