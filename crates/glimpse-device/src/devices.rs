//! The devices of the account, as their owner sees them: names, when they were last seen, what holds them back.

use glimpse_core::linking::name;
use glimpse_wire::account::{HeadStatement, Signed};
use glimpse_wire::api::{DeviceName, SignedJson};
use glimpse_wire::chain::{Chain, Member};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_TITLE;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{DeviceId, ErrorCode, UnixMillis};

use crate::account::Device;
use crate::api::with_json;
use crate::chain::{Known, Synced};
use crate::error::DeviceError;
use crate::home::Home;
use crate::transport::Method;

/// A device of the account, present or past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Which.
    pub id: DeviceId,
    /// What its owner calls it; empty when nobody has named it.
    pub name: String,
    /// Whether it is this one.
    pub this: bool,
    /// The number of the link that brought it.
    pub since: u64,
    /// The number of the link that took it out; nothing while it belongs.
    pub until: Option<u64>,
    /// Until when it is held back, by the clock of whoever gives; nothing when it is free.
    pub held_until: Option<UnixMillis>,
    /// When it last said that the chain is whole, by its own clock.
    pub seen: Option<UnixMillis>,
    /// Others in the chain that carry the same serial number: the same machine, linked twice or after it was revoked.
    pub same_machine: Vec<DeviceId>,
}

impl Device {
    /// The devices of the account, in the order in which they joined; `synced` is what the last look brought.
    #[must_use]
    pub fn devices(&self, synced: &Synced) -> Vec<DeviceEntry> {
        let (known, now) = (self.known(), self.machine.now());
        let entry = |member: &Member| DeviceEntry {
            id: member.id,
            name: name_of(&known, synced, &member.id),
            this: member.id == self.keys().id(),
            since: member.since,
            until: member.until,
            held_until: Some(member.free_at).filter(|free| *free > now && member.until.is_none()),
            seen: seen(&known.chain, &synced.statements, &member.id),
            same_machine: known
                .chain
                .with_serial(member.device.serial.as_slice())
                .map(|other| other.id)
                .filter(|other| *other != member.id)
                .collect(),
        };
        known.chain.members().iter().map(entry).collect()
    }

    /// Calls a device by another name, on every device of the account. The server keeps it and cannot read it.
    ///
    /// # Errors
    /// [`ErrorCode::TooLarge`] beyond [`MAX_TITLE`] bytes; [`ErrorCode::NotFound`] for a device that does not belong;
    /// [`DeviceError::NoSeed`]; [`DeviceError::Refused`]; as [`Device::sync`].
    pub async fn rename(&self, device: &DeviceId, to: &str) -> Result<(), DeviceError> {
        if to.len() > MAX_TITLE {
            return Err(ErrorCode::TooLarge.into());
        }
        let known = self.trusted_chain().await?;
        if known.chain.active(device).is_none() {
            return Err(ErrorCode::NotFound.into());
        }
        let epoch = known.chain.epoch().map_or(0, |epoch| epoch.number);
        let seed = known.present_seed()?;
        let sealed = name::seal(to, &self.account(), device, epoch, seed, &mut self.rng())?;
        let body = DeviceName { device: *device, epoch, sealed: Bytes(sealed) };
        let path = format!("/v1/account/names/{device}");
        self.authorised(|by| with_json(Method::Put, path.clone(), &body).by(by)).await?;
        if *device == self.keys().id() {
            let _held = self.home.lock_account().await?;
            let mut profile = self.home.profile().await?.ok_or(DeviceError::Damaged(Home::CHAIN))?;
            to.clone_into(&mut profile.name);
            self.home.store_profile(&profile).await?;
        }
        Ok(())
    }
}

/// What the server keeps as a device's name, or what it was called last; nothing for one that nobody has named.
fn name_of(known: &Known, synced: &Synced, device: &DeviceId) -> String {
    let last = || synced.last_names.iter().find(|last| last.device == *device).map(|last| last.name.clone());
    let sealed = synced.names.iter().find(|name| name.device == *device);
    sealed.and_then(|sealed| opened_name(known, sealed)).or_else(last).unwrap_or_default()
}

/// The name that was sealed for a device; nothing for one that does not open.
pub(crate) fn opened_name(known: &Known, sealed: &DeviceName) -> Option<String> {
    let seed = known.seed(sealed.epoch)?;
    name::open(sealed.sealed.as_slice(), &known.chain.account(), &sealed.device, sealed.epoch, seed).ok()
}

fn seen(chain: &Chain, statements: &[SignedJson], device: &DeviceId) -> Option<UnixMillis> {
    let member = chain.members().iter().find(|member| member.id == *device)?;
    let signed = statements.iter().cloned().map(Signed::from);
    let stated = signed.filter_map(|signed| signed.open(StatementKind::Head, &member.device.signing).ok());
    stated.filter(|stated: &HeadStatement| stated.device == *device).map(|stated| stated.at).max()
}
