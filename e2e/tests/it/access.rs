//! Whether the page can be used by those who do not see it, or see it in their own way, or only have keys or a small screen:
//! names of all controls, contrast, focus, sizes, width, headings. Each screen is looked at in light and dark, wide and at
//! 360 px, in English and Arabic; a picture of each look is left in `target/tmp/access/`. In Firefox
//! too, but for the names.

use std::borrow::Borrow;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::device::field;
use e2e::devtools::{DevTools, Session};
use e2e::proxy::Honest;
use e2e::server::Server;
use e2e::stage::Stage;
use e2e::wait::until;
use serde_json::{Value, json};

const AUDIT: &str = include_str!("audit.js");

/// What must have a name, as the browser's accessibility tree calls it.
const NAMED: [&str; 14] = [
    "button",
    "link",
    "textbox",
    "searchbox",
    "combobox",
    "listbox",
    "option",
    "checkbox",
    "image",
    "progressbar",
    "dialog",
    "region",
    "Iframe",
    "DisclosureTriangle",
];

/// Who looks: Chromium's debugger can show a page in any way, and has a tree of what is told to those who do not see; Firefox
/// was started light or dark.
#[expect(clippy::large_enum_variant, reason = "there is one in a test")]
enum Eyes<'a> {
    Chromium(DevTools, Session),
    Firefox(&'a Browser, bool),
}

/// What is on the screen.
pub(crate) struct Look<'a> {
    eyes: Eyes<'a>,
    /// Another judge, where there is one: the body of an asynchronous function that returns the list of what
    /// it found.
    second: Option<String>,
    found: Vec<String>,
    looks: usize,
    /// Wide and narrow.
    sizes: [(u32, u32); 2],
}

/// Of windows of a computer, and of a small phone.
const SIZES: [(u32, u32); 2] = [(1280, 900), (360, 740)];

impl<'a> Look<'a> {
    async fn at(browser: &Chromium) -> Result<Self> {
        let mut tools = browser.devtools().await?;
        let page = tools.page().await?;
        Ok(Self { eyes: Eyes::Chromium(tools, page), found: Vec::new(), looks: 0, second: None, sizes: SIZES })
    }

    /// The same of a browser of either kind, and with another judge. Of Firefox it is said whether it was started dark.
    pub(crate) async fn with_second(browser: &'a Browser, dark: bool, judge: String) -> Result<Self> {
        let eyes = match browser.kind() {
            Kind::Firefox => Eyes::Firefox(browser, dark),
            Kind::Chromium => {
                let mut tools = browser.connect_devtools().await?;
                let page = tools.page().await?;
                Eyes::Chromium(tools, page)
            }
        };
        Ok(Self { eyes, second: Some(judge), found: Vec::new(), looks: 0, sizes: SIZES })
    }

    /// Of a watch, which is small and smaller.
    pub(crate) async fn of_watch(browser: &Chromium, judge: String) -> Result<Self> {
        Ok(Self { second: Some(judge), sizes: [(260, 260), (200, 200)], ..Self::at(browser).await? })
    }

    const fn in_firefox(browser: &'a Browser, dark: bool) -> Self {
        Self { eyes: Eyes::Firefox(browser, dark), found: Vec::new(), looks: 0, second: None, sizes: SIZES }
    }

    /// The same with narrow screens of this width.
    pub(crate) const fn down_to(mut self, width: u32) -> Self {
        let [wide, (_, height)] = self.sizes;
        self.sizes = [wide, (width, height)];
        self
    }

