//! What is left of a session in the server's files once it is over.

use glimpse_server::ManualClock;
use glimpse_server::test_server::TestServer;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::actors::*;

/// Files under `folder` that hold `needle`, for tests of what is left behind.
pub(crate) fn files_with(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if std::fs::read(&path).expect("a file").windows(needle.len()).any(|window| window == needle) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn t102_the_servers_own_timer_sweeps_without_being_asked() {
    let clock = Arc::new(ManualClock::at_wall());
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let phone = Phone::new(&server).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(60_000)).await;
    let (share, content) = phone.seal_unit(&visit, id, 100_000).await;
    assert_eq!(opened(&visit.open(id, 1).await).share, share.share);
    let left = || files_with(server.data(), &content[..48]);

    // Control: a second before its end the timer leaves it alone, round after round.
    clock.advance(Duration::from_secs(59));
    let mut rounds = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..30 {
        rounds.tick().await;
        assert!(!left().is_empty(), "control: it is there until its end");
    }
    clock.advance(Duration::from_secs(2));
    let swept = async {
        while !left().is_empty() {
            rounds.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), swept).await.expect("the timer sweeps");
}

#[tokio::test]
async fn t102_after_expiry_no_file_holds_the_session() {
    let clock = Arc::new(ManualClock::at_wall());
    let mut server = TestServer::start_with(clock.clone(), |_| {}).await;
    let mut phone = Phone::new(&server).await;
    let mut lend = async |server: &TestServer| {
        phone.http.url = server.url();
        let (id, listed) = unit();
        let visit = phone.lend(vec![listed], |terms| terms.expires = terms.issued.plus(60_000)).await;
        let (share, content) = phone.seal_unit(&visit, id, 100_000).await;
        assert_eq!(opened(&visit.open(id, 1).await).share, share.share);
        content[..48].to_vec()
    };
    let r_of = async |server: &TestServer| {
        let file = server.data().join("sessions.db");
        let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}?mode=ro", file.display())).await.expect("opens");
        let r: Vec<u8> = sqlx::query_scalar("SELECT r FROM unit_shares").fetch_one(&pool).await.expect("one r");
        pool.close().await;
        r
    };

    // Swept while the server runs. Before that, as the control, both are found.
    let content = lend(&server).await;
    let r = r_of(&server).await;
    assert!(!files_with(server.data(), &content).is_empty() && !files_with(server.data(), &r).is_empty());
    clock.advance(Duration::from_secs(61));
    server.running().sweep().await.expect("swept");
    assert_eq!((files_with(server.data(), &content), files_with(server.data(), &r)), (vec![], vec![]));

    // Left by a server that was killed, and swept at the next start, before anything is served.
    let content = lend(&server).await;
    let r = r_of(&server).await;
    server.kill();
    clock.advance(Duration::from_secs(61));
    assert!(!files_with(server.data(), &content).is_empty() && !files_with(server.data(), &r).is_empty());
    server.resume().await.expect("starts");
    assert_eq!((files_with(server.data(), &content), files_with(server.data(), &r)), (vec![], vec![]));
}
