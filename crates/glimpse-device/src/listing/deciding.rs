//! What others write to the account: from whom it is, and the owner's decision about it (protocol section 5.7).

use glimpse_core::record::{OpenedVersion, Origin};
use glimpse_wire::account::Signed;
use glimpse_wire::api::{Published, SignedJson};
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::preimage::{StatementKind, writer_id};
use glimpse_wire::record::{Change, Decision};
use glimpse_wire::{AuthorId, ErrorCode, SUITE};

use super::{Entry, Listing, Standing};
use crate::account::Device;
use crate::api::{json, with_json};
use crate::error::DeviceError;
use crate::transport::Method;

/// How often a decision is signed for another head.
const HEADS: u32 = 4;

/// What a writer brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<'e> {
    /// From whom: as the owner has pinned the writer, or else as the writer calls itself. May be empty.
    pub name: &'e str,
    /// Whether the owner has taken it.
    pub taken: Taken,
}

/// Whether the owner has taken what a writer brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It waits for the owner's decision.
    Waiting,
    /// A device of the account approved it.
    Approved,
    /// Its writer is pinned: whatever it brings counts as approved, for as long as it is.
    Pinned,
}

impl Entry {
    /// Who brought it; nothing for a record of the owner, and for one that nobody may be named for.
    #[must_use]
    pub fn written(&self) -> Option<Written<'_>> {
        let taken = match (self.standing, &self.pinned) {
            (Standing::Pending | Standing::Approved, Some(name)) => {
                return Some(Written { name, taken: Taken::Pinned });
            }
            (Standing::Pending, None) => Taken::Waiting,
            (Standing::Approved, None) => Taken::Approved,
            (Standing::Own | Standing::Unsigned | Standing::Deleted | Standing::Trouble { .. }, _) => return None,
        };
        Some(Written { name: self.meta.as_ref().map_or("", |meta| &meta.from), taken })
    }

    /// Whether it waits for the owner's decision.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.written().is_some_and(|written| written.taken == Taken::Waiting)
    }
}

impl Listing {
    /// What waits for the owner's decision, newest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<&Entry> {
        self.newest_first().into_iter().filter(|entry| entry.waits()).collect()
    }
}

impl Device {
    /// Looks up the writers of what is listed among the pins of the chain.
    pub(super) fn name_writers(&self, listing: &mut Listing) {
        for entry in listing.entries.values_mut() {
            entry.pinned = entry.writer.and_then(|writer| self.pinned_name(writer));
        }
    }

    /// The name under which a writer is pinned, once its pin has taken effect and as long as it stands in the chain.
    pub(crate) fn pinned_name(&self, writer: AuthorId) -> Option<String> {
        let known = self.known();
        let pin = known.chain.policy().writers.iter().find(|pin| writer_id(&pin.key) == writer)?;
        known.chain.writer(&pin.key, self.machine.now()).map(|pin| pin.name.clone())
    }

    /// Approves a version that a writer brought: exactly the one that was opened. It stays the writer's, and is lent as
    /// approved. What is not to be kept is deleted instead ([`Device::delete`]).
    ///
    /// # Errors
    /// [`ErrorCode::Conflict`] when it was deleted or has a later version, [`ErrorCode::NotGranted`] for a record that no
    /// writer brought; [`DeviceError::Refused`].
    pub async fn approve(&self, version: &OpenedVersion) -> Result<(), DeviceError> {
        let writer = match version.origin() {
            Origin::Writer(writer) => writer,
            Origin::Approved(_) => return Ok(()),
            Origin::Own | Origin::Unsigned => return Err(ErrorCode::NotGranted.into()),
        };
        self.require_intact_log().await?;
        let before = self.read_so_far().await?;
        let (header, h1) = (&version.envelope().header, version.envelope().h1());
        let path = format!("/v1/records/{}/decision", header.record);
        let mut tries = 0u32;
        let refused = loop {
            tries = tries.saturating_add(1);
            let head = self.trusted_chain().await?.chain.head();
            let decision = Decision {
                suite: SUITE,
                account: self.account(),
                record: header.record,
                version: header.version,
                h1,
                writer,
                at: self.machine.now(),
                head,
                device: self.keys().id(),
            };
            let signed: Signed = self.keys().signing().sign_statement(StatementKind::Decision, &decision);
            let signed = SignedJson::from(signed);
            match self.authorised(|token| with_json(Method::Put, path.clone(), &signed).by(token)).await {
                Ok(response) => {
                    let published: Published = json(response, MAX_JSON).await?;
                    return self.compare_number(before, published.seq, version.envelope(), Change::APPROVED).await;
                }
                Err(error) if error.code() == Some(ErrorCode::Conflict) && tries < HEADS => {
                    self.sync().await?;
                    if self.head() == head {
                        break error;
                    }
                }
                Err(error) => return Err(error),
            }
        };
        // Another device was first, and said the same.
        let listing = self.listing().await?;
        let there = listing.entries.get(&header.record);
        let done = there.is_some_and(|entry| entry.standing == Standing::Approved && entry.h1 == h1);
        if done { Ok(()) } else { Err(refused) }
    }
}

#[cfg(test)]
mod tests;
