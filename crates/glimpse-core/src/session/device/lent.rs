//! What is lent: the user's decision, and records as units.

use glimpse_wire::limits::{BLOB_BORDER, DEFAULT_BUDGET, DEFAULT_RATE, MAX_MESSAGE, MAX_UNITS_PER_GRANT};
use glimpse_wire::pairing::{GrantUnit, Rights, TermsUnit};
use glimpse_wire::record::Meta;
use glimpse_wire::{ErrorCode, Hash, UnitId, UnixMillis, encode};
use rand_core::CryptoRng;

use super::Cuts;
use crate::record::{OpenedVersion, Origin};
use crate::secret::{ClientShare, Secret};

/// What the user decided.
#[derive(Debug)]
pub struct Decision {
    /// The records, as units; at most 256, more by [`super::DeviceSession::amend`].
    pub units: Vec<LentUnit>,
    /// Bits of [`Rights`].
    pub rights: u8,
    /// Openings in all.
    pub budget: u32,
    /// Openings in any minute.
    pub rate: u32,
    /// The time, by the server's clock as the device knows it.
    pub issued: UnixMillis,
    /// When the session ends.
    pub expires: UnixMillis,
}

impl Decision {
    /// Looking only, at the default budget and rate, for `millis`.
    #[must_use]
    pub const fn view(units: Vec<LentUnit>, issued: UnixMillis, millis: u64) -> Self {
        Self {
            units,
            rights: Rights::VIEW,
            budget: DEFAULT_BUDGET,
            rate: DEFAULT_RATE,
            issued,
            expires: issued.plus(millis),
        }
    }
}

/// A record as it is lent: a unit with a client share of its own.
#[derive(Debug)]
pub struct LentUnit {
    pub(super) id: UnitId,
    pub(super) client: ClientShare,
    pub(super) meta: Meta,
    pub(super) origin: u8,
    pub(super) blob: Option<Hash>,
    pub(super) withheld: u32,
}

impl LentUnit {
    /// Makes a unit of a record version, if its policy lets it be lent.
    ///
    /// # Errors
    /// As [`OpenedVersion::require_lendable`].
    pub fn of(version: &OpenedVersion, rng: &mut impl CryptoRng) -> Result<Self, ErrorCode> {
        version.require_lendable()?;
        let mut id = [0; UnitId::LEN];
        rng.fill_bytes(&mut id);
        let blob = (version.meta().length > BLOB_BORDER).then(|| version.envelope().header.h0());
        let origin = match version.origin() {
            Origin::Own => GrantUnit::OWN,
            Origin::Approved(_) => GrantUnit::APPROVED,
            Origin::Writer(_) | Origin::Unsigned => GrantUnit::WRITTEN,
        };
        Ok(Self {
            id: UnitId(id),
            client: ClientShare(Secret::generate(rng)),
            meta: version.meta().clone(),
            origin,
            blob,
            withheld: 0,
        })
    }

    /// Lends the record without some of its fields. The unit says how many, and its length is that of what is left: what was
    /// cut out shows in no size that a viewer sees.
    ///
    /// # Errors
    /// [`ErrorCode::TooLarge`] for a record that is lent by its content key, from which nothing can be taken;
    /// [`ErrorCode::Malformed`] for cuts of a record of another length.
    pub fn without(mut self, cuts: &Cuts) -> Result<Self, ErrorCode> {
        if self.is_blob() {
            return Err(ErrorCode::TooLarge);
        }
        if cuts.whole() != self.meta.length {
            return Err(ErrorCode::Malformed);
        }
        self.meta.length = cuts.left();
        self.withheld = cuts.fields();
        Ok(self)
    }

    /// Names the writer as the owner has pinned it: what it brought counts as approved, and what it calls itself does not
    /// leave the device. Changes nothing in a record of the owner.
    #[must_use]
    pub fn from_pinned(mut self, name: &str) -> Self {
        if self.origin != GrantUnit::OWN {
            self.origin = GrantUnit::APPROVED;
            name.clone_into(&mut self.meta.from);
        }
        self
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> UnitId {
        self.id
    }

    /// Whether the record is lent by its content key, in place of a copy sealed for the session.
    #[must_use]
    pub const fn is_blob(&self) -> bool {
        self.blob.is_some()
    }

    /// A unit that describes itself in a way that this build never would.
    #[cfg(test)]
    pub(crate) fn with_meta(mut self, edit: impl FnOnce(&mut Meta)) -> Self {
        edit(&mut self.meta);
        self
    }

    pub(super) fn in_terms(&self) -> TermsUnit {
        match self.blob {
            Some(h0) => TermsUnit::Blob { unit: self.id, h0 },
            None => TermsUnit::Sealed { unit: self.id },
        }
    }
}

/// Fields that are withheld from these, in all.
pub(super) fn withheld(units: &[LentUnit]) -> u32 {
    units.iter().map(|unit| unit.withheld).fold(0, u32::saturating_add)
}

/// Splits units so that each part fits one grant: by number, and by the size of what describes them.
#[must_use]
pub fn split_for_grants(units: Vec<LentUnit>) -> Vec<Vec<LentUnit>> {
    let room = MAX_MESSAGE / 2;
    let mut parts = vec![Vec::new()];
    let mut used = 0usize;
    for unit in units {
        let length = encode(&unit.meta).len().saturating_add(128);
        let full = parts.last().is_some_and(|part: &Vec<LentUnit>| part.len() >= MAX_UNITS_PER_GRANT);
        if full || (used.saturating_add(length) > room && used > 0) {
            parts.push(Vec::new());
            used = 0;
        }
        used = used.saturating_add(length);
        if let Some(part) = parts.last_mut() {
            part.push(unit);
        }
    }
    parts
}
