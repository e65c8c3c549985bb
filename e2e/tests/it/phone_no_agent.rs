//! The red screen of the phone page: nobody vouches for whoever typed the code, though the server lets them in.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow, ensure};
use e2e::agent::{AGENT, Desk, ORGANISATION, Organisation, Place};
use e2e::browser::{Browser, Kind};
use e2e::device::{NAME, PASSPHRASE};
use e2e::phone::Phone;
use e2e::proxy::{Answer, Asked, Tamper};
use e2e::record::{SECRET, TITLE};
use e2e::server::free_port;
use glimpse_core::organisation::OrganisationKeys;
use glimpse_wire::account::Signed;
use glimpse_wire::api::{AgentToken, SignedJson};
use glimpse_wire::organisation::{Credential, Revocations, RevokedAgent};
use glimpse_wire::{SUITE, UnixMillis};
use serde_json::{Value, json};

use crate::agent_attacks::{begun, last};
use crate::agents::{CASE, REASON, read};
use crate::phone_agents::code_for_agent;

in_both!(t063_where_nobody_vouches_the_phone_page_is_red_and_offers_no_yes);

const HOUR: u64 = 3_600_000;

/// A server that lets in whom it must not: it hands an agent another credential than the one that counts, or keeps from itself
/// what the organisation took back.
#[derive(Default)]
struct Lax {
    credential: Mutex<Option<Value>>,
    revocations: Mutex<Option<Value>>,
}

impl Lax {
    fn set(place: &Mutex<Option<Value>>, signed: Option<Signed>) -> Result<()> {
        let told = signed.map(|signed| serde_json::to_value(SignedJson::from(signed))).transpose()?;
        *place.lock().unwrap_or_else(PoisonError::into_inner) = told;
        Ok(())
    }
}

impl Tamper for Lax {
    fn answer(&self, asked: &Asked, mut answer: Answer) -> Option<Answer> {
        let (field, place) = match asked.path.as_str() {
            "/v1/agents/sign-in" | "/v1/agent" => ("credential", &self.credential),
            path if path.starts_with("/v1/organisations/") && path.matches('/').count() == 3 => {
                ("revocations", &self.revocations)
            }
            _ => return Some(answer),
        };
        let told = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Some(told), true, Ok(mut body)) =
            (told, answer.status.is_success(), serde_json::from_slice::<Value>(&answer.body))
        {
            body[field] = told;
            answer.body = body.to_string().into_bytes();
        }
        Some(answer)
    }
}

/// The organisation's key, out of the folder of whoever runs it.
fn keys(organisation: &Organisation) -> Result<OrganisationKeys> {
    let sealed = std::fs::read(organisation.folder().join("org/keys.cbor"))?;
    OrganisationKeys::open(PASSPHRASE.as_bytes(), &sealed).map_err(|_| anyhow!("the key does not open"))
}

/// What the server gave the agent at sign-in.
fn credential(desk: &Desk, keys: &OrganisationKeys) -> Result<Credential> {
    let token: AgentToken = serde_json::from_slice(&last(desk, "/v1/agents/sign-in")?.1.body)?;
    let signed = token.credential.context("a credential")?;
    Credential::open(&signed.into(), &keys.public()).map_err(|fault| anyhow!("{fault:?}"))
}

/// The agent signs in, and types the code that the phone shows for an agent.
async fn asks(desk: &Desk, phone: &Phone<Browser>) -> Result<()> {
    desk.portal.load("signed-out").await?;
    desk.portal.sign_in("ready").await?;
    desk.portal.look(CASE, REASON).await?;
    let code = code_for_agent(phone, &[TITLE]).await?;
    desk.portal.browser.type_code(&code).await
}

