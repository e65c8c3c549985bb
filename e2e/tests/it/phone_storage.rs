//! What the phone page keeps in a browser: keys at rest, a passkey, storage that fails, two tabs, no connection.

use anyhow::{Context as _, Result};
use e2e::browser::Chromium;
use e2e::devtools::{DevTools, Session};
use e2e::server::Server;
use e2e::wait::until;
use serde_json::{Value, json};

const PASSPHRASE: &str = "four walls and a door";

/// A phone page in a browser, and the debugger that looks at it.
struct Phone {
    browser: Chromium,
    devtools: DevTools,
    page: Session,
    url: String,
}

impl Phone {
    async fn at(server: &Server) -> Result<Self> {
        let url = format!("{}/device", server.named_url());
        let browser = Chromium::start().await?;
        browser.go(&url).await?;
        let mut devtools = browser.devtools().await?;
        let page = devtools.page().await?;
        let phone = Self { browser, devtools, page, url };
        phone.sees("#gate-go").await?;
        Ok(phone)
    }

    async fn founded(server: &Server) -> Result<Self> {
        let phone = Self::at(server).await?;
        phone.found().await?;
        phone.sees("#nav-add").await?;
        Ok(phone)
    }

    async fn found(&self) -> Result<()> {
        self.fill("passphrase", PASSPHRASE).await?;
        self.fill("again", PASSPHRASE).await?;
        self.press("#gate-go").await
    }

    /// Waits until the page shows what a selector names.
    async fn sees(&self, selector: &str) -> Result<()> {
        let look =
            format!("const e = document.querySelector({selector:?}); return !!e && e.getClientRects().length > 0");
        until(&format!("{selector} is shown"), async || (self.browser.run(&look).await.ok()? == true).then_some(()))
            .await
    }

    async fn text(&self, selector: &str) -> Result<String> {
        let text = self.browser.run(&format!("return document.querySelector({selector:?})?.textContent ?? ''")).await?;
        Ok(text.as_str().context("no text")?.to_owned())
    }

    async fn press(&self, selector: &str) -> Result<()> {
        self.sees(selector).await?;
        self.browser.run(&format!("document.querySelector({selector:?}).click()")).await.map(drop)
    }

    async fn fill(&self, id: &str, text: &str) -> Result<()> {
        self.sees(&format!("#{id}")).await?;
        self.browser.run(&format!("document.getElementById({id:?}).value = {text:?}")).await.map(drop)
    }

    async fn unlock(&self) -> Result<()> {
        self.fill("passphrase", PASSPHRASE).await?;
        self.press("#gate-go").await?;
        self.sees("#nav-add").await
    }

    async fn add(&self, title: &str) -> Result<()> {
        self.press("#nav-add").await?;
        self.fill("title", title).await?;
        self.fill("text", "Dear reader").await?;
        self.press("#add-go").await
    }

    async fn lists(&self, titles: &[&str]) -> Result<()> {
        let look = "return [...document.querySelectorAll('.record-row')].map(e => e.textContent).join()";
        until(&format!("{titles:?} are listed"), async || {
            let rows = self.browser.run(look).await.ok()?;
            let rows = rows.as_str()?;
            titles.iter().all(|title| rows.contains(title)).then_some(())
        })
        .await
    }

    async fn settings(&self) -> Result<()> {
        self.press("#nav-more").await?;
        self.press("#more-settings").await?;
        self.sees("#set-lock").await
    }

    async fn lock(&self) -> Result<()> {
        self.press("#nav-more").await?;
        self.press("#lock").await?;
        self.sees("#gate-go").await
    }

    /// Something that went wrong is on the screen, with what to do next.
    async fn trouble(&self) -> Result<String> {
        self.sees("#trouble .notice").await?;
        self.text("#trouble").await
    }

    async fn authenticator(&mut self) -> Result<()> {
        self.devtools.call(Some(&self.page), "WebAuthn.enable", json!({})).await?;
        let options = json!({
            "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true, "hasPrf": true, "automaticPresenceSimulation": true,
        });
        let params = json!({ "options": options });
        self.devtools.call(Some(&self.page), "WebAuthn.addVirtualAuthenticator", params).await.map(drop)
    }

    /// All that lies in the database, as a script that puts it into another one.
    async fn files(&self) -> Result<Value> {
        let read = "const open = indexedDB.open('glimpse'); open.onsuccess = () => { \
            const store = open.result.transaction('files').objectStore('files'); \
            const [keys, values] = [store.getAllKeys(), store.getAll()]; \
            values.onsuccess = () => { open.result.close(); done(keys.result.map((k, i) => [k, [...values.result[i]]])); }; }";
        self.browser.run_async(read).await
    }
}

