//! Pictures of what the browser shows.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use base64ct::{Base64, Encoding as _};
use e2e::browser::Browser;
use e2e::device::field;
use e2e::devtools::{DevTools, Session};
use e2e::wait::until;
use serde_json::{Value, json};

/// As narrow as a phone comes.
pub(crate) const NARROW: (u32, u32) = (360, 740);
/// No picture is higher, in CSS pixels.
const HIGHEST: u32 = 3_000;

/// Takes away the dialog that is open, if one is.
pub(crate) const CLOSE: &str = "for (const dialog of document.querySelectorAll('dialog[open]')) dialog.remove()";

/// Takes pictures of what the browser shows.
pub(crate) struct Camera {
    pub(crate) tools: DevTools,
    pub(crate) page: Session,
    folder: PathBuf,
    /// Pictures that were in the folder already.
    before: usize,
    pub(crate) taken: Vec<String>,
    /// Screens that are wider than the narrowest, each after the picture that was taken last.
    wide: Vec<String>,
}

impl Camera {
    /// Keeps its pictures in a folder that it empties first.
    pub(crate) async fn new(browser: &Browser, folder: &Path) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        Self::beside(browser, folder).await
    }

    /// Keeps its pictures beside those of another camera.
    pub(crate) async fn beside(browser: &Browser, folder: &Path) -> Result<Self> {
        let camera = Self::across(browser).await?;
        Ok(Self { folder: folder.to_owned(), before: std::fs::read_dir(folder)?.count(), ..camera })
    }

    /// Looks at the window in which its browser stands, and keeps pictures with those that it has.
    pub(crate) async fn turn_to(&mut self, browser: &Browser) -> Result<()> {
        self.tools = browser.connect_devtools().await?;
        self.page = self.tools.page().await?;
        Ok(())
    }

    /// One that keeps nothing: what it sees goes into another picture.
    pub(crate) async fn across(browser: &Browser) -> Result<Self> {
        let mut tools = browser.connect_devtools().await?;
        let page = tools.page().await?;
        Ok(Self { tools, page, folder: PathBuf::new(), before: 0, taken: Vec::new(), wide: Vec::new() })
    }

    /// Takes a picture once what is on the screen has come to rest: pictures take a moment to be drawn, and the
    /// browser's own viewer of PDF a second, in a process of its own.
    pub(crate) async fn take(&mut self, name: &str) -> Result<()> {
        let picture = self.at_rest(Duration::from_millis(if name.starts_with("pdf") { 1500 } else { 100 })).await?;
        self.keep_text(name, &picture)
    }

    /// What is on the screen once it has come to rest, in base64; it is kept nowhere.
    pub(crate) async fn still(&mut self) -> Result<String> {
        self.at_rest(Duration::from_millis(300)).await
    }

    async fn at_rest(&mut self, rest: Duration) -> Result<String> {
        let start = Instant::now();
        let mut picture = self.shoot().await?;
        let mut since = Instant::now();
        while since.elapsed() < rest && start.elapsed() < Duration::from_secs(8) {
            let next = self.shoot().await?;
            if next != picture {
                picture = next;
                since = Instant::now();
            }
        }
        Ok(picture)
    }

    /// Takes a picture of what is on the screen now, also while it moves.
    pub(crate) async fn snap(&mut self, name: &str) -> Result<()> {
        let picture = self.shoot().await?;
        self.keep_text(name, &picture)
    }

    fn keep_text(&mut self, name: &str, picture: &str) -> Result<()> {
        let bytes = Base64::decode_vec(picture).map_err(|_| anyhow::anyhow!("a picture that is no base64"))?;
        self.keep(name, &bytes)
    }

    /// Keeps a picture that was taken in another way.
    pub(crate) fn keep(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let number = self.before.saturating_add(self.taken.len()).saturating_add(1);
        let file = format!("{number:03}-{name}.png");
        std::fs::write(self.folder.join(&file), bytes)?;
        self.taken.push(file);
        Ok(())
    }

    async fn shoot(&mut self) -> Result<String> {
        let picture = self.tools.call(Some(&self.page), "Page.captureScreenshot", json!({ "format": "png" })).await?;
        field(&picture, "data")
    }

    /// Shows the page in this size, one point a pixel.
    pub(crate) async fn flat(&mut self, size: (u32, u32)) -> Result<()> {
        self.scaled(size, 1).await
    }

    /// Shows the page in this size, so many points a pixel on each side.
    pub(crate) async fn scaled(&mut self, (width, height): (u32, u32), scale: u32) -> Result<()> {
        let params = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": false });
        self.tools.call(Some(&self.page), "Emulation.setDeviceMetricsOverride", params).await.map(drop)
    }

    /// Shows the page in another size; `None` gives the window's own back.
    pub(crate) async fn resize(&mut self, size: Option<(u32, u32)>) -> Result<()> {
        let (method, params) = match size {
            Some((width, height)) => (
                "Emulation.setDeviceMetricsOverride",
                json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true }),
            ),
            None => ("Emulation.clearDeviceMetricsOverride", json!({})),
        };
        self.tools.call(Some(&self.page), method, params).await?;
        Ok(())
    }

    /// Shows the page as narrow as [`NARROW`], and so high that the picture has all of it.
    pub(crate) async fn narrow(&mut self) -> Result<()> {
        let (width, height) = NARROW;
        self.resize(Some(NARROW)).await?;
        let _settled = self.still().await?;
        let sides = "(({ scrollWidth, scrollHeight }) => [scrollWidth, scrollHeight])(document.documentElement)";
        let measured: (u32, u32) = serde_json::from_value(self.value(sides).await?)?;
        if measured.0 > width {
            let last = self.taken.last().map(String::as_str).unwrap_or_default();
            self.wide.push(format!("{} pixels after {last}", measured.0));
        }
        self.resize(Some((width, measured.1.clamp(height, HIGHEST)))).await?;
        // What goes by the height of the screen has grown with it.
        let grown: (u32, u32) = serde_json::from_value(self.value(sides).await?)?;
        self.resize(Some((width, grown.1.clamp(height, HIGHEST)))).await
    }

    /// How many pictures were taken.
    ///
    /// # Errors
    /// When somebody would have to scroll a screen sideways.
    pub(crate) fn done(&self) -> Result<usize> {
        ensure!(self.wide.is_empty(), "wider than {} pixels: {:?}", NARROW.0, self.wide);
        Ok(self.taken.len())
    }

    /// What an expression of the page says, asked past WebDriver: it waits for a page that is on its way.
    pub(crate) async fn value(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "returnByValue": true });
        let said = self.tools.call(Some(&self.page), "Runtime.evaluate", params).await?;
        Ok(said.pointer("/result/value").cloned().unwrap_or_default())
    }

    /// Waits until an expression of the page says this.
    pub(crate) async fn sees(&mut self, expression: &str, wanted: &str) -> Result<()> {
        let what = format!("{expression} says {wanted}");
        let seen = until(&what, async || (self.value(expression).await.ok()? == wanted).then_some(())).await;
        let Err(error) = seen else { return Ok(()) };
        Err(error.context(format!("the page reads {}", self.value("document.body.innerText").await?)))
    }

    /// The page of the end in another language, which stands in its address: it has no list of them.
    pub(crate) async fn end_in(&mut self, language: &str) -> Result<()> {
        let place = format!("location.hash.replace(/;[a-z]*/, ';{language}')");
        self.value(&format!("location.replace({place}); location.reload()")).await?;
        self.sees("document.documentElement.lang", language).await
    }

    /// Loads a page of the portal, past WebDriver as well. One that is on its way elsewhere cannot be asked anything.
    pub(crate) async fn go(&mut self, url: &str) -> Result<()> {
        self.tools.call(Some(&self.page), "Page.navigate", json!({ "url": url })).await.map(drop)
    }

    /// Presses a button of the portal that leads to another page, until it says that it is on its way there. All in one
    /// question: the answer still comes when the next would not be heard any more.
    pub(crate) async fn leaves(&mut self, button: &str) -> Result<()> {
        let expression = format!(
            "new Promise((left) => {{
                const root = document.documentElement;
                const look = () => root.dataset.stage === 'leaving' && left('leaving');
                new MutationObserver(look).observe(root, {{ attributes: true }});
                {button}.click();
                look();
            }})"
        );
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let said = self.tools.call(Some(&self.page), "Runtime.evaluate", params).await?;
        ensure!(
            said.pointer("/result/value").is_some_and(|stage| stage == "leaving"),
            "the page does not leave: {said}"
        );
        Ok(())
    }

    /// Takes a picture in the dark, and makes it light again.
    pub(crate) async fn take_dark(&mut self, name: &str) -> Result<()> {
        self.scheme("dark").await?;
        self.take(name).await?;
        self.scheme("light").await
    }

    /// Takes a picture in the light, and one in the dark, whose name says so.
    pub(crate) async fn take_both(&mut self, name: &str) -> Result<()> {
        self.take(name).await?;
        self.take_dark(&format!("{name}-dark")).await
    }

    /// Takes pictures of a screen in this size and as narrow as a phone; of the latter one in the dark where `dense`. It stays narrow.
    pub(crate) async fn take_sizes(&mut self, screen: &str, size: Option<(u32, u32)>, dense: bool) -> Result<()> {
        self.resize(size).await?;
        self.take_both(screen).await?;
        self.narrow().await?;
        let narrow = format!("{screen}-360");
        if dense { self.take_both(&narrow).await } else { self.take(&narrow).await }
    }

    pub(crate) async fn scheme(&mut self, scheme: &str) -> Result<()> {
        // What moves for ever would never come to rest.
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]
            .map(|(name, value)| json!({ "name": name, "value": value }));
        let params = json!({ "features": features });
        self.tools.call(Some(&self.page), "Emulation.setEmulatedMedia", params).await?;
        Ok(())
    }
}
