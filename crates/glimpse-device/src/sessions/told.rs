//! An audit trail as events for programs: one object a receipt, and one at the end that sums up.

use glimpse_wire::account::Signed;
use glimpse_wire::limits::MAX_RECEIPT;
use glimpse_wire::pairing::Terms;
use glimpse_wire::session::{Destroyed, End, Event, OpenRequest, Receipt, Side};
use glimpse_wire::{ErrorCode, decode};
use serde_json::{Value, json};

use super::{SessionTrail, stopped};

impl SessionTrail {
    /// An object for each receipt, in their order: what it tells, when, and its number.
    ///
    /// # Errors
    /// As [`SessionTrail::decoded`].
    pub fn events(&self) -> Result<Vec<Value>, ErrorCode> {
        let event = |receipt: &Receipt| {
            let (what, detail) = told(receipt);
            let mut event = json!({
                "event": "receipt", "session": self.session.to_string(), "seq": receipt.seq, "at": receipt.at, "what": what,
            });
            if let (Some(event), Some(detail)) = (event.as_object_mut(), detail.as_object()) {
                event.extend(detail.clone());
            }
            event
        };
        Ok(self.decoded()?.iter().map(event).collect())
    }

    /// What the trail shows in all, and whether it holds.
    #[must_use]
    pub fn summary(&self) -> Value {
        let audit = self.audit.clone().unwrap_or_default();
        json!({
            "event": "trail",
            "session": self.session.to_string(),
            "receipts": self.receipts.len(),
            "openings": audit.openings,
            "refusals": audit.refusals,
            "withheld": audit.withheld,
            "ended": audit.ended,
            "deleted": audit.deleted.is_some(),
            "countersigned": self.is_countersigned(),
            "verified": self.audit.is_some(),
        })
    }
}

/// What a receipt tells, for people and programs.
#[must_use]
pub fn told(receipt: &Receipt) -> (&'static str, Value) {
    match &receipt.event {
        Event::Granted { terms, .. } => match decode::<Terms>(terms.as_slice(), MAX_RECEIPT) {
            Ok(terms) => (
                "granted",
                json!({
                    "records": terms.units.len(),
                    "withheld": terms.withheld,
                    "expires_at": terms.expires,
                    "rights": terms.rights,
                    "budget": terms.budget,
                }),
            ),
            Err(_) => ("granted", json!({})),
        },
        Event::Opened { request, .. } => ("opened", request_of(request.as_slice())),
        Event::Refused { code, request, .. } => {
            let mut detail = request_of(request.as_slice());
            if let Some(detail) = detail.as_object_mut() {
                detail.insert("code".to_owned(), json!(code.slug()));
            }
            ("refused", detail)
        }
        Event::Ended { code, statement, signature } => {
            let signed = Signed { statement: statement.clone(), signature: *signature };
            let by = match signed.peek::<End>() {
                Ok(end) if end.side == Side::Device => "device",
                Ok(_) => "viewer",
                Err(_) => match stopped(receipt) {
                    Some(stop) => {
                        let device = stop.device.to_string();
                        return ("ended", json!({ "code": code.slug(), "by": "other-device", "device": device }));
                    }
                    None => "server",
                },
            };
            ("ended", json!({ "code": code.slug(), "by": by }))
        }
        Event::Deleted { statement, .. } => match decode::<Destroyed>(statement.as_slice(), MAX_RECEIPT) {
            Ok(word) => ("deleted", json!({ "units": word.units, "server": word.server.to_string() })),
            Err(_) => ("deleted", json!({})),
        },
        Event::Countersigned { .. } => ("countersigned", json!({})),
    }
}

fn request_of(bytes: &[u8]) -> Value {
    match decode::<OpenRequest>(bytes, MAX_RECEIPT) {
        Ok(request) => json!({ "unit": request.unit.to_string(), "counter": request.counter }),
        Err(_) => json!({}),
    }
}
