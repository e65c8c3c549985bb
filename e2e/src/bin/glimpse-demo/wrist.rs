//! Pictures of the watch in use, in 200 x 200. It is dark by day and night, and speaks the language of its browser.

use anyhow::Result;
use e2e::browser::Chromium;
use e2e::phone::Phone;
use e2e::worn::Worn;
use serde_json::json;

use crate::camera::Camera;

const TITLES: [&str; 3] = ["Ramipril 5 mg", "Blood pressure", "Letter of the cardiologist, November"];

/// Each of its screens, from the first to the end of a look, and who is looking by way of the phone.
pub(crate) async fn of_the_watch(camera: &mut Camera, url: &str, language: &str) -> Result<()> {
    let (phone, viewer) = tokio::try_join!(Phone::with_account(url, "Mara Lind"), Chromium::start())?;
    for title in TITLES {
        phone.add(title, "One in the morning.").await?;
    }
    let worn = Worn::opened(phone).await?;
    let face = worn.face().await?;
    camera.turn_to(face).await?;
    camera.scaled((200, 200), 2).await?;
    let speaks =
        format!("Object.defineProperty(Navigator.prototype, 'languages', {{ get: () => [{}] }})", json!(language));
    face.run_first(&speaks).await?;
    worn.load("").await?;
    let [first, ..] = TITLES;
    let named = |screen: &str| format!("watch-{screen}-{language}");
    camera.take(&named("start")).await?;
    worn.linked().await?;
    face.reads(first).await?;
    camera.take(&named("face")).await?;
    let code = worn.lend(first).await?;
    camera.take(&named("code")).await?;
    viewer.enter(url, &code).await?;
    let words = viewer.words().await?;
    face.shows(".word-choice button").await?;
    camera.take(&named("words")).await?;
    worn.pick(&words).await?;
    camera.take(&named("approve")).await?;
    face.tap("approve").await?;
    face.shows("#end").await?;
    viewer.open(first).await?;
    camera.take(&named("time-left")).await?;
    viewer.press("more-time").await?;
    face.shows("#give").await?;
    camera.take(&named("asked")).await?;
    face.tap("end").await?;
    face.shows("#over-close").await?;
    camera.take(&named("end")).await?;
    face.tap("over-close").await?;

    worn.page().await?.lend_to(&viewer, url, &[first]).await?;
    worn.face().await?.tap("looks").await?;
    face.shows(".looks .danger").await?;
    camera.take(&named("who-is-looking")).await?;
    face.tap("looks-back").await?;
    face.tap("lock").await?;
    face.screen("locked").await?;
    camera.take(&named("locked")).await
}
