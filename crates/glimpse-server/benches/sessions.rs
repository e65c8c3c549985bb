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

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use glimpse_server::KeyFile;
use glimpse_server::test_server::ScratchFolder;
use glimpse_wire::encode;
use glimpse_wire::mailbox::ToServer;
use tokio_tungstenite::tungstenite::Message;

use crate::actors::{Http, Phone, unit};

/// The real program: figures of a process that also holds the clients would say nothing.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// What one machine that plays everybody must be allowed.
const ROOM: [&str; 6] = [
    "limits.requests_per_address=10000000",
    "limits.connections_per_address=10000",
    "limits.claims_per_address=100000",
    "limits.sessions_per_account=5000",
    "limits.mailboxes_per_account=5000",
    "limits.mailboxes_per_account_minute=100000",
];

#[tokio::main]
async fn main() {
    let sessions = if std::env::args().any(|argument| argument == "--quick") { 200 } else { 1_000 };
    let folder = ScratchFolder::new().expect("a folder");
    let key = folder.path().join("key");
    KeyFile::generate(&key).expect("a key file");
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_glimpse-server"));
    serve.args(["serve", "--listen", &address.to_string(), "--set", "log_level=warn"]);
    serve.args(ROOM.iter().flat_map(|setting| ["--set", setting]));
    serve.arg("--data").arg(folder.path().join("data")).arg("--key-file").arg(&key);
    let server = Server(serve.spawn().expect("the server starts"));
    let http = Http { client: http::client(), url: format!("http://{address}"), token: None };
    while http.client.get(format!("{}/readyz", http.url)).send().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let phone = Phone::found(http).await;
    let mut sockets = Vec::new();
    // The first sessions fill caches and pools that others share.
    let mut before = 0;
    for number in 0..sessions + sessions / 10 {
        if number == sessions / 10 {
            before = resident(&server.0);
        }
        if number % 100 == 0 {
            eprintln!("  {number} sessions");
        }
        let (_, listed) = unit();
        let visit = phone.lend(vec![listed], |_| {}).await;
        for token in [visit.device_token, visit.viewer_token] {
            let url = format!("ws://{address}/v1/mailboxes/{}/socket", visit.mailbox);
            let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
            let join = Message::Binary(encode(&ToServer::Join { token, received: 0 }).into());
            socket.send(join).await.expect("sent");
            socket.next().await.expect("an answer").expect("joined");
            sockets.push(socket);
        }
    }
    let grown = resident(&server.0) - before;
    let mib = grown as f64 / 1024.0 * 1_000.0 / f64::from(sessions);
    println!(
        "{}",
        serde_json::json!({
            "figure": "memory_per_1000_live_sessions",
            "value": (mib * 10.0).round() / 10.0,
            "unit": "MiB",
            "sessions": sessions,
            "sockets": sockets.len(),
            "before_mib": before / 1024,
            "build": if cfg!(debug_assertions) { "dev" } else { "bench (release)" },
        })
    );
}

/// Resident memory of a process, in KiB.
fn resident(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("how much is resident");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
