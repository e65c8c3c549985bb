//! One phone in two windows: nothing is lost, and nothing is usable twice.

use anyhow::{Context as _, Result, ensure};
use e2e::browser::{Chromium, Kind};

use crate::phone::{Pair, TITLE};
use crate::phone_attacks::begun;

in_both!(
    two_windows_show_a_code_each_and_one_that_is_answered_is_answered_alone,
    a_look_goes_on_while_another_window_locks_and_is_over_in_both_when_that_ends_it,
);

async fn two_windows_show_a_code_each_and_one_that_is_answered_is_answered_alone(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer, driver) = (&pair.phone, &pair.viewer, &pair.phone.browser.driver);
    let first = driver.window().await?;
    let one = phone.lend(&[TITLE]).await?;
    // Side by side: a code that leaves the screen is burnt.
    let second = driver.new_window().await?;
    driver.switch_to_window(second.clone()).await?;
    phone.load("locked").await?;
    phone.unlock().await?;
    phone.browser.lists(TITLE).await?;
    let other = phone.lend(&["Shopping"]).await?;
    ensure!(one != other, "a code of its own");

    viewer.go(&pair.site()).await?;
    viewer.type_code(&one).await?;
    let words = viewer.words().await?;
    ensure!(phone.code().await? == other, "the other window is asked nothing");
    driver.switch_to_window(first.clone()).await?;
    ensure!(phone.pairs().await?.contains(&words));
    phone.pick(&words).await?;
    phone.browser.shows("#end").await?;
    ensure!(viewer.titles().await? == [TITLE]);

    // The one that was answered is used up; the other one is good, once.
    let stranger = Chromium::start().await?;
    stranger.go(&pair.site()).await?;
    stranger.type_code(&one).await?;
    stranger.failure().await?;
    stranger.type_code(&other).await?;
    let words = stranger.words().await?;
    driver.switch_to_window(second).await?;
    phone.pairs().await?;
    phone.pick(&words).await?;
    phone.browser.shows("#end").await?;
    ensure!(stranger.titles().await? == ["Shopping"], "what was ticked in that window, and nothing of the other");
    phone.browser.tap("end").await?;
    phone.over().await?;
    stranger.reason().await?;
    stranger.go(&pair.site()).await?;
    stranger.type_code(&other).await?;
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
    let first = driver.window().await?;
    pair.lend(&[TITLE, "Shopping"]).await?;
    let second = driver.new_window().await?;
    driver.switch_to_window(second.clone()).await?;
    phone.load("locked").await?;
    phone.unlock().await?;
    phone.lock().await?;
    driver.switch_to_window(first.clone()).await?;
    phone.browser.shows("#end").await?;
    viewer.open(TITLE).await.context("the keys of the other window are its own")?;
    pair.mirrored(TITLE, "On their screen").await?;

    driver.switch_to_window(second).await?;
    phone.unlock().await?;
    phone.go("more").await?;
    phone.browser.tap("more-sessions").await?;
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
