//! What is left of the watch's page in the browser: row 90. In Chromium alone, as the phone's.

use anyhow::Result;
use e2e::browser::Chromium;
use e2e::phone::Phone;
use e2e::worn::{PIN, Worn};
use serde_json::json;

use crate::memory::files_below;
use crate::phone::{SECRET, TITLE, with_line};

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
    face.run("console.log('planted in the console')").await?;
    let console = face.console().await?.join("\n");
    assert!(console.contains("planted in the console"), "control");
    let traffic: Vec<u8> = line
        .exchanges()
        .into_iter()
        .flat_map(|(asked, answer)| [asked.path.into_bytes(), asked.body, answer.body].concat())
        .collect();
    let holds = |bytes: &[u8], word: &str| e2e::scan::occurrences(bytes, word.as_bytes()) > 0;
    assert!(holds(&traffic, "/v1/sessions"), "control: the traffic was seen");
    for word in words {
        assert!(!console.contains(word), "{word:?} is on the console");
        assert!(!holds(&traffic, word), "{word:?} went over the network");
        assert!(!face.driver.current_url().await?.as_str().contains(word));
    }
    face.tap("over-close").await?;
    face.tap("lock").await?;
    face.screen("locked").await?;
    worn.page().await?.lock().await?;
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
    let mut database = false;
    for file in files_below(worn.phone.browser.profile())? {
        let bytes = std::fs::read(&file).unwrap_or_default();
        database |= e2e::scan::occurrences(&bytes, &wide("glimpse-watch", u16::to_be_bytes)) > 0;
        for word in words {
            let forms = [word.as_bytes().to_vec(), wide(word, u16::to_le_bytes), wide(word, u16::to_be_bytes)];
            let there = forms.iter().any(|form| e2e::scan::occurrences(&bytes, form) > 0);
            assert!(!there, "{word:?} is in {}", file.display());
        }
    }
    assert!(database, "control: the watch's database is on the disk, and its name can be read");
    Ok(())
}
