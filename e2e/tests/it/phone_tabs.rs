//! One phone in two windows: nothing is lost, and nothing is usable twice.

use anyhow::{Context as _, Result, ensure};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::device::field;
use e2e::phone::Phone;
use e2e::record::{SECRET, TITLE};
use e2e::wait::until;
use serde_json::json;
use thirtyfour::WindowHandle;

use crate::phone::Pair;
use crate::phone_attacks::begun;
use crate::phone_writes::Family;

in_both!(
    two_windows_show_a_code_each_and_one_that_is_answered_is_answered_alone,
    a_look_goes_on_while_another_window_locks_and_is_over_in_both_when_that_ends_it,
    a_look_goes_on_while_another_window_takes_a_device_out_of_the_account,
);

/// Opens the phone in one more window, unlocked, and goes there. Returns the first window and that one, which stand side by
/// side: a code that leaves the screen is burnt.
async fn in_another_window(phone: &Phone<Browser>) -> Result<[WindowHandle; 2]> {
    let driver = &phone.browser.driver;
    let windows = [driver.window().await?, driver.new_window().await?];
    driver.switch_to_window(windows[1].clone()).await?;
    phone.reopen().await?;
    Ok(windows)
}

async fn two_windows_show_a_code_each_and_one_that_is_answered_is_answered_alone(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer, driver) = (&pair.phone, &pair.viewer, &pair.phone.browser.driver);
    let one = phone.lend(&[TITLE]).await?;
    let [first, second] = in_another_window(phone).await?;
    phone.browser.lists(TITLE).await?;
    let other = phone.lend(&["Shopping"]).await?;
    ensure!(one != other, "a code of its own");

    viewer.enter(&pair.site(), &one).await?;
    let words = viewer.words().await?;
    ensure!(phone.code().await? == other, "the other window is asked nothing");
    driver.switch_to_window(first.clone()).await?;
    ensure!(phone.pairs().await?.contains(&words));
    phone.pick(&words).await?;
    phone.browser.shows("#end").await?;
    viewer.lists(TITLE).await?;
    ensure!(viewer.titles().await? == [TITLE]);

    // The one that was answered is used up; the other one is good, once.
    let stranger = Chromium::start().await?;
    stranger.enter(&pair.site(), &one).await?;
    stranger.failure().await?;
    stranger.type_code(&other).await?;
    let words = stranger.words().await?;
    driver.switch_to_window(second).await?;
    phone.pairs().await?;
    phone.pick(&words).await?;
    phone.browser.shows("#end").await?;
    stranger.lists("Shopping").await?;
    ensure!(stranger.titles().await? == ["Shopping"], "what was ticked in that window, and nothing of the other");
    phone.browser.tap("end").await?;
    phone.over().await?;
    stranger.reason().await?;
    stranger.enter(&pair.site(), &other).await?;
    stranger.failure().await?;
    ensure!(begun(&pair.line) == 2, "two looks, by two codes");

    viewer.open(TITLE).await.context("the first goes on")?;
    driver.switch_to_window(first).await?;
    pair.mirrored(TITLE, "On their screen").await?;
    phone.browser.tap("end").await?;
    phone.over().await?;
    viewer.reason().await.map(drop)
}

async fn a_look_goes_on_while_another_window_locks_and_is_over_in_both_when_that_ends_it(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer, driver) = (&pair.phone, &pair.viewer, &pair.phone.browser.driver);
    pair.lend(&[TITLE, "Shopping"]).await?;
    let [first, second] = in_another_window(phone).await?;
    phone.lock().await?;
    driver.switch_to_window(first.clone()).await?;
    phone.browser.shows("#end").await?;
    viewer.open(TITLE).await.context("the keys of the other window are its own")?;
    pair.mirrored(TITLE, "On their screen").await?;

    driver.switch_to_window(second).await?;
    phone.unlock().await?;
    phone.more("sessions").await?;
    phone.browser.shows(".happenings .running .danger").await?;
    phone.browser.run("document.querySelector('.happenings .running .danger').click()").await?;
    phone.browser.shows("dialog[open]").await?;
    phone.browser.tap("ask-yes").await?;
    viewer.reason().await?;
    driver.switch_to_window(first).await?;
    phone.over().await?;
    ensure!(begun(&pair.line) == 1);
    Ok(())
}

async fn a_look_goes_on_while_another_window_takes_a_device_out_of_the_account(kind: Kind) -> Result<()> {
    let family = Family::with(Browser::start(kind)).await?;
    let Family { tablet, phone, line, server } = &family;
    phone.reopen().await?;
    phone.add("Shopping", "Milk and thread").await?;
    phone.add(TITLE, SECRET).await?;
    let listed = tablet.run(&["ls"]).await?;
    let record = listed.iter().find(|event| event.get("title") == Some(&json!(TITLE))).context("a record")?;
    let record = field(record, "record")?;
    tablet.run(&["show", &record]).await.context("control: a device of the account reads")?;
    let (viewer, driver) = (Chromium::start().await?, &phone.browser.driver);
    phone.lend_to(&viewer, &server.url(), &[TITLE, "Shopping"]).await?;
    viewer.open(TITLE).await?;

    let [first, second] = in_another_window(phone).await?;
    phone.more("devices").await?;
    phone.browser.shows("#main .devices .danger").await?;
    phone.browser.run("document.querySelector('#main .devices .danger').click()").await?;
    phone.browser.shows("dialog[open]").await?;
    phone.browser.tap("revoke-yes").await?;
    let gone = "document.querySelectorAll('#main .devices .gone-device').length === 1 && !document.getElementById('devices-link').disabled";
    phone.browser.becomes("the device is taken out", gone, true).await?;
    ensure!(tablet.refused(&["show", &record]).await? == "device-revoked", "the device is out at once");

    // The look is of a device that stays: it goes on as it was, and is still this window's to end.
    driver.switch_to_window(first).await?;
    phone.browser.shows("#end").await?;
    viewer.open("Shopping").await?;
    let opened = async || phone.lent_row("Shopping").await.ok()?.contains("On their screen").then_some(());
    until("the window that lends mirrors it", opened).await?;
    // More time is given under the account as it is now.
    let before = phone.seconds_left().await?;
    phone.browser.tap("extend").await?;
    let later = async || phone.seconds_left().await.ok().filter(|left| *left > before + 14 * 60);
    until("fifteen minutes more", later).await?;
    phone.browser.tap("end").await?;
    let over = phone.over().await?;
    ensure!(over.contains("2 openings") && over.contains("The server has deleted what it held for it."), "{over}");
    viewer.reason().await?;
    ensure!(begun(line) == 1);
    // And the other window, whose account is another one since, reads and lends.
    driver.switch_to_window(second).await?;
    phone.lend_to(&viewer, &server.url(), &[TITLE]).await?;
    viewer.open(TITLE).await?;
    ensure!(begun(line) == 2);
    Ok(())
}
