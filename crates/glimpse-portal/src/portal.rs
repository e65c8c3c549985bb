//! Where an agent is between an enrolment link and a customer's code.

use core::cell::RefCell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::rc::Rc;

use glimpse_core::organisation::EnrolmentLink;
use glimpse_device::api::{Api, bare};
use glimpse_device::surroundings::Surroundings;
use glimpse_device::transport::{Method, Transport};
use glimpse_device::{DeviceError, Local};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{Returned, SignedJson};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::{MAX_ASK, MAX_CLAIM};
use glimpse_wire::organisation::{Credential, Role};
use glimpse_wire::preimage::presentation;
use glimpse_wire::{AgentId, ErrorCode, Hash, SessionId, SigningKeyBytes};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use crate::intent::Intent;
use crate::snapshot::{Assert, Enrolled, Snapshot, View};
use ledger::Ledger;

mod entering;
mod handing;
mod idle;
mod ledger;
mod notes;
mod provider;

/// The browser cannot make or use a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKey;

/// What this browser is enrolled as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whose agent.
    pub organisation: SigningKeyBytes,
    /// Which.
    pub agent: AgentId,
    /// The public half of the key that nobody can have.
    pub key: SigningKeyBytes,
    /// The name under which the organisation vouched last; empty where it has not.
    pub name: String,
}

/// Keeps the agent's signing key, which leaves the browser never: not even for this code.
pub trait Keeper {
    /// What this browser is enrolled as, if it is.
    fn find(&self) -> Local<'_, Result<Option<Kept>, NoKey>>;
    /// Makes a key; it is kept with [`Keeper::keep`].
    fn make(&self) -> Local<'_, Result<SigningKeyBytes, NoKey>>;
    /// Keeps the key that was made last, for this agent.
    fn keep(&self, kept: Kept) -> Local<'_, Result<(), NoKey>>;
    /// Keeps the name of the agent beside the key.
    fn name(&self, name: String) -> Local<'_, Result<(), NoKey>>;
    /// Signs.
    fn sign(&self, bytes: Vec<u8>) -> Local<'_, Result<SignatureBytes, NoKey>>;
    /// Keeps this until the page comes back from the identity provider.
    fn set_aside(&self, text: String) -> Local<'_, Result<(), NoKey>>;
    /// What is kept so.
    fn aside(&self) -> Local<'_, Result<Option<String>, NoKey>>;
    /// Keeps it no more.
    fn drop_aside(&self) -> Local<'_, Result<(), NoKey>>;
    /// Forgets the key, and whatever was kept beside it.
    fn forget(&self) -> Local<'_, Result<(), NoKey>>;
}

/// What a viewer is begun with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Look {
    /// The agent's credential.
    pub credential: SignedJson,
    /// The agent's token at the server.
    pub token: Hash,
    /// A case number.
    pub case: String,
    /// Why.
    pub reason: String,
}

/// The page, seen from the portal.
pub trait Face {
    /// Draws.
    fn draw(&self, snapshot: &Snapshot<'_>);
    /// Begins a viewer, which draws itself from then on, with a memory of its own.
    fn begin(&self, look: Look);
    /// Ends the viewer, if there is one, and its memory with it.
    fn end(&self);
    /// What came of the session is in the log, or cannot be: the session can be ended.
    fn noted(&self);
    /// Lets the person keep a text as a file.
    fn file(&self, name: &str, text: &str);
}

/// Runs a future on this thread.
pub type Spawn = Box<dyn Fn(Pin<Box<dyn Future<Output = ()>>>)>;

enum Stage {
    Starting,
    Stranger,
    Invited(Rc<EnrolmentLink>),
    Enrolling,
    SignedOut,
    SigningIn,
    Asserting(Challenged),
    /// The page goes to the identity provider, at this address.
    Leaving(String),
    Unvouched,
    Ready,
    Ledger,
    Looking,
}

/// A challenge that the passkey is to answer as well.
#[derive(Clone)]
struct Challenged {
    challenge: Hash,
    assert: Assert,
    /// What the identity provider returned, where there is one.
    returned: Option<Returned>,
}

impl Stage {
    const fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Stranger => "stranger",
            Self::Invited(_) => "invited",
            Self::Enrolling => "enrolling",
            Self::SignedOut => "signed-out",
            Self::SigningIn | Self::Asserting(_) => "signing-in",
            Self::Leaving(_) => "leaving",
            Self::Unvouched => "unvouched",
            Self::Ready => "ready",
            Self::Ledger => "ledger",
            Self::Looking => "looking",
        }
    }
}

struct State {
    stage: Stage,
    kept: Option<Kept>,
    organisation: String,
    /// To which notes are sealed: the one whose hash the organisation's card names.
    audit_key: Option<Bytes>,
    /// The session that runs, or ran last.
    session: Option<SessionId>,
    credential: Option<(Signed, Credential)>,
    token: Option<Hash>,
    /// Whether a session runs: it has ends of its own.
    live: bool,
    /// Whether nobody enrols here without a passkey.
    passkey_only: bool,
    problem: Option<&'static str>,
    case: String,
    reason: String,
    /// What a supervisor sees of the organisation.
    ledger: Ledger,
    announcement: Option<Announcement>,
    announced: u32,
}

