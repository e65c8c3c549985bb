//! Requests to open: the viewer's counters, and the receipts that account for them.
//!
//! An opening is on disk before its share is released, and a disk takes its time. Those that are asked for while others are
//! being written share the next transaction, and so wait for the disk once, together.

use std::fmt;

use glimpse_wire::account::Signed;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::MAX_NOTED_REFUSALS;
use glimpse_wire::session::{Event, OpenRequest, Receipt};
use glimpse_wire::{ErrorCode, UnixMillis, decode};
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use super::receipts::{Entry, REFUSED, append, range, seen};
use super::{Session, Store, Unit, int, nat};
use crate::problem::Answer;
use crate::session::{Asked, Verdict};

/// One minute, over which the rate of a session counts.
const MINUTE_MILLIS: u64 = 60 * 1000;
/// In place of the number of a receipt, for a request that was refused without one.
const NO_RECEIPT: i64 = -1;
/// Requests in one transaction at most: none waits long for those that came after it.
const TOGETHER: usize = 64;

/// A request to open, with what is known of it.
pub(crate) struct Opening {
    pub(crate) session: Session,
    pub(crate) request: OpenRequest,
    /// The request as it was signed.
    pub(crate) signed: Signed,
    /// What it asks for, where Terms list that.
    pub(crate) unit: Option<Unit>,
    pub(crate) now: UnixMillis,
    /// Asked last, about a request that opens: it may refuse, and then nothing is written.
    pub(crate) admit: Box<dyn FnOnce() -> Answer<()> + Send>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("session", &self.session)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// What became of a request to open.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) verdict: Verdict,
    /// Receipts after the one that the viewer named, up to that of this request.
    pub(crate) receipts: Vec<Bytes>,
    /// The receipt that was written, if one was.
    pub(crate) written: Option<Entry>,
}

impl Store {
    /// Judges a request to open and writes down the outcome: of any number of requests at one time, each sees what the others
    /// used. When this returns, the receipt is on disk.
    pub(crate) async fn use_counter(&self, opening: Opening) -> Answer<Used> {
        let (answer, told) = oneshot::channel();
        let gone = ErrorCode::Internal;
        self.openings.send(Waiting { opening, answer }).await.map_err(|_| gone)?;
        told.await.map_err(|_| gone)?
    }
}

/// A request, and who waits for what becomes of it.
#[derive(Debug)]
pub(super) struct Waiting {
    opening: Opening,
    answer: oneshot::Sender<Answer<Used>>,
}

/// Starts what writes requests down, for as long as the store holds the other end.
pub(super) fn start(writer: SqlitePool) -> mpsc::Sender<Waiting> {
    let (sender, mut queue) = mpsc::channel(TOGETHER);
    tokio::spawn(async move {
        let mut waiting = Vec::with_capacity(TOGETHER);
        while queue.recv_many(&mut waiting, TOGETHER).await > 0 {
            let (openings, answers): (Vec<_>, Vec<_>) =
                waiting.drain(..).map(|Waiting { opening, answer }| (opening, answer)).unzip();
            let judged = write(&writer, openings).await;
            let judged = judged.unwrap_or_else(|failed| answers.iter().map(|_| Err(failed)).collect());
            for (answer, used) in answers.into_iter().zip(judged) {
                // Whoever asked may be gone.
                let _ = answer.send(used);
            }
        }
    });
    sender
}

/// Writes requests down in one transaction, each judged after those before it. Where the database fails nothing of them is
/// written, and each may be sent again.
async fn write(writer: &SqlitePool, openings: Vec<Opening>) -> Answer<Vec<Answer<Used>>> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    let mut judged = Vec::with_capacity(openings.len());
    for opening in openings {
        judged.push(opening.judge(&mut tx).await?);
    }
    tx.commit().await?;
    Ok(judged)
}

