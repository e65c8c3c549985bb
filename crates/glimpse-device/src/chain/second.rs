//! What the account's rules want two devices to sign: the first proposes, the second looks and signs, the first goes on.
//! What goes between them is text that a person carries from one to the other, by whatever way.

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_core::chain::{act as sign_act, second as sign_second};
use glimpse_wire::account::{Act, Head, Second};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_LINK;
use glimpse_wire::{AccountId, DeviceId, ErrorCode, Malformed, decode, encode};
use minicbor::{Decode, Encode};

use super::{KeptWrap, Known};
use crate::account::Device;
use crate::error::DeviceError;

const PROPOSAL: &str = "glimpse-second-1:";
const SIGNED: &str = "glimpse-signed-1:";
/// Either text, in bytes at most.
const MAX_TEXT: usize = 2 * MAX_LINK;

/// An act that waits for a second device, as the proposing device keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Waiting {
    #[n(0)]
    place: Head,
    #[n(1)]
    act: Bytes,
    #[n(2)]
    wraps: Vec<KeptWrap>,
}

/// An act that a device proposes to another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Proposal {
    /// Whose account.
    #[n(0)]
    pub account: AccountId,
    /// Where in the chain it goes, and nowhere else.
    #[n(1)]
    pub place: Head,
    /// Who proposes it.
    #[n(2)]
    pub by: DeviceId,
    #[n(3)]
    act: Bytes,
}

impl Proposal {
    /// What is proposed.
    ///
    /// # Errors
    /// [`Malformed`]; never of a proposal that was parsed.
    pub fn act(&self) -> Result<Act, Malformed> {
        decode(self.act.as_slice(), MAX_LINK)
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PROPOSAL}{}", Base64UrlUnpadded::encode_string(&encode(self)))
    }
}

impl FromStr for Proposal {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let proposal: Self = decode(&unwrapped(text, PROPOSAL)?, MAX_LINK)?;
        proposal.act()?;
        Ok(proposal)
    }
}

/// A second device's signature, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned(Second);

impl fmt::Display for Cosigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SIGNED}{}", Base64UrlUnpadded::encode_string(&encode(&self.0)))
    }
}

impl FromStr for Cosigned {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Ok(Self(decode(&unwrapped(text, SIGNED)?, MAX_LINK)?))
    }
}

fn unwrapped(text: &str, prefix: &str) -> Result<Vec<u8>, Malformed> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return Err(Malformed);
    }
    Base64UrlUnpadded::decode_vec(text.strip_prefix(prefix).ok_or(Malformed)?).map_err(|_| Malformed)
}

impl Device {
    /// Keeps an act that the rules want a second device to sign.
    pub(super) async fn keep_waiting(&self, known: &Known, act: &Act, wraps: Vec<KeptWrap>) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        let mut stored = self.home.chain().await?;
        stored.waiting = Some(Waiting { place: known.chain.next_place(), act: Bytes(encode(act)), wraps });
        Ok(self.home.store_chain(&stored).await?)
    }

    /// The act that waits for a second device, to be carried there.
    ///
    /// # Errors
    /// [`DeviceError::Damaged`], [`DeviceError::Storage`].
    pub async fn proposal(&self) -> Result<Option<Proposal>, DeviceError> {
        let waiting = self.home.chain().await?.waiting;
        let (account, by) = (self.account(), self.keys().id());
        Ok(waiting.map(|waiting| Proposal { account, place: waiting.place, by, act: waiting.act }))
    }

    /// The act of a linking that waits for a second device.
    pub(crate) fn proposal_of(&self, known: &Known, act: &Act) -> Proposal {
        Proposal {
            account: self.account(),
            place: known.chain.next_place(),
            by: self.keys().id(),
            act: Bytes(encode(act)),
        }
    }

    /// Signs, as the second device, what another one proposes.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] for another account's proposal or one of this device's own; [`ErrorCode::Conflict`] when
    /// the chain has gone on since, or the proposing device is not in it; as [`Device::sync`].
    ///
    /// # Security
    /// Call it for an act of the user who has seen what is proposed.
    pub async fn cosign(&self, proposal: &Proposal) -> Result<Cosigned, DeviceError> {
        if proposal.account != self.account() || proposal.by == self.keys().id() {
            return Err(ErrorCode::Malformed.into());
        }
        let _settling = self.settle_without_seed();
        self.synced.set(None);
        let known = self.trusted_chain().await?;
        if known.chain.next_place() != proposal.place || known.chain.active(&proposal.by).is_none() {
            return Err(ErrorCode::Conflict.into());
        }
        let act = proposal.act().map_err(|Malformed| ErrorCode::Malformed)?;
        Ok(Cosigned(sign_second(&known.chain, self.keys(), &act)))
    }

    /// Goes on with the act that waits, by a second device's signature.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] when none waits; [`ErrorCode::Conflict`] when the chain has gone on since: propose it
    /// again; [`ErrorCode::Malformed`] for a signature that is not another device's over this act; [`DeviceError::Unsettled`];
    /// as [`Device::sync`].
    pub async fn complete(&self, signed: &Cosigned) -> Result<Head, DeviceError> {
        let waiting = self.home.chain().await?.waiting.ok_or(ErrorCode::NotFound)?;
        let _settling = self.settle_without_seed();
        self.synced.set(None);
        let known = self.trusted_chain().await?;
        let outcome = if known.chain.next_place() == waiting.place {
            let act: Act = decode(waiting.act.as_slice(), MAX_LINK).map_err(|_| ErrorCode::Malformed)?;
            let link = sign_act(&known.chain, self.keys(), act, Some(signed.0));
            self.append_link(&known, link, waiting.wraps).await
        } else {
            Err(ErrorCode::Conflict.into())
        };
        let over = match &outcome {
            Ok(_) => true,
            Err(error) => error.code() == Some(ErrorCode::Conflict),
        };
        if over {
            let _held = self.home.lock_account().await?;
            let mut stored = self.home.chain().await?;
            stored.waiting = None;
            self.home.store_chain(&stored).await?;
        }
        outcome
    }
}

impl Cosigned {
    pub(crate) const fn second(&self) -> Second {
        self.0
    }
}
