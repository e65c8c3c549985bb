//! What an agent leaves for the audit of the organisation.

use glimpse_core::organisation::seal_note;
use glimpse_device::api::bare;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::transport::{Body, Method};
use glimpse_wire::account::Signed;
use glimpse_wire::api::OCTETS;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_ASK;
use glimpse_wire::organisation::{Asked, Note, Outcome, Settlement};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{ErrorCode, SUITE, SessionId, encode};

use super::Portal;

/// Numbers of the notes that the portal leaves.
const ASKED: u8 = 0;
const OUTCOME: u8 = 1;
/// How long it waits before a note is sent again, in milliseconds.
const NOTE_WAITS: [u64; 4] = [1_000, 4_000, 15_000, 0];

impl Portal {
    /// A session has begun: what was asked goes into the organisation's log, sealed to its audit key.
    pub fn begun(&self, session: SessionId, asked: Asked) {
        {
            let mut state = self.0.state.borrow_mut();
            (state.session, state.live) = (Some(session), true);
        }
        self.run(move |portal| async move { portal.note(session, ASKED, &Note::Asked(asked)).await });
    }

    /// What came of the session goes into the log, in the agent's name.
    pub(super) async fn outcome(&self, result: Settlement, text: String) {
        let (kept, session) = {
            let state = self.0.state.borrow();
            (state.kept.clone(), state.session)
        };
        let Some((kept, session)) = kept.zip(session) else { return self.0.face.noted() };
        let outcome = Outcome {
            suite: SUITE,
            session,
            organisation: kept.organisation,
            agent: kept.agent,
            result,
            text: cut(&text, MAX_ASK).to_owned(),
            at: self.0.machine.now(),
        };
        if let Ok(signature) = self.0.keeper.sign(Signed::preimage(StatementKind::Outcome, &outcome)).await {
            let signed = Signed { statement: Bytes(encode(&outcome)), signature };
            self.note(session, OUTCOME, &Note::Outcome(signed)).await;
        }
        self.0.face.noted();
    }

    /// Leaves a note. One that is lost is missed by the audit, which says so: the session does not wait for it.
    async fn note(&self, session: SessionId, number: u8, note: &Note) {
        let sealed = {
            let state = self.0.state.borrow();
            let Some((kept, audit_key)) = state.kept.as_ref().zip(state.audit_key.as_ref()) else { return };
            let rng = &mut SystemRng(&*self.0.machine);
            seal_note(audit_key.as_slice(), &kept.organisation, &session, note, rng)
        };
        let (Ok(sealed), Some(token)) = (sealed, self.0.state.borrow().token) else { return };
        for wait in NOTE_WAITS {
            let path = format!("/v1/agent/sessions/{session}/notes/{number}");
            let mut request = bare(Method::Put, path).by(token);
            request.content_type = Some(OCTETS);
            request.body = Body::Bytes(sealed.clone());
            match self.0.api.call(request).await {
                Err(error) if error.code() == Some(ErrorCode::ServerUnreachable) => self.0.machine.sleep(wait).await,
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// At most so many bytes of a text, and no half character.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}
