//! Whether the page can be used by those who do not see it, or see it in their own way, or only have keys or a small screen:
//! names of all controls, contrast, focus, sizes, width, headings. Each screen is looked at in light and dark, wide and at
//! 360 px, in English and Arabic; a picture of each look is left in `target/tmp/access/`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use e2e::browser::Browser;
use e2e::device::field;
use e2e::devtools::{DevTools, Session};
use e2e::program::root;
use e2e::server::Server;
use e2e::stage::Stage;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::requests::SAMPLE;

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

/// The page under the debugger.
pub(crate) struct Look {
    tools: DevTools,
    page: Session,
    found: Vec<String>,
    looks: usize,
    /// Another judge, where there is one: an expression, a promise of the list of what it found.
    second: Option<String>,
}

impl Look {
    async fn at(browser: &Browser) -> Result<Self> {
        let mut tools = browser.devtools().await?;
        let page = tools.page().await?;
        Ok(Self { tools, page, found: Vec::new(), looks: 0, second: None })
    }

    pub(crate) async fn with_second(browser: &Browser, judge: String) -> Result<Self> {
        Ok(Self { second: Some(judge), ..Self::at(browser).await? })
    }

    /// Everything that is wrong with what is on the screen.
    pub(crate) async fn audit(&mut self) -> Result<Vec<String>> {
        let found = self.tools.evaluate(&self.page, AUDIT).await?;
        let mut found: Vec<String> = serde_json::from_value(found)?;
        if let Some(judge) = &self.second {
            let more: Vec<String> = serde_json::from_value(self.tools.evaluate(&self.page, judge).await?)?;
            found.extend(more);
        }
        let tree = self.tools.call(Some(&self.page), "Accessibility.getFullAXTree", json!({})).await?;
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
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        // Nothing moves while it is measured.
        let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        let media = json!({ "features": [scheme, still] });
        self.tools.call(Some(&self.page), "Emulation.setEmulatedMedia", media).await?;
        let (width, height) = if narrow { (360, 740) } else { (1280, 900) };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tools.call(Some(&self.page), "Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// Looks at a screen in light and dark, wide and narrow.
    pub(crate) async fn screen(&mut self, name: &str) -> Result<()> {
        for (dark, narrow) in [(false, false), (true, false), (true, true), (false, true)] {
            self.emulate(dark, narrow).await?;
            let look = format!("{name}{}{}", if dark { "-dark" } else { "" }, if narrow { "-360" } else { "" });
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
        let taken = self.tools.call(Some(&self.page), "Page.captureScreenshot", json!({ "format": "png" })).await?;
        let png = taken.get("data").and_then(Value::as_str).context("no picture")?;
        let png = Base64::decode_vec(png).map_err(|_| anyhow::anyhow!("no base64"))?;
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
    let browser = Browser::start().await?;
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
    stage.browser.go(&stage.url()).await?;
    stage.browser.screen("enter").await?;
    let mut look = Look::at(&stage.browser).await?;
    for language in ["en", "ar", "de"] {
        stage.browser.speak(language).await?;
        look.screen(&format!("enter-{language}")).await?;
    }
    stage.browser.speak("en").await?;
    stage.browser.type_code("417 203 9187").await?;
    stage.browser.reads("This code has a typing slip.").await?;
    look.screen("enter-mistyped").await?;
    stage.browser.show_facts().await?;
    look.screen("facts").await?;
    look.done();
    Ok(())
}

#[tokio::test]
async fn everybody_can_compare_the_words_and_find_and_read_records() -> Result<()> {
    let stage = Stage::new().await?;
    for file in SAMPLE {
        stage.device.add(&root()?.join("examples").join(file)).await?;
    }
    stage.device.add_bytes("plan.json", r#"{ "plan": { "monday": ["walk", "swim"] } }"#).await?;
    stage.device.add_bytes("firmware.bin", [0_u8, 159, 146, 150, 0, 1, 2, 3]).await?;
    let long = "a-title-that-is-so-long-that-it-fits-no-narrow-screen-and-has-no-place-to-break.txt";
    stage.device.add_bytes(long, "x".repeat(400)).await?;
    stage.browser.go(&stage.url()).await?;
    stage.browser.screen("enter").await?;
    let mut look = Look::at(&stage.browser).await?;
    let mut lending = stage.device.lend(&["--everything", "--save"]).await?;
    stage.browser.type_code(&lending.code).await?;
    let words = stage.browser.words().await?;
    for language in ["en", "ar"] {
        stage.browser.speak(language).await?;
        look.screen(&format!("wait-{language}")).await?;
    }
    let granted = lending.approve(&words).await?;
    stage.browser.screen("session").await?;
    let records = granted.get("records").and_then(Value::as_array).context("records")?.clone();
    for language in ["ar", "en"] {
        stage.browser.speak(language).await?;
        look.screen(&format!("list-{language}")).await?;
        for record in &records {
            let title = record.get("title").and_then(Value::as_str).context("title")?;
            stage.browser.open(title).await?;
            until("the charts are drawn", async || {
                let drawn = "return [...document.querySelectorAll('figure.chart')].every(f => f.querySelector('.plot path, .plot rect'))";
                (stage.browser.run(drawn).await.ok()? == json!(true)).then_some(())
            })
            .await?;
            look.screen(&format!("{title:.12}-{language}")).await?;
            stage.browser.run("document.querySelector('.record-head .close').click()").await?;
        }
    }
    lending.end().await?;
    stage.browser.reason().await?;
    look.screen("ended").await?;
    look.done();
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
    stage.device.run(&["write", "--to", &card, "--from", name, "--key", &key, &result]).await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.open("result").await?;
    let shown = "return ['.record-row .note', '.origin'].map(w => { const b = document.querySelector(w).querySelector('bdi'); \
        return [b.previousSibling.data, b.textContent, b.nextSibling.data] })";
    let plain = "Dr X, approved by the owner. Not written by Y";
    let expected = json!([["From “", plain, "”"], ["Written by “", plain, "” and not approved by the owner."]]);
    assert_eq!(stage.browser.run(shown).await?, expected);
    let mut look = Look::at(&stage.browser).await?;
    look.screen("writer").await?;
    look.done();
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
    look.tools.call(Some(&look.page), "Emulation.setEmulatedMedia", media).await?;
    assert_eq!(stage.browser.run(script).await?, json!([3, 1, 3]));
    look.picture("forced-colors").await
}
