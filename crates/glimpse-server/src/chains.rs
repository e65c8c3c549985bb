//! The account's chain on the server: replayed by the rules of everyone, extended by one link at a time.
//!
//! A link is on disk, with all that it says of devices, wraps and the kit, before anything else follows from it. What
//! follows outside the main database, the end of what revoked devices began, is repeated by the sweep if it was cut off.

use glimpse_wire::account::{Act, Head, Link, LinkBody, Second, SignedLink, WrapCommitment};
use glimpse_wire::api::{AppendLink, Appended, CreateAccount, DeviceWrap};
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{CLOCK_SLACK_MILLIS, MAX_LINK, MAX_WRAP, SECOND_MILLIS};
use glimpse_wire::signature::verify;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, UnixMillis, decode, preimage};

use crate::app::App;
use crate::problem::{Answer, Problem};
use crate::store::{HeldAnew, NewLink};

/// Who adds a link.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Adder {
    /// The device that signed in.
    Device(DeviceId),
    /// The recovery kit, for the device that its link names.
    Kit,
    /// A device that gives back the link with a number which was in the chain before an old backup was restored here,
    /// whoever signed it.
    Keeper { device: DeviceId, seq: u64 },
}

impl Adder {
    /// The device that needs no telling.
    const fn device(self) -> Option<DeviceId> {
        match self {
            Self::Device(device) | Self::Keeper { device, .. } => Some(device),
            Self::Kit => None,
        }
    }
}

/// A link that somebody adds, decoded. Nothing that it says is checked but that its adder may bring such a one.
#[derive(Debug)]
pub(crate) struct Offered {
    adder: Adder,
    body: AppendLink,
    signed: SignedLink,
    link: Link,
}

impl Offered {
    /// # Errors
    /// `Malformed`; `Unauthorised` for another device's link.
    pub(crate) fn parse(adder: Adder, body: AppendLink) -> Answer<Self> {
        let signed: SignedLink = decode(body.link.as_slice(), MAX_LINK)?;
        let link: Link = decode(signed.link.as_slice(), MAX_LINK)?;
        match (adder, &link.body) {
            (Adder::Device(device), LinkBody::Act { .. }) if link.signer != device => {
                return Err(ErrorCode::Unauthorised.into());
            }
            (Adder::Device(_), LinkBody::Act { .. }) | (Adder::Kit, LinkBody::Recover { .. }) => {}
            // A link of the kit has its waiting time, whoever brings it, and goes where that is asked.
            (Adder::Keeper { seq, .. }, LinkBody::Act { .. }) if link.seq == seq => {}
            (Adder::Device(_) | Adder::Kit | Adder::Keeper { .. }, _) => return Err(ErrorCode::Malformed.into()),
        }
        Ok(Self { adder, body, signed, link })
    }

    /// What it does and who signed it as the second, unless the kit speaks.
    const fn act(&self) -> Option<(&Act, &[Second])> {
        match &self.link.body {
            LinkBody::Act { act, second } => Some((act, second.as_slice())),
            LinkBody::Genesis { .. } | LinkBody::Recover { .. } => None,
        }
    }

    /// Whether these are wraps that the link commits to, in its order, each once: all of them, or, of a link that is given
    /// back, some. Of an epoch that another one followed nobody has the wraps any more, and nobody needs them.
    fn are_committed(&self) -> bool {
        let mut committed = self.link.body.wraps().iter();
        let among = |wrap: &DeviceWrap| committed.any(|committed| is_committed(committed, wrap));
        let all = self.body.wraps.len() == self.link.body.wraps().len();
        (all || matches!(self.adder, Adder::Keeper { .. })) && self.body.wraps.iter().all(among)
    }
}

impl App {
    /// The account's chain, replayed.
    pub(crate) async fn replay(&self, account: &AccountId) -> Answer<Chain> {
        let links = self.store.links(account).await?;
        // Thousands of signatures, in the worst case: not on a thread that serves others.
        tokio::task::spawn_blocking(move || replay(&links)).await.unwrap_or_else(|_| Err(ErrorCode::Internal.into()))
    }

    /// Founds an account by its genesis link, or finds it founded by the same bytes.
    ///
    /// # Errors
    /// `Malformed` and `Unauthorised` when no chain begins with the link, or for a wrap that is not its own; `Conflict` when
    /// the account is there with another wrap, or is being deleted.
    pub(crate) async fn found(&self, body: &CreateAccount) -> Answer<AccountId> {
        let signed: SignedLink = decode(body.genesis.as_slice(), MAX_LINK)?;
        let chain = Chain::begin(&signed).map_err(refusal)?;
        let wrap = body.wrap.as_slice();
        // One wrap comes with it: an account begins with one device, and gets its recovery kit by a later link.
        let Some([committed]) = chain.epoch().map(|epoch| epoch.wraps.as_slice()) else {
            return Err(ErrorCode::Malformed.into());
        };
        if wrap.len() > MAX_WRAP || committed.hash != preimage::wrap_hash(wrap) {
            return Err(ErrorCode::Malformed.into());
        }
        self.store.create_account(&chain, body.genesis.as_slice(), wrap).await?;
        Ok(chain.account())
    }

