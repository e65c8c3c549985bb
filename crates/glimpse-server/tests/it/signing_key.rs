//! A server that lost the key by which it signs what it destroyed, or was given another one.

use glimpse_server::test_server::{ScratchFolder, TestServer};
use glimpse_server::{Settings, SigningKeyError, StartError};
use glimpse_wire::api::Info;
use glimpse_wire::ids::SigningKeyBytes;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::actors::Http;
use crate::backup::backed_up;

async fn signs_with(server: &TestServer) -> SigningKeyBytes {
    Http::to(server).get("/v1/info").await.json::<Info>().signing_key
}

fn file(server: &TestServer) -> PathBuf {
    server.data().join("signing-key")
}

fn settings(server: &TestServer) -> Settings {
    Settings { data: server.data().to_owned(), key_file: server.folder().join("glimpse.key"), ..Settings::default() }
}

fn run(server: &TestServer, act: &str) -> Output {
    // An address that is taken: whatever would serve ends as well, and says something else.
    let taken = TcpListener::bind("127.0.0.1:0").and_then(|taken| Ok((taken.local_addr()?, taken))).expect("a port");
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse-server"));
    command.args([act, "--listen", &taken.0.to_string(), "--data"]).arg(server.data());
    command.arg("--key-file").arg(server.folder().join("glimpse.key"));
    command.env_clear().output().expect("runs")
}

#[tokio::test]
async fn a_server_without_the_signing_key_that_it_is_known_by_does_not_start() {
    let mut server = TestServer::start().await;
    let known = signs_with(&server).await;
    server.stop().await;
    // Control: nothing but the key decides.
    server.resume().await.expect("starts");
    assert_eq!(signs_with(&server).await, known);
    server.stop().await;

    let own = std::fs::read_to_string(file(&server)).expect("a key");
    std::fs::remove_file(file(&server)).expect("lost");
    let Err(StartError::Signing(SigningKeyError::Missing { known: by })) = server.resume().await else {
        panic!("it started")
    };
    assert_eq!(by, known);
    assert!(!file(&server).exists(), "none is made");

    std::fs::write(file(&server), "5a".repeat(32)).expect("another");
    std::fs::set_permissions(file(&server), std::fs::Permissions::from_mode(0o600)).expect("chmod");
    let Err(StartError::Signing(SigningKeyError::Other { known: by, found })) = server.resume().await else {
        panic!("it started")
    };
    assert_eq!(by, known);
    assert_ne!(found, known);

    // The right file is enough.
    std::fs::write(file(&server), &own).expect("put back");
    server.resume().await.expect("starts");
    assert_eq!(signs_with(&server).await, known);
}

#[tokio::test]
async fn a_restored_server_waits_for_its_signing_key() {
    let mut server = TestServer::start().await;
    let known = signs_with(&server).await;
    let copies = ScratchFolder::new().expect("a folder");
    let made = backed_up(&server, copies.path()).await;
    let away = copies.path().join("signing-key");
    std::fs::copy(file(&server), &away).expect("kept apart");
    server.stop().await;
    std::fs::remove_dir_all(server.data()).expect("lost");
    glimpse_server::restore(&settings(&server), &made.main, &made.shares).await.expect("restored");

    assert!(matches!(server.resume().await, Err(StartError::Signing(SigningKeyError::Missing { .. }))));
    std::fs::copy(&away, file(&server)).expect("put back");
    server.resume().await.expect("starts");
    assert_eq!(signs_with(&server).await, known);
}

#[tokio::test]
async fn an_operator_accepts_another_signing_key_by_a_command_of_its_own() {
    let mut server = TestServer::start().await;
    let known = signs_with(&server).await;
    server.stop().await;
    // One that is there and known is kept.
    let same = run(&server, "accept-signing-key");
    assert!(same.status.success());
    assert!(String::from_utf8_lossy(&same.stdout).starts_with("nothing changed"), "{same:?}");

    std::fs::remove_file(file(&server)).expect("lost");
    let refused = run(&server, "serve");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(told.contains("alarm") && told.contains("glimpse-server accept-signing-key"), "{told}");
    assert!(told.contains(&known.to_string()), "{told}");

    let accepted = run(&server, "accept-signing-key");
    assert!(accepted.status.success(), "{accepted:?}");
    assert!(String::from_utf8_lossy(&accepted.stderr).contains("alarm"), "{accepted:?}");
    assert!(String::from_utf8_lossy(&accepted.stdout).contains(&known.to_string()), "{accepted:?}");
    assert_eq!(std::fs::metadata(file(&server)).expect("made").permissions().mode() & 0o777, 0o600);
    server.resume().await.expect("starts");
    let new = signs_with(&server).await;
    assert_ne!(new, known);
    // And stands from then on.
    server.stop().await;
    server.resume().await.expect("starts");
    assert_eq!(signs_with(&server).await, new);
}
