//! Another wasm in the place of the page's own: row 78.

use anyhow::{Context as _, Result};
use e2e::browser::{Browser, Kind};
use e2e::proxy::Proxy;
use e2e::server::Server;

use crate::altered::{Rebuilt, altered};

in_both!(t078_another_wasm_that_would_run_is_refused,);

/// The same module with a section more, which every engine reads over: valid, and it runs as the other does.
fn another(wasm: &[u8]) -> Vec<u8> {
    [wasm, &[0, 8, 7], b"swapped"].concat()
}

fn is_wasm(path: &str) -> bool {
    path.contains("/glimpse-web_bg-") && path.ends_with(".wasm")
}

/// Serves another wasm; with `pinned` the page pins what its builder published, without it what is served.
async fn swapping(server: &Server, pinned: bool) -> Result<Proxy> {
    let wasm = Rebuilt::new("glimpse-web_bg-", |wasm| another(&wasm))?;
    altered(server, move |asked, mut answer| {
        if !pinned || is_wasm(&asked.path) {
            wasm.put(asked, &mut answer);
        }
        Some(answer)
    })
    .await
}

async fn t078_another_wasm_that_would_run_is_refused(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
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
