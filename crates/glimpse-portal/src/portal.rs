//! Where an agent is between an enrolment link and a customer's code.

use core::cell::RefCell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::rc::Rc;

use glimpse_core::organisation::EnrolmentLink;
use glimpse_device::api::{Api, bare, json, with_json};
use glimpse_device::organisations::PinCard;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::transport::{Method, Transport};
use glimpse_device::{DeviceError, Local};
use glimpse_page::announce::Announcement;
use glimpse_page::data;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{
    AgentChallenge, AgentChallengeRequest, AgentToken, Assertion, Enrol, Organisation, Passkey, Returned, SignInAgent,
};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::limits::{MAX_ASK, MAX_CLAIM, MAX_JSON};
use glimpse_wire::organisation::{AgentSignIn, Credential, Role};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::{AgentId, ErrorCode, Hash, SUITE, SessionId, SigningKeyBytes, encode};

use crate::intent::Intent;
use crate::snapshot::{Assert, Snapshot, View};

mod handing;
mod notes;
mod provider;

/// What the server says of an organisation, in bytes at most.
const MAX_SAID: usize = 128 * 1024;

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
}

/// Keeps the agent's signing key, which leaves the browser never: not even for this code.
pub trait Keeper {
    /// What this browser is enrolled as, if it is.
    fn find(&self) -> Local<'_, Result<Option<Kept>, NoKey>>;
    /// Makes a key; it is kept with [`Keeper::keep`].
    fn make(&self) -> Local<'_, Result<SigningKeyBytes, NoKey>>;
    /// Keeps the key that was made last, for this agent.
    fn keep(&self, kept: Kept) -> Local<'_, Result<(), NoKey>>;
    /// Signs.
    fn sign(&self, bytes: Vec<u8>) -> Local<'_, Result<SignatureBytes, NoKey>>;
    /// Keeps this until the page comes back from the identity provider.
    fn set_aside(&self, text: String) -> Local<'_, Result<(), NoKey>>;
    /// What was kept so; it is there once.
    fn take_aside(&self) -> Local<'_, Result<Option<String>, NoKey>>;
    /// Forgets the key, and whatever was kept beside it.
    fn forget(&self) -> Local<'_, Result<(), NoKey>>;
}

