//! Every limit of the server, with its default.

use glimpse_wire::limits::MAX_CONTENT;
use serde::Deserialize;

/// Sizes, counts, rates and lifetimes that protect the server. Rates are per minute unless the name says otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at one time.
    pub connections: usize,
    /// Connections of one address at one time; those of `trusted_proxies` are not counted.
    pub connections_per_address: usize,
    /// Seconds that a client may take for a TLS handshake or for the head of a request.
    pub head_seconds: u64,
    /// Seconds that one request may take, uploads and downloads of content excepted.
    pub request_seconds: u64,
    /// Seconds that an upload or download may stand still.
    pub stall_seconds: u64,
    /// The slowest pace of an upload, in bytes a second, once it has stood still for as long as it may.
    pub upload_bytes_per_second: u64,
    /// Seconds that open requests and live channels get to finish after SIGTERM.
    pub drain_seconds: u64,
    /// Bytes of the content of one record version, before padding and sealing.
    pub content_bytes: u64,
    /// Bytes of the ciphertext of one unit of a session.
    pub unit_bytes: u64,
    /// Bytes of all units of one session, those that are still arriving included.
    pub session_bytes: u64,
    /// Records of one account.
    pub records_per_account: u64,
    /// Bytes of sealed content of one account.
    pub bytes_per_account: u64,
    /// Bytes of the content of one submission by a writer, before padding and sealing.
    pub submission_bytes: u64,
    /// Bytes of sealed content that writers have left with one account, a part of the account's own.
    pub pending_bytes_per_account: u64,
    /// Submissions that wait for one account's approval.
    pub pending_per_account: u64,
    /// Sessions of one account that live at one time.
    pub sessions_per_account: u64,
    /// Codes of one account that are being shown or are waiting for approval at one time.
    pub mailboxes_per_account: usize,
    /// Codes by which devices without an account ask to be linked, of one address, at one time.
    pub link_mailboxes_per_address: usize,
    /// Mailboxes that live at one time.
    pub mailboxes: usize,
    /// Entries in a page of a listing, the protocol's 500 at the most.
    pub page: u32,
    /// Requests of one address, of any kind.
    pub requests_per_address: u32,
    /// Accounts that one address may create, per hour.
    pub accounts_per_address_hour: u32,
    /// Sign-in attempts of one address.
    pub sign_ins_per_address: u32,
    /// Nameplates that one address may claim.
    pub claims_per_address: u32,
    /// Mailboxes that one account may open.
    pub mailboxes_per_account_minute: u32,
    /// Mailboxes that devices without an account may open to be linked, of one address.
    pub link_mailboxes_per_address_minute: u32,
    /// Links that one device may try to add to its account's chain, or to give back.
    pub links_per_device: u32,
    /// Requests of one address about recovery kits.
    pub recoveries_per_address: u32,
    /// Server shares that one device or writer may have minted.
    pub mints_per_signer: u32,
    /// Server shares of records that one device is given.
    pub releases_per_device: u32,
    /// Submissions of one writer to one account.
    pub submissions_per_writer: u32,
    /// Submissions of one address, by whatever writers.
    pub submissions_per_address: u32,
    /// Pushes to one device. What happens in between is told by one.
    pub pushes_per_device: u32,
    /// Devices that are to hear of something, at one time.
    pub pushes_waiting: usize,
    /// Pushes that are being sent at one time; one account has at most an eighth of the places.
    pub pushes_at_once: usize,
    /// Seconds that one push may take.
    pub push_seconds: u64,
    /// Seconds after which an upload that nobody published is swept.
    pub staged_upload_seconds: u64,
    /// Seconds for which a device's token is valid.
    pub token_seconds: u64,
    /// Agents of one organisation, those who left included.
    pub agents_per_organisation: u64,
    /// What organisations ask or bring, from one address.
    pub organisation_requests_per_address: u32,
    /// Browsers that ask to be enrolled for an agent, from one address.
    pub agent_enrolments_per_address: u32,
    /// Challenges and sign-ins of agents, from one address: an organisation may be behind one.
    pub agent_sign_ins_per_address: u32,
    /// Seconds for which an agent's token is valid; never longer than the credential that counts when it is given.
    pub agent_token_seconds: u64,
    /// Openings of one agent, in all sessions together.
    pub openings_per_agent: u32,
    /// Seconds without any opening or live frame after which a session ends.
    pub idle_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 512,
            head_seconds: 10,
            request_seconds: 30,
            stall_seconds: 30,
            upload_bytes_per_second: 4 * 1024,
            drain_seconds: 20,
            content_bytes: MAX_CONTENT,
            unit_bytes: 64 * 1024 * 1024,
            session_bytes: 1024 * 1024 * 1024,
            records_per_account: 100_000,
            bytes_per_account: 64 * 1024 * 1024 * 1024,
            submission_bytes: 64 * 1024 * 1024,
            pending_bytes_per_account: 1024 * 1024 * 1024,
            pending_per_account: 1_000,
            sessions_per_account: 32,
            mailboxes_per_account: 8,
            link_mailboxes_per_address: 16,
            mailboxes: 100_000,
            page: 500,
            requests_per_address: 30_000,
            accounts_per_address_hour: 60,
            sign_ins_per_address: 600,
            claims_per_address: 20,
            mailboxes_per_account_minute: 60,
            link_mailboxes_per_address_minute: 20,
            links_per_device: 60,
            recoveries_per_address: 60,
            mints_per_signer: 20_000,
            releases_per_device: 2_000,
            submissions_per_writer: 60,
            submissions_per_address: 120,
            pushes_per_device: 6,
            pushes_waiting: 10_000,
            pushes_at_once: 64,
            push_seconds: 10,
            staged_upload_seconds: 3_600,
            token_seconds: 24 * 3_600,
            agents_per_organisation: 10_000,
            organisation_requests_per_address: 1_200,
            agent_enrolments_per_address: 30,
            agent_sign_ins_per_address: 600,
            agent_token_seconds: 8 * 3_600,
            openings_per_agent: 120,
            idle_seconds: 15 * 60,
        }
    }
}
