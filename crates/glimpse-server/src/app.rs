//! What every request handler shares.

use std::sync::Arc;

use glimpse_wire::{AccountId, AuthorId, DeviceId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::http::guard::Address;
use crate::key_file::KeyFile;
use crate::lifecycle::Lives;
use crate::mailbox::Mailboxes;
use crate::metrics::Metrics;
use crate::provider::Providers;
use crate::push::Pushes;
use crate::settings::{Limits, Settings};
use crate::signing_key::SigningKey;
use crate::site::Site;
use crate::store::{AgentOf, Store};
use crate::throttle::Throttle;
use crate::tickets::Tickets;

/// One server: its settings, its clock, and everything that it holds.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    /// Origins that a sign-in may name.
    pub(crate) origins: Vec<String>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: KeyFile,
    /// By which it says what it destroyed.
    pub(crate) signing: SigningKey,
    pub(crate) store: Store,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) lives: Lives,
    pub(crate) tickets: Tickets,
    pub(crate) metrics: Metrics,
    pub(crate) rates: Rates,
    pub(crate) site: Option<Site>,
    /// None where there is no push key.
    pub(crate) pushes: Option<Pushes>,
    pub(crate) providers: Providers,
    /// Cancelled when the server drains: sockets close, no connection is accepted.
    pub(crate) stop: CancellationToken,
    /// Sockets and other tasks that outlive their request.
    pub(crate) tasks: TaskTracker,
}

/// The rates of [`Limits`], each with its memory.
#[derive(Debug)]
pub(crate) struct Rates {
    pub(crate) requests: Throttle<Address>,
    pub(crate) accounts: Throttle<Address>,
    pub(crate) sign_ins: Throttle<Address>,
    pub(crate) claims: Throttle<Address>,
    pub(crate) claims_by_network: Throttle<Address>,
    pub(crate) mailboxes: Throttle<AccountId>,
    pub(crate) link_mailboxes: Throttle<Address>,
    pub(crate) link_mailboxes_by_network: Throttle<Address>,
    /// For each device, so that one that fills the chain does not stop the one that takes it out.
    pub(crate) links: Throttle<(AccountId, DeviceId)>,
    pub(crate) recoveries: Throttle<Address>,
    pub(crate) organisations: Throttle<Address>,
    pub(crate) enrolments: Throttle<Address>,
    pub(crate) agent_sign_ins: Throttle<Address>,
    pub(crate) openings: Throttle<AgentOf>,
    pub(crate) mints: Throttle<DeviceId>,
    pub(crate) releases: Throttle<DeviceId>,
    pub(crate) submissions: Throttle<(AuthorId, AccountId)>,
    pub(crate) submissions_by_address: Throttle<Address>,
    pub(crate) submissions_by_network: Throttle<Address>,
}

/// How many times the rate of one address a whole network has, where what is asked for is scarce.
const NETWORK: u32 = 8;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * 60;

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            requests: Throttle::new(limits.requests_per_address, MINUTE),
            accounts: Throttle::new(limits.accounts_per_address_hour, HOUR),
            sign_ins: Throttle::new(limits.sign_ins_per_address, MINUTE),
            claims: Throttle::new(limits.claims_per_address, MINUTE),
            claims_by_network: Throttle::new(limits.claims_per_address.saturating_mul(NETWORK), MINUTE),
            mailboxes: Throttle::new(limits.mailboxes_per_account_minute, MINUTE),
            link_mailboxes: Throttle::new(limits.link_mailboxes_per_address_minute, MINUTE),
            link_mailboxes_by_network: Throttle::new(
                limits.link_mailboxes_per_address_minute.saturating_mul(NETWORK),
                MINUTE,
            ),
            links: Throttle::new(limits.links_per_device, MINUTE),
            recoveries: Throttle::new(limits.recoveries_per_address, MINUTE),
            organisations: Throttle::new(limits.organisation_requests_per_address, MINUTE),
            enrolments: Throttle::new(limits.agent_enrolments_per_address, MINUTE),
            agent_sign_ins: Throttle::new(limits.agent_sign_ins_per_address, MINUTE),
            openings: Throttle::new(limits.openings_per_agent, MINUTE),
            mints: Throttle::new(limits.mints_per_signer, MINUTE),
            releases: Throttle::new(limits.releases_per_device, MINUTE),
            submissions: Throttle::new(limits.submissions_per_writer, MINUTE),
            submissions_by_address: Throttle::new(limits.submissions_per_address, MINUTE),
            submissions_by_network: Throttle::new(limits.submissions_per_address.saturating_mul(NETWORK), MINUTE),
        }
    }
}
