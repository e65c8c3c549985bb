//! Recovery kits: the request, the wait, the veto, the link.

use glimpse_server::ManualClock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::account::{Act, Policy, RecoveryRequest, Veto};
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;
use crate::family::{Family, Kit};

const ASK: &str = "/v1/recoveries";
const WAIT: u64 = 3_600_000;

/// An account with two devices and a kit whose recoveries are announced for an hour.
async fn guarded(server: &TestServer) -> (Family, Kit) {
    let mut family = Family::new(server, 2).await;
    let policy = Policy { recovering: WAIT, ..Policy::default() };
    let at = family.phones[0].now().await;
    family.extend(0, Act::Policy { policy, at, held: 0 }, Vec::new()).await;
    let kit = family.equip().await;
    (family, kit)
}

fn veto(by: &Phone, device: DeviceId) -> SignedJson {
    let veto = Veto { suite: SUITE, account: by.account, device, at: UnixMillis(1) };
    sign(&by.key, StatementKind::Veto, &veto).into()
}

async fn put_veto(by: &Phone, veto: &SignedJson) -> Said {
    by.http.json(Method::DELETE, "/v1/account/recovery", veto).await
}

#[tokio::test]
async fn a_kit_brings_the_account_back_after_its_wait() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let (mut family, kit) = guarded(&server).await;
    let http = Http::to(&server);
    let (id, listed) = unit();
    let visit = family.phones[1].lend(vec![listed], |_| {}).await;
    let version = family.phones[0].add(10).await;

    let found: KitAccount = http.get(&format!("/v1/kits/{}", kit.keys.id())).await.json();
    assert_eq!(found.account, family.chain.account());
    let mut phone = family.newcomer(&server);
    let request = kit.request(&family.chain, &phone);
    let asked: Recovering = http.post(ASK, &request).await.json();
    assert_eq!((asked.due, asked.wrap), (asked.now.plus(WAIT), None));
    let account: Account = family.phones[1].http.get("/v1/account").await.json();
    let announced = account.recovery.expect("every device is told");
    assert_eq!((announced.request, announced.due), (request.clone(), asked.due));

    let early = family.recovery(&kit, &phone);
    assert_eq!(http.post(&family.recover_path(), &early).await.code(), ErrorCode::DeviceHeld, "before it is due");
    clock.advance(Duration::from_millis(WAIT - 1));
    let waits: Recovering = http.post(ASK, &request).await.json();
    assert_eq!((waits.due, waits.wrap), (asked.due, None), "asking again does not lengthen or shorten it");
    clock.advance(Duration::from_millis(1));
    // The chain may have moved on; the kit has a wrap of every epoch.
    family.phones[0].sign_in().await;
    let rotated = family.rotate(0).await;
    let due: Recovering = http.post(ASK, &request).await.json();
    let wrap = rotated.wraps.iter().find(|wrap| wrap.device == kit.keys.id()).expect("the kit's");
    assert_eq!(due.wrap.as_ref(), Some(&wrap.wrap), "of the newest epoch");

    assert_eq!(http.post(&family.recover_path(), &early).await.code(), ErrorCode::Conflict, "a place that is taken");
    let link = family.recovery(&kit, &phone);
    let done: Appended = http.post(&family.recover_path(), &link).await.json();
    family.take(&link);
    assert_eq!(done.head, family.chain.head());
    let again: Appended = http.post(&family.recover_path(), &link).await.json();
    assert_eq!(again.head, done.head, "the answer to a lost answer");
    // Everyone else is out, and their sessions are over.
    for old in &family.phones {
        assert_eq!(old.http.get("/v1/account").await.code(), ErrorCode::DeviceRevoked);
    }
    let said = visit.open(id, 1).await.code();
    assert!(matches!(said, ErrorCode::SessionRevoked | ErrorCode::SessionExpired), "{said}");
    phone.head = family.chain.head();
    phone.sign_in().await;
    phone.release(&version).await.ok();
    let account: Account = phone.http.get("/v1/account").await.json();
    assert_eq!((account.recovery, account.wraps), (None, link.wraps));
    // The kit that spoke is used up.
    assert_eq!(http.get(&format!("/v1/kits/{}", kit.keys.id())).await.code(), ErrorCode::NotFound);
    let another = kit.request(&family.chain, &family.newcomer(&server));
    assert_eq!(http.post(ASK, &another).await.code(), ErrorCode::Unauthorised);
}