#[tokio::test]
async fn a_passkey_opens_the_keys_and_a_copy_of_the_database_opens_with_neither() -> Result<()> {
    let server = Server::named().await?;
    let mut phone = Phone::founded(&server).await?;
    phone.authenticator().await?;
    phone.add("Letter").await?;
    phone.lists(&["Letter"]).await?;
    phone.settings().await?;
    phone.fill("passkey-passphrase", PASSPHRASE).await?;
    phone.press("#passkey-add").await?;
    phone.sees("#passkey-remove").await?;
    phone.lock().await?;
    phone.press("#gate-passkey").await?;
    phone.lists(&["Letter"]).await?;

    let files = phone.files().await?;
    let names: Vec<&str> = files.as_array().context("files")?.iter().filter_map(|file| file[0].as_str()).collect();
    assert!(names.contains(&"keys.cbor") && names.contains(&"passkey.cbor"), "{names:?}");
    let mut thief = Phone::at(&server).await?;
    thief.authenticator().await?;
    let write = format!(
        "const open = indexedDB.open('glimpse'); open.onsuccess = () => {{ \
            const t = open.result.transaction('files', 'readwrite'); \
            for (const [k, v] of {files}) t.objectStore('files').put(Uint8Array.from(v), k); \
            t.oncomplete = () => {{ open.result.close(); done('copied'); }}; }}"
    );
    assert_eq!(thief.browser.run_async(&write).await?, "copied");
    thief.browser.go(&thief.url).await?;
    thief.press("#gate-passkey").await?;
    until("the passkey is not there", async || {
        let told = thief.text(".gate .field-error").await.ok()?;
        (!told.is_empty()).then_some(())
    })
    .await?;
    thief.fill("passphrase", "four walls and a window").await?;
    thief.press("#gate-go").await?;
    assert!(thief.trouble().await?.contains("not the passphrase"));
    thief.unlock().await?;
    thief.lists(&["Letter"]).await.context("control: the copy is whole, and the passphrase opens it")
}

#[tokio::test]
async fn a_full_disk_founds_nothing_by_halves() -> Result<()> {
    let server = Server::named().await?;
    let mut phone = Phone::at(&server).await?;
    let origin = server.named_url();
    let quota = |size: u64| json!({ "origin": origin, "quotaSize": size });
    phone.devtools.call(Some(&phone.page), "Storage.overrideQuotaForOrigin", quota(1)).await?;
    phone.found().await?;
    let told = phone.trouble().await?;
    assert!(told.contains("Make room"), "{told}");
    phone.devtools.call(Some(&phone.page), "Storage.overrideQuotaForOrigin", json!({ "origin": origin })).await?;
    phone.browser.go(&phone.url).await?;
    phone.found().await?;
    phone.sees("#nav-add").await?;
    phone.add("Letter").await?;
    phone.lists(&["Letter"]).await
}

#[tokio::test]
async fn a_browser_that_keeps_nothing_is_told_what_to_do() -> Result<()> {
    let server = Server::named().await?;
    let forbidding = json!({ "profile.default_content_setting_values.cookies": 2 });
    let browser = Chromium::preferring(&[], &forbidding).await?;
    browser.go(&format!("{}/device", server.named_url())).await?;
    browser.reads("keeps nothing for this page").await?;
    browser.reads("Leave the private window").await
}

#[tokio::test]
async fn storage_that_is_cleared_in_the_middle_is_told() -> Result<()> {
    let server = Server::named().await?;
    let mut phone = Phone::founded(&server).await?;
    phone.add("Letter").await?;
    phone.lists(&["Letter"]).await?;
    let clear = json!({ "origin": server.named_url(), "storageTypes": "indexeddb" });
    phone.devtools.call(Some(&phone.page), "Storage.clearDataForOrigin", clear.clone()).await?;
    phone.add("Second").await?;
    assert!(!phone.trouble().await?.is_empty(), "while the keys are there");
    phone.browser.go(&phone.url).await?;
    phone.sees("#again").await.context("there is nothing here, and the screen says so")?;

    phone.found().await?;
    phone.sees("#nav-add").await?;
    phone.lock().await?;
    phone.devtools.call(Some(&phone.page), "Storage.clearDataForOrigin", clear).await?;
    phone.fill("passphrase", PASSPHRASE).await?;
    phone.press("#gate-go").await?;
    assert!(!phone.trouble().await?.is_empty(), "while they are locked away");
    phone.browser.go(&phone.url).await?;
    phone.sees("#again").await
}

