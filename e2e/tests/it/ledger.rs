//! What is left of a look: the organisation's log from the request to the server's word that it destroyed it, what a supervisor
//! sees of it, what a customer keeps who declined, and what the customer's other devices hear.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{AGENT, Desk, Portal};
use e2e::browser::{Browser, Kind};
use e2e::device::{Device, field, is};
use e2e::record::{SECRET, TITLE};
use e2e::wait::until;
use serde_json::{Value, json};

use crate::agents::{CASE, REASON, read};

/// Something that somebody does to a line.
type Change = fn(&mut Value);

in_both!(a_supervisor_sees_who_looked_and_that_the_trail_holds_and_an_agent_sees_nothing,);

/// From the server, the agent's note and the customer's signatures to a file that anybody checks. Signatures are the same
/// whatever the browser.
#[tokio::test]
async fn t065_the_organisations_log_says_who_asked_and_what_came_of_it_and_a_changed_one_is_named() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_secret().await?;
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    read(&desk.portal.browser).await?;
    desk.portal.end().await?;
    assert!(is(&lending.event_last().await?, "ended"));

    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    desk.organisation.run(&["audit", "export", "-o", &path("log")]).await?;
    let told = desk.organisation.run(&["audit", "verify", &path("log")]).await?;
    let session = told.first().context("no session in the log")?;
    for (name, value) in [("name", AGENT), ("case", CASE), ("reason", REASON)] {
        assert_eq!(field(session, name)?, value, "control: the log has {name}");
    }
    assert_eq!(session["openings"], 1);
    assert_eq!(session["outcome"], "");
    assert_eq!((&session["ended"], &session["deleted"]), (&json!(true), &json!(true)), "up to the server's word");
    let events = session["receipts"].as_array().context("receipts")?;
    for what in ["granted", "opened", "ended", "deleted"] {
        assert!(events.contains(&json!(what)), "{what} in {events:?}");
    }

    // Cut off, or with a byte changed, it does not hold.
    let whole = std::fs::read_to_string(path("log"))?;
    let line: serde_json::Value = serde_json::from_str(&whole)?;
    let last = line["receipts"].as_array().map_or(0, Vec::len);
    assert!(last >= 4, "control: there is something to cut");
    let changes: [(&str, Change); 8] = [
        ("cut-off", |line| line["receipts"].as_array_mut().into_iter().for_each(|receipts| receipts.truncate(2))),
        ("receipt", |line| line["receipts"].as_array_mut().into_iter().for_each(|receipts| receipts.swap(1, 2))),
        ("receipt", |line| line["server"] = line["organisation"].clone()),
        ("receipt", |line| drop(line["receipts"].as_array_mut().map(|receipts| receipts.remove(1)))),
        ("other-agent", |line| line["agent"] = "AAAAAAAAAAAAAAAAAAAAAA".into()),
        ("asked", |line| line["asked"] = line["outcome"].clone()),
        ("times", |line| line["issued"] = 946_684_800_000_u64.into()),
        ("link", |line| line["chain"] = json!([])),
    ];
    for (fault, change) in changes {
        let mut other = line.clone();
        change(&mut other);
        std::fs::write(path("other"), format!("{other}\n"))?;
        let refused = desk.organisation.run(&["audit", "verify", &path("other")]).await;
        let refused = refused.err().with_context(|| format!("{fault} is taken"))?.to_string();
        assert!(refused.contains(&format!("\"fault\":\"{fault}\"")), "{fault}: {refused}");
    }
    std::fs::write(path("twice"), format!("{whole}{whole}"))?;
    let refused = desk.organisation.run(&["audit", "verify", &path("twice")]).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("\"fault\":\"repeated\"")), "one session is one");
    // By a key that one knows from elsewhere: what the file says of the server counts no more.
    let verify = async |key: &str| desk.organisation.run(&["audit", "verify", "--server-key", key, &path("log")]).await;
    verify(line["server"].as_str().context("the server's key")?).await?;
    let refused = verify(line["organisation"].as_str().context("another key")?).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("\"fault\":\"receipt\"")));
    Ok(())
}

/// Where the customer ends, what came of it is asked all the same, and is in the log.
#[tokio::test]
async fn the_outcome_of_a_look_that_the_customer_ended_is_in_the_log() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_secret().await?;
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    read(&desk.portal.browser).await?;
    lending.end().await?;
    assert_eq!(desk.portal.over(Some("rang off in the middle")).await?, "session-ended");
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log").display().to_string();
    desk.organisation.run(&["audit", "export", "-o", &log]).await?;
    let told = desk.organisation.run(&["audit", "verify", &log]).await?;
    assert_eq!(told.first().context("no session in the log")?["outcome"], "rang off in the middle");
    assert!(!std::fs::read_to_string(&log)?.contains(SECRET), "and nothing of what was read");

    // Control: who says nothing leaves nothing.
    desk.portal.press("#again").await?;
    desk.portal.sign_in("ready").await?;
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    lending.end().await?;
    desk.portal.over(None).await?;
    let again = folder.path().join("again").display().to_string();
    desk.organisation.run(&["audit", "export", "-o", &again]).await?;
    let told = desk.organisation.run(&["audit", "verify", &again]).await?;
    assert_eq!(told.first().context("no session in the log")?["outcome"], Value::Null, "newest first");
    Ok(())
}

