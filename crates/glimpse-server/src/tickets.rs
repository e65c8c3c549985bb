//! Things that are good for a moment: sign-in challenges and writers' upload tokens. A restart ends them.
//!
//! Anyone may ask for a challenge, so nothing is remembered of it: it carries its end and a MAC under a key that is drawn at the
//! start. What is remembered is which ones were used, and using one takes a device's signature.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_wire::limits::RESERVATION_MILLIS;
use glimpse_wire::{AccountId, AuthorId, DeviceId, ErrorCode, Hash, RecordId, UnixMillis};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::lapsing::Lapsing;
use crate::problem::Answer;
use crate::store::{AgentOf, random};

/// Life of a sign-in challenge.
const CHALLENGE_MILLIS: u64 = 60 * 1000;
/// The same for an agent.
pub(crate) const AGENT_CHALLENGE_MILLIS: u64 = 5 * 60 * 1000;
/// Upload tokens at one time; the rate of an address is far below.
const MOST_UPLOADS: usize = 100_000;
/// Bytes of a challenge's MAC: one guess in 2^128.
const TAG: usize = 16;

/// Challenges and upload tokens that have been given out.
pub(crate) struct Tickets {
    /// Of this run alone, and of nothing but challenges.
    key: Zeroizing<[u8; 32]>,
    used: Mutex<Lapsing<Hash, ()>>,
    uploads: Mutex<Lapsing<Hash, WriterUpload>>,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

/// What a writer may upload and submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriterUpload {
    pub(crate) account: AccountId,
    pub(crate) writer: AuthorId,
    pub(crate) record: RecordId,
    pub(crate) h0: Hash,
}

impl Tickets {
    /// # Errors
    /// When the operating system gives no random numbers.
    pub(crate) fn new() -> Answer<Self> {
        Ok(Self {
            key: Zeroizing::new(random()?),
            used: Mutex::new(Lapsing::new()),
            uploads: Mutex::new(Lapsing::new()),
        })
    }

    /// A challenge for a device that may or may not exist.
    pub(crate) fn challenge(
        &self,
        account: &AccountId,
        device: &DeviceId,
        now: UnixMillis,
    ) -> Answer<(Hash, UnixMillis)> {
        self.draw(&[&account.0, &device.0], now.plus(CHALLENGE_MILLIS))
    }

    /// The same for an agent, whose passkey may want a finger.
    pub(crate) fn agent_challenge(&self, agent: &AgentOf, now: UnixMillis) -> Answer<(Hash, UnixMillis)> {
        self.draw(&[&agent.organisation.0, &agent.agent.0], now.plus(AGENT_CHALLENGE_MILLIS))
    }

    /// What only this server can say of a challenge that it drew: the verifier of PKCE (RFC 7636 section 4.1) towards a provider.
    pub(crate) fn verifier(&self, challenge: &Hash) -> Answer<String> {
        // The MAC over a challenge's front and whom it is for is over more bytes than these.
        let mac = self.mac(&challenge.0, &[&[], &[]])?;
        Ok(Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes()))
    }

    /// Its end, eight random bytes, and the MAC over both and whom it is for.
    fn draw(&self, whom: &[&[u8]; 2], expires: UnixMillis) -> Answer<(Hash, UnixMillis)> {
        let mut challenge = [0u8; 32];
        let (front, tag) = challenge.split_at_mut(TAG);
        let (end, nonce) = front.split_at_mut(8);
        end.copy_from_slice(&expires.0.to_be_bytes());
        nonce.copy_from_slice(&random::<8>()?);
        let mac = self.mac(front, whom)?.finalize().into_bytes();
        tag.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        Ok((Hash(challenge), expires))
    }

    /// Uses a challenge up; whether it was given to this device, has not lapsed and was not used before. The caller has checked
    /// the device's signature over it.
    pub(crate) fn answer(&self, challenge: &Hash, account: &AccountId, device: &DeviceId, now: UnixMillis) -> bool {
        self.take(challenge, &[&account.0, &device.0], now).is_some()
    }

    /// The same of an agent; when the challenge would have lapsed.
    pub(crate) fn agent_answer(&self, challenge: &Hash, agent: &AgentOf, now: UnixMillis) -> Option<UnixMillis> {
        self.take(challenge, &[&agent.organisation.0, &agent.agent.0], now)
    }

    fn take(&self, challenge: &Hash, whom: &[&[u8]; 2], now: UnixMillis) -> Option<UnixMillis> {
        let (end, _) = challenge.0.split_first_chunk()?;
        let expires = UnixMillis(u64::from_be_bytes(*end));
        let (front, tag) = challenge.0.split_at(TAG);
        let ours = self.mac(front, whom).is_ok_and(|mac| mac.verify_truncated_left(tag).is_ok());
        if !ours || expires.0 <= now.0 {
            return None;
        }
        let mut used = lock(&self.used);
        let fresh = used.find(challenge, now).is_none();
        used.insert(*challenge, (), expires, now);
        fresh.then_some(expires)
    }

    /// The front has one length, a device's account and id another one together than an agent's organisation and id, and each of
    /// the four has its own: no two questions are the same bytes.
    fn mac(&self, front: &[u8], whom: &[&[u8]; 2]) -> Answer<Hmac<Sha256>> {
        let mut mac = Hmac::new_from_slice(self.key.as_slice()).map_err(|_| ErrorCode::Internal)?;
        mac.update(front);
        whom.iter().for_each(|part| mac.update(part));
        Ok(mac)
    }

    /// A token by which a writer uploads one record version.
    pub(crate) fn admit_upload(&self, upload: WriterUpload, now: UnixMillis) -> Answer<Hash> {
        let token = Hash(random()?);
        let mut uploads = lock(&self.uploads);
        if uploads.len() >= MOST_UPLOADS {
            return Err(ErrorCode::Busy.into());
        }
        uploads.insert(digest(&token), upload, now.plus(RESERVATION_MILLIS), now);
        Ok(token)
    }

    /// What this token admits to.
    pub(crate) fn upload(&self, token: &Hash, now: UnixMillis) -> Option<WriterUpload> {
        lock(&self.uploads).find(&digest(token), now).map(|(_, upload)| *upload)
    }
}

