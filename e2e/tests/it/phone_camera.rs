//! The camera of the phone page, before which a test holds a code, and files and photos that become records. Cameras in Chromium
//! alone: Firefox has no picture of the test's own for one.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use e2e::browser::{Chromium, Kind};
use e2e::device::{Device, field};
use e2e::phone::{PASSPHRASE, Phone};
use e2e::program::root;
use e2e::server::Server;
use e2e::wait::until;
use qrcodegen::{QrCode, QrCodeEcc};
use serde_json::json;
use thirtyfour::By;

in_both!(a_file_and_a_photo_become_records);

/// Every stream of a camera that the page gets, where the test can look at it.
const WATCHED: &str = "const own = MediaDevices.prototype.getUserMedia; window.streams = []; \
    MediaDevices.prototype.getUserMedia = async function (...wishes) { \
      const stream = await own.apply(this, wishes); window.streams.push(stream); return stream };";
const STATES: &str = "window.streams.flatMap(s => s.getTracks()).map(t => t.readyState)";
const SCANNER: &str = "performance.getEntriesByName(document.getElementById('scanner').href).length";

/// A film of one picture, in the plainest format that Chromium takes for a camera: a code, light around it.
fn film(path: &Path, text: &str) -> Result<()> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok().context("a code holds it")?;
    let (width, height) = (640_usize, 480_usize);
    let modules = usize::try_from(code.size())? + 8;
    let scale = (height - 40) / modules;
    let (left, top) = ((width - modules * scale) / 2, (height - modules * scale) / 2);
    let luma = (0..height).flat_map(|y| {
        let code = &code;
        (0..width).map(move |x| {
            let place = |at: usize, begin: usize| {
                at.checked_sub(begin).and_then(|at| i32::try_from(at / scale).ok()).map_or(-1, |module| module - 4)
            };
            if code.get_module(place(x, left), place(y, top)) { 16_u8 } else { 235 }
        })
    });
    let mut bytes = format!("YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\nFRAME\n").into_bytes();
    bytes.extend(luma);
    // No colour: both of its planes, at half the width and half the height.
    bytes.extend(std::iter::repeat_n(128_u8, width * height / 2));
    Ok(std::fs::write(path, bytes)?)
}

/// A phone whose camera sees a film, and whose person lets the page have it, or not.
async fn before(film: &Path, allowed: bool, server: &str) -> Result<Phone> {
    let film = format!("--use-file-for-fake-video-capture={}", film.display());
    // What is said of cameras for all pages: 1 is yes, 2 is no.
    let said = json!({ "profile.default_content_setting_values.media_stream_camera": if allowed { 1 } else { 2 } });
    let browser = Chromium::preferring(&["--use-fake-device-for-media-stream", &film], &said).await?;
    browser.run_first(WATCHED).await?;
    Phone::around(browser, server).await
}

