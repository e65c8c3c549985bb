//! Who has no credential and talks a customer round, and a customer who hangs up in the middle: row 63, and what is left of row 67
//! when the device that lent is gone.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::agent::Desk;
use e2e::browser::{Browser, Kind};
use e2e::device::is;
use e2e::record::SECRET;
use e2e::wait::within;
use serde_json::json;

use crate::agents::{CASE, REASON, holds_nothing, read};

in_both!(
    t063_a_code_for_ones_own_screen_is_none_for_an_agent_and_the_other_way_round,
    t067_a_customer_who_hangs_up_in_the_middle_leaves_nothing_open,
);

async fn t063_a_code_for_ones_own_screen_is_none_for_an_agent_and_the_other_way_round(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    // "Choose my own screen": the code is none at the portal, where an agent would be somebody.
    let mut lending = desk.device.lend(&["--everything"]).await?;
    desk.portal.look(CASE, REASON).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    desk.portal.stage("ready").await?;
    let told = desk.portal.problem().await?;
    ensure!(told.contains("No device is showing"), "{told}");
    // Control: it is a code, for a screen that is nobody's. The device says that nobody can check what it is, and lends for two words.
    let own = Browser::start(kind).await?;
    own.enter(&desk.url(), &lending.code).await?;
    let words = own.words().await?;
    let peer = lending.event("peer").await?;
    ensure!(peer.get("name").is_none() && peer.get("organisation").is_none(), "nobody is vouched for: {peer}");
    // Whoever is told by telephone what to pick picks what stands on the caller's screen: not on one's own.
    lending.tell(json!({ "do": "decline" })).await?;
    lending.event_last().await?;
    own.failure().await?;
    ensure!(!own.text().await?.contains(SECRET) && !words.is_empty());

    // A code for an agent, typed where nobody is one.
    let lending = desk.show_code(&[]).await?;
    own.enter(&desk.url(), &lending.code).await?;
    let told = own.failure().await?;
    ensure!(told.contains("No device is showing"), "who is no agent gets no code for one: {told}");
    // Control: the agent gets it.
    desk.portal.look(CASE, REASON).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    desk.portal.browser.words().await.map(drop)
}

async fn t067_a_customer_who_hangs_up_in_the_middle_leaves_nothing_open(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    // Before the yes: the agent gets nothing, then or later.
    desk.portal.look(CASE, REASON).await?;
    let mut lending = desk.show_code(&[]).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    lending.event("agent").await?;
    lending.process.kill().await?;
    desk.portal.stage("ready").await?;
    desk.portal.problem().await?;
    ensure!(!desk.portal.browser.text().await?.contains(SECRET));

    // After it: what was lent stands until its time is over, and any device of the account ends it before.
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    read(&desk.portal.browser).await?;
    lending.process.kill().await?;
    let since = Instant::now();
    let ended = desk.device.run(&["end"]).await?;
    ensure!(ended.iter().any(|event| is(event, "end")), "it ran, and nobody else could have ended it: {ended:?}");
    within(Duration::from_secs(20), "the record is off the screen", async || {
        (!desk.portal.browser.text().await.ok()?.contains(SECRET)).then_some(())
    })
    .await?;
    ensure!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    desk.portal.over(None).await?;
    holds_nothing(&desk.portal.browser, &lending.code).await
}