#[tokio::test]
async fn a_recovery_ends_every_session_at_once() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    let kit = family.equip().await;
    let visits =
        [family.phones[0].lend(vec![unit().1], |_| {}).await, family.phones[1].lend(vec![unit().1], |_| {}).await];
    let phone = family.newcomer(&server);
    let http = Http::to(&server);
    let link = family.recovery(&kit, &phone);
    assert_eq!(http.post(&family.recover_path(), &link).await.code(), ErrorCode::NotFound, "nobody asked for it");
    // Where the policy asks for no wait, it is due at once.
    let asked: Recovering = http.post(ASK, &kit.request(&family.chain, &phone)).await.json();
    assert!(asked.due == asked.now && asked.wrap.is_some());
    http.post(&family.recover_path(), &link).await.ok();
    for visit in visits {
        assert_eq!(visit.open(UnitId(random()), 1).await.code(), ErrorCode::SessionRevoked);
    }
}

#[tokio::test]
async fn a_veto_stops_a_recovery_for_good() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let (mut family, kit) = guarded(&server).await;
    let http = Http::to(&server);
    let (thief, owner) = (family.newcomer(&server), family.newcomer(&server));
    let request = kit.request(&family.chain, &thief);
    http.post(ASK, &request).await.ok();
    // Nobody else vetoes, and not by a word about something else.
    let word = veto(&family.phones[1], thief.device);
    let stranger = Phone::new(&server).await;
    assert_eq!(put_veto(&family.phones[0], &word).await.code(), ErrorCode::Unauthorised, "another device's word");
    assert_eq!(put_veto(&stranger, &veto(&stranger, thief.device)).await.code(), ErrorCode::NotFound);
    let foreign = Veto { suite: SUITE, account: stranger.account, device: thief.device, at: UnixMillis(1) };
    let foreign: SignedJson = sign(&family.phones[1].key, StatementKind::Veto, &foreign).into();
    assert_eq!(put_veto(&family.phones[1], &foreign).await.code(), ErrorCode::Malformed);
    assert_eq!(put_veto(&family.phones[1], &veto(&family.phones[1], owner.device)).await.code(), ErrorCode::NotFound);
    let second = kit.request(&family.chain, &owner);
    assert_eq!(http.post(ASK, &second).await.code(), ErrorCode::Conflict, "one at a time");

    put_veto(&family.phones[1], &word).await.ok();
    put_veto(&family.phones[1], &word).await.ok();
    let said = http.post(ASK, &request).await;
    assert_eq!((said.code(), said.status), (ErrorCode::RecoveryVetoed, StatusCode::FORBIDDEN));
    clock.advance(Duration::from_millis(WAIT));
    let link = family.recovery(&kit, &thief);
    assert_eq!(http.post(&family.recover_path(), &link).await.code(), ErrorCode::RecoveryVetoed, "not when it is due");
    family.phones[0].sign_in().await;
    let account: Account = family.phones[0].http.get("/v1/account").await.json();
    assert_eq!((account.recovery, account.chain.length), (None, 4), "nothing was added");
    // Control: another device, whom nobody stops, waits its own time and comes through.
    http.post(ASK, &second).await.ok();
    let link = family.recovery(&kit, &owner);
    assert_eq!(http.post(&family.recover_path(), &link).await.code(), ErrorCode::DeviceHeld);
    clock.advance(Duration::from_millis(WAIT));
    http.post(&family.recover_path(), &link).await.ok();
    family.take(&link);
}

