//! The page in the hands of whoever serves it, and in the hands of script that got in: rows 76 to 81, 83 and 88.

use anyhow::{Context as _, Result};
use e2e::browser::{Browser, Kind};
use e2e::program::dist;
use e2e::proxy::{Answer, Proxy};
use e2e::server::Server;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::altered::{altered, edit_html, edit_policy, is_page, without_policy, without_protection};

in_both!(
    t076_a_changed_byte_in_any_file_stops_the_page,
    t076_a_screen_or_its_looks_that_were_altered_stop_the_run_that_needs_them,
    t076_control_the_same_bytes_run_where_nothing_pins_them,
    t076_a_network_failure_is_told_from_an_altered_build,
    t077_injected_script_does_not_run,
    t078_a_swapped_wasm_is_refused_by_fetch,
    t079_no_worker_starts_from_an_address,
    t080_no_service_worker_can_take_over,
    t081_strings_do_not_become_script,
    t083_the_page_cannot_be_framed_or_held_by_an_opener,
    t088_eval_stays_blocked_and_wasm_needs_its_one_permission,
);

/// What a page does without one of its files.
#[derive(Debug, PartialEq, Eq)]
enum Loss {
    /// It says that it was altered: a file that boot fetches.
    Refuses,
    /// Nothing runs, and the static text that says so appears: a module of the page.
    Stuck,
    /// It runs, and what needs the file does not: a module that is fetched later.
    Later,
    /// It runs without its looks.
    Plain,
    /// The page of the end keeps its static text.
    Ended,
}

/// Every file of the build that can do harm, and what the page does when it is altered.
fn files() -> Result<Vec<(String, Loss)>> {
    let folder = dist()?;
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("headers.json"))?)?;
    let html = std::fs::read_to_string(folder.join("index.html"))?;
    let assets = manifest.get("assets").and_then(Value::as_object).context("assets")?;
    // What the phone's pages have for themselves, a viewer never asks for.
    let ended = std::fs::read_to_string(folder.join("ended.html"))?;
    let asked = |path: &&String| html.contains(path.as_str()) || ended.contains(path.as_str());
    let loss = |path: &String| {
        let file = path.rsplit('/').next().unwrap_or_default();
        let eager = [format!("src=\"{path}\""), format!("rel=\"modulepreload\" href=\"{path}\"")];
        match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "svg" | "png" => None, // An image runs nothing, and browsers check no hash of it.
            "css" if file.starts_with("later-") => Some(Loss::Later),
            "css" => Some(Loss::Plain),
            "wasm" if file.starts_with("glimpse-reader_bg-") => Some(Loss::Later),
            "wasm" => Some(Loss::Refuses),
            "json" if path.starts_with("assets/lang/en-") => Some(Loss::Refuses),
            "json" => Some(Loss::Later),
            _ if file.starts_with("worker-") => Some(Loss::Refuses),
            _ if eager.iter().any(|tag| html.contains(tag)) => Some(Loss::Stuck),
            _ if file.starts_with("ended-") => Some(Loss::Ended),
            _ => Some(Loss::Later),
        }
    };
    Ok(assets.keys().filter(asked).filter_map(|path| Some((path.clone(), loss(path)?))).collect())
}

/// The same file with one byte more in text, or one byte changed in wasm: it would still run.
fn one_byte_off(answer: &mut Answer, path: &str) {
    match answer.body.last_mut() {
        Some(last) if path.ends_with(".wasm") => *last ^= 1,
        _ => answer.body.push(b'\n'),
    }
}

async fn with_altered_file(server: &Server, path: &str) -> Result<Proxy> {
    let path = format!("/{path}");
    altered(server, move |asked, mut answer| {
        if asked.path == path {
            one_byte_off(&mut answer, &path);
        }
        Some(answer)
    })
    .await
}

/// The browser's own word that it refused a file.
async fn refused_by_hash(browser: &Browser) -> Result<()> {
    until("the browser refuses a file for its hash", async || {
        let console = browser.console().await.ok()?;
        console.iter().any(|line| line.contains("digest") || line.contains("integrity")).then_some(())
    })
    .await
}