impl Opening {
    /// Judges it, and writes down what is to be written. The outer error is the database's; the inner one is of whoever had
    /// to admit it, and then nothing was written.
    async fn judge(self, tx: &mut SqliteConnection) -> Answer<Answer<Used>> {
        let Self { session, request, signed, unit, now, admit } = self;
        let id = session.session.0.as_slice();
        let digest = Sha256::digest(signed.statement.as_slice());
        let used: Option<(Vec<u8>, i64, i64)> =
            sqlx::query_as("SELECT digest, seq, opened FROM requests WHERE session = ? AND counter = ?")
                .bind(id)
                .bind(int(request.counter))
                .fetch_optional(&mut *tx)
                .await?;
        let (newest, opened, recent): (i64, i64, i64) = sqlx::query_as(
            "SELECT COALESCE(MAX(counter), 0), COALESCE(SUM(opened), 0), COALESCE(SUM(at > ?), 0)
             FROM requests WHERE session = ?",
        )
        .bind(int(now.0.saturating_sub(MINUTE_MILLIS)))
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
        let seen = seen(tx, id, &request.last_receipt).await?;
        let verdict = Asked {
            counter: request.counter,
            newest: nat(newest),
            same: used.as_ref().map(|(there, ..)| there.as_slice() == digest.as_slice()),
            was_opened: used.as_ref().is_some_and(|(.., opened)| *opened == 1),
            knows_last: seen.is_some(),
            granted: unit.is_some(),
            ready: unit.is_some_and(|unit| unit.sealed.is_some()),
            opened: nat(opened),
            budget: session.budget,
            recent: nat(recent),
            rate: session.rate,
        }
        .judge();
        let from = seen.unwrap_or(0);
        let Signed { statement, signature } = signed;
        let (event, opened) = match verdict {
            Verdict::Open => match admit() {
                Ok(()) => (Event::Opened { request: statement, signature }, true),
                Err(refused) => return Ok(Err(refused)),
            },
            Verdict::Alarm | Verdict::NotGranted => {
                let code = verdict.code().unwrap_or(ErrorCode::Internal);
                (Event::Refused { code, request: statement, signature }, false)
            }
            Verdict::Again { opened: true } => {
                let last = used.map_or(0, |(_, seq, _)| seq);
                let receipts = range(tx, id, from, last).await?;
                return Ok(Ok(Used { verdict, receipts, written: None }));
            }
            Verdict::Again { opened: false }
            | Verdict::UnknownReceipt
            | Verdict::NotReady
            | Verdict::BudgetSpent
            | Verdict::RateLimited
            | Verdict::OutOfOrder => return Ok(Ok(Used { verdict, receipts: Vec::new(), written: None })),
        };
        let written = if opened || is_noted(tx, id, verdict).await? {
            Some(append(tx, &session.session, &session.account, event, now).await?)
        } else {
            None
        };
        if !matches!(verdict, Verdict::Alarm) {
            sqlx::query(
                "INSERT INTO requests (session, counter, account, unit, digest, seq, opened, at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(id)
            .bind(int(request.counter))
            .bind(session.account.0.as_slice())
            .bind(request.unit.0.as_slice())
            .bind(digest.as_slice())
            .bind(written.as_ref().map_or(NO_RECEIPT, |entry| int(entry.seq)))
            .bind(opened)
            .bind(int(now.0))
            .execute(&mut *tx)
            .await?;
        }
        let receipts = match &written {
            Some(entry) if opened => range(tx, id, from, int(entry.seq)).await?,
            Some(_) | None => Vec::new(),
        };
        Ok(Ok(Used { verdict, receipts, written }))
    }
}

/// Whether a refusal gets a receipt: while there are few, and the first alarm always, so that nobody can fill the trail
/// before using a stolen key.
async fn is_noted(tx: &mut SqliteConnection, session: &[u8], verdict: Verdict) -> Answer<bool> {
    let bodies: Vec<Vec<u8>> = sqlx::query_scalar("SELECT body FROM receipts WHERE session = ? AND kind = ?")
        .bind(session)
        .bind(REFUSED)
        .fetch_all(tx)
        .await?;
    let is_alarm = |body: &Vec<u8>| {
        decode::<Receipt>(body, usize::MAX)
            .is_ok_and(|receipt| matches!(receipt.event, Event::Refused { code: ErrorCode::CounterReused, .. }))
    };
    Ok(bodies.len() < MAX_NOTED_REFUSALS || (verdict == Verdict::Alarm && !bodies.iter().any(is_alarm)))
}
