//! The adder's end: a device of the account brings another one.

use glimpse_core::chain::act;
use glimpse_core::linking::adder::{self, Asked, ExpectDone, Joined, LinkApproved};
use glimpse_core::linking::serial_hash;
use glimpse_core::pairing::device::Setup;
use glimpse_core::words::CheckWords;
use glimpse_wire::account::Second;
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{DeviceId, ErrorCode};

use super::line::{Next, Talk};
use super::meeting::{Party, meet};
use super::{Added, Commands, Event, Stopped, Way, give_up};
use crate::account::Device;
use crate::error::DeviceError;
use crate::mailbox::reason_of;
use crate::text::same_words;

impl Device {
    /// Meets a device that wants to be in the account and, if the person approves, adds it.
    ///
    /// # Errors
    /// Why nothing was added; [`DeviceError::NeedsSecond`]; [`ErrorCode::Conflict`] when other devices were quicker, again
    /// and again. If it breaks off after the server took the link, the next look at the account begins an epoch that is
    /// wrapped to the new device as to all.
    pub async fn link(
        &self,
        way: Way,
        commands: &mut Commands,
        events: &mut dyn FnMut(Event),
    ) -> Result<Added, DeviceError> {
        let known = self.trusted_chain().await?;
        // The new device takes the server's key from this one, and not from the server.
        self.meet_server().await?;
        let own = self.keys().public();
        let setup = |place: super::meeting::MailboxPlace| Setup {
            purpose: Purpose::Link,
            mailbox: place.mailbox,
            nameplate: place.nameplate,
            server_nonce: place.server_nonce,
            expires: place.expires,
            deadline: place.deadline,
            account: self.account(),
            signing: own.signing,
            kem: own.kem.clone(),
            head: known.chain.head(),
            epoch: known.chain.epoch().map_or(0, |epoch| epoch.number),
            name: self.name.clone(),
        };
        let party = Party {
            api: &self.api,
            home: &self.home,
            machine: &self.machine,
            credential: Some(self.credential().await?),
            setup: &setup,
        };
        let (paired, mut talk) = meet(&party, way, commands, events).await?;
        match self.add_device(paired, &mut talk).await {
            Ok(added) => {
                talk.close(&self.api).await;
                Ok(added)
            }
            Err(stopped) => Err(stopped.tell(&mut talk, &self.api).await),
        }
    }

    async fn add_device(&self, paired: glimpse_core::linking::Paired, talk: &mut Talk<'_>) -> Result<Added, Stopped> {
        let Some(server) = self.server_key.get() else {
            return Err(Stopped { error: ErrorCode::Internal.into(), last: None, heard: false });
        };
        let state = adder::begin(paired, server)?;
        let asked = match talk.message(state.deadline(), ErrorCode::ApprovalTimedOut).await {
            Ok(message) => state.receive(&message, self.machine.monotonic())?,
            Err(error) => return Err(give_up(error, |code| state.stop(code))),
        };
        let approved = self.ask(asked, talk).await?;
        let (done, added) = self.bring(approved, talk).await?;
        Ok(self.hand_over(done, added, talk).await)
    }

    /// Shows who asks, and waits for the person. Only words get through.
    async fn ask(&self, asked: Asked, talk: &mut Talk<'_>) -> Result<LinkApproved, Stopped> {
        let known = self.known();
        let words: [CheckWords; 4] = asked.words().among_decoys(&mut self.rng());
        let hash = known.seed(1).map(|first| serial_hash(first, asked.serial()));
        let same = hash.iter().flat_map(|hash| known.chain.with_serial(hash.as_slice())).map(|member| member.id);
        (talk.events)(Event::Asked {
            device: asked.device(),
            name: asked.name().to_owned(),
            serial: asked.serial().to_owned(),
            same_machine: same.collect(),
            words,
            held: known.chain.policy_at(self.machine.now()).adding.held,
            expires_in: self.machine.monotonic().until(asked.deadline()),
        });
        loop {
            match talk.next(asked.deadline(), ErrorCode::ApprovalTimedOut).await {
                // Nothing was proposed yet.
                Ok(Next::Second(_)) => {}
                Ok(Next::Approved(picked)) => {
                    // Words that nobody offered are as wrong as a decoy.
                    let Some(picked) = words.into_iter().find(|words| same_words(&words.to_string(), &picked)) else {
                        return Err(give_up(ErrorCode::CodeWrong.into(), |code| asked.stop(code)));
                    };
                    return Ok(asked.approve(picked, self.machine.monotonic())?);
                }
                // Nothing is due from the other end before the yes: it is leaving, or out of order.
                Ok(Next::Message(message)) => {
                    let code = reason_of(&message).unwrap_or(ErrorCode::Declined);
                    return Err(give_up(code.into(), |code| asked.stop(code)));
                }
                Err(error) => return Err(give_up(error, |code| asked.stop(code))),
            }
        }
    }

