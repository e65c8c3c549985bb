//! Whether the agents' portal can be used by those who do not see it, or have only keys or a small screen: the project's own
//! audit and axe-core, on each screen, in light and dark, wide and at 320 px, from left to right and from right to left.
//! Firefox is started once for the light and once for the dark.

use anyhow::Result;
use e2e::agent::{AGENT, Desk, approve};
use e2e::browser::{Browser, Kind};
use e2e::record::TITLE;
use serde_json::json;

use crate::access::Look;
use crate::agents::{CASE, REASON, read};
use crate::phone_access::axe;

in_both!(
    what_axe_core_would_say_of_the_portal_is_heard_with_axe,
    every_agent_can_enrol_and_sign_in_with_axe,
    every_agent_can_ask_look_and_end_with_axe,
    every_supervisor_can_read_the_ledger_with_axe,
);

/// Chromium looks in light and dark by turns.
const fn schemes(kind: Kind) -> &'static [bool] {
    match kind {
        Kind::Chromium => &[false],
        Kind::Firefox => &[false, true],
    }
}

async fn open(kind: Kind, dark: bool) -> Result<Browser> {
    match kind {
        Kind::Chromium => Browser::start(kind).await,
        Kind::Firefox => Browser::firefox_still(dark).await,
    }
}

async fn look_at(desk: &Desk, dark: bool) -> Result<Look<'_>> {
    Ok(Look::with_second(&desk.portal.browser, dark, axe()?).await?.down_to(320))
}

/// A screen in both directions.
async fn both_ways(desk: &Desk, look: &mut Look<'_>, name: &str) -> Result<()> {
    for language in ["ar", "en"] {
        desk.portal.browser.speak(language).await?;
        look.screen(&format!("agent-{name}-{language}")).await?;
    }
    Ok(())
}

async fn what_axe_core_would_say_of_the_portal_is_heard_with_axe(kind: Kind) -> Result<()> {
    let desk = Desk::blank(kind).await?;
    let mut look = look_at(&desk, false).await?;
    assert_eq!(look.audit().await?, Vec::<String>::new(), "control");
    let fault = "const image = new Image(); image.src = 'assets/x.svg'; document.getElementById('main').append(image); return true";
    assert_eq!(desk.portal.browser.run(fault).await?, json!(true));
    let found = look.audit().await?;
    assert!(found.iter().any(|each| each.starts_with("axe image-alt")), "{found:?}");
    Ok(())
}

async fn every_agent_can_enrol_and_sign_in_with_axe(kind: Kind) -> Result<()> {
    for &dark in schemes(kind) {
        let desk = Desk::around(open(kind, dark)).await?;
        let mut look = look_at(&desk, dark).await?;
        both_ways(&desk, &mut look, "stranger").await?;
        let link = desk.organisation.invite(AGENT).await?;
        desk.portal.browser.go("about:blank").await?;
        desk.portal.browser.go(&format!("{}#AAAA", desk.portal.url())).await?;
        desk.portal.problem().await?;
        both_ways(&desk, &mut look, "link-unreadable").await?;
        desk.portal.follow(&link).await?;
        both_ways(&desk, &mut look, "invited").await?;
        desk.portal.enrol(&link).await?;
        desk.portal.browser.run("document.querySelector('.desk details').open = true").await?;
        look.screen("agent-forget").await?;
        both_ways(&desk, &mut look, "signed-out").await?;
        desk.portal.sign_in("unvouched").await?;
        both_ways(&desk, &mut look, "unvouched").await?;
        desk.organisation.issue().await?;
        desk.portal.go_on().await?;
        desk.portal.stage("ready").await?;
        both_ways(&desk, &mut look, "ready").await?;
        desk.portal.go_on().await?;
        desk.portal.problem().await?;
        both_ways(&desk, &mut look, "ready-missing").await?;
        look.done();
    }
    Ok(())
}

async fn every_agent_can_ask_look_and_end_with_axe(kind: Kind) -> Result<()> {
    for &dark in schemes(kind) {
        let desk = Desk::around(open(kind, dark)).await?;
        desk.device.add_secret().await?;
        desk.hire().await?;
        let browser = &desk.portal.browser;
        let mut look = look_at(&desk, dark).await?;
        desk.portal.look(CASE, REASON).await?;
        both_ways(&desk, &mut look, "enter").await?;
        browser.type_code("417 203 9180").await?;
        browser.reads("typing slip").await?;
        look.screen("agent-enter-mistyped").await?;
        // As a person empties it.
        browser
            .run("const c = document.getElementById('code'); c.value = ''; c.dispatchEvent(new Event('input'))")
            .await?;
        let mut lending = desk.show_code(&[]).await?;
        browser.type_code(&lending.code).await?;
        browser.words().await?;
        both_ways(&desk, &mut look, "wait").await?;
        lending.event("agent").await?;
        lending.tell(json!({ "do": "decline" })).await?;
        desk.portal.problem().await?;
        both_ways(&desk, &mut look, "declined").await?;
        desk.portal.go_on().await?;
        browser.screen("enter").await?;
        let mut lending = desk.show_code(&[]).await?;
        browser.type_code(&lending.code).await?;
        approve(&mut lending).await?;
        browser.screen("session").await?;
        browser.lists(TITLE).await?;
        both_ways(&desk, &mut look, "session").await?;
        read(browser).await?;
        both_ways(&desk, &mut look, "record").await?;
        browser.tap("end").await?;
        browser.shows("#outcome-end").await?;
        both_ways(&desk, &mut look, "outcome").await?;
        browser.tap("outcome-end").await?;
        browser.reason().await?;
        look.screen("agent-ended").await?;
        desk.portal.press("#again").await?;
        desk.portal.sign_in("ready").await?;
        let mut lending = desk.lend(CASE, REASON, &[]).await?;
        lending.end().await?;
        browser.shows("#outcome-none").await?;
        both_ways(&desk, &mut look, "outcome-after").await?;
        look.done();
    }
    Ok(())
}

async fn every_supervisor_can_read_the_ledger_with_axe(kind: Kind) -> Result<()> {
    for &dark in schemes(kind) {
        let desk = Desk::around(open(kind, dark)).await?;
        desk.device.add_secret().await?;
        desk.portal.enrol(&desk.organisation.invite_supervisor(AGENT).await?).await?;
        desk.organisation.issue().await?;
        desk.portal.sign_in("ready").await?;
        let mut look = look_at(&desk, dark).await?;
        both_ways(&desk, &mut look, "ready-supervisor").await?;
        let mut lending = desk.lend(CASE, REASON, &[]).await?;
        lending.end().await?;
        desk.portal.over(None).await?;
        desk.portal.press("#again").await?;
        desk.portal.sign_in("ready").await?;
        desk.portal.press("#supervise").await?;
        desk.portal.stage("ledger").await?;
        desk.portal.browser.shows("#ledger-export").await?;
        both_ways(&desk, &mut look, "ledger").await?;
        desk.portal.press(".ledger-rows button").await?;
        desk.portal.browser.shows("#ledger-verdict").await?;
        both_ways(&desk, &mut look, "ledger-trail").await?;
        look.done();
    }
    Ok(())
}
