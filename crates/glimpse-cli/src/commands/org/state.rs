//! What is kept of an organisation: its sealed keys, and a file that says who its agents are.

use std::path::Path;
use std::rc::Rc;

use glimpse_core::organisation::OrganisationKeys;
use glimpse_device::api::{Api, bare, json as read_json, with_json};
use glimpse_device::native::{Files, Machine};
use glimpse_device::organisations::PinCard;
use glimpse_device::storage::{Guard, Storage};
use glimpse_device::surroundings::Surroundings;
use glimpse_device::transport::{Method, Response};
use glimpse_wire::account::Signed;
use glimpse_wire::api::{Chain as AccountChain, Info, RegisterOrganisation, SignedJson};
use glimpse_wire::ids::Bytes;
use glimpse_wire::organisation::{Credential, OrganisationRequest, Role};
use glimpse_wire::{AccountId, AgentId, SUITE, Salt, SigningKeyBytes, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::args::Shared;
use crate::failure::Failure;
use crate::out::Out;
use crate::text::clean;
use crate::{home, passphrase};

/// A page of a chain, in bytes at most.
const MAX_CHAIN: usize = 16 * 1024 * 1024;
/// What a server tells of itself, in bytes at most.
const MAX_INFO: usize = 16 * 1024;
const STATE: &str = "organisation.json";
const KEYS: &str = "keys.cbor";
/// Form of the file.
const VERSION: u8 = 1;

/// An organisation, as its file has it. Nothing in it is secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    version: u8,
    pub(super) name: String,
    pub(super) server: String,
    pub(super) key: SigningKeyBytes,
    audit_key: Bytes,
    card: SignedJson,
    /// The server's signing key, as the organisation met it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_key: Option<SigningKeyBytes>,
    /// Of the newest list of revocations; 0 for none.
    pub(super) revocations: u64,
    pub(super) agents: Vec<Agent>,
}

/// One agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) id: AgentId,
    pub(super) name: String,
    pub(super) supervisor: bool,
    /// With the organisation's key, it makes the link.
    pub(super) salt: Salt,
    /// When the link ends.
    pub(super) link_until: UnixMillis,
    /// The key of the browser that enrolled, once it was vouched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<SigningKeyBytes>,
    /// When the newest credential begins, or the one that begins last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<UnixMillis>,
    /// When the newest credential ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<UnixMillis>,
    /// When credentials were taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revoked: Option<UnixMillis>,
}

impl Agent {
    pub(super) const fn role(&self) -> Role {
        if self.supervisor { Role::Supervisor } else { Role::Agent }
    }

    /// A credential was issued, under which the agent is vouched for from now on.
    pub(super) fn vouched(&mut self, credential: &Credential) {
        self.key = Some(credential.key);
        self.from = self.from.max(Some(credential.not_before));
        self.until = Some(credential.not_after);
    }

    /// Takes back whatever was issued. A clock may have been set back since: a credential that begins later than now counts,
    /// by two minutes' grace, and would outlive this.
    pub(super) fn revoke(&mut self, now: UnixMillis) {
        self.revoked = self.revoked.max(self.from).max(Some(now));
    }

    /// What becomes of the agent, in a word.
    pub(super) fn standing(&self, now: UnixMillis) -> Standing {
        if self.revoked.is_some() {
            Standing::Revoked
        } else if let Some(until) = self.until {
            if until > now { Standing::VouchedFor } else { Standing::Lapsed }
        } else if self.link_until > now {
            Standing::Invited
        } else {
            Standing::LinkOver
        }
    }
}

/// What becomes of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    /// The link is out.
    Invited,
    /// The link is over, and nobody was vouched for by it.
    LinkOver,
    /// There is a credential that counts.
    VouchedFor,
    /// The newest credential is over.
    Lapsed,
    /// Taken back.
    Revoked,
}

impl State {
    pub(super) fn new(name: String, server: String, key: SigningKeyBytes, audit_key: Bytes, card: Signed) -> Self {
        Self {
            version: VERSION,
            name,
            server,
            key,
            audit_key,
            card: card.into(),
            server_key: None,
            revocations: 0,
            agents: Vec::new(),
        }
    }

