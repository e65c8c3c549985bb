//! What a supervisor sees: the sessions of the organisation and their receipts, verified here. Who and when, never what: no
//! content, no titles, and what was asked stays sealed to the organisation's audit key.

use std::collections::{BTreeMap, BTreeSet};

use glimpse_device::DeviceError;
use glimpse_device::api::{bare, json};
use glimpse_device::ledger::{Fault, Line};
use glimpse_device::sessions::{first_terms, told};
use glimpse_device::transport::Method;
use glimpse_page::announce::Announcement;
use glimpse_wire::api::{AgentSession, AgentSessions, Chain, Info, Receipts};
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_JSON, MAX_RECEIPT, MAX_RECEIPTS, MAX_TRAIL_RECEIPTS};
use glimpse_wire::organisation::Role;
use glimpse_wire::session::Receipt;
use glimpse_wire::{AccountId, ErrorCode, Hash, SessionId, SigningKeyBytes, decode};

use super::{Portal, Stage};
use crate::intent::LedgerAct;
use crate::snapshot::{LedgerRow, LedgerView, ReceiptView, TrailView};

/// A page of sessions, in bytes at most.
const MAX_SESSIONS: usize = 1024 * 1024;
/// A page of receipts, in bytes.
const MAX_PAGE: usize = 2 * MAX_RECEIPTS * MAX_RECEIPT;
/// A page of a chain, in bytes at most.
const MAX_CHAIN: usize = 16 * 1024 * 1024;
/// Sessions that a Worker holds: beyond, `glimpse org audit export` is the way.
const MAX_HELD: usize = 20_000;

/// The sessions as they were read last.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sessions: Vec<AgentSession>,
    more: bool,
    busy: bool,
    agent: String,
    state: String,
    trail: Option<TrailView>,
}

impl Ledger {
    fn shows(&self, session: &AgentSession) -> bool {
        let agent = self.agent.is_empty() || session.agent.to_string() == self.agent;
        let state = match self.state.as_str() {
            "running" => session.ended.is_none(),
            "ended" => session.ended.is_some(),
            _ => true,
        };
        agent && state
    }

    pub(super) fn view(&self) -> LedgerView<'_> {
        let agents: BTreeSet<String> = self.sessions.iter().map(|session| session.agent.to_string()).collect();
        LedgerView {
            rows: self
                .sessions
                .iter()
                .filter(|session| self.shows(session))
                .map(|session| LedgerRow {
                    session: session.session,
                    agent: session.agent,
                    issued: session.issued,
                    expires: session.expires,
                    units: session.units,
                    opened: session.opened,
                    ended: session.ended.as_deref(),
                })
                .collect(),
            read: self.sessions.len(),
            more: self.more && self.sessions.len() < MAX_HELD,
            busy: self.busy,
            agents: agents.into_iter().collect(),
            agent: &self.agent,
            state: &self.state,
            trail: self.trail.as_ref(),
        }
    }
}

impl Portal {
    pub(super) fn about_ledger(&self, act: LedgerAct) {
        let supervises = {
            let state = self.0.state.borrow();
            let role = state.credential.as_ref().map(|(_, credential)| credential.role);
            role == Some(Role::Supervisor) && matches!(state.stage, Stage::Ready | Stage::Ledger)
        };
        // The page does not offer it to anybody else, and the server answers nobody else.
        if !supervises || self.0.state.borrow().ledger.busy {
            return;
        }
        match act {
            LedgerAct::Read => {
                self.0.state.borrow_mut().ledger = Ledger { busy: true, ..Ledger::default() };
                self.go(Stage::Ledger, None);
                self.run(|portal| async move { portal.read_sessions().await });
            }
            LedgerAct::More => {
                self.0.state.borrow_mut().ledger.busy = true;
                self.run(|portal| async move { portal.read_sessions().await });
            }
            LedgerAct::Filter { agent, state } => {
                let shown = {
                    let ledger = &mut self.0.state.borrow_mut().ledger;
                    (ledger.agent, ledger.state) = (agent, state);
                    ledger.sessions.iter().filter(|session| ledger.shows(session)).count()
                };
                self.says("say.agent.ledger.shown", shown);
            }
            LedgerAct::Open { session } => {
                if let Ok(session) = session.parse::<SessionId>() {
                    self.0.state.borrow_mut().ledger.busy = true;
                    self.run(move |portal| async move { portal.open_trail(session).await });
                }
            }
            LedgerAct::Close => self.0.state.borrow_mut().ledger.trail = None,
            LedgerAct::Export => {
                self.0.state.borrow_mut().ledger.busy = true;
                self.run(|portal| async move { portal.export_ledger().await });
            }
        }
    }

