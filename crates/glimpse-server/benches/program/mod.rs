//! The real program in a process of its own, which the figures are of: those of a process that also holds the clients would
//! say nothing.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use glimpse_server::KeyFile;
use glimpse_server::test_server::ScratchFolder;
use glimpse_wire::encode;
use glimpse_wire::mailbox::ToServer;
use tokio_tungstenite::tungstenite::Message;

use crate::actors::{Http, Visit};
use crate::http;

/// How what is measured was built.
pub(crate) const BUILD: &str = if cfg!(debug_assertions) { "dev" } else { "bench (release)" };

/// What one machine that plays everybody must be allowed. What limits one agent and one session stays as it is.
const ROOM: [&str; 10] = [
    "limits.requests_per_address=10000000",
    "limits.connections_per_address=10000",
    "limits.claims_per_address=100000",
    "limits.sessions_per_account=5000",
    "limits.mailboxes_per_account=5000",
    "limits.mailboxes_per_account_minute=100000",
    "limits.mints_per_signer=100000",
    "limits.organisation_requests_per_address=100000",
    "limits.agent_enrolments_per_address=100000",
    "limits.agent_sign_ins_per_address=100000",
];

/// A server that runs until this is dropped.
pub(crate) struct Program {
    child: Child,
    address: SocketAddr,
    /// Of its data and its key; removed with this.
    _folder: ScratchFolder,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Program {
    /// Starts it, with more settings than the room that all figures need: they are told the address before.
    pub(crate) async fn start(more: impl FnOnce(&Http) -> Vec<String>) -> (Self, Http) {
        let folder = ScratchFolder::new().expect("a folder");
        let key = folder.path().join("key");
        KeyFile::generate(&key).expect("a key file");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let http = Http { client: http::client(), url: format!("http://{address}"), token: None };
        let mut serve = Command::new(env!("CARGO_BIN_EXE_glimpse-server"));
        serve.args(["serve", "--listen", &address.to_string(), "--set", "log_level=warn"]);
        serve.args(ROOM.iter().flat_map(|setting| ["--set", setting]));
        serve.args(more(&http).iter().flat_map(|setting| ["--set", setting.as_str()]));
        serve.arg("--data").arg(folder.path().join("data")).arg("--key-file").arg(&key);
        let mut program = Self { child: serve.spawn().expect("the server starts"), address, _folder: folder };
        while http.client.get(format!("{}/readyz", http.url)).send().await.is_err() {
            assert!(program.child.try_wait().expect("asked").is_none(), "the server did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (program, http)
    }

    /// Connects both ends of a session, and keeps them connected: what is said to them is taken.
    pub(crate) async fn connect(&self, visit: &Visit) {
        for token in [visit.device_token, visit.viewer_token] {
            let url = format!("ws://{}/v1/mailboxes/{}/socket", self.address, visit.mailbox);
            let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
            let join = Message::Binary(encode(&ToServer::Join { token, received: 0 }).into());
            socket.send(join).await.expect("sent");
            socket.next().await.expect("an answer").expect("joined");
            tokio::spawn(async move { while socket.next().await.is_some_and(|said| said.is_ok()) {} });
        }
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux tells");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("how much is resident");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}
