//! `glimpse org`: for whoever runs an organisation whose agents look at customers' records.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use glimpse_wire::SigningKeyBytes;

use super::plain_id;

#[derive(Debug, Args)]
pub(crate) struct Org {
    /// The folder that holds the organisation [default: glimpse-org beside the folder of `glimpse`]
    #[arg(long, global = true, value_name = "DIR", env = "GLIMPSE_ORG_HOME")]
    pub(crate) org_home: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: OrgCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrgCommand {
    /// Make the organisation's key: on this machine, without a network
    Init(OrgInit),
    /// Print the card that customers' devices pin
    Card(OrgCard),
    /// Agents: invite, vouch for, take back
    #[command(subcommand)]
    Agent(AgentCommand),
    /// What agents looked at, when and why: write it down, and check what was written
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Write every session of the organisation's agents to a file, as JSON lines
    Export(AuditExport),
    /// Check such a file: without a network, a passphrase or trust in whoever gave it
    Verify(AuditVerify),
}

#[derive(Debug, Args)]
pub(crate) struct AuditExport {
    /// A file that is not there yet
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerify {
    /// The file
    pub(crate) file: PathBuf,
    /// The organisation's key, as its card says it: what is of another one does not hold
    #[arg(long, value_name = "KEY", value_parser = super::devices::key, allow_hyphen_values = true)]
    pub(crate) organisation: Option<SigningKeyBytes>,
    /// The server's signing key, as you know it from elsewhere; without it the one that the file itself names is taken
    #[arg(long, value_name = "KEY", value_parser = super::devices::key, allow_hyphen_values = true)]
    pub(crate) server_key: Option<SigningKeyBytes>,
}

#[derive(Debug, Args)]
pub(crate) struct OrgInit {
    /// What the organisation is called: customers read it before they pin it
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct OrgCard {
    /// Show it as a QR code as well
    #[arg(long)]
    pub(crate) qr: bool,
    /// Write it to a file, in place of the terminal
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Make the link by which an agent enrols a browser, once
    Invite(Invite),
    /// Vouch for agents who have enrolled, for a few hours
    Issue(Issue),
    /// Take an agent's credential back, and end what the agent looks at
    Revoke(RevokeAgent),
    /// List the agents
    List,
}

#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// The name that customers read
    pub(crate) name: String,
    /// A supervisor: sees the organisation's sessions and receipts as well
    #[arg(long)]
    pub(crate) supervisor: bool,
    /// For how many hours the link is good
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=168))]
    pub(crate) hours: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// Agents, by name or by the beginning of their ids [default: all who have enrolled]
    #[arg(value_name = "AGENT", value_parser = plain_id)]
    pub(crate) agents: Vec<String>,
    /// For how many hours: a working day
    #[arg(long, value_name = "HOURS", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=168))]
    pub(crate) hours: u64,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeAgent {
    /// The agent, by name or by the beginning of the id
    #[arg(value_name = "AGENT", value_parser = plain_id)]
    pub(crate) agent: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
