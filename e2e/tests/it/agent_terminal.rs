//! An agent looks at what a person lends in a terminal: handing over, a code for a colleague, and the report, by key; and handing over
//! where a program does it.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{AGENT, Desk, ORGANISATION};
use e2e::browser::Kind;
use e2e::device::{Device, field, is};
use e2e::record::{SECRET, TITLE};
use e2e::terminal::Terminal;
use serde_json::{Value, json};

use crate::agents::{CASE, REASON, holds_nothing, read};

const COLLEAGUE: &str = "Robin Vale";

/// Somebody lends everything to an agent, in a terminal.
pub(crate) fn lends(device: &Device) -> Result<Terminal> {
    let mut command = device.speaking(&["lend", "--agent", "--everything"])?;
    // Reports lie in the folder in which the command runs.
    command.current_dir(device.folder());
    Terminal::start(command)
}

/// What the person may press while an agent asks.
pub(crate) const CHOICES: &str = "y  yes, lend      n  no      w  write a report";

/// The agent types the code that the person's terminal shows next. Returns it.
pub(crate) async fn types_code(desk: &Desk, person: &mut Terminal) -> Result<String> {
    let code = person.code().await?;
    desk.portal.browser.type_code(&code).await?;
    Ok(code)
}

/// From there to a session on both screens: the person says yes with a key. Returns the code.
pub(crate) async fn begins(desk: &Desk, person: &mut Terminal, yes: &str) -> Result<String> {
    let code = types_code(desk, person).await?;
    person.then(CHOICES).await?;
    person.presses(yes)?;
    person.then("Lent:").await?;
    desk.portal.browser.screen("session").await?;
    Ok(code)
}

/// The reports that were written.
pub(crate) fn reports(device: &Device) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(device.folder())? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("glimpse-report-") {
            found.push(serde_json::from_slice(&std::fs::read(&path)?)?);
        }
    }
    Ok(found)
}

#[tokio::test]
async fn keys_write_a_report_and_hand_a_look_over_to_a_colleague() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_secret().await?;
    let mut person = lends(&desk.device)?;
    // Before an agent asks there is nobody to write about, and nothing to hand over.
    desk.portal.look(CASE, REASON).await?;
    let code = person.code().await?;
    person.presses("hw")?;
    desk.portal.browser.type_code(&code).await?;
    person.then(&format!("{AGENT} of {ORGANISATION} asks to look.")).await?;
    person.then("w  write a report").await?;
    ensure!(reports(&desk.device)?.is_empty(), "control: a key that means nothing yet does nothing");
    // A question is no session: nothing is handed over.
    person.presses("h")?;
    person.presses("y")?;
    person.then("h ends it and lends the same to a colleague").await?;
    desk.portal.browser.screen("session").await?;
    read(&desk.portal.browser).await?;
    person.then("opened").await?;

    person.presses("w")?;
    person.then("Written to glimpse-report-").await?;
    let written = reports(&desk.device)?;
    let [report] = written.as_slice() else { anyhow::bail!("one report: {written:?}") };
    let agent = &report["agent"];
    assert_eq!((&agent["name"], &agent["case"]), (&json!(AGENT), &json!(CASE)));
    ensure!(
        !report.to_string().contains(SECRET) && !report.to_string().contains(TITLE),
        "nothing of a record: {report}"
    );

    person.presses("h")?;
    let second = person.code().await?;
    ensure!(second != code, "a code of its own");
    desk.portal.browser.shows("#outcome-none").await.context("the first look is over")?;
    holds_nothing(&desk.portal.browser, &code).await?;
    let colleague = desk.another(Kind::Chromium, COLLEAGUE).await?;
    colleague.look(CASE, REASON).await?;
    colleague.browser.type_code(&second).await?;
    person.then(&format!("{COLLEAGUE} of {ORGANISATION} asks to look.")).await?;
    person.presses("y")?;
    person.then("Lent:").await?;
    colleague.browser.screen("session").await?;
    read(&colleague.browser).await?;
    person.then("opened").await?;
    person.presses("q")?;
    person.then("The session was ended.").await?;
    assert!(person.ended().await?.success(), "q ends it for good: no other code is offered");
    Ok(())
}

