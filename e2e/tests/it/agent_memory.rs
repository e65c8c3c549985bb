//! What is left of a look at an agent's desk: rows 59, 60, 89 and 90. In Chromium alone: it has a debugger that sees the memory of
//! a Worker, and runs a script in it before its first line.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use e2e::agent::{AGENT, Desk, approve};
use e2e::browser::Chromium;
use e2e::device::{Lending, field};
use e2e::devtools::{DevTools, Session};
use e2e::record::{SECRET, TITLE};
use e2e::scan::{Needle, occurrences, scan_processes};
use e2e::wait::until;
use serde_json::json;

use crate::agent_attacks::{again, last, token};
use crate::agents::{CASE, REASON, read};
use crate::memory::{WATCH_RANDOMNESS, drawn, found};

/// An agent who has said for which case, with a debugger at both Workers of the page.
struct Watched {
    desk: Desk<Chromium>,
    tools: DevTools,
    page: Session,
    /// That of the desk, which stays.
    at_desk: Session,
}

impl Watched {
    async fn new() -> Result<Self> {
        let desk = Desk::around(Chromium::start()).await?;
        desk.device.add_secret().await?;
        desk.hire().await?;
        let mut tools = desk.portal.browser.devtools().await?;
        let page = tools.page().await?;
        tools.follow(&page, true).await?;
        let at_desk = tools.attached().await?;
        Ok(Self { desk, tools, page, at_desk })
    }

    /// Goes on to the code, with a script that runs in the Worker that looks before its first line.
    async fn look(&mut self, script: &str) -> Result<Session> {
        let browser = &self.desk.portal.browser;
        self.desk.portal.stage("ready").await?;
        browser.write("case", CASE).await?;
        browser.write("reason", REASON).await?;
        self.desk.portal.go_on().await?;
        let worker = self.tools.attached().await?;
        self.tools.evaluate(&worker, script).await?;
        self.tools.call(Some(&worker), "Runtime.runIfWaitingForDebugger", json!({})).await?;
        browser.screen("enter").await?;
        Ok(worker)
    }

    /// The same to the session, with the record open.
    async fn lend(&mut self, script: &str, more: &[&str]) -> Result<(Session, Lending)> {
        let worker = self.look(script).await?;
        let browser = &self.desk.portal.browser;
        let mut lending = self.desk.show_code(more).await?;
        browser.type_code(&lending.code).await?;
        approve(&mut lending).await?;
        browser.screen("session").await?;
        read(browser).await?;
        Ok((worker, lending))
    }

    /// Waits until of the page's Workers so many are left.
    async fn workers(&mut self, left: usize) -> Result<()> {
        let Self { tools, .. } = self;
        until(&format!("{left} Workers are left"), async || {
            (tools.targets("worker").await.ok()?.len() == left).then_some(())
        })
        .await
    }
}

fn texts(lending: &Lending) -> Vec<Needle> {
    let digits: String = lending.code.chars().filter(char::is_ascii_digit).collect();
    vec![
        Needle::text("content", SECRET),
        Needle::text("title", TITLE),
        Needle::text("code", &lending.code),
        Needle::text("digits", &digits),
    ]
}

/// Nothing of a session is left while the agent is asked what came of it.
async fn nothing_is_left_while_the_outcome_is_asked(by_time: bool) -> Result<()> {
    let mut watched = Watched::new().await?;
    let more: &[&str] = if by_time { &["--for", "40s"] } else { &[] };
    let (worker, mut lending) = watched.lend(WATCH_RANDOMNESS, more).await?;
    let texts = texts(&lending);
    let keys = drawn(&mut watched.tools, &worker).await?;
    let all = [keys.clone(), texts.clone()].concat();
    let before = watched.tools.scan_memory(&worker, &all).await?;
    ensure!(before["title"] > 0 && before["signing seed"] > 0, "control: the Worker that looks has both: {before:?}");
    let at_desk = watched.tools.scan_memory(&watched.at_desk, &all).await?;
    assert_eq!(found(&at_desk), Vec::<&str>::new(), "the desk's Worker never has any of it");
    let case = watched.tools.scan_memory(&watched.at_desk, &[Needle::text("case", CASE)]).await?;
    assert_eq!(found(&case), ["case"], "control: its memory is read, too");
    let heap = watched.tools.scan_heap(&watched.page, &texts).await?;
    ensure!(heap["content"] > 0, "control: what is shown is in the page's heap: {heap:?}");
    let processes = watched.tools.renderers().await?;
    let everywhere = scan_processes(&processes, &keys)?;
    ensure!(found(&everywhere).contains(&"signing seed"), "control: the process holds keys: {everywhere:?}");

    let browser = &watched.desk.portal.browser;
    if by_time {
        lending.event_last().await?;
    } else {
        lending.end().await?;
    }
    browser.shows("#outcome-none").await?;
    watched.workers(1).await?;
    let after = watched.tools.scan_memory(&watched.at_desk, &all).await?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the Worker that stays");
    let after = watched.tools.heap_once_settled(&watched.page, &texts).await?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the page's heap");
    let after = scan_processes(&processes, &keys)?;
    assert_eq!(found(&after), Vec::<&str>::new(), "in the whole memory of the process; before: {everywhere:?}");
    // What came of it goes into the log all the same: by the desk.
    let reason = watched.desk.portal.over(Some("settled")).await?;
    assert_eq!(reason, if by_time { "session-expired" } else { "session-ended" });
    let (noted, answer) = last(&watched.desk, "/notes/1").context("the outcome is in the log")?;
    ensure!(answer.status.is_success() && occurrences(&noted.body, b"settled") == 0, "sealed: {}", answer.status);
    watched.workers(0).await
}