async fn t076_a_changed_byte_in_any_file_stops_the_page(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    let files = files()?;
    for each in [Loss::Refuses, Loss::Stuck, Loss::Later, Loss::Plain, Loss::Ended] {
        assert!(files.iter().any(|(_, loss)| *loss == each), "a file whose loss is {each:?}");
    }
    for (path, loss) in files {
        let proxy = with_altered_file(&server, &path).await?;
        browser.go(&proxy.url()).await?;
        match loss {
            Loss::Refuses => {
                browser.screen("refused").await.context(path)?;
                browser.reads("not what its builder published").await?;
            }
            Loss::Stuck => {
                refused_by_hash(&browser).await.context(path.clone())?;
                // The style sheet reveals the text after some seconds: go to the end of its animation.
                let script = "const s = document.getElementById('stuck'); s.getAnimations().forEach(a => a.finish()); \
                    return [document.documentElement.dataset.screen ?? null, getComputedStyle(s).visibility]";
                assert_eq!(browser.run(script).await?, json!([null, "visible"]), "{path}");
            }
            Loss::Later => {
                browser.screen("enter").await.context(path.clone())?;
                let script = match path.rsplit_once('.') {
                    Some((_, "json" | "wasm" | "css")) => format!(
                        "const l = [...document.querySelectorAll('link')].find(l => l.href.endsWith({0})); \
                         fetch(l.href, {{ integrity: l.dataset.integrity }}).then(() => done('ran'), e => done(e.name))",
                        json!(path)
                    ),
                    _ => format!("import({}).then(() => done('ran'), e => done(e.name))", json!(format!("/{path}"))),
                };
                assert_eq!(browser.run_async(&script).await?, "TypeError", "{path}");
            }
            Loss::Plain => {
                browser.screen("enter").await.context(path.clone())?;
                let accent = "return getComputedStyle(document.documentElement).getPropertyValue('--accent')";
                assert_eq!(browser.run(accent).await?, json!(""), "{path}");
            }
            Loss::Ended => {
                browser.go(&format!("{}/ended.html#session-revoked;en", proxy.url())).await?;
                refused_by_hash(&browser).await.context(path.clone())?;
                assert_eq!(browser.run("return document.documentElement.dataset.reason ?? null").await?, json!(null));
                browser.reads("The session is over.").await?;
            }
        }
    }
    Ok(())
}

async fn t076_a_screen_or_its_looks_that_were_altered_stop_the_run_that_needs_them(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    let files = files()?;
    for needed in ["screens/session-", "screens/wait-", "screens/list-", "later-"] {
        let (path, _) = files.iter().find(|(path, _)| path.contains(needed)).context(needed)?;
        let proxy = with_altered_file(&server, path).await?;
        browser.go(&proxy.url()).await?;
        browser.screen("enter").await?;
        // Well formed, and of no device: the run begins.
        browser.type_code("417 203 9186").await?;
        browser.screen("refused").await.context(needed)?;
        browser.reads("not what its builder published").await?;
    }
    // Control: with every screen there, the same code is looked for.
    let honest = altered(&server, |_, answer| Some(answer)).await?;
    browser.go(&honest.url()).await?;
    browser.screen("enter").await?;
    browser.type_code("417 203 9186").await?;
    assert!(browser.failure().await?.contains("No device is showing this code."));
    Ok(())
}

async fn t076_control_the_same_bytes_run_where_nothing_pins_them(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    // Unchanged bytes through the same proxy are fine.
    let honest = altered(&server, |_, answer| Some(answer)).await?;
    browser.go(&honest.url()).await?;
    browser.screen("enter").await?;

    // A page without hashes and without policy runs what it is given.
    let marked = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
            edit_html(&mut answer, |html| {
                let html = html.replace("integrity=", "data-none=");
                let map =
                    html.split_once("<script type=\"importmap\">").and_then(|(_, rest)| rest.split_once("</script>"));
                map.map_or(html.clone(), |(map, _)| {
                    let only_imports =
                        map.split_once(",\"integrity\"").map_or(map.to_owned(), |(imports, _)| format!("{imports}}}"));
                    html.replace(map, &only_imports)
                })
            });
        }
        if asked.path.contains("/boot-") {
            answer.body.extend_from_slice(b"\nwindow.altered = true;");
        }
        Some(answer)
    })
    .await?;
    browser.go(&marked.url()).await?;
    browser.becomes("the altered boot script runs", "window.altered === true", true).await
}

async fn t076_a_network_failure_is_told_from_an_altered_build(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    let cut = altered(&server, |asked, answer| (!asked.path.ends_with(".wasm")).then_some(answer)).await?;
    browser.go(&cut.url()).await?;
    browser.screen("refused").await?;
    browser.reads("The server cannot be reached.").await
}