#[tokio::test]
async fn a_key_shows_a_code_for_a_colleague_after_an_agent_ended_a_look() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_secret().await?;
    for goes_on in [true, false] {
        let mut person = lends(&desk.device)?;
        desk.portal.look(CASE, REASON).await?;
        let code = begins(&desk, &mut person, "y").await?;
        desk.portal.end().await?;
        person.then("c shows a code for a colleague").await?;
        person.presses(if goes_on { "c" } else { "x" })?;
        if goes_on {
            let second = person.code().await?;
            ensure!(second != code, "a code of its own");
            person.presses("q")?;
            person.then("You broke it off. Nothing was shared.").await?;
        } else {
            // Control: any other key leaves.
            assert!(person.ended().await?.success());
        }
        desk.portal.browser.go(&format!("{}/agent", desk.url())).await?;
        desk.portal.sign_in("ready").await?;
    }
    Ok(())
}

#[tokio::test]
async fn t061_a_program_hands_over_what_was_lent_and_nothing_where_a_record_is_not_what_it_was() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    let id = desk.device.add_bytes("card.json", json!({ "shown": TITLE, "secret": SECRET }).to_string()).await?;
    let more = desk.device.add_bytes("more.txt", "on top").await?;
    desk.portal.look(CASE, REASON).await?;
    let mut lending = desk.device.lend(&["--agent", &id, "--withhold", &format!("{id}:/secret")]).await?;
    let first = lending.code.clone();
    lending.tell(json!({ "do": "hand-over" })).await?;
    assert_eq!(field(&lending.event("error").await?, "code")?, "usage", "there is no session to hand over");
    desk.portal.browser.type_code(&first).await?;
    e2e::agent::approve(&mut lending).await?;
    desk.portal.browser.screen("session").await?;
    lending.tell(json!({ "do": "add", "records": [more] })).await?;
    lending.event("changed").await?;
    lending.tell(json!({ "do": "hand-over" })).await?;
    let ended = lending.event_last().await?;
    assert_eq!((&ended["event"], &ended["handed_over"]), (&json!("ended"), &json!(true)));
    let shown = lending.event("code").await?;
    let lent: Vec<(&Value, &Value)> = shown["records"]
        .as_array()
        .context("records")?
        .iter()
        .map(|each| (&each["record"], &each["withheld"]))
        .collect();
    assert_eq!(lent, [(&json!(id), &json!(1)), (&json!(more), &json!(0))], "the same, with what was lent on top");
    ensure!(field(&shown, "code")? != first, "a code of its own");

    let colleague = desk.another(Kind::Chromium, COLLEAGUE).await?;
    colleague.look(CASE, REASON).await?;
    colleague.browser.type_code(&field(&shown, "code")?).await?;
    e2e::agent::approve(&mut lending).await?;
    colleague.browser.screen("session").await?;
    // The record is another one before it is handed over once more: fields were not chosen in that.
    let new = desk.device.folder().join("new.json");
    tokio::fs::write(&new, json!({ "shown": TITLE, "memo": SECRET, "secret": "" }).to_string()).await?;
    desk.device.run(&["put", &id, &new.display().to_string()]).await?;
    lending.tell(json!({ "do": "hand-over" })).await?;
    assert!(is(&lending.event_last().await?, "ended"));
    let refused = lending.event_last().await?;
    assert_eq!((&refused["event"], &refused["code"]), (&json!("error"), &json!("conflict")));
    ensure!(lending.process.ended().await?.code() == Some(4), "nothing is lent, and no code is shown");
    Ok(())
}
