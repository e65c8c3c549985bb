//! Ways out: of a fork, and of a server that lost links. Each is the owner's act, after they compared their devices.

use glimpse_wire::account::{Head, Link, SignedLink, WrapCommitment};
use glimpse_wire::api::{AppendLink, DeviceWrap};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_LINK;
use glimpse_wire::{ErrorCode, decode, encode, preimage};

use super::KeptWrap;
use super::sync::chain_from;
use crate::account::Device;
use crate::api::with_json;
use crate::error::DeviceError;
use crate::transport::Method;

impl Device {
    /// This device's log of devices is the one that counts: the device on whose word the other one rests is taken out,
    /// and an epoch begins. A device on the other side of the fork has to be linked again.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] when there is no fork; as [`Device::revoke`], and the fork stays.
    pub async fn keep_this_chain(&self) -> Result<Head, DeviceError> {
        let fork = self.fork().await?.ok_or(ErrorCode::NotFound)?;
        let other = fork.by().filter(|by| *by != self.keys().id());
        let _settling = self.settle_fork(other);
        self.synced.set(None);
        let head = match other {
            Some(device) if self.known().chain.active(&device).is_some() => self.revoke(&[device]).await?,
            Some(_) | None => self.rotate().await?,
        };
        self.forget_fork().await?;
        Ok(head)
    }

    /// Gives the server the links that it lost, byte for byte as their devices signed them. Gives how many.
    ///
    /// # Errors
    /// [`ErrorCode::ChainForked`] when what it has is not the beginning of this device's chain; [`DeviceError::Refused`].
    pub async fn give_back_links(&self) -> Result<u64, DeviceError> {
        let stored = self.home.chain().await?;
        let answer = chain_from(&self.api, self.account(), 0).await?;
        for (given, kept) in answer.links.iter().zip(&stored.links) {
            if given.as_slice() != encode(kept) {
                return Err(super::forked());
            }
        }
        let there = usize::try_from(answer.length).unwrap_or(usize::MAX);
        let lost = stored.links.get(there..).unwrap_or_default();
        let mut given = 0u64;
        for (seq, link) in (answer.length..).zip(lost) {
            let wraps = wraps_of(link, &stored.wraps);
            let body = AppendLink { link: Bytes(encode(link)), wraps };
            self.authorised(|by| with_json(Method::Put, format!("/v1/account/links/{seq}"), &body).by(by)).await?;
            given = given.saturating_add(1);
        }
        self.synced.set(None);
        Ok(given)
    }

    async fn forget_fork(&self) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        let mut stored = self.home.chain().await?;
        stored.fork = None;
        Ok(self.home.store_chain(&stored).await?)
    }
}

/// The wraps that a link commits to and this device keeps: of an epoch that another one followed it has none, and nobody
/// needs them.
fn wraps_of(link: &SignedLink, kept: &[KeptWrap]) -> Vec<DeviceWrap> {
    let Ok(decoded) = decode::<Link>(link.link.as_slice(), MAX_LINK) else { return Vec::new() };
    let find = |committed: &WrapCommitment| {
        let found = kept.iter().find(|kept| {
            kept.device == committed.device && preimage::wrap_hash(kept.wrap.as_slice()) == committed.hash
        });
        found.cloned().map(DeviceWrap::from)
    };
    decoded.body.wraps().iter().filter_map(find).collect()
}