/// Ways in which markup brings script; each says so by its number in `window.ran`.
const INJECTED: &str = r#"
<script>(window.ran ??= []).push(1)</script>
<script src="/injected.js"></script>
<script type="module" src="/injected.js?module"></script>
<img src="/none.png" onerror="(window.ran ??= []).push(4)">
<iframe srcdoc="<script>(parent.ran ??= []).push(5)</script>"></iframe>
<svg onload="(window.ran ??= []).push(6)"></svg>
</body>"#;

async fn with_injection(server: &Server, policy: bool) -> Result<Proxy> {
    altered(server, move |asked, mut answer| {
        if asked.path.starts_with("/injected.js") {
            let number = if asked.path.contains("module") { 3 } else { 2 };
            let script = format!("(window.ran ??= []).push({number})");
            return Some(Answer::own(axum::http::StatusCode::OK, "text/javascript", script));
        }
        if is_page(asked) {
            if !policy {
                without_policy(&mut answer);
            }
            edit_html(&mut answer, |html| html.replace("</body>", INJECTED));
        }
        Some(answer)
    })
    .await
}

async fn ran(browser: &Browser) -> Result<Value> {
    browser.run("return (window.ran ?? []).toSorted()").await
}

async fn t077_injected_script_does_not_run(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    for (policy, expected) in [
        (true, json!([])),
        // Control: without the policy, all of it runs.
        (false, json!([1, 2, 3, 4, 5, 6])),
    ] {
        let proxy = with_injection(&server, policy).await?;
        browser.go(&proxy.url()).await?;
        browser.screen("enter").await?;
        let all = until("the scripts ran", async || (ran(&browser).await.ok()? == expected).then_some(())).await;
        all.with_context(|| format!("policy {policy}, expected {expected}"))
            .context(format!("{}", ran(&browser).await?))?;
    }
    Ok(())
}

async fn t078_a_swapped_wasm_is_refused_by_fetch(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    let fetched = |integrity: &str| {
        format!(
            "const l = document.getElementById('wasm'); \
             fetch(l.href, {{ integrity: {integrity}, cache: 'no-store' }}).then(r => done(r.status), e => done(e.name))"
        )
    };
    assert_eq!(browser.run_async(&fetched("l.dataset.integrity")).await?, json!(200), "control: the pinned hash");
    let other = "document.getElementById('worker').dataset.integrity";
    assert_eq!(browser.run_async(&fetched(other)).await?, "TypeError", "the hash of another file");
    Ok(())
}

/// Runs each expression away from the driver, which lifts `unsafe-eval` while it evaluates, and tells what it threw.
pub(crate) async fn attempts(browser: &Browser, expressions: &[&str]) -> Result<Vec<Value>> {
    let mut told = Vec::new();
    for expression in expressions {
        let script = format!(
            "setTimeout(async () => {{ try {{ await (async () => {{ {expression} }})(); done('ran') }} catch (e) {{ done(e.name) }} }})"
        );
        told.push(browser.run_async(&script).await?);
    }
    Ok(told)
}

const WORKERS: [&str; 2] =
    ["new Worker(document.getElementById('worker').href)", "await navigator.serviceWorker.register('/sw.js')"];

