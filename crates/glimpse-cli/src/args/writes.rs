//! What is decided about what others write.

use clap::Args;

use super::plain_id;

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The records, by the beginning of their ids
    #[arg(required = true, value_name = "ID", value_parser = plain_id)]
    pub(crate) ids: Vec<String>,
    /// Do not show them, and do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Reject {
    /// The records, by the beginning of their ids
    #[arg(required_unless_present = "all", value_name = "ID", value_parser = plain_id)]
    pub(crate) ids: Vec<String>,
    /// Everything that waits
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
