//! Sealing anew, under the newest epoch, what a device that was taken out could open: sensitive records at once, every
//! other at its next write.

use glimpse_wire::ErrorCode;
use glimpse_wire::record::Policy;

use crate::account::Device;
use crate::chain::Rekeying;
use crate::error::DeviceError;
use crate::listing::{Entry, Listing, Standing};

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
        let listing = self.listing().await?;
        let known = self.trusted_chain().await?;
        let epoch = known.chain.epoch().map_or(0, |epoch| epoch.number);
        let behind = listing.behind(epoch);
        let mut state = Rekeying { done: 0, all: behind.len() };
        progress(state);
        let mut failed = None;
        for entry in behind {
            match self.rekey(entry).await {
                // Changed or deleted since: its next version is under the newest epoch by itself.
                Ok(()) => state.done = state.done.saturating_add(1),
                Err(error) if error.code() == Some(ErrorCode::Conflict) => state.done = state.done.saturating_add(1),
                Err(error) => failed = failed.or(Some(error)),
            }
            progress(state);
        }
        failed.map_or(Ok(state), Err)
    }

    async fn rekey(&self, entry: &Entry) -> Result<(), DeviceError> {
        for version in self.open_entries(&[entry]).await? {
            self.seal_again(&version).await?;
        }
        Ok(())
    }
}
