//! The page as a person sees it: what stands on the screen, what can be typed and pressed.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use thirtyfour::By;

use crate::browser::Browser;
use crate::wait::{until, within};

impl Browser {
    /// Waits until the page shows a screen: `enter`, `wait`, `session`, `ended` or `refused`.
    ///
    /// # Errors
    /// When it does not, with what it shows.
    pub async fn screen(&self, name: &str) -> Result<()> {
        self.becomes(&format!("the screen {name}"), "document.documentElement.dataset.screen ?? null", name).await
    }

    /// Adds what is on the screen to an error.
    async fn explain<T>(&self, outcome: Result<T>) -> Result<T> {
        let Err(error) = outcome else { return outcome };
        let (text, console) = (self.text().await, self.console().await);
        Err(error.context(format!("the page reads {text:?}, its console {console:?}")))
    }

    /// Everything that can be read on the page.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn text(&self) -> Result<String> {
        let text = self.run("return document.body.innerText").await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until some text can be read on the page.
    ///
    /// # Errors
    /// When it cannot, with what can.
    pub async fn reads(&self, words: &str) -> Result<()> {
        let what = format!("{words:?} on the page");
        let seen = until(&what, async || self.text().await.ok()?.contains(words).then_some(()));
        self.explain(seen.await).await
    }

    /// Types a code, as digits from the keyboard, and sends it.
    ///
    /// # Errors
    /// When there is no field for it.
    pub async fn type_code(&self, code: &str) -> Result<()> {
        self.screen("enter").await?;
        let field = self.driver.find(By::Id("code")).await?;
        field.send_keys(code).await?;
        field.send_keys("\u{e007}").await?;
        Ok(())
    }

    /// Opens the page of a server and types a code there.
    ///
    /// # Errors
    /// When there is no field for it.
    pub async fn enter(&self, site: &str, code: &str) -> Result<()> {
        self.go(site).await?;
        self.type_code(code).await
    }

