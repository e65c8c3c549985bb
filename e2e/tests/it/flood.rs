//! A hundred devices that ask to come into the account of one phone, and others at the code of a look: row 35.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use e2e::browser::{Browser, Chromium, Kind};
use e2e::device::{Device, Lending, field};
use e2e::phone::Phone;
use e2e::record::{SECRET, TITLE};
use e2e::server::Server;
use serde_json::{Value, json};

use crate::agents::{CASE, REASON};
use crate::phone_agents::{code_for_agent, with_phone};

in_both!(
    t035_a_hundred_devices_that_ask_a_phone_make_one_question_a_notice_and_a_longer_code,
    t035_somebody_else_at_the_code_of_a_look_is_told_of_above_the_question,
    t035_somebody_else_at_the_code_of_an_agent_is_told_of_above_the_question,
);

pub(crate) const FLOOD: usize = 100;
/// So that it is the code that stops them, and not their one address.
pub(crate) const MANY_CLAIMS: &str = "limits.claims_per_address=1000";

/// Counts every question that the page draws from here on.
const COUNT: &str = "window.questions = 0; const asks = n => n.nodeType === 1 && (n.id === 'link-approve' || !!n.querySelector('#link-approve')); \
    new MutationObserver(all => { for (const { addedNodes } of all) window.questions += [...addedNodes].filter(asks).length; }) \
        .observe(document.body, { childList: true, subtree: true })";

async fn questions(phone: &Phone<Browser>) -> Result<Value> {
    phone.browser.value("window.questions").await
}

/// Asks the page for a code to link a device by, and returns its digits.
async fn shows_code(phone: &Phone<Browser>) -> Result<String> {
    phone.browser.tap("link-digits").await?;
    phone.code().await
}

/// All at once, of a code to link by that is shown: what the server says to each.
async fn flood(server: &Server, code: &str, beside: usize) -> Result<BTreeMap<StatusCode, usize>> {
    // The last digits are the secret of a linking and a check digit.
    claims(server, code.get(..code.len() - 13).context("a code")?, "link", FLOOD - beside).await
}

/// So many who claim a nameplate, all at once: what the server says to each.
pub(crate) async fn claims(
    server: &Server,
    nameplate: &str,
    purpose: &str,
    count: usize,
) -> Result<BTreeMap<StatusCode, usize>> {
    let body = json!({ "nameplate": nameplate, "purpose": purpose }).to_string();
    let client = reqwest::Client::new();
    let claims = (0..count).map(|_| {
        let request = client.post(format!("{}/v1/claims", server.url())).header("content-type", "application/json");
        request.body(body.clone()).send()
    });
    let mut told = BTreeMap::new();
    for answer in futures_util::future::try_join_all(claims).await? {
        *told.entry(answer.status()).or_insert(0) += 1;
    }
    Ok(told)
}

/// A device that types the code, up to the words on its screen and the question on the phone's.
async fn asks(server: &Server, phone: &Phone<Browser>, code: &str) -> Result<(Device, Lending)> {
    let device = Device::blank(&server.url()).await?;
    let mut join = device.begin(&["join", code])?;
    let words = field(&join.event("words").await?, "words")?;
    phone.browser.shows("#link-approve").await?;
    let choice = phone.words_to_pick().await?;
    ensure!(choice.contains(&words), "{words:?} is not among {choice:?}");
    Ok((device, join))
}

async fn declines(phone: &Phone<Browser>, mut join: Lending) -> Result<()> {
    phone.browser.tap("link-decline").await?;
    join.event_last().await?;
    phone.browser.shows("#link-close").await?;
    phone.browser.tap("link-close").await?;
    phone.browser.shows("#link-digits").await
}