    /// Has the new device sign for the chain's next place, and adds the link. Another link that takes the place has it
    /// sign anew.
    async fn bring(&self, approved: LinkApproved, talk: &mut Talk<'_>) -> Result<(ExpectDone, Added), Stopped> {
        // Persons take their time. The joiner sees the chain as it is, and joins at no place that is taken.
        self.synced.set(None);
        let known = match self.trusted_chain().await {
            Ok(known) => known,
            Err(error) => return Err(give_up(error, |code| approved.stop(code))),
        };
        let Some(first) = known.seed(1) else {
            return Err(give_up(DeviceError::NoSeed, |code| approved.stop(code)));
        };
        let (at, now) = (self.machine.now(), self.machine.monotonic());
        let held = known.chain.policy_at(at).adding.held;
        let (mut state, mut invite) = approved.invite(&known.chain, self.keys(), first, at, held, now)?;
        loop {
            talk.send(invite).await;
            let joined = match talk.message(state.deadline(), ErrorCode::PairingBroken).await {
                Ok(message) => state.receive(&message, self.machine.monotonic())?,
                Err(error) => return Err(give_up(error, |code| state.stop(code))),
            };
            match self.append_joined(&joined, talk).await {
                Ok(link) => {
                    (talk.events)(Event::Accepted);
                    return self.seal_to(joined, link, held, talk).await;
                }
                Err(error) if error.code() == Some(ErrorCode::Conflict) => {
                    let known = match self.trusted_chain().await {
                        Ok(known) => known,
                        Err(error) => return Err(give_up(error, |code| joined.stop(code))),
                    };
                    let (at, now) = (self.machine.now(), self.machine.monotonic());
                    (state, invite) = joined.again(&known.chain, self.keys(), at, held, now)?;
                }
                Err(error) => return Err(give_up(error, |code| joined.stop(code))),
            }
        }
    }

    /// Adds the link that brings the joiner; gives the link's hash.
    async fn append_joined(&self, joined: &Joined, talk: &mut Talk<'_>) -> Result<glimpse_wire::Hash, DeviceError> {
        let known = self.trusted_chain().await?;
        if known.chain.next_place() != joined.place() {
            return Err(ErrorCode::Conflict.into());
        }
        let mut second = None;
        if known.chain.needs_second(&self.keys().id(), joined.act()) {
            (talk.events)(Event::NeedsSecond(self.proposal_of(&known, joined.act())));
            second = Some(self.second_of(joined, talk).await?);
        }
        let link = act(&known.chain, self.keys(), joined.act().clone(), second);
        let hash = glimpse_wire::preimage::link_hash(link.link.as_slice());
        let device = joiner_of(joined);
        self.owe(device, true).await?;
        let kept = link.clone();
        match self.append_link(&known, link, Vec::new()).await {
            Ok(_) => Ok(hash),
            Err(error) => {
                // As long as the link is kept it may still be added, and the device is owed the seed then.
                if self.home.chain().await?.pending.is_none_or(|pending| pending.link != kept) {
                    self.owe(device, false).await?;
                }
                Err(error)
            }
        }
    }

