//! `glimpse org`: an organisation's key, its card, and its agents.

mod agents;
mod audit;
mod card;
mod state;

use glimpse_core::organisation::OrganisationKeys;
use glimpse_device::native::Machine;
use glimpse_device::organisations::PinCard;
use glimpse_device::surroundings::{Surroundings, SystemRng};
use serde_json::json;

use crate::args::{AgentCommand, AuditCommand, Org, OrgCommand, OrgInit, Shared};
use crate::failure::Failure;
use crate::out::Out;
use crate::text::{clean, is_name};
use crate::{home, passphrase};
use state::{OrganisationHome, State};

pub(super) async fn run(shared: &Shared, org: &Org, out: Out) -> Result<u8, Failure> {
    let place = OrganisationHome::new(org.org_home.as_deref(), shared)?;
    match &org.command {
        OrgCommand::Init(asked) => init(shared, &place, asked, out).await,
        OrgCommand::Card(asked) => card::run(&place, asked, out).await,
        OrgCommand::Agent(AgentCommand::List) => agents::list(&place, out).await,
        OrgCommand::Agent(AgentCommand::Invite(asked)) => agents::invite(shared, &place, asked, out).await,
        OrgCommand::Agent(AgentCommand::Issue(asked)) => agents::issue(shared, &place, asked, out).await,
        OrgCommand::Agent(AgentCommand::Revoke(asked)) => agents::revoke(shared, &place, asked, out).await,
        OrgCommand::Audit(AuditCommand::Export(asked)) => audit::export(shared, &place, asked, out).await,
        OrgCommand::Audit(AuditCommand::Verify(asked)) => audit::verify(asked, out),
    }
}

/// Makes the key and the card. Nothing is sent anywhere.
async fn init(shared: &Shared, place: &OrganisationHome, asked: &OrgInit, out: Out) -> Result<u8, Failure> {
    let name = asked.name.trim();
    if !is_name(name) {
        return Err(Failure::usage("An organisation has a name, and not a long one.", "Name it as customers know it."));
    }
    let server = home::server_origin(shared)?;
    let _held = place.lock().await?;
    place.require_unused().await?;
    let passphrase = passphrase::ask_new(shared.passphrase_file.as_deref(), out).await?;
    let machine = Machine::new();
    let mut rng = SystemRng(&machine);
    let keys = OrganisationKeys::generate(&mut rng);
    let sealed = keys.seal(&passphrase, &mut rng).map_err(|_| state::no_memory())?;
    let signed = keys.card(name, &server, machine.now());
    // What is signed a moment ago reads back, or it is not given away.
    PinCard::of(signed.clone()).map_err(|_| Failure::other("The card could not be made.", "Report it."))?;
    let state = State::new(name.to_owned(), server, keys.public(), keys.audit_key(), signed);
    place.store_keys(&sealed).await?;
    place.store(&state).await?;
    out.event(
        &json!({ "event": "organisation", "name": name, "key": keys.public().to_string(), "server": state.server }),
    )?;
    out.line(&format!("{} is made. Its key: {}", clean(name), keys.public()))?;
    out.note(&format!(
        "Whoever runs {} adds this key to `organisations` in the server's settings.",
        clean(&state.server)
    ));
    out.note(
        "Then invite agents with `glimpse org agent invite NAME`, and give customers the card: `glimpse org card`.",
    );
    out.note(&format!(
        "Keep a copy of {} and of its passphrase: without them nobody can vouch for an agent.",
        clean(&place.folder().display().to_string())
    ));
    Ok(0)
}
