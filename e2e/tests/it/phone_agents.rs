//! Agents, as the phone page tells of them: every linked device learns of every look that begins and ends.

use std::borrow::Borrow;

use anyhow::{Context as _, Result, ensure};
use e2e::agent::Desk;
use e2e::browser::{Browser, Kind};
use e2e::device::is;
use e2e::phone::Phone;
use e2e::record::TITLE;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::agent_screen::closes;
use crate::agents::{CASE, REASON, read};

in_both!(
    every_linked_device_learns_that_a_look_of_an_agent_began_and_ended,
    openings_that_are_used_up_are_said_on_the_phone_page_which_can_allow_more,
);

/// A desk, and a phone page that is a device of the customer's account and knows whom it pinned.
pub(crate) async fn with_phone(
    kind: Kind,
    browser: impl Future<Output = Result<Browser>>,
) -> Result<(Desk, Phone<Browser>)> {
    let desk = Desk::ready(kind).await?;
    let phone = Phone::beside(&desk.device, "Phone", browser.await?).await?;
    Ok((desk, phone))
}

/// Chooses records and an agent, and shows the code.
pub(crate) async fn code_for_agent(phone: &Phone<Browser>, titles: &[&str]) -> Result<String> {
    phone.go("lend").await?;
    phone.tick(titles).await?;
    to_agent(phone).await?;
    phone.browser.tap("lend-go").await?;
    phone.code().await
}

pub(crate) async fn to_agent(phone: &Phone<Browser>) -> Result<()> {
    phone.browser.shows("input[name=to][value=agent]").await?;
    phone.browser.run("document.querySelector('input[name=to][value=agent]').click()").await.map(drop)
}

/// The notices in the inbox of the page, once one of them says this.
pub(crate) async fn told<B: Borrow<Browser>>(phone: &Phone<B>, words: &str) -> Result<String> {
    phone.go("inbox").await?;
    let browser = phone.browser.borrow();
    until(&format!("the inbox says {words:?}"), async || {
        // As often as a person pulls at it.
        browser.run("dispatchEvent(new Event('online'))").await.ok()?;
        let shown = browser.value("document.querySelector('.inbox').innerText").await.ok()?;
        shown.as_str().filter(|shown| shown.contains(words)).map(str::to_owned)
    })
    .await
}

pub(crate) fn about(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().filter(|event| is(event, "notice")).filter_map(|event| event["kind"].as_str());
    kinds.filter(|kind| kind.starts_with("agent-")).collect()
}

pub(crate) const BEGAN: &str = "lent to an agent, who looks.";
pub(crate) const ENDED: &str = "The look of an agent at what";

async fn every_linked_device_learns_that_a_look_of_an_agent_began_and_ended(kind: Kind) -> Result<()> {
    let (desk, phone) = with_phone(kind, Browser::start(kind)).await?;
    desk.device.add_secret().await?;
    let third = desk.device.another("Laptop").await?;
    phone.reopen().await?;
    let before = told(&phone, "was linked by").await?;
    ensure!(!before.contains(BEGAN) && about(&third.run(&["inbox"]).await?).is_empty(), "control: {before}");

    // One device lends; the two others are told, while it goes on.
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    let began = told(&phone, BEGAN).await?;
    ensure!(!began.contains(ENDED), "control: it goes on: {began}");
    assert_eq!(about(&third.run(&["inbox"]).await?), ["agent-looks"]);
    read(&desk.portal.browser).await?;
    lending.end().await?;
    told(&phone, ENDED).await?;
    assert_eq!(about(&third.run(&["inbox"]).await?), ["agent-looked"]);
    desk.portal.over(None).await?;

    // The phone lends, and the others are told; of its own look it is told where it lends.
    desk.portal.press("#again").await?;
    desk.portal.sign_in("ready").await?;
    desk.portal.look(CASE, REASON).await?;
    let code = code_for_agent(&phone, &[TITLE]).await?;
    desk.portal.browser.type_code(&code).await?;
    phone.browser.tap("approve-agent").await?;
    phone.browser.shows("#end").await?;
    desk.portal.browser.screen("session").await?;
    for device in [&desk.device, &third] {
        assert_eq!(about(&device.run(&["inbox"]).await?), ["agent-looks"]);
    }
    phone.browser.tap("end").await?;
    phone.over().await?;
    for device in [&desk.device, &third] {
        let events = device.run(&["inbox"]).await?;
        assert_eq!(about(&events), ["agent-looked"]);
        let told = events.iter().find(|event| event["kind"] == "agent-looked").context("the end")?;
        assert_eq!(told["code"], json!("session-ended"));
    }
    let own = told_count(&phone).await?;
    assert_eq!(own, 1, "what this device lent itself is no news to it");
    Ok(())
}

/// How many looks the inbox of the page says have begun.
async fn told_count(phone: &Phone<Browser>) -> Result<usize> {
    Ok(told(phone, BEGAN).await?.matches(BEGAN).count())
}

async fn openings_that_are_used_up_are_said_on_the_phone_page_which_can_allow_more(kind: Kind) -> Result<()> {
    let (desk, phone) = with_phone(kind, Browser::start(kind)).await?;
    desk.device.add_secret().await?;
    phone.reopen().await?;
    phone.browser.lists(TITLE).await?;
    desk.portal.look(CASE, REASON).await?;
    let code = code_for_agent(&phone, &[TITLE]).await?;
    let agent = &desk.portal.browser;
    agent.type_code(&code).await?;
    phone.browser.tap("approve-agent").await?;
    phone.browser.shows("#budget").await?;
    agent.screen("session").await?;
    let spent = "document.getElementById('spent').hidden === false";
    assert_eq!(phone.browser.value(spent).await?, json!(false), "control: four are left");
    for _ in 0..4 {
        read(agent).await?;
        closes(agent).await?;
    }
    phone.browser.shows("#spent").await?;
    // What is asked for all the same is refused.
    agent.choose(TITLE).await?;
    agent.reads("The number of openings that was agreed is used up.").await?;
    closes(agent).await?;
    phone.browser.tap("allow").await?;
    phone.browser.reads("64 openings are left").await?;
    assert_eq!(phone.browser.value(spent).await?, json!(false), "there are more");
    read(agent).await?;
    phone.browser.reads("63 openings are left").await
}
