//! Organisations, whom they invited, whose browsers enrolled, and whom they vouch for.

use glimpse_wire::api::{Enrol, Enrolment, Organisation, RegisterOrganisation, SignedJson};
use glimpse_wire::ids::{Bytes, SignatureBytes};
use glimpse_wire::organisation::{Credential, Invitation, Revocations};
use glimpse_wire::{AgentId, ErrorCode, Hash, SigningKeyBytes, UnixMillis, decode};
use sqlx::SqliteConnection;

use super::{Store, fixed, int, nat};
use crate::problem::Answer;

/// Which agent of which organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AgentOf {
    pub(crate) organisation: SigningKeyBytes,
    pub(crate) agent: AgentId,
}

impl AgentOf {
    /// From two columns.
    pub(super) fn read(organisation: &[u8], agent: &[u8]) -> Result<Self, sqlx::Error> {
        Ok(Self { organisation: SigningKeyBytes(fixed(organisation)?), agent: AgentId(fixed(agent)?) })
    }
}

/// An agent whose browser enrolled.
#[derive(Clone, Debug)]
pub(crate) struct Enrolled {
    pub(crate) key: SigningKeyBytes,
    /// Id and SubjectPublicKeyInfo of the passkey, where there is one.
    pub(crate) passkey: Option<(Bytes, Bytes)>,
    at: UnixMillis,
    vouched: Option<(Credential, SignedJson)>,
    /// As the newest Revocations say.
    revoked: Option<UnixMillis>,
}

impl Enrolled {
    /// Whether the newest Revocations cover all that the agent has.
    pub(crate) fn is_revoked(&self) -> bool {
        let since = self.vouched.as_ref().map_or(self.at, |(credential, _)| credential.not_before);
        self.revoked.is_some_and(|revoked| revoked >= since)
    }

    /// The newest credential, if it counts.
    pub(crate) fn vouched(&self, now: UnixMillis) -> Option<(&Credential, &SignedJson)> {
        let (credential, signed) = self.vouched.as_ref()?;
        (!self.is_revoked() && credential.check(None, now).is_ok()).then_some((credential, signed))
    }
}

type OrganisationRow = (Vec<u8>, Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);
type AgentRow =
    (Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<i64>);

/// Of `agents` joined with `revoked_agents`: what the newest Revocations cover. One who has not enrolled has nothing that is newer.
const COVERED: &str = "revoked_agents.at >= COALESCE(not_before, enrolled, 0)";

impl Store {
    /// An organisation, as anyone may read it.
    pub(crate) async fn organisation(&self, organisation: &SigningKeyBytes) -> Answer<Option<Organisation>> {
        let row: Option<OrganisationRow> = sqlx::query_as(
            "SELECT card, signature, audit_key, revocations, revoked_by FROM organisations WHERE organisation = ?",
        )
        .bind(organisation.0.as_slice())
        .fetch_optional(&self.main)
        .await?;
        let Some((card, signature, audit_key, revocations, revoked_by)) = row else { return Ok(None) };
        let revocations = match (revocations, revoked_by) {
            (Some(list), Some(signature)) => Some(signed(list, &signature)?),
            (Some(_) | None, Some(_) | None) => None,
        };
        Ok(Some(Organisation {
            card: signed(card, &signature)?,
            audit_key: Bytes(audit_key),
            passkey: false,
            revocations,
        }))
    }

