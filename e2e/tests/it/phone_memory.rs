//! What is left of the phone page in the browser, and what happens when something in it breaks: rows 89 to 92. In Chromium
//! alone: it has a debugger that sees the memory of a Worker, and runs a script in it before its first line.

use std::collections::BTreeSet;

use anyhow::Result;
use e2e::browser::Chromium;
use e2e::phone::{PASSPHRASE, Phone};
use e2e::proxy::Proxy;
use e2e::record::{SECRET, TITLE};
use e2e::scan::{Needle, scan_processes};
use e2e::wait::until;
use serde_json::json;

use crate::ending::go_with;
use crate::memory::{FAULTS, WATCH_RANDOMNESS, WATCH_STORAGE, files_below, found, keys_drawn, stored};
use crate::phone::{Pair, with_line};

/// What no lock may leave behind.
fn texts() -> Vec<Needle> {
    vec![Needle::text("content", SECRET), Needle::text("title", TITLE), Needle::text("passphrase", PASSPHRASE)]
}

/// No word is on a browser's console, in its address, or in what went over the network.
pub(crate) async fn says_nothing_of(browser: &Chromium, line: &Proxy, words: [&str; 4]) -> Result<()> {
    browser.run("console.log('planted in the console')").await?;
    let console = browser.console().await?.join("\n");
    assert!(console.contains("planted in the console"), "control");
    let traffic: Vec<u8> = line
        .exchanges()
        .into_iter()
        .flat_map(|(asked, answer)| [asked.path.into_bytes(), asked.body, answer.body].concat())
        .collect();
    let holds = |bytes: &[u8], word: &str| e2e::scan::occurrences(bytes, word.as_bytes()) > 0;
    assert!(holds(&traffic, "/v1/sessions"), "control: the traffic was seen");
    for word in words {
        assert!(!console.contains(word), "{word:?} is on the console");
        assert!(!holds(&traffic, word), "{word:?} went over the network");
        assert!(!browser.driver.current_url().await?.as_str().contains(word));
    }
    Ok(())
}

/// No word lies in a browser's profile, which may hold what it was told as UTF-16, too. Says whether the name of something in
/// a database lies there: a browser writes those with the high byte first.
pub(crate) fn holds_nothing_of(browser: &Chromium, words: [&str; 4], name: &str) -> Result<bool> {
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
    let mut database = false;
    for file in files_below(browser.profile())? {
        let bytes = std::fs::read(&file).unwrap_or_default();
        database |= e2e::scan::occurrences(&bytes, &wide(name, u16::to_be_bytes)) > 0;
        for word in words {
            let forms = [word.as_bytes().to_vec(), wide(word, u16::to_le_bytes), wide(word, u16::to_be_bytes)];
            let there = forms.iter().any(|form| e2e::scan::occurrences(&bytes, form) > 0);
            assert!(!there, "{word:?} is in {}", file.display());
        }
    }
    Ok(database)
}

#[tokio::test]
async fn t089_a_lock_leaves_no_key_title_text_or_passphrase() -> Result<()> {
    let (_server, line) = with_line().await?;
    let phone = Phone::blank(&line.url()).await?;
    phone.browser.go("about:blank").await?;
    let (mut tools, _, worker) =
        go_with(&phone.browser, phone.url(), &format!("{WATCH_RANDOMNESS}; {WATCH_STORAGE}")).await?;
    phone.found("Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    phone.browser.open(TITLE).await?;
    phone.browser.reads(SECRET).await?;

    // What the Worker drew and still holds: seeds of keys, and values that others may know.
    let keys = keys_drawn(&mut tools, &worker).await?;
    let before = tools.scan_memory(&worker, &[keys.clone(), texts()].concat()).await?;
    assert!(before["title"] > 0 && before["content"] > 0, "control: title and text are in the wasm memory: {before:?}");
    // What lay in the database or went to the server as it is protects nothing: salts, nonces, names of things.
    let traffic = line.exchanges().into_iter().flat_map(|(asked, answer)| [asked.body, answer.body]);
    let open: Vec<u8> = traffic.chain([stored(&mut tools, &worker).await?]).flatten().collect();
    let secret = |key: &Needle| e2e::scan::occurrences(&open, &key.bytes) == 0;
    let (secret, public): (Vec<Needle>, Vec<Needle>) = keys.into_iter().partition(secret);
    assert!(!public.is_empty(), "control: of what is not secret some was drawn, and it is told apart");
    let held: Vec<Needle> = secret.into_iter().filter(|key| before[&key.name] > 0).collect();
    let processes = tools.renderers().await?;
    let everywhere = scan_processes(&processes, &held)?;
    assert!(!held.is_empty() && found(&everywhere).len() == held.len(), "control: so are keys: {everywhere:?}");
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
    // Of texts the browser keeps copies of its own in what it freed; keys never were anywhere but in the Worker.
    let after = scan_processes(&processes, &held)?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the whole memory of the process; before: {everywhere:?}");
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
    viewer.enter(&pair.site(), &code).await?;
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
    says_nothing_of(&phone.browser, &pair.line, words).await?;
    // The profile on disk, the database of the phone among it.
    phone.lock().await?;
    let database = holds_nothing_of(&phone.browser, words, "listing.sealed")?;
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
    phone.reopen().await?;
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
