//! What others write to an account, on the phone page: it waits, is looked at, and is approved or rejected.

use anyhow::{Context as _, Result};
use e2e::browser::{Browser, Kind};
use e2e::device::{Device, field};
use e2e::phone::Phone;
use e2e::proxy::Proxy;
use e2e::server::Server;
use e2e::wait::until;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::phone::with_line_and;

in_both!(
    a_phone_approves_one_record_of_a_writer_and_rejects_another_and_every_device_knows,
    t035_many_that_wait_are_one_entry_and_no_question,
);

const RESULT: &str = "<b>4.2</b> mmol/l, pay 10\u{202E}0001 EUR";

/// Two devices of one account: a terminal, and a phone page that is still locked.
pub(crate) struct Family {
    pub(crate) tablet: Device,
    pub(crate) phone: Phone<Browser>,
    /// What stands between them and the server.
    pub(crate) line: Proxy,
    pub(crate) server: Server,
}

impl Family {
    pub(crate) async fn with(browser: impl Future<Output = Result<Browser>>) -> Result<Self> {
        Self::at(browser, &[]).await
    }

    /// The same at a server with these settings: `name=value`.
    pub(crate) async fn at(browser: impl Future<Output = Result<Browser>>, settings: &[&str]) -> Result<Self> {
        let (server, line) = with_line_and(settings).await?;
        let tablet = Device::create(&line.url()).await?;
        let phone = Phone::beside(&tablet, "Phone", browser.await?).await?;
        Ok(Self { tablet, phone, line, server })
    }
}

/// Writes a record to the account of a device, as somebody who holds its card.
pub(crate) async fn write(device: &Device, from: &str, title: &str, content: &str) -> Result<()> {
    write_all(device, from, &[title.to_owned()], content).await
}

/// The same once for each title, some at a time.
pub(crate) async fn write_all(device: &Device, from: &str, titles: &[String], content: &str) -> Result<()> {
    let card = field(device.run(&["card"]).await?.first().context("no card")?, "card")?;
    let key = device.folder().join("writer.key").display().to_string();
    let one = async |title: &str| -> Result<()> {
        let file = device.folder().join(format!("{title}.txt"));
        tokio::fs::write(&file, content).await?;
        let file = file.display().to_string();
        device.run(&["write", "--to", &card, "--from", from, "--title", title, "--key", &key, &file]).await?;
        Ok(())
    };
    // The first makes the writer's key.
    let (first, others) = titles.split_first().context("nothing to write")?;
    one(first).await?;
    for some in others.chunks(4) {
        try_join_all(some.iter().map(|title| one(title))).await?;
    }
    Ok(())
}

/// What another device says of each record: its title and its standing.
async fn standings(device: &Device) -> Result<Vec<(String, String)>> {
    let listed = device.run(&["ls"]).await?;
    let records = listed.iter().filter(|event| event.get("event") == Some(&json!("record")));
    records.map(|record| Ok((field(record, "title")?, field(record, "standing")?))).collect()
}

/// How many records wait in the inbox.
const WAITING: &str = "document.querySelectorAll('#held .happenings li').length";

/// Goes to the inbox and opens a record from there.
pub(crate) async fn look_at(phone: &Phone<Browser>, title: &str) -> Result<()> {
    phone.go("inbox").await?;
    phone.browser.shows("#held").await?;
    let open = format!(
        "document.getElementById('held').open = true; \
         [...document.querySelectorAll('#held li')].find(li => li.textContent.includes({})).querySelector('button').click()",
        json!(title)
    );
    phone.browser.run(&open).await?;
    phone.browser.screen("records").await?;
    phone.browser.shows(".decision").await?;
    let shown = "document.getElementById('record-title')?.textContent + document.getElementById('approve')?.disabled";
    phone.browser.becomes("the record on the screen", shown, format!("{title}false")).await
}