#[tokio::test]
async fn a_phone_scans_a_code_that_links_it_and_the_camera_goes_off() -> Result<()> {
    let server = Server::start().await?;
    let device = Device::create(&server.url()).await?;
    let mut link = device.begin(&["link"])?;
    let shown = field(&link.event("code").await?, "qr")?;
    let folder = tempfile::tempdir()?;
    let picture = folder.path().join("code.y4m");
    film(&picture, &shown)?;

    let phone = before(&picture, true, &server.url()).await?;
    ensure!(phone.browser.value(SCANNER).await? == json!(0), "the scanner does not come with the page");
    phone.browser.tap("to-join").await?;
    phone.browser.screen("join").await?;
    ensure!(phone.browser.value(SCANNER).await? == json!(0), "nor with the screen, before a camera is on");
    let filled = async || {
        phone.browser.run("document.querySelector('.scan-go').click()").await?;
        until("the code is found", async || {
            let text = phone.browser.value("document.getElementById('link-code').value").await.ok()?;
            text.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        })
        .await
    };
    ensure!(filled().await? == shown, "what the code says");
    ensure!(phone.browser.value(SCANNER).await? == json!(1), "with the camera it has come");
    ensure!(phone.browser.value(STATES).await? == json!(["ended"]), "the camera is off");
    phone.browser.screen("join").await?;

    // Put away while it looks, it goes off as well, and nothing is found behind the person's back.
    phone.browser.run("document.getElementById('link-code').value = ''").await?;
    // Pressed twice it is asked for once: of two streams one would stay on.
    phone.browser.run("const go = document.querySelector('.scan-go'); go.click(); go.click()").await?;
    until("the camera is on", async || (phone.browser.value(STATES).await.ok()?[1] == json!("live")).then_some(()))
        .await?;
    phone.browser.run("document.querySelector('.scan-stage button').click()").await?;
    ensure!(phone.browser.value(STATES).await? == json!(["ended", "ended"]));
    filled().await?;

    phone.browser.write("passphrase", PASSPHRASE).await?;
    phone.browser.write("again", PASSPHRASE).await?;
    phone.browser.tap("link-typed").await?;
    let asked = link.event("asked").await?;
    phone.browser.shows(".big-words").await?;
    let words = phone.browser.value("document.querySelector('.big-words').textContent").await?;
    ensure!(asked["words"].as_array().is_some_and(|pairs| pairs.contains(&words)), "{words} and {asked}");
    link.tell(json!({ "do": "approve", "words": words })).await?;
    phone.browser.shows("#link-close").await?;
    phone.browser.tap("link-close").await?;
    phone.browser.screen("records").await
}

#[tokio::test]
async fn a_camera_that_is_refused_is_told_and_nothing_is_fetched_for_it() -> Result<()> {
    let server = Server::start().await?;
    let folder = tempfile::tempdir()?;
    let picture = folder.path().join("code.y4m");
    film(&picture, "a code that nobody sees")?;
    let phone = before(&picture, false, &server.url()).await?;
    phone.browser.tap("to-join").await?;
    phone.browser.screen("join").await?;
    phone.browser.run("document.querySelector('.scan-go').click()").await?;
    until("it is told", async || {
        let told = phone.browser.value("document.querySelector('.scan [role=status]').textContent").await.ok()?;
        told.as_str().is_some_and(|told| told.contains("does not let")).then_some(())
    })
    .await?;
    ensure!(phone.browser.value("window.streams.length").await? == json!(0));
    ensure!(phone.browser.value(SCANNER).await? == json!(0));
    Ok(())
}

async fn a_file_and_a_photo_become_records(kind: Kind) -> Result<()> {
    let server = Server::named().await?;
    let phone = Phone::with_account_in(kind, &server.named_url(), "Mara Lind").await?;
    let folder = tempfile::tempdir()?;
    let letter = folder.path().join("letter.txt");
    std::fs::write(&letter, "Dear reader")?;
    let photo = root()?.join("www/device/icon-192.png");
    for (id, file, name) in [("file", &letter, "letter"), ("photo", &photo, "icon-192")] {
        phone.go("add").await?;
        phone.browser.driver.find(By::Id(id)).await?.send_keys(file.display().to_string()).await?;
        phone.browser.reads(name).await?;
        phone.browser.write("title", name).await?;
        phone.browser.tap("add-go").await?;
        phone.browser.screen("records").await?;
        phone.browser.lists(name).await?;
    }
    let capture = "(n => { const i = document.getElementById(n); return [i.accept, i.capture] })('photo')";
    phone.browser.open("letter").await?;
    phone.browser.reads("Dear reader").await?;
    phone.go("records").await?;
    phone.browser.open("icon-192").await?;
    phone.browser.shows(".record-pane img").await?;
    phone.go("add").await?;
    let [accepts, held] = serde_json::from_value::<[String; 2]>(phone.browser.value(capture).await?)?;
    ensure!(accepts == "image/*" && (kind == Kind::Firefox || held == "environment"), "{accepts} {held}");
    Ok(())
}
