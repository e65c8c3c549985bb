//! Another wasm in the place of the page's own: row 78.

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use base64ct::{Base64, Encoding as _};
use e2e::browser::Browser;
use e2e::program::dist;
use e2e::proxy::Proxy;
use e2e::server::Server;
use sha2::{Digest as _, Sha384};

use crate::altered::{altered, edit_html, edit_policy, is_page};

/// The same module with a section more, which every engine reads over: valid, and it runs as the other does.
fn another(wasm: &[u8]) -> Vec<u8> {
    [wasm, &[0, 8, 7], b"swapped"].concat()
}

fn is_wasm(path: &str) -> bool {
    path.contains("/glimpse-web_bg-") && path.ends_with(".wasm")
}

/// Serves another wasm; with `pinned` the page pins what its builder published, without it what is served.
async fn swapping(server: &Server, pinned: bool) -> Result<Proxy> {
    let files = std::fs::read_dir(dist()?.join("assets"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let wasm = files.into_iter().find(|path| is_wasm(&path.display().to_string())).context("no wasm")?;
    let wasm = std::fs::read(wasm)?;
    let hash = |bytes: &[u8]| format!("sha384-{}", Base64::encode_string(&Sha384::digest(bytes)));
    let (before, after) = (hash(&wasm), hash(&another(&wasm)));
    altered(server, move |asked, mut answer| {
        if is_wasm(&asked.path) && answer.status == StatusCode::OK {
            answer.body = another(&answer.body);
        }
        if is_page(asked) && !pinned {
            edit_policy(&mut answer, |policy| policy.replace(&before, &after));
            edit_html(&mut answer, |html| html.replace(&before, &after));
        }
        Some(answer)
    })
    .await
}

#[tokio::test]
async fn t078_another_wasm_that_would_run_is_refused() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let proxy = swapping(&server, true).await?;
    browser.go(&proxy.url()).await?;
    browser.screen("refused").await?;
    browser.reads("This page is not what its builder published.").await?;
    assert!(proxy.exchanges().iter().any(|(asked, _)| is_wasm(&asked.path)), "it was asked for");

    // Control: where nothing pins the other module, it runs.
    let proxy = swapping(&server, false).await?;
    browser.go(&proxy.url()).await?;
    browser.screen("enter").await?;
    let served = proxy.exchanges();
    let (_, answer) = served.iter().find(|(asked, _)| is_wasm(&asked.path)).context("no wasm was asked for")?;
    assert!(answer.body.ends_with(b"swapped"), "control: and it was the other one");
    Ok(())
}
