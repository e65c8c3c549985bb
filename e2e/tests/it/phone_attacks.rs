//! Attacks on the phone page. What it cannot carry out (row 82) stands with what the viewer's page cannot.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use base64ct::{Base64, Encoding as _};
use e2e::browser::Chromium;
use e2e::devtools::{DevTools, Session};
use e2e::phone::{PASSPHRASE, Phone};
use e2e::program::dist;
use e2e::proxy::{Answer, Proxy};
use e2e::scan::Needle;
use e2e::server::Server;
use e2e::wait::until;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha384};

use crate::altered::{altered, edit_html, edit_policy, is_page, without_protection};
use crate::delivery::attempts;
use crate::ending::{go_with, leave_and_come_back};
use crate::memory::{FAULTS, WATCH_RANDOMNESS, files_below, found};
use crate::phone::{Pair, SECRET, TITLE, with_line};
use crate::requests::foreign;

/// Addresses that a page or a Worker asked for so far, WebSockets included.
async fn asked(tools: &mut DevTools, of: &Session) -> Result<Vec<String>> {
    let requests = tools.events_of(of, "Network.requestWillBeSent").await?;
    let sockets = tools.events_of(of, "Network.webSocketCreated").await?;
    let requests = requests.iter().filter_map(|event| event.pointer("/request/url"));
    let sockets = sockets.iter().filter_map(|event| event.get("url"));
    Ok(requests.chain(sockets).filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Loads a page whose requests, and those of its Worker, are listed from the first one on.
async fn go_listed(browser: &Chromium, url: &str) -> Result<(DevTools, Session, Session)> {
    // What a window shows before it shows anything is the browser's own and asks for much.
    browser.go("about:blank").await?;
    let mut tools = browser.devtools().await?;
    let page = tools.page().await?;
    tools.call(Some(&page), "Network.enable", json!({})).await?;
    tools.follow(&page, true).await?;
    browser.go(url).await?;
    let worker = tools.attached().await?;
    tools.call(Some(&worker), "Network.enable", json!({})).await?;
    tools.call(Some(&worker), "Runtime.runIfWaitingForDebugger", json!({})).await?;
    Ok((tools, page, worker))
}

/// How many sessions the phone has begun, by the requests that it sent.
fn begun(pair: &Pair) -> usize {
    let begins = |method: &str, path: &str| method == "POST" && path == "/v1/sessions";
    pair.line.exchanges().iter().filter(|(asked, _)| begins(asked.method.as_str(), &asked.path)).count()
}

#[tokio::test]
async fn t020_what_is_broken_off_on_the_phone_grants_nothing_later() -> Result<()> {
    let pair = Pair::new().await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    // While the code is shown: cancelled, left by a reload.
    for leaves in [false, true] {
        let code = phone.lend(&[TITLE]).await?;
        if leaves {
            phone.load("locked").await?;
            phone.unlock().await?;
        } else {
            phone.browser.tap("cancel").await?;
            phone.over().await?;
            phone.browser.tap("over-close").await?;
        }
        viewer.go(&pair.site()).await?;
        viewer.type_code(&code).await?;
        viewer.failure().await?;
    }
    // While the question is shown: declined, left by a reload.
    for leaves in [false, true] {
        let code = phone.lend(&[TITLE]).await?;
        viewer.go(&pair.site()).await?;
        viewer.type_code(&code).await?;
        viewer.words().await?;
        phone.pairs().await?;
        if leaves {
            phone.load("locked").await?;
            phone.unlock().await?;
            phone.go("lend").await?;
            phone.browser.shows("#lend-go").await.context("nothing goes on by itself")?;
            phone.go("records").await?;
            viewer.screen("wait").await.context("the viewer waits for an approval that does not come")?;
        } else {
            phone.browser.tap("decline").await?;
            phone.over().await?;
            phone.browser.tap("over-close").await?;
            viewer.failure().await?;
        }
    }
    assert_eq!(begun(&pair), 0, "no session was begun");
    // Control: what is not broken off does.
    pair.lend(&[TITLE]).await?;
    assert_eq!(begun(&pair), 1);
    Ok(())
}

#[tokio::test]
async fn t066_back_to_the_phone_shows_a_locked_page() -> Result<()> {
    let pair = Pair::new().await?;
    let phone = &pair.phone;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await?;
    leave_and_come_back(&phone.browser, &format!("{}/ended.html", pair.line.url())).await?;
    phone.browser.screen("locked").await?;
    let html = phone.browser.value("document.documentElement.outerHTML").await?.to_string();
    assert!(!html.contains("flower pot") && !html.contains(TITLE), "{html}");
    // As a browser that is kept for the Back button sees it: the page empties itself before it is left, and begins anew
    // when it comes back.
    phone.unlock().await?;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await?;
    let before = phone.browser.text().await?;
    assert!(before.contains(SECRET), "control: it is there until the page is left");
    phone.browser.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))").await?;
    assert_eq!(phone.browser.text().await?.trim(), "");
    let again = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))";
    phone.browser.run(again).await?;
    phone.browser.screen("locked").await
}