    /// The two check words, once they are on the screen.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn words(&self) -> Result<String> {
        let found = until("check words", async || {
            let script = "const w = [...document.querySelectorAll('.words span')].map(s => s.textContent); return w.length === 2 ? w.join(' ') : null";
            self.run(script).await.ok()?.as_str().map(str::to_owned)
        });
        self.explain(found.await).await
    }

    /// Titles in the list, as far as rows are drawn.
    ///
    /// # Errors
    /// When the browser could not be asked.
    pub async fn titles(&self) -> Result<Vec<String>> {
        let found = self.run("return [...document.querySelectorAll('.row-title')].map(e => e.textContent)").await?;
        let rows = found.as_array().context("no rows")?;
        Ok(rows.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Waits until the list shows a title.
    ///
    /// # Errors
    /// When it does not.
    pub async fn lists(&self, title: &str) -> Result<()> {
        let what = format!("{title:?} in the list");
        let found = until(&what, async || self.titles().await.ok()?.iter().any(|each| each == title).then_some(()));
        self.explain(found.await).await
    }

    /// Chooses a record and waits until its content is drawn.
    ///
    /// # Errors
    /// When it is not in the list or does not open, with what the page says.
    pub async fn open(&self, title: &str) -> Result<()> {
        self.choose(title).await?;
        let drawn = format!(
            "(body => document.getElementById('record-title')?.textContent === {} && !!body?.firstChild && \
              !body.querySelector('.progress'))(document.querySelector('.record-pane .body'))",
            json!(title)
        );
        self.becomes(&format!("{title:?} is shown"), &drawn, true).await
    }

    /// Chooses a record.
    ///
    /// # Errors
    /// When it is not in the list.
    pub async fn choose(&self, title: &str) -> Result<()> {
        self.lists(title).await?;
        let script = format!(
            "[...document.querySelectorAll('.record-row')].find(r => r.querySelector('.row-title').textContent === {}).click()",
            json!(title)
        );
        self.run(&script).await?;
        Ok(())
    }

    /// Presses what has this id.
    ///
    /// # Errors
    /// When there is no such thing.
    pub async fn press(&self, id: &str) -> Result<()> {
        self.driver.find(By::Id(id)).await?.click().await?;
        Ok(())
    }

    /// Chooses a language, and waits until the page is in it.
    ///
    /// # Errors
    /// When it does not come to that.
    pub async fn speak(&self, language: &str) -> Result<()> {
        let script = format!(
            "const l = document.getElementById('language'); l.value = {}; l.dispatchEvent(new Event('change'))",
            json!(language)
        );
        self.run(&script).await?;
        self.becomes("the page is in that language", "document.documentElement.lang", language).await
    }

    /// Opens what the server can see, and waits until it stands there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn show_facts(&self) -> Result<()> {
        self.press("facts-open").await?;
        self.becomes("the facts are open", "document.getElementById('facts').open", true).await
    }

    /// Why the session is over, once the page that says so is there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn reason(&self) -> Result<String> {
        let found = until("the page of the end", async || {
            let reason = self.run("return document.documentElement.dataset.reason ?? null").await.ok()?;
            reason.as_str().map(str::to_owned)
        });
        self.explain(found.await).await
    }

    /// The code of the failure above the code field, once there is one.
    ///
    /// # Errors
    /// When none comes.
    pub async fn failure(&self) -> Result<String> {
        let found = until("a failure above the code field", async || {
            let script = "const f = document.getElementById('failure'); return f && !f.hidden ? f.innerText : null";
            self.run(script).await.ok()?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        });
        self.explain(found.await).await
    }

    /// Types into the field with this id, in place of what stands there.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn write(&self, id: &str, text: &str) -> Result<()> {
        patiently(&format!("#{id} takes text"), async || {
            let field = self.driver.find(By::Id(id)).await?;
            field.clear().await?;
            Ok(field.send_keys(text).await?)
        })
        .await
    }

    /// Brings what has this id to the middle of the screen, where nothing covers it, and presses it.
    ///
    /// # Errors
    /// When there is no such thing, or something covers it.
    pub async fn tap(&self, id: &str) -> Result<()> {
        let scroll = format!("document.getElementById({})?.scrollIntoView({{ block: 'center' }})", json!(id));
        patiently(&format!("#{id} is pressed"), async || {
            self.run(&scroll).await?;
            self.press(id).await
        })
        .await
    }

    /// Waits until something that fits a selector can be seen.
    ///
    /// # Errors
    /// When it cannot, with what can be read instead.
    pub async fn shows(&self, selector: &str) -> Result<()> {
        let script = format!("document.querySelector({})?.checkVisibility() === true", json!(selector));
        self.becomes(&format!("{selector} on the screen"), &script, true).await
    }

    /// What an expression of the page says.
    ///
    /// # Errors
    /// What it throws.
    pub async fn value(&self, expression: &str) -> Result<Value> {
        self.run(&format!("return {expression}")).await
    }

    /// Waits until an expression of the page has this value; `what` says what that means.
    ///
    /// # Errors
    /// When it does not come to that, with what can be read instead.
    pub async fn becomes(&self, what: &str, expression: &str, wanted: impl Into<Value>) -> Result<()> {
        let wanted = wanted.into();
        let reached = until(what, async || (self.value(expression).await.ok()? == wanted).then_some(()));
        self.explain(reached.await).await
    }

    /// What an element says, once it says something.
    ///
    /// # Errors
    /// When it says nothing.
    pub async fn told(&self, selector: &str, what: &str) -> Result<String> {
        let script = format!("return document.querySelector({})?.{what} || null", json!(selector));
        let said = async || self.run(&script).await.ok()?.as_str().map(str::to_owned);
        self.explain(until(&format!("{selector} says something"), said).await).await
    }

    /// Presses the first of what a selector names that has this text in it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn press_text(&self, selector: &str, text: &str) -> Result<()> {
        let script = format!(
            "const e = [...document.querySelectorAll({})].find(e => e.textContent.includes({})); e?.click(); return !!e",
            json!(selector),
            json!(text)
        );
        let pressed = async || (self.run(&script).await.ok()? == Value::Bool(true)).then_some(());
        until(&format!("{text:?} among {selector}"), pressed).await.context("nothing to press")
    }
}

/// How long a screen may take to be drawn under somebody's finger.
const DRAWN: Duration = Duration::from_secs(5);

/// Tries again what a person would: between being found and being pressed, a thing can be drawn anew or move.
async fn patiently(what: &str, mut attempt: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let mut last = None;
    let done = within(DRAWN, what, async || attempt().await.map_err(|error| last = Some(error)).ok()).await;
    match (done, last) {
        (Err(error), Some(last)) => Err(error.context(last)),
        (done, _) => done,
    }
}