    /// Takes a card whose signature the caller has checked.
    ///
    /// # Errors
    /// `Conflict` for one that is not newer, unless it is the same.
    pub(crate) async fn put_organisation(
        &self,
        organisation: &SigningKeyBytes,
        at: UnixMillis,
        body: &RegisterOrganisation,
    ) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let there: Option<(i64, Vec<u8>)> = sqlx::query_as("SELECT at, card FROM organisations WHERE organisation = ?")
            .bind(organisation.0.as_slice())
            .fetch_optional(&mut *tx)
            .await?;
        match there {
            Some((_, card)) if card == body.card.statement.as_slice() => return Ok(()),
            Some((newest, _)) if nat(newest) >= at.0 => return Err(ErrorCode::Conflict.into()),
            Some(_) | None => {}
        }
        sqlx::query(
            "INSERT INTO organisations (organisation, at, card, signature, audit_key) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (organisation) DO UPDATE SET at = excluded.at, card = excluded.card,
                 signature = excluded.signature, audit_key = excluded.audit_key",
        )
        .bind(organisation.0.as_slice())
        .bind(int(at.0))
        .bind(body.card.statement.as_slice())
        .bind(body.card.signature.0.as_slice())
        .bind(body.audit_key.as_slice())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes Revocations whose signature the caller has checked, and ends the tokens of whom they cover. Until
    /// [`Store::agents_ended`], the sessions of those may live.
    ///
    /// # Errors
    /// `NotFound` for an organisation that is not registered, `Conflict` for a list that is not newer, unless it is the same.
    pub(crate) async fn put_revocations(&self, list: &Revocations, body: &SignedJson) -> Answer<()> {
        let organisation = list.organisation.0.as_slice();
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let there: Option<(Option<i64>, Option<Vec<u8>>)> =
            sqlx::query_as("SELECT seq, revocations FROM organisations WHERE organisation = ?")
                .bind(organisation)
                .fetch_optional(&mut *tx)
                .await?;
        let (newest, statement) = there.ok_or(ErrorCode::NotFound)?;
        if statement.as_deref() == Some(body.statement.as_slice()) {
            return Ok(());
        }
        if newest.is_some_and(|newest| nat(newest) >= list.seq) {
            return Err(ErrorCode::Conflict.into());
        }
        sqlx::query(
            "UPDATE organisations SET seq = ?, revocations = ?, revoked_by = ?, ending = 1 WHERE organisation = ?",
        )
        .bind(int(list.seq))
        .bind(body.statement.as_slice())
        .bind(body.signature.0.as_slice())
        .bind(organisation)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM revoked_agents WHERE organisation = ?").bind(organisation).execute(&mut *tx).await?;
        for revoked in &list.agents {
            sqlx::query("INSERT INTO revoked_agents (organisation, agent, at) VALUES (?, ?, ?)")
                .bind(organisation)
                .bind(revoked.agent.0.as_slice())
                .bind(int(revoked.at.0))
                .execute(&mut *tx)
                .await?;
        }
        for agent in covered(&mut tx, &list.organisation).await? {
            end_tokens(&mut tx, &agent).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Organisations that took something back, and of whose agents sessions may still live.
    pub(crate) async fn ending_organisations(&self) -> Answer<Vec<SigningKeyBytes>> {
        let keys: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT organisation FROM organisations WHERE ending = 1").fetch_all(&self.main).await?;
        Ok(keys.iter().map(|key| fixed(key).map(SigningKeyBytes)).collect::<Result<_, _>>()?)
    }

    /// Agents whom the newest Revocations of their organisation cover.
    pub(crate) async fn revoked_agents(&self, organisation: &SigningKeyBytes) -> Answer<Vec<AgentOf>> {
        let mut reader = self.main.acquire().await?;
        covered(&mut reader, organisation).await
    }

    /// When each agent of the newest Revocations was taken back, also those who are vouched for anew.
    pub(crate) async fn revocation_times(&self, organisation: &SigningKeyBytes) -> Answer<Vec<(AgentId, UnixMillis)>> {
        let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as("SELECT agent, at FROM revoked_agents WHERE organisation = ?")
            .bind(organisation.0.as_slice())
            .fetch_all(&self.main)
            .await?;
        rows.iter().map(|(agent, at)| Ok((AgentId(fixed(agent)?), UnixMillis(nat(*at))))).collect()
    }

    /// Nothing that the agents began whom list number `seq` covers is left.
    pub(crate) async fn agents_ended(&self, organisation: &SigningKeyBytes, seq: u64) -> Answer<()> {
        sqlx::query("UPDATE organisations SET ending = 0 WHERE organisation = ? AND seq = ?")
            .bind(organisation.0.as_slice())
            .bind(int(seq))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Number of the newest Revocations; 0 where there are none.
    pub(crate) async fn revocations_seq(&self, organisation: &SigningKeyBytes) -> Answer<u64> {
        let seq: Option<Option<i64>> = sqlx::query_scalar("SELECT seq FROM organisations WHERE organisation = ?")
            .bind(organisation.0.as_slice())
            .fetch_optional(&self.main)
            .await?;
        Ok(seq.flatten().map_or(0, nat))
    }

    /// Takes an invitation whose signature the caller has checked. What the agent had, a browser, a credential, tokens, is gone.
    /// Says whether its sessions are to go as well: until somebody has enrolled by it, also when it comes again.
    ///
    /// # Errors
    /// `NotFound` for an organisation that is not registered, `Conflict` for an invitation that was taken before and replaced,
    /// `TooLarge` for too many agents.
    pub(crate) async fn invite(&self, invitation: &Invitation, most: u64) -> Answer<bool> {
        let (organisation, token) = (invitation.organisation.0.as_slice(), invitation.token.0.as_slice());
        let whom = AgentOf { organisation: invitation.organisation, agent: invitation.agent };
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        is_registered(&mut tx, &invitation.organisation).await?;
        let there: Option<(Vec<u8>, Option<i64>)> =
            sqlx::query_as("SELECT token, enrolled FROM agents WHERE organisation = ? AND agent = ?")
                .bind(organisation)
                .bind(whom.agent.0.as_slice())
                .fetch_optional(&mut *tx)
                .await?;
        if let Some((_, enrolled)) = there.as_ref().filter(|(known, _)| known == token) {
            return Ok(enrolled.is_none());
        }
        let taken: Option<i64> = sqlx::query_scalar("SELECT 1 FROM invitations WHERE organisation = ? AND token = ?")
            .bind(organisation)
            .bind(token)
            .fetch_optional(&mut *tx)
            .await?;
        if taken.is_some() {
            return Err(ErrorCode::Conflict.into());
        }
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM agents WHERE organisation = ?")
            .bind(organisation)
            .fetch_one(&mut *tx)
            .await?;
        if there.is_none() && nat(count) >= most {
            return Err(ErrorCode::TooLarge.into());
        }
        end_tokens(&mut tx, &whom).await?;
        sqlx::query("INSERT INTO invitations (organisation, token, expires) VALUES (?, ?, ?)")
            .bind(organisation)
            .bind(token)
            .bind(int(invitation.expires.0))
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT OR REPLACE INTO agents (organisation, agent, token, expires) VALUES (?, ?, ?, ?)")
            .bind(organisation)
            .bind(whom.agent.0.as_slice())
            .bind(token)
            .bind(int(invitation.expires.0))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Enrols a browser for the agent whose link has this token; `token` is its hash. The same again changes nothing.
    ///
    /// # Errors
    /// `NotFound` for an agent, a token or a time that does not fit; `Conflict` where another browser was there first.
    pub(crate) async fn enrol(
        &self,
        organisation: &SigningKeyBytes,
        body: &Enrol,
        token: &Hash,
        now: UnixMillis,
    ) -> Answer<()> {
        type Row = (Vec<u8>, i64, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);
        let (id, key) = match &body.passkey {
            Some(passkey) => (passkey.id.as_slice(), passkey.key.as_slice()),
            None => ([].as_slice(), [].as_slice()),
        };
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let row: Option<Row> = sqlx::query_as(
            "SELECT token, expires, key, passkey_id, passkey, proof FROM agents WHERE organisation = ? AND agent = ?",
        )
        .bind(organisation.0.as_slice())
        .bind(body.agent.0.as_slice())
        .fetch_optional(&mut *tx)
        .await?;
        let row = row.filter(|(there, ..)| there.as_slice() == token.0.as_slice());
        let (_, expires, there, there_id, there_passkey, proof) = row.ok_or(ErrorCode::NotFound)?;
        if there.is_some() {
            let same = there.as_deref() == Some(body.key.0.as_slice())
                && there_id.as_deref() == Some(id)
                && there_passkey.as_deref() == Some(key)
                && proof.as_deref() == Some(body.proof.0.as_slice());
            return if same { Ok(()) } else { Err(ErrorCode::Conflict.into()) };
        }
        if nat(expires) <= now.0 {
            return Err(ErrorCode::NotFound.into());
        }
        sqlx::query(
            "UPDATE agents SET enrolled = ?, key = ?, passkey_id = ?, passkey = ?, proof = ?
             WHERE organisation = ? AND agent = ?",
        )
        .bind(int(now.0))
        .bind(body.key.0.as_slice())
        .bind(id)
        .bind(key)
        .bind(body.proof.0.as_slice())
        .bind(organisation.0.as_slice())
        .bind(body.agent.0.as_slice())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Every browser that enrolled, by agent.
    pub(crate) async fn enrolments(&self, organisation: &SigningKeyBytes) -> Answer<Vec<Enrolment>> {
        type Row = (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, i64);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT agent, key, passkey, proof, enrolled FROM agents
             WHERE organisation = ? AND enrolled IS NOT NULL ORDER BY agent",
        )
        .bind(organisation.0.as_slice())
        .fetch_all(&self.main)
        .await?;
        let enrolment = |(agent, key, passkey, proof, at): Row| -> Result<_, sqlx::Error> {
            Ok(Enrolment {
                agent: AgentId(fixed(&agent)?),
                key: SigningKeyBytes(fixed(&key)?),
                passkey: Bytes(passkey),
                proof: Hash(fixed(&proof)?),
                at: UnixMillis(nat(at)),
            })
        };
        Ok(rows.into_iter().map(enrolment).collect::<Result<_, _>>()?)
    }

    /// Takes a credential that the caller has opened.
    ///
    /// # Errors
    /// `NotFound` for an agent who has not enrolled; `Conflict` for another key than the enrolled one, and for another
    /// credential that is not newer than the newest; `CredentialInvalid` for one that was taken back.
    pub(crate) async fn put_credential(&self, credential: &Credential, body: &SignedJson) -> Answer<()> {
        let (organisation, agent) = (credential.organisation.0.as_slice(), credential.agent.0.as_slice());
        let whom = AgentOf { organisation: credential.organisation, agent: credential.agent };
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let enrolled = enrolled(&mut tx, &whom).await?.ok_or(ErrorCode::NotFound)?;
        if enrolled.key != credential.key {
            return Err(ErrorCode::Conflict.into());
        }
        if enrolled.revoked.is_some_and(|revoked| revoked >= credential.not_before) {
            return Err(ErrorCode::CredentialInvalid.into());
        }
        if let Some((newest, there)) = &enrolled.vouched {
            if there.statement == body.statement {
                return Ok(());
            }
            if newest.not_before >= credential.not_before {
                return Err(ErrorCode::Conflict.into());
            }
        }
        sqlx::query(
            "UPDATE agents SET not_before = ?, credential = ?, signature = ? WHERE organisation = ? AND agent = ?",
        )
        .bind(int(credential.not_before.0))
        .bind(body.statement.as_slice())
        .bind(body.signature.0.as_slice())
        .bind(organisation)
        .bind(agent)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// An agent whose browser enrolled.
    pub(crate) async fn enrolled(&self, agent: &AgentOf) -> Answer<Option<Enrolled>> {
        let mut reader = self.main.acquire().await?;
        enrolled(&mut reader, agent).await
    }

    /// Forgets tokens and invitations that have lapsed. An agent's own invitation stays with the agent.
    pub(crate) async fn sweep_agents(&self, now: UnixMillis) -> Answer<()> {
        sqlx::query("DELETE FROM agent_tokens WHERE expires <= ?").bind(int(now.0)).execute(&self.writer).await?;
        sqlx::query("DELETE FROM invitations WHERE expires <= ?").bind(int(now.0)).execute(&self.writer).await?;
        Ok(())
    }
}

fn signed(statement: Vec<u8>, signature: &[u8]) -> Result<SignedJson, sqlx::Error> {
    Ok(SignedJson { statement: Bytes(statement), signature: SignatureBytes(fixed(signature)?) })
}

async fn is_registered(tx: &mut SqliteConnection, organisation: &SigningKeyBytes) -> Answer<()> {
    let there: Option<i64> = sqlx::query_scalar("SELECT 1 FROM organisations WHERE organisation = ?")
        .bind(organisation.0.as_slice())
        .fetch_optional(tx)
        .await?;
    there.map(|_| ()).ok_or_else(|| ErrorCode::NotFound.into())
}

async fn covered(tx: &mut SqliteConnection, organisation: &SigningKeyBytes) -> Answer<Vec<AgentOf>> {
    let of = "SELECT agent FROM agents JOIN revoked_agents USING (organisation, agent) WHERE organisation = ? AND";
    let agents: Vec<Vec<u8>> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("{of} {COVERED}")))
        .bind(organisation.0.as_slice())
        .fetch_all(tx)
        .await?;
    Ok(agents.iter().map(|agent| AgentOf::read(&organisation.0, agent)).collect::<Result<_, _>>()?)
}

async fn end_tokens(tx: &mut SqliteConnection, agent: &AgentOf) -> Answer<()> {
    sqlx::query("DELETE FROM agent_tokens WHERE organisation = ? AND agent = ?")
        .bind(agent.organisation.0.as_slice())
        .bind(agent.agent.0.as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn enrolled(tx: &mut SqliteConnection, agent: &AgentOf) -> Answer<Option<Enrolled>> {
    let row: Option<AgentRow> = sqlx::query_as(
        "SELECT enrolled, key, passkey_id, passkey, credential, signature, revoked_agents.at
         FROM agents LEFT JOIN revoked_agents USING (organisation, agent) WHERE organisation = ? AND agent = ?",
    )
    .bind(agent.organisation.0.as_slice())
    .bind(agent.agent.0.as_slice())
    .fetch_optional(tx)
    .await?;
    let Some((Some(at), Some(key), Some(id), Some(passkey), credential, signature, revoked)) = row else {
        return Ok(None);
    };
    let vouched = match (credential, signature) {
        (Some(statement), Some(signature)) => {
            let credential: Credential = decode(&statement, statement.len()).map_err(|_| ErrorCode::Internal)?;
            Some((credential, signed(statement, &signature)?))
        }
        (Some(_) | None, Some(_) | None) => None,
    };
    Ok(Some(Enrolled {
        key: SigningKeyBytes(fixed(&key)?),
        passkey: (!id.is_empty()).then_some((Bytes(id), Bytes(passkey))),
        at: UnixMillis(nat(at)),
        vouched,
        revoked: revoked.map(|at| UnixMillis(nat(at))),
    }))
}
