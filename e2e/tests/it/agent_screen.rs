//! The screen of a terminal on which somebody lends to an agent: what stands there, and what each key does.

use anyhow::{Result, ensure};
use e2e::agent::{AGENT, Desk, ORGANISATION};
use e2e::browser::{Browser, Kind};
use e2e::device::{Device, is};
use e2e::record::{SECRET, TITLE};

use crate::agent_terminal::{CHOICES, begins, lends, reports, types_code};
use crate::agents::{CASE, REASON, holds_nothing, read};

const SPENT: &str = "All 4 openings that you allowed are used up: nothing more can be opened.";

/// Closes the record that is open.
pub(crate) async fn closes(browser: &Browser) -> Result<()> {
    browser.run("document.querySelector('.record-pane button.close').click()").await?;
    let closed = "document.getElementById('record-title') === null";
    browser.becomes("the record is closed", closed, true).await
}

#[tokio::test]
async fn a_question_says_who_asks_for_what_and_a_no_shares_nothing() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    for (no, told) in [("n", "You said no. Nothing was shared."), ("q", "You broke it off. Nothing was shared.")] {
        let mut person = lends(&desk.device)?;
        portal.look(CASE, REASON).await?;
        person.then("For an agent of an organisation that you called yourself:").await?;
        person.then("You see who they are, and why they ask, before anything is shared.").await?;
        types_code(&desk, &mut person).await?;
        let words = browser.words().await?;
        let shown = person.then(CHOICES).await?;
        for line in [
            format!("{AGENT} of {ORGANISATION} asks to look."),
            format!("Verified: {ORGANISATION}, which you pinned, vouches for them."),
            format!("   case     {CASE}"),
            format!("   reason   {REASON}"),
            "They would get 1 record, for ".to_owned(),
            format!("They see these two words as well: {words}"),
            "Did they call you? Then say no, hang up, and call a number of theirs that you know.".to_owned(),
        ] {
            ensure!(shown.contains(&line), "{line:?} is not in {shown}");
        }
        ensure!(shown.contains(TITLE) && !shown.contains(SECRET), "what it is called, and nothing of it: {shown}");
        // What a session has keys for, a question has not.
        person.presses("eabrhc1")?;
        person.presses(no)?;
        let until_left = person.then(told).await?;
        ensure!(!until_left.contains("Lent:") && !until_left.contains(CHOICES), "{until_left}");
        assert_eq!(person.ended().await?.code(), Some(6), "{no}");
        portal.stage("ready").await?;
        ensure!(portal.problem().await?.contains("The person declined."));
        holds_no_record(browser).await?;
    }
    // Control: a yes, by a key that the screen names.
    let mut person = lends(&desk.device)?;
    portal.look(CASE, REASON).await?;
    let code = begins(&desk, &mut person, "Y").await?;
    ensure!(person.then(" 1 record").await?.is_empty(), "it says how much is lent");
    read(browser).await?;
    person.then("opened").await?;
    // More time, and the end.
    person.presses("e")?;
    person.then("The session ends in ").await?;
    person.presses("q")?;
    person.then("Opened 1 time. The log is verified and kept").await?;
    ensure!(person.ended().await?.success());
    browser.shows("#outcome-none").await?;
    holds_nothing(browser, &code).await
}

/// Nothing of what would have been lent is in the page; the case is the agent's own.
async fn holds_no_record(browser: &Browser) -> Result<()> {
    let html = browser.value("document.documentElement.outerHTML").await?.to_string();
    ensure!(!html.contains(SECRET) && !html.contains(TITLE), "{html}");
    Ok(())
}

#[tokio::test]
async fn t063_the_terminal_warns_where_nobody_vouches_and_has_no_key_for_a_yes() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    let stranger = Device::named(&desk.url(), "Mara Lind").await?;
    stranger.add_secret().await?;
    let mut person = lends(&stranger)?;
    portal.look(CASE, REASON).await?;
    types_code(&desk, &mut person).await?;
    person.then("Nobody vouches for whoever typed this code. Nothing was shared.").await?;
    let shown = person.then("any other key leaves.").await?;
    for line in [
        "Their credential is of an organisation that you have not pinned.",
        &format!("They say, and nobody can check that: case “{CASE}”"),
        &format!("They say, and nobody can check that: reason “{REASON}”"),
        &format!("They say, and nobody can check that: page “{}”", desk.url()),
        "Hang up. Call the organisation yourself, under a number that you know.",
        "report it to whoever runs the server",
        "n shows a new code, w writes a report about whoever asked, ",
    ] {
        ensure!(shown.contains(line), "{line:?} is not in {shown}");
    }
    for vouched in [AGENT, ORGANISATION, "yes, lend", "Lent:"] {
        ensure!(!shown.contains(vouched), "{vouched:?} is in {shown}");
    }
    person.presses("w")?;
    person.then("Written to glimpse-report-").await?;
    let written = reports(&stranger)?;
    let [report] = written.as_slice() else { anyhow::bail!("one report: {written:?}") };
    assert_eq!(report["nobody_vouches"]["fault"], "unknown-organisation", "{report}");
    person.then("any other key leaves.").await?;
    // What is a yes elsewhere leaves.
    person.presses("y")?;
    ensure!(!person.ended().await?.success());
    ensure!(!stranger.run(&["sessions"]).await?.iter().any(|event| is(event, "session")), "nothing was begun");
    ensure!(portal.problem().await?.contains("has not taken up your organisation"));

    // Control: with the card of the organisation, there is a question and a key.
    stranger.run(&["chain", "pin", ORGANISATION, "--card", &desk.organisation.card().await?]).await?;
    let mut person = lends(&stranger)?;
    portal.go_on().await?;
    begins(&desk, &mut person, "y").await?;
    read(browser).await
}

#[tokio::test]
async fn openings_that_are_used_up_are_said_once_and_a_key_allows_more() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_secret().await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    let mut person = lends(&desk.device)?;
    portal.look(CASE, REASON).await?;
    begins(&desk, &mut person, "y").await?;
    for _ in 0..4 {
        read(browser).await?;
        closes(browser).await?;
    }
    person.then(SPENT).await?;
    person.then("b allows 64 openings more.").await?;
    // The server refuses what is asked for all the same, and the person is not told of each.
    for _ in 0..3 {
        browser.choose(TITLE).await?;
        browser.reads("The number of openings that was agreed is used up.").await?;
        ensure!(!browser.text().await?.contains(SECRET), "it is not opened");
        closes(browser).await?;
    }
    person.presses("b")?;
    let told = person.then("The other side may open 68 times in all.").await?;
    ensure!(!told.contains("used up") && !told.contains("refused"), "{told}");
    read(browser).await?;
    person.then("opened").await?;
    person.presses("q")?;
    let told = person.then("Opened 5 times. The log is verified and kept").await?;
    ensure!(!told.contains("used up"), "{told}");
    ensure!(person.ended().await?.success());
    Ok(())
}