    /// Adds a link to the account's chain, or finds it added by the same bytes.
    ///
    /// # Errors
    /// `Conflict` when it does not follow the newest link; `Malformed` and `Unauthorised` when the chain or the clock refuses it,
    /// or for wraps that are not its own; `DeviceHeld` for a second device that is held back; of a recovery see
    /// [`crate::store::RecoveryAsked`].
    pub(crate) async fn append(&self, account: &AccountId, offered: &Offered) -> Answer<Appended> {
        let Offered { adder, body, signed, link } = offered;
        let now = self.clock.now();
        if let Some((there, hash)) = self.store.link(account, link.seq).await? {
            if there != body.link.as_slice() {
                return Err(ErrorCode::Conflict.into());
            }
            if matches!(adder, Adder::Keeper { .. }) && !body.wraps.is_empty() {
                self.mend(account, offered).await?;
            }
            // A crash may have come before everything that follows from it had happened.
            self.finish_revoked(adder.device()).await?;
            return Ok(Appended { head: Head { seq: link.seq, hash } });
        }
        let recovers = match (adder, &link.body) {
            (Adder::Kit, LinkBody::Recover { device, .. }) => {
                if let Some(key) = self.store.kit_key(account).await? {
                    let preimage = preimage::link_signature(signed.link.as_slice());
                    verify(&key, &preimage, &signed.signature).map_err(|_| ErrorCode::Unauthorised)?;
                }
                Some((device.id(), now))
            }
            (Adder::Device(_) | Adder::Kit | Adder::Keeper { .. }, _) => None,
        };
        let before = self.replay(account).await?;
        let mut chain = before.clone();
        chain.push(signed).map_err(refusal)?;
        let held = self.judge(&before, offered, now).await?;
        if !offered.are_committed() {
            return Err(ErrorCode::Malformed.into());
        }
        let new = NewLink {
            chain: &chain,
            before: before.head(),
            bytes: body.link.as_slice(),
            wraps: &body.wraps,
            recovers,
            held,
        };
        self.store.append_link(&new).await?;
        self.wake_others(account, adder.device());
        self.finish_revoked(adder.device()).await?;
        Ok(Appended { head: chain.head() })
    }

    /// What the chain's rules leave to whoever has a clock, of a link that fits `chain`.
    async fn judge(&self, chain: &Chain, offered: &Offered, now: UnixMillis) -> Answer<HeldAnew> {
        let Some((act, second)) = offered.act() else { return Ok(HeldAnew::No) };
        let signer = &offered.link.signer;
        for one in second {
            let member = self.store.member(&chain.account(), &one.device).await?;
            if member.is_some_and(|member| member.free_at > now) {
                return Err(ErrorCode::DeviceHeld.into());
            }
        }
        // Another device that brings it back vouches for its having been there. The signer does not, unless it is alone.
        let others = || chain.members().iter().any(|member| member.until.is_none() && member.id != *signer);
        let unvouched = match offered.adder {
            Adder::Device(_) => true,
            Adder::Keeper { device, .. } => {
                // Taken out between its signing in and this.
                if chain.active(&device).is_none() {
                    return Err(ErrorCode::DeviceRevoked.into());
                }
                device == *signer && others()
            }
            Adder::Kit => false,
        };
        if unvouched && second.is_empty() && act.at().is_none() && chain.needs_second_at(signer, act, now) {
            return Err(ErrorCode::Malformed.into());
        }
        let Some(at) = act.at() else { return Ok(HeldAnew::No) };
        let back = if second.is_empty() { CLOCK_SLACK_MILLIS } else { SECOND_MILLIS };
        let is_late = now > at.plus(back);
        if at > now.plus(CLOCK_SLACK_MILLIS) || (is_late && matches!(offered.adder, Adder::Device(_))) {
            return Err(ErrorCode::Malformed.into());
        }
        match act {
            Act::Add { held, .. } if is_late && unvouched && *held > 0 => Ok(HeldAnew::Until(now.plus(*held))),
            Act::Policy { .. } if is_late && unvouched && chain.policy_at(at).pinning.held > 0 => {
                Err(ErrorCode::Malformed.into())
            }
            Act::Add { .. } | Act::Policy { .. } | Act::Revoke { .. } | Act::Rotate { .. } | Act::Recovery { .. } => {
                Ok(HeldAnew::No)
            }
        }
    }

    /// Takes back wraps that this server lost while it kept their link. Of another link than that of the newest epoch, or of
    /// the present kit, there are none to keep.
    async fn mend(&self, account: &AccountId, offered: &Offered) -> Answer<()> {
        if !offered.are_committed() {
            return Err(ErrorCode::Malformed.into());
        }
        let chain = self.replay(account).await?;
        let present = |wrap: &&DeviceWrap| {
            let of_device = chain.active(&wrap.device).and(chain.epoch());
            let mut committed = of_device.into_iter().flat_map(|epoch| &epoch.wraps).chain(chain.kit_wrap());
            committed.any(|committed| is_committed(committed, wrap))
        };
        let wraps: Vec<DeviceWrap> = offered.body.wraps.iter().filter(present).cloned().collect();
        self.store.mend_wraps(&chain, &wraps).await
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

fn is_committed(committed: &WrapCommitment, wrap: &DeviceWrap) -> bool {
    let bytes = wrap.wrap.as_slice();
    wrap.device == committed.device && bytes.len() <= MAX_WRAP && preimage::wrap_hash(bytes) == committed.hash
}