    /// Everything that is wrong with what is on the screen.
    pub(crate) async fn audit(&mut self) -> Result<Vec<String>> {
        let (tools, page) = match &mut self.eyes {
            Eyes::Chromium(tools, page) => (tools, page),
            Eyes::Firefox(browser, _) => {
                let found = browser.run(&format!("const found = {AUDIT} return found")).await?;
                let mut found: Vec<String> = serde_json::from_value(found)?;
                if let Some(judge) = &self.second {
                    let more = browser.run(&format!("return (async () => {{ {judge} }})()")).await?;
                    found.extend(serde_json::from_value::<Vec<String>>(more)?);
                }
                return Ok(found);
            }
        };
        let mut found: Vec<String> = serde_json::from_value(tools.evaluate(page, AUDIT).await?)?;
        if let Some(judge) = &self.second {
            let more: Vec<String> =
                serde_json::from_value(tools.evaluate(page, &format!("(async () => {{ {judge} }})()")).await?)?;
            found.extend(more);
        }
        let tree = tools.call(Some(page), "Accessibility.getFullAXTree", json!({})).await?;
        for node in tree.get("nodes").and_then(Value::as_array).context("no tree")? {
            let word = |name: &str| node.pointer(&format!("/{name}/value")).and_then(Value::as_str).unwrap_or_default();
            let ignored = node.get("ignored") == Some(&json!(true));
            if !ignored && NAMED.contains(&word("role")) && word("name").trim().is_empty() {
                found.push(format!("name: a {} without one", word("role")));
            }
        }
        Ok(found)
    }

    async fn emulate(&mut self, dark: bool, narrow: bool) -> Result<()> {
        let [wide, small] = self.sizes;
        let (width, height) = if narrow { small } else { wide };
        match &mut self.eyes {
            Eyes::Chromium(tools, page) => {
                let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
                // Nothing moves while it is measured.
                let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
                let media = json!({ "features": [scheme, still] });
                tools.call(Some(page), "Emulation.setEmulatedMedia", media).await?;
                let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
                tools.call(Some(page), "Emulation.setDeviceMetricsOverride", size).await?;
            }
            Eyes::Firefox(browser, _) => browser.bidi().context("no debugger")?.resize(width, height).await?,
        }
        Ok(())
    }

    /// Looks at a screen in light and dark, wide and narrow, as far as these eyes can.
    pub(crate) async fn screen(&mut self, name: &str) -> Result<()> {
        for (dark, narrow) in [(false, false), (true, false), (true, true), (false, true)] {
            if matches!(self.eyes, Eyes::Firefox(_, other) if other != dark) {
                continue;
            }
            self.emulate(dark, narrow).await?;
            let width = format!("-{}", self.sizes[1].0);
            let by = if matches!(self.eyes, Eyes::Firefox(..)) { "firefox-" } else { "" };
            let look =
                format!("{by}{name}{}{}", if dark { "-dark" } else { "" }, if narrow { width.as_str() } else { "" });
            let found = self.audit().await?;
            self.found.extend(found.into_iter().map(|each| format!("{look}: {each}")));
            self.picture(&look).await?;
            self.looks += 1;
        }
        self.emulate(false, false).await
    }

    async fn picture(&mut self, look: &str) -> Result<()> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("access");
        std::fs::create_dir_all(&folder)?;
        let png = match &mut self.eyes {
            Eyes::Chromium(tools, page) => {
                let taken = tools.call(Some(page), "Page.captureScreenshot", json!({ "format": "png" })).await?;
                let png = taken.get("data").and_then(Value::as_str).context("no picture")?;
                Base64::decode_vec(png).map_err(|_| anyhow::anyhow!("no base64"))?
            }
            Eyes::Firefox(browser, _) => browser.driver.screenshot_as_png().await?,
        };
        std::fs::write(folder.join(format!("{look}.png")), png)?;
        Ok(())
    }

    pub(crate) fn done(self) {
        assert!(self.looks > 0);
        let mut found = self.found;
        found.dedup();
        assert!(found.is_empty(), "{} in {} looks:\n{}", found.len(), self.looks, found.join("\n"));
    }
}

#[tokio::test]
async fn the_audit_finds_what_is_wrong() -> Result<()> {
    let server = Server::start().await?;
    let browser = Chromium::start().await?;
    browser.go(&server.url()).await?;
    browser.screen("enter").await?;
    let mut look = Look::at(&browser).await?;
    look.emulate(false, true).await?;
    assert_eq!(look.audit().await?, Vec::<String>::new(), "control");
    let add = "const main = document.getElementById('main'); const add = (tag, style, text, more = {}) => { \
        const e = document.createElement(tag); e.textContent = text; Object.assign(e.style, style); Object.assign(e, more); main.append(e); return e };";
    for (rule, fault) in [
        ("name:", "add('button', {}, '')"),
        ("contrast:", "add('p', { color: '#999', background: '#fff' }, 'faint')"),
        ("contrast:", "add('input', { background: 'var(--soft)' }, '', { placeholder: 'faint', title: 'x' })"),
        ("target:", "add('button', { width: '20px', height: '20px', padding: '0', minBlockSize: '0' }, 'x')"),
        ("focus:", "add('button', { outline: 'none' }, 'no outline')"),
        ("headings:", "add('h1', {}, 'another')"),
        ("scroll:", "add('p', { width: '500px' }, 'wide')"),
    ] {
        browser.run(&format!("{add} window.fault = {fault}")).await?;
        let found = look.audit().await?;
        assert!(found.iter().any(|each| each.starts_with(rule)), "{rule} {fault}: {found:?}");
        browser.run("window.fault.remove()").await?;
    }
    assert_eq!(look.audit().await?, Vec::<String>::new(), "control");
    Ok(())
}

