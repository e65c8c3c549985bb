//! Being woken: the browser's push subscription, and the server that pushes to it. What a push says is nothing; the browser
//! knows whether there is a subscription, and the page tells.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use glimpse_device::push::PushSubscription;
use serde::{Deserialize, Serialize};

use crate::phone::Phone;
use crate::state::Gate;

/// What the person, or the browser, did about pushes.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum PushAct {
    /// The browser has this subscription; told at each start too, because a server can lose it.
    Subscribed {
        /// What the browser gave.
        subscription: PushSubscription,
    },
    /// No more of them.
    Stop,
}

impl core::fmt::Debug for PushAct {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Whoever knows the address of a subscription can ring there.
        f.write_str(match self {
            Self::Subscribed { .. } => "Subscribed(redacted)",
            Self::Stop => "Stop",
        })
    }
}

/// What the server says of pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PushView {
    /// Its key, in base64url; nothing where it pushes nothing.
    key: Option<String>,
}

impl Phone {
    /// Asks by which key the server pushes.
    pub(crate) fn look_at_pushes(&self) {
        let Some(device) = self.device() else { return };
        self.run(|phone| async move {
            // Without a connection nothing can be turned on; the banner says so.
            let Ok(key) = device.push_key().await else { return };
            let key = key.map(|key| Base64UrlUnpadded::encode_string(key.as_slice()));
            phone.change(|state| {
                if state.gate == Gate::Open {
                    state.push = Some(PushView { key });
                }
            });
        });
    }

    pub(crate) fn about_pushes(&self, act: PushAct) {
        let Some(device) = self.device() else { return };
        self.run(|phone| async move {
            let done = match act {
                PushAct::Subscribed { subscription } => device.subscribe_push(&subscription).await,
                PushAct::Stop => device.unsubscribe_push().await,
            };
            match done {
                Ok(()) => {}
                // Told again at the next start.
                Err(error) if error.code() == Some(glimpse_wire::ErrorCode::ServerUnreachable) => {}
                Err(error) => phone.change(|state| state.failed(&error)),
            }
        });
    }
}
