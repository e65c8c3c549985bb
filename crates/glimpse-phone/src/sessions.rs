//! Sessions that run, those that are past, and what their audit trails tell.

use std::collections::BTreeMap;

use glimpse_device::lend::Event as Heard;
use glimpse_device::sessions::{SessionTrail, Verdict, stopped};
use glimpse_device::{Device, DeviceError};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::account::Signed;
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::pairing::{Rights, Terms};
use glimpse_wire::session::{End, Event, OpenRequest, Receipt, Side};
use glimpse_wire::{ErrorCode, SessionId, UnitId, UnixMillis, decode};
use serde::{Deserialize, Serialize};

use crate::declined::DeclinedView;
use crate::inbox::Named;
use crate::phone::Phone;
use crate::state::Place;

/// Sessions that are listed.
const MAX_ROWS: usize = 200;
/// Titles that are remembered until the keys are put away.
const MAX_TITLES: usize = 10_000;

/// What the person does about a session.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SessionsAct {
    /// Ends one that runs.
    End {
        /// Which.
        session: String,
    },
    /// Looks at what was opened in one.
    Look {
        /// Which.
        session: String,
    },
    /// Goes back to the list.
    Close,
    /// Keeps the trail that is shown as a file.
    Export,
}

/// A session, as the page lists it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RowView {
    session: SessionId,
    begun: UnixMillis,
    /// When it ends, while it runs.
    until: Option<UnixMillis>,
    units: u64,
    opened: u64,
    running: bool,
    /// The slug of why it ended; nothing while it runs, or where the end is not known.
    ended: Option<&'static str>,
    /// Which device lends, of one that runs.
    lender: Option<Named>,
}

/// What an audit trail tells.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TrailView {
    session: SessionId,
    /// The catalogue has `verdict.<verdict>`.
    verdict: &'static str,
    /// Of a broken one: the receipt that does not hold.
    seq: Option<u64>,
    lender: Named,
    /// The device that ended it, where that was neither of the two sides.
    stopper: Option<Named>,
    countersigned: bool,
    /// Whether the server signed that it destroyed what it held.
    destroyed: bool,
    receipts: Vec<ReceiptView>,
    #[serde(skip)]
    lines: String,
}

/// One line of it. The catalogue has `receipt.<what>`.
#[derive(Debug, Serialize)]
struct ReceiptView {
    at: UnixMillis,
    what: &'static str,
    /// Of the record, where this device knows it.
    title: Option<String>,
    /// The slug of why: a refusal, an end.
    code: Option<&'static str>,
    /// Records that were lent, and whether copies may be saved.
    records: Option<usize>,
    save: bool,
    until: Option<UnixMillis>,
    /// Who ended it.
    by: Option<&'static str>,
}

/// Sessions as they were looked at last.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sessions {
    rows: Vec<RowView>,
    /// Requests of agents that came to nothing, newest first.
    declined: Vec<DeclinedView>,
    /// More than are listed.
    left_out: usize,
    /// Whether they were looked at.
    read: bool,
    trail: Option<TrailView>,
    /// A unit's id is drawn anew for each session: what it stands for is known to who lent it, and is nowhere on the server.
    #[serde(skip)]
    titles: BTreeMap<UnitId, String>,
}

impl Sessions {
    /// Remembers what is lent under which id.
    pub(crate) fn remember(&mut self, event: &Heard) {
        let (Heard::Granted { records: lent, .. } | Heard::Changed { added: lent, .. }) = event else { return };
        for lent in lent {
            if self.titles.len() < MAX_TITLES {
                self.titles.insert(lent.unit, data::line(&lent.title));
            }
        }
    }

    pub(crate) fn close(&mut self) {
        self.trail = None;
    }

    fn receipt(&self, receipt: &Receipt) -> ReceiptView {
        let mut view = ReceiptView {
            at: receipt.at,
            what: "deleted",
            title: None,
            code: None,
            records: None,
            save: false,
            until: None,
            by: None,
        };
        let title = |request: &[u8]| {
            let request: OpenRequest = decode(request, MAX_RECEIPT).ok()?;
            self.titles.get(&request.unit).cloned()
        };
        match &receipt.event {
            Event::Granted { terms, .. } => {
                view.what = "granted";
                if let Ok(terms) = decode::<Terms>(terms.as_slice(), MAX_RECEIPT) {
                    (view.records, view.until) = (Some(terms.units.len()), Some(terms.expires));
                    view.save = terms.rights & Rights::SAVE != 0;
                }
            }
            Event::Opened { request, .. } => (view.what, view.title) = ("opened", title(request.as_slice())),
            Event::Refused { code, request, .. } => {
                (view.what, view.title, view.code) = ("refused", title(request.as_slice()), Some(code.slug()));
            }
            Event::Ended { code, statement, signature } => {
                let signed = Signed { statement: statement.clone(), signature: *signature };
                view.by = Some(match signed.peek::<End>() {
                    Ok(end) if end.side == Side::Device => "device",
                    Ok(_) => "viewer",
                    Err(_) if stopped(receipt).is_some() => "other",
                    Err(_) => "server",
                });
                (view.what, view.code) = ("ended", Some(code.slug()));
            }
            Event::Deleted { .. } => {}
            Event::Countersigned { .. } => view.what = "countersigned",
        }
        view
    }
}

