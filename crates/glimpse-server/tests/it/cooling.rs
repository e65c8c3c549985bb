//! What only a clock can say of a link: that its time is now, and who is held back.

use glimpse_server::ManualClock;
use glimpse_server::test_server::TestServer;
use glimpse_wire::account::{Act, Link, LinkBody, Need, Policy, Second};
use glimpse_wire::api::*;
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::limits::{CLOCK_SLACK_MILLIS, SECOND_MILLIS};
use glimpse_wire::*;
use reqwest::Method;
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;
use crate::family::{Family, signed};
use ed25519_dalek::Signer;

const LINKS: &str = "/v1/account/links";
const DAY: u64 = 24 * 60 * 60 * 1000;
const SECOND: Need = Need { second: true, held: 0 };

async fn stopped() -> (Arc<ManualClock>, TestServer) {
    let clock = Arc::new(ManualClock::at_wall());
    (clock.clone(), TestServer::start_with(clock, |_| {}).await)
}

/// Makes rules, which are in force at once.
async fn rule(family: &mut Family, policy: Policy) {
    let at = family.phones[0].now().await;
    family.extend(0, Act::Policy { policy, at, held: 0 }, Vec::new()).await;
}

fn seconded(family: &Family, by: &Phone, act: Act, second: &Phone, wraps: Vec<DeviceWrap>) -> AppendLink {
    let (account, place) = (family.chain.account(), family.chain.next_place());
    let preimage = preimage::second_signature(&account, &place, &encode(&act));
    let signature = SignatureBytes(second.key.sign(&preimage).to_bytes());
    let body = LinkBody::Act { act, second: vec![Second { device: second.device, signature }] };
    let link = Link { suite: SUITE, seq: place.seq, previous: place.hash, body, signer: by.device };
    signed(&by.key, &link, wraps)
}

async fn give_back(by: &Phone, seq: u64, link: &AppendLink) -> Said {
    by.http.json(Method::PUT, &format!("{LINKS}/{seq}"), link).await
}

#[tokio::test]
async fn a_link_whose_time_is_not_now_is_not_taken() {
    let (_clock, server) = stopped().await;
    let mut family = Family::new(&server, 2).await;
    let hold = Policy { pinning: Need { second: false, held: DAY }, ..Policy::default() };
    rule(&mut family, Policy { adding: Need { second: false, held: DAY }, ..hold }).await;
    let (phone, newcomer) = (&family.phones[0], family.newcomer(&server));
    let now = phone.now().await;
    let policy = |at| Act::Policy { policy: Policy::default(), at, held: DAY };
    let add = |at| family.adding(phone, &newcomer, at, DAY);
    // Dated back by a day, what is held back for a day would be free at once.
    for at in [UnixMillis(now.0 - DAY), UnixMillis(now.0 - CLOCK_SLACK_MILLIS - 1), now.plus(CLOCK_SLACK_MILLIS + 1)] {
        for act in [add(at), policy(at)] {
            let link = family.act(phone, act, Vec::new());
            assert_eq!(family.chain.clone().push(&decode(link.link.as_slice(), usize::MAX).expect("a link")), Ok(()));
            assert_eq!(phone.http.post(LINKS, &link).await.code(), ErrorCode::Malformed, "{at:?}");
        }
    }
    // Control: within the slack it is taken.
    let link = family.act(phone, add(UnixMillis(now.0 - CLOCK_SLACK_MILLIS)), Vec::new());
    phone.http.post(LINKS, &link).await.ok();
    family.take(&link);
    let at = now.plus(CLOCK_SLACK_MILLIS);
    family.extend(0, Act::Policy { policy: Policy::default(), at, held: DAY }, Vec::new()).await;
}

#[tokio::test]
async fn an_act_that_two_devices_signed_may_be_an_hour_old() {
    let (clock, server) = stopped().await;
    let mut family = Family::new(&server, 2).await;
    rule(&mut family, Policy { pinning: SECOND, ..Policy::default() }).await;
    let at = family.phones[0].now().await;
    let act = Act::Policy { policy: Policy::default(), at, held: 0 };
    let link = seconded(&family, &family.phones[0], act, &family.phones[1], Vec::new());
    clock.advance(Duration::from_millis(SECOND_MILLIS + 1));
    family.phones[0].sign_in().await;
    assert_eq!(family.phones[0].http.post(LINKS, &link).await.code(), ErrorCode::Malformed);
    clock.set_back(Duration::from_millis(1));
    family.phones[0].http.post(LINKS, &link).await.ok();
}

#[tokio::test]
async fn a_device_that_is_held_back_is_no_second() {
    let (clock, server) = stopped().await;
    let mut family = Family::new(&server, 2).await;
    family.link(&server, DAY).await;
    rule(&mut family, Policy { revoking: SECOND, ..Policy::default() }).await;
    let [phone, watch, held] = &family.phones[..] else { panic!("three devices") };
    let (act, wraps) = family.revocation(&[watch.device]);
    let link = seconded(&family, phone, act.clone(), held, wraps.clone());
    let fits = |link: &AppendLink| {
        family.chain.clone().push(&decode(link.link.as_slice(), usize::MAX).expect("a link")).is_ok()
    };
    assert!(fits(&link), "the chain cannot know");
    assert_eq!(phone.http.post(LINKS, &link).await.code(), ErrorCode::DeviceHeld);
    // Once it is free it counts, and without it the other one cannot be taken out.
    clock.advance(Duration::from_millis(DAY));
    let mut phone = crate::chains::copy(phone);
    phone.sign_in().await;
    let alone = family.act(&phone, act, wraps);
    assert!(fits(&alone), "the chain cannot know");
    assert_eq!(phone.http.post(LINKS, &alone).await.code(), ErrorCode::Malformed);
    phone.http.post(LINKS, &link).await.ok();
}

