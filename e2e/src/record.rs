//! What is lent: one record where one will do, and one of each kind.

use anyhow::Result;

use crate::device::Device;
use crate::program::root;

/// What the one is called: words that stand nowhere else.
pub const TITLE: &str = "zinnia-hollyhock-delphinium";
/// What stands in it, and nowhere else.
pub const SECRET: &str = "The spare key lies under the third flower pot.";

/// Of `examples/`, a file of each kind that the page draws in its own way.
const SAMPLE: [&str; 8] = [
    "note.txt",
    "heart-rate.csv",
    "expenses.csv",
    "steps.json",
    "patient.json",
    "lab-results.json",
    "photo.jpg",
    "letter.pdf",
];

impl Device {
    /// Adds the one record, and returns its id.
    ///
    /// # Errors
    /// What the command says.
    pub async fn add_secret(&self) -> Result<String> {
        self.add_bytes(&format!("{TITLE}.txt"), SECRET).await
    }

    /// Adds ten records, at least one of each kind.
    ///
    /// # Errors
    /// What the command says.
    pub async fn add_every_kind(&self) -> Result<()> {
        for file in SAMPLE {
            self.add(&root()?.join("examples").join(file)).await?;
        }
        self.add_bytes("plan.json", r#"{ "plan": { "monday": ["walk", "swim"] } }"#).await?;
        self.add_bytes("firmware.bin", [0_u8, 159, 146, 150, 0, 1, 2, 3]).await?;
        Ok(())
    }
}
