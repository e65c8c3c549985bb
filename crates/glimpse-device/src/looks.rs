//! Looks of agents that other devices of the account lent: each begins and ends in the inbox of all.

use glimpse_wire::Hash;
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::session::{Event, Receipt};
use glimpse_wire::{ErrorCode, SessionId, UnixMillis, decode};

use crate::account::Device;
use crate::error::DeviceError;
use crate::inbox::{Noted, Notice};
use crate::sessions::{SessionTrail, first_terms};

impl Device {
    /// Notes which agents have begun to look and have stopped since this device last asked: those that run, and those that ended
    /// within a day. What this device lent itself, it does not tell itself; a trail that does not hold tells nothing.
    ///
    /// # Errors
    /// [`DeviceError::Refused`], [`DeviceError::Storage`].
    pub async fn note_looks(&self) -> Result<(), DeviceError> {
        let there = self.inbox().await?;
        let mut news = Vec::new();
        for summary in self.sessions().await? {
            let session = summary.session;
            let (begun, over) = known(&there, session);
            if over || (begun && summary.ended.is_none()) {
                continue;
            }
            let trail = match self.trail(session).await {
                Ok(trail) => trail,
                // It may have gone meanwhile; the others are told all the same.
                Err(DeviceError::Storage(error)) => return Err(error.into()),
                Err(_) => continue,
            };
            news.extend(self.told_of(&trail).into_iter().filter(|notice| !begun || !is_begin(notice)));
        }
        self.note(news).await
    }

    fn told_of(&self, trail: &SessionTrail) -> Vec<Notice> {
        let (session, by) = (trail.session, self.lender(trail.session, &trail.receipts));
        let asked = first_terms(&trail.receipts).is_some_and(|terms| terms.asked != Hash::ZERO);
        if !asked || trail.audit.is_none() || by == self.keys().id() {
            return Vec::new();
        }
        let decoded = trail.receipts.iter().filter_map(|bytes| decode::<Receipt>(bytes.as_slice(), MAX_RECEIPT).ok());
        let mut news = Vec::new();
        for receipt in decoded {
            let at: UnixMillis = receipt.at;
            match receipt.event {
                Event::Granted { .. } if receipt.seq == 0 => news.push(Notice::AgentLooks { session, by, at }),
                Event::Ended { code, .. } => news.push(Notice::AgentLooked { session, by, at, code: of(code) }),
                Event::Granted { .. }
                | Event::Opened { .. }
                | Event::Refused { .. }
                | Event::Deleted { .. }
                | Event::Countersigned { .. } => {}
            }
        }
        news
    }
}

/// A session ends for few reasons; whatever else the server says is an end in order.
const fn of(code: ErrorCode) -> ErrorCode {
    if matches!(code, ErrorCode::SessionExpired | ErrorCode::SessionIdle | ErrorCode::SessionRevoked) {
        code
    } else {
        ErrorCode::SessionEnded
    }
}

const fn is_begin(notice: &Notice) -> bool {
    matches!(notice, Notice::AgentLooks { .. })
}

/// Whether the beginning of a session, and its end, are in the inbox.
fn known(there: &[Noted], of: SessionId) -> (bool, bool) {
    let begun = |notice: &Notice| matches!(notice, Notice::AgentLooks { session, .. } if *session == of);
    let over = |notice: &Notice| matches!(notice, Notice::AgentLooked { session, .. } if *session == of);
    (there.iter().any(|noted| begun(&noted.notice)), there.iter().any(|noted| over(&noted.notice)))
}
