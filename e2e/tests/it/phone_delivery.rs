//! The pages of the phone, of its watch and of agents in the hands of whoever serves them, and in the hands of script that got in: rows
//! 78 to 83, 87 and 88. What they cannot carry out (row 82) stands with what the viewer's page cannot.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use axum::http::{HeaderValue, StatusCode};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::phone::Phone;
use e2e::proxy::{Answer, Asked, Proxy, Tamper};
use e2e::record::{SECRET, TITLE};
use e2e::server::{Server, free_port};
use e2e::wait::until;
use serde_json::json;

use crate::altered::{altered, edit_policy, is_page, without_protection};
use crate::delivery::attempts;
use crate::phone::with_line;
use crate::requests::foreign;
use crate::swapped::{is_wasm, swapping};

in_both!(
    t078_another_wasm_of_phone_watch_or_portal_that_would_run_is_refused,
    t079_no_worker_of_phone_watch_or_portal_starts_from_an_address,
    t081_on_phone_watch_and_portal_strings_do_not_become_script,
    t083_phone_watch_and_portal_cannot_be_framed_or_held_by_an_opener,
    t087_every_request_of_the_phone_goes_to_its_own_origin,
    t088_on_phone_watch_and_portal_eval_stays_blocked_and_wasm_needs_its_one_permission,
    a_language_that_cannot_be_had_leaves_every_page_in_the_one_that_is_there,
);

/// The pages, and what can be seen on each when it has started.
const PAGES: [(&str, &str); 3] = [("/device", "#gate-go"), ("/watch", WATCH), ("/agent", AGENTS)];

/// A field of the first screen, which only a Worker that runs brings.
const FIRST: &str = "#passphrase, #pin";

const WATCH: &str = "[data-screen] #main > *";
const AGENTS: &str = "[data-stage=stranger] .desk h1";

/// Loads a page and waits until it has started.
async fn starts(browser: &Browser, origin: &str, (path, seen): (&str, &str)) -> Result<()> {
    browser.go(&format!("{origin}{path}")).await?;
    browser.shows(seen).await.with_context(|| path.to_owned())
}