/// The screen is red, says why, and has no way to say yes; nothing begins.
async fn is_red(desk: &Desk, phone: &Phone<Browser>, why: &str) -> Result<()> {
    let browser = &phone.browser;
    browser.shows(".no-agent[role=alert] #no-agent-back").await?;
    let text = browser.text().await?;
    for said in
        ["Nobody vouches for whoever typed this code", "Nothing was shared, and nothing can be.", why, CASE, REASON]
    {
        ensure!(text.contains(said), "{said:?} is not in {text:?}");
    }
    // What nobody vouches for is not said.
    for vouched in [AGENT, ORGANISATION] {
        ensure!(!text.contains(vouched), "{vouched:?} is in {text:?}");
    }
    assert_eq!(browser.value(BUTTONS).await?, json!(["report", "no-agent-back"]), "and no other");
    let ground = browser.value("getComputedStyle(document.querySelector('.no-agent')).backgroundColor").await?;
    let soft = browser.value(&format!("({RESOLVE})('--bad-soft')")).await?;
    assert_eq!(ground, soft, "red");
    ensure!(desk.portal.problem().await?.contains("has not taken up your organisation"), "the agent is told");
    assert_eq!(begun(desk), 0, "no session was begun");
    browser.tap("no-agent-back").await?;
    browser.shows("#lend-go").await
}

/// All that can be pressed where something is lent.
const BUTTONS: &str = "[...document.querySelectorAll('.lending :is(button, input, select, a)')].map(each => each.id)";

/// A colour by its name, as the browser writes it.
const RESOLVE: &str = "name => { const e = document.createElement('i'); e.style.color = `var(${name})`; document.body.append(e); \
    const { color } = getComputedStyle(e); e.remove(); return color }";

async fn t063_where_nobody_vouches_the_phone_page_is_red_and_offers_no_yes(kind: Kind) -> Result<()> {
    let port = free_port()?;
    let organisation = Organisation::found(&format!("http://localhost:{port}"), ORGANISATION).await?;
    let lax = Arc::<Lax>::default();
    let place = Place::behind(Arc::<Lax>::clone(&lax), NAME, port, organisation, &[]).await?;
    let desk = Desk::at(place, Browser::start(kind)).await?;
    desk.device.add_secret().await?;
    desk.hire().await?;
    let phone = Phone::beside(&desk.device, "Phone", Browser::start(kind).await?).await?;
    phone.reopen().await?;
    phone.browser.lists(TITLE).await?;
    let keys = keys(&desk.organisation)?;
    let genuine = credential(&desk, &keys)?;

    // Its time is over.
    let before = |hours: u64| UnixMillis(genuine.not_before.0.saturating_sub(hours * HOUR));
    let over = Credential { not_before: before(2), not_after: before(1), ..genuine.clone() };
    Lax::set(&lax.credential, Some(keys.vouch(&over)))?;
    asks(&desk, &phone).await?;
    is_red(&desk, &phone, "Their credential is over.").await.context("expired")?;
    Lax::set(&lax.credential, None)?;

    // Its organisation took it back, and the server acts as if it had not.
    let agents = vec![RevokedAgent { agent: genuine.agent, at: genuine.not_before }];
    let list = Revocations { suite: SUITE, organisation: keys.public(), seq: 1, at: genuine.not_before, agents };
    Lax::set(&lax.revocations, Some(keys.revoke(&list)))?;
    asks(&desk, &phone).await?;
    is_red(&desk, &phone, "Their organisation has taken their credential back.").await.context("revoked")?;

    // The customer has pinned another organisation, and this one no longer.
    desk.organisation.issue().await?;
    desk.device.run(&["chain", "unpin", ORGANISATION]).await?;
    let other = Organisation::found(&desk.url(), "Lakeside Clinic").await?;
    desk.device.run(&["chain", "pin", "Lakeside Clinic", "--card", &other.card().await?]).await?;
    phone.reopen().await?;
    phone.browser.lists(TITLE).await?;
    asks(&desk, &phone).await?;
    let why = "Their credential is of an organisation that you have not pinned.";
    is_red(&desk, &phone, why).await.context("not pinned")?;

    // Control: the same agent, by a credential that was given since and with the organisation pinned again.
    desk.device.run(&["chain", "pin", ORGANISATION, "--card", &desk.organisation.card().await?]).await?;
    phone.reopen().await?;
    phone.browser.lists(TITLE).await?;
    asks(&desk, &phone).await?;
    phone.browser.shows("#approve-agent").await?;
    let text = phone.browser.text().await?;
    ensure!(text.contains(AGENT) && text.contains(ORGANISATION) && !text.contains(SECRET), "{text:?}");
    phone.browser.tap("approve-agent").await?;
    phone.browser.shows("#end").await?;
    desk.portal.browser.screen("session").await?;
    assert_eq!(begun(&desk), 1, "control");
    read(&desk.portal.browser).await
}
