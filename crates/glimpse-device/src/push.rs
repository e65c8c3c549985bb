//! Web Push, from the side of a device in a browser: where the server tells it to look (protocol section 8.4).
//!
//! A page subscribes with its browser, under [`Device::push_key`], and hands over what the browser gives it. A push says
//! nothing but that something happened: whoever is woken by one looks at [`Device::inbox`], at the sessions and at the
//! listing, as at every start. A subscription that the server has lost, because an old backup was restored or the provider
//! ended it, is stored again by storing it at each start.

pub use glimpse_wire::api::PushSubscription;

use glimpse_wire::ErrorCode;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::PUSH_KEY_LEN;

use crate::account::Device;
use crate::api::{bare, with_json};
use crate::error::DeviceError;
use crate::transport::Method;

const PATH: &str = "/v1/account/push";

impl Device {
    /// The key that the server pushes by, for the `applicationServerKey` of a browser's subscription: an uncompressed point
    /// of [`PUSH_KEY_LEN`] bytes. None where the server pushes nothing. A subscription under another key than this one is of
    /// no use any more.
    ///
    /// # Errors
    /// As [`Device::info`]; [`ErrorCode::Malformed`] for a key of another length.
    pub async fn push_key(&self) -> Result<Option<Bytes>, DeviceError> {
        let key = self.info().await?.push_key;
        if key.as_ref().is_some_and(|key| key.as_slice().len() != PUSH_KEY_LEN) {
            return Err(ErrorCode::Malformed.into());
        }
        Ok(key)
    }

    /// Has the server push to this subscription, in the place of the one before. The push provider, whoever it is, learns from
    /// then on when something happens in the account.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] for a subscription that no browser gives, or that the server does not push to;
    /// [`ErrorCode::NotFound`] where the server pushes nothing; [`ErrorCode::DeviceHeld`]; [`DeviceError::Refused`].
    pub async fn subscribe_push(&self, subscription: &PushSubscription) -> Result<(), DeviceError> {
        subscription.check().map_err(|_| ErrorCode::Malformed)?;
        self.persistently(|by| with_json(Method::Put, PATH.to_owned(), subscription).by(by)).await?;
        Ok(())
    }

    /// Has the server forget this device's subscription; that of the browser is the page's to end.
    ///
    /// # Errors
    /// [`DeviceError::Refused`].
    pub async fn unsubscribe_push(&self) -> Result<(), DeviceError> {
        self.persistently(|by| bare(Method::Delete, PATH.to_owned()).by(by)).await?;
        Ok(())
    }
}