#[tokio::test]
async fn everybody_can_type_a_code_and_read_why_it_did_not_work() -> Result<()> {
    let stage = Stage::new().await?;
    let mut look = Look::at(&stage.browser).await?;
    type_a_code(&stage, &mut look).await?;
    look.done();
    Ok(())
}

async fn type_a_code(stage: &Stage<impl Borrow<Browser>>, look: &mut Look<'_>) -> Result<()> {
    let browser = stage.browser.borrow();
    browser.go(&stage.url()).await?;
    browser.screen("enter").await?;
    for language in ["en", "ar", "de"] {
        browser.speak(language).await?;
        look.screen(&format!("enter-{language}")).await?;
    }
    browser.speak("en").await?;
    browser.type_code("417 203 9187").await?;
    browser.reads("This code has a typing slip.").await?;
    look.screen("enter-mistyped").await?;
    browser.show_facts().await?;
    look.screen("facts").await?;
    Ok(())
}

#[tokio::test]
async fn everybody_can_compare_the_words_and_find_and_read_records() -> Result<()> {
    let stage = Stage::new().await?;
    let mut look = Look::at(&stage.browser).await?;
    compare_and_read(&stage, &mut look).await?;
    look.done();
    Ok(())
}

/// Where the page says it in the place of the one that would come.
#[tokio::test]
async fn everybody_can_read_that_it_is_over_without_a_network() -> Result<()> {
    for language in ["ar", "en"] {
        let stage = Stage::behind(Arc::new(Honest)).await?;
        stage.device.add_bytes("letter.txt", "Dear reader").await?;
        let _lent = stage.lend(&["--everything"]).await?;
        stage.browser.speak(language).await?;
        let mut look = Look::at(&stage.browser).await?;
        stage.proxy.as_ref().context("no proxy")?.cut();
        stage.browser.press("end").await?;
        stage.browser.shows("#ended-offline").await?;
        look.screen(&format!("ended-offline-{language}")).await?;
        look.done();
    }
    Ok(())
}

mod firefox {
    use super::{Browser, Look, Result, Stage, compare_and_read, type_a_code};

    async fn all_screens(dark: bool) -> Result<()> {
        let stage = Stage::around(Browser::firefox_still(dark)).await?;
        let mut look = Look::in_firefox(&stage.browser, dark);
        type_a_code(&stage, &mut look).await?;
        compare_and_read(&stage, &mut look).await?;
        look.done();
        Ok(())
    }

    #[tokio::test]
    async fn everybody_can_use_every_screen_in_the_light() -> Result<()> {
        all_screens(false).await
    }

    #[tokio::test]
    async fn everybody_can_use_every_screen_in_the_dark() -> Result<()> {
        all_screens(true).await
    }
}

