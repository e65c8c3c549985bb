//! What the phone page keeps in a browser: keys at rest, a passkey, storage that fails, two tabs, no connection.

use std::borrow::Borrow;

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use e2e::browser::{Browser, Chromium, Kind};
use e2e::code::wrong;
use e2e::devtools::{DevTools, Session};
use e2e::frames::sent_since;
use e2e::phone::{PASSPHRASE, Phone};
use e2e::proxy::{Answer, Asked};
use e2e::record::TITLE;
use e2e::server::Server;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::altered::{altered, is_page, without_protection};
use crate::phone::Pair;

in_both!(
    a_browser_that_keeps_nothing_is_told_what_to_do,
    two_tabs_lose_nothing_and_what_one_forgets_is_gone_from_both,
    without_a_connection_the_page_opens_and_lists_and_says_what_it_cannot,
    a_server_that_says_nothing_is_no_connection,
    t080_a_file_that_is_changed_on_the_way_is_not_kept,
    t080_the_phone_page_lets_its_own_service_worker_in_and_watch_and_viewer_none,
);

/// All that lies in the database, as a script that puts it into another one.
async fn files(browser: &Browser) -> Result<Value> {
    let read = "const open = indexedDB.open('glimpse'); open.onsuccess = () => { \
        const store = open.result.transaction('files').objectStore('files'); \
        const [keys, values] = [store.getAllKeys(), store.getAll()]; \
        values.onsuccess = () => { open.result.close(); done(keys.result.map((k, i) => [k, [...values.result[i]]])); }; }";
    browser.run_async(read).await
}

/// Something that went wrong is on the screen, with what to do next.
async fn trouble(browser: &Browser) -> Result<String> {
    browser.shows("#trouble .notice").await?;
    let told = browser.value("document.getElementById('trouble').textContent").await?;
    Ok(told.as_str().context("a text")?.to_owned())
}

async fn try_to_add<B: Borrow<Browser>>(phone: &Phone<B>, title: &str) -> Result<()> {
    phone.go("add").await?;
    phone.browser.borrow().write("title", title).await?;
    phone.browser.borrow().write("text", "Dear reader").await?;
    phone.browser.borrow().tap("add-go").await
}

/// In Chromium alone: of an authenticator that is not there, only its debugger makes one that gives a secret for a passkey.
#[tokio::test]
async fn a_passkey_opens_the_keys_and_a_copy_of_the_database_opens_with_neither() -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::with_account(&server.named_url(), "Mara Lind").await?;
    let _authenticator = phone.browser.authenticator().await?;
    phone.add("Letter", "Dear reader").await?;
    phone.more("settings").await?;
    phone.browser.write("passkey-passphrase", PASSPHRASE).await?;
    phone.browser.tap("passkey-add").await?;
    phone.browser.shows("#passkey-remove").await?;
    phone.lock().await?;
    phone.browser.tap("gate-passkey").await?;
    phone.browser.lists("Letter").await?;

    let files = files(&phone.browser).await?;
    let names: Vec<&str> = files.as_array().context("files")?.iter().filter_map(|file| file[0].as_str()).collect();
    assert!(names.contains(&"keys.cbor") && names.contains(&"passkey.cbor"), "{names:?}");
    let thief = Phone::blank(&server.named_url()).await?;
    let _another = thief.browser.authenticator().await?;
    let write = format!(
        "const open = indexedDB.open('glimpse'); open.onsuccess = () => {{ \
            const t = open.result.transaction('files', 'readwrite'); \
            for (const [k, v] of {files}) t.objectStore('files').put(Uint8Array.from(v), k); \
            t.oncomplete = () => {{ open.result.close(); done('copied'); }}; }}"
    );
    assert_eq!(thief.browser.run_async(&write).await?, "copied");
    thief.load("locked").await?;
    thief.browser.tap("gate-passkey").await?;
    until("the passkey is not there", async || {
        let told = thief.browser.value("document.querySelector('.gate .field-error').textContent").await.ok()?;
        (told != "").then_some(())
    })
    .await?;
    thief.type_passphrase("four walls and a window").await?;
    assert!(trouble(&thief.browser).await?.contains("not the passphrase"));
    thief.unlock().await?;
    thief.browser.lists("Letter").await.context("control: the copy is whole, and the passphrase opens it")
}

async fn debugged(phone: &Phone<Chromium>) -> Result<(DevTools, Session)> {
    let mut tools = phone.browser.devtools().await?;
    let page = tools.page().await?;
    Ok((tools, page))
}

