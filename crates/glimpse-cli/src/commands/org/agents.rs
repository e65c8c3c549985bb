//! `glimpse org agent`: invite, issue, revoke, list.

use glimpse_device::api::json as read_json;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::transport::Method;
use glimpse_wire::api::{Enrolment, Enrolments};
use glimpse_wire::limits::{MAX_CREDENTIAL_MILLIS, MAX_REVOCATIONS};
use glimpse_wire::organisation::{Credential, Invitation, Revocations, RevokedAgent};
use glimpse_wire::{AgentId, SUITE, Salt, UnixMillis};
use rand_core::Rng;
use serde_json::json;

use super::state::{Agent, Desk, OrganisationHome, Standing, State};
use crate::args::{Invite, Issue, RevokeAgent, Shared};
use crate::commands::confirm;
use crate::failure::Failure;
use crate::out::Out;
use crate::text::{clean, count, date, is_name};

const HOUR: u64 = 60 * 60 * 1000;
/// Enrolments of one organisation as the server gives them, in bytes at most.
const MAX_ENROLMENTS: usize = 16 * 1024 * 1024;
/// Characters of an id in a list.
const SHORT: usize = 8;

pub(super) async fn invite(shared: &Shared, place: &OrganisationHome, asked: &Invite, out: Out) -> Result<u8, Failure> {
    let name = asked.name.trim();
    if !is_name(name) {
        return Err(Failure::usage("An agent has a name, and not a long one.", "Write it as customers may read it."));
    }
    let _held = place.lock().await?;
    let (mut state, desk) = place.unlock(shared, out).await?;
    let mut rng = SystemRng(&desk.machine);
    let (mut id, mut salt) = ([0; AgentId::LEN], [0; Salt::LEN]);
    rng.fill_bytes(&mut id);
    rng.fill_bytes(&mut salt);
    let agent = Agent {
        id: AgentId(id),
        name: name.to_owned(),
        supervisor: asked.supervisor,
        salt: Salt(salt),
        link_until: desk.now().plus(asked.hours.saturating_mul(HOUR)),
        key: None,
        from: None,
        until: None,
        revoked: None,
    };
    let link = desk.keys.enrolment(agent.id, &agent.salt);
    let invitation = Invitation {
        suite: SUITE,
        organisation: desk.keys.public(),
        agent: agent.id,
        token: link.token_hash(),
        expires: agent.link_until,
    };
    desk.register(&state).await?;
    place.meet_server(&mut state, &desk).await?;
    desk.send(Method::Post, "/invitations", desk.keys.invite(&invitation)).await?;
    // After the server: an agent that is listed has a link that works.
    let until = agent.link_until;
    let id = agent.id;
    state.agents.push(agent);
    place.store(&state).await?;
    let address = format!("{}/agent#{}", state.server, *link.to_text());
    out.event(&json!({ "event": "invited", "agent": id.to_string(), "name": name, "link": address, "until": until }))?;
    out.line(&address)?;
    out.note(&format!(
        "For {} alone: who opens it first enrols a browser. Good until {} UTC.",
        clean(name),
        date(until.0)
    ));
    out.note("Once it was opened, vouch for it with `glimpse org agent issue`.");
    Ok(0)
}

pub(super) async fn issue(shared: &Shared, place: &OrganisationHome, asked: &Issue, out: Out) -> Result<u8, Failure> {
    let _held = place.lock().await?;
    let (mut state, desk) = place.unlock(shared, out).await?;
    let wanted = asked.agents.iter().map(|named| state.find(named)).collect::<Result<Vec<_>, _>>()?;
    desk.register(&state).await?;
    let enrolled: Enrolments = read_json(desk.ask("/enrolled").await?, MAX_ENROLMENTS).await?;
    let places = if wanted.is_empty() { (0..state.agents.len()).collect() } else { wanted.clone() };
    let mut issued = 0usize;
    for place_of in places {
        let Some(agent) = state.agents.get(place_of).cloned() else { continue };
        let named = !wanted.is_empty();
        let enrolment = enrolled.enrolments.iter().find(|enrolment| enrolment.agent == agent.id);
        let Some(enrolment) = enrolment.filter(|_| agent.revoked.is_none()) else {
            if named {
                return Err(nobody_enrolled(&agent));
            }
            continue;
        };
        let credential = vouched(&desk, &agent, enrolment, asked.hours)?;
        let until = credential.not_after;
        desk.send(Method::Put, "/credentials", desk.keys.vouch(&credential)).await?;
        if let Some(kept) = state.agents.get_mut(place_of) {
            kept.vouched(&credential);
        }
        place.store(&state).await?;
        issued = issued.saturating_add(1);
        out.event(&json!({ "event": "issued", "agent": agent.id.to_string(), "name": agent.name, "until": until }))?;
        out.line(&format!("{} may ask customers until {} UTC.", clean(&agent.name), date(until.0)))?;
    }
    if issued == 0 {
        out.event(&json!({ "event": "none-enrolled" }))?;
        out.note("Nobody has enrolled yet. An agent opens the link of `glimpse org agent invite` first.");
    }
    Ok(0)
}

