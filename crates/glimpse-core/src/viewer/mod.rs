//! The viewer, from code to tombstone, as one machine without input or output of its own. The browser and
//! `glimpse receive` pump it: they carry requests and frames, tell it the time, and draw its [`State`].
//!
//! ```text
//! Code ─► claim ─► Hello/Answer/ConfirmA/ConfirmB ─► words, waiting ─► Grant ─► session ─► end
//! ```
//!
//! Once Hello has left, that code is never run again, whatever the cause: every failure then is "ask for a new code".

mod json;
mod mailbox;
mod opening;
mod outbox;
mod redacted;
mod running;

use glimpse_wire::api::{Claim, Claimed, Problem};
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::limits::{APPROVAL_MILLIS, PAIRING_MILLIS};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, Hash, UnitId};
use rand_core::CryptoRng;

use crate::Monotonic;
use crate::code::PairingCode;
use crate::pairing::receive;
use crate::pairing::viewer::{Agreed, Asking, Claims, ExpectAnswer, ExpectConfirmB, ExpectOffer};
use crate::secret::Plaintext;
use crate::session::ExpectGrant;
use crate::words::CheckWords;
use mailbox::{Mailbox, Received};
use outbox::{Outbox, ServerClock};

pub use opening::{OpeningView, Stage};
pub use running::Running;

/// What happened outside.
pub enum Input {
    /// A person typed or pasted a code.
    Code(String),
    /// A request was answered, with any status.
    HttpDone {
        /// Which request.
        id: u64,
        /// The status.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// A request got no answer.
    HttpFailed {
        /// Which request.
        id: u64,
    },
    /// The socket is open.
    SocketOpened,
    /// A frame came.
    SocketBytes(Vec<u8>),
    /// The socket closed, or did not open.
    SocketClosed,
    /// Time passed: at least once a second.
    Tick,
    /// The person did something on the page.
    Touched,
    /// The person wants to open a unit, or to go on with one that failed for the network.
    Open(UnitId),
    /// The person closed a unit, finished or not.
    Close(UnitId),
    /// The person asks for more minutes.
    AskTime(u32),
    /// The person asks for another record, in words.
    AskRecord(String),
    /// The agent's key signed what [`Output::Sign`] asked for.
    Signed(SignatureBytes),
    /// The person ends the session, or leaves the pairing.
    End,
}

/// What is to be done outside.
pub enum Output {
    /// Send a request to the server.
    Http(HttpRequest),
    /// Open a WebSocket to this path; close the one before, if any.
    SocketOpen {
        /// Begins with `/`.
        path: String,
    },
    /// Send a binary frame.
    SocketSend(Vec<u8>),
    /// Close the socket.
    SocketClose,
    /// Have the agent's key sign this, and answer with [`Input::Signed`].
    Sign(Vec<u8>),
    /// The next piece of a unit's content, in order.
    Content(Content),
    /// What [`Viewer::state`] shows has changed.
    Changed,
    /// It is over: forget everything and show why. Nothing comes after this.
    Ended(ErrorCode),
}

/// A request.
pub struct HttpRequest {
    /// To name it in the answer.
    pub id: u64,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Begins with `/`.
    pub path: String,
    /// Media type of the body; empty when there is none.
    pub content_type: &'static str,
    /// First and last byte of a `Range` header.
    pub range: Option<(u64, u64)>,
    /// May be empty.
    pub body: Vec<u8>,
    /// The agent's token, where the server is to know who asks.
    pub bearer: Option<Hash>,
}

/// A piece of content, opened.
pub struct Content {
    /// Of which unit.
    pub unit: UnitId,
    /// Where the piece begins, in bytes.
    pub offset: u64,
    /// True length of the whole, in bytes.
    pub total: u64,
    /// The piece.
    pub bytes: Plaintext,
    /// Whether this is the last.
    pub last: bool,
}

/// What a viewer is told when it is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it says about itself.
    pub claims: Claims,
    /// What for.
    pub purpose: Purpose,
    /// Why; empty for the user's own screen.
    pub asking: Asking,
    /// The token by which an agent claims a code; none for the user's own screen.
    pub bearer: Option<Hash>,
}