/// In Chromium alone, whose debugger makes the disk full, and has room on it again, while a page is open.
#[tokio::test]
async fn a_full_disk_founds_nothing_by_halves() -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::blank(&server.named_url()).await?;
    let (mut tools, page) = debugged(&phone).await?;
    let origin = server.named_url();
    let quota = json!({ "origin": origin, "quotaSize": 1 });
    tools.call(Some(&page), "Storage.overrideQuotaForOrigin", quota).await?;
    phone.type_new_passphrase().await?;
    phone.browser.tap("gate-go").await?;
    let told = trouble(&phone.browser).await?;
    assert!(told.contains("Make room"), "{told}");
    tools.call(Some(&page), "Storage.overrideQuotaForOrigin", json!({ "origin": origin })).await?;
    phone.load("start").await?;
    phone.found("Mara Lind").await?;
    phone.add("Letter", "Dear reader").await
}

/// Writes something small down for the origin, and says how that went.
const PROBE: &str = "const open = indexedDB.open('probe'); open.onerror = () => done(open.error.name); \
    open.onupgradeneeded = () => open.result.createObjectStore('files'); \
    open.onsuccess = () => { const t = open.result.transaction('files', 'readwrite'); \
        const told = what => { open.result.close(); done(what) }; \
        t.objectStore('files').put(new Uint8Array(64), 'probe'); \
        t.oncomplete = () => told('kept'); t.onabort = () => told(t.error?.name ?? 'broken off') }";

/// In Chromium alone, as above. That a code was tried is on disk before whoever tried it is answered.
#[tokio::test]
async fn t005_a_phone_that_cannot_write_a_guess_down_does_not_answer_it() -> Result<()> {
    let pair = Pair::new().await?;
    let Pair { phone, viewer, line, .. } = &pair;
    let (mut tools, page) = debugged(phone).await?;
    let counted = async || -> Result<Option<Value>> {
        let files = files(&phone.browser).await?;
        Ok(files.as_array().context("files")?.iter().find(|file| file[0] == "attempts.cbor").cloned())
    };
    for full in [false, true] {
        let code = phone.lend(&[TITLE]).await?;
        if full {
            let quota = json!({ "origin": line.url(), "quotaSize": 1 });
            tools.call(Some(&page), "Storage.overrideQuotaForOrigin", quota).await?;
            // The browser goes by what it knew of the room for a while.
            until("the disk is full", async || {
                (phone.browser.run_async(PROBE).await.ok()? == "QuotaExceededError").then_some(())
            })
            .await?;
        }
        let (from, before) = (line.seen().len(), counted().await?);
        viewer.enter(&pair.site(), &wrong(&code)).await?;
        viewer.failure().await?;
        let over = phone.over().await?;
        // All that this line carries is the phone's.
        let said: Vec<&str> = sent_since(&line.seen(), from).into_iter().map(|(_, name)| name).collect();
        if full {
            assert!(over.contains("could not keep or read its files"), "{over}");
            assert_eq!(said, ["Abort"]);
        } else {
            assert_eq!(said, ["Answer", "Abort"], "control: with room for it the guess is answered, once");
        }
        assert_eq!(counted().await? == before, full, "what is answered is counted");
        // And it is used up either way.
        viewer.enter(&pair.site(), &code).await?;
        viewer.failure().await?;
        phone.browser.tap("over-close").await?;
        phone.browser.shows("#lend-go").await?;
    }
    tools.call(Some(&page), "Storage.overrideQuotaForOrigin", json!({ "origin": line.url() })).await?;
    until("there is room again", async || (phone.browser.run_async(PROBE).await.ok()? == "kept").then_some(())).await?;
    pair.lend(&[TITLE]).await.context("control: the right code, with room")
}

async fn a_browser_that_keeps_nothing_is_told_what_to_do(kind: Kind) -> Result<()> {
    let server = Server::named().await?;
    let url = format!("{}/device", server.named_url());
    let told = async |browser: &Browser| {
        browser.go(&url).await?;
        browser.reads("keeps nothing for this page").await?;
        browser.reads("Leave the private window").await
    };
    match kind {
        Kind::Chromium => {
            let forbidding = json!({ "profile.default_content_setting_values.cookies": 2 });
            told(&*Chromium::preferring(&[], &forbidding).await?).await
        }
        Kind::Firefox => told(&Browser::firefox(&[("network.cookie.cookieBehavior", json!(2))]).await?).await,
    }
}