#[tokio::test]
async fn t098_a_veto_that_an_old_backup_lost_does_not_let_a_recovery_through() {
    let clock = Arc::new(ManualClock::at_wall());
    let mut server = TestServer::start_with(clock.clone(), |_| {}).await;
    let (mut family, kit) = guarded(&server).await;
    let thief = family.newcomer(&server);
    let request = kit.request(&family.chain, &thief);
    Http::to(&server).post(ASK, &request).await.ok();
    let folder = server.folder().join("backups");
    let made = crate::backup::backed_up(&server, &folder).await;
    put_veto(&family.phones[1], &veto(&family.phones[1], thief.device)).await.ok();
    crate::backup::restored(&mut server, &made).await;
    clock.advance(Duration::from_millis(WAIT));
    let http = Http::to(&server);
    let link = family.recovery(&kit, &thief);
    assert_eq!(http.post(&family.recover_path(), &link).await.code(), ErrorCode::NotFound, "it was due in the backup");
    let again: Recovering = http.post(ASK, &request).await.json();
    assert_eq!((again.due, again.wrap), (again.now.plus(WAIT), None), "it is announced anew, for its whole time");
    // Control: what nobody stops comes through, here as well.
    clock.advance(Duration::from_millis(WAIT));
    http.post(&family.recover_path(), &link).await.ok();
    family.take(&link);
}

#[tokio::test]
async fn whoever_has_the_kit_fills_nothing_with_recoveries_that_are_stopped() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |settings| settings.limits.recoveries_per_address = 1_000).await;
    let (family, kit) = guarded(&server).await;
    let http = Http::to(&server);
    let mut requests = Vec::new();
    for _ in 0..66 {
        let thief = family.newcomer(&server);
        let request = kit.request(&family.chain, &thief);
        http.post(ASK, &request).await.ok();
        put_veto(&family.phones[1], &veto(&family.phones[1], thief.device)).await.ok();
        requests.push(request);
        clock.advance(Duration::from_millis(1));
    }
    for request in &requests[2..] {
        assert_eq!(http.post(ASK, request).await.code(), ErrorCode::RecoveryVetoed, "the 64 newest stay stopped");
    }
    let again: Recovering = http.post(ASK, &requests[0]).await.json();
    assert_eq!((again.due, again.wrap), (again.now.plus(WAIT), None), "one that is forgotten waits its whole time");
}

#[tokio::test]
async fn what_the_kit_did_not_sign_recovers_nothing() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    let kit = family.equip().await;
    let (other, http, phone) = (Kit::new(), Http::to(&server), family.newcomer(&server));
    let stranger = Family::new(&server, 1).await;
    let request = |change: &dyn Fn(&mut RecoveryRequest)| -> SignedJson {
        let mut request = RecoveryRequest {
            suite: SUITE,
            account: family.chain.account(),
            head: family.chain.head(),
            device: phone.public.clone(),
            at: UnixMillis(1),
        };
        change(&mut request);
        sign(&kit.key, StatementKind::Recovery, &request).into()
    };
    let (malformed, unauthorised, conflict) = (ErrorCode::Malformed, ErrorCode::Unauthorised, ErrorCode::Conflict);
    let as_veto = sign(
        &kit.key,
        StatementKind::Veto,
        &Veto { suite: SUITE, account: phone.account, device: phone.device, at: UnixMillis(1) },
    );
    for (what, code, request) in [
        ("another kit", unauthorised, other.request(&family.chain, &phone)),
        ("an account without a kit", unauthorised, kit.request(&stranger.chain, &phone)),
        ("no such account", ErrorCode::NotFound, request(&|request| request.account = AccountId(random()))),
        ("another suite", malformed, request(&|request| request.suite = 2)),
        ("a short key", malformed, request(&|request| request.device.kem.0.truncate(1_215))),
        ("a serial of a wrong length", malformed, request(&|request| request.device.serial = Bytes(vec![1; 31]))),
        ("a device of the account", malformed, kit.request(&family.chain, &family.phones[1])),
        ("another chain's head", conflict, request(&|request| request.head = stranger.chain.head())),
        ("a head to come", conflict, request(&|request| request.head.seq += 1)),
        ("another statement", malformed, as_veto.into()),
    ] {
        assert_eq!(http.post(ASK, &request).await.code(), code, "{what}");
    }
    let account: Account = family.phones[0].http.get("/v1/account").await.json();
    assert_eq!(account.recovery, None);
    // Control: the right request, and then the link, each with one fault and without.
    http.post(ASK, &request(&|_| ())).await.ok();
    let good = family.recovery(&kit, &phone);
    let path = family.recover_path();
    let faults: Vec<(&str, ErrorCode, String, AppendLink)> = vec![
        ("by another kit", unauthorised, path.clone(), family.recovery(&other, &phone)),
        (
            "for a device that did not ask",
            ErrorCode::NotFound,
            path.clone(),
            family.recovery(&kit, &family.newcomer(&server)),
        ),
        ("of another account, which has no kit", unauthorised, stranger.recover_path(), good.clone()),
        ("no wraps", malformed, path.clone(), AppendLink { wraps: Vec::new(), ..good.clone() }),
        ("a device's link", malformed, path.clone(), {
            let (act, wraps) = family.rotation();
            family.act(&family.phones[0], act, wraps)
        }),
        (
            "cut off",
            malformed,
            path.clone(),
            AppendLink { link: Bytes(good.link.0[..99].to_vec()), wraps: good.wraps.clone() },
        ),
    ];
    for (what, code, path, link) in faults {
        assert_eq!(http.post(&path, &link).await.code(), code, "{what}");
    }
    http.post(&path, &good).await.ok();
    family.take(&good);
}

