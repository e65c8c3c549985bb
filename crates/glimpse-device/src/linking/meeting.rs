//! From a code to two ends that have confirmed each other, whichever end shows it and whatever lies between.

use std::rc::Rc;

use glimpse_core::Monotonic;
use glimpse_core::attempts::{Paused, RunOutcome};
use glimpse_core::code::{Nameplate, PairingCode};
use glimpse_core::linking::{self, CodeForm, Paired};
use glimpse_core::pairing::device::Setup;
use glimpse_core::pairing::viewer::{Asking, Claims, ExpectOffer};
use glimpse_core::viewer::after_hello;
use glimpse_wire::api::{Claim, Claimed, Mailbox, OpenMailbox, PurposeWord};
use glimpse_wire::limits::{MAX_JSON, MAX_OFFER, PAIRING_MILLIS};
use glimpse_wire::pairing::{Offer, Purpose};
use glimpse_wire::{ErrorCode, Hash, MailboxId, decode};

use super::line::{Line, Talk};
use super::{Commands, Event, Way};
use crate::api::{Api, json, with_cbor, with_json};
use crate::error::DeviceError;
use crate::home::Home;
use crate::mailbox::{Link, reason_of};
use crate::surroundings::{Surroundings, SystemRng};
use crate::transport::{Credential, Method};

/// What an end brings to a meeting.
pub(super) struct Party<'p> {
    pub(super) api: &'p Api,
    pub(super) home: &'p Home,
    pub(super) machine: &'p Rc<dyn Surroundings>,
    /// By what the server lets it open a mailbox; a joiner has nothing.
    pub(super) credential: Option<Credential>,
    /// Who it is, for a mailbox of its own.
    pub(super) setup: &'p dyn Fn(MailboxPlace) -> Setup,
}

/// What a setup needs to know of the mailbox.
pub(super) struct MailboxPlace {
    pub(super) mailbox: MailboxId,
    pub(super) nameplate: Nameplate,
    pub(super) server_nonce: Hash,
    pub(super) expires: glimpse_wire::UnixMillis,
    pub(super) deadline: Monotonic,
}

/// Meets the other end. On an error the other end has been told, and the mailbox is gone.
pub(super) async fn meet<'c>(
    party: &Party<'_>,
    way: Way,
    commands: &'c mut Commands,
    events: &'c mut dyn FnMut(Event),
) -> Result<(Paired, Talk<'c>), DeviceError> {
    let machine = Rc::clone(party.machine);
    match way {
        Way::Show(form) => {
            let request = OpenMailbox { purpose: PurposeWord::Link };
            let mut asked = with_json(Method::Post, "/v1/mailboxes".to_owned(), &request);
            asked.credential = party.credential;
            let mailbox: Mailbox = json(party.api.call(asked).await?, MAX_JSON).await?;
            let life = mailbox.expires.since(mailbox.now).min(PAIRING_MILLIS);
            let place = MailboxPlace {
                mailbox: mailbox.mailbox,
                nameplate: Nameplate::parse(&mailbox.nameplate)?,
                server_nonce: mailbox.server_nonce,
                expires: mailbox.expires,
                deadline: machine.monotonic().plus(life),
            };
            let link = Link::new(party.api.shared_transport(), Rc::clone(&machine), mailbox.mailbox, mailbox.token);
            let line = Line::Mailbox { link: Box::new(link), opened: Some((mailbox.mailbox, mailbox.token)) };
            let talk = Talk { line, machine, commands, events };
            show(party, talk, form, place, Some(mailbox.token)).await
        }
        Way::ShowLocal(form, socket) => {
            let mut rng = SystemRng(&**party.machine);
            let place = local_place(&machine, &mut rng)?;
            let talk = Talk { line: Line::Stream { socket, closed: false }, machine, commands, events };
            show(party, talk, form, place, None).await
        }
        Way::Type(code) => {
            let state = ExpectOffer::new(code, Purpose::Link);
            let claim = Claim { nameplate: state.nameplate().as_str().to_owned(), purpose: PurposeWord::Link };
            let claimed = party.api.call(with_json(Method::Post, "/v1/claims".to_owned(), &claim)).await?;
            let claimed: Claimed = json(claimed, MAX_JSON).await?;
            let link = Link::new(party.api.shared_transport(), Rc::clone(&machine), claimed.mailbox, claimed.token);
            let line = Line::Mailbox { link: Box::new(link), opened: None };
            let talk = Talk { line, machine, commands, events };
            type_in(party, talk, state, claimed.mailbox, claimed.offer.as_slice()).await
        }
        Way::TypeLocal(code, socket) => {
            let mut talk = Talk { line: Line::Stream { socket, closed: false }, machine, commands, events };
            let state = ExpectOffer::new(code, Purpose::Link);
            let until = talk.machine.monotonic().plus(PAIRING_MILLIS);
            let offer = talk.message(until, ErrorCode::CodeExpired).await?;
            let parsed: Offer =
                decode(&offer, MAX_OFFER).map_err(|_| reason_of(&offer).unwrap_or(ErrorCode::Malformed))?;
            type_in(party, talk, state, parsed.mailbox, &offer).await
        }
    }
}

