//! Pictures of what others wrote, as it waits on the phone to be decided about.

use anyhow::{Context as _, Result};
use e2e::device::{Device, field};

use crate::phone::{Look, Views};

/// Who wrote what, and what stands in it.
const WRITTEN: [(&str, &str, &str); 4] = [
    ("Clinic at the Park", "Prescription of 24 November", "Ramipril 5 mg, one in the morning, for three months."),
    ("Laboratory North", "Blood count", "Haemoglobin 14.2 g/dl, leukocytes 6.1 per nl."),
    ("Clinic at the Park", "Letter to the family doctor", "The cough is better since the change."),
    ("Shop", "Advert", "Everything at half the price, only today."),
];

impl Views<'_> {
    /// The entry of the inbox, its list, the question before all of it goes, and one record with its decision. `device` is
    /// another one of the account.
    pub(crate) async fn of_the_held(&mut self, device: &Device) -> Result<()> {
        device.run(&["ls"]).await?;
        let card = field(device.run(&["card"]).await?.first().context("no card")?, "card")?;
        for (from, title, content) in WRITTEN {
            let file = device.folder().join(format!("{title}.txt"));
            tokio::fs::write(&file, content).await?;
            let key = device.folder().join(format!("{from}.key")).display().to_string();
            let file = file.display().to_string();
            device.run(&["write", "--to", &card, "--from", from, "--title", title, "--key", &key, &file]).await?;
        }
        let browser = &self.phone.browser;
        self.phone.reopen().await?;
        self.phone.go("inbox").await?;
        browser.shows("#held").await?;
        browser.reads("4 records wait").await?;
        self.of("held").await?;
        let open = "document.getElementById('held').open = true";
        browser.run(open).await?;
        browser.shows("#reject-all").await?;
        self.with("held-open", Look { again: open, there: "#reject-all", dense: true }).await?;
        self.of_a_dialog("held-reject-all", "reject-all").await?;
        self.close().await?;
        browser.run("document.querySelector('#held li button').click()").await?;
        browser.screen("records").await?;
        browser.shows(".decision").await?;
        self.dense("held-decision").await
    }
}