    /// The card, as it was signed when the organisation was made.
    pub(super) fn card(&self) -> Result<PinCard, Failure> {
        PinCard::of(self.card.clone().into()).map_err(|_| damaged())
    }

    /// Where in `agents` the one is that was named.
    pub(super) fn find(&self, named: &str) -> Result<usize, Failure> {
        let fits = |agent: &Agent| agent.name == named || agent.id.to_string().starts_with(named);
        let mut found = (0..).zip(&self.agents).filter(|(_, agent)| fits(agent)).map(|(place, _)| place);
        match (found.next(), found.next()) {
            (Some(place), None) => Ok(place),
            (None, _) => {
                let message = format!("No agent is called {}.", clean(named));
                Err(Failure::not_there(message, "`glimpse org agent list` shows them."))
            }
            (Some(_), Some(_)) => Err(Failure::usage(
                format!("Several agents are called {}.", clean(named)),
                "Name one by more of its id: `glimpse org agent list`.",
            )),
        }
    }
}

/// Where it is kept.
pub(super) struct OrganisationHome {
    files: Files,
}

impl OrganisationHome {
    pub(super) fn new(named: Option<&Path>, shared: &Shared) -> Result<Self, Failure> {
        let folder = match named {
            Some(folder) => folder.to_owned(),
            None => home::folder(shared)?.with_file_name("glimpse-org"),
        };
        Ok(Self { files: Files::new(folder) })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        self.files.root()
    }

    pub(super) async fn lock(&self) -> Result<Guard, Failure> {
        Ok(self.files.lock("organisation").await?)
    }

    pub(super) async fn require_unused(&self) -> Result<(), Failure> {
        match (self.files.read(KEYS).await?, self.files.read(STATE).await?) {
            (None, None) => Ok(()),
            // A half-made organisation was never given away: its key may be made anew only by hand.
            (Some(_), _) | (_, Some(_)) => Err(Failure::usage(
                "There is an organisation in this folder already.",
                "Name another folder with --org-home DIR.",
            )),
        }
    }

    pub(super) async fn state(&self) -> Result<State, Failure> {
        let bytes = self.files.read(STATE).await?.ok_or_else(|| {
            Failure::not_there("There is no organisation here.", "Make one with `glimpse org init NAME --server URL`.")
        })?;
        let state: State = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if state.version == VERSION { Ok(state) } else { Err(damaged()) }
    }

    pub(super) async fn store(&self, state: &State) -> Result<(), Failure> {
        let bytes = serde_json::to_vec_pretty(state).map_err(|_| damaged())?;
        Ok(self.files.write(STATE, &bytes).await?)
    }

    /// Remembers the server's signing key where the organisation has not met it yet, and gives the one that it met. Under
    /// [`OrganisationHome::lock`].
    pub(super) async fn meet_server(&self, state: &mut State, desk: &Desk) -> Result<SigningKeyBytes, Failure> {
        if let Some(key) = state.server_key {
            return Ok(key);
        }
        let key = desk.server_key().await?;
        state.server_key = Some(key);
        self.store(state).await?;
        Ok(key)
    }

    pub(super) async fn store_keys(&self, sealed: &[u8]) -> Result<(), Failure> {
        Ok(self.files.write(KEYS, sealed).await?)
    }

    /// Unlocks the organisation, and finds the way to its server.
    pub(super) async fn unlock(&self, shared: &Shared, out: Out) -> Result<(State, Desk), Failure> {
        let state = self.state().await?;
        let sealed = self.files.read(KEYS).await?.ok_or_else(damaged)?;
        let passphrase = passphrase::ask(shared.passphrase_file.as_deref(), out).await?;
        let wrong = || Failure::passphrase("This passphrase does not open the organisation.", "Try again.");
        let keys = OrganisationKeys::open(&passphrase, &sealed).map_err(|_| wrong())?;
        if keys.public() != state.key {
            return Err(damaged());
        }
        let network = home::network(&state.server)?;
        let desk =
            Desk { keys, api: Api::new(Rc::new(network)), machine: Machine::new(), origin: state.server.clone() };
        Ok((state, desk))
    }
}

/// The unlocked organisation at its server.
pub(super) struct Desk {
    pub(super) keys: OrganisationKeys,
    api: Api,
    pub(super) machine: Machine,
    origin: String,
}

