//! Each linked device is woken when an agent begins to look, and when that is over, and reads in its inbox what it was.
//!
//! One phone page is in Firefox, which takes the provider of the test for its own; one in Chromium, whose subscription is the test's.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{AGENT, Desk, ORGANISATION, Place};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::device::NAME;
use e2e::phone::Phone;
use e2e::record::{SECRET, TITLE};
use serde_json::Value;

use crate::agents::{CASE, REASON, read};
use crate::phone_agents::{BEGAN, ENDED, about, told};
use crate::phone_push::{Waker, notified, permit, puts_away, shown, stub, subscribes};
use crate::push_provider::{Arrived, Provider, Subscription};

/// A desk at a server that pushes to this provider.
async fn desk(provider: &Provider) -> Result<Desk> {
    // One push a second for one device, so that nothing is waited for.
    let mut settings = provider.settings().await?;
    settings.push("limits.pushes_per_device=60".to_owned());
    let settings: Vec<&str> = settings.iter().map(String::as_str).filter(|word| *word != "--set").collect();
    let desk = Desk::at(Place::with(NAME, &settings).await?, Browser::start(Kind::Chromium)).await?;
    desk.hire().await?;
    desk.device.add_secret().await?;
    Ok(desk)
}

/// A phone page that is one more device of the account.
async fn phone<B: Borrow<Browser>>(desk: &Desk, name: &str, browser: B) -> Result<Phone<B>> {
    let phone = Phone::beside(&desk.device, name, browser).await?;
    phone.reopen().await?;
    phone.browser.borrow().lists(TITLE).await?;
    Ok(phone)
}

/// The two pushes that came, that of this subscription first. They say nothing of what it was.
async fn pushed(provider: &Provider, own: &Subscription) -> Result<[Arrived; 2]> {
    let (one, other) = (provider.next().await?, provider.next().await?);
    ensure!(one.path != other.path, "one for each: {} {}", one.path, other.path);
    let seen = format!("{one:?}{other:?}");
    for word in [NAME, AGENT, ORGANISATION, CASE, REASON, TITLE, SECRET] {
        ensure!(!seen.contains(word), "{word:?} in {seen}");
    }
    ensure!(one.body.len() == other.body.len(), "of one length");
    if one.path == own.path { Ok([one, other]) } else { Ok([other, one]) }
}

/// Where there is a Firefox.
mod firefox {
    use super::*;

    #[tokio::test]
    async fn every_linked_device_is_woken_when_an_agent_looks_and_when_that_is_over() -> Result<()> {
        let provider = Provider::start().await?;
        let subscription = Subscription::at(&provider)?;
        let desk = desk(&provider).await?;
        let laptop = desk.device.another("Laptop").await?;
        let first = phone(&desk, "Phone", Browser::firefox(&provider.preferences()).await?).await?;
        let browser = Chromium::start().await?;
        browser.run_first(&stub(&subscription)).await?;
        let second = phone(&desk, "Tablet", browser).await?;
        permit(&second.browser, &desk.url()).await?;
        subscribes(&first, &desk.server, provider.origin.as_bytes()).await?;
        subscribes(&second, &desk.server, subscription.path.as_bytes()).await?;
        let mut waker = Waker::of(&second.browser, &desk.url()).await?;
        let (first_browser, second_browser): (&Browser, &Browser) = (&first.browser, &second.browser);
        for browser in [first_browser, second_browser] {
            assert_eq!(shown(browser).await?, Vec::<Value>::new(), "control: nothing has happened");
        }
        ensure!(about(&laptop.run(&["inbox"]).await?).is_empty(), "control: nothing has happened");

        let mut ids = BTreeSet::new();
        let mut lending = desk.lend(CASE, REASON, &[]).await?;
        read(&desk.portal.browser).await?;
        for (told_as, words) in [("agent-looks", BEGAN), ("agent-looked", ENDED)] {
            if told_as == "agent-looked" {
                lending.end().await?;
            }
            let [own, _] = pushed(&provider, &subscription).await.context(told_as)?;
            let said = subscription.open(&own)?;
            ensure!(said.len() == 16 && ids.insert(said.clone()), "an id that stands for nothing but itself");
            notified(first_browser).await.with_context(|| format!("{told_as} in Firefox"))?;
            waker.deliver(second_browser, &said).await?;
            notified(second_browser).await.with_context(|| format!("{told_as} in Chromium"))?;
            // What it was stands in the account.
            told(&first, words).await?;
            told(&second, words).await?;
            assert_eq!(about(&laptop.run(&["inbox"]).await?), [told_as]);
            puts_away(first_browser).await?;
            puts_away(second_browser).await?;
        }
        Ok(())
    }
}
