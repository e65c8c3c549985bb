//! The account's chain on the server: replayed by the rules of everyone, extended by one link at a time.
//!
//! A link is on disk, with all that it says of devices, wraps and the kit, before anything else follows from it. What
//! follows outside the main database, the end of what revoked devices began, is repeated by the sweep if it was cut off.

use glimpse_wire::account::{Head, Link, LinkBody, SignedLink, WrapCommitment};
use glimpse_wire::api::{AppendLink, Appended, DeviceWrap};
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_LINK, MAX_WRAP};
use glimpse_wire::{AccountId, DeviceId, ErrorCode, decode, preimage};

use crate::app::App;
use crate::problem::{Answer, Problem};
use crate::store::NewLink;

/// Who adds a link.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Adder {
    /// The device that signed in.
    Device(DeviceId),
    /// The recovery kit, for the device that its link names.
    Kit,
    /// A device that gives back a link which was in the chain before an old backup was restored here, whoever signed it.
    Keeper,
}

impl App {
    /// The account's chain, replayed.
    pub(crate) async fn replay(&self, account: &AccountId) -> Answer<Chain> {
        let links = self.store.links(account).await?;
        // Thousands of signatures, in the worst case: not on a thread that serves others.
        tokio::task::spawn_blocking(move || replay(&links)).await.unwrap_or_else(|_| Err(ErrorCode::Internal.into()))
    }

    /// Adds a link to the account's chain, or finds it added by the same bytes.
    ///
    /// # Errors
    /// `Conflict` when it does not follow the newest link; `Malformed` and `Unauthorised` when the chain refuses it, or for a
    /// signer or wraps that are not its own; of a recovery see [`crate::store::RecoveryAsked`].
    pub(crate) async fn append(&self, account: &AccountId, adder: Adder, body: &AppendLink) -> Answer<Appended> {
        let signed: SignedLink = decode(body.link.as_slice(), MAX_LINK)?;
        let link: Link = decode(signed.link.as_slice(), MAX_LINK)?;
        let recovers = match (adder, &link.body) {
            (Adder::Device(device), LinkBody::Act { .. }) if link.signer == device => None,
            (Adder::Device(_), LinkBody::Act { .. }) => return Err(ErrorCode::Unauthorised.into()),
            (Adder::Kit, LinkBody::Recover { device, .. }) => Some((device.id(), self.clock.now())),
            // The chain's rules say whether its signer may: a device that brings it vouches for nothing. A link of the kit
            // has its waiting time, whoever brings it.
            (Adder::Keeper, LinkBody::Act { .. }) => None,
            (Adder::Device(_) | Adder::Kit | Adder::Keeper, _) => return Err(ErrorCode::Malformed.into()),
        };
        if let Some((there, hash)) = self.store.link(account, link.seq).await? {
            if there != body.link.as_slice() {
                return Err(ErrorCode::Conflict.into());
            }
            // A crash may have come before everything that follows from it had happened.
            self.finish_revoked().await?;
            return Ok(Appended { head: Head { seq: link.seq, hash } });
        }
        let mut chain = self.replay(account).await?;
        let before = chain.head();
        chain.push(&signed).map_err(refusal)?;
        // Of an epoch that another one followed nobody has the wraps any more, and nobody needs them.
        let given_back = matches!(adder, Adder::Keeper) && body.wraps.is_empty();
        if !given_back && !are_committed(link.body.wraps(), &body.wraps) {
            return Err(ErrorCode::Malformed.into());
        }
        let new = NewLink { chain: &chain, before, bytes: body.link.as_slice(), wraps: &body.wraps, recovers };
        self.store.append_link(&new).await?;
        self.finish_revoked().await?;
        Ok(Appended { head: chain.head() })
    }
}

fn replay(links: &[Bytes]) -> Answer<Chain> {
    let links = links.iter().map(|link| decode::<SignedLink>(link.as_slice(), MAX_LINK));
    let links: Vec<SignedLink> = links.collect::<Result<_, _>>().map_err(|_| damaged())?;
    Chain::replay(&links).map_err(|_| damaged())
}

/// Every link was checked before it was stored.
fn damaged() -> Problem {
    tracing::error!("a stored chain does not replay");
    Problem::new(ErrorCode::Internal)
}

/// What is told of a link that the chain refuses.
const fn refusal(error: ChainError) -> ErrorCode {
    match error {
        ChainError::NotNext => ErrorCode::Conflict,
        ChainError::Signature | ChainError::NotAMember | ChainError::Reverse => ErrorCode::Unauthorised,
        ChainError::Malformed | ChainError::Known | ChainError::Policy | ChainError::Epoch | ChainError::Full => {
            ErrorCode::Malformed
        }
    }
}

/// Whether these are the wraps that a link commits to: all of them, in its order, and nothing else.
fn are_committed(committed: &[WrapCommitment], wraps: &[DeviceWrap]) -> bool {
    let fits = |(committed, wrap): (&WrapCommitment, &DeviceWrap)| {
        let bytes = wrap.wrap.as_slice();
        wrap.device == committed.device && bytes.len() <= MAX_WRAP && preimage::wrap_hash(bytes) == committed.hash
    };
    committed.len() == wraps.len() && committed.iter().zip(wraps).all(fits)
}