/// What a viewer is begun with.
#[derive(Debug)]
pub struct Look {
    /// The agent's credential.
    pub credential: Signed,
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
    /// Begins a viewer, which draws itself from then on.
    fn begin(&self, look: Look);
    /// Ends the viewer, if there is one.
    fn end(&self);
    /// What came of the session is in the log, or cannot be: the session can be ended.
    fn noted(&self);
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
    problem: Option<&'static str>,
    case: String,
    reason: String,
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
            problem: None,
            case: String::new(),
            reason: String::new(),
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
        }));
        portal.draw();
        portal.run(|portal| async move { portal.find().await });
        portal
    }

    /// Takes what the person did.
    pub fn intent(&self, intent: Intent) {
        self.0.state.borrow_mut().problem = None;
        match intent {
            Intent::Link { text } => self.run(|portal| async move { portal.link(&text).await }),
            Intent::Enrol { passkey } => self.run(|portal| async move { portal.enrol(passkey).await }),
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
            Intent::Desk => self.desk(),
            Intent::SignOut => self.sign_out(),
            Intent::Forget => self.run(|portal| async move { portal.forget().await }),
        }
        if !matches!(self.0.state.borrow().stage, Stage::Looking) {
            self.draw();
        }
    }

    /// Signs what an agent presents in a pairing.
    pub async fn sign(&self, presentation: Vec<u8>) -> Option<SignatureBytes> {
        self.0.keeper.sign(presentation).await.ok()
    }

    fn run<F: Future<Output = ()> + 'static>(&self, task: impl FnOnce(Self) -> F) {
        (self.0.spawn)(Box::pin(task(self.clone())));
    }

    fn draw(&self) {
        let state = self.0.state.borrow();
        let credential = state.credential.as_ref().map(|(_, credential)| credential);
        let assert = if let Stage::Asserting(challenged) = &state.stage { Some(&challenged.assert) } else { None };
        let name = credential.map_or_else(String::new, |credential| data::line(&credential.name));
        self.0.face.draw(&Snapshot {
            screen: "agent",
            agent: View {
                stage: state.stage.word(),
                organisation: &state.organisation,
                name: &name,
                supervisor: credential.is_some_and(|credential| credential.role == Role::Supervisor),
                until: credential.map(|credential| credential.not_after),
                problem: state.problem,
                assert,
                leave: if let Stage::Leaving(address) = &state.stage { Some(address) } else { None },
                case: &state.case,
                reason: &state.reason,
            },
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

    async fn find(&self) {
        match self.0.keeper.find().await {
            Err(NoKey) => self.fall_back("agent.no-key"),
            Ok(None) => {
                // A link may have come while the database was opened.
                if matches!(self.0.state.borrow().stage, Stage::Starting) {
                    self.go(Stage::Stranger, None);
                }
            }
            Ok(Some(kept)) => {
                let organisation = kept.organisation;
                self.0.state.borrow_mut().kept = Some(kept);
                if matches!(self.0.state.borrow().stage, Stage::Starting) {
                    self.go(Stage::SignedOut, None);
                }
                // Only a name: what cannot be had now is shown when the agent has signed in.
                if self.know(&organisation).await.is_ok() {
                    self.draw();
                }
            }
        }
    }

    /// What an organisation calls itself: by a card that its own key signed.
    async fn know(&self, organisation: &SigningKeyBytes) -> Result<(), DeviceError> {
        let path = format!("/v1/organisations/{organisation}");
        let said: Organisation = json(self.0.api.call(bare(Method::Get, path)).await?, MAX_SAID).await?;
        let card = PinCard::of(said.card.into()).map_err(|_| ErrorCode::Malformed)?;
        let fits = card.card().key == *organisation
            && card.card().audit == preimage::audit_key_hash(said.audit_key.as_slice());
        if !fits {
            return Err(ErrorCode::Malformed.into());
        }
        let mut state = self.0.state.borrow_mut();
        state.organisation = data::line(&card.card().name);
        state.audit_key = Some(said.audit_key);
        Ok(())
    }

    async fn link(&self, text: &str) {
        let Ok(link) = EnrolmentLink::parse(text) else { return self.fall_back("agent.link.unreadable") };
        match self.know(&link.organisation).await {
            Ok(()) => self.go(Stage::Invited(Rc::new(link)), Some("say.agent.invited")),
            Err(error) if error.code() == Some(ErrorCode::NotFound) => self.fall_back("agent.link.unknown"),
            Err(error) => self.failed(&error),
        }
    }

    async fn enrol(&self, passkey: Option<Passkey>) {
        let link = if let Stage::Invited(link) = &self.0.state.borrow().stage { Some(Rc::clone(link)) } else { None };
        let Some(link) = link else { return };
        self.go(Stage::Enrolling, Some("say.agent.enrolling"));
        let Ok(key) = self.0.keeper.make().await else { return self.fall_back("agent.no-key") };
        let of_passkey = passkey.as_ref().map(|passkey| passkey.key.0.clone()).unwrap_or_default();
        let body = Enrol { agent: link.agent, token: link.token(), key, passkey, proof: link.prove(&key, &of_passkey) };
        let path = format!("/v1/organisations/{}/enrolments", link.organisation);
        if let Err(error) = self.0.api.call(with_json(Method::Post, path, &body)).await {
            // The link is good for one enrolment: what is used or over says so in words of its own.
            return match error.code() {
                Some(ErrorCode::NotFound | ErrorCode::Conflict) => self.fall_back("agent.link.over"),
                _ => self.failed(&error),
            };
        }
        let kept = Kept { organisation: link.organisation, agent: link.agent, key };
        if self.0.keeper.keep(kept.clone()).await.is_err() {
            return self.fall_back("agent.no-key");
        }
        self.0.state.borrow_mut().kept = Some(kept);
        self.go(Stage::SignedOut, Some("say.agent.enrolled"));
    }

    async fn challenge(&self) {
        let kept = match (&self.0.state.borrow().stage, &self.0.state.borrow().kept) {
            (Stage::SignedOut, Some(kept)) => kept.clone(),
            _ => return,
        };
        self.go(Stage::SigningIn, None);
        let asked = AgentChallengeRequest { organisation: kept.organisation, agent: kept.agent };
        let path = "/v1/agents/challenge".to_owned();
        let answered = async {
            let response = self.0.api.call(with_json(Method::Post, path, &asked)).await?;
            json::<AgentChallenge>(response, MAX_JSON).await
        };
        match answered.await {
            Ok(AgentChallenge { challenge, passkey, provider: Some(address), .. }) => {
                self.leave(address, challenge, passkey).await;
            }
            Ok(AgentChallenge { challenge, passkey, .. }) => self.answer(challenge, passkey, None).await,
            Err(error) => self.failed(&error),
        }
    }

    /// Signs in, once the passkey has answered where there is one.
    async fn answer(&self, challenge: Hash, passkey: Option<Bytes>, returned: Option<Returned>) {
        let Some(id) = passkey else { return self.sign_in(challenge, None, returned).await };
        let assert = Assert { challenge: Bytes(challenge.0.to_vec()), id };
        self.go(Stage::Asserting(Challenged { challenge, assert, returned }), None);
    }

    async fn asserted(&self, assertion: Assertion) {
        let challenged = if let Stage::Asserting(challenged) = &self.0.state.borrow().stage {
            Some(challenged.clone())
        } else {
            None
        };
        let Some(challenged) = challenged else { return };
        self.go(Stage::SigningIn, None);
        self.sign_in(challenged.challenge, Some(assertion), challenged.returned).await;
    }

    async fn sign_in(&self, challenge: Hash, assertion: Option<Assertion>, provider: Option<Returned>) {
        let Some(kept) = self.0.state.borrow().kept.clone() else { return };
        let statement = AgentSignIn {
            suite: SUITE,
            organisation: kept.organisation,
            agent: kept.agent,
            origin: self.0.origin.clone(),
            challenge,
        };
        let preimage = Signed::preimage(StatementKind::AgentSignIn, &statement);
        let Ok(signature) = self.0.keeper.sign(preimage).await else { return self.fall_back("agent.no-key") };
        let signed = Signed { statement: Bytes(encode(&statement)), signature };
        let body = SignInAgent { signed: signed.into(), assertion, provider };
        let answered = async {
            let response = self.0.api.call(with_json(Method::Post, "/v1/agents/sign-in".to_owned(), &body)).await?;
            json::<AgentToken>(response, MAX_JSON).await
        };
        match answered.await {
            Ok(token) => self.signed_in(&kept, token).await,
            // One answer to whoever is none and to whoever was taken back.
            Err(error) if matches!(error.code(), Some(ErrorCode::Unauthorised | ErrorCode::CredentialInvalid)) => {
                self.fall_back("agent.refused");
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Takes a token, and the credential with it where the organisation has vouched.
    async fn signed_in(&self, kept: &Kept, token: AgentToken) {
        if self.0.state.borrow().organisation.is_empty() && self.know(&kept.organisation).await.is_err() {
            return self.fall_back(ErrorCode::ServerUnreachable.slug());
        }
        // What the server gives counts for nothing before the organisation's signature has.
        let credential = token.credential.map(Signed::from).and_then(|signed| {
            let credential = Credential::open(&signed, &kept.organisation).ok()?;
            (credential.agent == kept.agent && credential.key == kept.key).then_some((signed, credential))
        });
        let vouched = credential.is_some();
        {
            let mut state = self.0.state.borrow_mut();
            state.credential = credential;
            state.token = Some(token.token);
        }
        if vouched {
            self.go(Stage::Ready, Some("say.agent.ready"));
        } else {
            self.go(Stage::Unvouched, Some("say.agent.unvouched"));
        }
    }

    async fn again(&self) {
        let (kept, token) = match (&self.0.state.borrow().kept, self.0.state.borrow().token) {
            (Some(kept), Some(token)) => (kept.clone(), token),
            _ => return,
        };
        let answered = async {
            let response = self.0.api.call(bare(Method::Get, "/v1/agent".to_owned()).by(token)).await?;
            json::<AgentToken>(response, MAX_JSON).await
        };
        match answered.await {
            Ok(token) => self.signed_in(&kept, token).await,
            Err(error) => self.failed(&error),
        }
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
            Look { credential, token, case: state.case.clone(), reason: state.reason.clone() }
        };
        // What stands above the viewer, before the viewer draws itself.
        self.draw();
        self.0.face.begin(look);
    }

    fn desk(&self) {
        if matches!(self.0.state.borrow().stage, Stage::Looking) {
            self.0.face.end();
            self.go(Stage::Ready, None);
        }
    }

    fn sign_out(&self) {
        self.0.face.end();
        let token = {
            let mut state = self.0.state.borrow_mut();
            state.credential = None;
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