#[tokio::test]
async fn while_the_helper_of_a_thief_is_held_back_it_stops_nobody() {
    let (_clock, server) = stopped().await;
    let mut family = Family::new(&server, 2).await;
    rule(&mut family, Policy { revoking: SECOND, ..Policy::default() }).await;
    family.link(&server, DAY).await;
    let (act, wraps) = family.revocation(&[family.phones[0].device, family.phones[2].device]);
    family.extend(1, act, wraps).await;
    assert_eq!(family.phones[0].http.get("/v1/account").await.code(), ErrorCode::DeviceRevoked);
}

#[tokio::test]
async fn a_device_cannot_date_its_own_link_back_by_giving_it_back() {
    let (_clock, server) = stopped().await;
    let mut family = Family::new(&server, 2).await;
    let need = Need { second: false, held: DAY };
    rule(&mut family, Policy { adding: need, pinning: need, ..Policy::default() }).await;
    let [phone, watch] = &family.phones[..] else { panic!("two devices") };
    let (now, seq) = (phone.now().await, family.chain.next_place().seq);
    let before = UnixMillis(now.0 - 2 * DAY);
    let mut newcomer = family.newcomer(&server);
    let policy = |at| family.act(phone, Act::Policy { policy: Policy::default(), at, held: DAY }, Vec::new());
    assert_eq!(give_back(phone, seq, &policy(before)).await.code(), ErrorCode::Malformed, "its own");
    let ahead = policy(now.plus(CLOCK_SLACK_MILLIS + 1));
    assert_eq!(give_back(watch, seq, &ahead).await.code(), ErrorCode::Malformed, "nothing was lost that is to come");
    let add = family.act(phone, family.adding(phone, &newcomer, before, DAY), Vec::new());
    assert_eq!(give_back(phone, seq + 1, &add).await.code(), ErrorCode::Malformed, "another number");
    assert_eq!(phone.http.get("/v1/account").await.json::<Account>().chain.length, seq, "and it was not added");
    give_back(phone, seq, &add).await.ok();
    family.take(&add);
    let read = async |phone: &Phone| phone.http.get("/v1/records").await;
    newcomer.sign_in().await;
    newcomer.http.get("/v1/account").await.ok();
    assert_eq!(read(&newcomer).await.code(), ErrorCode::DeviceHeld, "held back from now on");
    // Control: what another device brings was there, and counts from its time.
    let mut second = family.newcomer(&server);
    let add = family.act(&family.phones[0], family.adding(&family.phones[0], &second, before, DAY), Vec::new());
    give_back(&family.phones[1], seq + 1, &add).await.ok();
    family.take(&add);
    second.sign_in().await;
    assert!(read(&second).await.status.is_success());
    let old = Act::Policy { policy: Policy::default(), at: before, held: DAY };
    let old = family.act(&family.phones[0], old, Vec::new());
    give_back(&family.phones[1], seq + 2, &old).await.ok();
}

#[tokio::test]
async fn wraps_that_were_lost_come_back_with_their_link() {
    let server = TestServer::start().await;
    let mut family = Family::new(&server, 2).await;
    let older = family.rotate(0).await;
    let newest = family.rotate(0).await;
    family.equip().await;
    let database = sqlx::SqlitePool::connect(&format!("sqlite://{}", server.data().join("main.db").display())).await;
    let database = database.expect("opens");
    let kept = async || family.phones[1].http.get("/v1/account").await.json::<Account>().wraps;
    let all = kept().await;
    assert_eq!(all.len(), 3, "control: two devices and the kit");
    sqlx::query("DELETE FROM wraps").execute(&database).await.expect("lost");
    let none = AppendLink { wraps: Vec::new(), ..newest.clone() };
    for (what, seq, link) in [("nothing", 3, &none), ("an older epoch's", 2, &older)] {
        give_back(&family.phones[1], seq, link).await.ok();
        assert_eq!(kept().await, [], "{what}");
    }
    let mut wrong = newest.clone();
    wrong.wraps[0].wrap.0[0] ^= 1;
    assert_eq!(give_back(&family.phones[1], 3, &wrong).await.code(), ErrorCode::Malformed);
    assert_eq!(kept().await, []);
    let one = AppendLink { wraps: newest.wraps[1..].to_vec(), ..newest.clone() };
    give_back(&family.phones[1], 3, &one).await.ok();
    assert_eq!(kept().await, newest.wraps[1..]);
    give_back(&family.phones[1], 3, &newest).await.ok();
    assert_eq!(kept().await, newest.wraps);
    assert!(newest.wraps.iter().all(|wrap| all.contains(wrap)));
}

#[tokio::test]
async fn a_device_that_sends_links_without_end_does_not_stop_the_one_that_takes_it_out() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock, |settings| settings.limits.links_per_device = 3).await;
    let mut family = Family::new(&server, 1).await;
    family.link(&server, 0).await;
    for _ in 0..3 {
        family.rotate(1).await;
    }
    let (act, wraps) = family.rotation();
    let thief = family.act(&family.phones[1], act, wraps);
    assert_eq!(family.phones[1].http.post(LINKS, &thief).await.code(), ErrorCode::RateLimited);
    // What is no link of its own is refused before anything is counted.
    for _ in 0..4 {
        assert_eq!(family.phones[0].http.post(LINKS, &thief).await.code(), ErrorCode::Unauthorised);
    }
    family.revoke(0, 1).await;
}
