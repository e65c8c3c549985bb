use glimpse_server::test_server::{ScratchFolder, TestServer};
use glimpse_server::{KeyFile, SystemClock};
use reqwest::{Method, StatusCode};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::actors::{Http, Phone, opened, unit};

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
        phone.http.client = crate::http::client();
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
    phone.http.client = crate::http::client();
    let new = phone.add(10).await;
    assert_eq!((old.share.kid, new.share.kid), (1, 2));
    assert_eq!(phone.release(&old).await.json::<glimpse_wire::api::Share>(), old.share);
}

/// A client that trusts one certificate and offers these protocols.
async fn tls_client(
    server: &TestServer,
    cert: &rcgen::Certificate,
    alpn: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let address = server.url().replace("https://", "");
    let stream = TcpStream::connect(address).await.expect("connects");
    let name = "localhost".try_into().expect("a name");
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
}

#[tokio::test]
async fn tls_with_http_1_and_http_2() {
    let folder = ScratchFolder::new().expect("a folder");
    let (rcgen::CertifiedKey { cert, .. }, [cert_file, key_file]) = self_signed(&folder, "own");
    let server = TestServer::start_with(Arc::new(SystemClock::new()), |settings| {
        settings.tls_cert = Some(cert_file);
        settings.tls_key = Some(key_file);
    })
    .await;

    let mut stream = tls_client(&server, &cert, b"http/1.1").await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("strict-transport-security"), "{answer}");
    let h2 = tls_client(&server, &cert, b"h2").await;
    assert_eq!(h2.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    // Plain text on the same port is no answer at all.
    let mut plain = TcpStream::connect(server.url().replace("https://", "")).await.expect("connects");
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

/// A certificate for `localhost`, and the files that it and its key lie in.
fn self_signed(folder: &ScratchFolder, name: &str) -> (rcgen::CertifiedKey<rcgen::KeyPair>, [std::path::PathBuf; 2]) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let files = ["cert", "key"].map(|kind| folder.path().join(format!("{name}.{kind}.pem")));
    std::fs::write(&files[0], certified.cert.pem()).expect("written");
    std::fs::write(&files[1], certified.signing_key.serialize_pem()).expect("written");
    (certified, files)
}

/// Whether the health check succeeds, and what it says.
async fn check_health(args: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse-server"));
    command.arg("healthcheck").args(args).envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ends");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn a_health_check_over_tls_asks_whether_the_server_is_ready() {
    let folder = ScratchFolder::new().expect("a folder");
    let (certified, [cert, key]) = self_signed(&folder, "own");
    let (_, [other_cert, other_key]) = self_signed(&folder, "other");
    let server = TestServer::start_with(Arc::new(SystemClock::new()), |settings| {
        (settings.tls_cert, settings.tls_key) = (Some(cert.clone()), Some(key.clone()));
    })
    .await;
    let text = |path: &std::path::Path| path.to_str().expect("a name").to_owned();
    let check = async |address: &str, cert: &std::path::Path, key: &std::path::Path| {
        let (cert, key) = (text(cert), text(key));
        check_health(&["--listen", address, "--tls-cert", &cert, "--tls-key", &key], &[]).await
    };
    let address = server.url().replace("https://", "");
    assert_eq!(check(&address, &cert, &key).await, (true, String::new()));
    let (healthy, why) = check(&address, &other_cert, &other_key).await;
    assert!(!healthy && why.contains("another certificate"), "{why}");
    assert!(!check_health(&["--listen", &address], &[]).await.0, "nor in plain text");

    // Somebody who accepts TLS with this certificate, and is not ready.
    let pair = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certified.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key"),
        )
        .expect("a pair");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(pair));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let answers = tokio::spawn(async move {
        for answer in ["503 Service Unavailable", "200 OK"] {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = acceptor.accept(stream).await.expect("a handshake");
            let mut request = [0u8; 1024];
            let length = stream.read(&mut request).await.expect("a request");
            assert!(request[..length].starts_with(b"GET /readyz "));
            stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.expect("sent");
            stream.shutdown().await.expect("closed");
        }
    });
    let (healthy, why) = check(&address, &cert, &key).await;
    assert!(!healthy && why.contains("not ready"), "{why}");
    assert!(check(&address, &cert, &key).await.0, "control: the same one, when it is ready");
    answers.await.expect("asked twice");
}

