//! Figures of `cargo xtask bench` for agents: 1,000 of their sessions live on one server, and every one opens as often as the
//! rate of its Terms allows. Requests a second, the slowest hundredth, and memory. The actors of the tests lend.
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

use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use glimpse_server::KeyFile;
use glimpse_server::test_server::ScratchFolder;
use glimpse_wire::UnitId;
use glimpse_wire::limits::DEFAULT_RATE;
use glimpse_wire::organisation::Role;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::actors::{Http, Phone, Visit};
use crate::desk::House;

/// The real program: figures of a process that also holds the clients would say nothing.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// What one machine that plays everybody must be allowed. What is measured is at the rate of each session's Terms.
const ROOM: [&str; 10] = [
    "limits.requests_per_address=10000000",
    "limits.connections_per_address=10000",
    "limits.claims_per_address=100000",
    "limits.sessions_per_account=5000",
    "limits.mailboxes_per_account=5000",
    "limits.mailboxes_per_account_minute=100000",
    "limits.mints_per_signer=100000",
    "limits.openings_per_agent=1000000",
    "limits.organisation_requests_per_address=100000",
    "limits.agent_sign_ins_per_address=100000",
];

/// Requests that wait for an answer at one time.
const AT_ONCE: usize = 64;

#[tokio::main]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let sessions = if quick { 100 } else { 1_000 };
    let folder = ScratchFolder::new().expect("a folder");
    let key = folder.path().join("key");
    KeyFile::generate(&key).expect("a key file");
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let http = Http { client: http::client(), url: format!("http://{address}"), token: None };
    let house = House::unlisted(http.clone());
    let mut serve = Command::new(env!("CARGO_BIN_EXE_glimpse-server"));
    serve.args(["serve", "--listen", &address.to_string(), "--set", "log_level=warn"]);
    serve.args(["--set", &format!("organisations={}", house.public())]);
    serve.args(ROOM.iter().flat_map(|setting| ["--set", setting]));
    serve.arg("--data").arg(folder.path().join("data")).arg("--key-file").arg(&key);
    let server = Server(serve.spawn().expect("the server starts"));
    while http.client.get(format!("{}/readyz", http.url)).send().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let phone = Phone::found(http).await;
    let now = phone.now().await;
    house.register(house.card(now)).await.ok();
    let clerk = house.hire(Role::Agent, now).await;
    let mut visits: Vec<(Visit, UnitId)> = Vec::new();
    // The first sessions fill caches and pools that others share.
    let mut before = 0;
    for number in 0..sessions + sessions / 10 {
        if number == sessions / 10 {
            before = resident(&server.0);
        }
        if number % 100 == 0 {
            eprintln!("  {number} sessions");
        }
        visits.push(phone.lend_to(&clerk).await);
    }
    let grown = resident(&server.0) - before;

    // Every session opens its unit as often as a minute allows, one after the other, as a stolen portal would.
    let rounds = if quick { 5 } else { DEFAULT_RATE };
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let begun = Instant::now();
    let mut openings = JoinSet::new();
    for (visit, unit) in visits {
        let room = Arc::clone(&room);
        openings.spawn(async move {
            let mut times = Vec::new();
            for counter in 1..=u64::from(rounds) {
                let _held = room.acquire().await.expect("room");
                let asked = Instant::now();
                let said = visit.open(unit, counter).await;
                assert!(said.status.is_success(), "{}", said.status);
                times.push(asked.elapsed().as_secs_f64() * 1_000.0);
            }
            times
        });
    }
    let mut times: Vec<f64> = openings.join_all().await.into_iter().flatten().collect();
    let took = begun.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at = |hundredths: usize| (times[times.len() * hundredths / 100] * 10.0).round() / 10.0;
    let build = if cfg!(debug_assertions) { "dev" } else { "bench (release)" };
    println!(
        "{}",
        serde_json::json!({
            "figure": "openings_of_live_agent_sessions",
            "value": (times.len() as f64 / took).round(),
            "unit": "1/s",
            "sessions": sessions + sessions / 10,
            "openings": times.len(),
            "at_once": AT_ONCE,
            "p50_ms": at(50),
            "p99_ms": at(99),
            "build": build,
        })
    );
    println!(
        "{}",
        serde_json::json!({
            "figure": "memory_per_live_agent_session",
            "value": (grown as f64 / f64::from(sessions) * 10.0).round() / 10.0,
            "unit": "KiB",
            "sessions": sessions,
            "build": build,
        })
    );
}

/// Resident memory of a process, in KiB.
fn resident(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("how much is resident");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