/// A module with a section more, which every engine reads over: valid, and it runs as the other does.
fn another(wasm: &[u8]) -> Vec<u8> {
    [wasm, &[0, 8, 7], b"swapped"].concat()
}

fn is_wasm(path: &str) -> bool {
    path.contains("/glimpse-phone_bg-") && path.ends_with(".wasm")
}

/// Serves another wasm for the phone; with `pinned` the page pins what its builder published, without it what is served.
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
async fn t078_another_wasm_of_the_phone_that_would_run_is_refused() -> Result<()> {
    let server = Server::start().await?;
    let browser = Chromium::start().await?;
    let proxy = swapping(&server, true).await?;
    browser.go(&format!("{}/device", proxy.url())).await?;
    browser.screen("refused").await?;
    browser.reads("This page is not what its builder published.").await?;
    assert!(proxy.exchanges().iter().any(|(asked, _)| is_wasm(&asked.path)), "it was asked for");

    // Control: where nothing pins the other module, it runs.
    let proxy = swapping(&server, false).await?;
    browser.go(&format!("{}/device", proxy.url())).await?;
    browser.screen("start").await?;
    let served = proxy.exchanges();
    let (_, answer) = served.iter().find(|(asked, _)| is_wasm(&asked.path)).context("no wasm was asked for")?;
    assert!(answer.body.ends_with(b"swapped"), "control: and it was the other one");
    Ok(())
}

#[tokio::test]
async fn t081_on_the_phone_strings_do_not_become_script() -> Result<()> {
    let sinks = [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.createElement('script').text = 'x'",
        "trustedTypes.createPolicy('second', { createHTML: s => s })",
        "trustedTypes.createPolicy('glimpse-worker', { createScriptURL: s => s })",
    ];
    let server = Server::start().await?;
    let browser = Chromium::start().await?;
    browser.go(&format!("{}/device", server.url())).await?;
    browser.screen("start").await?;
    assert_eq!(attempts(&browser, &sinks).await?, ["TypeError"; 5]);
    let loose = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await?;
    browser.go(&format!("{}/device", loose.url())).await?;
    browser.screen("start").await?;
    assert_eq!(attempts(&browser, &sinks).await?, ["ran"; 5], "control: without the policy they do");
    Ok(())
}

#[tokio::test]
async fn t083_the_phone_cannot_be_framed_or_held_by_an_opener() -> Result<()> {
    let server = Server::start().await?;
    let browser = Chromium::start().await?;
    let loose = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await?;
    for (target, protected) in [(server.url(), true), (loose.url(), false)] {
        let target = format!("{target}/device");
        let framing = format!("<!doctype html><iframe src=\"{target}\" onload=\"window.loaded = true\"></iframe>");
        let foreign = altered(&server, move |asked, answer| {
            let own = || Answer::own(StatusCode::OK, "text/html", framing.clone());
            Some(if asked.path == "/" { own() } else { answer })
        })
        .await?;
        browser.go(&foreign.url()).await?;
        until("the frame has loaded", async || {
            (browser.value("window.loaded === true").await.ok()? == json!(true)).then_some(())
        })
        .await?;
        browser.driver.enter_frame(0).await?;
        if protected {
            let inside = browser.value("[location.protocol, document.getElementById('main') === null]").await?;
            assert_eq!(inside, json!(["chrome-error:", true]));
        } else {
            browser.screen("start").await.context("control: without protection it is framed")?;
        }
        browser.driver.enter_parent_frame().await?;
    }
    browser.go(&format!("{}/device", server.url())).await?;
    browser.screen("start").await?;
    assert_eq!(browser.value("[crossOriginIsolated, window.opener]").await?, json!([true, null]));
    Ok(())
}