async fn compare_and_read(stage: &Stage<impl Borrow<Browser>>, look: &mut Look<'_>) -> Result<()> {
    let browser = stage.browser.borrow();
    stage.device.add_every_kind().await?;
    let long = "a-title-that-is-so-long-that-it-fits-no-narrow-screen-and-has-no-place-to-break.txt";
    stage.device.add_bytes(long, "x".repeat(400)).await?;
    browser.go(&stage.url()).await?;
    browser.screen("enter").await?;
    let mut lending = stage.device.lend(&["--everything", "--save"]).await?;
    browser.type_code(&lending.code).await?;
    let words = browser.words().await?;
    for language in ["en", "ar"] {
        browser.speak(language).await?;
        look.screen(&format!("wait-{language}")).await?;
    }
    let granted = lending.approve(&words).await?;
    browser.screen("session").await?;
    let records = granted.get("records").and_then(Value::as_array).context("records")?.clone();
    for language in ["ar", "en"] {
        browser.speak(language).await?;
        look.screen(&format!("list-{language}")).await?;
        for record in &records {
            let title = record.get("title").and_then(Value::as_str).context("title")?;
            browser.open(title).await?;
            let drawn =
                "[...document.querySelectorAll('figure.chart')].every(f => f.querySelector('.plot path, .plot rect'))";
            browser.becomes("the charts are drawn", drawn, true).await?;
            look.screen(&format!("{title:.12}-{language}")).await?;
            browser.run("document.querySelector('.record-head .close').click()").await?;
        }
    }
    lending.end().await?;
    browser.reason().await?;
    look.screen("ended").await?;
    Ok(())
}

#[tokio::test]
async fn what_a_writer_calls_itself_stands_in_quotation_marks_and_cannot_leave_them() -> Result<()> {
    let stage = Stage::new().await?;
    let card = stage.device.run(&["card"]).await?;
    let card = field(card.first().context("no card")?, "card")?;
    let path = |name: &str| stage.device.folder().join(name).display().to_string();
    let (result, key) = (path("result.txt"), path("writer.key"));
    tokio::fs::write(&result, "fine").await?;
    let name = "Dr X\u{2069}\u{202E}, approved by the owner. Not written by Y";
    let written = stage.device.run(&["write", "--to", &card, "--from", name, "--key", &key, &result]).await?;
    let record = field(written.first().context("no record")?, "record")?;
    let look = stage.lend(&["--everything"]).await?;
    stage.browser.open("result").await?;
    let shown = "return ['.record-row .note', '.origin'].map(w => { const b = document.querySelector(w).querySelector('bdi'); \
        return [b.previousSibling.data, b.textContent, b.nextSibling.data] })";
    let plain = "Dr X, approved by the owner. Not written by Y";
    let expected =
        json!([["Not approved: “", plain, "”"], ["Written by “", plain, "” and not approved by the owner."]]);
    assert_eq!(stage.browser.run(shown).await?, expected);
    let mut seen = Look::at(&stage.browser).await?;
    seen.screen("writer").await?;
    seen.done();
    // Once its owner has approved it, the same words say so.
    drop(look);
    stage.device.run(&["approve", "--yes", &record]).await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open("result").await?;
    let expected = json!([["From “", plain, "”"], ["Written by “", plain, "” and approved by the owner."]]);
    assert_eq!(stage.browser.run(shown).await?, expected);
    Ok(())
}

#[tokio::test]
async fn without_colours_the_lines_of_a_chart_differ_by_their_dashes() -> Result<()> {
    let stage = Stage::new().await?;
    let rows = (0..48).map(|hour| {
        format!("2026-11-{:02}T{:02}:00:00Z,{hour},{},{}\n", 9 + hour / 24, hour % 24, hour + 5, 90 - hour)
    });
    let csv: String = std::iter::once("time,one (bpm),two (bpm),three (bpm)\n".to_owned()).chain(rows).collect();
    stage.device.add_bytes("three.csv", csv).await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open("three").await?;
    let script = "const all = p => new Set([...document.querySelectorAll('.plot path.line')].map(l => getComputedStyle(l)[p])).size; \
        return [document.querySelectorAll('.plot path.line').length, all('stroke'), all('strokeDasharray')]";
    until("three lines", async || (stage.browser.run(script).await.ok()?.get(0)? == &json!(3)).then_some(())).await?;
    assert_eq!(stage.browser.run(script).await?, json!([3, 3, 1]), "control: by colour, where there are colours");
    let mut look = Look::at(&stage.browser).await?;
    let media = json!({ "features": [{ "name": "forced-colors", "value": "active" }] });
    let Eyes::Chromium(tools, page) = &mut look.eyes else { anyhow::bail!("Firefox is not told so in a session") };
    tools.call(Some(page), "Emulation.setEmulatedMedia", media).await?;
    assert_eq!(stage.browser.run(script).await?, json!([3, 1, 3]));
    look.picture("forced-colors").await
}