/// How far connecting has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looking for the device.
    Claiming,
    /// Agreeing on a key with it.
    Agreeing,
}

/// What a screen shows.
#[derive(Debug)]
pub enum State<'v> {
    /// Type a code.
    EnterCode {
        /// What was wrong with the last one.
        problem: Option<ErrorCode>,
    },
    /// Wait a moment.
    Connecting {
        /// How far.
        step: Step,
    },
    /// Compare the words; the person decides on the device.
    Waiting {
        /// The same on both screens.
        words: CheckWords,
        /// The name that the lender gave; may be empty.
        name: &'v str,
        /// When no answer becomes a no.
        until: Monotonic,
        /// Whether the device is connected.
        device_present: bool,
    },
    /// The session runs.
    Session(&'v Running),
    /// It is over.
    Ended {
        /// Why.
        reason: ErrorCode,
    },
}

enum Phase {
    EnterCode { problem: Option<ErrorCode> },
    Claiming { state: ExpectOffer, request: u64 },
    Pairing(Pairing),
    Session(Box<Running>),
    Ended { reason: ErrorCode },
}

struct Pairing {
    state: PairingState,
    mailbox: Mailbox,
    until: Monotonic,
    server_clock: ServerClock,
}

enum PairingState {
    Answer(Box<ExpectAnswer>),
    Signature(Box<Agreed>),
    ConfirmB(Box<ExpectConfirmB>),
    Grant(Box<ExpectGrant>),
}

/// The machine.
pub struct Viewer {
    config: Config,
    phase: Phase,
    outbox: Outbox,
}

