//! The screens of a look that goes well, in their sizes, colours and languages.

use anyhow::Result;
use e2e::browser::{Browser, Chromium};
use e2e::device::field;
use serde_json::Value;

use crate::camera::Camera;

/// The first screen in its sizes, colours and languages, and a typing slip.
pub(crate) async fn views_of_the_entry(browser: &Chromium, camera: &mut Camera) -> Result<()> {
    camera.take_both("enter").await?;
    camera.narrow().await?;
    camera.take("enter-phone").await?;
    camera.resize(None).await?;
    for language in ["de", "ar", "en"] {
        browser.speak(language).await?;
        if language != "en" {
            camera.take(&format!("enter-{language}")).await?;
        }
    }
    browser.show_facts().await?;
    camera.take("what-can-the-server-see").await?;
    browser.run("document.getElementById('facts').close()").await?;
    let field = browser.driver.find(thirtyfour::By::Id("code")).await?;
    field.send_keys("417 203 9181").await?;
    browser.reads("typing slip").await?;
    camera.take("enter-typing-slip").await?;
    // As a person empties it: WebDriver's own `clear` tells the page nothing, and its next drawing brings the slip back.
    browser
        .run(
            "const c = document.getElementById('code'); c.value = ''; c.dispatchEvent(new Event('input')); return true",
        )
        .await?;
    let gone = "document.getElementById('code').value === '' && !document.body.innerText.includes('typing slip')";
    browser.becomes("the slip is forgotten", gone, true).await
}

/// The session in its sizes and colours.
pub(crate) async fn views_of_the_session(browser: &Chromium, camera: &mut Camera, first: &Value) -> Result<()> {
    browser.open(&field(first, "title")?).await?;
    camera.take_dark("session-dark").await?;
    camera.narrow().await?;
    camera.take_both("record-phone").await?;
    browser.run("document.querySelector('.record-head .close')?.click()").await?;
    camera.take_both("session-phone").await?;
    camera.resize(None).await?;
    for language in ["de", "ar", "en"] {
        browser.speak(language).await?;
        if language != "en" {
            browser.open(&field(first, "title")?).await?;
            camera.take_both(&format!("session-{language}")).await?;
            camera.narrow().await?;
            camera.take_both(&format!("record-phone-{language}")).await?;
            camera.resize(None).await?;
        }
    }
    Ok(())
}

/// The words that two people compare, in their sizes, colours and languages.
pub(crate) async fn views_of_the_words(browser: &Browser, camera: &mut Camera) -> Result<()> {
    camera.take_both("compare-words").await?;
    browser.speak("ar").await?;
    camera.narrow().await?;
    camera.take_both("compare-words-phone-ar").await?;
    browser.speak("en").await?;
    camera.resize(None).await
}

/// The page of the end, in its sizes and colours.
pub(crate) async fn views_of_the_end(camera: &mut Camera) -> Result<()> {
    camera.take_both("ended").await?;
    camera.narrow().await?;
    camera.take("ended-phone").await?;
    camera.end_in("ar").await?;
    camera.take("ended-phone-ar").await?;
    camera.resize(None).await
}

/// Waits until the picture, the chart or the document that a kind of record brings is there.
pub(crate) async fn drawn(browser: &Chromium, kind: &str) -> Result<()> {
    let there = match kind {
        "image" => "(i => !!i?.complete && i.naturalWidth > 0)(document.querySelector('.image img'))",
        "pdf" => "!!document.querySelector('iframe.pdf')",
        "series" => "!!document.querySelector('.plot path, .plot rect')",
        _ => "document.querySelector('.record-pane .body').innerText.length > 20",
    };
    browser.becomes("the content", there, true).await
}