/// Tokens are looked up by their hash, so that the time which a lookup takes tells nothing of them.
fn digest(token: &Hash) -> Hash {
    Hash(Sha256::digest(token.0).into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glimpse_wire::{AgentId, SigningKeyBytes};

    #[test]
    fn a_challenge_is_good_once_in_time_for_its_device_and_for_this_run() {
        let (tickets, other_run) = (Tickets::new().expect("random"), Tickets::new().expect("random"));
        let (account, device, now) = (AccountId([1; 32]), DeviceId([2; 32]), UnixMillis(1_000_000));
        let fresh = || tickets.challenge(&account, &device, now).expect("random");
        let (challenge, expires) = fresh();
        assert!(!other_run.answer(&challenge, &account, &device, now));
        assert!(!tickets.answer(&challenge, &AccountId([3; 32]), &device, now));
        assert!(!tickets.answer(&challenge, &account, &DeviceId([3; 32]), now));
        for byte in 0..32 {
            let mut changed = challenge;
            if let Some(byte) = changed.0.get_mut(byte) {
                *byte ^= 1;
            }
            assert!(!tickets.answer(&changed, &account, &device, now), "byte {byte}");
        }
        assert!(!tickets.answer(&challenge, &account, &device, expires), "lapsed");
        assert!(tickets.answer(&challenge, &account, &device, now), "control");
        assert!(!tickets.answer(&challenge, &account, &device, now), "used");
        assert_ne!(fresh().0, fresh().0);

        let agent = AgentOf { organisation: SigningKeyBytes([1; 32]), agent: AgentId([2; 16]) };
        let other = AgentOf { agent: AgentId([3; 16]), ..agent };
        let (challenge, expires) = tickets.agent_challenge(&agent, now).expect("random");
        assert!(
            tickets.agent_answer(&challenge, &other, now).is_none()
                && !tickets.answer(&challenge, &account, &device, now)
        );
        assert!(tickets.agent_answer(&fresh().0, &agent, now).is_none());
        assert!(tickets.agent_answer(&challenge, &agent, expires).is_none(), "lapsed");
        assert_eq!(tickets.agent_answer(&challenge, &agent, now), Some(expires), "control");
        assert!(tickets.agent_answer(&challenge, &agent, now).is_none(), "used");
    }

    #[test]
    fn challenges_that_nobody_answers_take_no_room_from_those_that_do() {
        let tickets = Tickets::new().expect("random");
        let (account, device, now) = (AccountId([1; 32]), DeviceId([2; 32]), UnixMillis(1_000_000));
        for _ in 0..=100_000u32 {
            tickets.challenge(&account, &device, now).expect("never busy");
        }
        let (challenge, _) = tickets.challenge(&account, &device, now).expect("never busy");
        assert!(tickets.answer(&challenge, &account, &device, now));
        assert_eq!(lock(&tickets.used).len(), 1);
    }
}
