//! Organisations on the screen: those that the person has pinned, and a card that may become one of them.
//!
//! A card that was pasted, read from a file or seen by the camera pins nothing. It is shown, and pinned by somebody who saw
//! its key and pressed on.

use glimpse_core::code::PairingCode;
use glimpse_device::chain::Proposal;
use glimpse_device::linking::parse_code;
use glimpse_device::organisations::PinCard;
use glimpse_device::{Device, DeviceError};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::account::{Act, Pin};
use glimpse_wire::limits::{MAX_PINS, MAX_TITLE};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{Malformed, SigningKeyBytes};
use serde::{Deserialize, Serialize};

use crate::intent::Secret;
use crate::phone::Phone;
use crate::state::Place;
use crate::trouble::Trouble;

/// Characters of a key that stand together, for people who compare it.
const GROUP: usize = 4;
/// Characters of a name that are shown.
pub(crate) const MAX_NAME: usize = 80;

/// What the person does about organisations.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum OrganisationsAct {
    /// Wants to see what a card says.
    Read {
        /// The card, as text. Somebody may have taken a code for one.
        text: Secret,
    },
    /// Wants no more of the card that is shown.
    PutAway,
    /// Has compared the key of the card that is shown, and pins it.
    Pin {
        /// What the person calls it.
        name: String,
    },
    /// Has read what it means, and takes a pin away.
    Unpin {
        /// Its key.
        key: String,
    },
    /// Brings what the second device gave.
    Complete {
        /// As it showed it.
        signed: String,
    },
}

/// What is known of the account's organisations.
#[derive(Debug, Default)]
pub(crate) struct Organisations {
    rows: Vec<Row>,
    card: Option<PinCard>,
    waiting: Option<Waiting>,
    /// Milliseconds for which the pin that was made last is held back; nothing where none was made on this visit.
    pinned: Option<u64>,
}

/// One that is pinned.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    groups: Vec<String>,
    name: String,
    /// Whether its agents may ask already.
    counts: bool,
}

/// A change that the account's rules want a second device to sign.
#[derive(Debug, Serialize)]
struct Waiting {
    proposal: String,
    pinned: Vec<String>,
    unpinned: Vec<String>,
}

/// Organisations, as the page draws them.
#[derive(Debug, Serialize)]
pub(crate) struct OrganisationsView<'a> {
    rows: &'a [Row],
    card: Option<CardView>,
    waiting: Option<&'a Waiting>,
    pinned: Option<u64>,
}

/// What a card says of its organisation.
#[derive(Debug, Serialize)]
struct CardView {
    key: String,
    groups: Vec<String>,
    name: String,
    server: String,
    /// What the person calls it, where this key is pinned.
    known: Option<String>,
    /// Whether another key is pinned under this name.
    other: bool,
}

impl Organisations {
    pub(crate) fn view(&self) -> OrganisationsView<'_> {
        let card = self.card.as_ref().map(|card| self.card(card));
        OrganisationsView { rows: &self.rows, card, waiting: self.waiting.as_ref(), pinned: self.pinned }
    }

    fn card(&self, card: &PinCard) -> CardView {
        let said = card.card();
        let (key, name) = (said.key.to_string(), clip(&said.name, MAX_NAME));
        let known = self.rows.iter().find(|row| row.key == key).map(|row| row.name.clone());
        let called = |row: &&Row| row.name.trim().to_lowercase() == name.trim().to_lowercase();
        let other = known.is_none() && self.rows.iter().any(|row| called(&row));
        CardView { groups: groups(&key), key, server: clip(&said.server, MAX_NAME), known, other, name }
    }

    /// Whether there is one whose agents may ask: `some`, `held` where its time has not come, or `none`.
    pub(crate) fn agents(&self) -> &'static str {
        if self.rows.iter().any(|row| row.counts) {
            "some"
        } else if self.rows.is_empty() {
            "none"
        } else {
            "held"
        }
    }

    /// Lets go of what stands on the screen and was not done.
    pub(crate) fn put_away(&mut self) {
        self.card = None;
        self.pinned = None;
    }
}

/// One line of what others say, up to so many characters. That there was more can be seen.
pub(crate) fn clip(text: &str, most: usize) -> String {
    let line = data::marked(text);
    match line.char_indices().nth(most) {
        None => line,
        Some((end, _)) => {
            let mut cut = line.get(..end).unwrap_or_default().to_owned();
            cut.push('…');
            cut
        }
    }
}

fn groups(key: &str) -> Vec<String> {
    let characters: Vec<char> = key.chars().collect();
    characters.chunks(GROUP).map(|group| group.iter().collect()).collect()
}

/// Whether a text is an organisation's card, wherever it was typed.
pub(crate) fn is_card(text: &str) -> bool {
    text.parse::<PinCard>().is_ok()
}

fn rows(device: &Device) -> Vec<Row> {
    let (chain, now) = (device.chain(), device.now());
    let pins = chain.signed_policy().organisations.iter();
    let row = |pin: &Pin| {
        let key = pin.key.to_string();
        Row {
            groups: groups(&key),
            key,
            name: clip(&pin.name, MAX_NAME),
            counts: chain.organisation(&pin.key, now).is_some(),
        }
    };
    pins.map(row).collect()
}