#[tokio::test]
async fn a_flag_beats_the_environment_which_beats_the_file() {
    let server = TestServer::start().await;
    let there = server.url().replace("http://", "");
    // An address at which nobody listens.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let config = server.folder().join("glimpse.toml");
    let path = config.to_str().expect("a name").to_owned();
    for (file, environment, flag, found) in [
        (&there, None, None, true),
        (&nobody, None, None, false),
        (&there, Some(&nobody), None, false),
        (&nobody, Some(&there), None, true),
        (&nobody, Some(&nobody), Some(&there), true),
        (&there, Some(&there), Some(&nobody), false),
    ] {
        std::fs::write(&config, format!("listen = \"{file}\"\n[limits]\npage = 7\n")).expect("written");
        let environment: Vec<_> = environment.map(|address| ("GLIMPSE_LISTEN", address.as_str())).into_iter().collect();
        let flag: Vec<_> = flag.into_iter().flat_map(|address| ["--listen", address.as_str()]).collect();
        let (healthy, why) = check_health(&[&["--config", &path], flag.as_slice()].concat(), &environment).await;
        assert_eq!(healthy, found, "file {file}, environment {environment:?}, flag {flag:?}: {why}");
    }
    for (text, why) in [("listen = 8080\n", "do not make sense"), ("lisen = \"127.0.0.1:1\"\n", "lisen")] {
        std::fs::write(&config, text).expect("written");
        let (healthy, said) = check_health(&["--config", &path], &[]).await;
        assert!(!healthy && said.contains(why), "{said}");
    }
    let (_, said) = check_health(&["--config", "/nowhere/glimpse.toml"], &[]).await;
    assert!(said.contains("/nowhere/glimpse.toml"), "{said}");
}

/// A process that does not outlive its test.
pub(crate) struct Running(pub(crate) std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_checks_its_settings_makes_a_key_serves_logs_no_user_data_and_drains() {
    let program = env!("CARGO_BIN_EXE_glimpse-server");
    let folder = ScratchFolder::new().expect("a folder");
    let (data, key) = (folder.path().join("data"), folder.path().join("k"));
    let run = |act: &str, more: &[&str]| {
        let mut command = Command::new(program);
        command.arg(act).arg("--data").arg(&data).arg("--key-file").arg(&key).args(more);
        command
    };
    let no_key = run("check-config", &[]).output().expect("runs");
    assert!(!no_key.status.success() && String::from_utf8_lossy(&no_key.stderr).contains("keygen"), "says what to do");
    assert!(Command::new(program).arg("keygen").arg(&key).status().expect("runs").success());
    assert!(run("check-config", &[]).status().expect("runs").success());
    assert!(run("migrate", &[]).status().expect("runs").success());
    assert!(!run("check-config", &["--listen", "0.0.0.0:80"]).status().expect("runs").success(), "no public origin");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    assert!(!run("healthcheck", &["--listen", &address]).status().expect("runs").success(), "nobody is there");
    let log = folder.path().join("log");
    let serve = ["--listen", &address, "--set", "log_level=trace"];
    let stderr = std::fs::File::create(&log).expect("a file");
    let mut child = Running(run("serve", &serve).stderr(stderr).spawn().expect("starts"));
    while !run("healthcheck", &["--listen", &address]).status().expect("runs").success() {
        tokio::task::yield_now().await;
    }
    let http = Http { client: crate::http::client(), url: format!("http://{address}"), token: None };
    let phone = Phone::found(http).await;
    let version = phone.add(100).await;
    phone.release(&version).await.ok();
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    opened(&visit.open(id, 1).await);

    let pid = child.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("runs").success());
    assert!(child.0.wait().expect("ends").success(), "drains and exits with success");
    let text = std::fs::read_to_string(&log).expect("a log");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert!(lines.iter().any(|line| line["route"] == "/v1/sessions/{session}/open" && line["status"] == 200));
    let header = version.envelope.header;
    for secret in [
        phone.account.to_string(),
        phone.device.to_string(),
        header.record.to_string(),
        header.h0().to_string(),
        visit.session.to_string(),
        visit.mailbox.to_string(),
        id.to_string(),
        phone.http.token.expect("signed in").to_string(),
        visit.viewer_token.to_string(),
        version.share.share.to_string(),
    ] {
        assert!(!text.contains(&secret), "the log holds {secret}");
    }
}
