//! Desks that many use: nobody is enrolled in somebody else's place unasked, and where a passkey is demanded there is no other way.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{AGENT, Desk, Place};
use e2e::browser::{Browser, Kind};
use serde_json::{Value, json};

use crate::agents::kept;

in_both!(
    t063_where_a_passkey_is_demanded_no_way_around_it_is_offered,
    a_colleagues_link_names_who_is_enrolled_and_asks,
);

async fn t063_where_a_passkey_is_demanded_no_way_around_it_is_offered(kind: Kind) -> Result<()> {
    let place = Place::with("Alex Quintessence", &["agent_passkeys=true"]).await?;
    let desk = Desk::at(place, Browser::start(kind)).await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    portal.follow(&desk.organisation.invite(AGENT).await?).await?;
    let buttons = "[...document.querySelectorAll('.desk button')].map(b => b.innerText)";
    assert_eq!(browser.value(buttons).await?, json!(["Enrol with a passkey"]));
    if kind == Kind::Chromium {
        portal.press(".desk button.primary").await?;
        portal.stage("signed-out").await?;
        desk.organisation.issue().await?;
        portal.sign_in("ready").await.context("control: with one the agent gets in")?;
    }
    let control = Desk::blank(kind).await?;
    control.portal.follow(&control.organisation.invite(AGENT).await?).await?;
    let both = control.portal.browser.value(buttons).await?;
    assert_eq!(both, json!(["Enrol with a passkey", "Enrol without a passkey"]), "control");
    Ok(())
}

async fn a_colleagues_link_names_who_is_enrolled_and_asks(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    let first = kept(browser).await?;
    assert_eq!(first[0]["name"], AGENT);
    let link = desk.organisation.invite("Noor Haddad").await?;
    portal.follow(&link).await?;
    browser.reads(AGENT).await.context("it says who is enrolled")?;
    let buttons = "[...document.querySelectorAll('.desk button')].map(b => b.id)";
    assert_eq!(browser.value(buttons).await?, json!(["keep", "replace"]), "there is no way to enrol before that");
    portal.press("#keep").await?;
    portal.stage("signed-out").await?;
    assert_eq!(kept(browser).await?, first, "nothing was replaced");
    portal.sign_in("ready").await.context("control: who was enrolled still is")?;
    // The same link again, for whoever takes the place.
    portal.follow(&link).await?;
    portal.press("#replace").await?;
    portal.press(if kind == Kind::Chromium { ".replace .primary" } else { ".replace .plain" }).await?;
    portal.stage("signed-out").await?;
    let second = kept(browser).await?;
    assert_eq!(second.as_array().map(Vec::len), Some(1));
    ensure!(second[0]["agent"] != first[0]["agent"] && second[0]["name"] == Value::Null, "{second}");
    Ok(())
}
