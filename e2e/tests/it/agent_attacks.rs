//! Attacks on a look that an agent gets, and on the page by which an agent gets it: rows 59, 62, 63, 67, 68, 87, 90 and 95.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use e2e::agent::{AGENT, Desk, ORGANISATION, approve};
use e2e::browser::Kind;
use e2e::device::field;
use e2e::proxy::{Answer, Asked};
use e2e::record::{SECRET, TITLE};
use e2e::scan::occurrences;
use e2e::wait::within;
use serde_json::json;

use crate::agents::{CASE, REASON, holds_nothing, kept, read};
use crate::blindness::{blind_to, forms, held_and_seen};
use crate::memory::files_below;
use crate::phone_attacks::HELPED;
use crate::requests::foreign;

in_both!(
    t059_nothing_is_readable_after_the_time_of_an_agents_look,
    t062_another_browser_has_nothing_of_a_look_by_its_code_or_token,
    t063_who_is_taken_back_at_the_desk_gets_no_code,
    t063_an_organisation_that_is_not_pinned_is_shown_to_nobody_as_one,
    t063_what_is_taken_back_while_the_customer_is_asked_is_not_approved,
    t067_a_customer_who_ends_it_empties_the_page_within_five_seconds,
    t067_an_agent_who_is_taken_back_sees_nothing_within_five_seconds,
    t068_of_two_agents_who_type_one_code_one_gets_it,
    t087_every_request_of_the_portal_goes_to_its_own_origin,
    t090_the_portal_keeps_nothing_but_a_key_that_does_not_leave,
    t095_no_field_of_the_portal_is_filled_in_checked_or_translated_by_the_browser,
    what_an_agent_asks_never_reaches_the_server,
);

const OTHER: &str = "Noor Haddad";

/// The newest exchange whose path ends like this.
pub(crate) fn last<B>(desk: &Desk<B>, end: &str) -> Result<(Asked, Answer)> {
    let found = desk.line.exchanges().into_iter().rfind(|(asked, _)| asked.path.ends_with(end));
    found.with_context(|| format!("nothing was asked for at {end}"))
}

/// Sends a request again, to the real server, in the name of whoever has this token.
pub(crate) async fn again<B>(desk: &Desk<B>, asked: &Asked, token: Option<&str>) -> Result<(StatusCode, String)> {
    let url = format!("{}{}", desk.server.url(), asked.path);
    let mut request = reqwest::Client::new().request(asked.method.clone(), url).body(asked.body.clone());
    if let Some(kind) = asked.headers.get("content-type") {
        request = request.header("content-type", kind);
    }
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let answer = request.send().await?;
    Ok((answer.status(), answer.text().await?))
}

/// The agent's token, as it went over the line.
pub(crate) fn token<B>(desk: &Desk<B>) -> Result<String> {
    let (asked, _) = last(desk, "/v1/claims")?;
    Ok(asked.headers.get("authorization").context("no token")?.to_str()?.to_owned())
}

async fn t059_nothing_is_readable_after_the_time_of_an_agents_look(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let mut lending = desk.lend(CASE, REASON, &["--for", "12s"]).await?;
    read(&desk.portal.browser).await?;
    let (opening, content) = (last(&desk, "/open")?.0, last(&desk, "/content")?.0);
    assert_eq!(again(&desk, &opening, None).await?.0, StatusCode::OK, "control: the same request again is answered");
    assert!(again(&desk, &content, None).await?.0.is_success(), "control: the ciphertext is there");

    assert_eq!(desk.portal.over(None).await?, "session-expired");
    holds_nothing(&desk.portal.browser, &lending.code).await?;
    assert_eq!(field(&lending.event_last().await?, "code")?, "session-expired");
    for asked in [opening, content] {
        let (status, problem) = again(&desk, &asked, Some(&token(&desk)?)).await?;
        assert_eq!(status, StatusCode::GONE, "{}: {problem}", asked.path);
    }
    Ok(())
}

