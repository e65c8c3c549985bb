//! Pictures of the phone's screens that are reached by way of "More", and of phone and screen side by side.

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use e2e::browser::Chromium;
use serde_json::json;

use crate::camera::Camera;
use crate::phone::{Look, Views};

/// What the two of them show while a record is looked at, in `docs/images/`.
const BOTH: [&str; 3] = ["Heart rate, 9 to 15 November", "Blood tests and pressure, one year", "Ramipril"];

impl Views<'_> {
    /// What comes before there is an account here.
    pub(crate) async fn of_the_ways_in(&mut self) -> Result<()> {
        let browser = &self.phone.browser;
        browser.tap("to-join").await?;
        browser.screen("join").await?;
        self.of("join").await?;
        browser.go(self.phone.url()).await?;
        browser.screen("start").await?;
        browser.tap("restore").await?;
        browser.screen("restore").await?;
        self.of("restore").await?;
        browser.tap("restore-leave").await?;
        browser.screen("start").await
    }

    /// A measurement, typed and looked at.
    pub(crate) async fn of_a_measurement(&mut self) -> Result<()> {
        let browser = &self.phone.browser;
        self.phone.go("add").await?;
        self.type_pressure().await?;
        let again = "document.getElementById('what-measure').click()";
        self.with("measurement", Look { again, there: "#measure-go", dense: true }).await?;
        // Another language has drawn the screen anew.
        self.type_pressure().await?;
        browser.tap("measure-go").await?;
        browser.lists("Blood pressure").await?;
        browser.open("Blood pressure").await?;
        self.of("measurement-kept").await?;
        browser.tap("replace").await?;
        browser.shows("#measure-go").await?;
        self.of("new-version").await
    }

    async fn type_pressure(&self) -> Result<()> {
        let browser = &self.phone.browser;
        browser.tap("what-measure").await?;
        browser.write("measure-systolic_blood_pressure", "128").await?;
        browser.write("measure-diastolic_blood_pressure", "82").await
    }

    /// What is reached by way of "More", and the inbox.
    pub(crate) async fn of_the_places(&mut self) -> Result<()> {
        let browser = &self.phone.browser;
        self.phone.go("inbox").await?;
        self.dense("inbox").await?;
        self.phone.more("sessions").await?;
        browser.shows(".happenings li").await?;
        self.dense("sessions").await?;
        browser.run("document.querySelector('.happenings li button').click()").await?;
        browser.shows("#verdict").await?;
        self.dense("trail").await?;
        self.phone.more("kit").await?;
        self.of("kit").await?;
        browser.tap("kit-draw").await?;
        browser.shows("#kit-kept").await?;
        self.of("kit-pages").await?;
        browser.tap("kit-discard").await?;
        self.phone.more("settings").await?;
        self.dense("settings").await?;
        self.phone.more("devices").await?;
        self.dense("devices").await?;
        browser.tap("devices-link").await?;
        browser.screen("link").await?;
        self.dense("link").await?;
        browser.tap("link-square").await?;
        browser.shows("#link-cancel").await?;
        self.of("link-square").await?;
        browser.tap("link-cancel").await?;
        browser.shows("#link-digits").await
    }

    /// Phone and screen while a record is looked at, in one picture: the first of the README.
    pub(crate) async fn of_both(&mut self, viewer: &Chromium, site: &str) -> Result<()> {
        self.phone.lend_to(viewer, site, &BOTH).await?;
        viewer.open("Ramipril").await?;
        viewer.open(BOTH.first().context("a title")?).await?;
        viewer.shows(".chart").await?;
        self.phone.browser.shows(".lent .viewing").await?;
        self.camera.resize(Some((390, 780))).await?;
        let phone = self.camera.still().await?;
        let mut screen = Camera::across(viewer).await?;
        screen.resize(Some((1120, 760))).await?;
        let screen = screen.still().await?;
        self.phone.browser.tap("end").await?;
        self.phone.over().await?;

        let canvas = Chromium::start().await?;
        canvas.go("about:blank").await?;
        let shown = json!([screen, phone]);
        let script = format!(
            "const [screen, phone] = {shown}; document.body.style.cssText = 'margin:0;background:#e7e9e6;position:relative;width:1400px;height:780px'; \
             const put = (bytes, css) => {{ const e = new Image(); e.src = 'data:image/png;base64,' + bytes; e.style.cssText = 'position:absolute;border-radius:14px;box-shadow:0 8px 30px #0004;' + css; document.body.append(e); return e.decode(); }}; \
             Promise.all([put(screen, 'left:28px;top:50px;width:1000px'), put(phone, 'right:28px;top:50px;width:318px;border:8px solid #1b1f1e;border-radius:34px')]).then(() => done('drawn'))"
        );
        canvas.run_async(&script).await?;
        let mut camera = Camera::across(&canvas).await?;
        camera.flat((1400, 780)).await?;
        let picture = Base64::decode_vec(&camera.still().await?).context("a picture that is no base64")?;
        self.camera.keep("phone-and-screen", &picture)
    }
}