#[tokio::test]
async fn two_tabs_lose_nothing_and_what_one_forgets_is_gone_from_both() -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::founded(&server).await?;
    let first = phone.browser.driver.window().await?;
    let second = phone.browser.driver.new_tab().await?;
    phone.browser.driver.switch_to_window(second.clone()).await?;
    phone.browser.go(&phone.url).await?;
    phone.unlock().await?;
    phone.add("From the second").await?;
    phone.lists(&["From the second"]).await?;
    phone.browser.driver.switch_to_window(first.clone()).await?;
    phone.add("From the first").await?;
    phone.lists(&["From the second", "From the first"]).await?;
    phone.settings().await?;
    phone.browser.run("document.querySelector('#forget').closest('details').open = true").await?;
    phone.press("#forget").await?;
    phone.press("#ask-yes").await?;
    phone.sees("#again").await?;
    phone.browser.driver.switch_to_window(second).await?;
    phone.sees("#again").await.context("the keys of the other tab are gone as well")?;
    assert_eq!(phone.files().await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn without_a_connection_the_page_opens_and_lists_and_says_what_it_cannot() -> Result<()> {
    let mut server = Server::named().await?;
    let phone = Phone::founded(&server).await?;
    phone.add("Letter to the clinic").await?;
    phone.lists(&["Letter"]).await?;
    let controlled = "navigator.serviceWorker.ready.then(() => done(true))";
    assert_eq!(phone.browser.run_async(controlled).await?, true);
    let kept = "caches.keys().then(async names => { const all = []; \
        for (const name of names) for (const r of await (await caches.open(name)).keys()) all.push(new URL(r.url).pathname); \
        done(all); })";
    let kept = phone.browser.run_async(kept).await?;
    let paths: Vec<&str> = kept.as_array().context("paths")?.iter().filter_map(Value::as_str).collect();
    assert!(paths.contains(&"/device") && paths.iter().any(|path| path.ends_with(".wasm")), "{paths:?}");
    assert!(
        paths.iter().all(|path| *path == "/device" || path.starts_with("/assets/")),
        "no answer of the API: {paths:?}"
    );

    server.kill().await?;
    phone.browser.go(&phone.url).await?;
    phone.unlock().await?;
    phone.lists(&["Letter"]).await?;
    phone.sees("#banner").await?;
    phone.press(".record-row").await?;
    phone.sees(".record-side .notice").await?;
    Ok(())
}

#[tokio::test]
async fn t080_the_phone_page_lets_its_own_service_worker_in_and_watch_and_viewer_none() -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::founded(&server).await?;
    phone.browser.run_async("navigator.serviceWorker.ready.then(() => done(true))").await?;
    let refused = async || -> Result<()> {
        for attempt in [
            "() => navigator.serviceWorker.register('/device-sw.js', { scope: '/' })",
            "() => navigator.serviceWorker.register('/device-sw.js', { scope: '/watch' })",
            "() => navigator.serviceWorker.register(document.getElementById('worker').href)",
            "() => new Worker('/device-sw.js')",
            "() => trustedTypes.createPolicy('glimpse-offline', { createScriptURL: u => u })",
        ] {
            let told = phone
                .browser
                .run_async(&format!("Promise.resolve().then({attempt}).then(() => done('ran'), e => done(e.name))"))
                .await?;
            assert_eq!(told, "TypeError", "{attempt}");
        }
        Ok(())
    };
    refused().await?;
    let scopes =
        "navigator.serviceWorker.getRegistrations().then(all => done(all.map(r => new URL(r.scope).pathname)))";
    let controlled = "navigator.serviceWorker.controller !== null";
    phone.browser.go(&phone.url).await?;
    phone.sees("#gate-go").await?;
    assert_eq!(phone.browser.value(controlled).await?, true, "control: the phone page has one");
    // The watch has none, and cannot bring one in.
    phone.browser.go(&format!("{}/watch", server.named_url())).await?;
    phone.sees("#pin").await?;
    assert_eq!(phone.browser.value(controlled).await?, false);
    refused().await?;
    assert_eq!(phone.browser.run_async(scopes).await?, json!(["/device"]));
    phone.browser.go(&server.named_url()).await?;
    phone.browser.screen("enter").await?;
    assert_eq!(phone.browser.run("return navigator.serviceWorker.controller === null").await?, true);
    Ok(())
}
