//! The screens of a look that goes well, in their sizes, colours and languages.

use anyhow::Result;
use e2e::browser::{Browser, Chromium};
use e2e::device::field;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::camera::Camera;

/// The first screen in its sizes, colours and languages, and a typing slip.
pub(crate) async fn views_of_the_entry(browser: &Chromium, camera: &mut Camera) -> Result<()> {
    camera.take("enter").await?;
    camera.scheme("dark").await?;
    camera.take("enter-dark").await?;
    camera.scheme("light").await?;
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
    until("the slip is forgotten", async || {
        let gone =
            "return document.getElementById('code').value === '' && !document.body.innerText.includes('typing slip')";
        (browser.run(gone).await.ok()? == json!(true)).then_some(())
    })
    .await
}

/// The session in its sizes and colours.
pub(crate) async fn views_of_the_session(browser: &Chromium, camera: &mut Camera, first: &Value) -> Result<()> {
    camera.scheme("dark").await?;
    browser.open(&field(first, "title")?).await?;
    camera.take("session-dark").await?;
    camera.scheme("light").await?;
    camera.narrow().await?;
    of_both_colours(camera, "record-phone").await?;
    browser.run("document.querySelector('.record-head .close')?.click()").await?;
    of_both_colours(camera, "session-phone").await?;
    camera.resize(None).await?;
    for language in ["de", "ar", "en"] {
        browser.speak(language).await?;
        if language != "en" {
            browser.open(&field(first, "title")?).await?;
            of_both_colours(camera, &format!("session-{language}")).await?;
            camera.narrow().await?;
            of_both_colours(camera, &format!("record-phone-{language}")).await?;
            camera.resize(None).await?;
        }
    }
    Ok(())
}

/// The words that two people compare, in their sizes, colours and languages.
pub(crate) async fn views_of_the_words(browser: &Browser, camera: &mut Camera) -> Result<()> {
    of_both_colours(camera, "compare-words").await?;
    browser.speak("ar").await?;
    camera.narrow().await?;
    of_both_colours(camera, "compare-words-phone-ar").await?;
    browser.speak("en").await?;
    camera.resize(None).await
}

async fn of_both_colours(camera: &mut Camera, name: &str) -> Result<()> {
    camera.take(name).await?;
    camera.scheme("dark").await?;
    camera.take(&format!("{name}-dark")).await?;
    camera.scheme("light").await
}

/// The page of the end, in its sizes and colours.
pub(crate) async fn views_of_the_end(camera: &mut Camera) -> Result<()> {
    camera.take("ended").await?;
    camera.scheme("dark").await?;
    camera.take("ended-dark").await?;
    camera.scheme("light").await?;
    camera.narrow().await?;
    camera.take("ended-phone").await?;
    camera.end_in("ar").await?;
    camera.take("ended-phone-ar").await?;
    camera.resize(None).await
}

/// Waits until the picture, the chart or the document that a kind of record brings is there.
pub(crate) async fn drawn(browser: &Chromium, kind: &str) -> Result<()> {
    let there = match kind {
        "image" => "const i = document.querySelector('.image img'); return !!i?.complete && i.naturalWidth > 0",
        "pdf" => "return !!document.querySelector('iframe.pdf')",
        "series" => "return !!document.querySelector('.plot path, .plot rect')",
        _ => "return document.querySelector('.record-pane .body').innerText.length > 20",
    };
    until("the content", async || (browser.run(there).await.ok()? == json!(true)).then_some(())).await
}