/// What a change that waits would do to the pins; nothing where it is about something else, or can never count any more.
fn waiting(device: &Device, proposal: &Proposal) -> Option<Waiting> {
    let chain = device.chain();
    let Ok(Act::Policy { policy, .. }) = proposal.act() else { return None };
    if proposal.place != chain.next_place() {
        return None;
    }
    let (before, after) = (&chain.signed_policy().organisations, &policy.organisations);
    let lacks = |pins: &[Pin], key: &SigningKeyBytes| !pins.iter().any(|pin| pin.key == *key);
    let only = |these: &[Pin], those: &[Pin]| -> Vec<String> {
        these.iter().filter(|pin| lacks(those, &pin.key)).map(|pin| clip(&pin.name, MAX_NAME)).collect()
    };
    let (pinned, unpinned) = (only(after, before), only(before, after));
    let changes = !pinned.is_empty() || !unpinned.is_empty();
    changes.then(|| Waiting { proposal: proposal.to_string(), pinned, unpinned })
}

impl Phone {
    /// Does what the person wants about organisations.
    pub(crate) fn about_organisations(&self, act: OrganisationsAct) {
        if !self.look(|state| state.place == Place::Organisations) {
            return;
        }
        match act {
            OrganisationsAct::Read { text } => self.read_card(text.as_str()),
            OrganisationsAct::PutAway => self.change(|state| state.organisations.put_away()),
            OrganisationsAct::Pin { name } => self.pin_card(&name),
            OrganisationsAct::Unpin { key } => self.unpin(&key),
            OrganisationsAct::Complete { signed } => self.complete_pins(&signed),
        }
    }

    /// Takes over which organisations are pinned, as this device knows it.
    pub(crate) fn note_organisations(&self) {
        if let Some(device) = self.device() {
            let rows = rows(&device);
            self.change(|state| state.organisations.rows = rows);
        }
    }

    /// Asks the server which are pinned, and looks at what waits.
    pub(crate) fn look_at_organisations(&self) {
        self.note_organisations();
        self.run(|phone| async move {
            let Some(device) = phone.device() else { return };
            let synced = device.sync().await;
            phone.show_organisations(&device).await;
            if let Err(error) = synced {
                phone.change(|state| state.failed(&error));
            }
        });
    }

    async fn show_organisations(&self, device: &Device) {
        let proposal = device.proposal().await.ok().flatten();
        let waiting = proposal.and_then(|proposal| waiting(device, &proposal));
        // Locked meanwhile: nothing is shown.
        if self.device().is_some() {
            self.note_organisations();
            self.change(|state| state.organisations.waiting = waiting);
        }
    }

    fn read_card(&self, text: &str) {
        let card = text.parse::<PinCard>().map_err(|Malformed| Trouble::new(what_else(text)));
        self.change(|state| match card {
            Ok(card) => {
                state.trouble = None;
                state.organisations.pinned = None;
                state.organisations.card = Some(card);
                state.announce(Announcement::polite("say.card"));
            }
            Err(trouble) => state.failed(trouble),
        });
    }

    fn pin_card(&self, name: &str) {
        let Some(card) = self.look(|state| state.organisations.card.clone()) else { return };
        let name = data::line(name).trim().to_owned();
        if name.is_empty() || name.len() > MAX_TITLE {
            return self.change(|state| state.failed(Trouble::new("pin-name")));
        }
        self.run_busy("pinning", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            device.sync().await?;
            phone.note_organisations();
            let there = device.chain().signed_policy().organisations.clone();
            let refused = if there.iter().any(|pin| pin.key == card.card().key || pin.name == name) {
                Some("pin-there")
            } else {
                (there.len() >= MAX_PINS).then_some("pins-full")
            };
            if let Some(key) = refused {
                phone.change(|state| state.failed(Trouble::new(key)));
                return Ok(());
            }
            let held = device.chain().policy().pinning.held;
            match device.pin_organisation(&card, &name).await {
                Err(DeviceError::NeedsSecond) => {
                    phone.change(|state| {
                        state.organisations.put_away();
                        state.announce(Announcement::urgent("say.pin-second"));
                    });
                }
                pinned => {
                    pinned?;
                    phone.change(|state| {
                        state.organisations.put_away();
                        state.organisations.pinned = Some(held);
                        state.announce(Announcement::polite("say.pinned").titled(&clip(&name, MAX_NAME)));
                    });
                }
            }
            phone.show_organisations(&device).await;
            Ok(())
        });
    }

    fn unpin(&self, key: &str) {
        let Ok(key) = key.parse::<SigningKeyBytes>() else { return };
        self.run_busy("unpinning", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            phone.change(|state| state.organisations.put_away());
            match device.set_policy(|policy| policy.organisations.retain(|pin| pin.key != key)).await {
                Err(DeviceError::NeedsSecond) => {
                    phone.change(|state| state.announce(Announcement::urgent("say.pin-second")));
                }
                unpinned => {
                    unpinned?;
                    phone.change(|state| state.announce(Announcement::polite("say.unpinned")));
                }
            }
            phone.show_organisations(&device).await;
            Ok(())
        });
    }

    fn complete_pins(&self, signed: &str) {
        let Ok(signed) = signed.trim().parse() else {
            return self.change(|state| state.failed(Trouble::new("no-signature")));
        };
        if !self.look(|state| state.organisations.waiting.is_some()) {
            return;
        }
        self.run_busy("pinning", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            let done = device.complete(&signed).await;
            phone.show_organisations(&device).await;
            done?;
            phone.change(|state| state.announce(Announcement::polite("say.pins-changed")));
            Ok(())
        });
    }
}

/// What a text is that is no card, for whoever mixed them up.
fn what_else(text: &str) -> &'static str {
    let is_code = parse_code(text).is_ok() || PairingCode::parse(text, Purpose::View).is_ok();
    if is_code { "card-is-code" } else { "no-card" }
}