#[tokio::test]
async fn t083_the_phone_may_use_a_camera_and_passkeys_and_nothing_else() -> Result<()> {
    let server = Server::start().await?;
    let browser = Chromium::start().await?;
    let allowed = "document.featurePolicy.allowedFeatures()\
        .filter(name => document.featurePolicy.getAllowlistForFeature(name).length > 0)";
    let policy = async |path: &str| -> Result<String> {
        let answer = reqwest::get(format!("{}{path}", server.url())).await?;
        let header = answer.headers().get("permissions-policy").context("no permissions policy")?;
        Ok(header.to_str()?.to_owned())
    };
    let (viewer, phone) = (policy("/").await?, policy("/device").await?);
    let open = |policy: &str| -> Vec<String> {
        let each = policy.split(',').map(str::trim);
        each.filter(|part| !part.ends_with("=()")).map(str::to_owned).collect()
    };
    assert_eq!(open(&viewer), Vec::<String>::new());
    assert_eq!(
        open(&phone),
        ["camera=(self)", "publickey-credentials-create=(self)", "publickey-credentials-get=(self)"]
    );
    assert_eq!(viewer.split(',').count(), phone.split(',').count(), "nothing is left unsaid");
    // And so the browser takes it.
    browser.go(&format!("{}/device", server.url())).await?;
    browser.screen("start").await?;
    let features: BTreeSet<String> = serde_json::from_value(browser.value(allowed).await?)?;
    for name in ["microphone", "geolocation", "usb", "serial", "display-capture", "clipboard-read"] {
        assert!(!features.contains(name), "{name}: {features:?}");
    }
    assert!(features.contains("camera"), "control: {features:?}");
    Ok(())
}

#[tokio::test]
async fn t087_every_request_of_the_phone_goes_to_its_own_origin() -> Result<()> {
    let (server, line) = with_line().await?;
    let phone = Phone::blank(&line.url()).await?;
    // A Worker of the page before would be taken for that of the next.
    phone.browser.go("about:blank").await?;
    let (mut tools, page, worker) = go_listed(&phone.browser, phone.url()).await?;
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
    let of_worker = asked(&mut tools, &worker).await?;
    let all = [asked(&mut tools, &page).await?, of_worker.clone()].concat();
    assert_eq!(foreign(&all, &line.url()), BTreeSet::new());
    for part in ["/device", "/assets/device/", "/lang/ar", "/v1/mailboxes", "/v1/sessions", "/content", "/socket"] {
        assert!(all.iter().any(|url| url.contains(part)), "{part} is not in the list: {all:#?}");
    }
    assert!(of_worker.iter().any(|url| url.contains("/v1/")), "the Worker's are listed: {of_worker:#?}");
    for (request, _) in line.exchanges() {
        let listed = all.iter().any(|url| url.ends_with(&request.path));
        // The icon is asked for by the browser's own frame around the page, and files of the build by the service worker.
        let files =
            request.path == "/favicon.ico" || request.path.starts_with("/assets/") || !request.path.contains("/v1/");
        assert!(listed || files, "{} is not in the list", request.path);
    }
    Ok(())
}