impl Viewer {
    /// A viewer that waits for a code.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, phase: Phase::EnterCode { problem: None }, outbox: Outbox::default() }
    }

    /// What to show.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        match &self.phase {
            Phase::EnterCode { problem } => State::EnterCode { problem: *problem },
            Phase::Claiming { .. } => State::Connecting { step: Step::Claiming },
            Phase::Pairing(pairing) => match &pairing.state {
                PairingState::Answer(_) | PairingState::Signature(_) | PairingState::ConfirmB(_) => {
                    State::Connecting { step: Step::Agreeing }
                }
                PairingState::Grant(state) => State::Waiting {
                    words: state.words(),
                    name: &state.identity().name,
                    until: pairing.until,
                    device_present: pairing.mailbox.peer_present(),
                },
            },
            Phase::Session(running) => State::Session(running),
            Phase::Ended { reason } => State::Ended { reason: *reason },
        }
    }

    /// The next thing to do outside, if there is one. Call until it gives none after every [`Viewer::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.outbox.queue.pop_front()
    }

    /// Takes what happened outside.
    pub fn handle(&mut self, input: Input, now: Monotonic, rng: &mut impl CryptoRng) {
        let phase = core::mem::replace(&mut self.phase, Phase::Ended { reason: ErrorCode::Internal });
        self.phase = match phase {
            Phase::EnterCode { problem } => self.enter_code(problem, input),
            Phase::Claiming { state, request } => self.claiming(state, request, input, now, rng),
            Phase::Pairing(pairing) => self.pairing(pairing, &input, now),
            Phase::Session(running) => self.session(running, input, now),
            ended @ Phase::Ended { .. } => ended,
        };
    }

    fn enter_code(&mut self, problem: Option<ErrorCode>, input: Input) -> Phase {
        let Input::Code(mut text) = input else {
            return Phase::EnterCode { problem };
        };
        let parsed = PairingCode::parse(&text, self.config.purpose);
        zeroize::Zeroize::zeroize(&mut text);
        self.outbox.push(Output::Changed);
        match parsed {
            Ok(code) => {
                let state = ExpectOffer::new(code, self.config.purpose);
                let claim =
                    Claim { nameplate: state.nameplate().as_str().to_owned(), purpose: self.config.purpose.into() };
                let body = json::write(&claim);
                let request = self.outbox.claim(body, self.config.bearer);
                Phase::Claiming { state, request }
            }
            Err(problem) => Phase::EnterCode { problem: Some(problem) },
        }
    }

    fn claiming(
        &mut self,
        state: ExpectOffer,
        request: u64,
        input: Input,
        now: Monotonic,
        rng: &mut impl CryptoRng,
    ) -> Phase {
        let failed = match input {
            Input::HttpDone { id, status: 200, body } if id == request => {
                return match json::read::<Claimed>(&body) {
                    Some(claimed) => self.claimed(state, &claimed, now, rng),
                    None => self.back_to_code(ErrorCode::Malformed),
                };
            }
            Input::HttpDone { id, status, body } if id == request => problem_of(status, &body),
            Input::HttpFailed { id } if id == request => ErrorCode::ServerUnreachable,
            Input::End => return self.over(ErrorCode::SessionEnded),
            Input::HttpDone { .. }
            | Input::HttpFailed { .. }
            | Input::Code(_)
            | Input::SocketOpened
            | Input::SocketBytes(_)
            | Input::SocketClosed
            | Input::Tick
            | Input::Touched
            | Input::Open(_)
            | Input::Close(_)
            | Input::AskTime(_)
            | Input::AskRecord(_)
            | Input::Signed(_) => return Phase::Claiming { state, request },
        };
        self.back_to_code(failed)
    }

    fn claimed(&mut self, state: ExpectOffer, claimed: &Claimed, now: Monotonic, rng: &mut impl CryptoRng) -> Phase {
        match state.receive(claimed.mailbox, claimed.offer.as_slice(), self.config.claims.clone(), rng) {
            Ok((state, hello)) => {
                let mut mailbox = Mailbox::new(claimed.mailbox, claimed.token, &mut self.outbox);
                mailbox.send(hello, &mut self.outbox);
                self.outbox.push(Output::Changed);
                Phase::Pairing(Pairing {
                    state: PairingState::Answer(Box::new(state)),
                    mailbox,
                    until: now.plus(PAIRING_MILLIS),
                    server_clock: ServerClock { server: claimed.now, ours: now },
                })
            }
            Err(problem) => self.back_to_code(problem),
        }
    }

    /// Before Hello has left, another code can be typed.
    fn back_to_code(&mut self, problem: ErrorCode) -> Phase {
        self.outbox.push(Output::Changed);
        Phase::EnterCode { problem: Some(problem) }
    }

    /// After Hello has left, every failure is the end of this code: the person types a new one.
    fn pairing_failed(&mut self, problem: ErrorCode) -> Phase {
        self.outbox.push(Output::SocketClose);
        self.back_to_code(after_hello(problem, self.config.purpose))
    }

    fn over(&mut self, reason: ErrorCode) -> Phase {
        self.outbox.push(Output::SocketClose);
        self.outbox.push(Output::Changed);
        self.outbox.push(Output::Ended(reason));
        Phase::Ended { reason }
    }

    fn pairing(&mut self, mut pairing: Pairing, input: &Input, now: Monotonic) -> Phase {
        if now >= pairing.until {
            let reason = match pairing.state {
                PairingState::Grant(_) => ErrorCode::ApprovalTimedOut,
                PairingState::Answer(_) if !pairing.mailbox.peer_present() => ErrorCode::DeviceOffline,
                PairingState::Answer(_) | PairingState::Signature(_) | PairingState::ConfirmB(_) => {
                    ErrorCode::CodeExpired
                }
            };
            return self.pairing_failed(reason);
        }
        if matches!(input, Input::End) {
            let abort = glimpse_wire::encode(&glimpse_wire::pairing::Message::Abort { code: ErrorCode::SessionEnded });
            pairing.mailbox.send(abort, &mut self.outbox);
            return self.over(ErrorCode::SessionEnded);
        }
        if let Input::Signed(signature) = input {
            return self.introduced(pairing, *signature);
        }
        match pairing.mailbox.handle(input, now, &mut self.outbox) {
            Received::Nothing => Phase::Pairing(pairing),
            Received::Changed => {
                self.outbox.push(Output::Changed);
                Phase::Pairing(pairing)
            }
            Received::Over(code) => self.pairing_failed(code),
            Received::Message(message) => self.pairing_message(pairing, &message, now),
        }
    }

    fn pairing_message(&mut self, pairing: Pairing, message: &[u8], now: Monotonic) -> Phase {
        let Pairing { state, mut mailbox, mut until, server_clock } = pairing;
        self.outbox.push(Output::Changed);
        let next = match state {
            PairingState::Answer(state) => state.agree(message).map(|agreed| {
                if let Some(presentation) = agreed.presentation(&self.config.asking) {
                    self.outbox.push(Output::Sign(presentation));
                    return PairingState::Signature(Box::new(agreed));
                }
                let (state, confirm) = agreed.introduce(&self.config.asking, None);
                mailbox.send(confirm, &mut self.outbox);
                PairingState::ConfirmB(Box::new(state))
            }),
            // Nobody has anything to say before this end has introduced itself, but that it is over.
            PairingState::Signature(_) => Err(match receive(message) {
                Ok(_) => ErrorCode::Malformed,
                Err(code) => code,
            }),
            PairingState::ConfirmB(state) => state.receive(message).map(|state| {
                until = now.plus(APPROVAL_MILLIS);
                PairingState::Grant(Box::new(state))
            }),
            PairingState::Grant(state) => match state.receive(message) {
                Ok(session) => {
                    return Phase::Session(Box::new(Running::new(session, mailbox, server_clock, now)));
                }
                Err(problem) => Err(problem),
            },
        };
        match next {
            Ok(state) => Phase::Pairing(Pairing { state, mailbox, until, server_clock }),
            Err(problem) => self.pairing_failed(problem),
        }
    }

    /// The agent's key has signed.
    fn introduced(&mut self, pairing: Pairing, signature: SignatureBytes) -> Phase {
        let Pairing { state, mut mailbox, until, server_clock } = pairing;
        let state = match state {
            PairingState::Signature(agreed) => {
                let (state, confirm) = agreed.introduce(&self.config.asking, Some(signature));
                mailbox.send(confirm, &mut self.outbox);
                PairingState::ConfirmB(Box::new(state))
            }
            // Not asked for.
            other @ (PairingState::Answer(_) | PairingState::ConfirmB(_) | PairingState::Grant(_)) => other,
        };
        Phase::Pairing(Pairing { state, mailbox, until, server_clock })
    }

    fn session(&mut self, mut running: Box<Running>, input: Input, now: Monotonic) -> Phase {
        match running.handle(input, now, &mut self.outbox) {
            None => Phase::Session(running),
            Some(reason) => {
                drop(running);
                self.over(reason)
            }
        }
    }
}