impl Desk {
    pub(super) fn now(&self) -> UnixMillis {
        self.machine.now()
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/organisations/{}{rest}", self.keys.public())
    }

    /// Makes the organisation known to the server; again is as good as once.
    pub(super) async fn register(&self, state: &State) -> Result<(), Failure> {
        let body = RegisterOrganisation { card: state.card.clone(), audit_key: state.audit_key.clone() };
        let registered = self.api.call(with_json(Method::Put, self.path(""), &body)).await;
        registered.map(drop).map_err(|error| {
            let mut failure = Failure::from(error);
            if failure.code == glimpse_wire::ErrorCode::NotFound.slug() {
                failure.message = "The server does not know this organisation.".to_owned();
                failure.next =
                    format!("Whoever runs it adds this key to `organisations` in its settings: {}", state.key);
            }
            failure
        })
    }

    async fn server_key(&self) -> Result<SigningKeyBytes, Failure> {
        let info: Info = read_json(self.api.call(bare(Method::Get, "/v1/info".to_owned())).await?, MAX_INFO).await?;
        Ok(info.signing_key)
    }

    /// Sends what the organisation has signed.
    pub(super) async fn send(&self, method: Method, rest: &str, signed: Signed) -> Result<Response, Failure> {
        Ok(self.api.call(with_json(method, self.path(rest), &SignedJson::from(signed))).await?)
    }

    /// The links of an account's chain, as anyone may read them.
    pub(super) async fn chain(&self, account: &AccountId) -> Result<Vec<Bytes>, Failure> {
        let mut links: Vec<Bytes> = Vec::new();
        loop {
            let path = format!("/v1/chains/{account}?from={}", links.len());
            let page: AccountChain = read_json(self.api.call(bare(Method::Get, path)).await?, MAX_CHAIN).await?;
            let empty = page.links.is_empty();
            links.extend(page.links);
            if empty || u64::try_from(links.len()).is_ok_and(|have| have >= page.length) {
                return Ok(links);
            }
        }
    }

    /// Asks something that the server answers to nobody but the organisation.
    pub(super) async fn ask(&self, rest: &str) -> Result<Response, Failure> {
        let request = OrganisationRequest {
            suite: SUITE,
            organisation: self.keys.public(),
            origin: self.origin.clone(),
            path: self.path(rest),
            at: self.now(),
        };
        self.send(Method::Post, rest, self.keys.ask(&request)).await
    }
}

pub(super) fn no_memory() -> Failure {
    Failure::other("There is not enough memory to seal the keys.", "Close other programs and try again.")
}

fn damaged() -> Failure {
    Failure::tampered("The organisation's folder was changed or damaged.", "Put it back from your copy.")
}

#[cfg(test)]
mod tests {
    use glimpse_wire::organisation::{Revocations, RevokedAgent};

    use super::*;

    #[test]
    fn a_revocation_covers_a_credential_that_was_dated_ahead() {
        let (now, id, key) = (UnixMillis(1_000_000), AgentId([1; 16]), SigningKeyBytes([2; 32]));
        let issued = |not_before: UnixMillis| Credential {
            suite: SUITE,
            organisation: key,
            agent: id,
            name: "Ada".to_owned(),
            key,
            role: Role::Agent,
            not_before,
            not_after: not_before.plus(1),
        };
        let survives = |of: &[Credential]| {
            let mut agent = Agent {
                id,
                name: "Ada".to_owned(),
                supervisor: false,
                salt: Salt([3; 32]),
                link_until: now,
                key: None,
                from: None,
                until: None,
                revoked: None,
            };
            of.iter().for_each(|credential| agent.vouched(credential));
            agent.revoke(now);
            let agents = agent.revoked.map(|at| RevokedAgent { agent: id, at }).into_iter().collect();
            let list = Revocations { suite: SUITE, organisation: key, seq: 1, at: now, agents };
            of.iter().any(|credential| !list.cover(credential))
        };
        let (past, ahead) = (issued(UnixMillis(1)), issued(now.plus(90_000)));
        assert!(!survives(std::slice::from_ref(&past)), "control");
        assert!(!survives(&[past.clone(), ahead.clone()]));
        assert!(!survives(&[ahead, past]), "nor where the clock was set back between the two");
    }
}