/// In Chromium alone, whose debugger clears what a site keeps while its page is open.
#[tokio::test]
async fn storage_that_is_cleared_in_the_middle_is_told() -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::with_account(&server.named_url(), "Mara Lind").await?;
    let (mut tools, page) = debugged(&phone).await?;
    phone.add("Letter", "Dear reader").await?;
    let clear = json!({ "origin": server.named_url(), "storageTypes": "indexeddb" });
    tools.call(Some(&page), "Storage.clearDataForOrigin", clear.clone()).await?;
    try_to_add(&phone, "Second").await?;
    assert!(!trouble(&phone.browser).await?.is_empty(), "while the keys are there");
    phone.load("start").await.context("there is nothing here, and the screen says so")?;

    phone.found("Mara Lind").await?;
    phone.lock().await?;
    tools.call(Some(&page), "Storage.clearDataForOrigin", clear).await?;
    phone.type_passphrase(PASSPHRASE).await?;
    assert!(!trouble(&phone.browser).await?.is_empty(), "while they are locked away");
    phone.load("start").await
}

async fn two_tabs_lose_nothing_and_what_one_forgets_is_gone_from_both(kind: Kind) -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::with_account_in(kind, &server.named_url(), "Mara Lind").await?;
    let (browser, driver) = (&phone.browser, &phone.browser.driver);
    let first = driver.window().await?;
    let second = driver.new_tab().await?;
    driver.switch_to_window(second.clone()).await?;
    phone.reopen().await?;
    phone.add("From the second", "Dear reader").await?;
    driver.switch_to_window(first.clone()).await?;
    phone.add("From the first", "Dear reader").await?;
    browser.lists("From the second").await?;
    phone.more("settings").await?;
    browser.run("document.querySelector('#forget').closest('details').open = true").await?;
    browser.tap("forget").await?;
    browser.shows("dialog[open]").await?;
    browser.tap("ask-yes").await?;
    browser.screen("start").await?;
    driver.switch_to_window(second).await?;
    browser.screen("start").await.context("the keys of the other tab are gone as well")?;
    assert_eq!(files(browser).await?, json!([]));
    Ok(())
}

async fn without_a_connection_the_page_opens_and_lists_and_says_what_it_cannot(kind: Kind) -> Result<()> {
    let mut server = Server::named().await?;
    let phone = Phone::with_account_in(kind, &server.named_url(), "Mara Lind").await?;
    phone.add("Letter to the clinic", "Dear reader").await?;
    let controlled = "navigator.serviceWorker.ready.then(() => done(true))";
    assert_eq!(phone.browser.run_async(controlled).await?, true);
    let paths = kept_offline(&phone.browser).await?;
    assert!(
        paths.iter().any(|path| path == "/device") && paths.iter().any(|path| path.ends_with(".wasm")),
        "{paths:?}"
    );
    assert!(
        paths.iter().all(|path| path == "/device" || path.starts_with("/assets/")),
        "no answer of the API: {paths:?}"
    );

    server.kill().await?;
    phone.reopen().await?;
    phone.browser.lists("Letter to the clinic").await?;
    phone.browser.shows("#banner").await?;
    phone.browser.choose("Letter to the clinic").await?;
    phone.browser.shows(".record-side .notice").await
}

/// What the service worker has put away, as paths.
async fn kept_offline(browser: &Browser) -> Result<Vec<String>> {
    let kept = "caches.keys().then(async names => { const all = []; \
        for (const name of names) for (const r of await (await caches.open(name)).keys()) all.push(new URL(r.url).pathname); \
        done(all); })";
    Ok(serde_json::from_value(browser.run_async(kept).await?)?)
}

async fn a_server_that_says_nothing_is_no_connection(kind: Kind) -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::with_account_in(kind, &server.named_url(), "Mara Lind").await?;
    phone.add("Letter to the clinic", "Dear reader").await?;
    phone.browser.run_async("navigator.serviceWorker.ready.then(() => done(true))").await?;
    // Connections are taken, and that is all.
    server.freeze()?;
    phone.reopen().await?;
    phone.browser.lists("Letter to the clinic").await?;
    server.thaw()
}

