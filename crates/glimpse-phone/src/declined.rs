//! Requests of agents that came to nothing, as the list of looks shows them below those that did begin.

use glimpse_device::Device;
use glimpse_device::declined::Declined;
use glimpse_page::data;
use glimpse_wire::organisation::Request;
use glimpse_wire::{SessionId, UnixMillis};
use serde::Serialize;

/// One of them. Never content: there was none.
#[derive(Debug, Serialize)]
pub(crate) struct DeclinedView {
    session: SessionId,
    at: UnixMillis,
    /// The slug of why.
    code: &'static str,
    /// Who asked; nothing where what is kept does not prove it.
    asked: Option<AskedView>,
}

#[derive(Debug, Serialize)]
struct AskedView {
    /// As the user calls it; its key where it is not pinned any more.
    organisation: String,
    name: String,
    case: String,
    reason: String,
    words: String,
}

impl DeclinedView {
    pub(crate) fn of(device: &Device, declined: &Declined) -> Self {
        let asked = declined.request().ok().map(|Request { credential, case, reason, words }| AskedView {
            organisation: data::marked(
                &device
                    .organisation_name(&credential.organisation)
                    .unwrap_or_else(|| credential.organisation.to_string()),
            ),
            name: data::marked(&credential.name),
            case: data::marked(&case),
            reason: data::marked(&reason),
            words: data::marked(&words.join(" ")),
        });
        Self { session: declined.session(), at: declined.at, code: declined.code.slug(), asked }
    }
}
