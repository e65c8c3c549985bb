//! The watch: a device without a network of its own, and a phone that may vanish at any time.
//!
//! The watch knows the server by an origin at which nobody answers (`e2e::watch::Nowhere`): all that it does, it does through
//! the phone's `glimpse relay`.

use anyhow::{Context as _, Result};
use e2e::browser::Chromium;
use e2e::device::{Device, Lending, field, is};
use e2e::record::SECRET;
use e2e::watch::Wrist;
use serde_json::{Value, json};

/// Lends from a device to a browser at the server's own page, until the session is on the screen.
async fn lend(wrist: &Wrist, device: &Device, browser: &Chromium) -> Result<(Lending, Value)> {
    let mut lending = device.lend(&["--everything", "--for", "10"]).await?;
    browser.enter(&wrist.server.url(), &lending.code).await?;
    let words = browser.words().await?;
    let granted = lending.approve(&words).await?;
    browser.screen("session").await?;
    Ok((lending, granted))
}

/// Waits until the device says whether it is connected.
async fn connected(lending: &mut Lending, up: bool) -> Result<()> {
    while lending.event("connection").await?.get("up") != Some(&json!(up)) {}
    Ok(())
}

#[tokio::test]
async fn a_watch_joins_looks_lends_and_ends_through_the_phone_alone() -> Result<()> {
    let wrist = Wrist::new().await?;
    let record = wrist.phone.add_bytes("note.txt", SECRET).await?;
    wrist.phone.add_bytes("other.txt", "Water the plants.").await?;
    let mut relay = wrist.relay().await?;
    let linked = wrist.link().await?;
    assert_eq!(field(&linked.asked, "name")?, "Wristlet");
    assert_eq!(field(&linked.asked, "serial")?, "SN-778-112");

    let listed = wrist.watch.run(&["ls"]).await?;
    assert_eq!(listed.iter().filter(|event| is(event, "record")).count(), 2, "{listed:?}");
    let shown = wrist.watch.run(&["show", &record]).await?;
    assert_eq!(field(shown.first().context("nothing is shown")?, "text")?, SECRET);

    let browser = Chromium::start().await?;
    let (mut lending, granted) = lend(&wrist, &wrist.watch, &browser).await?;
    let left = granted.get("expires_in").and_then(Value::as_u64).context("no time left")?;
    assert!((1..=600_000).contains(&left), "{left} ms are left of ten minutes");
    browser.open("note").await?;
    browser.reads(SECRET).await?;
    assert_eq!(field(&lending.event("opened").await?, "title")?, "note", "the receipt is on the watch");
    lending.tell(json!({ "do": "extend", "minutes": 15 })).await?;
    let more = lending.event("changed").await?.get("expires_in").and_then(Value::as_u64).context("no time left")?;
    assert!(more > left, "{more} ms after {left}");

    let ended = lending.end().await?;
    assert_eq!((ended.get("verified"), ended.get("told")), (Some(&json!(true)), Some(&json!(true))), "{ended}");
    assert_eq!(browser.reason().await?, "session-ended");
    assert!(!browser.text().await?.contains(SECRET));

    // Without the phone there is no way.
    relay.process.kill().await?;
    for command in [&["ls"][..], &["show", &record], &["sessions"], &["inbox"], &["lend", "--everything"]] {
        assert_eq!(wrist.watch.refused(command).await?, "server-unreachable", "{command:?}");
    }
    assert_eq!(wrist.nowhere.reached(), 0, "the watch never tried another way than the socket");
    let elsewhere = Device::blank(wrist.nowhere.origin()).await?;
    assert_eq!(elsewhere.refused(&["account", "create"]).await?, "server-unreachable");
    assert!(wrist.nowhere.reached() > 0, "control: a device with a network of its own tries the address");

    let _relay = wrist.relay().await?;
    wrist.watch.run(&["ls"]).await.context("control: with the phone there is")?;
    Ok(())
}

#[tokio::test]
async fn a_session_goes_on_when_the_phone_vanishes_and_comes_back() -> Result<()> {
    let wrist = Wrist::new().await?;
    wrist.phone.add_bytes("note.txt", SECRET).await?;
    wrist.phone.add_bytes("other.txt", "Water the plants.").await?;
    let mut relay = wrist.relay().await?;
    wrist.link().await?;
    let browser = Chromium::start().await?;
    let (mut lending, _) = lend(&wrist, &wrist.watch, &browser).await?;
    browser.open("note").await?;
    lending.event("opened").await?;

    relay.process.kill().await?;
    connected(&mut lending, false).await?;
    let _relay = wrist.relay().await?;
    connected(&mut lending, true).await?;
    browser.open("other").await?;
    browser.reads("Water the plants.").await?;
    assert_eq!(field(&lending.event("opened").await?, "title")?, "other", "receipts come again");
    let ended = lending.end().await?;
    assert_eq!(ended.get("told"), Some(&json!(true)), "{ended}");
    assert_eq!(browser.reason().await?, "session-ended");
    assert_eq!(wrist.nowhere.reached(), 0);
    Ok(())
}

#[tokio::test]
async fn a_pairing_ends_by_name_on_both_sides_when_the_phone_vanishes() -> Result<()> {
    let wrist = Wrist::new().await?;
    wrist.phone.add_bytes("note.txt", SECRET).await?;
    let mut relay = wrist.relay().await?;
    wrist.link().await?;
    let browser = Chromium::start().await?;
    let mut lending = wrist.watch.lend(&["--everything"]).await?;
    browser.enter(&wrist.server.url(), &lending.code).await?;
    browser.words().await?;
    lending.event("peer").await?;
    relay.process.kill().await?;
    assert!(browser.failure().await?.contains("The device is not connected."), "after ten seconds");
    let _relay = wrist.relay().await?;
    assert_eq!(field(&lending.event_last().await?, "code")?, "device-offline");
    assert!(!lending.process.ended().await?.success());

    let (mut lending, _) = lend(&wrist, &wrist.watch, &browser).await.context("control: the next code works")?;
    lending.end().await?;
    Ok(())
}

#[tokio::test]
async fn a_linking_ends_by_name_on_both_sides_when_the_phone_vanishes() -> Result<()> {
    let wrist = Wrist::new().await?;
    let mut relay = wrist.relay().await?;
    let socket = wrist.socket();
    let arguments = ["--phone", &socket, "--name", "Wristlet"];
    let mut meeting = wrist.phone.meet(&wrist.watch, &arguments).await?;
    relay.process.kill().await?;
    meeting.link.tell(json!({ "do": "cancel" })).await?;
    assert_eq!(field(&meeting.link.event_last().await?, "code")?, "declined");
    let mut relay = wrist.relay().await?;
    let told = field(&meeting.join.event_last().await?, "code")?;
    assert!(["declined", "code-used"].contains(&told.as_str()), "{told}");
    assert!(!meeting.join.process.ended().await?.success());
    assert_eq!(wrist.watch.refused(&["ls"]).await?, "no-account", "nothing is left of it");

    // Killed before there is anything: the watch says so at once.
    relay.process.kill().await?;
    let mut link = wrist.phone.begin(&["link", "--digits"])?;
    let code = field(&link.event("code").await?, "code")?;
    let join = [&["join", &code], &arguments[..]].concat();
    assert_eq!(wrist.watch.refused(&join).await?, "server-unreachable");
    link.tell(json!({ "do": "cancel" })).await?;
    assert_eq!(field(&link.event_last().await?, "code")?, "declined");

    let _relay = wrist.relay().await?;
    wrist.link().await.context("control: the next code links it")?;
    Ok(())
}
