//! Desks that many use, and what an agent does with what was lent: signed out when nobody is there, enrolled in nobody's place unasked,
//! a value copied with where it is from, one more record, and what the customer changes meanwhile.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{AGENT, Desk, Place};
use e2e::browser::{Browser, Kind};
use e2e::device::{NAME, field};
use e2e::program::root;
use e2e::record::{SECRET, TITLE};
use e2e::wait::until;
use serde_json::{Value, json};

use crate::agents::{CASE, REASON, kept, read};

in_both!(
    t066_a_desk_that_nobody_touches_is_signed_out_and_says_so,
    t063_where_a_passkey_is_demanded_no_way_around_it_is_offered,
    a_colleagues_link_names_who_is_enrolled_and_asks,
    t095_a_copy_out_of_a_record_takes_along_where_it_is_from,
    an_agent_searches_reads_pictures_and_tables_and_asks_for_one_more,
);

/// Lets the clock of the desk's Worker be set on.
const CLOCK: &str = "{ const now = performance.now.bind(performance); let on = 0; performance.now = () => now() + on; \
    addEventListener('message', ({ data }) => { on += data?.on ?? 0 }) }";

async fn t066_a_desk_that_nobody_touches_is_signed_out_and_says_so(kind: Kind) -> Result<()> {
    let desk = Desk::blank(kind).await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    portal.enrol(&desk.organisation.invite(AGENT).await?).await?;
    desk.organisation.issue().await?;
    browser.run_first_in_worker("?clock", CLOCK).await?;
    let minutes = async |count: u32| {
        let on = count * 60_000;
        browser.run_async(&format!("postMessage({{ toWorker: {{ on: {on} }} }}, '*'); setTimeout(done, 1000)")).await
    };
    browser.go(&format!("{}?clock", portal.url())).await?;
    portal.sign_in("ready").await?;
    browser.write("case", CASE).await?;
    minutes(14).await?;
    assert_eq!(browser.value("document.documentElement.dataset.stage").await?, "ready", "control: not before");
    minutes(2).await?;
    portal.stage("signed-out").await?;
    let told = portal.problem().await?;
    assert!(told.contains("nobody has used this desk"), "{told}");
    let html = browser.value("document.documentElement.outerHTML").await?.to_string();
    assert!(!html.contains(CASE) && !html.contains("id=\"case\""), "what was typed is gone");
    let signs_out = |asked: &e2e::proxy::Asked| asked.method.as_str() == "DELETE" && asked.path == "/v1/agent";
    let told = || desk.line.exchanges().into_iter().find(|(asked, _)| signs_out(asked));
    let (asked, answer) = until("the server is told", async || told()).await?;
    assert!(answer.status.is_success());
    let token = asked.headers.get("authorization").context("a token")?.clone();
    let again = reqwest::Client::new().get(format!("{}/v1/agent", desk.server.url())).header("authorization", token);
    assert_eq!(again.send().await?.status().as_u16(), 401, "the token is none any more");
    // In the middle of a code as well: the field goes, and with it the Worker behind it.
    portal.sign_in("ready").await?;
    portal.look(CASE, REASON).await?;
    minutes(16).await?;
    portal.stage("signed-out").await?;
    assert_eq!(browser.value("document.getElementById('enter').hidden").await?, json!(true));
    Ok(())
}