/// The trail as lines for a program, as the terminal writes them: one object a receipt, and one that sums up.
fn lines(trail: &SessionTrail) -> Result<String, ErrorCode> {
    let mut text = String::new();
    for event in trail.events()?.iter().chain([&trail.summary()]) {
        text.push_str(&event.to_string());
        text.push('\n');
    }
    Ok(text)
}

impl Phone {
    pub(crate) fn about_sessions(&self, act: SessionsAct) {
        match act {
            SessionsAct::End { session } => self.end_session(&session),
            SessionsAct::Look { session } => self.look_at_trail(&session),
            SessionsAct::Close => self.change(|state| state.sessions.close()),
            SessionsAct::Export => self.export(),
        }
    }

    /// Reads which sessions run and which were kept.
    pub(crate) fn look_at_sessions(&self) {
        self.run(|phone| async move {
            let Some(device) = phone.device() else { return };
            let looked = phone.sessions(&device).await;
            // They are kept here alone; what cannot be read now is not shown now.
            let declined = device.declined().await.unwrap_or_default();
            let declined = declined.iter().take(MAX_ROWS).map(|declined| DeclinedView::of(&device, declined)).collect();
            phone.change(|state| match looked {
                Ok(mut rows) => {
                    state.sessions.declined = declined;
                    state.sessions.left_out = rows.len().saturating_sub(MAX_ROWS);
                    rows.truncate(MAX_ROWS);
                    (state.sessions.rows, state.sessions.read) = (rows, true);
                }
                Err(error) if state.place == Place::Sessions => state.failed(&error),
                Err(_) => {}
            });
        });
    }

    /// Those that run, and then those that are past, newest first.
    async fn sessions(&self, device: &Device) -> Result<Vec<RowView>, DeviceError> {
        let mut rows = Vec::new();
        // What was kept here can be looked at without the server; what runs cannot.
        let answered = device.sessions().await;
        let kept = device.kept_sessions().await?;
        let there = match answered {
            Ok(there) => there,
            Err(error) if kept.is_empty() => return Err(error),
            Err(_) => Vec::new(),
        };
        for summary in &there {
            let running = summary.ended.is_none();
            let lender = if running {
                let receipts = device.trail(summary.session).await.map(|trail| trail.receipts).unwrap_or_default();
                Some(Named::of(device, &device.lender(summary.session, &receipts)).await)
            } else {
                None
            };
            let ended = summary.ended.as_ref().map(|slug| slug.parse().unwrap_or(ErrorCode::Internal).slug());
            rows.push(RowView {
                session: summary.session,
                begun: summary.issued,
                until: running.then_some(summary.expires),
                units: summary.units,
                opened: summary.opened,
                running,
                ended,
                lender,
            });
        }
        for kept in kept {
            if there.iter().any(|summary| summary.session == kept.session) {
                continue;
            }
            rows.push(RowView {
                session: kept.session,
                begun: kept.begun,
                until: None,
                units: kept.units,
                opened: kept.opened,
                running: false,
                ended: kept.ended.map(ErrorCode::slug),
                lender: None,
            });
        }
        rows.sort_by_key(|row| core::cmp::Reverse((row.running, row.begun)));
        Ok(rows)
    }

    fn end_session(&self, session: &str) {
        let Ok(session) = session.parse::<SessionId>() else { return };
        if !self.look(|state| state.sessions.rows.iter().any(|row| row.session == session && row.running)) {
            return;
        }
        self.run_busy("ending", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            device.end_session(session).await?;
            phone.change(|state| state.announce(Announcement::polite("say.session-ended")));
            phone.look_at_sessions();
            Ok(())
        });
    }

    fn look_at_trail(&self, session: &str) {
        let Ok(session) = session.parse::<SessionId>() else { return };
        self.run_busy("trail", |phone| async move {
            let device = phone.device().ok_or(DeviceError::NoAccount)?;
            let trail = device.trail(session).await?;
            let lender = Named::of(&device, &device.lender(session, &trail.receipts)).await;
            // What cannot be read is told as what it is: a trail that does not hold.
            let decoded = trail.decoded().unwrap_or_default();
            let (verdict, seq) = match trail.verdict {
                Verdict::Whole => ("whole", None),
                Verdict::NoEnd => ("no-end", None),
                Verdict::Broken { seq } => ("broken", Some(seq)),
                Verdict::Contradicted => ("contradicted", None),
            };
            let countersigned = trail.is_countersigned();
            let destroyed = trail.audit.as_ref().is_some_and(|audit| audit.deleted.is_some());
            let stopper = Named::stopper(&device, trail.audit.as_ref()).await;
            let lines = lines(&trail).unwrap_or_default();
            phone.change(|state| {
                if state.place == Place::Sessions {
                    let receipts = decoded.iter().map(|receipt| state.sessions.receipt(receipt)).collect();
                    state.sessions.trail = Some(TrailView {
                        session,
                        verdict,
                        seq,
                        lender,
                        stopper,
                        countersigned,
                        destroyed,
                        receipts,
                        lines,
                    });
                }
            });
            Ok(())
        });
    }

    fn export(&self) {
        let file = self.look(|state| {
            let trail = state.sessions.trail.as_ref()?;
            let short: String = trail.session.to_string().chars().take(8).collect();
            Some((format!("glimpse-session-{short}.jsonl"), trail.lines.clone()))
        });
        if let Some((name, text)) = file {
            self.0.face.file(&name, &text);
        }
    }
}