async fn t062_another_browser_has_nothing_of_a_look_by_its_code_or_token(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let other = desk.another(kind, OTHER).await?;
    let lending = desk.lend(CASE, REASON, &[]).await?;
    read(&desk.portal.browser).await?;

    // Another agent, with the same code.
    other.look("case-1", "to see as well").await?;
    other.browser.type_code(&lending.code).await?;
    other.stage("ready").await?;
    let told = other.problem().await?;
    assert!(told.contains("used before") || told.contains("No device is showing"), "{told}");
    holds_nothing(&other.browser, &lending.code).await?;

    // The token opens nothing of what its agent looks at: an opening is signed by the key of the browser that was granted it.
    let (mut opening, _) = last(&desk, "/open")?;
    let token = token(&desk)?;
    let of_agent = format!("{}/v1/agent", desk.server.url());
    let signed_in = reqwest::Client::new().get(of_agent).header("authorization", &token).send().await?;
    assert!(signed_in.status().is_success(), "control: it is the token of somebody who is signed in");
    let right = again(&desk, &opening, Some(&token)).await?;
    assert_eq!(right.0, StatusCode::OK, "control: what that browser signed is answered");
    // It ends with the signature.
    *opening.body.last_mut().context("a body")? ^= 1;
    let (status, problem) = again(&desk, &opening, Some(&token)).await?;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    desk.portal.browser.open(TITLE).await.context("control: the first goes on")
}

async fn t063_who_is_taken_back_at_the_desk_gets_no_code(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let other = desk.another(kind, OTHER).await?;
    desk.portal.look(CASE, REASON).await?;
    let mut lending = desk.show_code(&[]).await?;
    desk.organisation.revoke(AGENT).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    desk.portal.stage("ready").await?;
    let told = desk.portal.problem().await?;
    assert!(told.contains("Sign in again"), "{told}");
    desk.portal.press("#sign-out").await?;
    desk.portal.stage("signed-out").await?;
    desk.portal.go_on().await?;
    let told = desk.portal.problem().await?;
    assert!(told.contains("You were not signed in") && told.contains("taken back"), "{told}");
    desk.portal.stage("signed-out").await?;
    // Control: the code was not used up by it, and somebody whom the organisation vouches for gets it.
    other.look(CASE, REASON).await?;
    other.browser.type_code(&lending.code).await?;
    let asked = approve(&mut lending).await?;
    assert_eq!(field(&asked, "name")?, OTHER);
    other.browser.screen("session").await?;
    read(&other.browser).await
}

async fn t063_an_organisation_that_is_not_pinned_is_shown_to_nobody_as_one(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let stranger = e2e::device::Device::named(&desk.url(), "Mara Lind").await?;
    stranger.add_secret().await?;
    desk.portal.look(CASE, REASON).await?;
    let arguments = ["--agent", "--everything"];
    let mut lending = stranger.lend(&arguments).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    let nobody = lending.event("no-agent").await?;
    assert_eq!(field(&nobody, "fault")?, "unknown-organisation", "{nobody}");
    for hidden in [ORGANISATION, AGENT] {
        assert!(!nobody.to_string().contains(hidden), "what nobody vouches for is not said: {nobody}");
    }
    // There is nothing to approve: a program that says yes all the same gets nothing lent.
    drop(lending.tell(json!({ "do": "approve-agent" })).await);
    assert_eq!(field(&lending.event_last().await?, "code")?, "credential-invalid");
    desk.portal.stage("ready").await?;
    let told = desk.portal.problem().await?;
    assert!(told.contains("has not taken up your organisation"), "{told}");
    assert_eq!(begun(&desk), 0, "no session was begun");
    // Control: with the card of the organisation, it is.
    stranger.run(&["chain", "pin", ORGANISATION, "--card", &desk.organisation.card().await?]).await?;
    desk.portal.go_on().await?;
    desk.portal.browser.screen("enter").await?;
    let mut lending = stranger.lend(&arguments).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    approve(&mut lending).await?;
    desk.portal.browser.screen("session").await?;
    assert_eq!(begun(&desk), 1, "control");
    read(&desk.portal.browser).await
}

