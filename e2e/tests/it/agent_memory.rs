//! What is left of an enrolment at an agent's desk: row 90. In Chromium alone: it has a debugger that sees the memory of a Worker.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{AGENT, Desk};
use e2e::browser::Chromium;
use e2e::scan::{Needle, occurrences};
use serde_json::json;

use crate::memory::found;

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
