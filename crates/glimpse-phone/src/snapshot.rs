//! What crosses from the Worker to the page: everything on the screen, and no key.

use glimpse_core::Monotonic;
use glimpse_page::announce::Announcement;
use glimpse_page::list::ListView;
use serde::Serialize;

use crate::adding::DraftView;
use crate::devices::DevicesView;
use crate::inbox::InboxView;
use crate::keeping::{PasskeyView, SettingsView};
use crate::kit::KitView;
use crate::lending::{Lending, LendingView, Resumed};
use crate::linking::LinkingView;
use crate::organisations::OrganisationsView;
use crate::records::OpenedView;
use crate::restoring::{RestoreView, Restoring};
use crate::sessions::Sessions;
use crate::state::{Busy, Gate, Place, State};
use crate::trouble::Trouble;
use crate::withholding::WithholdingView;

/// Everything that the page draws.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot<'a> {
    /// `looking`, `start`, `locked`, or the place where the person is.
    screen: &'static str,
    name: &'a str,
    online: bool,
    /// What the keys open; nothing while they are locked away.
    list: Option<ListView<'a>>,
    fresh: bool,
    record: Option<OpenedView<'a>>,
    /// What the screen of a new record begins with.
    draft: Option<DraftView<'a>>,
    lending: Option<LendingView<'a>>,
    /// How the screen that lends begins, where that was chosen before.
    resumed: Option<&'a Resumed>,
    /// The fields of what is ticked.
    withholding: Option<WithholdingView>,
    devices: Option<DevicesView<'a>>,
    organisations: Option<OrganisationsView<'a>>,
    /// Whether there is an organisation whose agents may ask.
    agents: &'static str,
    linking: Option<LinkingView<'a>>,
    /// Whether a linking broke off here that may be gone on with.
    resumable: bool,
    busy: Option<Busy>,
    trouble: Option<&'a Trouble>,
    announcement: Option<&'a Announcement>,
    /// The language that was chosen here; empty for that of the browser.
    language: &'a str,
    passkey: Option<PasskeyView<'a>>,
    settings: Option<SettingsView<'a>>,
    inbox: InboxView<'a>,
    sessions: Option<&'a Sessions>,
    kit: KitView<'a>,
    restore: Option<RestoreView<'a>>,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn of(state: &'a State, now: Monotonic) -> Self {
        let screen = match state.gate {
            Gate::Looking => "looking",
            Gate::Empty if state.restoring.is_some() => "restore",
            Gate::Empty if state.joining => "join",
            Gate::Empty => "start",
            Gate::Locked => "locked",
            Gate::Open => state.place.name(),
        };
        let open = state.gate == Gate::Open;
        Self {
            screen,
            name: &state.name,
            online: state.online,
            list: open.then(|| state.list.view()),
            fresh: state.fresh,
            record: state.opened.as_ref().and_then(|opened| opened.view(&state.list)),
            draft: (open && state.place == Place::Add).then(|| DraftView::of(state.draft.as_ref())),
            lending: state.lending.as_ref().map(|lending| lending.view(&state.list, now)),
            resumed: state.resumed.as_ref(),
            withholding: (open && state.place == Place::Lend).then(|| {
                let lent = state.lending.as_ref().map(Lending::lent).unwrap_or_default();
                state.withholding.view(&state.list, &lent)
            }),
            devices: open.then(|| state.devices.view()),
            organisations: (open && state.place == Place::Organisations).then(|| state.organisations.view()),
            agents: state.organisations.agents(),
            linking: state.linking.as_ref().map(|linking| linking.view(now)),
            resumable: state.resumable,
            busy: state.busy,
            trouble: state.trouble.as_ref(),
            announcement: state.announcement(),
            language: &state.prefs.language,
            passkey: state.passkey.as_ref().map(PasskeyView::of),
            settings: (open && state.place == Place::Settings).then(|| SettingsView::of(state)),
            inbox: state.inbox.view(open && state.place == Place::Inbox),
            sessions: (open && state.place == Place::Sessions).then_some(&state.sessions),
            kit: state.kit.view(open && state.place == Place::Kit, state.fresh, state.list.len()),
            restore: state.restoring.as_ref().map(Restoring::view),
        }
    }
}