/// How many sessions were begun.
pub(crate) fn begun(desk: &Desk) -> usize {
    let begins = |asked: &Asked| asked.method.as_str() == "POST" && asked.path == "/v1/sessions";
    desk.line.exchanges().iter().filter(|(asked, answer)| begins(asked) && answer.status.is_success()).count()
}

async fn t063_what_is_taken_back_while_the_customer_is_asked_is_not_approved(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    desk.portal.look(CASE, REASON).await?;
    let mut lending = desk.show_code(&[]).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    let asked = lending.event("agent").await?;
    assert_eq!(field(&asked, "name")?, AGENT, "control: a moment ago the organisation vouched");
    desk.organisation.revoke(AGENT).await?;
    drop(lending.tell(json!({ "do": "approve-agent" })).await);
    let last = lending.event_last().await?;
    assert_eq!(last.get("event"), Some(&json!("error")), "{last}");
    desk.portal.stage("ready").await?;
    desk.portal.problem().await?;
    assert_eq!(begun(&desk), 0);
    Ok(())
}

/// Waits until nothing of a look is on the screen, and says how long it took since then.
async fn gone(desk: &Desk, since: Instant) -> Result<Duration> {
    within(Duration::from_secs(20), "the record is off the screen", async || {
        (!desk.portal.browser.text().await.ok()?.contains(SECRET)).then_some(())
    })
    .await?;
    Ok(since.elapsed())
}

async fn t067_a_customer_who_ends_it_empties_the_page_within_five_seconds(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    read(&desk.portal.browser).await?;
    let (opening, _) = last(&desk, "/open")?;
    assert_eq!(again(&desk, &opening, None).await?.0, StatusCode::OK, "control: it runs");
    let since = Instant::now();
    lending.tell(json!({ "do": "end" })).await?;
    let took = gone(&desk, since).await?;
    assert!(took < Duration::from_secs(5), "{took:?}");
    // What came of it is asked on a page that has nothing of it any more.
    desk.portal.browser.shows("#outcome-none").await?;
    holds_nothing(&desk.portal.browser, &lending.code).await?;
    desk.portal.over(None).await?;
    holds_nothing(&desk.portal.browser, &lending.code).await?;
    lending.event_last().await?;
    assert_eq!(again(&desk, &opening, None).await?.0, StatusCode::GONE);
    Ok(())
}

async fn t067_an_agent_who_is_taken_back_sees_nothing_within_five_seconds(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    read(&desk.portal.browser).await?;
    let (opening, _) = last(&desk, "/open")?;
    assert_eq!(again(&desk, &opening, None).await?.0, StatusCode::OK, "control: it runs");
    desk.organisation.revoke(AGENT).await?;
    let since = Instant::now();
    let took = gone(&desk, since).await?;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(desk.portal.browser.reason().await?, "session-revoked");
    holds_nothing(&desk.portal.browser, &lending.code).await?;
    let (status, problem) = again(&desk, &opening, Some(&token(&desk)?)).await?;
    assert_eq!(status, StatusCode::GONE, "{problem}");
    assert_eq!(field(&lending.event_last().await?, "code")?, "session-revoked", "the customer is told");
    Ok(())
}

async fn t068_of_two_agents_who_type_one_code_one_gets_it(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let other = desk.another(kind, OTHER).await?;
    desk.portal.look(CASE, REASON).await?;
    other.look("case-1", "to see as well").await?;
    let mut lending = desk.show_code(&[]).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    desk.portal.browser.screen("wait").await?;
    desk.portal.browser.words().await?;
    other.browser.type_code(&lending.code).await?;
    other.stage("ready").await?;
    let told = other.problem().await?;
    assert!(told.contains("Somebody else is using this code") || told.contains("No device is showing"), "{told}");
    let asked = approve(&mut lending).await?;
    assert_eq!(field(&asked, "name")?, AGENT, "the customer is asked for the first, and for nobody else");
    desk.portal.browser.screen("session").await?;
    read(&desk.portal.browser).await.context("control: who was first reads")?;
    holds_nothing(&other.browser, &lending.code).await
}