async fn t063_where_a_passkey_is_demanded_no_way_around_it_is_offered(kind: Kind) -> Result<()> {
    let place = Place::with(NAME, &["agent_passkeys=true"]).await?;
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

const CONTROL: &str = "\u{e009}";

/// A field that WebDriver clears says nothing of it.
const CLEAR_SEARCH: &str =
    "const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input'))";

/// What is copied by the keys, with this selected, and what a field then gets by the keys.
async fn copied(browser: &Browser, selector: &str) -> Result<(Value, String)> {
    browser.run(CLEAR_SEARCH).await?;
    let select = "const e = document.querySelector(SELECTOR); e.tabIndex = -1; e.focus(); getSelection().selectAllChildren(e); \
        addEventListener('copy', c => (document.documentElement.dataset.copied = c.defaultPrevented), { once: true })";
    browser.run(&select.replace("SELECTOR", &json!(selector).to_string())).await?;
    let element = browser.driver.find(thirtyfour::By::Css(selector)).await?;
    element.send_keys(format!("{CONTROL}c")).await?;
    let prevented = until("a copy was made", async || {
        let told = browser.value("document.documentElement.dataset.copied ?? null").await.ok()?;
        told.as_str().map(|told| json!(told == "true"))
    })
    .await?;
    let search = browser.driver.find(thirtyfour::By::Id("search")).await?;
    search.send_keys(format!("{CONTROL}v")).await?;
    let text = until("it is pasted", async || {
        let text = browser.value("document.getElementById('search').value").await.ok()?;
        text.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    })
    .await?;
    browser.run("delete document.documentElement.dataset.copied").await?;
    Ok((prevented, text))
}

async fn t095_a_copy_out_of_a_record_takes_along_where_it_is_from(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    let record = json!({ "kept": SECRET, "gone": "The safe is behind the picture." });
    let id = desk.device.add_bytes(&format!("{TITLE}.json"), record.to_string()).await?;
    let _lending = desk.lend(CASE, REASON, &["--withhold", &format!("{id}:/gone")]).await?;
    let browser = &desk.portal.browser;
    browser.open(TITLE).await?;
    browser.reads(SECRET).await?;
    let (prevented, text) = copied(browser, ".record-pane .body").await?;
    for part in [SECRET, TITLE, NAME, CASE, "1 field was withheld"] {
        ensure!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert_eq!(prevented, json!(true));
    // Control: what is copied elsewhere on the page is as it was.
    let (prevented, text) = copied(browser, ".session .bar").await?;
    ensure!(text.contains(NAME) && !text.contains(TITLE) && !text.contains("Glimpse"), "{text:?}");
    assert_eq!(prevented, json!(false));
    Ok(())
}

async fn an_agent_searches_reads_pictures_and_tables_and_asks_for_one_more(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    for name in ["photo.jpg", "expenses.csv"] {
        desk.device.add(&root()?.join("examples").join(name)).await?;
    }
    let mut lending = desk.lend(CASE, REASON, &["--for", "10m"]).await?;
    read(browser).await?;
    for (name, there) in [
        ("photo", "(i => !!i?.complete && i.naturalWidth > 0)(document.querySelector('.image img'))"),
        ("expenses", "document.querySelectorAll('.body table tbody tr').length > 3"),
    ] {
        browser.write("search", name).await?;
        until("the list is what was searched for", async || (browser.titles().await.ok()? == [name]).then_some(()))
            .await?;
        browser.open(name).await?;
        browser.becomes(name, there, true).await?;
    }
    browser.run(CLEAR_SEARCH).await?;
    browser.lists(TITLE).await?;

    // The customer changes the time; the agent sees it.
    let left = async || {
        let text = browser.value("document.querySelector('.clock').innerText").await.ok()?;
        text.as_str()?.split(':').next()?.parse::<u64>().ok()
    };
    let before = left().await.context("a clock")?;
    ensure!((8..=10).contains(&before), "{before}");
    lending.tell(json!({ "do": "extend", "minutes": 15 })).await?;
    lending.event("changed").await?;
    let more = until("there is more time", async || left().await.filter(|left| *left > before + 2)).await?;
    lending.tell(json!({ "do": "shorten", "minutes": 5 })).await?;
    lending.event("changed").await?;
    until("there is less", async || (left().await? + 3 < more).then_some(())).await?;

    // One more, with a reason.
    let more = desk.device.add_bytes("march bill.txt", "The bill of March.").await?;
    ensure!(!browser.titles().await?.iter().any(|title| title.contains("march")), "control: it was not lent");
    browser.run("document.querySelector('.ask').open = true").await?;
    browser.write("ask", "the bill of March, to compare").await?;
    browser.run("document.querySelector('.ask button').click()").await?;
    assert_eq!(field(&lending.event("asked").await?, "text")?, "the bill of March, to compare");
    lending.tell(json!({ "do": "add", "records": [more] })).await?;
    lending.event("changed").await?;
    browser.open("march bill").await?;
    browser.reads("The bill of March.").await?;
    assert_eq!(field(&opened(&mut lending, "march bill").await?, "title")?, "march bill");
    assert_eq!(portal.end().await?, "session-ended");
    Ok(())
}

/// The opening of a record with this title, past those before it.
async fn opened(lending: &mut e2e::device::Lending, title: &str) -> Result<Value> {
    loop {
        let event = lending.event("opened").await?;
        if event["title"] == title {
            return Ok(event);
        }
    }
}
