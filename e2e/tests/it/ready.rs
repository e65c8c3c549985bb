//! The page as it arrives.

use anyhow::{Context as _, Result};
use e2e::browser::{Browser, Kind};
use e2e::server::Server;
use serde_json::json;

in_both!(the_page_is_ready_under_its_strict_headers,);

async fn the_page_is_ready_under_its_strict_headers(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(browser.run("return crossOriginIsolated").await?, json!(true));
    assert_eq!(browser.run("return document.getElementById('stuck')").await?, json!(null), "boot removed the fallback");

    let answer = reqwest::get(server.url()).await?;
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).context(name.to_owned());
    assert_eq!(header("cross-origin-opener-policy")?, "same-origin");
    assert_eq!(header("cross-origin-embedder-policy")?, "require-corp");
    assert_eq!(header("cross-origin-resource-policy")?, "same-origin");
    assert_eq!(header("referrer-policy")?, "no-referrer");
    assert_eq!(header("x-content-type-options")?, "nosniff");
    assert_eq!(header("cache-control")?, "no-store");
    let policy = header("content-security-policy")?;
    for part in [
        "default-src 'none'",
        "'wasm-unsafe-eval'",
        "worker-src blob:",
        "connect-src 'self';",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types glimpse-worker",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    for loose in ["'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'", "http:", "https:", "*"] {
        assert!(!policy.contains(loose), "{loose} in {policy}");
    }
    assert!(browser.console().await?.is_empty(), "nothing on the console: {:?}", browser.console().await?);
    Ok(())
}
