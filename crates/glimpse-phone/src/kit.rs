//! The recovery kit: drawn, shown page by page, installed once the person says that it was kept, given up.

use glimpse_core::recovery::{Page, Plan, RecoveryKit};
use glimpse_device::DeviceError;
use glimpse_page::announce::Announcement;
use glimpse_wire::{AccountId, UnixMillis};
use qrcodegen::{QrCode, QrCodeEcc};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::phone::Phone;
use crate::state::Place;
use crate::trouble::Trouble;

/// Blank modules around a QR code (ISO/IEC 18004 section 5.3.8).
const QUIET: i32 = 4;
/// Records after which a kit is offered.
const OFFERED_AFTER: usize = 3;
/// The file that says that the offer was put away.
const CARD: &str = "kit-card";

/// What the person does about the recovery kit.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum KitAct {
    /// Draws one.
    Draw {
        /// How many shares it takes.
        needed: u8,
        /// How many there are.
        shares: u8,
    },
    /// Its pages are on paper: it becomes the account's.
    Kept,
    /// Its pages are not wanted.
    Discard,
    /// Has read what it means to have none, and wants that.
    GiveUp,
    /// Wants to hear no more of it on the list of records.
    PutAway,
}

/// A kit that was drawn, page by page. What it shows are the shares themselves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pages {
    /// Its two words.
    kit: String,
    shares: u8,
    needed: u8,
    server: String,
    account: AccountId,
    /// When it was drawn.
    at: UnixMillis,
    pages: Vec<Sheet>,
}

/// One page.
#[derive(Serialize)]
struct Sheet {
    index: u8,
    words: Vec<&'static str>,
    #[serde(serialize_with = "plain")]
    letters: Zeroizing<String>,
    /// The letters as a QR code: modules in a row with the blank ones around, and a path of the dark ones.
    size: i32,
    #[serde(serialize_with = "plain")]
    path: Zeroizing<String>,
}

impl core::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Sheet({}, redacted)", self.index)
    }
}

fn plain<S: serde::Serializer>(text: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl Pages {
    pub(crate) fn of(kit: &RecoveryKit, account: AccountId, server: &str, at: UnixMillis) -> Self {
        let plan = kit.shares.first().map(glimpse_core::recovery::Share::plan).unwrap_or_default();
        let name = kit.shares.first().map_or_else(String::new, |share| share.kit().to_string());
        let sheet = |share: &glimpse_core::recovery::Share| {
            // The date is written in the reader's language, by the page.
            let Page { index, words, letters, .. } = Page::new(share, account, server, "");
            let (size, path) = drawing(&letters);
            Sheet { index, words, letters, size, path }
        };
        Self {
            kit: name,
            shares: plan.count(),
            needed: plan.threshold(),
            server: server.to_owned(),
            account,
            at,
            pages: kit.shares.iter().map(sheet).collect(),
        }
    }
}

/// A QR code as one path, a run of dark modules in a row each.
fn drawing(letters: &str) -> (i32, Zeroizing<String>) {
    let mut path = Zeroizing::new(String::with_capacity(32 * 1024));
    // A share's letters fit several times; without a code there are still the words.
    let Ok(code) = QrCode::encode_text(letters, QrCodeEcc::Quartile) else { return (0, path) };
    for row in 0..code.size() {
        let mut column = 0;
        while column < code.size() {
            let run = (column..code.size()).take_while(|place| code.get_module(*place, row)).count();
            let run = i32::try_from(run).unwrap_or(0);
            if run > 0 {
                let (left, top) = (column.saturating_add(QUIET), row.saturating_add(QUIET));
                path.push_str(&Zeroizing::new(format!("M{left} {top}h{run}v1h-{run}z")));
            }
            column = column.saturating_add(run).saturating_add(1);
        }
    }
    (code.size().saturating_add(QUIET.saturating_mul(2)), path)
}

#[derive(Debug)]
struct Drawn {
    kit: RecoveryKit,
    pages: Pages,
}

/// What is known of the account's kit, and the one that is being made.
#[derive(Debug, Default)]
pub(crate) struct Kit {
    known: bool,
    there: bool,
    devices: usize,
    put_away: bool,
    drawn: Option<Drawn>,
    /// Whether one was made since the person came here.
    made: bool,
}

/// The kit, as the page draws it; its pages only where the person is.
#[derive(Debug, Serialize)]
pub(crate) struct KitView<'a> {
    known: bool,
    there: bool,
    /// Whether the list of records may offer one.
    offer: bool,
    /// Whether no second device could bring the account back.
    alone: bool,
    made: bool,
    drawn: Option<&'a Pages>,
}

