//! The agents' portal: the story for a person to play, and pictures of each of its screens.

use anyhow::Result;
use e2e::agent::{AGENT, Desk, ORGANISATION, Place, approve};
use e2e::browser::Chromium;
use e2e::program::root;
use serde_json::json;

use crate::camera::{CLOSE, Camera};
use crate::desk::COLLEAGUE;
use crate::frame::{in_a_console, on_the_way_to_a_provider};
use crate::{add_sample, enter, lend_on_this_terminal};

pub(crate) const CASE: &str = "2026-1184";
/// Who reads what is left of looks.
const SUPERVISOR: &str = "Robin Vale";
pub(crate) const REASON: &str = "to see which pills you take together";

/// What to do, in which window.
pub(crate) async fn attended() -> Result<()> {
    let place = Place::new("Mara Lind").await?;
    add_sample(&place.device).await?;
    let link = place.organisation.invite(AGENT).await?;
    println!(
        "
You play two people. {AGENT} works for {ORGANISATION}, in a browser. Mara Lind is a customer, on this terminal; her
device has pinned the card of {ORGANISATION}.

  1. Agent:    open this link, once, and enrol, with a passkey or without:

               {link}

  2. Agent:    \"Sign in\": {ORGANISATION} has not vouched for you yet

Press Enter here once you are that far: then {ORGANISATION} vouches."
    );
    enter().await?;
    place.organisation.issue().await?;
    println!(
        "
  3. Agent:    \"Look again\", then a case number and why you ask, \"Continue to the code\"
  4. Agent:    type the code that follows
  5. Customer: read who asks and why, and say yes
  6. Agent:    open a record, copy from it, ask for more time; the terminal tells each opening as it happens
  7. Customer or agent: end it; the page is empty at once, and leads back to the desk
"
    );
    lend_on_this_terminal(&place.device, &["--agent"]).await
}

/// Every screen in its colours, sizes and directions.
pub(crate) async fn unattended() -> Result<()> {
    let folder = root()?.join("target/demo-agent");
    let desk = Desk::around(Chromium::start()).await?;
    add_sample(&desk.device).await?;
    let (portal, browser) = (&desk.portal, &desk.portal.browser);
    let mut camera = Camera::new(browser, &folder).await?;
    let mut views = Views { desk: &desk, camera: &mut camera };
    views.of("stranger").await?;
    let link = desk.organisation.invite(AGENT).await?;
    portal.follow(&link).await?;
    views.of("invited").await?;
    portal.enrol(&link).await?;
    views.of("signed-out").await?;
    portal.follow(&desk.organisation.invite(COLLEAGUE).await?).await?;
    browser.shows("#replace").await?;
    views.dense("replace").await?;
    portal.press("#keep").await?;
    portal.stage("signed-out").await?;
    portal.sign_in("unvouched").await?;
    views.of("unvouched").await?;
    desk.organisation.issue().await?;
    portal.go_on().await?;
    portal.stage("ready").await?;
    views.of("ready").await?;
    portal.go_on().await?;
    portal.problem().await?;
    views.of("ready-missing").await?;

    portal.look(CASE, REASON).await?;
    views.of("enter").await?;
    let mut declined = desk.show_code(&[]).await?;
    browser.type_code(&declined.code).await?;
    browser.words().await?;
    views.of("wait").await?;
    declined.tell(json!({ "do": "decline" })).await?;
    portal.problem().await?;
    views.of("declined").await?;
    portal.go_on().await?;
    browser.screen("enter").await?;
    let card =
        json!({ "name": "Mara Lind", "insured with": "City Mutual", "number": "A 4711 0815", "phone": "0170 5550142" });
    let card = desk.device.add_bytes("Insurance card.json", card.to_string()).await?;
    let mut lending = desk.show_code(&["--withhold", &format!("{card}:/phone")]).await?;
    browser.type_code(&lending.code).await?;
    approve(&mut lending).await?;
    browser.screen("session").await?;
    browser.lists("Ramipril").await?;
    views.dense("session").await?;
    browser.open("Ramipril").await?;
    views.dense("record").await?;
    browser.open("Insurance card").await?;
    views.dense("record-withheld").await?;
    views.with("outcome", true, &asked("end")).await?;
    browser.run(CLOSE).await?;
    views.with("hand-over", true, &asked("hand-over")).await?;
    browser.run(&asked("end")).await?;
    browser.tap("outcome-end").await?;
    browser.reason().await?;
    views.of_the_end().await?;
    of_a_supervisor(&mut views).await?;

    let own = camera.done()?;
    let framed = in_a_console(&folder).await?;
    let pictures = [own, framed, on_the_way_to_a_provider(&folder).await?].iter().sum::<usize>();

    println!("\n{pictures} screenshots in target/demo-agent/\n");
    println!("{}", json!({ "demo": "agent, headless", "screenshots": pictures }));
    Ok(())
}

/// The same browser, enrolled for a supervisor: a look that the customer ends, and what is left of all looks.
async fn of_a_supervisor(views: &mut Views<'_>) -> Result<()> {
    let (desk, portal) = (views.desk, &views.desk.portal);
    portal.load("signed-out").await?;
    portal.press(".desk summary").await?;
    portal.press(".desk button.danger").await?;
    portal.stage("stranger").await?;
    portal.enrol(&desk.organisation.invite_supervisor(SUPERVISOR).await?).await?;
    desk.organisation.issue().await?;
    portal.sign_in("ready").await?;
    let mut lending = desk.lend(CASE, REASON, &[]).await?;
    lending.end().await?;
    portal.browser.shows("#outcome-none").await?;
    views.of("outcome-after").await?;
    portal.over(None).await?;
    portal.press("#again").await?;
    portal.sign_in("ready").await?;
    views.dense("ready-supervisor").await?;
    portal.press("#supervise").await?;
    portal.stage("ledger").await?;
    portal.browser.shows("#ledger-export").await?;
    views.dense("ledger").await?;
    portal.press(".ledger-rows button").await?;
    portal.browser.shows("#ledger-verdict").await?;
    views.dense("ledger-trail").await
}

/// Pictures of a screen from all sides.
struct Views<'a> {
    desk: &'a Desk<Chromium>,
    camera: &'a mut Camera,
}

impl Views<'_> {
    async fn of(&mut self, screen: &str) -> Result<()> {
        self.with(screen, false, "").await
    }

    /// Dark and narrow, and all of it at once, as well: for those with much on them.
    async fn dense(&mut self, screen: &str) -> Result<()> {
        self.with(screen, true, "").await
    }

    /// The same, where `again` brings back what goes when another language draws the screen anew.
    async fn with(&mut self, screen: &str, dense: bool, again: &str) -> Result<()> {
        let browser = &self.desk.portal.browser;
        browser.run(again).await?;
        self.camera.take_sizes(screen, None, dense).await?;
        self.camera.resize(None).await?;
        browser.speak("ar").await?;
        browser.run(again).await?;
        self.camera.take(&format!("{screen}-ar")).await?;
        if dense {
            self.camera.narrow().await?;
            self.camera.take_dark(&format!("{screen}-ar-360-dark")).await?;
            self.camera.resize(None).await?;
        }
        browser.speak("en").await?;
        browser.run(again).await.map(drop)
    }

    async fn of_the_end(&mut self) -> Result<()> {
        self.camera.take_sizes("ended", None, true).await?;
        self.camera.resize(None).await?;
        self.camera.end_in("ar").await?;
        self.camera.take("ended-ar").await
    }
}

/// Has a button ask, anew where it has asked already.
fn asked(button: &str) -> String {
    format!("{CLOSE}; document.getElementById({}).click()", json!(button))
}
