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

/// Whether this is the module of that program: `web`, `phone`, or `portal`.
pub(crate) fn is_wasm(path: &str, program: &str) -> bool {
    path.contains(&format!("/glimpse-{program}_bg-")) && path.ends_with(".wasm")
}

/// Serves another wasm for a program; with `pinned` the page pins what its builder published, without it what is served.
pub(crate) async fn swapping(server: &Server, program: &'static str, pinned: bool) -> Result<Proxy> {
    let wasm = Rebuilt::new(&format!("glimpse-{program}_bg-"), |wasm| another(&wasm))?;
    altered(server, move |asked, mut answer| {
        if !pinned || is_wasm(&asked.path, program) {
            wasm.put(asked, &mut answer);
        }
        Some(answer)
    })
    .await
}

async fn t078_another_wasm_that_would_run_is_refused(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    let proxy = swapping(&server, "web", true).await?;
    browser.go(&proxy.url()).await?;
    browser.screen("refused").await?;
    browser.reads("This page is not what its builder published.").await?;
    assert!(proxy.exchanges().iter().any(|(asked, _)| is_wasm(&asked.path, "web")), "it was asked for");

    // Control: where nothing pins the other module, it runs.
    let proxy = swapping(&server, "web", false).await?;
    browser.go(&proxy.url()).await?;
    browser.screen("enter").await?;
    let served = proxy.exchanges();
    let (_, answer) = served.iter().find(|(asked, _)| is_wasm(&asked.path, "web")).context("no wasm was asked for")?;
    assert!(answer.body.ends_with(b"swapped"), "control: and it was the other one");
    Ok(())
}
