//! What a writer brought and a device of the account approves. What it rejects is deleted.

use glimpse_wire::ErrorCode;
use glimpse_wire::record::{Decision, Envelope};

use super::devices::belongs;
use super::log::{Leaf, append};
use super::records::count;
use super::{SignedIn, State, Store, int, links, nat};
use crate::problem::Answer;
use crate::settings::Limits;

type Row = (i64, i64, i64, Vec<u8>, Vec<u8>, Option<Vec<u8>>);

impl Store {
    /// Takes a decision whose signature the caller has checked; gives the number of the change. The same bytes again get the
    /// same answer.
    pub(crate) async fn approve(
        &self,
        by: &SignedIn,
        decision: &Decision,
        signed: &[u8],
        limits: &Limits,
    ) -> Answer<u64> {
        let (account, record) = (decision.account.0.as_slice(), decision.record.0.as_slice());
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, by).await?;
        let row: Option<Row> = sqlx::query_as(
            "SELECT seq, state, version, h1, body, decision FROM records WHERE account = ? AND record = ?",
        )
        .bind(account)
        .bind(record)
        .fetch_optional(&mut *tx)
        .await?;
        let (seq, state, version, h1, body, there) = row.ok_or(ErrorCode::NotFound)?;
        if state == State::Approved.number() && there.as_deref() == Some(signed) {
            return Ok(nat(seq));
        }
        // Approved, deleted or a device's own already; or another version than the one that was shown.
        if state != State::Pending.number() || nat(version) != decision.version || h1 != decision.h1.0 {
            return Err(ErrorCode::Conflict.into());
        }
        // Not the writer's, though the version is: nobody signs that by mistake.
        if !decision.is_about(&Envelope::parse(&body)?) {
            return Err(ErrorCode::Malformed.into());
        }
        links::is_newest(&mut tx, &decision.account, &decision.head).await?;
        let seq = count(&mut tx, account, Some(state), Some(State::Approved), limits).await?;
        sqlx::query("UPDATE records SET state = ?, seq = ?, decision = ? WHERE account = ? AND record = ?")
            .bind(State::Approved.number())
            .bind(seq)
            .bind(signed)
            .bind(account)
            .bind(record)
            .execute(&mut *tx)
            .await?;
        let leaf = Leaf { record, version: int(decision.version), h1: &h1, kind: State::Approved };
        append(&mut tx, account, seq, leaf).await?;
        tx.commit().await?;
        Ok(nat(seq))
    }
}
