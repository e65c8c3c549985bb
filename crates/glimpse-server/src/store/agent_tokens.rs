//! Tokens of agents who are signed in, and whom an identity provider takes them for.

use glimpse_wire::{ErrorCode, Hash, SigningKeyBytes, UnixMillis};
use sqlx::SqliteConnection;

use super::organisations::{AgentOf, enrolled};
use super::{Store, int, nat};
use crate::problem::Answer;

/// Tokens of one agent that are good at one time: a few tabs and a restart of the browser.
const TOKENS_PER_AGENT: i64 = 8;

impl Store {
    /// Keeps a token, by its hash alone. Who signed in at the organisation's identity provider is the agent from the first time on.
    ///
    /// # Errors
    /// `Unauthorised` where another browser has enrolled since, or somebody else signed in at the provider; `CredentialInvalid`
    /// where the agent was revoked.
    pub(crate) async fn sign_agent_in(
        &self,
        agent: &AgentOf,
        key: &SigningKeyBytes,
        subject: Option<&Hash>,
        token: &Hash,
        expires: UnixMillis,
    ) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let there = enrolled(&mut tx, agent).await?.filter(|there| there.key == *key);
        if there.ok_or(ErrorCode::Unauthorised)?.is_revoked() {
            return Err(ErrorCode::CredentialInvalid.into());
        }
        if let Some(subject) = subject {
            is_subject(&mut tx, agent, subject).await?;
        }
        sqlx::query("INSERT INTO agent_tokens (hash, organisation, agent, expires) VALUES (?, ?, ?, ?)")
            .bind(token.0.as_slice())
            .bind(agent.organisation.0.as_slice())
            .bind(agent.agent.0.as_slice())
            .bind(int(expires.0))
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "DELETE FROM agent_tokens WHERE hash IN
             (SELECT hash FROM agent_tokens WHERE organisation = ? AND agent = ?
              ORDER BY hash = ? DESC, expires DESC LIMIT -1 OFFSET ?)",
        )
        .bind(agent.organisation.0.as_slice())
        .bind(agent.agent.0.as_slice())
        .bind(token.0.as_slice())
        .bind(TOKENS_PER_AGENT)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whose token this is and when it lapses, if it has not.
    pub(crate) async fn agent_token(&self, hash: &Hash, now: UnixMillis) -> Answer<Option<(AgentOf, UnixMillis)>> {
        let row: Option<(Vec<u8>, Vec<u8>, i64)> =
            sqlx::query_as("SELECT organisation, agent, expires FROM agent_tokens WHERE hash = ? AND expires > ?")
                .bind(hash.0.as_slice())
                .bind(int(now.0))
                .fetch_optional(&self.main)
                .await?;
        let of = |(organisation, agent, expires): (Vec<u8>, Vec<u8>, i64)| -> Result<_, sqlx::Error> {
            Ok((AgentOf::read(&organisation, &agent)?, UnixMillis(nat(expires))))
        };
        Ok(row.map(of).transpose()?)
    }

    /// Forgets a token.
    pub(crate) async fn sign_agent_out(&self, hash: &Hash) -> Answer<()> {
        sqlx::query("DELETE FROM agent_tokens WHERE hash = ?").bind(hash.0.as_slice()).execute(&self.writer).await?;
        Ok(())
    }
}

/// Takes whoever signs in first at the provider for the agent, and nobody else after that.
async fn is_subject(tx: &mut SqliteConnection, agent: &AgentOf, subject: &Hash) -> Answer<()> {
    let kept: Vec<u8> = sqlx::query_scalar(
        "UPDATE agents SET subject = COALESCE(subject, ?) WHERE organisation = ? AND agent = ? RETURNING subject",
    )
    .bind(subject.0.as_slice())
    .bind(agent.organisation.0.as_slice())
    .bind(agent.agent.0.as_slice())
    .fetch_one(tx)
    .await?;
    if kept == subject.0 { Ok(()) } else { Err(ErrorCode::Unauthorised.into()) }
}
