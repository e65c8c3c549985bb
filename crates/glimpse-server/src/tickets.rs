//! Things that are good for a moment and once: sign-in challenges and writers' upload tokens. In memory; a restart ends them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use glimpse_wire::limits::RESERVATION_MILLIS;
use glimpse_wire::{AccountId, AuthorId, DeviceId, ErrorCode, Hash, RecordId, UnixMillis};
use sha2::{Digest, Sha256};

use crate::problem::Answer;
use crate::store::random;

/// Life of a sign-in challenge.
const CHALLENGE_MILLIS: u64 = 60 * 1000;
/// Tickets of one sort at one time; the rate of an address is far below.
const MOST: usize = 100_000;

/// Challenges and upload tokens that have been given out.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    challenges: Mutex<HashMap<Hash, Challenged>>,
    uploads: Mutex<HashMap<Hash, WriterUpload>>,
}

#[derive(Debug)]
struct Challenged {
    account: AccountId,
    device: DeviceId,
    expires: UnixMillis,
}

/// What a writer may upload and submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriterUpload {
    pub(crate) account: AccountId,
    pub(crate) writer: AuthorId,
    pub(crate) record: RecordId,
    pub(crate) h0: Hash,
    expires: UnixMillis,
}

impl Tickets {
    /// A challenge for a device that may or may not exist.
    pub(crate) fn challenge(
        &self,
        account: AccountId,
        device: DeviceId,
        now: UnixMillis,
    ) -> Answer<(Hash, UnixMillis)> {
        let challenge = Hash(random()?);
        let expires = now.plus(CHALLENGE_MILLIS);
        let mut challenges = lock(&self.challenges);
        if challenges.len() >= MOST {
            challenges.retain(|_, challenged| challenged.expires.0 > now.0);
        }
        if challenges.len() >= MOST {
            return Err(ErrorCode::Busy.into());
        }
        challenges.insert(challenge, Challenged { account, device, expires });
        Ok((challenge, expires))
    }

    /// Uses a challenge up; whether it was given to this device and has not lapsed.
    pub(crate) fn answer(&self, challenge: &Hash, account: &AccountId, device: &DeviceId, now: UnixMillis) -> bool {
        lock(&self.challenges).remove(challenge).is_some_and(|challenged| {
            challenged.account == *account && challenged.device == *device && challenged.expires.0 > now.0
        })
    }

    /// A token by which a writer uploads one record version.
    pub(crate) fn admit_upload(
        &self,
        account: AccountId,
        writer: AuthorId,
        record: RecordId,
        h0: Hash,
        now: UnixMillis,
    ) -> Answer<Hash> {
        let token = Hash(random()?);
        let mut uploads = lock(&self.uploads);
        if uploads.len() >= MOST {
            uploads.retain(|_, upload| upload.expires.0 > now.0);
        }
        if uploads.len() >= MOST {
            return Err(ErrorCode::Busy.into());
        }
        let expires = now.plus(RESERVATION_MILLIS);
        uploads.insert(digest(&token), WriterUpload { account, writer, record, h0, expires });
        Ok(token)
    }

    /// What this token admits to.
    pub(crate) fn upload(&self, token: &Hash, now: UnixMillis) -> Option<WriterUpload> {
        lock(&self.uploads).get(&digest(token)).filter(|upload| upload.expires.0 > now.0).copied()
    }
}

/// Tokens are looked up by their hash, so that the time which a lookup takes tells nothing of them.
fn digest(token: &Hash) -> Hash {
    Hash(Sha256::digest(token.0).into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
