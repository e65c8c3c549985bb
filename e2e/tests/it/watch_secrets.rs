//! What is left of the watch's page in the browser: row 90. In Chromium alone, as the phone's.

use anyhow::Result;
use e2e::browser::Chromium;
use e2e::phone::Phone;
use e2e::worn::{PIN, Worn};
use serde_json::json;

use crate::phone::{SECRET, TITLE, with_line};
use crate::phone_memory::{holds_nothing_of, says_nothing_of};

/// A phone with a record, and its watch.
async fn worn(url: &str) -> Result<Worn> {
    let phone = Phone::with_account(url, "Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    Worn::opened(phone).await
}

#[tokio::test]
async fn t090_nothing_that_the_watch_keeps_or_says_can_be_read_without_the_pin() -> Result<()> {
    let (server, line) = with_line().await?;
    let worn = worn(&line.url()).await?;
    worn.linked().await?;
    let viewer = Chromium::start().await?;
    let code = worn.lend_to(&viewer, &server.url(), TITLE).await?;
    viewer.open(TITLE).await?;
    let face = worn.face().await?;
    face.reads("1 opening").await?;
    face.tap("end").await?;
    face.shows("#over-close").await?;
    let words = [SECRET, TITLE, PIN, &code];

    let stored = "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, name])";
    assert_eq!(
        face.value(stored).await?,
        json!(r#"["",{},{},null,"glimpse-watch"]"#),
        "beside the database and the name by which the phone page finds the window again"
    );
    says_nothing_of(face, &line, words).await?;
    face.tap("over-close").await?;
    face.tap("lock").await?;
    face.screen("locked").await?;
    worn.page().await?.lock().await?;
    let database = holds_nothing_of(&worn.phone.browser, words, "glimpse-watch")?;
    assert!(database, "control: the watch's database is on the disk, and its name can be read");
    Ok(())
}
