//! From an enrolment link, or a key that this browser keeps, to an agent who is signed in.

use std::rc::Rc;

use glimpse_core::organisation::EnrolmentLink;
use glimpse_device::DeviceError;
use glimpse_device::api::{bare, json, with_json};
use glimpse_device::organisations::PinCard;
use glimpse_device::transport::Method;
use glimpse_page::data;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{
    AgentChallenge, AgentChallengeRequest, AgentToken, Assertion, Enrol, Organisation, Passkey, Returned, SignInAgent,
};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_JSON;
use glimpse_wire::organisation::{AgentSignIn, Credential};
use glimpse_wire::preimage::{self, StatementKind};
use glimpse_wire::{ErrorCode, Hash, SUITE, SigningKeyBytes, encode};

use super::{Challenged, Kept, NoKey, Portal, Stage};
use crate::snapshot::Assert;

/// What the server says of an organisation, in bytes at most.
const MAX_SAID: usize = 128 * 1024;

impl Portal {
    pub(super) async fn find(&self) {
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
    pub(super) async fn know(&self, organisation: &SigningKeyBytes) -> Result<(), DeviceError> {
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
        state.passkey_only = said.passkey;
        Ok(())
    }

    pub(super) async fn link(&self, text: &str) {
        let Ok(link) = EnrolmentLink::parse(text) else { return self.fall_back("agent.link.unreadable") };
        let known = self.know(&link.organisation).await;
        if let Ok(Some(kept)) = self.0.keeper.find().await {
            // The link replaces whoever is enrolled here: that is asked first.
            self.0.state.borrow_mut().kept = Some(kept);
        }
        match known {
            Ok(()) => self.go(Stage::Invited(Rc::new(link)), Some("say.agent.invited")),
            Err(error) if error.code() == Some(ErrorCode::NotFound) => self.fall_back("agent.link.unknown"),
            Err(error) => self.failed(&error),
        }
    }

    pub(super) async fn enrol(&self, passkey: Option<Passkey>, replace: bool) {
        let link = if let Stage::Invited(link) = &self.0.state.borrow().stage { Some(Rc::clone(link)) } else { None };
        let Some(link) = link else { return };
        let refused = {
            let state = self.0.state.borrow();
            if state.kept.is_some() && !replace {
                Some("agent.replace.first")
            } else if state.passkey_only && passkey.is_none() {
                Some("agent.passkey.demanded")
            } else {
                None
            }
        };
        if let Some(problem) = refused {
            self.0.state.borrow_mut().problem = Some(problem);
            return self.draw();
        }
        if self.0.state.borrow().token.is_some() {
            self.sign_out();
        }
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
        let kept = Kept { organisation: link.organisation, agent: link.agent, key, name: String::new() };
        if self.0.keeper.keep(kept.clone()).await.is_err() {
            return self.fall_back("agent.no-key");
        }
        self.0.state.borrow_mut().kept = Some(kept);
        self.go(Stage::SignedOut, Some("say.agent.enrolled"));
    }

    pub(super) async fn challenge(&self) {
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
    pub(super) async fn answer(&self, challenge: Hash, passkey: Option<Bytes>, returned: Option<Returned>) {
        let Some(id) = passkey else { return self.sign_in(challenge, None, returned).await };
        let assert = Assert { challenge: Bytes(challenge.0.to_vec()), id };
        self.go(Stage::Asserting(Challenged { challenge, assert, returned }), None);
    }

    pub(super) async fn asserted(&self, assertion: Assertion) {
        let challenged = if let Stage::Asserting(challenged) = &self.0.state.borrow().stage {
            Some(challenged.clone())
        } else {
            None
        };
        let Some(challenged) = challenged else { return };
        self.go(Stage::SigningIn, None);
        self.sign_in(challenged.challenge, Some(assertion), challenged.returned).await;
    }

    pub(super) async fn sign_in(&self, challenge: Hash, assertion: Option<Assertion>, provider: Option<Returned>) {
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
    pub(super) async fn signed_in(&self, kept: &Kept, token: AgentToken) {
        if self.0.state.borrow().organisation.is_empty() && self.know(&kept.organisation).await.is_err() {
            return self.fall_back(ErrorCode::ServerUnreachable.slug());
        }
        // What the server gives counts for nothing before the organisation's signature has.
        let credential = token.credential.map(Signed::from).and_then(|signed| {
            let credential = Credential::open(&signed, &kept.organisation).ok()?;
            (credential.agent == kept.agent && credential.key == kept.key).then_some((signed, credential))
        });
        let name = credential.as_ref().map(|(_, credential)| data::line(&credential.name));
        let vouched = credential.is_some();
        {
            let mut state = self.0.state.borrow_mut();
            state.credential = credential;
            state.token = Some(token.token);
        }
        if let Some(name) = name.filter(|name| *name != kept.name) {
            // For whoever opens another link here; signing in does not depend on it.
            let _kept = self.0.keeper.name(name.clone()).await;
            if let Some(kept) = &mut self.0.state.borrow_mut().kept {
                kept.name = name;
            }
        }
        self.mind_idle();
        if vouched {
            self.go(Stage::Ready, Some("say.agent.ready"));
        } else {
            self.go(Stage::Unvouched, Some("say.agent.unvouched"));
        }
    }

    pub(super) async fn again(&self) {
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
}