struct Inner {
    api: Api,
    origin: String,
    machine: Rc<dyn Surroundings>,
    keeper: Box<dyn Keeper>,
    face: Box<dyn Face>,
    spawn: Spawn,
    state: RefCell<State>,
    idle: idle::Watch,
}

/// The portal.
#[derive(Clone)]
pub struct Portal(Rc<Inner>);

impl Portal {
    /// Looks whether this browser is enrolled, and reports it.
    #[must_use]
    pub fn start(
        transport: Rc<dyn Transport>,
        machine: Rc<dyn Surroundings>,
        keeper: Box<dyn Keeper>,
        face: Box<dyn Face>,
        spawn: Spawn,
    ) -> Self {
        let state = State {
            stage: Stage::Starting,
            kept: None,
            organisation: String::new(),
            audit_key: None,
            session: None,
            credential: None,
            token: None,
            live: false,
            passkey_only: false,
            problem: None,
            case: String::new(),
            reason: String::new(),
            ledger: Ledger::default(),
            announcement: None,
            announced: 0,
        };
        let origin = transport.origin().to_owned();
        let portal = Self(Rc::new(Inner {
            api: Api::new(transport),
            origin,
            machine,
            keeper,
            face,
            spawn,
            state: RefCell::new(state),
            idle: idle::Watch::default(),
        }));
        portal.draw();
        portal.run(|portal| async move { portal.find().await });
        portal
    }

    /// Takes what the person did.
    pub fn intent(&self, intent: Intent) {
        if self.is_overdue() {
            return self.sign_out_idle();
        }
        self.touch();
        if matches!(intent, Intent::Present) {
            return;
        }
        self.0.state.borrow_mut().problem = None;
        match intent {
            Intent::Link { mut text } => self.run(|portal| async move {
                portal.link(&text).await;
                text.zeroize();
            }),
            Intent::Enrol { passkey, replace } => {
                self.run(move |portal| async move { portal.enrol(passkey, replace).await });
            }
            Intent::SignIn => self.run(|portal| async move { portal.challenge().await }),
            Intent::Asserted { assertion } => self.run(|portal| async move { portal.asserted(assertion).await }),
            Intent::NotAsserted => {
                if matches!(self.0.state.borrow().stage, Stage::Asserting(_)) {
                    self.fall_back("agent.passkey.cancelled");
                }
            }
            Intent::Returned { state, code, back } => {
                self.go(Stage::SigningIn, None);
                self.run(
                    |portal| async move { portal.returned(&state, code.map(|code| Returned { code, back })).await },
                );
            }
            Intent::Again => self.run(|portal| async move { portal.again().await }),
            Intent::Look { case, reason } => self.look(&case, &reason),
            Intent::Outcome { result, text } => {
                self.run(move |portal| async move { portal.outcome(result.into(), text).await });
            }
            Intent::Over => {
                // Somebody else ended it: the viewer goes with all it held, and what came of the session is still asked.
                self.0.face.end();
                self.0.state.borrow_mut().live = false;
                self.mind_idle();
            }
            Intent::Present => {}
            Intent::Ledger(act) => self.about_ledger(act),
            Intent::Desk => self.desk(),
            Intent::SignOut => self.sign_out(),
            Intent::Forget => self.run(|portal| async move { portal.forget().await }),
        }
        if !matches!(self.0.state.borrow().stage, Stage::Looking) {
            self.draw();
        }
    }

    /// Signs what an agent presents in a pairing: for the case and the reason that were said here, and nothing else.
    pub async fn sign(&self, presentation: Vec<u8>) -> Option<SignatureBytes> {
        if !self.is_presentation(&presentation) {
            return None;
        }
        self.0.keeper.sign(presentation).await.ok()
    }

    /// Whether this is what an agent presents, in whichever pairing and by whichever viewer: those two the desk does not know.
    fn is_presentation(&self, bytes: &[u8]) -> bool {
        let state = self.0.state.borrow();
        let Some((credential, _)) = state.credential.as_ref().filter(|_| matches!(state.stage, Stage::Looking)) else {
            return false;
        };
        let (statement, case, reason) = (credential.statement.as_slice(), &state.case, &state.reason);
        let [low, high] = [0, u8::MAX]
            .map(|any| presentation(&Hash([any; 32]), &SigningKeyBytes([any; 32]), statement, case, reason));
        bytes.len() == low.len() && bytes.iter().zip(low.iter().zip(&high)).all(|(byte, (l, h))| l != h || byte == l)
    }