async fn t087_every_request_of_the_portal_goes_to_its_own_origin(kind: Kind) -> Result<()> {
    let desk = Desk::blank(kind).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    portal.enrol(&desk.organisation.invite(AGENT).await?).await?;
    desk.organisation.issue().await?;
    let mut listing = browser.go_listed(portal.url()).await?;
    portal.sign_in("ready").await?;
    browser.speak("ar").await?;
    browser.speak("en").await?;
    // The look has a Worker of its own.
    let (_lending, ()) = tokio::try_join!(desk.lend(CASE, REASON, &[]), listing.another())?;
    read(browser).await?;
    portal.end().await?;
    let all = listing.all().await?;
    assert_eq!(foreign(&all, &desk.url()), BTreeSet::new());
    for part in [
        "/agent",
        "/assets/",
        "/lang/",
        "/v1/agents/challenge",
        "/v1/agents/sign-in",
        "/v1/claims",
        "/open",
        "/content",
        "/socket",
    ] {
        assert!(all.iter().any(|url| url.contains(part)), "control: {part} is not in the list: {all:#?}");
    }
    Ok(())
}

async fn t090_the_portal_keeps_nothing_but_a_key_that_does_not_leave(kind: Kind) -> Result<()> {
    let desk = Desk::blank(kind).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    let link = desk.organisation.invite(AGENT).await?;
    let secret = link.split_once('#').context("a link")?.1.to_owned();
    portal.enrol(&link).await?;
    desk.organisation.issue().await?;
    portal.sign_in("ready").await?;
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    read(browser).await?;
    let token = token(&desk)?.trim_start_matches("Bearer ").to_owned();
    let digits: String = lending.code.chars().filter(char::is_ascii_digit).collect();
    let code = lending.code.clone();
    let words = [SECRET, TITLE, CASE, REASON, &code, &digits, &secret, &token];

    let stored = "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, name])";
    let nothing = json!(r#"["",{},{},null,""]"#);
    assert_eq!(browser.value(stored).await?, nothing, "during the look");
    assert_eq!(
        browser.run_async("indexedDB.databases().then(all => done(all.map(d => d.name)))").await?,
        json!(["glimpse-agent"])
    );
    assert_eq!(browser.run_async("caches.keys().then(done)").await?, json!([]));
    let keys = kept(browser).await?;
    let [key] = keys.as_array().context("keys")?.as_slice() else { anyhow::bail!("one key: {keys}") };
    assert_eq!(
        [&key["extractable"], &key["type"], &key["usages"]],
        [&json!(false), &json!("private"), &json!(["sign"])]
    );
    for told in key["exports"].as_array().context("exports")? {
        assert!(told == "InvalidAccessError" || told == "NotSupportedError", "{keys}");
    }
    assert_eq!(key["exports"][0], "InvalidAccessError", "it has that form, and does not leave");
    // Control: of a key that may leave, the same question gets it out.
    let loose = "crypto.subtle.generateKey('Ed25519', true, ['sign']).then(p => crypto.subtle.exportKey('jwk', p.privateKey)).then(k => done(typeof k.d))";
    assert_eq!(browser.run_async(loose).await?, "string", "control");
    let mut names: Vec<&str> = key.as_object().context("a key")?.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["agent", "exports", "extractable", "key", "name", "organisation", "type", "usages"]);
    assert_eq!(key["name"], AGENT, "under which the organisation vouches, for whoever opens another link here");
    assert!(words.iter().all(|word| !keys.to_string().contains(word)), "{keys}");

    browser.run("console.log('planted in the console')").await?;
    let console = browser.console().await?.join("\n");
    assert!(console.contains("planted in the console"), "control");
    let address = browser.driver.current_url().await?.to_string();
    for word in words {
        ensure!(!console.contains(word), "{word:?} is on the console");
        ensure!(!address.contains(word), "{word:?} is in the address");
    }
    lending.end().await?;
    desk.portal.over(None).await?;
    assert_eq!(browser.value(stored).await?, nothing, "after it");
    let address = browser.driver.current_url().await?.to_string();
    assert!(words.iter().all(|word| !address.contains(word)), "{address}");

    // The profile on disk. A browser may write what it was told as UTF-16, too. The link's secret is not looked for there: a
    // browser may write down an address before its page can take it away, and a link that was used is good for nothing.
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
    let mut database = false;
    for file in files_below(browser.profile())? {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let holds = |word: &str| {
            let forms = [word.as_bytes().to_vec(), wide(word, u16::to_le_bytes), wide(word, u16::to_be_bytes)];
            forms.iter().any(|form| occurrences(&bytes, form) > 0)
        };
        database |= holds("glimpse-agent");
        for word in words.into_iter().filter(|word| *word != secret) {
            ensure!(!holds(word), "{word:?} is in {}", file.display());
        }
    }
    assert!(database, "control: the portal's database is on the disk, and its name can be read");
    Ok(())
}