/// Replaying is dear, and shows here by failing.
#[tokio::test]
async fn nothing_is_replayed_for_whoever_is_not_the_kit() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 1).await;
    let kit = family.equip().await;
    let (other, http, phone) = (Kit::new(), Http::to(&server), family.newcomer(&server));
    let database = sqlx::SqlitePool::connect(&format!("sqlite://{}", server.data().join("main.db").display())).await;
    let damage = "UPDATE links SET link = x'80' WHERE seq = 0";
    let database = database.expect("opens");
    sqlx::query(damage).execute(&database).await.expect("damaged");
    let path = family.recover_path();
    for (by, code) in [(&other, ErrorCode::Unauthorised), (&kit, ErrorCode::Internal)] {
        assert_eq!(http.post(ASK, &by.request(&family.chain, &phone)).await.code(), code);
        assert_eq!(http.post(&path, &family.recovery(by, &phone)).await.code(), code);
    }
    // A kit from before its key was kept is found by replaying, whoever asks.
    sqlx::query("UPDATE kits SET signing = NULL").execute(&database).await.expect("forgotten");
    assert_eq!(http.post(ASK, &other.request(&family.chain, &phone)).await.code(), ErrorCode::Internal);
}

#[tokio::test]
async fn nobody_takes_the_place_of_a_kit_by_naming_its_keys() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 1).await;
    let kit = family.equip().await;
    // The keys stand in the chain for everyone; another account names them as its own.
    let mut other = Family::new(&server, 1).await;
    let wrap = DeviceWrap { device: kit.keys.id(), wrap: Bytes(noise(1_168)) };
    let act = Act::Recovery { keys: vec![kit.keys.clone()], wraps: vec![crate::family::commitment(&wrap)] };
    other.extend(0, act, vec![wrap]).await;
    let path = format!("/v1/kits/{}", kit.keys.id());
    let found: KitAccount = Http::to(&server).get(&path).await.json();
    assert_eq!(found.account, family.chain.account());
    // Control: once the first gave its kit up, the other is found.
    family.equip().await;
    let found: KitAccount = Http::to(&server).get(&path).await.json();
    assert_eq!(found.account, other.chain.account());
}

#[tokio::test]
async fn questions_about_kits_are_throttled() {
    let server = TestServer::start_with(Arc::new(ManualClock::at_wall()), |settings| {
        settings.limits.recoveries_per_address = 2;
    })
    .await;
    let http = Http::to(&server);
    let path = format!("/v1/kits/{}", DeviceId(random()));
    for _ in 0..2 {
        assert_eq!(http.get(&path).await.code(), ErrorCode::NotFound);
    }
    assert_eq!(http.get(&path).await.code(), ErrorCode::RateLimited);
    let word = SignedJson { statement: Bytes(vec![0x80]), signature: ids::SignatureBytes([0; 64]) };
    assert_eq!(http.post(ASK, &word).await.code(), ErrorCode::RateLimited);
    let link = AppendLink { link: Bytes(vec![0x80]), wraps: Vec::new() };
    let recover = format!("/v1/accounts/{}/recover", AccountId(random()));
    assert_eq!(http.post(&recover, &link).await.code(), ErrorCode::RateLimited);
}