    /// Waits for a second device's signature, which the person brings.
    async fn second_of(&self, joined: &Joined, talk: &mut Talk<'_>) -> Result<Second, DeviceError> {
        loop {
            match talk.next(joined.deadline(), ErrorCode::PairingBroken).await? {
                Next::Second(signed) => return Ok(signed.second()),
                Next::Approved(_) => {}
                Next::Message(message) => {
                    return Err(reason_of(&message).unwrap_or(ErrorCode::PairingBroken).into());
                }
            }
        }
    }

    async fn seal_to(
        &self,
        joined: Joined,
        link: glimpse_wire::Hash,
        held: u64,
        talk: &mut Talk<'_>,
    ) -> Result<(ExpectDone, Added), Stopped> {
        let known = self.known();
        let seed = match known.present_seed() {
            Ok(seed) => seed,
            Err(error) => return Err(give_up(error, |code| joined.stop(code))),
        };
        let device = joiner_of(&joined);
        let (done, message) = joined.accepted(link, &known.chain, seed, &mut self.rng())?;
        talk.send(message).await;
        Ok((done, Added { device, name: String::new(), held, told: false }))
    }

    /// Waits for the word that the seed is on the new device's disk. Without it an epoch is begun that is wrapped to it.
    async fn hand_over(&self, done: ExpectDone, mut added: Added, talk: &mut Talk<'_>) -> Added {
        let message = talk.message(done.deadline(), ErrorCode::PairingBroken).await;
        let linked = match message {
            Ok(message) => done.receive(&message, self.machine.monotonic()).ok(),
            Err(_) => None,
        };
        match linked {
            Some(linked) => {
                added.name = linked.name;
                // The server forgets it if the device is taken out before the next look at the account. Losing it costs
                // no more than that.
                let _kept = self.keep_names(vec![(added.device, added.name.clone())]).await;
                if added.held > 0 && !added.name.is_empty() {
                    // One that is held back cannot say its name, and its owner decides about it by that. If this is lost,
                    // they can name it.
                    let _named = self.rename(&added.device, &added.name).await;
                }
                // Kept, it would only begin one epoch too many.
                added.told = self.owe(added.device, false).await.is_ok();
            }
            // If this fails too, the next look at the account tries again.
            None => added.told = self.pay_what_is_owed().await.is_ok(),
        }
        added
    }

    /// Remembers, or forgets, that a device has no seed from this one yet.
    async fn owe(&self, device: DeviceId, owed: bool) -> Result<(), DeviceError> {
        let _held = self.home.lock_account().await?;
        let mut stored = self.home.chain().await?;
        stored.owed.retain(|there| *there != device);
        if owed {
            stored.owed.push(device);
        }
        Ok(self.home.store_chain(&stored).await?)
    }

    /// Begins an epoch where a device that this one added is in the account and never said that it has the seed: the new
    /// one is wrapped to it as to all, and it opens the older ones from there. Gives whether one was begun.
    ///
    /// # Errors
    /// As [`Device::rotate`].
    pub async fn pay_what_is_owed(&self) -> Result<bool, DeviceError> {
        let owed = self.home.chain().await?.owed;
        if owed.is_empty() {
            return Ok(false);
        }
        let known = self.trusted_chain().await?;
        let there = owed.iter().any(|device| known.chain.active(device).is_some());
        if there {
            self.rotate().await?;
        }
        let _held = self.home.lock_account().await?;
        let mut stored = self.home.chain().await?;
        // One that is not in the chain yet may still come into it.
        let members = known.chain.members();
        stored.owed.retain(|device| !members.iter().any(|member| member.id == *device));
        self.home.store_chain(&stored).await?;
        Ok(there)
    }
}

fn joiner_of(joined: &Joined) -> DeviceId {
    match joined.act() {
        glimpse_wire::account::Act::Add { device, .. } => device.id(),
        glimpse_wire::account::Act::Revoke { .. }
        | glimpse_wire::account::Act::Rotate { .. }
        | glimpse_wire::account::Act::Policy { .. }
        | glimpse_wire::account::Act::Recovery { .. } => DeviceId([0; 32]),
    }
}