    fn says(&self, key: &'static str, count: usize) {
        let mut state = self.0.state.borrow_mut();
        state.announced = state.announced.wrapping_add(1);
        let mut announcement = Announcement::polite(key).count(count);
        announcement.number = state.announced;
        state.announcement = Some(announcement);
    }

    /// What was asked of the server is over, for better or worse.
    fn asked(&self, outcome: &Result<(), DeviceError>) {
        {
            let mut state = self.0.state.borrow_mut();
            state.ledger.busy = false;
            if !matches!(state.stage, Stage::Ledger) {
                return;
            }
            if let Err(error) = outcome {
                state.problem = Some(match error.code() {
                    Some(ErrorCode::NotFound) => "agent.ledger.refused",
                    code => code.unwrap_or(ErrorCode::Internal).slug(),
                });
            }
        }
        self.draw();
    }

    fn token(&self) -> Result<Hash, DeviceError> {
        Ok(self.0.state.borrow().token.ok_or(ErrorCode::Unauthorised)?)
    }

    async fn read_sessions(&self) {
        let read = async {
            let last = self.0.state.borrow().ledger.sessions.last().map(|session| session.session);
            let query = last.map_or_else(String::new, |last| format!("?before={last}"));
            let request = bare(Method::Get, format!("/v1/agent/sessions{query}")).by(self.token()?);
            let page: AgentSessions = json(self.0.api.call(request).await?, MAX_SESSIONS).await?;
            let shown = {
                let ledger = &mut self.0.state.borrow_mut().ledger;
                ledger.more = page.more && !page.sessions.is_empty();
                ledger.sessions.extend(page.sessions);
                ledger.sessions.iter().filter(|session| ledger.shows(session)).count()
            };
            self.says("say.agent.ledger.shown", shown);
            Ok(())
        };
        let read = read.await;
        self.asked(&read);
    }

    async fn open_trail(&self, session: SessionId) {
        let opened = async {
            let line = self.line(session, &mut BTreeMap::new()).await?;
            let trail = verified(&line);
            self.0.state.borrow_mut().ledger.trail = Some(trail);
            Ok(())
        };
        let opened = opened.await;
        self.asked(&opened);
    }

    /// Those that the filter lets through, each with its whole trail.
    async fn export_ledger(&self) {
        let exported = async {
            let sessions: Vec<SessionId> = {
                let ledger = &self.0.state.borrow().ledger;
                ledger.sessions.iter().filter(|session| ledger.shows(session)).map(|each| each.session).collect()
            };
            let mut chains = BTreeMap::new();
            let mut text = String::new();
            for session in &sessions {
                let line = self.line(*session, &mut chains).await?;
                text.push_str(&serde_json::to_string(&line).map_err(|_| ErrorCode::Internal)?);
                text.push('\n');
            }
            self.0.face.file("glimpse-sessions.jsonl", &text);
            self.says("say.agent.ledger.exported", sessions.len());
            Ok(())
        };
        let exported = exported.await;
        self.asked(&exported);
    }