async fn a_phone_approves_one_record_of_a_writer_and_rejects_another_and_every_device_knows(kind: Kind) -> Result<()> {
    let family = Family::with(Browser::start(kind)).await?;
    let Family { tablet, phone, .. } = &family;
    write(tablet, "Clinic", "Result", RESULT).await?;
    write(tablet, "Shop", "Advert", "Buy!").await?;
    phone.reopen().await?;

    // Both wait, in one entry of the inbox, and the way there says so.
    phone.go("inbox").await?;
    phone.browser.reads("2 records wait for your decision").await?;
    assert_eq!(phone.browser.value(WAITING).await?, json!(2));
    let way = phone.browser.value("document.getElementById('nav-inbox').getAttribute('aria-label')").await?;
    assert!(way.as_str().is_some_and(|way| way.contains("2 records wait")), "{way}");

    // What is decided about is on the screen: as text, whatever it would draw.
    look_at(phone, "Result").await?;
    phone.browser.reads("From “Clinic”, not approved.").await?;
    // Whose it is stands there while it is still being opened.
    phone.browser.reads("mmol/l, pay 10").await?;
    let body = phone.browser.value("document.querySelector('.record-pane .body').textContent").await?;
    let body = body.as_str().context("a text")?;
    assert!(body.contains("<b>4.2</b> mmol/l, pay 10") && !body.contains('\u{202E}'), "{body:?}");
    assert_eq!(phone.browser.value("document.querySelector('.record-pane .body b')").await?, json!(null));
    // Both answers weigh the same.
    let boxes = "JSON.stringify(['approve', 'reject'].map(id => { const b = document.getElementById(id), s = getComputedStyle(b); \
                 return [b.offsetHeight, s.backgroundColor, s.fontWeight, s.color] }))";
    let boxes: Vec<Value> = serde_json::from_str(phone.browser.value(boxes).await?.as_str().context("boxes")?)?;
    assert_eq!(boxes[0], boxes[1]);
    phone.browser.tap("approve").await?;
    phone.browser.reads("From “Clinic”, approved.").await?;
    assert_eq!(phone.browser.value("document.querySelector('.decision').checkVisibility()").await?, json!(false));

    look_at(phone, "Advert").await?;
    phone.browser.tap("reject").await?;
    phone.browser.shows("dialog[open]").await?;
    phone.browser.tap("reject-yes").await?;
    until("the rejected record gone from the list", async || {
        (!phone.browser.titles().await.ok()?.iter().any(|title| title == "Advert")).then_some(())
    })
    .await?;
    phone.go("inbox").await?;
    phone.browser.becomes("nothing that waits", WAITING, 0).await?;
    assert_eq!(standings(tablet).await?, [("Result".to_owned(), "approved".to_owned())]);
    Ok(())
}

/// Row 35 of the catalogue, for writers: many that wait are one entry, which opens into a list.
async fn t035_many_that_wait_are_one_entry_and_no_question(kind: Kind) -> Result<()> {
    let family = Family::with(Browser::start(kind)).await?;
    let Family { tablet, phone, .. } = &family;
    for number in 0..12 {
        write(tablet, "Shop", &format!("Advert {number}"), "Buy!").await?;
    }
    phone.reopen().await?;
    phone.go("inbox").await?;
    phone.browser.reads("12 records wait for your decision").await?;
    let closed = "document.querySelectorAll('dialog, .notice').length === 0 && !document.getElementById('held').open";
    assert_eq!(phone.browser.value(closed).await?, json!(true), "one line, and nothing asks");
    phone.browser.run("document.querySelector('#held summary').click()").await?;
    phone.browser.shows("#reject-all").await?;
    phone.browser.tap("reject-all").await?;
    phone.browser.shows("dialog[open]").await?;
    phone.browser.reads("Reject all 12 records?").await?;
    phone.browser.tap("ask-yes").await?;
    phone.browser.reads("Nothing yet.").await?;
    assert!(standings(tablet).await?.is_empty());
    Ok(())
}