    fn run<F: Future<Output = ()> + 'static>(&self, task: impl FnOnce(Self) -> F) {
        (self.0.spawn)(Box::pin(task(self.clone())));
    }

    fn draw(&self) {
        let state = self.0.state.borrow();
        let credential = state.credential.as_ref().map(|(_, credential)| credential);
        let assert = if let Stage::Asserting(challenged) = &state.stage { Some(&challenged.assert) } else { None };
        let name = credential.map_or_else(String::new, |credential| data::line(&credential.name));
        let at_ledger = matches!(state.stage, Stage::Ledger);
        self.0.face.draw(&Snapshot {
            screen: if at_ledger { "ledger" } else { "agent" },
            agent: View {
                stage: state.stage.word(),
                organisation: &state.organisation,
                name: &name,
                supervisor: credential.is_some_and(|credential| credential.role == Role::Supervisor),
                until: credential.map(|credential| credential.not_after),
                problem: state.problem,
                assert,
                leave: if let Stage::Leaving(address) = &state.stage { Some(address) } else { None },
                enrolled: state.kept.as_ref().filter(|_| matches!(state.stage, Stage::Invited(_))).map(Enrolled::of),
                passkey_only: state.passkey_only,
                case: &state.case,
                reason: &state.reason,
            },
            ledger: at_ledger.then(|| state.ledger.view()),
            announcement: state.announcement.as_ref(),
        });
    }

    fn go(&self, stage: Stage, said: Option<&'static str>) {
        {
            let mut state = self.0.state.borrow_mut();
            state.stage = stage;
            if let Some(key) = said {
                state.announced = state.announced.wrapping_add(1);
                let mut announcement = Announcement::polite(key);
                announcement.number = state.announced;
                state.announcement = Some(announcement);
            }
        }
        self.draw();
    }

    /// Back to where nothing has begun, with what went wrong.
    fn fall_back(&self, problem: &'static str) {
        let stage = if self.0.state.borrow().kept.is_some() { Stage::SignedOut } else { Stage::Stranger };
        self.0.state.borrow_mut().problem = Some(problem);
        self.go(stage, None);
    }

    fn failed(&self, error: &DeviceError) {
        self.fall_back(error.code().unwrap_or(ErrorCode::Internal).slug());
    }

    fn look(&self, case: &str, reason: &str) {
        let look = {
            let mut state = self.0.state.borrow_mut();
            if !matches!(state.stage, Stage::Ready) {
                return;
            }
            case.trim().clone_into(&mut state.case);
            reason.trim().clone_into(&mut state.reason);
            if state.case.is_empty() || state.reason.is_empty() {
                state.problem = Some("agent.case.missing");
                return;
            }
            if state.case.len() > MAX_CLAIM || state.reason.len() > MAX_ASK {
                state.problem = Some("agent.case.long");
                return;
            }
            let Some(((credential, _), token)) = state.credential.clone().zip(state.token) else { return };
            state.stage = Stage::Looking;
            Look { credential: credential.into(), token, case: state.case.clone(), reason: state.reason.clone() }
        };
        // What stands above the viewer, before the viewer draws itself.
        self.draw();
        self.0.face.begin(look);
    }

    fn desk(&self) {
        if matches!(self.0.state.borrow().stage, Stage::Invited(_)) && self.0.state.borrow().kept.is_some() {
            // Who is enrolled here stays so.
            let ready = self.0.state.borrow().credential.is_some();
            return self.go(if ready { Stage::Ready } else { Stage::SignedOut }, None);
        }
        if matches!(self.0.state.borrow().stage, Stage::Looking | Stage::Ledger) {
            self.0.face.end();
            {
                let mut state = self.0.state.borrow_mut();
                state.ledger = Ledger::default();
                state.live = false;
            }
            self.go(Stage::Ready, None);
            self.mind_idle();
        }
    }

    fn sign_out(&self) {
        self.0.face.end();
        let token = {
            let mut state = self.0.state.borrow_mut();
            state.credential = None;
            state.live = false;
            state.ledger = Ledger::default();
            state.case.clear();
            state.reason.clear();
            state.token.take()
        };
        if let Some(token) = token {
            // A token that the server does not hear of lapses by itself.
            self.run(|portal| async move {
                let _told = portal.0.api.call(bare(Method::Delete, "/v1/agent".to_owned()).by(token)).await;
            });
        }
        let enrolled = self.0.state.borrow().kept.is_some();
        self.go(if enrolled { Stage::SignedOut } else { Stage::Stranger }, Some("say.agent.signed-out"));
    }

    async fn forget(&self) {
        self.sign_out();
        if self.0.keeper.forget().await.is_err() {
            return self.fall_back("agent.no-key");
        }
        {
            let mut state = self.0.state.borrow_mut();
            state.kept = None;
            state.organisation.clear();
        }
        self.go(Stage::Stranger, Some("say.agent.forgotten"));
    }
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Portal({})", self.0.state.borrow().stage.word())
    }
}

#[cfg(test)]
mod tests;
