use glimpse_server::test_server::TestServer;
use glimpse_server::{KeyFile, SystemClock};
use reqwest::{Method, StatusCode};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use crate::actors::{Http, Phone};

#[tokio::test]
async fn health_readiness_headers_and_metrics() {
    let server = TestServer::start_with(Arc::new(SystemClock::new()), |settings| {
        settings.metrics_listen = Some(([127, 0, 0, 1], 0).into());
    })
    .await;
    let http = Http::to(&server);
    assert_eq!(http.get("/healthz").await.body, b"ok\n");
    let ready = http.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(ready.headers[name], value);
    }
    let ids = [ready.headers["x-request-id"].clone(), http.get("/readyz").await.headers["x-request-id"].clone()];
    assert_ne!(ids[0], ids[1]);

    let phone = Phone::new(&server).await;
    let version = phone.add(10).await;
    assert_eq!(http.get("/metrics").await.status, StatusCode::NOT_FOUND, "not on the public address");
    let metrics = http.client.get(server.metrics_url().expect("asked for")).send().await.expect("an answer");
    let text = metrics.text().await.expect("text");
    assert!(text.contains("glimpse_shares_minted_total 1"), "{text}");
    assert!(text.contains("/v1/contents/{h0}"));
    for id in [phone.account.to_string(), version.envelope.header.h0().to_string(), "127.0.0.1".to_owned()] {
        assert!(!text.contains(&id), "a metric holds {id}");
    }
}

#[tokio::test]
async fn a_page_on_a_listed_origin_may_call_and_no_other() {
    let server = TestServer::start_with(Arc::new(SystemClock::new()), |settings| {
        settings.allow_origins = vec!["https://look.example".to_owned()];
    })
    .await;
    let http = Http::to(&server);
    let preflight = async |origin: &str| {
        let request = http.request(Method::OPTIONS, "/v1/claims").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        http.send(request.header("access-control-request-headers", "content-type")).await.headers
    };
    assert_eq!(preflight("https://look.example").await["access-control-allow-origin"], "https://look.example");
    assert!(preflight("https://evil.example").await.get("access-control-allow-origin").is_none());
    let problem = http.send(http.request(Method::GET, "/v1/account").header("origin", "https://look.example")).await;
    assert_eq!(problem.headers["access-control-allow-origin"], "https://look.example", "the page can read problems");
}

#[tokio::test]
async fn records_and_sign_ins_survive_a_restart_and_a_crash() {
    let mut server = TestServer::start().await;
    let mut phone = Phone::new(&server).await;
    let version = phone.add(100_000).await;
    for crash in [false, true] {
        if crash {
            server.kill()
        } else {
            server.stop().await
        }
        assert!(phone.http.client.get(phone.http.url.clone()).send().await.is_err(), "nobody answers");
        server.resume().await.expect("starts");
        phone.http.client = reqwest::Client::new();
        assert_eq!(phone.list(0).await.changes.len(), 1);
        let path = format!("/v1/contents/{}", version.envelope.header.h0());
        assert_eq!(phone.http.get(&path).await.body, version.content);
        assert_eq!(phone.release(&version).await.json::<glimpse_wire::api::Share>(), version.share);
    }
}

#[tokio::test]
async fn the_server_refuses_to_start_without_its_key() {
    let mut server = TestServer::start().await;
    server.stop().await;
    let key = server.folder().join("glimpse.key");
    let away = server.folder().join("away.key");
    std::fs::rename(&key, &away).expect("moved");
    assert!(server.resume().await.is_err(), "no key file");
    std::fs::rename(&away, &key).expect("moved back");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    assert!(server.resume().await.is_err(), "readable by others");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    server.resume().await.expect("control: starts");
}

#[tokio::test]
async fn rotation_keeps_old_records_and_uses_the_new_key() {
    let mut server = TestServer::start().await;
    let mut phone = Phone::new(&server).await;
    let old = phone.add(10).await;
    server.stop().await;
    let key = server.folder().join("glimpse.key");
    let before = std::fs::read_to_string(&key).expect("a key file");
    std::fs::write(&key, format!("2 {}\n{before}", "5a".repeat(32))).expect("rotated");
    assert!(KeyFile::read(&key, server.data()).is_ok());
    server.resume().await.expect("starts");
    phone.http.client = reqwest::Client::new();
    let new = phone.add(10).await;
    assert_eq!((old.share.kid, new.share.kid), (1, 2));
    assert_eq!(phone.release(&old).await.json::<glimpse_wire::api::Share>(), old.share);
}
