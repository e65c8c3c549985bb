//! More devices in an account: a code of digits is shown on one, typed on the other, and the words are picked.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::device::{Device, Lending, field};

/// A device that came into an account.
#[derive(Debug)]
pub struct Linked {
    /// Its id.
    pub device: String,
    /// The code that was typed.
    pub code: String,
    /// What the device of the account asked its person.
    pub asked: Value,
}

/// Two devices that have the code and wait for the person's yes.
#[derive(Debug)]
pub struct Meeting {
    /// `glimpse link`, which asks.
    pub link: Lending,
    /// `glimpse join`, which shows the words.
    pub join: Lending,
    /// The words on its screen.
    pub words: String,
    /// The event `asked`.
    pub asked: Value,
}

impl Device {
    /// Brings a device into the account of this one. `arguments` are for `join`.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn link(&self, newcomer: &Self, arguments: &[&str]) -> Result<Linked> {
        self.meet(newcomer, arguments).await?.approve().await
    }

    /// The same up to the question.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn meet(&self, newcomer: &Self, arguments: &[&str]) -> Result<Meeting> {
        let mut link = self.begin(&["link", "--digits"])?;
        link.code = field(&link.event("code").await?, "code")?;
        let all: Vec<&str> = ["join", &link.code].iter().chain(arguments).copied().collect();
        let mut join = newcomer.begin(&all)?;
        let words = field(&join.event("words").await?, "words")?;
        let asked = link.event("asked").await?;
        Ok(Meeting { link, join, words, asked })
    }
}

impl Meeting {
    /// Picks the words that are shown, and waits until both ends are done.
    ///
    /// # Errors
    /// When the words are not among those to pick from, or an end fails.
    pub async fn approve(mut self) -> Result<Linked> {
        let choice = self.asked.get("words").and_then(Value::as_array).context("no words")?;
        ensure!(choice.iter().any(|pair| *pair == self.words), "{:?} is not among {choice:?}", self.words);
        self.link.tell(json!({ "do": "approve", "words": self.words })).await?;
        let joined = self.join.event("joined").await?;
        let linked = self.link.event("linked").await?;
        ensure!(linked.get("told") == Some(&json!(true)), "{linked}");
        ensure!(linked.get("device") == joined.get("device"), "{linked} and {joined}");
        let (join, link) = (self.join.process.ended().await?, self.link.process.ended().await?);
        ensure!(join.success() && link.success(), "join {join}, link {link}");
        Ok(Linked { device: field(&joined, "device")?, code: self.link.code, asked: self.asked })
    }
}