/// From request to decline: what an agent asked that came to nothing is on record at the customer's, and nowhere else.
#[tokio::test]
async fn a_request_that_was_declined_is_on_record_on_the_device_alone() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_secret().await?;
    desk.portal.look(CASE, REASON).await?;
    assert_eq!(desk.device.run(&["receipts", "--declined"]).await?, Vec::<Value>::new(), "control");
    let mut lending = desk.show_code(&[]).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    let asked = lending.event("agent").await?;
    lending.tell(json!({ "do": "decline" })).await?;
    desk.portal.problem().await?;
    let kept = desk.device.run(&["receipts", "--declined"]).await?;
    let kept = kept.first().context("nothing was kept")?;
    assert_eq!((&kept["code"], &kept["verified"]), (&json!("declined"), &json!(true)));
    for (name, value) in [("name", AGENT), ("case", CASE), ("reason", REASON), ("words", &field(&asked, "words")?)] {
        assert_eq!(field(kept, name)?, value, "{name}");
    }
    assert!(!kept.to_string().contains(TITLE), "never what might have been lent");
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log").display().to_string();
    desk.organisation.run(&["audit", "export", "-o", &log]).await?;
    assert_eq!(std::fs::read_to_string(&log)?, "", "no session began, so the organisation can prove nothing of it");
    Ok(())
}

/// What a supervisor sees, and an agent does not.
async fn a_supervisor_sees_who_looked_and_that_the_trail_holds_and_an_agent_sees_nothing(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_secret().await?;
    let agent = &desk.portal.browser;
    assert_eq!(agent.value("document.getElementById('supervise')").await?, Value::Null, "an agent is offered nothing");
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    read(agent).await?;

    let link = desk.organisation.invite_supervisor("Robin Vale").await?;
    let portal = Portal::blank_in(kind, &desk.url()).await?;
    portal.enrol(&link).await?;
    desk.organisation.issue().await?;
    portal.sign_in("ready").await?;
    let browser = &portal.browser;
    portal.press("#supervise").await?;
    portal.stage("ledger").await?;
    let rows = "document.querySelectorAll('.ledger-rows li').length";
    browser.becomes("the session is listed", rows, 1).await?;
    browser.reads("Runs until").await.context("it runs")?;
    let looked = desk.organisation.id(AGENT).await?;
    browser.reads(looked.get(..8).context("an id")?).await?;
    lending.end().await?;
    desk.portal.over(None).await?;

    // Anew: it has ended, and holds from the grant to the server's word.
    portal.press("#back").await?;
    portal.press("#supervise").await?;
    until("it has ended", async || browser.text().await.ok()?.contains("ended").then_some(())).await?;
    choose(browser, "ledger-state", "running").await?;
    browser.becomes("none runs", rows, 0).await?;
    choose(browser, "ledger-state", "ended").await?;
    browser.becomes("one ended", rows, 1).await?;
    portal.press(".ledger-rows button").await?;
    browser.shows("#ledger-verdict").await?;
    assert_eq!(browser.value("document.getElementById('ledger-verdict').dataset.verdict").await?, "whole");
    browser.reads("The customer ended it").await?;
    let html = browser.value("document.documentElement.outerHTML").await?.to_string();
    for word in [TITLE, SECRET, CASE, REASON] {
        ensure!(!html.contains(word), "{word:?} is not a supervisor's to see");
    }
    portal.press("#ledger-close").await?;
    browser.shows("#ledger-export").await?;
    Ok(())
}

async fn choose(browser: &Browser, id: &str, value: &str) -> Result<()> {
    let script = format!(
        "const s = document.getElementById('{id}'); s.value = '{value}'; s.dispatchEvent(new Event('change')); return true"
    );
    assert_eq!(browser.run(&script).await?, json!(true));
    Ok(())
}

/// The other devices of the account hear of each begin and each end: in the terminal's inbox, and by a push (the server's tests).
#[tokio::test]
async fn every_other_device_hears_of_the_begin_and_the_end_of_an_agents_look() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_secret().await?;
    let tablet = desk.device.another("Tabletissimo").await?;
    let kinds = async |device: &Device| -> Result<Vec<String>> {
        let told = device.run(&["inbox"]).await?;
        let notices = told.iter().filter(|event| is(event, "notice"));
        let kinds: Vec<String> = notices.map(|notice| field(notice, "kind")).collect::<Result<_>>()?;
        Ok(kinds.into_iter().filter(|kind| kind.starts_with("agent-")).collect())
    };
    assert_eq!(kinds(&tablet).await?, Vec::<String>::new(), "control: nobody looks");
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    assert_eq!(kinds(&tablet).await?, ["agent-looks"]);
    assert_eq!(kinds(&tablet).await?, Vec::<String>::new(), "once is enough");
    lending.end().await?;
    desk.portal.over(None).await?;
    assert_eq!(kinds(&tablet).await?, ["agent-looked"]);
    assert_eq!(kinds(&desk.device).await?, Vec::<String>::new(), "who lent is told on the screen that lends");
    Ok(())
}