/// A place that no server assigned: three digits, of which the first is none that a longer nameplate begins with.
fn local_place(machine: &Rc<dyn Surroundings>, rng: &mut SystemRng<'_>) -> Result<MailboxPlace, DeviceError> {
    use rand_core::Rng;
    let mut drawn = [0u8; 16 + 32 + 8];
    rng.fill_bytes(&mut drawn);
    let (mailbox, rest) = drawn.split_first_chunk::<16>().ok_or(ErrorCode::Internal)?;
    let (nonce, rest) = rest.split_first_chunk::<32>().ok_or(ErrorCode::Internal)?;
    let number = rest.iter().fold(0u64, |sum, byte| sum.wrapping_mul(256).wrapping_add(u64::from(*byte))) % 800;
    Ok(MailboxPlace {
        mailbox: MailboxId(*mailbox),
        nameplate: Nameplate::parse(&format!("{number:03}"))?,
        server_nonce: Hash(*nonce),
        expires: machine.now().plus(PAIRING_MILLIS),
        deadline: machine.monotonic().plus(PAIRING_MILLIS),
    })
}

/// The end that shows the code: side B.
async fn show<'c>(
    party: &Party<'_>,
    mut talk: Talk<'c>,
    form: CodeForm,
    place: MailboxPlace,
    token: Option<Hash>,
) -> Result<(Paired, Talk<'c>), DeviceError> {
    match show_code(party, &mut talk, form, place, token).await {
        Ok(paired) => Ok((paired, talk)),
        Err(error) => {
            talk.abandon(party.api, error.code().unwrap_or(ErrorCode::Internal), None).await;
            Err(error)
        }
    }
}

async fn show_code(
    party: &Party<'_>,
    talk: &mut Talk<'_>,
    form: CodeForm,
    place: MailboxPlace,
    token: Option<Hash>,
) -> Result<Paired, DeviceError> {
    let wall = party.machine.now();
    paused(party.home.with_attempts(|attempts| attempts.check(wall)).await?)?;
    let (mailbox, deadline) = (place.mailbox, place.deadline);
    let opened = linking::open((party.setup)(place), form, &mut SystemRng(&**party.machine))?;
    match token {
        Some(token) => {
            let path = format!("/v1/mailboxes/{mailbox}/offer");
            let _stored = party.api.call(with_cbor(Method::Put, path, opened.offer.clone()).by(token)).await?;
        }
        None => talk.send(opened.offer.clone()).await,
    }
    (talk.events)(Event::Code {
        code: opened.code.to_groups(),
        qr: opened.code.to_qr_text(),
        expires_in: party.machine.monotonic().until(deadline),
    });
    let hello = talk.message(deadline, ErrorCode::CodeExpired).await?;
    (talk.events)(Event::Connecting);
    let wall = party.machine.now();
    let counted = party.home.with_attempts(|attempts| attempts.check(wall).map(|()| attempts.begin(wall)));
    let counted = paused(counted.await?)?;
    let settle = |outcome| party.home.with_attempts(move |attempts| attempts.settle(outcome));
    let received = opened.state.receive(&hello, party.machine.monotonic(), counted, &mut SystemRng(&**party.machine));
    let (state, answer) = match received {
        Ok(next) => next,
        Err(code) => {
            settle(RunOutcome::Silent).await?;
            return Err(code.into());
        }
    };
    talk.send(answer).await;
    let confirm = match talk.message(deadline, ErrorCode::CodeExpired).await {
        Ok(message) => message,
        Err(error) => {
            settle(RunOutcome::Silent).await?;
            return Err(error);
        }
    };
    match state.receive(&confirm, party.machine.monotonic()) {
        Ok((confirmed, answer)) => {
            settle(RunOutcome::Proved).await?;
            talk.send(answer).await;
            Ok(confirmed.for_linking()?)
        }
        Err(code) => {
            let guessed = code == ErrorCode::CodeWrong;
            settle(if guessed { RunOutcome::Guessed } else { RunOutcome::Silent }).await?;
            Err(code.into())
        }
    }
}

/// The end that typed the code: side A. From Hello on the code is forgotten, whatever happens.
async fn type_in<'c>(
    party: &Party<'_>,
    mut talk: Talk<'c>,
    state: ExpectOffer,
    mailbox: MailboxId,
    offer: &[u8],
) -> Result<(Paired, Talk<'c>), DeviceError> {
    let paired = async {
        let rng = &mut SystemRng(&**party.machine);
        let (state, hello) = state.receive(mailbox, offer, Claims::default(), rng)?;
        let until = party.machine.monotonic().plus(PAIRING_MILLIS);
        (talk.events)(Event::Connecting);
        talk.send(hello).await;
        let answer = talk.message(until, ErrorCode::PairingBroken).await.map_err(shown)?;
        let (state, confirm) = state.receive(&answer, &Asking::default()).map_err(shown)?;
        talk.send(confirm).await;
        let confirm = talk.message(until, ErrorCode::PairingBroken).await.map_err(shown)?;
        state.receive_for_linking(&confirm, party.machine.monotonic()).map_err(shown)
    }
    .await;
    match paired {
        Ok(paired) => Ok((paired, talk)),
        Err(error) => {
            talk.abandon(party.api, error.code().unwrap_or(ErrorCode::Internal), None).await;
            Err(error)
        }
    }
}

/// What the end that typed shows of a failure after Hello.
fn shown(error: impl Into<DeviceError>) -> DeviceError {
    let error = error.into();
    if let DeviceError::Refused { code, .. } = error { after_hello(code, Purpose::Link).into() } else { error }
}

fn paused<T>(checked: Result<T, Paused>) -> Result<T, DeviceError> {
    checked.map_err(|paused| match paused {
        Paused::Wait { millis } => DeviceError::Paused { millis },
        Paused::Passphrase => DeviceError::PassphraseNeeded,
    })
}

/// What a person typed, pasted or scanned.
///
/// # Errors
/// [`ErrorCode::CodeMistyped`].
pub fn parse_code(text: &str) -> Result<PairingCode, ErrorCode> {
    PairingCode::parse(text, Purpose::Link)
}
