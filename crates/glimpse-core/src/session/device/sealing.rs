//! Sealing the content of a unit for one session.

use glimpse_wire::preimage;
use glimpse_wire::session::UnitEnvelope;
use glimpse_wire::size::padded;
use glimpse_wire::{ErrorCode, SUITE, Salt, UnitId};

use super::{DeviceSession, LentState};
use crate::derive;
use crate::error::OpenError;
use crate::record::OpenedVersion;
use crate::secret::{Plaintext, ServerShare};
use crate::stream::{ContentSealer, LengthChanged};

impl DeviceSession {
    /// Begins to seal a unit's content for this session, under a salt for which the server minted `server`.
    ///
    /// # Errors
    /// [`ErrorCode::NotGranted`] for a unit that was not granted, or one that is lent by its content key.
    pub fn seal_unit(&self, unit: &UnitId, salt: Salt, server: &ServerShare) -> Result<UnitSealer, ErrorCode> {
        let state = self.units.get(unit).filter(|state| !state.blob).ok_or(ErrorCode::NotGranted)?;
        Ok(self.unit_sealer(*unit, state, salt, server, state.length))
    }

    /// Seals the content key of a blob, and only that, as the content of its unit.
    ///
    /// # Errors
    /// [`ErrorCode::NotGranted`] for a unit that is not lent by its content key; [`ErrorCode::RecordTampered`] for a
    /// wrong share of the record.
    pub fn seal_blob_unit(
        &self,
        unit: &UnitId,
        salt: Salt,
        server: &ServerShare,
        version: &OpenedVersion,
        record_share: &ServerShare,
    ) -> Result<(UnitEnvelope, Vec<u8>), ErrorCode> {
        let state = self.units.get(unit).filter(|state| state.blob).ok_or(ErrorCode::NotGranted)?;
        let key: Plaintext = version.blob_key(record_share).map_err(|OpenError| ErrorCode::RecordTampered)?;
        let length = u64::try_from(key.len()).map_err(|_| ErrorCode::Internal)?;
        let mut sealer = self.unit_sealer(*unit, state, salt, server, length);
        let mut sealed = Vec::new();
        let mut emit = |chunk: Vec<u8>| sealed.extend(chunk);
        sealer.push(&key, &mut emit).map_err(|LengthChanged| ErrorCode::Internal)?;
        let envelope = *sealer.envelope();
        sealer.finish(&mut emit).map_err(|LengthChanged| ErrorCode::Internal)?;
        Ok((envelope, sealed))
    }

    fn unit_sealer(
        &self,
        unit: UnitId,
        state: &LentState,
        salt: Salt,
        server: &ServerShare,
        length: u64,
    ) -> UnitSealer {
        let key = derive::unit_key(&salt, &state.client, server);
        let envelope = UnitEnvelope {
            suite: SUITE,
            session: self.session,
            unit,
            salt,
            terms: state.terms,
            commit: key.commitment(),
            size: padded(length),
        };
        let aad = preimage::unit_aad(&self.session, &unit, &salt, &state.terms);
        UnitSealer { content: ContentSealer::new(key.key, aad, length), envelope }
    }
}

/// Seals the content of a unit as it streams by.
#[derive(Debug)]
pub struct UnitSealer {
    content: ContentSealer,
    envelope: UnitEnvelope,
}

impl UnitSealer {
    /// What travels ahead of the chunks.
    #[must_use]
    pub const fn envelope(&self) -> &UnitEnvelope {
        &self.envelope
    }

    /// Takes the next piece of the content; gives each sealed chunk to `emit`.
    ///
    /// # Errors
    /// [`LengthChanged`].
    pub fn push(&mut self, content: &[u8], emit: &mut dyn FnMut(Vec<u8>)) -> Result<(), LengthChanged> {
        self.content.push(content, emit)
    }

    /// Seals the last chunk.
    ///
    /// # Errors
    /// [`LengthChanged`].
    pub fn finish(self, emit: &mut dyn FnMut(Vec<u8>)) -> Result<(), LengthChanged> {
        self.content.finish(emit).map(|_root| ())
    }
}
