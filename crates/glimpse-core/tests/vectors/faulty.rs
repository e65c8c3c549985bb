//! How a link of chain.json is made to not fit, and what the chain says to it.

use glimpse_core::chain;
use glimpse_wire::account::{Act, Epoch, Link, LinkBody, Policy, Second, SignedLink, WrapCommitment};
use glimpse_wire::chain::{Chain, ChainError};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::preimage;
use glimpse_wire::{DeviceId, Hash, decode, encode};

use crate::chain::{Device, Story, story};
use crate::hand;

/// The link of chain.json with this number.
pub(crate) fn honest(offered_as: &str) -> Vec<u8> {
    encode(&story().steps[number(offered_as)].link)
}

fn number(offered_as: &str) -> usize {
    offered_as.strip_prefix("link-").unwrap().parse().unwrap()
}

/// What the chain says to bytes in the place of a link.
pub(crate) fn outcome(offered_as: &str, bytes: &[u8]) -> String {
    let mut before = story().before(number(offered_as));
    word(decode(bytes, 1 << 20).map_err(ChainError::from).and_then(|link: SignedLink| before.push(&link)))
}

/// The word of the vectors for what a chain says.
pub(crate) fn word(said: Result<(), ChainError>) -> String {
    let word = match said {
        Ok(()) => "accepted",
        Err(ChainError::Malformed) => "malformed",
        Err(ChainError::NotNext) => "not-next",
        Err(ChainError::NotAMember) => "not-a-member",
        Err(ChainError::Signature) => "signature",
        Err(ChainError::Reverse) => "reverse",
        Err(ChainError::Known) => "known",
        Err(ChainError::Policy) => "policy",
        Err(ChainError::Epoch) => "epoch",
        Err(ChainError::Full) => "full",
    };
    word.to_owned()
}

impl Story {
    pub(crate) fn before(&self, seq: usize) -> Chain {
        self.steps[seq - 1].after.clone()
    }

    pub(crate) fn link(&self, seq: usize) -> Link {
        decode(self.steps[seq].link.link.as_slice(), 1 << 20).unwrap()
    }

    pub(crate) fn by_id(&self, id: &DeviceId) -> &Device {
        self.devices.iter().find(|device| device.id() == *id).unwrap()
    }

    /// The link at `seq` with another act, signed anew by all who signed it.
    pub(crate) fn other_act(&self, seq: usize, edit: impl FnOnce(&mut Act)) -> Vec<u8> {
        self.other_second(seq, edit, |_, second| second)
    }

    /// The same, and another second signature: `second` has the act, and the honest signature of it.
    pub(crate) fn other_second(
        &self,
        seq: usize,
        edit: impl FnOnce(&mut Act),
        second: impl FnOnce(&Act, Option<Second>) -> Option<Second>,
    ) -> Vec<u8> {
        let (before, link) = (self.before(seq), self.link(seq));
        let LinkBody::Act { mut act, second: signed } = link.body else { panic!() };
        edit(&mut act);
        let by = signed.first().map(|signed| chain::second(&before, &self.by_id(&signed.device).keys, &act));
        let signed = second(&act, by);
        encode(&chain::act(&before, &self.by_id(&link.signer).keys, act, signed))
    }

    /// The link at `seq`, altered and signed by a device's key.
    pub(crate) fn altered(&self, seq: usize, by: &Device, edit: impl FnOnce(&mut Link)) -> Vec<u8> {
        let mut link = self.link(seq);
        edit(&mut link);
        signed(&link, |message| by.sign(message))
    }

    /// The same with the epoch of act 2.
    pub(crate) fn other_epoch(&self, edit: impl FnOnce(&mut Epoch)) -> Vec<u8> {
        self.other_act(6, |act| {
            if let Act::Revoke { epoch, .. } = act {
                edit(epoch)
            }
        })
    }