async fn t095_no_field_of_the_portal_is_filled_in_checked_or_translated_by_the_browser(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let browser = &desk.portal.browser;
    let fields =
        "['case', 'reason'].map(id => document.getElementById(id)).map(f => [f.autocomplete, f.spellcheck, f.type])";
    assert_eq!(browser.value(fields).await?, json!([["off", false, "text"], ["off", false, "text"]]));
    assert_eq!(browser.value(HELPED).await?, json!([]), "at the desk");
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    assert_eq!(browser.value(HELPED).await?, json!([]), "in a session");
    let code = "(c => [c.getAttribute('autocomplete'), c.spellcheck, c.translate])(document.getElementById('code'))";
    assert_eq!(browser.value(code).await?, json!(["one-time-code", false, false]));
    let asks = async |seen: &str| -> Result<()> {
        browser.shows(seen).await?;
        assert_eq!(browser.value(HELPED).await?, json!([]), "where it is asked what came of it");
        assert_eq!(browser.value("document.getElementById('outcome-text').type").await?, json!("text"), "control");
        Ok(())
    };
    browser.run("document.getElementById('end').click()").await?;
    asks("dialog.outcome #outcome-text").await?;
    lending.end().await?;
    asks(".outcome.after #outcome-text").await?;
    // Control: one that is left to the browser is found.
    browser.run("document.getElementById('main').append(document.createElement('textarea'))").await?;
    assert_eq!(browser.value(HELPED).await?, json!([""]));
    Ok(())
}

async fn what_an_agent_asks_never_reaches_the_server(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    let words = lending.events.iter().find(|event| e2e::device::is(event, "agent")).map(|event| field(event, "words"));
    let words = words.context("agent")??;
    read(&desk.portal.browser).await?;
    let during = held_and_seen(&desk.server, &desk.line)?;
    lending.end().await?;
    desk.portal.over(Some("what came of the zinnia")).await?;
    let after = held_and_seen(&desk.server, &desk.line)?;
    let digits: String = lending.code.chars().filter(char::is_ascii_digit).collect();
    let secrets = [
        forms("case", CASE.as_bytes()),
        forms("reason", REASON.as_bytes()),
        forms("content", SECRET.as_bytes()),
        forms("title", TITLE.as_bytes()),
        forms("words", words.as_bytes()),
        forms("code as shown", lending.code.as_bytes()),
        forms("code as digits", digits.as_bytes()),
    ]
    .concat();
    blind_to(&during, &secrets)?;
    blind_to(&after, &secrets)?;
    // Control: what the server may know is found by the same search: which agent, and under which name.
    let id = desk.organisation.id(AGENT).await?;
    let bytes = Base64UrlUnpadded::decode_vec(&id).map_err(|_| anyhow::anyhow!("an agent's id"))?;
    let held = |needle: &[u8]| {
        during.iter().filter(|(place, bytes)| place.contains("data") && occurrences(bytes, needle) > 0).count()
    };
    assert!(held(&bytes) > 0, "control: the agent's id is in the database");
    assert!(held(AGENT.as_bytes()) > 0, "control: and the name under which the organisation vouches");
    let wire = during.iter().find(|(place, _)| place == "wire").context("wire")?;
    assert!(occurrences(&wire.1, id.as_bytes()) > 0, "control: the id is on the wire");
    Ok(())
}