/// The same pages without any protection.
async fn loose(server: &Server) -> Result<Proxy> {
    altered(server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await
}

async fn t078_another_wasm_of_phone_watch_or_portal_that_would_run_is_refused(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    for (program, path, first) in
        [("phone", "/device", FIRST), ("phone", "/watch", FIRST), ("portal", "/agent", AGENTS)]
    {
        let proxy = swapping(&server, program, true).await?;
        browser.go(&format!("{}{path}", proxy.url())).await?;
        browser.reads("This page is not what its builder published.").await?;
        let begins = browser.value(&format!("document.querySelector({}) !== null", json!(first))).await?;
        assert_eq!(begins, json!(false), "{path} has nothing of its first screen");
        assert!(proxy.exchanges().iter().any(|(asked, _)| is_wasm(&asked.path, program)), "it was asked for");

        // Control: where nothing pins the other module, it runs.
        let proxy = swapping(&server, program, false).await?;
        browser.go(&format!("{}{path}", proxy.url())).await?;
        browser.shows(first).await?;
        let served = proxy.exchanges();
        let mut modules = served.iter().filter(|(asked, _)| is_wasm(&asked.path, program));
        let (_, answer) = modules.next().context("no wasm was asked for")?;
        assert!(answer.body.ends_with(b"swapped"), "control: and it was the other one");
    }
    Ok(())
}

async fn t079_no_worker_of_phone_watch_or_portal_starts_from_an_address(kind: Kind) -> Result<()> {
    let ways = [
        "new Worker(document.getElementById('worker').href)",
        "new SharedWorker(document.getElementById('worker').href)",
    ];
    let (server, browser) = (Server::start().await?, Browser::start(kind).await?);
    let loose = loose(&server).await?;
    for page in PAGES {
        starts(&browser, &server.url(), page).await?;
        assert_eq!(attempts(&browser, &ways).await?, ["TypeError"; 2], "{}", page.0);
        starts(&browser, &loose.url(), page).await?;
        assert_eq!(attempts(&browser, &ways).await?, ["ran"; 2], "control: without the policy they do, {}", page.0);
    }
    // Where Trusted Types are not asked for, the policy's own list refuses it all the same. That of the phone has its service worker.
    let start = "addEventListener('securitypolicyviolation', e => done(e.effectiveDirective), { once: true }); \
        try { const w = new Worker(document.getElementById('worker').href); w.onerror = e => e.message && done('ran'); w.postMessage({}) } catch {}";
    let (listed, open) = (untyped(&server, "").await?, untyped(&server, " 'self'").await?);
    for page in PAGES.into_iter().skip(1) {
        starts(&browser, &listed.url(), page).await?;
        assert_eq!(browser.run_async(start).await?, "worker-src", "{}", page.0);
        starts(&browser, &open.url(), page).await?;
        assert_eq!(browser.run_async(start).await?, "ran", "control: one that the list has runs, {}", page.0);
    }
    Ok(())
}

/// The same pages without Trusted Types, and with more in their list of Workers.
async fn untyped(server: &Server, more: &'static str) -> Result<Proxy> {
    altered(server, move |asked, mut answer| {
        if is_page(asked) {
            edit_policy(&mut answer, |policy| {
                let policy = policy.replace("require-trusted-types-for 'script'", "");
                policy.replace("worker-src blob:", &format!("worker-src blob:{more}"))
            });
        }
        Some(answer)
    })
    .await
}

async fn t081_on_phone_watch_and_portal_strings_do_not_become_script(kind: Kind) -> Result<()> {
    let sinks = [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.createElement('script').text = 'x'",
        "trustedTypes.createPolicy('second', { createHTML: s => s })",
        "trustedTypes.createPolicy('glimpse-worker', { createScriptURL: s => s })",
    ];
    let (server, browser) = (Server::start().await?, Browser::start(kind).await?);
    let loose = loose(&server).await?;
    for page in PAGES {
        starts(&browser, &server.url(), page).await?;
        assert_eq!(attempts(&browser, &sinks).await?, ["TypeError"; 5], "{}", page.0);
        starts(&browser, &loose.url(), page).await?;
        assert_eq!(attempts(&browser, &sinks).await?, ["ran"; 5], "control: without the policy they do, {}", page.0);
    }
    Ok(())
}

async fn t083_phone_watch_and_portal_cannot_be_framed_or_held_by_an_opener(kind: Kind) -> Result<()> {
    let (server, browser) = (Server::start().await?, Browser::start(kind).await?);
    let loose = loose(&server).await?;
    for (path, seen) in PAGES {
        for (origin, protected) in [(server.url(), true), (loose.url(), false)] {
            let framing =
                format!("<!doctype html><iframe src=\"{origin}{path}\" onload=\"window.loaded = true\"></iframe>");
            let foreign = altered(&server, move |asked, answer| {
                let own = || Answer::own(StatusCode::OK, "text/html", framing.clone());
                Some(if asked.path == "/" { own() } else { answer })
            })
            .await?;
            browser.go(&foreign.url()).await?;
            browser.becomes("the frame has loaded", "window.loaded === true", true).await?;
            browser.driver.enter_frame(0).await?;
            if protected {
                let inside = browser.value("document.documentURI").await?;
                let refusal = match kind {
                    Kind::Chromium => "chrome-error:",
                    Kind::Firefox => "about:neterror?e=cspBlocked",
                };
                assert!(inside.as_str().is_some_and(|address| address.starts_with(refusal)), "{path}: {inside}");
            } else {
                browser.shows(seen).await.with_context(|| format!("control: without protection {path} is framed"))?;
            }
            browser.driver.enter_parent_frame().await?;
        }
        starts(&browser, &server.url(), (path, seen)).await?;
        assert_eq!(browser.value("[crossOriginIsolated, window.opener]").await?, json!([true, null]), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn t083_the_phone_may_use_a_camera_and_passkeys_an_agent_passkeys_and_neither_anything_else() -> Result<()> {
    let server = Server::start().await?;
    let browser = Chromium::start().await?;
    let allowed = "document.featurePolicy.allowedFeatures()\
        .filter(name => document.featurePolicy.getAllowlistForFeature(name).length > 0)";
    let policy = async |path: &str| -> Result<String> {
        let answer = reqwest::get(format!("{}{path}", server.url())).await?;
        let header = answer.headers().get("permissions-policy").context("no permissions policy")?;
        Ok(header.to_str()?.to_owned())
    };
    let (viewer, phone, agent) = (policy("/").await?, policy("/device").await?, policy("/agent").await?);
    let open = |policy: &str| -> Vec<String> {
        let each = policy.split(',').map(str::trim);
        each.filter(|part| !part.ends_with("=()")).map(str::to_owned).collect()
    };
    assert_eq!(open(&viewer), Vec::<String>::new());
    assert_eq!(
        open(&phone),
        ["camera=(self)", "publickey-credentials-create=(self)", "publickey-credentials-get=(self)"]
    );
    assert_eq!(open(&agent), ["publickey-credentials-create=(self)", "publickey-credentials-get=(self)"]);
    for page in [&phone, &agent] {
        assert_eq!(viewer.split(',').count(), page.split(',').count(), "nothing is left unsaid");
    }
    // And so the browser takes it; Firefox has no list of it for scripts.
    browser.go(&format!("{}/device", server.url())).await?;
    browser.screen("start").await?;
    let features: BTreeSet<String> = serde_json::from_value(browser.value(allowed).await?)?;
    for name in ["microphone", "geolocation", "usb", "serial", "display-capture", "clipboard-read"] {
        assert!(!features.contains(name), "{name}: {features:?}");
    }
    assert!(features.contains("camera"), "control: {features:?}");
    browser.go(&format!("{}/agent", server.url())).await?;
    browser.shows(AGENTS).await?;
    let features: BTreeSet<String> = serde_json::from_value(browser.value(allowed).await?)?;
    assert!(!features.contains("camera") && features.contains("publickey-credentials-get"), "{features:?}");
    Ok(())
}

async fn t087_every_request_of_the_phone_goes_to_its_own_origin(kind: Kind) -> Result<()> {
    let (server, line) = with_line().await?;
    let phone = Phone::blank_in(kind, &line.url()).await?;
    let mut listing = phone.browser.go_listed(phone.url()).await?;
    phone.browser.screen("start").await?;
    phone.found("Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    phone.browser.open(TITLE).await?;
    phone.browser.speak("ar").await?;
    phone.browser.speak("en").await?;
    let viewer = Chromium::start().await?;
    phone.lend_to(&viewer, &server.url(), &[TITLE]).await?;
    viewer.open(TITLE).await?;
    phone.browser.tap("end").await?;
    phone.over().await?;
    let all = listing.all().await?;
    assert_eq!(foreign(&all, &line.url()), BTreeSet::new());
    for part in ["/device", "/assets/device/", "/lang/ar", "/v1/mailboxes", "/v1/sessions", "/content", "/socket"] {
        assert!(all.iter().any(|url| url.contains(part)), "{part} is not in the list: {all:#?}");
    }
    for (request, _) in line.exchanges() {
        let listed = all.iter().any(|url| url.ends_with(&request.path));
        // The icon is asked for by the browser's own frame around the page, and files of the build by the service worker.
        let files =
            request.path == "/favicon.ico" || request.path.starts_with("/assets/") || !request.path.contains("/v1/");
        assert!(listed || files, "{} is not in the list", request.path);
    }
    Ok(())
}

async fn t088_on_phone_watch_and_portal_eval_stays_blocked_and_wasm_needs_its_one_permission(kind: Kind) -> Result<()> {
    let evals = ["window.eval('1')", "new window.Function('return 1')()"];
    let module = "new window.WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))";
    let (server, browser) = (Server::start().await?, Browser::start(kind).await?);
    let strict = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            edit_policy(&mut answer, |policy| policy.replace("'wasm-unsafe-eval'", ""));
        }
        Some(answer)
    })
    .await?;
    let loose = loose(&server).await?;
    for page in PAGES {
        starts(&browser, &server.url(), page).await?;
        assert_eq!(attempts(&browser, &evals).await?, ["EvalError"; 2], "{}", page.0);
        assert_eq!(attempts(&browser, &[module]).await?, ["ran"], "the policy permits wasm");
        browser.go(&format!("{}{}", strict.url(), page.0)).await?;
        let gives_up = browser.reads("Something went wrong inside Glimpse.").await;
        gives_up.with_context(|| format!("{} without wasm gives up", page.0))?;
        assert_eq!(attempts(&browser, &[module]).await?, ["CompileError"], "that one word is what permits it");
        starts(&browser, &loose.url(), page).await?;
        assert_eq!(attempts(&browser, &evals).await?, ["ran"; 2], "control: without the policy eval runs");
    }
    Ok(())
}

/// Serves other German words while it is told to.
#[derive(Default)]
struct Words(AtomicBool);

impl Tamper for Words {
    fn answer(&self, asked: &Asked, mut answer: Answer) -> Option<Answer> {
        if asked.path == "/device-sw.js" {
            // It would keep those that there were.
            return Some(Answer::own(StatusCode::NOT_FOUND, "text/plain", ""));
        }
        if asked.path.contains("/lang/") {
            answer.headers.insert("cache-control", HeaderValue::from_static("no-store"));
            if self.0.load(Ordering::SeqCst) && asked.path.contains("/de-") {
                answer.body.push(b' ');
            }
        }
        Some(answer)
    }
}

async fn a_language_that_cannot_be_had_leaves_every_page_in_the_one_that_is_there(kind: Kind) -> Result<()> {
    let port = free_port()?;
    let server = Server::known_as(&[&format!("http://127.0.0.1:{port}")]).await?;
    let words = Arc::new(Words::default());
    let line = Proxy::start(port, &server.url(), Arc::<Words>::clone(&words)).await?;
    let phone = Phone::with_account_in(kind, &line.url(), "Mara Lind").await?;
    let browser = &phone.browser;
    let speaks = async |language: &str| {
        let said = "[document.documentElement.lang, document.getElementById('language').value]";
        browser.becomes(language, said, json!([language, language])).await
    };
    browser.speak("de").await?;
    phone.load("locked").await?;
    speaks("de").await.context("control: the phone keeps its language")?;

    words.0.store(true, Ordering::SeqCst);
    phone.load("locked").await.context("a phone whose words do not come")?;
    speaks("en").await?;
    phone.unlock().await?;
    for (path, seen) in [("/device", "#passphrase"), ("/", "[data-screen=enter] #code"), PAGES[2]] {
        starts(browser, &line.url(), (path, seen)).await?;
        let choose =
            "const l = document.getElementById('language'); l.value = 'de'; l.dispatchEvent(new Event('change'))";
        browser.run("document.getElementById('assertive').textContent = ''").await?;
        browser.run(choose).await?;
        until(&format!("{path} says why"), async || {
            let told = browser.value("document.getElementById('assertive').textContent").await.ok()?;
            told.as_str()?.starts_with("This page is not what its builder published.").then_some(())
        })
        .await?;
        speaks("en").await?;
        words.0.store(false, Ordering::SeqCst);
        browser.speak("de").await.context("control: where it can be had it is spoken")?;
        browser.speak("en").await?;
        words.0.store(true, Ordering::SeqCst);
    }
    Ok(())
}