#[tokio::test]
async fn t088_on_the_phone_eval_stays_blocked_and_wasm_needs_its_one_permission() -> Result<()> {
    let evals = ["eval('1')", "new Function('return 1')()"];
    let module = "new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))";
    let server = Server::start().await?;
    let browser = Chromium::start().await?;
    browser.go(&format!("{}/device", server.url())).await?;
    browser.screen("start").await?;
    assert_eq!(attempts(&browser, &evals).await?, ["EvalError", "EvalError"]);
    assert_eq!(attempts(&browser, &[module]).await?, ["ran"], "the policy permits wasm");
    let strict = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            edit_policy(&mut answer, |policy| policy.replace("'wasm-unsafe-eval'", ""));
        }
        Some(answer)
    })
    .await?;
    browser.go(&format!("{}/device", strict.url())).await?;
    browser.screen("refused").await.context("the page without wasm gives up")?;
    assert_eq!(attempts(&browser, &[module]).await?, ["CompileError"], "that one word is what permits it");
    let loose = altered(&server, |asked, mut answer| {
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await?;
    browser.go(&format!("{}/device", loose.url())).await?;
    browser.screen("start").await?;
    assert_eq!(attempts(&browser, &evals).await?, ["ran", "ran"], "control: without the policy eval runs");
    Ok(())
}

/// What no lock may leave behind.
fn texts() -> Vec<Needle> {
    vec![Needle::text("content", SECRET), Needle::text("title", TITLE), Needle::text("passphrase", PASSPHRASE)]
}

#[tokio::test]
async fn t089_a_lock_leaves_no_key_title_text_or_passphrase() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::blank(&server.url()).await?;
    phone.browser.go("about:blank").await?;
    let (mut tools, _, worker) = go_with(&phone.browser, phone.url(), WATCH_RANDOMNESS).await?;
    phone.found("Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await?;

    // What the Worker drew and still holds: seeds of keys, and values that others may know.
    let told = tools.evaluate(&worker, "drawn").await?;
    let drawn: BTreeSet<&str> = told.as_array().context("draws")?.iter().filter_map(Value::as_str).collect();
    let bytes = |hex: &str| -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
        pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
    };
    let long = drawn.iter().filter(|hex| hex.len() == 64);
    let keys: Vec<Needle> = long.map(|hex| Needle { name: (*hex).to_owned(), bytes: bytes(hex) }).collect();
    let before = tools.scan_memory(&worker, &[keys.clone(), texts()].concat()).await?;
    assert!(before["title"] > 0 && before["content"] > 0, "control: title and text are in the wasm memory: {before:?}");
    let held: Vec<Needle> = keys.into_iter().filter(|key| before[&key.name] > 0).collect();
    assert!(!held.is_empty(), "control: so are keys");
    assert_eq!(before["passphrase"], 0, "a passphrase is forgotten as soon as the keys are there");
    // Otherwise it would hold the Worker that follows.
    drop(tools);

    phone.lock().await?;
    let mut tools = phone.browser.devtools().await?;
    let page = tools.page().await?;
    until("one Worker is left", async || (tools.targets("worker").await.ok()?.len() == 1).then_some(())).await?;
    let worker = tools.worker(&page).await?;
    let after = tools.scan_memory(&worker, &[held.clone(), texts()].concat()).await?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the memory of the Worker that waits for the passphrase");
    let after = tools.heap_once_settled(&page, &texts()).await?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the page's heap");
    assert!(!phone.browser.value("document.documentElement.outerHTML").await?.to_string().contains(TITLE));
    // Control: with the passphrase all of it is back.
    phone.unlock().await?;
    phone.browser.lists(TITLE).await
}

