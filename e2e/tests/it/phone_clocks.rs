//! A wall clock that somebody sets under the phone page: row 60. Set back, it gives no time and takes none. Set ahead, which is
//! what a machine that slept looks like, it ends the code and the look that are there; whatever begins after that has its time.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::phone::Phone;
use e2e::record::TITLE;
use e2e::wait::until;

use crate::phone::Pair;
use crate::phone_attacks::begun;

in_both!(
    t060_a_clock_that_is_set_back_under_the_phone_gives_no_time_and_takes_none,
    t060_a_clock_that_is_set_ahead_under_the_phone_ends_what_is_there_and_nothing_that_begins_later,
);

const DAY: i64 = 86_400_000;

/// Behind the address of a page whose Worker has a clock that can be set.
const CLOCKED: &str = "?clocked";

/// Sets the wall clock when it is told to, and tells what it shows.
const CLOCK: &str = "{ const real = Date.now, told = new BroadcastChannel('clock'); let off = 0; Date.now = () => real() + off; \
    addEventListener('message', event => { if (event.data.off === undefined) return; event.stopImmediatePropagation(); \
      off = event.data.off; told.postMessage(Date.now()) }) }";

/// Puts at the root of the page how far the Worker's clock was from its own when it was set last.
const DISTANCE: &str = "new BroadcastChannel('clock').onmessage = ({ data }) => { document.documentElement.dataset.off = data - Date.now() }";

/// Two open windows and a phone whose clock can be set.
async fn clocked(kind: Kind) -> Result<Pair<Browser>> {
    let pair = Pair::with(kind).await?;
    let browser = &pair.phone.browser;
    browser.run_first(DISTANCE).await?;
    browser.run_first_in_worker(CLOCKED, CLOCK).await?;
    browser.go(&format!("{}{CLOCKED}", pair.phone.url())).await?;
    pair.phone.unlock().await?;
    browser.lists(TITLE).await?;
    Ok(pair)
}

/// Sets the clock of the Worker off by so much, and sees that it is.
async fn set(browser: &Browser, off: i64) -> Result<()> {
    let tell = "delete document.documentElement.dataset.off; window.postMessage({ toWorker: { off: OFF } }, '*')";
    browser.run(&tell.replace("OFF", &off.to_string())).await?;
    until("control: the Worker's clock is set", async || {
        let told = browser.value("Number(document.documentElement.dataset.off ?? 'NaN')").await.ok()?.as_i64()?;
        ((told - off).abs() < 60_000).then_some(())
    })
    .await
}

/// The clock on the screen goes on.
async fn time_goes_on(phone: &Phone<Browser>) -> Result<()> {
    let before = phone.seconds_left().await?;
    until("time goes on", async || phone.seconds_left().await.ok().filter(|left| *left < before)).await.map(drop)
}

/// Sets the clock, and sees that the time on the screen goes on by what went by.
async fn set_back(phone: &Phone<Browser>, off: i64) -> Result<()> {
    let (before, begun) = (phone.seconds_left().await?, Instant::now());
    set(&phone.browser, off).await?;
    let left = until("time goes on", async || phone.seconds_left().await.ok().filter(|left| *left < before)).await?;
    let (gone, real) = (u64::from(before - left), begun.elapsed().as_secs());
    // What stood there may have been drawn a while before.
    ensure!(gone <= real + 10, "{gone} s of the clock in {real} s");
    Ok(())
}

async fn is_used_up(pair: &Pair<Browser>, code: &str) -> Result<()> {
    let stranger = Chromium::start().await?;
    stranger.enter(&pair.site(), code).await?;
    stranger.failure().await.map(drop)
}

async fn t060_a_clock_that_is_set_back_under_the_phone_gives_no_time_and_takes_none(kind: Kind) -> Result<()> {
    let pair = clocked(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    // While a code is shown, while the question is, and while the look runs.
    let code = phone.lend(&[TITLE, "Shopping"]).await?;
    set_back(phone, -DAY).await?;
    ensure!(phone.code().await? == code, "the code that was there");
    let words = phone.asked_by(viewer, &pair.site(), &code).await?;
    set_back(phone, -2 * DAY).await?;
    phone.pick(&words).await?;
    phone.browser.shows("#end").await?;
    viewer.open(TITLE).await?;
    pair.mirrored(TITLE, "On their screen").await?;
    set_back(phone, -3 * DAY).await?;
    viewer.open("Shopping").await?;
    pair.mirrored("Shopping", "On their screen").await.context("nothing of it is lost")?;
    let before = phone.seconds_left().await?;
    phone.browser.tap("extend").await?;
    until("fifteen minutes more", async || phone.seconds_left().await.ok().filter(|left| *left > before + 14 * 60))
        .await?;
    is_used_up(&pair, &code).await?;

    phone.browser.tap("end").await?;
    let over = phone.over().await?;
    ensure!(over.contains("2 openings") && over.contains("The server has deleted what it held for it."), "{over}");
    viewer.reason().await?;
    ensure!(begun(&pair.line) == 1, "one look, by one code");
    Ok(())
}

async fn t060_a_clock_that_is_set_ahead_under_the_phone_ends_what_is_there_and_nothing_that_begins_later(
    kind: Kind,
) -> Result<()> {
    let pair = clocked(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    // Control: without it a code stands there, and its time goes on.
    let first = phone.lend(&[TITLE]).await?;
    time_goes_on(phone).await?;
    set(&phone.browser, DAY).await?;
    let over = phone.over().await?;
    ensure!(over.contains("This code's two minutes are over."), "{over}");
    is_used_up(&pair, &first).await?;
    ensure!(begun(&pair.line) == 0, "and nothing came of it");

    // Set right again: the next code has its two minutes, and they go by.
    set(&phone.browser, 0).await?;
    phone.browser.tap("again").await?;
    let second = phone.code().await?;
    ensure!(second != first, "no code comes twice");
    time_goes_on(phone).await.context("after a clock that was ahead")?;
    phone.answer(viewer, &pair.site(), &second).await?;
    viewer.open(TITLE).await?;
    pair.mirrored(TITLE, "On their screen").await?;
    time_goes_on(phone).await?;
    set(&phone.browser, DAY).await?;
    viewer.reason().await?;
    let over = phone.over().await?;
    ensure!(over.contains("1 opening") && over.contains("The server has deleted what it held for it."), "{over}");
    is_used_up(&pair, &second).await?;

    set(&phone.browser, 0).await?;
    phone.browser.tap("over-close").await?;
    phone.browser.shows("#lend-go").await?;
    let third = phone.lend(&[TITLE]).await?;
    phone.answer(viewer, &pair.site(), &third).await.context("nothing is lost by it")?;
    time_goes_on(phone).await?;
    viewer.open(TITLE).await?;
    phone.browser.tap("end").await?;
    phone.over().await?;
    ensure!(begun(&pair.line) == 2, "two looks, by two of three codes");
    Ok(())
}
