//! The figure behind `cargo xtask bench` that needs the server alone: memory for each 1,000 sessions that are live, with
//! both ends of each connected. The actors of the tests lend; nothing is sealed.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints a figure, and fails where it cannot"
)]
#![expect(dead_code, reason = "the actors can do more than is measured")]

#[path = "../tests/it/actors.rs"]
mod actors;
#[path = "../tests/it/http.rs"]
mod http;
mod program;

use crate::actors::{Phone, unit};
use crate::program::{BUILD, Program};

#[tokio::main]
async fn main() {
    let sessions = if std::env::args().any(|argument| argument == "--quick") { 200 } else { 1_000 };
    let (program, http) = Program::start(|_| Vec::new()).await;
    let phone = Phone::found(http).await;
    // The first sessions fill caches and pools that others share.
    let mut before = 0;
    for number in 0..sessions + sessions / 10 {
        if number == sessions / 10 {
            before = program.resident();
        }
        if number % 100 == 0 {
            eprintln!("  {number} sessions");
        }
        let (_, listed) = unit();
        let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(3_600_000)).await;
        program.connect(&visit).await;
    }
    let grown = program.resident() - before;
    let mib = grown as f64 / 1024.0 * 1_000.0 / f64::from(sessions);
    println!(
        "{}",
        serde_json::json!({
            "figure": "memory_per_1000_live_sessions",
            "value": (mib * 10.0).round() / 10.0,
            "unit": "MiB",
            "sessions": sessions,
            "sockets": 2 * (sessions + sessions / 10),
            "before_mib": before / 1024,
            "build": BUILD,
        })
    );
}
