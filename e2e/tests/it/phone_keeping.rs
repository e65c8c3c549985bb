//! Whether the browser keeps what the phone page stores: asked for as soon as there is something to lose, and told while the
//! keys could go with it.

use anyhow::{Result, ensure};
use e2e::browser::{Browser, Kind};
use e2e::phone::Phone;
use e2e::server::Server;
use e2e::wait::until;
use serde_json::{Value, json};

in_both!(
    a_browser_that_keeps_what_is_stored_is_asked_and_nothing_is_warned_of,
    a_browser_that_may_delete_the_keys_is_warned_of_until_there_is_a_kit,
);

/// A phone whose browser gives this answer when it is asked to keep what is stored.
async fn answering(kind: Kind, server: &Server, answer: bool) -> Result<Phone<Browser>> {
    let browser = Browser::start(kind).await?;
    let answers = format!(
        "window.asked = 0; let kept = false; \
         StorageManager.prototype.persisted = async () => kept; \
         StorageManager.prototype.persist = async () => {{ window.asked += 1; kept = {answer}; return kept }};"
    );
    browser.run_first(&answers).await?;
    Phone::around(browser, &server.named_url()).await
}

async fn asked(phone: &Phone<Browser>) -> Result<Value> {
    phone.browser.value("window.asked").await
}

async fn warns(phone: &Phone<Browser>, wanted: bool) -> Result<()> {
    // The list has come, and with it what is known of a kit.
    let shown = "document.getElementById('unsafe')?.checkVisibility()";
    phone.browser.becomes(&format!("warned of it: {wanted}"), shown, wanted).await
}

async fn a_browser_that_keeps_what_is_stored_is_asked_and_nothing_is_warned_of(kind: Kind) -> Result<()> {
    let server = Server::named().await?;
    let phone = answering(kind, &server, true).await?;
    ensure!(asked(&phone).await? == json!(0), "there is nothing to keep");
    phone.found("Mara Lind").await?;
    match kind {
        Kind::Chromium => {
            until("it was asked", async || (asked(&phone).await.ok()? != json!(0)).then_some(())).await?;
        }
        // It asks the person, who reads first what for.
        Kind::Firefox => {
            warns(&phone, true).await?;
            ensure!(asked(&phone).await? == json!(0), "nobody is asked out of the blue");
            phone.browser.tap("unsafe-ask").await?;
        }
    }
    warns(&phone, false).await?;
    phone.add("Letter", "Dear reader").await?;
    // The offer of a kit comes when what is known of the account has come; beside it nothing is warned of.
    phone.browser.shows("#kit-card-go").await?;
    warns(&phone, false).await
}

async fn a_browser_that_may_delete_the_keys_is_warned_of_until_there_is_a_kit(kind: Kind) -> Result<()> {
    let server = Server::named().await?;
    let phone = answering(kind, &server, false).await?;
    phone.found("Mara Lind").await?;
    warns(&phone, true).await?;
    phone.browser.reads("This browser may delete what Glimpse keeps here").await?;
    phone.add("Letter", "Dear reader").await?;
    warns(&phone, true).await?;
    ensure!(phone.browser.value("document.getElementById('kit-card-go').checkVisibility()").await? == json!(false));
    phone.browser.tap("unsafe-ask").await?;
    phone.browser.reads("The browser did not agree").await?;
    ensure!(phone.browser.value("document.getElementById('unsafe-ask').hidden").await? == json!(true));
    // After a lock it is there again.
    phone.lock().await?;
    phone.unlock().await?;
    warns(&phone, true).await?;

    phone.browser.tap("unsafe-kit").await?;
    phone.browser.screen("kit").await?;
    phone.browser.tap("kit-draw").await?;
    phone.browser.shows("#kit-install").await?;
    phone.browser.tap("kit-kept").await?;
    phone.browser.tap("kit-install").await?;
    phone.browser.shows("#kit-made").await?;
    phone.go("records").await?;
    phone.browser.lists("Letter").await?;
    warns(&phone, false).await
}