async fn t035_a_hundred_devices_that_ask_a_phone_make_one_question_a_notice_and_a_longer_code(
    kind: Kind,
) -> Result<()> {
    let server = Server::with(&["--set", MANY_CLAIMS]).await?;
    let phone = Phone::with_account_in(kind, &server.url(), "Mara Lind").await?;
    phone.begin_link().await?;
    phone.browser.run(COUNT).await?;

    // Control: one that asks makes one question, and nothing is told of others.
    let code = shows_code(&phone).await?;
    let (_device, join) = asks(&server, &phone, &code).await?;
    assert_eq!(questions(&phone).await?, json!(1), "control");
    assert!(!phone.browser.text().await?.contains("tried this code again"), "control");
    declines(&phone, join).await?;

    // A hundred, the first of which asks as one should: the question is its own, and says that there were more.
    let next = shows_code(&phone).await?;
    assert_eq!(next.len(), code.len(), "control: where nobody crowds, the next code is as long");
    let (_device, join) = asks(&server, &phone, &next).await?;
    let asked = phone.browser.value("document.querySelector('.claims').textContent").await?;
    assert_eq!(flood(&server, &next, 1).await?, BTreeMap::from([(StatusCode::CONFLICT, FLOOD - 1)]));
    phone.browser.reads("Somebody tried this code again and was refused. If that was not you, decline.").await?;
    assert_eq!(questions(&phone).await?, json!(2), "no other question");
    assert_eq!(phone.browser.value("document.querySelector('.claims').textContent").await?, asked);
    declines(&phone, join).await?;

    // A hundred that only take the code away: nothing is asked, and that they came is told.
    let longer = shows_code(&phone).await?;
    assert!(longer.len() > next.len(), "after a crowd the next code is longer: {} digits", longer.len());
    let expected = BTreeMap::from([(StatusCode::OK, 1), (StatusCode::CONFLICT, FLOOD - 1)]);
    assert_eq!(flood(&server, &longer, 0).await?, expected);
    phone.browser.shows(".linking .notice.bad").await?;
    phone.browser.reads("Somebody tried the code again.").await?;
    assert_eq!(questions(&phone).await?, json!(2), "whoever says nothing asks nothing");
    phone.browser.tap("link-cancel").await?;
    phone.browser.shows("#link-digits").await?;
    let dead = flood(&server, &longer, 0).await?;
    assert_eq!(dead.get(&StatusCode::OK), None, "the code is dead: {dead:?}");

    phone.more("devices").await?;
    phone.browser.shows("#devices-link").await?;
    let rows = "document.querySelectorAll('#main .devices li:not(.gone-device)').length";
    phone.browser.becomes("the account has its one device", rows, 1).await?;
    assert_eq!(questions(&phone).await?, json!(2));
    Ok(())
}

/// What the phone page says above a question of somebody else who tried its code.
const WARNED: &str = "document.getElementById('crowded').checkVisibility()";
const TOLD: &str = "Somebody else tried this code and was refused.";

async fn t035_somebody_else_at_the_code_of_a_look_is_told_of_above_the_question(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::with_account_in(kind, &server.url(), "Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    let viewer = Chromium::start().await?;
    let code = phone.lend(&[TITLE]).await?;
    let words = phone.asked_by(&viewer, &server.url(), &code).await?;
    assert_eq!(phone.browser.value(WARNED).await?, json!(false), "control: nobody else has tried it");
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    let nameplate = digits.get(..digits.len() - 7).context("a code")?;
    assert_eq!(claims(&server, nameplate, "view", 1).await?, BTreeMap::from([(StatusCode::CONFLICT, 1)]));
    phone.browser.reads(TOLD).await?;
    // Control: the question is the first one's, and can be answered.
    phone.pick(&words).await?;
    viewer.screen("session").await
}

async fn t035_somebody_else_at_the_code_of_an_agent_is_told_of_above_the_question(kind: Kind) -> Result<()> {
    let (desk, phone) = with_phone(kind, Browser::start(kind)).await?;
    desk.device.add_secret().await?;
    phone.reopen().await?;
    let other = desk.another(Kind::Chromium, "Noor Haddad").await?;
    desk.portal.look(CASE, REASON).await?;
    other.look("case-1", "to see as well").await?;
    let code = code_for_agent(&phone, &[TITLE]).await?;
    desk.portal.browser.type_code(&code).await?;
    phone.browser.shows("#approve-agent").await?;
    assert_eq!(phone.browser.value(WARNED).await?, json!(false), "control: nobody else has tried it");
    other.browser.type_code(&code).await?;
    other.stage("ready").await?;
    phone.browser.reads(TOLD).await?;
    // Control: the question is the first one's, and can be answered.
    phone.browser.tap("approve-agent").await?;
    desk.portal.browser.screen("session").await
}