impl Kit {
    pub(crate) fn view(&self, shown: bool, fresh: bool, records: usize) -> KitView<'_> {
        let alone = self.known && self.devices < 2;
        let due = records >= OFFERED_AFTER || (records > 0 && alone);
        KitView {
            known: self.known,
            there: self.there,
            offer: fresh && self.known && !self.there && !self.put_away && due,
            alone,
            made: self.made,
            drawn: self.drawn.as_ref().filter(|_| shown).map(|drawn| &drawn.pages),
        }
    }

    pub(crate) const fn learn(&mut self, there: bool, devices: usize, put_away: bool) {
        (self.known, self.there, self.devices, self.put_away) = (true, there, devices, put_away);
    }

    /// Whether pages of one are on the screen.
    pub(crate) const fn is_drawn(&self) -> bool {
        self.drawn.is_some()
    }

    /// Pages that were not kept go.
    pub(crate) fn discard(&mut self) {
        self.drawn = None;
        self.made = false;
    }
}

impl Phone {
    pub(crate) fn about_kit(&self, act: KitAct) {
        if self.look(|state| state.place != Place::Kit) && act != KitAct::PutAway {
            return;
        }
        match act {
            KitAct::Draw { needed, shares } => self.draw_kit(needed, shares),
            KitAct::Kept => self.install_kit(),
            KitAct::Discard => self.change(|state| state.kit.discard()),
            KitAct::GiveUp => self.give_up_kit(),
            KitAct::PutAway => self.put_card_away(),
        }
    }

    fn draw_kit(&self, needed: u8, shares: u8) {
        let Ok(plan) = Plan::new(needed, shares) else {
            return self.change(|state| state.failed(Trouble::new("kit-plan")));
        };
        self.run_busy("drawing-kit", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            // Before anybody prints: an account that is stopped takes no kit.
            device.sync().await?;
            let kit = device.draw_kit(plan)?;
            let pages = Pages::of(&kit, device.account(), device.server(), device.now());
            phone.change(|state| {
                if state.place == Place::Kit {
                    state.kit.drawn = Some(Drawn { kit, pages });
                    state.kit.made = false;
                    state.announce(Announcement::polite("say.kit-drawn"));
                }
            });
            Ok(())
        });
    }

    fn install_kit(&self) {
        let Some(keys) = self.look(|state| state.kit.drawn.as_ref().map(|drawn| drawn.kit.keys.clone())) else {
            return;
        };
        self.run_busy("installing-kit", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            match device.install_kit(&keys).await {
                Ok(_) => {}
                // The pages count once another device has signed: they are to be kept, and are not on the screen any more.
                Err(DeviceError::NeedsSecond) => {
                    phone.change(|state| {
                        state.kit.discard();
                        state.failed(Trouble::new("kit-needs-second"));
                    });
                    return Ok(());
                }
                // The pages stay: the same can be tried again with them.
                Err(error) => return Err(error),
            }
            phone.change(|state| {
                state.kit.discard();
                (state.kit.there, state.kit.made) = (true, true);
                state.announce(Announcement::polite("say.kit-made"));
            });
            phone.refresh();
            Ok(())
        });
    }

    fn give_up_kit(&self) {
        self.run_busy("giving-up-kit", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            device.give_up_kit().await?;
            phone.change(|state| {
                state.kit.discard();
                state.kit.there = false;
                state.announce(Announcement::polite("say.kit-given-up"));
            });
            phone.refresh();
            Ok(())
        });
    }

    fn put_card_away(&self) {
        self.run(|phone| async move {
            phone.change(|state| state.kit.put_away = true);
            // Where it cannot be remembered it is offered again, which does no harm.
            let _kept = phone.0.ground.storage.write(CARD, b"away").await;
        });
    }

    pub(crate) async fn is_card_away(&self) -> bool {
        self.0.ground.storage.read(CARD).await.is_ok_and(|card| card.is_some())
    }
}