impl core::fmt::Debug for Viewer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Viewer({:?})", self.state())
    }
}

/// The slug of a problem document: whatever stands between may answer as well, and has none.
fn named_problem(body: &[u8]) -> Option<ErrorCode> {
    json::read::<Problem>(body).and_then(|problem| problem.kind.parse().ok())
}

/// What a refusal means: the slug of its problem document, or else what its status says.
fn problem_of(status: u16, body: &[u8]) -> ErrorCode {
    named_problem(body).unwrap_or(match status {
        401 | 403 => ErrorCode::Unauthorised,
        404 => ErrorCode::NotFound,
        410 => ErrorCode::SessionEnded,
        413 => ErrorCode::TooLarge,
        429 => ErrorCode::RateLimited,
        500.. => ErrorCode::Internal,
        _other => ErrorCode::Malformed,
    })
}

/// Neither Abort nor Over is authenticated: a reason that tells the person to type the same code again, or to wait and try
/// once more, would be a second guess for whoever sent it. Only reasons whose next step is a new code pass (protocol
/// section 6.5). That nobody vouches for who asks is no reason but for an agent. Side A of a linking shows the same.
#[must_use]
pub const fn after_hello(code: ErrorCode, purpose: Purpose) -> ErrorCode {
    let of_agents = matches!((code, purpose), (ErrorCode::CredentialInvalid, Purpose::Agent));
    let passes = matches!(
        code,
        ErrorCode::CodeWrong
            | ErrorCode::CodeUsed
            | ErrorCode::CodeExpired
            | ErrorCode::Crowded
            | ErrorCode::DeviceOffline
            | ErrorCode::Declined
            | ErrorCode::ApprovalTimedOut
            | ErrorCode::PausedAfterFailures
    );
    if passes || of_agents { code } else { ErrorCode::PairingBroken }
}

#[cfg(test)]
mod tests;
