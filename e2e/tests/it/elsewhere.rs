//! The page on another origin than the API: then who serves the code is not who holds the data.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use e2e::browser::{Browser, Kind};
use e2e::device::Device;
use e2e::program::root;
use e2e::proxy::{Answer, Asked, Proxy, Tamper};
use e2e::server::{Server, free_port};
use tokio::process::Command;

in_both!(a_page_on_a_plain_static_host_talks_to_a_server_that_lists_its_origin,);

/// A plain static host: it knows files and their types, and sends no header of its own.
struct PlainHost(HashMap<String, (&'static str, Vec<u8>)>);

impl PlainHost {
    /// Serves a page that talks to `server`, as `GLIMPSE_PAGE_SERVER=… trunk build` makes it.
    async fn new(server: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let into = folder.path().display().to_string();
        let built = Command::new("cargo")
            .args([
                "run",
                "--quiet",
                "--locked",
                "--package",
                "xtask",
                "--",
                "page",
                "--server",
                server,
                "--into",
                &into,
            ])
            .current_dir(root()?)
            .output()
            .await?;
        ensure!(built.status.success(), "cargo xtask page: {}", String::from_utf8_lossy(&built.stderr));
        let mut files = HashMap::new();
        read(folder.path(), "", &mut files)?;
        Ok(Self(files))
    }
}

fn read(folder: &Path, prefix: &str, into: &mut HashMap<String, (&'static str, Vec<u8>)>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = format!("{prefix}/{}", path.file_name().context("a name")?.to_string_lossy());
        if path.is_dir() {
            read(&path, &name, into)?;
            continue;
        }
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("html") => "text/html",
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("wasm") => "application/wasm",
            Some("svg") => "image/svg+xml",
            _ => "application/json",
        };
        into.insert(name, (kind, std::fs::read(&path)?));
    }
    Ok(())
}

impl Tamper for PlainHost {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        let path = if asked.path == "/" { "/index.html" } else { &asked.path };
        Some(match self.0.get(path) {
            Some((kind, body)) => Answer::own(StatusCode::OK, kind, body.clone()),
            None => Answer::own(StatusCode::NOT_FOUND, "text/plain", ""),
        })
    }
}

async fn a_page_on_a_plain_static_host_talks_to_a_server_that_lists_its_origin(kind: Kind) -> Result<()> {
    let port = free_port()?;
    let server = Server::with(&["--allow-origins", &format!("http://127.0.0.1:{port}")]).await?;
    let files: Arc<dyn Tamper> = Arc::new(PlainHost::new(&server.url()).await?);
    let host = Proxy::start(port, "http://127.0.0.1:1", Arc::clone(&files)).await?;
    let device = Device::create(&server.url()).await?;
    device.add_bytes("note.txt", "Take the blue pills at seven.").await?;
    let browser = Browser::start(kind).await?;
    let mut lending = device.lend(&["--everything"]).await?;
    browser.enter(&host.url(), &lending.code).await?;
    let words = browser.words().await?;
    lending.approve(&words).await?;
    browser.open("note").await?;
    browser.reads("Take the blue pills at seven.").await?;
    lending.end().await?;
    browser.reason().await?;
    let own = |(asked, _): (Asked, Answer)| !asked.path.starts_with("/v1/");
    assert!(host.exchanges().into_iter().all(own), "the host of the page saw nothing of the API");

    // Control: from an origin that the server does not list, the same page gets no answer.
    let stranger = Proxy::start(0, "http://127.0.0.1:1", files).await?;
    let lending = device.lend(&["--everything"]).await?;
    browser.enter(&stranger.url(), &lending.code).await?;
    assert!(browser.failure().await?.contains("The server cannot be reached."));
    Ok(())
}
