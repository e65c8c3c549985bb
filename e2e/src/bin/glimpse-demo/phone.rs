//! The phone page: the story for a person to play, and pictures of each of its screens.

use anyhow::Result;
use e2e::browser::Chromium;
use e2e::device::Device;
use e2e::phone::{Phone, TERMINAL_PASSPHRASE};
use e2e::program::root;
use e2e::server::Server;
use serde_json::json;

use crate::camera::{CLOSE, Camera};
use crate::desk::lending_to_an_agent;
use crate::joining::of_two_devices;
use crate::wrist::of_the_watch;
use crate::{add_sample, enter};

/// What to do, in which window.
pub(crate) async fn attended() -> Result<()> {
    let server = Server::start().await?;
    let url = server.url();
    println!(
        "
You need two windows: one is your phone, the other is a screen that is not yours (a private window will do).

  1. Phone:  open {url}/device
             found an account: a name, and a passphrase that you remember for a minute
  2. Phone:  \"Add\" two or three records: write something, or choose files of {}
  3. Phone:  \"Lend a look\", tick what may be seen, \"Show a code\"
  4. Screen: open {url} and type the code
  5. Phone:  pick the two words that stand on the screen, \"Approve\"
  6. Screen: open a record, ask for more time, ask for a record; the phone shows each of it as it happens
  7. Phone:  answer, and \"End it now\": the screen is empty at once
  8. Phone:  reload: it is locked, and opens with the passphrase
  9. Watch:  \"More\", \"Open the watch\": link it by the code that it shows; it lends as well, and \"Who is looking\" ends
             what the phone lends

Press Enter here when you are done: the server stops, and everything that it held is gone.",
        root()?.join("examples").display()
    );
    enter().await
}

/// Every screen in its colours, sizes and directions.
pub(crate) async fn unattended() -> Result<()> {
    let folder = root()?.join("target/demo-phone");
    let server = Server::start().await?;
    let device = Device::named(&server.url(), "Mara Lind").await?;
    add_sample(&device).await?;
    let url = server.url();
    let (mut phone, viewer) = tokio::try_join!(Phone::blank(&url), Chromium::start())?;
    let mut camera = Camera::new(&phone.browser, &folder).await?;
    let mut views = Views { phone: &phone, camera: &mut camera };
    views.of("start").await?;
    views.of_the_ways_in().await?;

    // The account of the terminal goes on here, with the sample record in it: as another device, so that the terminal can go on.
    let second = device.another("Phone").await?;
    phone.move_in(&second).await?;
    let mut views = Views { phone: &phone, camera: &mut camera };
    phone.load("locked").await?;
    views.of("locked").await?;
    phone.type_passphrase("not the right one").await?;
    phone.browser.shows("#trouble .notice").await?;
    views.of("wrong-passphrase").await?;
    phone.type_passphrase(TERMINAL_PASSPHRASE).await?;
    phone.browser.lists("For the appointment").await?;
    views.dense("records").await?;
    phone.browser.open("For the appointment").await?;
    views.dense("record").await?;
    views.of_a_dialog("delete", "delete").await?;
    views.close().await?;
    phone.go("add").await?;
    views.of("add").await?;
    phone.go("more").await?;
    views.of("more").await?;

    phone.go("lend").await?;
    phone.tick(&["For the appointment", "Ramipril"]).await?;
    views.dense("choose").await?;
    views.of_what_is_found().await?;
    views.of_fields_to_withhold().await?;
    phone.browser.tap("lend-go").await?;
    let code = phone.code().await?;
    views.dense("code").await?;
    let words = phone.asked_by(&viewer, &server.url(), &code).await?;
    views.dense("asking").await?;
    phone.pick(&words).await?;
    phone.browser.shows("#end").await?;
    viewer.open("Ramipril").await?;
    phone.browser.shows(".lent .viewing").await?;
    views.dense("running").await?;
    viewer.run("document.querySelector('details.ask').open = true").await?;
    viewer.write("ask", "the letter from the cardiologist\u{e007}").await?;
    phone.browser.shows("#give-record").await?;
    views.of("asked-for-a-record").await?;
    phone.browser.tap("give-record").await?;
    let again = "document.querySelector('#more-box[hidden]') && document.getElementById('more-open').click()";
    views.with("lend-more", Look { again, there: "#lend-more", dense: true }).await?;
    phone.browser.tap("end").await?;
    phone.over().await?;
    views.of("over").await?;
    viewer.reason().await?;
    phone.browser.tap("again").await?;
    phone.code().await?;
    phone.browser.tap("cancel").await?;
    phone.over().await?;
    views.of("broken-off").await?;
    phone.browser.tap("over-close").await?;
    views.of_a_measurement().await?;
    views.of_the_places().await?;
    views.of_a_caller(&viewer, &url).await?;
    views.of_both(&Chromium::start().await?, &server.url()).await?;
    views.of_the_held(&device).await?;
    for language in ["en", "ar"] {
        of_the_watch(&mut camera, &url, language).await?;
    }
    let own = camera.done()?;
    let joined = of_two_devices(&folder).await?;
    let pictures = [own, joined, lending_to_an_agent(&folder).await?].iter().sum::<usize>();

    println!("\n{pictures} screenshots in target/demo-phone/\n");
    println!("{}", json!({ "demo": "phone, headless", "screenshots": pictures }));
    Ok(())
}

/// A phone as most are held, in CSS pixels.
const HELD: (u32, u32) = (390, 780);

/// Pictures of a screen from all sides.
pub(crate) struct Views<'a> {
    pub(crate) phone: &'a Phone,
    pub(crate) camera: &'a mut Camera,
}

/// How a screen is looked at.
#[derive(Clone, Copy, Default)]
pub(crate) struct Look<'a> {
    /// Dark and narrow, dark and mirrored as well: for those with much on them.
    pub(crate) dense: bool,
    /// Brings back what goes when another language draws the screen anew.
    pub(crate) again: &'a str,
    /// What the screen is not whole without.
    pub(crate) there: &'a str,
}

impl Views<'_> {
    pub(crate) async fn of(&mut self, screen: &str) -> Result<()> {
        self.with(screen, Look::default()).await
    }

    pub(crate) async fn dense(&mut self, screen: &str) -> Result<()> {
        self.with(screen, Look { dense: true, ..Look::default() }).await
    }

    pub(crate) async fn with(&mut self, screen: &str, look: Look<'_>) -> Result<()> {
        self.ready(look).await?;
        self.camera.take_sizes(screen, Some(HELD), look.dense).await?;
        self.phone.browser.speak("ar").await?;
        self.ready(look).await?;
        self.camera.narrow().await?;
        let mirrored = format!("{screen}-ar");
        if look.dense {
            self.camera.take_both(&mirrored).await?
        } else {
            self.camera.take(&mirrored).await?
        }
        self.phone.browser.speak("en").await?;
        self.ready(look).await?;
        self.camera.resize(Some(HELD)).await
    }

    async fn ready(&self, look: Look<'_>) -> Result<()> {
        self.phone.browser.run(look.again).await?;
        if look.there.is_empty() { Ok(()) } else { self.phone.browser.shows(look.there).await }
    }

    /// A question in a dialog, which a button brings up. It stays open.
    pub(crate) async fn of_a_dialog(&mut self, screen: &str, opener: &str) -> Result<()> {
        let again = format!("{CLOSE}; document.getElementById({})?.click()", json!(opener));
        self.with(screen, Look { again: &again, there: "dialog[open]", dense: true }).await
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.phone.browser.run(CLOSE).await.map(drop)
    }
}
