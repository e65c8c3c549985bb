//! Figures of `cargo xtask bench` for agents: 1,000 of their sessions live on one server, with both ends connected, and every
//! session and every agent opens as often as the limits allow. How long an opening takes then, how many a second the server
//! could answer, and memory. The actors of the tests lend.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints figures, and fails where it cannot"
)]
#![expect(dead_code, reason = "the actors can do more than is measured")]

#[path = "../tests/it/actors.rs"]
mod actors;
#[path = "../tests/it/desk.rs"]
mod desk;
#[path = "../tests/it/http.rs"]
mod http;
mod program;

use std::sync::Arc;
use std::time::{Duration, Instant};

use glimpse_wire::api::Claimed;
use glimpse_wire::limits::DEFAULT_RATE;
use glimpse_wire::organisation::Role;
use glimpse_wire::{ErrorCode, Hash, UnitId};
use reqwest::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::actors::{Phone, Visit, opened, unit};
use crate::desk::{Clerk, House};
use crate::program::{BUILD, Program};

/// Sessions of one agent: at the default rate of Terms so many use up what one agent may open in a minute.
const OF_ONE_AGENT: usize = 4;
/// Openings a second while their time is taken: 1,000 sessions, each at the default rate of Terms.
const OFFERED: u32 = 500;
/// Requests that wait for an answer at one time, while the server answers as many as it can.
const AT_ONCE: usize = 64;

/// A live session, and the unit that is opened in it.
type Look = (Visit, UnitId);

#[tokio::main]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (sessions, warm) = if quick { (100, 20) } else { (1_000, 100) };
    let mut house = None;
    let (program, http) = Program::start(|http| {
        let listed = house.insert(House::unlisted(http.clone())).public();
        vec![format!("organisations={listed}")]
    })
    .await;
    let house = house.expect("made at the start");
    let phone = Phone::found(http).await;
    let now = phone.now().await;
    house.register(house.card(now)).await.ok();

    // The first sessions fill caches and pools that others share.
    let mut looks: Vec<Look> = Vec::new();
    let mut before = 0;
    for number in 0..warm + sessions {
        if number == warm {
            before = program.resident();
        }
        if number % 100 == 0 {
            eprintln!("  {number} sessions");
        }
        if number % OF_ONE_AGENT == 0 {
            let clerk = house.hire(Role::Agent, now).await;
            for _ in 0..OF_ONE_AGENT {
                looks.push(lent(&phone, &clerk).await);
            }
        }
        program.connect(&looks[number].0).await;
    }
    let grown = program.resident() - before;
    tell(serde_json::json!({
        "figure": "memory_per_live_agent_session",
        "value": (grown as f64 / sessions as f64 * 10.0).round() / 10.0,
        "unit": "KiB",
        "sessions": sessions,
        "sockets": 2 * looks.len(),
        "before_mib": before / 1024,
    }));

    let measured = looks.split_off(warm);
    let (count, took) = as_many_as_it_can(looks).await;
    tell(serde_json::json!({
        "figure": "openings_of_agents_answered",
        "value": (count as f64 / took).round(),
        "unit": "1/s",
        "openings": count,
        "at_once": AT_ONCE,
        "live_sessions": warm + sessions,
    }));

    let (times, took) = at_the_limit(measured).await;
    let at = |thousandths: usize| (times[times.len() * thousandths / 1_000] * 10.0).round() / 10.0;
    tell(serde_json::json!({
        "figure": "opening_at_the_limit_of_agents_p99",
        "value": at(990),
        "unit": "ms",
        "p50_ms": at(500),
        "p999_ms": at(999),
        "openings": times.len(),
        "offered_per_second": OFFERED,
        "answered_per_second": (times.len() as f64 / took).round(),
        "live_sessions": warm + sessions,
    }));
}

fn tell(mut line: serde_json::Value) {
    line["build"] = BUILD.into();
    println!("{line}");
}

/// A session with an agent at the default rate, with one unit that is ready.
async fn lent(phone: &Phone, clerk: &Clerk) -> Look {
    let mailbox = phone.show_code_to_agents().await;
    let claimed: Claimed = clerk.claim(&mailbox).await.json();
    let (id, listed) = unit();
    let terms = |terms: &mut glimpse_wire::pairing::Terms| {
        (terms.rate, terms.asked) = (DEFAULT_RATE, Hash([7; 32]));
        terms.expires = terms.issued.plus(3_600_000);
    };
    let visit = phone.visit_in(mailbox, &claimed, vec![listed], terms).await;
    assert_eq!(phone.register(&visit).await.status, StatusCode::CREATED);
    phone.seal_unit(&visit, id, 10).await;
    (visit, id)
}

/// Every session opens its unit until its rate is used up, the next as soon as the one before was answered.
async fn as_many_as_it_can(looks: Vec<Look>) -> (usize, f64) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let begun = Instant::now();
    let mut openings = JoinSet::new();
    for (visit, unit) in looks {
        let room = Arc::clone(&room);
        openings.spawn(async move {
            for counter in 1..=u64::from(DEFAULT_RATE) {
                let _held = room.acquire().await.expect("room");
                opened(&visit.open(unit, counter).await);
            }
            usize::try_from(DEFAULT_RATE).expect("small")
        });
    }
    let count = openings.join_all().await.into_iter().sum();
    (count, begun.elapsed().as_secs_f64())
}

/// Every session opens its unit as often as its rate allows, evenly spread. How long each took from when it was due, so that an
/// answer that comes late makes those behind it no better; in milliseconds, sorted.
async fn at_the_limit(looks: Vec<Look>) -> (Vec<f64>, f64) {
    let each = Duration::from_secs(1) / OFFERED;
    let begun = Instant::now();
    let mut openings = JoinSet::new();
    let of_all = u32::try_from(looks.len()).expect("few");
    for (place, (visit, unit)) in (0u32..).zip(looks) {
        openings.spawn(async move {
            let mut times = Vec::new();
            for counter in 0..DEFAULT_RATE {
                let due = begun + each * (counter * of_all + place);
                tokio::time::sleep_until(due.into()).await;
                opened(&visit.open(unit, u64::from(counter) + 1).await);
                times.push(due.elapsed().as_secs_f64() * 1_000.0);
            }
            // Control: that was the limit.
            if place == 0 && begun.elapsed() < Duration::from_secs(59) {
                visit.open(unit, u64::from(DEFAULT_RATE) + 1).await.is(ErrorCode::RateLimited);
            }
            times
        });
    }
    let mut times: Vec<f64> = openings.join_all().await.into_iter().flatten().collect();
    let took = begun.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    (times, took)
}