#[tokio::test]
async fn t090_nothing_that_the_phone_keeps_or_says_can_be_read_without_the_passphrase() -> Result<()> {
    let pair = Pair::new().await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    phone.browser.open(TITLE).await?;
    let code = phone.lend(&[TITLE]).await?;
    viewer.go(&pair.site()).await?;
    viewer.type_code(&code).await?;
    let pairs_of_words = viewer.words().await?;
    phone.pairs().await?;
    phone.pick(&pairs_of_words).await?;
    viewer.open(TITLE).await?;
    phone.browser.tap("end").await?;
    phone.over().await?;
    let words = [SECRET, TITLE, PASSPHRASE, &code];

    let stored = "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, name])";
    assert_eq!(
        phone.browser.value(stored).await?,
        json!(r#"["",{},{},null,""]"#),
        "beside the database and the build's files"
    );
    phone.browser.run("console.log('planted in the console')").await?;
    let console = phone.browser.console().await?.join("\n");
    assert!(console.contains("planted in the console"), "control");
    let traffic: Vec<u8> = pair
        .line
        .exchanges()
        .into_iter()
        .flat_map(|(asked, answer)| [asked.path.into_bytes(), asked.body, answer.body].concat())
        .collect();
    let holds = |bytes: &[u8], word: &str| e2e::scan::occurrences(bytes, word.as_bytes()) > 0;
    assert!(holds(&traffic, "/v1/sessions"), "control: the traffic was seen");
    for word in words {
        assert!(!console.contains(word), "{word:?} is on the console");
        assert!(!holds(&traffic, word), "{word:?} went over the network");
        assert!(!phone.browser.driver.current_url().await?.as_str().contains(word));
    }
    // The profile on disk, the database of the phone among it. A browser may write what it was told as UTF-16, too.
    phone.lock().await?;
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
    let mut database = false;
    for file in files_below(phone.browser.profile())? {
        let bytes = std::fs::read(&file).unwrap_or_default();
        // A browser writes keys of a database with the high byte first.
        database |= e2e::scan::occurrences(&bytes, &wide("listing.sealed", u16::to_be_bytes)) > 0;
        for word in words {
            let forms = [word.as_bytes().to_vec(), wide(word, u16::to_le_bytes), wide(word, u16::to_be_bytes)];
            let there = forms.iter().any(|form| e2e::scan::occurrences(&bytes, form) > 0);
            assert!(!there, "{word:?} is in {}", file.display());
        }
    }
    assert!(database, "control: the phone's database is on the disk, and names of its files can be read");
    Ok(())
}

#[tokio::test]
async fn t091_a_fault_on_the_phone_is_told_and_leaves_no_broken_instance() -> Result<()> {
    let pair = Pair::new().await?;
    let phone = &pair.phone;
    let mut told = BTreeSet::new();
    for after in [1, 2, 4, 8, 16, 40, 100] {
        phone.browser.go("about:blank").await?;
        let (mut tools, _, worker) = go_with(&phone.browser, phone.url(), FAULTS).await?;
        phone.unlock().await?;
        phone.browser.lists(TITLE).await?;
        phone.browser.reads("3 records").await?;
        let old = tools.targets("worker").await?;
        tools.evaluate(&worker, &format!("failAt = calls + {after}")).await?;
        // What the Worker does by itself may have met the fault already.
        phone.browser.run("document.querySelector('.record-row')?.click()").await?;
        let script = "const b = document.querySelector('.record-pane .body'); \
            return document.documentElement.dataset.screen === 'refused' ? 'refused' : b?.querySelector('.notice.bad') ? 'record' \
            : b?.innerText.includes('flower pot') ? 'shown' : null";
        let outcome = until(&format!("the page says how it went after a fault at call {after}"), async || {
            phone.browser.run(script).await.ok()?.as_str().map(str::to_owned)
        })
        .await?;
        if outcome == "refused" {
            let text = phone.browser.text().await?;
            assert!(text.contains("Something went wrong inside Glimpse.") && !text.contains(TITLE), "{text}");
            let left = tools.targets("worker").await?;
            assert!(old.iter().all(|id| !left.contains(id)), "the broken instance is dropped");
        }
        let console = phone.browser.console().await?.join("\n");
        for word in [SECRET, TITLE, PASSPHRASE] {
            assert!(!console.contains(word), "fault at call {after}: {console}");
        }
        told.insert(outcome);
    }
    assert!(told.contains("refused"), "control: some faults are deadly: {told:?}");
    // Nothing is lost by it.
    phone.load("locked").await?;
    phone.unlock().await?;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await
}

#[tokio::test]
async fn t092_without_randomness_the_phone_founds_nothing() -> Result<()> {
    let (_server, line) = with_line().await?;
    let phone = Phone::blank(&line.url()).await?;
    let broken = "crypto.getRandomValues = () => { throw new Error('no randomness') }; \
        Math.random = () => { throw new Error('never a substitute') }; true";
    phone.browser.go("about:blank").await?;
    let (tools, ..) = go_with(&phone.browser, phone.url(), broken).await?;
    phone.browser.screen("start").await?;
    phone.browser.write("passphrase", PASSPHRASE).await?;
    phone.browser.write("again", PASSPHRASE).await?;
    phone.browser.tap("gate-go").await?;
    phone.browser.reads("Something went wrong inside Glimpse.").await?;
    let posts = || line.exchanges().iter().filter(|(asked, _)| asked.method.as_str() == "POST").count();
    assert_eq!(posts(), 0, "nothing was sent");
    drop(tools);
    phone.browser.go("about:blank").await?;
    // Control: with randomness it goes on; and what failed left nothing behind.
    phone.load("start").await?;
    phone.found("Mara Lind").await?;
    assert!(posts() > 0);
    Ok(())
}
