//! The page as a person sees it: what stands on the screen, what can be typed and pressed.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::wait::until;

impl Browser {
    /// Waits until the page shows a screen: `enter`, `wait`, `session`, `ended` or `refused`.
    ///
    /// # Errors
    /// When it does not, with what it shows.
    pub async fn screen(&self, name: &str) -> Result<()> {
        let what = format!("the screen {name}");
        let shown = until(&what, async || {
            let screen = self.run("return document.documentElement.dataset.screen ?? null").await.ok()?;
            (screen == json!(name)).then_some(())
        });
        self.explain(shown.await).await
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
        let field = self.driver.find(thirtyfour::By::Id("code")).await?;
        field.send_keys(code).await?;
        field.send_keys("\u{e007}").await?;
        Ok(())
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
        let what = format!("{title:?} is shown");
        let drawn = until(&what, async || {
            let script = format!(
                "const t = document.getElementById('record-title'); const b = document.querySelector('.record-pane .body'); \
                 return t?.textContent === {} && !!b?.firstChild && !b.querySelector('.progress')",
                json!(title)
            );
            (self.run(&script).await.ok()? == json!(true)).then_some(())
        });
        self.explain(drawn.await).await
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
        self.driver.find(thirtyfour::By::Id(id)).await?.click().await?;
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
        until("the page is in that language", async || {
            (self.run("return document.documentElement.lang").await.ok()? == json!(language)).then_some(())
        })
        .await
    }

    /// Opens what the server can see, and waits until it stands there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn show_facts(&self) -> Result<()> {
        self.press("facts-open").await?;
        until("the facts are open", async || {
            let open = "return document.getElementById('facts').open";
            (self.run(open).await.ok()? == json!(true)).then_some(())
        })
        .await
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
}
