//! Agents: whom an organisation vouches for at this moment, and what ends when it takes its word back.

use glimpse_wire::api::SignedJson;
use glimpse_wire::organisation::{Credential, Revocations};
use glimpse_wire::{ErrorCode, SigningKeyBytes, UnixMillis};

use super::Ending;
use crate::app::App;
use crate::problem::{Answer, Problem};
use crate::store::{AgentOf, Session};

impl App {
    /// Whether the operator lets this organisation in. Whoever is not let in is not there.
    pub(crate) fn is_let_in(&self, organisation: &SigningKeyBytes) -> Answer<()> {
        let listed = self.settings.organisations.contains(organisation);
        if listed { Ok(()) } else { Err(ErrorCode::NotFound.into()) }
    }

    /// The credential of an agent that counts at this moment.
    ///
    /// # Errors
    /// `CredentialInvalid`.
    pub(crate) async fn credential(&self, agent: &AgentOf, now: UnixMillis) -> Answer<(Credential, SignedJson)> {
        let enrolled = self.store.enrolled(agent).await?;
        let vouched = enrolled.as_ref().and_then(|enrolled| enrolled.vouched(now));
        let vouched = vouched.filter(|_| self.is_let_in(&agent.organisation).is_ok());
        let (credential, signed) = vouched.ok_or(ErrorCode::CredentialInvalid)?;
        Ok((credential.clone(), signed.clone()))
    }

    /// Whether the agent of a session may begin it, and have it for as long.
    ///
    /// # Errors
    /// `CredentialInvalid`.
    pub(super) async fn check_agent(&self, session: &Session, now: UnixMillis) -> Answer<()> {
        let Some(agent) = &session.agent else { return Ok(()) };
        let (credential, _) = self.credential(agent, now).await?;
        if session.expires <= credential.not_after { Ok(()) } else { Err(ErrorCode::CredentialInvalid.into()) }
    }

    /// One opening more of the agent of a session, if it has one, in all its sessions together.
    pub(super) fn admit_opening(&self, agent: Option<AgentOf>, now: UnixMillis) -> Answer<()> {
        match agent {
            Some(agent) => self.rates.openings.admit(agent, 1, now).map_err(Problem::from),
            None => Ok(()),
        }
    }

    /// Takes Revocations, and ends whatever the agents whom they cover have begun.
    pub(crate) async fn revoke_agents(&self, list: &Revocations, body: &SignedJson) -> Answer<()> {
        self.store.put_revocations(list, body).await?;
        self.finish_agents().await
    }

    /// Ends whatever an agent has begun in the browser that an invitation takes the place of.
    pub(crate) async fn replace_agent(&self, agent: &AgentOf) -> Answer<()> {
        let now = self.clock.now();
        for session in self.store.live_sessions_of_agents(&agent.organisation).await? {
            if session.agent == Some(*agent) {
                self.finish_revoked_agent(&session, now).await?;
            }
        }
        self.mailboxes.finish_agents(std::slice::from_ref(agent), now);
        Ok(())
    }

    /// Ends whatever agents have begun whom their organisation revoked. The lists are on disk; this may be interrupted and
    /// repeated.
    pub(super) async fn finish_agents(&self) -> Answer<()> {
        let now = self.clock.now();
        let mut outcome = Ok(());
        for organisation in self.store.ending_organisations().await? {
            let seq = self.store.revocations_seq(&organisation).await?;
            let revoked = self.store.revoked_agents(&organisation).await?;
            // Who is vouched for anew goes on, but in nothing that began before the revocation.
            let times = self.store.revocation_times(&organisation).await?;
            let mut ended = Ok(());
            for session in self.store.live_sessions_of_agents(&organisation).await? {
                let earlier =
                    |agent: AgentOf| times.iter().any(|(id, at)| *id == agent.agent && session.granted <= *at);
                if session.agent.is_some_and(|agent| revoked.contains(&agent) || earlier(agent)) {
                    ended = ended.and(self.finish_revoked_agent(&session, now).await);
                }
            }
            self.mailboxes.finish_agents(&revoked, now);
            if ended.is_ok() {
                self.store.agents_ended(&organisation, seq).await?;
            }
            outcome = outcome.and(ended);
        }
        outcome
    }

    /// Asked in its turn: it may have ended since it was found.
    async fn finish_revoked_agent(&self, session: &Session, now: UnixMillis) -> Answer<()> {
        let _turn = self.turn(&session.session).await?;
        match self.store.session(&session.session).await?.filter(|session| session.ended.is_none()) {
            Some(session) => self.finish(&session, Ending::by_itself(ErrorCode::SessionRevoked), now).await,
            None => Ok(()),
        }
    }
}
