//! What people add on the phone page: measurements that become a chart, new versions, an account that a passkey opens.

use anyhow::Result;
use e2e::browser::{Browser, Kind};
use e2e::phone::Phone;
use e2e::server::Server;
use serde_json::json;

in_both!(measurements_become_a_chart_and_a_text_gets_a_new_version);

async fn measures(phone: &Phone<Browser>, upper: &str, lower: &str) -> Result<()> {
    phone.browser.write("measure-systolic_blood_pressure", upper).await?;
    phone.browser.write("measure-diastolic_blood_pressure", lower).await?;
    phone.browser.tap("measure-go").await
}

async fn measurements_become_a_chart_and_a_text_gets_a_new_version(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::with_account_in(kind, &server.url(), "Mara Lind").await?;
    phone.go("add").await?;
    phone.browser.tap("what-measure").await?;
    measures(&phone, "128", "999").await?;
    phone.browser.reads("Between").await?;
    for field in ["systolic", "diastolic"] {
        phone.browser.run(&format!("document.getElementById('measure-{field}_blood_pressure').value = ''")).await?;
    }
    // Before the next one, which is measured now.
    phone.browser.run("document.getElementById('measure-when').value = '2026-11-20T07:30'").await?;
    measures(&phone, "128", "82").await?;
    phone.browser.lists("Blood pressure").await?;
    phone.browser.open("Blood pressure").await?;
    phone.browser.reads("128").await?;
    phone.browser.tap("replace").await?;
    phone.browser.shows("#measure-go").await?;
    measures(&phone, "131", "84").await?;
    phone.browser.lists("Blood pressure").await?;
    phone.browser.open("Blood pressure").await?;
    phone.browser.shows(".chart").await?;
    phone.browser.reads("highest 131").await?;

    phone.add("Allergies", "nuts").await?;
    phone.browser.open("Allergies").await?;
    phone.browser.tap("replace").await?;
    phone.browser.shows("#add-go").await?;
    assert_eq!(phone.browser.value("document.getElementById('text').value").await?, json!("nuts"));
    phone.browser.write("text", "nuts and milk").await?;
    phone.browser.tap("add-go").await?;
    phone.browser.lists("Allergies").await?;
    phone.browser.open("Allergies").await?;
    phone.browser.reads("nuts and milk").await?;
    let rows = phone.browser.value("document.querySelectorAll('.record-row').length").await?;
    assert_eq!(rows, json!(2), "a new version is no other record");
    Ok(())
}

/// The same where a device comes into an account that is there already.
#[tokio::test]
async fn a_device_that_joined_with_a_passkey_opens_by_it() -> Result<()> {
    let server = Server::named().await?;
    let first = Phone::with_account(&server.named_url(), "Mara Lind").await?;
    let phone = Phone::blank(&server.named_url()).await?;
    let _authenticator = phone.browser.authenticator().await?;
    phone.load("start").await?;
    phone.browser.tap("to-join").await?;
    phone.browser.screen("join").await?;
    phone.browser.becomes("a passkey is offered", "document.getElementById('quick').checked", true).await?;
    phone.type_new_passphrase().await?;
    phone.browser.tap("link-digits").await?;
    let code = phone.browser.told(".code-place .big-code", "textContent").await?;
    first.take(&code).await?;
    let words = phone.browser.told(".big-words", "textContent").await?;
    first.choose_words(&words).await?;
    first.browser.tap("link-approve").await?;
    phone.browser.shows("#link-close").await?;
    phone.lock().await?;
    phone.browser.tap("gate-passkey").await?;
    phone.browser.screen("records").await
}

/// A device that can hold a passkey itself founds with one unless the person takes the tick away. In Chromium alone: of an
/// authenticator that is not there, only its debugger makes one that gives a secret for a passkey.
#[tokio::test]
async fn an_account_that_was_founded_with_a_passkey_opens_by_it() -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::blank(&server.named_url()).await?;
    let _authenticator = phone.browser.authenticator().await?;
    phone.load("start").await?;
    phone.browser.becomes("a passkey is offered", "document.getElementById('quick').checked", true).await?;
    phone.type_new_passphrase().await?;
    phone.browser.tap("gate-go").await?;
    phone.browser.screen("records").await?;
    phone.lock().await?;
    phone.browser.tap("gate-passkey").await?;
    phone.browser.screen("records").await?;
    phone.lock().await?;
    phone.unlock().await
}
