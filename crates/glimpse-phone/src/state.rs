//! What the phone knows of the screen: where the person is, and what stands there.

use glimpse_device::passkey::Passkey;
use glimpse_page::announce::Announcement;
use glimpse_page::list::List;
use glimpse_wire::RecordId;
use serde::{Deserialize, Serialize};

use crate::adding::Draft;
use crate::devices::Devices;
use crate::inbox::Inbox;
use crate::kit::Kit;
use crate::lending::{Lending, Resumed};
use crate::linking::Linking;
use crate::organisations::Organisations;
use crate::prefs::Prefs;
use crate::pushing::PushView;
use crate::records::Opened;
use crate::restoring::Restoring;
use crate::sessions::Sessions;
use crate::trouble::Trouble;
use crate::withholding::Withholding;

/// A screen that the person can go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The list of records, and the open one.
    #[default]
    Records,
    /// A new record.
    Add,
    /// Choosing what to lend, and the lending itself.
    Lend,
    /// The ways to everything that is needed less often.
    More,
    /// How the keys are kept, and the end of the account.
    Settings,
    /// What happened to the account, and what is wrong with it.
    Inbox,
    /// Who looks, and who looked.
    Sessions,
    /// The recovery kit.
    Kit,
    /// The account's devices.
    Devices,
    /// Bringing another one in, and what became of this one's own linking.
    Link,
    /// Organisations whose agents may ask.
    Organisations,
}

impl Place {
    /// What the page calls the screen.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Add => "add",
            Self::Lend => "lend",
            Self::More => "more",
            Self::Settings => "settings",
            Self::Inbox => "inbox",
            Self::Sessions => "sessions",
            Self::Kit => "kit",
            Self::Devices => "devices",
            Self::Link => "link",
            Self::Organisations => "organisations",
        }
    }
}

/// Whether the keys are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// The home is being looked at.
    Looking,
    /// There is no account here.
    Empty,
    /// There is one, and its keys are locked away.
    Locked,
    /// The keys are in memory.
    Open,
}

/// Something that takes a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Busy {
    /// The catalogue has `busy.<what>`.
    pub(crate) what: &'static str,
    /// So many bytes of so many, where that is known.
    pub(crate) done: u64,
    pub(crate) total: u64,
}

impl Busy {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what, done: 0, total: 0 }
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) gate: Gate,
    pub(crate) place: Place,
    /// The name that a viewer reads.
    pub(crate) name: String,
    pub(crate) list: List<RecordId>,
    /// Whether the list is what the server says, and not only what was kept here.
    pub(crate) fresh: bool,
    /// Whether the server could be reached when it was last asked.
    pub(crate) online: bool,
    pub(crate) opened: Option<Opened>,
    /// What a new version is being made of.
    pub(crate) draft: Option<Draft>,
    pub(crate) lending: Option<Lending>,
    /// How the screen that lends begins, where that was chosen before.
    pub(crate) resumed: Option<Resumed>,
    /// Fields that are not lent.
    pub(crate) withholding: Withholding,
    pub(crate) devices: Devices,
    pub(crate) organisations: Organisations,
    pub(crate) linking: Option<Linking>,
    /// How many linkings there were.
    pub(crate) linked: u32,
    /// Without an account: whether the person wants this device in one that is there.
    pub(crate) joining: bool,
    /// Whether a linking broke off here that may be gone on with.
    pub(crate) resumable: bool,
    pub(crate) busy: Option<Busy>,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) visible: bool,
    /// What was chosen here, and stays.
    pub(crate) prefs: Prefs,
    /// The passkey that opens the keys beside the passphrase.
    pub(crate) passkey: Option<Passkey>,
    /// What was done in the settings, by key of the catalogue.
    pub(crate) done: Option<&'static str>,
    pub(crate) inbox: Inbox,
    pub(crate) sessions: Sessions,
    pub(crate) kit: Kit,
    /// An account that is being brought back, before there is one here.
    pub(crate) restoring: Option<Restoring>,
    /// What the server says of pushes, once it was asked.
    pub(crate) push: Option<PushView>,
    announcement: Option<Announcement>,
    announced: u32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            gate: Gate::Looking,
            place: Place::default(),
            name: String::new(),
            list: List::default(),
            fresh: false,
            online: true,
            opened: None,
            draft: None,
            lending: None,
            resumed: None,
            withholding: Withholding::default(),
            devices: Devices::default(),
            organisations: Organisations::default(),
            linking: None,
            linked: 0,
            joining: false,
            resumable: false,
            busy: None,
            trouble: None,
            visible: true,
            prefs: Prefs::default(),
            passkey: None,
            done: None,
            inbox: Inbox::default(),
            sessions: Sessions::default(),
            kit: Kit::default(),
            restoring: None,
            push: None,
            announcement: None,
            announced: 0,
        }
    }
}

impl State {
    pub(crate) const fn announcement(&self) -> Option<&Announcement> {
        self.announcement.as_ref()
    }

    /// Lets a screen reader say something.
    pub(crate) fn announce(&mut self, mut heard: Announcement) {
        self.announced = self.announced.wrapping_add(1);
        heard.number = self.announced;
        self.announcement = Some(heard);
    }

    /// What was done did not work.
    pub(crate) fn failed(&mut self, trouble: impl Into<Trouble>) {
        let trouble = trouble.into();
        self.busy = None;
        self.online = trouble.key != "server-unreachable";
        self.trouble = Some(trouble);
    }

    /// Whether something on the screen counts down.
    pub(crate) fn counts_down(&self) -> bool {
        self.lending.as_ref().is_some_and(Lending::counts_down)
            || self.linking.as_ref().is_some_and(Linking::counts_down)
    }

    /// Whether locking would break something off that the person has under way.
    pub(crate) fn is_engaged(&self) -> bool {
        self.busy.is_some()
            || self.lending.as_ref().is_some_and(Lending::is_live)
            || self.linking.as_ref().is_some_and(Linking::is_live)
    }

    /// Forgets all that only keys could show.
    pub(crate) fn lock(&mut self) {
        let (visible, announced, prefs) = (self.visible, self.announced, self.prefs.clone());
        let linked = self.linked;
        let (passkey, name) = (self.passkey.take(), core::mem::take(&mut self.name));
        *self = Self { gate: Gate::Locked, visible, announced, prefs, passkey, name, linked, ..Self::default() };
    }

    /// Forgets all: there is no account here any more.
    pub(crate) fn empty(&mut self) {
        let (visible, announced) = (self.visible, self.announced);
        *self = Self { gate: Gate::Empty, visible, announced, ..Self::default() };
    }
}