    /// One session as a line that anybody checks.
    async fn line(
        &self,
        session: SessionId,
        chains: &mut BTreeMap<AccountId, Vec<Bytes>>,
    ) -> Result<Line, DeviceError> {
        let (of, organisation) = {
            let state = self.0.state.borrow();
            let of = state.ledger.sessions.iter().find(|each| each.session == session).cloned();
            let organisation = state.kept.as_ref().map(|kept| kept.organisation);
            (of.ok_or(ErrorCode::NotFound)?, organisation.ok_or(ErrorCode::Unauthorised)?)
        };
        let receipts = self.receipts(&session).await?;
        let chain = match first_terms(&receipts).map(|terms| terms.account) {
            Some(account) => match chains.get(&account) {
                Some(chain) => chain.clone(),
                None => chains.entry(account).or_insert(self.chain(&account).await?).clone(),
            },
            None => Vec::new(),
        };
        // A browser that keeps nothing has met no server before: the key is the one that it names of itself.
        let server = self.server_key().await?;
        Ok(Line::listed(organisation, &of, server, chain, receipts))
    }

    async fn receipts(&self, session: &SessionId) -> Result<Vec<Bytes>, DeviceError> {
        let mut receipts: Vec<Bytes> = Vec::new();
        loop {
            let after = receipts.len().checked_sub(1).map_or_else(String::new, |last| format!("?after={last}"));
            let path = format!("/v1/agent/sessions/{session}/receipts{after}");
            let request = bare(Method::Get, path).by(self.token()?);
            let page: Receipts = json(self.0.api.call(request).await?, MAX_PAGE).await?;
            let empty = page.receipts.is_empty();
            receipts.extend(page.receipts);
            if receipts.len() > MAX_TRAIL_RECEIPTS {
                return Err(ErrorCode::TooLarge.into());
            }
            if !page.more || empty {
                return Ok(receipts);
            }
        }
    }

    async fn chain(&self, account: &AccountId) -> Result<Vec<Bytes>, DeviceError> {
        let mut links: Vec<Bytes> = Vec::new();
        loop {
            let path = format!("/v1/chains/{account}?from={}", links.len());
            let page: Chain = json(self.0.api.call(bare(Method::Get, path)).await?, MAX_CHAIN).await?;
            let empty = page.links.is_empty();
            links.extend(page.links);
            if empty || u64::try_from(links.len()).is_ok_and(|have| have >= page.length) {
                return Ok(links);
            }
        }
    }

    async fn server_key(&self) -> Result<SigningKeyBytes, DeviceError> {
        let info: Info = json(self.0.api.call(bare(Method::Get, "/v1/info".to_owned())).await?, MAX_JSON).await?;
        Ok(info.signing_key)
    }
}

/// Checks a line with core's own rules, and says what each of its receipts tells.
fn verified(line: &Line) -> TrailView {
    let (verdict, fault) = match line.check(None) {
        Ok(proved) if !proved.audit.ended => ("no-end", None),
        Ok(proved) if proved.audit.deleted.is_none() => ("not-destroyed", None),
        Ok(_) => ("whole", None),
        Err(fault) => ("broken", Some(fault)),
    };
    let seq = match fault {
        Some(Fault::Receipt { seq }) => Some(seq),
        Some(Fault::Link { seq } | Fault::CutOff { seq }) => u64::try_from(seq).ok(),
        Some(_) | None => None,
    };
    let decoded = line.receipts.iter().filter_map(|bytes| decode::<Receipt>(bytes.as_slice(), MAX_RECEIPT).ok());
    let receipts = decoded.map(|receipt| of_receipt(&receipt)).collect();
    TrailView { session: line.session, agent: line.agent, verdict, fault: fault.map(Fault::word), seq, receipts }
}

/// What a receipt tells, without the ids of units: they mean nothing to a supervisor.
fn of_receipt(receipt: &Receipt) -> ReceiptView {
    let (what, detail) = told(receipt);
    let code = detail.get("code").and_then(|code| code.as_str()?.parse::<ErrorCode>().ok());
    let by = ["device", "viewer", "other-device", "server"]
        .into_iter()
        .find(|by| detail.get("by").and_then(serde_json::Value::as_str) == Some(by));
    let units = ["records", "units"].into_iter().find_map(|name| detail.get(name)?.as_u64());
    ReceiptView { at: receipt.at, what, units, code: code.map(ErrorCode::slug), by }
}