async fn with_service_worker(server: &Server, protected: bool) -> Result<Proxy> {
    altered(server, move |asked, mut answer| {
        if asked.path == "/sw.js" {
            return Some(Answer::own(axum::http::StatusCode::OK, "text/javascript", "self.onfetch = () => {}"));
        }
        if is_page(asked) && !protected {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await
}

async fn t079_no_worker_starts_from_an_address(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    let proxy = with_service_worker(&server, true).await?;
    browser.go(&proxy.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(attempts(&browser, &WORKERS).await?, ["TypeError", "TypeError"]);

    // Without Trusted Types the policy alone stops a worker that is not a blob.
    let untyped = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            edit_policy(&mut answer, |policy| policy.replace("require-trusted-types-for 'script'; ", ""));
        }
        Some(answer)
    })
    .await?;
    browser.go(&untyped.url()).await?;
    browser.screen("enter").await?;
    let started = "const w = new Worker(document.getElementById('worker').href); w.onerror = () => done('refused'); w.onmessage = () => done('ran')";
    let told = browser.run_async(&format!("try {{ {started} }} catch (e) {{ done(e.name) }}")).await?;
    assert!(told == "refused" || told == "SecurityError", "{told}");

    let loose = with_service_worker(&server, false).await?;
    browser.go(&loose.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(attempts(&browser, &WORKERS).await?, ["ran", "ran"], "control: without protection both start");
    Ok(())
}

async fn t080_no_service_worker_can_take_over(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    let registrations = "navigator.serviceWorker.getRegistrations().then(r => done(r.length))";
    let proxy = with_service_worker(&server, true).await?;
    browser.go(&proxy.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(browser.run_async(registrations).await?, json!(0), "the page registers none");
    assert_eq!(attempts(&browser, &WORKERS[1..]).await?, ["TypeError"]);
    assert_eq!(browser.run_async(registrations).await?, json!(0), "and none can be");

    let loose = with_service_worker(&server, false).await?;
    browser.go(&loose.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(attempts(&browser, &WORKERS[1..]).await?, ["ran"]);
    assert_eq!(browser.run_async(registrations).await?, json!(1), "control: without protection one is there");
    Ok(())
}

async fn t081_strings_do_not_become_script(kind: Kind) -> Result<()> {
    let sinks = [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.createElement('script').text = 'x'",
        "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
        "trustedTypes.createPolicy('second', { createHTML: s => s })",
        "trustedTypes.createPolicy('glimpse-worker', { createScriptURL: s => s })",
        "new Worker('blob:x')",
    ];
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(attempts(&browser, &sinks).await?, ["TypeError"; 7]);

    let loose = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await?;
    browser.go(&loose.url()).await?;
    browser.screen("enter").await?;
    let told = attempts(&browser, &sinks[..6]).await?;
    assert_eq!(told, ["ran"; 6], "control: without the policy they do; for workers see row 79");
    Ok(())
}

async fn t083_the_page_cannot_be_framed_or_held_by_an_opener(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    let loose = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await?;
    for (target, protected) in [(server.url(), true), (loose.url(), false)] {
        let framing = format!("<!doctype html><iframe src=\"{target}\" onload=\"window.loaded = true\"></iframe>");
        let foreign = altered(&server, move |asked, answer| {
            let own = || Answer::own(axum::http::StatusCode::OK, "text/html", framing.clone());
            Some(if asked.path == "/" { own() } else { answer })
        })
        .await?;
        browser.go(&foreign.url()).await?;
        browser.becomes("the frame has loaded", "window.loaded === true", true).await?;
        browser.driver.enter_frame(0).await?;
        if protected {
            let inside = browser.run("return document.documentURI").await?;
            let refusal = match kind {
                Kind::Chromium => "chrome-error:",
                Kind::Firefox => "about:neterror?e=cspBlocked",
            };
            assert!(inside.as_str().is_some_and(|address| address.starts_with(refusal)), "{inside}");
        } else {
            browser.screen("enter").await.context("control: without protection it is framed")?;
        }
        browser.driver.enter_parent_frame().await?;

        let opened = format!("window.opened = window.open({}); return true", json!(target));
        browser.run(&opened).await?;
        let cut_off = until("the opener is cut off, or not", async || {
            let state = browser
                .run("return [opened.closed, (() => { try { return opened.length } catch (e) { return e.name } })()]")
                .await
                .ok()?;
            match (state.get(0)?, state.get(1)?) {
                (Value::Bool(true), _) => Some(true),
                // The window has arrived on the other origin and is still in reach.
                (Value::Bool(false), Value::Number(_)) if !protected => Some(false),
                _ => None,
            }
        })
        .await?;
        assert_eq!(cut_off, protected, "{target}");
    }
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(browser.run("return [crossOriginIsolated, window.opener]").await?, json!([true, null]));
    Ok(())
}

async fn t088_eval_stays_blocked_and_wasm_needs_its_one_permission(kind: Kind) -> Result<()> {
    let evals = ["window.eval('1')", "new window.Function('return 1')()", "setTimeout('window.timed = 1')"];
    let module = "new window.WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))";
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(attempts(&browser, &evals).await?, ["EvalError", "EvalError", "TypeError"]);
    assert_eq!(browser.run("return window.timed ?? null").await?, json!(null));
    assert_eq!(attempts(&browser, &[module]).await?, ["ran"], "the policy permits wasm");

    let strict = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            edit_policy(&mut answer, |policy| policy.replace("'wasm-unsafe-eval'", ""));
        }
        Some(answer)
    })
    .await?;
    browser.go(&strict.url()).await?;
    // The Worker cannot start either: the page goes to its end.
    until("the page without wasm gives up", async || {
        browser.run("return location.href").await.ok()?.as_str()?.contains("ended.html").then_some(())
    })
    .await?;
    assert_eq!(attempts(&browser, &[module]).await?, ["CompileError"], "that one word is what permits it");

    let loose = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await?;
    browser.go(&loose.url()).await?;
    browser.screen("enter").await?;
    assert_eq!(attempts(&browser, &evals[..2]).await?, ["ran", "ran"], "control: without the policy eval runs");
    Ok(())
}
