//! Pictures of a browser that may delete the keys, and of a second device that comes into the account, with a passkey, while
//! the server shows another key than the account knows.

use std::path::Path;

use anyhow::Result;
use e2e::browser::Chromium;
use e2e::phone::Phone;
use e2e::server::Server;

use crate::camera::Camera;
use crate::lent::try_code;
use crate::phone::{Look, Views};

/// A browser that keeps nothing for good, however it is asked.
const FORGETFUL: &str = "StorageManager.prototype.persisted = StorageManager.prototype.persist = async () => false";

/// Returns how many pictures were taken.
pub(crate) async fn of_two_devices(folder: &Path) -> Result<usize> {
    let mut server = Server::named().await?;
    let url = server.named_url();
    let browser = Chromium::start().await?;
    browser.run_first(FORGETFUL).await?;
    let first = Phone::around(browser, &url).await?;
    first.found("Mara Lind").await?;
    first.add("Ramipril 5 mg", "One in the morning.").await?;
    first.add("Blood pressure, November", "128 / 82").await?;
    let mut camera = Camera::beside(&first.browser, folder).await?;
    let mut views = Views { phone: &first, camera: &mut camera };
    views.with("storage-warning", Look { there: "#unsafe-ask", dense: true, ..Look::default() }).await?;
    first.browser.tap("unsafe-ask").await?;
    first.browser.reads("The browser did not agree").await?;
    views.camera.take("storage-refused").await?;
    server.sign_with_another_key().await?;

    let second = Phone::blank(&url).await?;
    let _authenticator = second.browser.authenticator().await?;
    second.load("start").await?;
    camera.turn_to(&second.browser).await?;
    let mut views = Views { phone: &second, camera: &mut camera };
    let passkey = Look { there: "#quick", ..Look::default() };
    views.with("start-passkey", passkey).await?;
    second.browser.tap("restore").await?;
    second.browser.screen("restore").await?;
    views.with("restore-passkey", passkey).await?;
    second.browser.tap("restore-leave").await?;
    second.browser.screen("start").await?;
    second.browser.tap("to-join").await?;
    second.browser.screen("join").await?;
    views.with("join-passkey", Look { dense: true, ..passkey }).await?;

    first.begin_link().await?;
    first.browser.tap("link-digits").await?;
    let code = first.browser.told(".code-place .big-code", "textContent").await?;
    let ticked = "document.getElementById('quick').checked";
    second.browser.becomes("a passkey is offered", ticked, true).await?;
    second.browser.write("name", "Tablet").await?;
    second.type_new_passphrase().await?;
    second.browser.write("link-code", &code).await?;
    second.browser.tap("link-typed").await?;
    let words = second.browser.told(".big-words", "textContent").await?;
    views.of("join-words").await?;
    first.browser.shows("#link-approve").await?;
    try_code(&url, &code, "link").await?;
    first.browser.reads("Somebody tried this code again").await?;
    camera.turn_to(&first.browser).await?;
    let mut views = Views { phone: &first, camera: &mut camera };
    views.dense("link-asked").await?;
    first.choose_words(&words).await?;
    first.browser.tap("link-approve").await?;
    first.browser.shows("#link-close").await?;
    views.of("link-added").await?;

    second.browser.shows("#link-close").await?;
    camera.turn_to(&second.browser).await?;
    let mut views = Views { phone: &second, camera: &mut camera };
    views.dense("joined-other-server").await?;
    second.browser.tap("link-close").await?;
    second.browser.screen("records").await?;
    second.lock().await?;
    views.of("locked-passkey").await?;
    camera.done()
}
