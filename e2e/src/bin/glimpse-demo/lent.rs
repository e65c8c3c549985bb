//! Pictures of what is chosen before a look, and of somebody at the code who should not be there.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Chromium;
use e2e::program::root;
use serde_json::json;
use tokio::process::Command;

use crate::phone::{Look, Views};

/// Somebody tries a code that is in use.
pub(crate) async fn try_code(site: &str, code: &str, purpose: &str) -> Result<()> {
    // Its first digits, which find the mailbox: three, or more where codes are tried.
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    let count = match digits.chars().next() {
        Some('8') => 5,
        Some('9') => 7,
        _ => 3,
    };
    let body = json!({ "nameplate": digits.get(..count).context("a code")?, "purpose": purpose }).to_string();
    let request = reqwest::Client::new().post(format!("{site}/v1/claims")).header("content-type", "application/json");
    let status = request.body(body).send().await?.status();
    ensure!(status == 409, "the code is in use, and the server says {status}");
    Ok(())
}

impl Views<'_> {
    /// What is lent, found by its kind and its days.
    pub(crate) async fn of_what_is_found(&mut self) -> Result<()> {
        let browser = &self.phone.browser;
        let set = |id: &str, value: &str| {
            format!(
                "const field = document.getElementById({}); field.value = {}; field.dispatchEvent(new Event('change'))",
                json!(id),
                json!(value)
            )
        };
        browser.run(&set("kind", "fhir")).await?;
        browser.run(&set("day-from", "2026-01-01")).await?;
        browser.run(&set("day-to", "2099-12-31")).await?;
        self.dense("choose-found").await?;
        for field in ["kind", "day-from", "day-to"] {
            browser.run(&set(field, "")).await?;
        }
        browser.lists("For the appointment").await
    }

    /// Fields of a record that are not lent with it.
    pub(crate) async fn of_fields_to_withhold(&mut self) -> Result<()> {
        let browser = &self.phone.browser;
        browser.shows(".withhold-rows button").await?;
        browser.run("document.querySelector('.withhold-rows button').click()").await?;
        browser.shows(".fields-to-withhold").await?;
        browser.run("document.querySelector('.fields-to-withhold input').click()").await?;
        let look = Look { there: ".fields-to-withhold input:checked", dense: true, ..Look::default() };
        self.with("choose-fields", look).await?;
        browser.run("document.querySelector('.fields-to-withhold input').click()").await?;
        browser.tap("withhold-done").await
    }

    /// Somebody else tries the code of a look at a screen of one's own; and somebody who talked the person round, with a page of
    /// their own making, which names a case. The latter is a program in Python.
    pub(crate) async fn of_a_caller(&mut self, viewer: &Chromium, site: &str) -> Result<()> {
        let (phone, title) = (self.phone, ["Ramipril"]);
        let code = phone.lend(&title).await?;
        viewer.enter(site, &code).await?;
        phone.pairs().await?;
        try_code(site, &code, "view").await?;
        self.with("asking-crowded", Look { there: "#crowded", dense: true, ..Look::default() }).await?;
        phone.browser.tap("decline").await?;
        phone.over().await?;
        phone.browser.tap("over-close").await?;

        let own_environment = root()?.join(".venv/bin/python");
        let python: PathBuf = std::env::var_os("GLIMPSE_PYTHON").map_or(own_environment, Into::into);
        if !python.exists() {
            println!("no picture of a screen that names a case: cargo xtask test installs the program that does");
            return Ok(());
        }
        let code = phone.lend(&title).await?;
        let said = ["viewer.py", "--server", site, "--case", "case 4711", "--reason", "to pay you back", &code];
        let mut program = Command::new(&python);
        program.arg("-B").args(said).current_dir(root()?.join("e2e/peers")).kill_on_drop(true);
        let _caller = program.stdout(std::process::Stdio::null()).spawn()?;
        phone.pairs().await?;
        self.with("asking-names-a-case", Look { there: "#odd", dense: true, ..Look::default() }).await?;
        phone.browser.tap("decline").await?;
        phone.over().await?;
        phone.browser.tap("over-close").await
    }
}
