//! Sealing anew, under the newest epoch, what a device that was taken out could open: sensitive records at once, every
//! other at its next write.

use core::cell::Cell;

use glimpse_wire::ErrorCode;
use glimpse_wire::record::Policy;

use crate::account::Device;
use crate::chain::Rekeying;
use crate::error::DeviceError;
use crate::listing::{Entry, Listing, Standing};

/// How often it is looked again for what is behind, where other devices write at the same time.
const PASSES: u32 = 4;

/// Marks this process as busy until it is dropped.
struct Busy<'d>(&'d Cell<bool>);

impl<'d> Busy<'d> {
    fn begin(flag: &'d Cell<bool>) -> Self {
        flag.set(true);
        Self(flag)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Listing {
    /// Sensitive records of the owner that are not sealed for `epoch`.
    fn behind(&self, epoch: u32) -> Vec<&Entry> {
        let sensitive = |entry: &&Entry| {
            let marked = entry.meta.as_ref().is_some_and(|meta| meta.policy & Policy::SENSITIVE != 0);
            marked && entry.standing == Standing::Own && entry.epoch < epoch
        };
        self.newest_first().into_iter().filter(sensitive).collect()
    }
}

impl Device {
    /// Publishes every sensitive record again under the newest epoch; the share of the version before goes with it. What
    /// breaks off goes on with the next call: a record is under the old key or the new one, whole. Another device may do
    /// the same at the same time; whoever is second finds it done.
    ///
    /// # Errors
    /// As [`Device::listing`]; the first record's that cannot be opened or written, after the others were done.
    pub async fn rekey_sensitive(&self, progress: &mut dyn FnMut(Rekeying)) -> Result<Rekeying, DeviceError> {
        let _busy = Busy::begin(&self.rekeying);
        let mut state = Rekeying { done: 0, all: 0 };
        for pass in 0..PASSES {
            let listing = self.listing().await?;
            let known = self.trusted_chain().await?;
            let epoch = known.chain.epoch().map_or(0, |epoch| epoch.number);
            let behind = listing.behind(epoch);
            // Counted by what is there: one that another device did, or that an epoch overtook, shows in the next pass.
            state.all = state.done.saturating_add(behind.len());
            if pass == 0 || !behind.is_empty() {
                progress(state);
            }
            let mut failed = None;
            let mut again = false;
            for entry in behind {
                match self.rekey(entry).await {
                    Ok(()) => {
                        state.done = state.done.saturating_add(1);
                        progress(state);
                    }
                    Err(error) if error.code() == Some(ErrorCode::Conflict) => again = true,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            match failed {
                Some(error) => return Err(error),
                None if !again => break,
                None => {}
            }
        }
        Ok(state)
    }

    /// Goes on with sensitive records that are still under an earlier epoch: a revocation that broke off, or that was sent
    /// by another process. A listing does not fail for it.
    pub(crate) async fn go_on_rekeying(&self, listing: &Listing) {
        let known = self.known();
        let epoch = known.chain.epoch().map_or(0, |epoch| epoch.number);
        let own = known.chain.active(&self.keys().id()).is_some();
        if own && !self.rekeying.get() && !listing.behind(epoch).is_empty() {
            let _gone_on = Box::pin(self.rekey_sensitive(&mut |_| {})).await;
        }
    }

    async fn rekey(&self, entry: &Entry) -> Result<(), DeviceError> {
        for version in self.open_entries(&[entry]).await? {
            self.seal_again(&version).await?;
        }
        Ok(())
    }
}