async fn t080_a_file_that_is_changed_on_the_way_is_not_kept(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let is_icon = |asked: &Asked| asked.path.contains("/icon-512-");
    let line = altered(&server, move |asked, mut answer| {
        if is_icon(asked) {
            answer.body.push(0);
        }
        Some(answer)
    })
    .await?;
    let phone = Phone::blank_in(kind, &line.url()).await?;
    let registered = "navigator.serviceWorker.getRegistrations().then(all => done(all.length))";
    until("the service worker is given up", async || {
        let asked = line.exchanges().iter().any(|(asked, _)| is_icon(asked));
        (asked && phone.browser.run_async(registered).await.ok()? == 0).then_some(())
    })
    .await?;
    let kept = kept_offline(&phone.browser).await?;
    assert!(!kept.iter().any(|path| path.contains("/icon-512-") || path == "/device"), "{kept:?}");

    // Control: as the server gives it, it is kept.
    let phone = Phone::blank_in(kind, &server.url()).await?;
    phone.browser.run_async("navigator.serviceWorker.ready.then(() => done(true))").await?;
    let kept = kept_offline(&phone.browser).await?;
    assert!(
        kept.iter().any(|path| path.contains("/icon-512-")) && kept.iter().any(|path| path == "/device"),
        "{kept:?}"
    );
    Ok(())
}

/// Ways in for a worker that is not the page's own.
const WAYS_IN: [&str; 5] = [
    "() => navigator.serviceWorker.register('/device-sw.js', { scope: '/' })",
    "() => navigator.serviceWorker.register('/device-sw.js', { scope: '/watch' })",
    "() => navigator.serviceWorker.register(document.getElementById('worker').href)",
    "() => new Worker('/device-sw.js')",
    "() => trustedTypes.createPolicy('glimpse-offline', { createScriptURL: u => u })",
];

/// What became of each.
async fn tried(browser: &Browser) -> Result<Vec<Value>> {
    let mut told = Vec::new();
    for way in WAYS_IN {
        let script = format!("Promise.resolve().then({way}).then(() => done('ran'), e => done(e.name))");
        told.push(browser.run_async(&script).await?);
    }
    Ok(told)
}

async fn t080_the_phone_page_lets_its_own_service_worker_in_and_watch_and_viewer_none(kind: Kind) -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::with_account_in(kind, &server.named_url(), "Mara Lind").await?;
    phone.browser.run_async("navigator.serviceWorker.ready.then(() => done(true))").await?;
    assert_eq!(tried(&phone.browser).await?, ["TypeError"; 5]);
    let scopes =
        "navigator.serviceWorker.getRegistrations().then(all => done(all.map(r => new URL(r.scope).pathname).sort()))";
    let controlled = "navigator.serviceWorker.controller !== null";
    phone.load("locked").await?;
    assert_eq!(phone.browser.value(controlled).await?, true, "control: the phone page has one");
    // The watch has none, and cannot bring one in.
    let watch = async |server: &str| {
        phone.browser.go(&format!("{server}/watch")).await?;
        phone.browser.shows("#pin").await
    };
    watch(&server.named_url()).await?;
    assert_eq!(phone.browser.value(controlled).await?, false);
    assert_eq!(tried(&phone.browser).await?, ["TypeError"; 5]);
    assert_eq!(phone.browser.run_async(scopes).await?, json!(["/device"]));
    watch(&server.named_url()).await?;
    assert_eq!(phone.browser.value(controlled).await?, false, "when it is loaded anew as well");
    // Control: without the policy each of these lets one in, and the watch is in its hands.
    let loose = altered(&server, |asked, mut answer| {
        if asked.path == "/device-sw.js" {
            return Some(Answer::own(StatusCode::OK, "text/javascript", "self.onfetch = () => {}"));
        }
        if is_page(asked) {
            without_protection(&mut answer);
        }
        Some(answer)
    })
    .await?;
    watch(&loose.url()).await?;
    assert_eq!(tried(&phone.browser).await?, ["ran"; 5], "control");
    assert_eq!(phone.browser.run_async(scopes).await?, json!(["/", "/assets/watch/", "/watch"]), "control");
    phone.browser.run_async("navigator.serviceWorker.ready.then(() => done(true))").await?;
    watch(&loose.url()).await?;
    assert_eq!(phone.browser.value(controlled).await?, true, "control: it takes over");
    phone.browser.go(&server.named_url()).await?;
    phone.browser.screen("enter").await?;
    assert_eq!(phone.browser.run("return navigator.serviceWorker.controller === null").await?, true);
    Ok(())
}