#[tokio::test]
async fn t089_no_key_or_text_of_an_agents_look_outlives_its_end() -> Result<()> {
    nothing_is_left_while_the_outcome_is_asked(false).await
}

#[tokio::test]
async fn t059_no_key_of_an_agents_look_outlives_its_time() -> Result<()> {
    nothing_is_left_while_the_outcome_is_asked(true).await
}

#[tokio::test]
async fn t059_each_code_of_an_agent_has_a_worker_of_its_own_that_ends_with_it() -> Result<()> {
    let mut watched = Watched::new().await?;
    let processes = watched.tools.renderers().await?;
    // The customer says no, and hangs up before saying anything; the agent goes back to the case; the Worker breaks.
    for how in ["declined", "hung up", "went back", "broke"] {
        let worker = watched.look(WATCH_RANDOMNESS).await?;
        watched.workers(2).await?;
        let mut lending = watched.desk.show_code(&[]).await?;
        let portal = &watched.desk.portal;
        let keys = if how == "went back" {
            Vec::new()
        } else {
            portal.browser.type_code(&lending.code).await?;
            lending.event("agent").await?;
            drawn(&mut watched.tools, &worker).await?
        };
        if !keys.is_empty() {
            let held = scan_processes(&processes, &keys)?;
            ensure!(found(&held).contains(&"signing seed"), "control, {how}: {held:?}");
        }
        match how {
            "declined" => lending.tell(json!({ "do": "decline" })).await?,
            "hung up" => lending.process.kill().await?,
            "went back" => portal.press("#back").await?,
            _ => {
                let broken = "setTimeout(() => { throw new Error('injected') })";
                watched.tools.evaluate(&worker, broken).await?;
            }
        }
        if how == "broke" {
            assert_eq!(portal.browser.reason().await?, "internal");
            watched.workers(0).await?;
        } else {
            portal.stage("ready").await?;
            watched.workers(1).await?;
        }
        let left = scan_processes(&processes, &keys)?;
        assert_eq!(found(&left), Vec::<&str>::new(), "{how}");
    }
    Ok(())
}

#[tokio::test]
async fn t060_whatever_the_clock_of_an_agents_worker_says_a_look_ends_in_time() -> Result<()> {
    let off = |millis: i64| format!("{{ const real = Date.now, off = {millis}; Date.now = () => real() + off }} true");
    let stopped = "{ const then = performance.now(), wall = Date.now(); performance.now = () => then; Date.now = () => wall } true";
    let (ahead, behind) = (off(86_400_000), off(-86_400_000));
    // Set off before its first line; or stopped altogether once the session runs.
    for (first, then) in [(ahead.as_str(), "true"), (behind.as_str(), "true"), ("true", stopped)] {
        let mut watched = Watched::new().await?;
        let (worker, mut lending) = watched.lend(first, &["--for", "15s"]).await?;
        let begun = Instant::now();
        watched.tools.evaluate(&worker, then).await?;
        let clock = watched.tools.evaluate(&worker, "Date.now()").await?.as_i64().context("a time")?;
        let real = watched.tools.evaluate(&watched.page, "Date.now()").await?.as_i64().context("a time")?;
        if then == "true" {
            ensure!((clock - real).abs() > 80_000_000, "control: the Worker's clock is a day off: {clock}, {real}");
        }
        let (opening, answer) = last(&watched.desk, "/open")?;
        ensure!(answer.status.is_success(), "control: it was opened");
        assert_eq!(again(&watched.desk, &opening, None).await?.0, StatusCode::OK, "control: and it runs");
        assert_eq!(field(&lending.event_last().await?, "code")?, "session-expired");
        assert_eq!(watched.desk.portal.over(None).await?, "session-expired", "{first} {then}");
        ensure!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
        let (status, problem) = again(&watched.desk, &opening, Some(&token(&watched.desk)?)).await?;
        assert_eq!(status, StatusCode::GONE, "{problem}");
        watched.workers(0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn t090_the_secret_of_an_enrolment_link_is_in_no_heap_and_on_no_line() -> Result<()> {
    let desk = Desk::around(Chromium::start()).await?;
    let link = desk.organisation.invite(AGENT).await?;
    let text = link.split_once('#').context("a link")?.1.to_owned();
    // The end of it: what stands before is whose link it is, which everybody may know.
    let secret = text.get(text.len().saturating_sub(24)..).context("a secret")?.to_owned();
    let needles = [Needle::text("link", &text), Needle::text("secret", &secret)];
    let mut tools = desk.portal.browser.devtools().await?;
    let page = tools.page().await?;
    desk.portal.follow(&link).await?;
    desk.portal.press(".desk button.primary").await?;
    desk.portal.stage("signed-out").await?;
    let heap = tools.heap_once_settled(&page, &needles).await?;
    assert_eq!(found(&heap), Vec::<&str>::new(), "in the page's heap");
    // Control: what the page keeps is found there.
    tools.evaluate(&page, &format!("globalThis.planted = {}; 1", json!(format!("x{text}")))).await?;
    assert_eq!(found(&tools.scan_heap(&page, &needles).await?), ["link", "secret"], "control");
    let worker = tools.worker(&page).await?;
    assert_eq!(found(&tools.scan_memory(&worker, &needles).await?), Vec::<&str>::new(), "in the Worker's memory");
    let mut enrolled = false;
    for (asked, answer) in desk.line.exchanges() {
        enrolled |= asked.path.ends_with("/enrolments") && answer.status.is_success();
        let said = format!("{} {:?} {:?}", asked.path, asked.headers, answer.headers).into_bytes();
        for bytes in [said, asked.body, answer.body] {
            ensure!(occurrences(&bytes, secret.as_bytes()) == 0, "{}", asked.path);
        }
    }
    ensure!(enrolled, "control: the enrolment was seen");
    Ok(())
}