    pub(crate) fn other_policy(&self, edit: impl FnOnce(&mut Policy)) -> Vec<u8> {
        self.other_act(2, |act| {
            if let Act::Policy { policy, .. } = act {
                edit(policy)
            }
        })
    }

    /// The third device's revocation with other leavers, and wraps to those who would be left.
    pub(crate) fn other_leavers(&self, leavers: Vec<DeviceId>) -> Vec<u8> {
        let before = self.before(6);
        let mut left: Vec<DeviceId> = before.members().iter().map(|member| member.id).collect();
        left.retain(|id| !leavers.contains(id));
        left.push(self.kit.id());
        left.sort_unstable_by_key(|id| id.0);
        self.other_act(6, |act| {
            let Act::Revoke { devices, epoch } = act else { panic!() };
            let hash = epoch.wraps[0].hash;
            epoch.wraps = left.into_iter().map(|device| WrapCommitment { device, hash }).collect();
            *devices = leavers;
        })
    }

    /// The third device's link with another time of holding.
    pub(crate) fn held_for(&self, millis: u64) -> Vec<u8> {
        self.other_act(4, |act| {
            if let Act::Add { held, .. } = act {
                *held = millis
            }
        })
    }

    /// The second device's link, with a reverse signature by `by` over what `over` makes of the link's own.
    pub(crate) fn other_reverse(&self, by: &Device, adder: DeviceId, told: Hash) -> Vec<u8> {
        let before = self.before(1);
        self.other_act(1, |act| {
            let Act::Add { device, reverse, .. } = act else { panic!() };
            let account = before.account();
            let over = preimage::reverse_signature(&account, &before.next_place(), device, &adder, &told);
            *reverse = by.sign(&over);
        })
    }

    /// The kit's link with another signer, by the kit's key.
    pub(crate) fn by_kit_as(&self, signer: DeviceId) -> Vec<u8> {
        let mut link = self.link(9);
        link.signer = signer;
        let secret = hand::drawn::<32>("chain kit one secret");
        let seed = hand::derived(None, &secret, preimage::label::KIT_SIGNING);
        signed(&link, |message| crate::chain::signature(&seed, message))
    }

    /// The kit's link, altered, by the kit's key.
    pub(crate) fn by_kit(&self, edit: impl FnOnce(&mut LinkBody)) -> Vec<u8> {
        let (before, honest) = (self.before(9), self.link(9));
        let mut body = honest.body;
        edit(&mut body);
        let LinkBody::Recover { device, epoch, recovery, .. } = body else { panic!() };
        let [.., fifth] = &self.devices;
        encode(&self.kit.recover(&before, &fifth.keys, device, epoch, recovery.into_iter().next()))
    }
}

pub(crate) fn signed(link: &Link, sign: impl FnOnce(&[u8]) -> SignatureBytes) -> Vec<u8> {
    let link = encode(link);
    let signature = sign(&preimage::link_signature(&link));
    encode(&SignedLink { link: Bytes(link), signature })
}

/// The same device with the keys of `keys`, at the next place.
pub(crate) fn joins_again(story: &Story, seq: usize, joiner: &Device) -> Vec<u8> {
    let before = story.before(seq);
    let [first, second, ..] = &story.devices;
    let transcript = Hash([7; 32]);
    let account = before.account();
    let reverse = chain::join(&account, &before.next_place(), &joiner.keys, &joiner.public, &first.id(), &transcript);
    let at = glimpse_wire::UnixMillis(1_700_000_000_000);
    let act = Act::Add { device: joiner.public.clone(), transcript, reverse, at, held: 3_600_000 };
    let by = chain::second(&before, &second.keys, &act);
    encode(&chain::act(&before, &first.keys, act, Some(by)))
}

pub(crate) fn epoch_of(link: &Link) -> Epoch {
    let LinkBody::Recover { epoch, .. } = &link.body else { panic!() };
    epoch.clone()
}

pub(crate) fn act(story: &Story, seq: usize) -> Act {
    let LinkBody::Act { act, .. } = story.link(seq).body else { panic!() };
    act
}
