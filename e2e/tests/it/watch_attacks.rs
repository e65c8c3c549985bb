//! Attacks on what people do with the watch's page: rows 66 and 95.

use anyhow::Result;
use e2e::browser::{Chromium, Kind};
use e2e::worn::PIN;
use serde_json::json;

use crate::ending::leave_and_come_back;
use crate::phone::{TITLE, with_line};
use crate::phone_attacks::HELPED;
use crate::phone_watch::worn;

in_both!(
    t066_back_to_the_watch_shows_a_locked_page,
    t095_no_field_of_the_watch_is_filled_in_checked_or_translated_by_the_browser,
);

async fn t066_back_to_the_watch_shows_a_locked_page(kind: Kind) -> Result<()> {
    let (_server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    worn.linked().await?;
    let face = worn.face().await?;
    // As a browser that is kept for the Back button sees it: the page empties itself before it is left, and begins anew
    // when it comes back.
    face.reads(TITLE).await?;
    face.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))").await?;
    assert_eq!(face.text().await?.trim(), "");
    face.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await?;
    worn.unlock().await?;
    face.reads(TITLE).await?;
    leave_and_come_back(face, &format!("{}/ended.html", line.url())).await?;
    face.screen("locked").await?;
    let html = face.value("document.documentElement.outerHTML").await?.to_string();
    assert!(!html.contains(TITLE) && !html.contains(PIN), "{html}");
    Ok(())
}

async fn t095_no_field_of_the_watch_is_filled_in_checked_or_translated_by_the_browser(kind: Kind) -> Result<()> {
    let (server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    let face = worn.face().await?;
    let translated = "[...document.querySelectorAll('.big-code, .long-code, .words, .word-choice button')].filter(e => e.translate).length";
    let look = async |screen: &str| -> Result<()> {
        assert_eq!(face.value(HELPED).await?, json!([]), "on {screen}");
        assert_eq!(face.value(translated).await?, json!(0), "a code or words on {screen}");
        Ok(())
    };
    face.tap("join-other").await?;
    look("start").await?;
    assert_eq!(face.value("document.querySelectorAll('input').length").await?, json!(3), "control: there are fields");
    worn.linked().await?;
    look("choose").await?;
    let code = worn.lend(TITLE).await?;
    look("code").await?;
    let viewer = Chromium::start().await?;
    viewer.go(&server.url()).await?;
    viewer.type_code(&code).await?;
    worn.pick(&viewer.words().await?).await?;
    look("asking").await?;
    worn.load("").await?;
    face.screen("locked").await?;
    look("locked").await?;
    // Control: what is left to the browser is found.
    let careless = "const words = document.createElement('p'); words.className = 'words'; \
        document.getElementById('main').append(document.createElement('textarea'), words)";
    face.run(careless).await?;
    assert_eq!(face.value(HELPED).await?, json!([""]));
    assert_eq!(face.value(translated).await?, json!(1));
    Ok(())
}