fn nobody_enrolled(agent: &Agent) -> Failure {
    let name = clean(&agent.name);
    if agent.revoked.is_some() {
        return Failure::usage(format!("{name} was revoked."), "Invite them anew with `glimpse org agent invite`.");
    }
    Failure::not_there(format!("{name} has not enrolled yet."), "They open their link first; then try again.")
}

/// What vouches for an agent, once it is certain that the key is the one of whoever had the link.
fn vouched(desk: &Desk, agent: &Agent, enrolment: &Enrolment, hours: u64) -> Result<Credential, Failure> {
    let link = desk.keys.enrolment(agent.id, &agent.salt);
    let known = agent.key.is_none_or(|key| key == enrolment.key);
    if !known || !link.proves(&enrolment.key, enrolment.passkey.as_slice(), &enrolment.proof) {
        return Err(Failure::tampered(
            format!("The server gave a key for {} that is not the one of their link.", clean(&agent.name)),
            "Nothing was signed. Tell whoever runs the server, and invite them anew once that is cleared up.",
        ));
    }
    let now = desk.now();
    Ok(Credential {
        suite: SUITE,
        organisation: desk.keys.public(),
        agent: agent.id,
        name: agent.name.clone(),
        key: enrolment.key,
        role: agent.role(),
        not_before: now,
        not_after: now.plus(hours.saturating_mul(HOUR).min(MAX_CREDENTIAL_MILLIS)),
    })
}

pub(super) async fn revoke(
    shared: &Shared,
    place: &OrganisationHome,
    asked: &RevokeAgent,
    out: Out,
) -> Result<u8, Failure> {
    let _held = place.lock().await?;
    let state = place.state().await?;
    let name = state.agents.get(state.find(&asked.agent)?).map_or_else(String::new, |agent| clean(&agent.name));
    out.note(&format!("{name} signs in no more, and what they look at ends."));
    confirm("Revoke this agent?", asked.yes, out).await?;
    let (mut state, desk) = place.unlock(shared, out).await?;
    let found = state.find(&asked.agent)?;
    let now = desk.now();
    if let Some(agent) = state.agents.get_mut(found) {
        agent.revoke(now);
    }
    state.revocations = state.revocations.saturating_add(1);
    // Kept first: a list that may have reached the server is never signed again under the same number with other words.
    place.store(&state).await?;
    desk.register(&state).await?;
    desk.send(Method::Put, "/revocations", desk.keys.revoke(&revocations(&state, now)?)).await?;
    let id = state.agents.get(found).map(|agent| agent.id.to_string());
    out.event(&json!({ "event": "revoked", "agent": id, "name": name, "seq": state.revocations }))?;
    out.line(&format!("{name} is revoked. Customers' devices take no credential of theirs any more."))?;
    Ok(0)
}

/// Everybody whose credentials could otherwise still count.
fn revocations(state: &State, now: UnixMillis) -> Result<Revocations, Failure> {
    let live = |at: &UnixMillis| at.plus(MAX_CREDENTIAL_MILLIS) >= now;
    let revoked = state.agents.iter().filter_map(|agent| Some((agent.id, agent.revoked.filter(live)?)));
    let mut agents: Vec<RevokedAgent> = revoked.map(|(agent, at)| RevokedAgent { agent, at }).collect();
    agents.sort_unstable_by_key(|revoked| revoked.agent);
    if agents.len() > MAX_REVOCATIONS {
        return Err(Failure::usage(
            format!("{} were revoked within a week; a list takes {MAX_REVOCATIONS}.", count(agents.len(), "agent")),
            "Make a new organisation, and have customers pin that one.",
        ));
    }
    Ok(Revocations { suite: SUITE, organisation: state.key, seq: state.revocations, at: now, agents })
}

pub(super) async fn list(place: &OrganisationHome, out: Out) -> Result<u8, Failure> {
    let state = place.state().await?;
    let now = glimpse_device::surroundings::Surroundings::now(&glimpse_device::native::Machine::new());
    for agent in &state.agents {
        let standing = agent.standing(now);
        out.event(&json!({
            "event": "agent",
            "agent": agent.id.to_string(),
            "name": agent.name,
            "role": if agent.supervisor { "supervisor" } else { "agent" },
            "standing": standing,
            "until": agent.until,
            "link_until": agent.link_until,
        }))?;
        let short: String = agent.id.to_string().chars().take(SHORT).collect();
        let role = if agent.supervisor { "supervisor" } else { "agent" };
        let told = match (standing, agent.until) {
            (Standing::VouchedFor, Some(until)) => format!("vouched for until {} UTC", date(until.0)),
            (Standing::Lapsed, Some(until)) => format!("lapsed on {} UTC", date(until.0)),
            (Standing::Invited, _) => {
                format!("invited; unless it was opened, the link is good until {} UTC", date(agent.link_until.0))
            }
            (Standing::Revoked, _) => "revoked".to_owned(),
            (Standing::LinkOver | Standing::VouchedFor | Standing::Lapsed, _) => "the link is over".to_owned(),
        };
        out.line(&format!("{short}  {role:<10}  {}  {told}", clean(&agent.name)))?;
    }
    if state.agents.is_empty() {
        out.note("There are no agents yet. Invite one with `glimpse org agent invite NAME`.");
    }
    Ok(0)
}
