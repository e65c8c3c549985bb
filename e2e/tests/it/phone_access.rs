//! Whether the phone page can be used by those who do not see it, or have only keys or a small screen: the project's own
//! audit and axe-core, on each screen, in light and dark, wide and at 360 px, from left to right and from right to left.
//! Firefox is started once for the light and once for the dark.

use anyhow::{Context as _, Result};
use e2e::agent::{ORGANISATION, Organisation};
use e2e::browser::{Browser, Kind};
use e2e::device::field;
use e2e::phone::{PASSPHRASE, Phone};
use serde_json::json;

use crate::access::Look;
use crate::agents::{CASE, REASON};
use crate::phone::Pair;
use crate::phone_agents::{code_for_agent, to_agent, with_phone};
use crate::phone_writes::{Family, look_at, write};
use crate::withholding::withhold;

/// Makes of each story one test in Chromium and two in Firefox.
macro_rules! with_each_eye {
    ($($story:ident),+ $(,)?) => {
        mod chromium {
            $(
                #[tokio::test]
                async fn $story() -> anyhow::Result<()> {
                    super::$story(super::Eye { kind: e2e::browser::Kind::Chromium, dark: false }).await
                }
            )+
        }

        mod firefox {
            mod light {
                $(
                    #[tokio::test]
                    async fn $story() -> anyhow::Result<()> {
                        use crate::phone_access::{self, Eye};
                        phone_access::$story(Eye { kind: e2e::browser::Kind::Firefox, dark: false }).await
                    }
                )+
            }

            mod dark {
                $(
                    #[tokio::test]
                    async fn $story() -> anyhow::Result<()> {
                        use crate::phone_access::{self, Eye};
                        phone_access::$story(Eye { kind: e2e::browser::Kind::Firefox, dark: true }).await
                    }
                )+
            }
        }
    };
}

with_each_eye!(
    what_axe_core_would_say_is_heard_with_axe,
    everybody_can_found_unlock_add_and_read_with_axe,
    everybody_can_decide_about_what_others_wrote_with_axe,
    everybody_can_lend_approve_watch_and_end_with_axe,
    everybody_can_reach_the_seldom_places_with_axe,
    everybody_can_lend_to_an_agent_or_see_that_nobody_vouches_with_axe,
);

/// Who looks. Chromium looks in light and dark by turns.
#[derive(Clone, Copy)]
struct Eye {
    kind: Kind,
    dark: bool,
}

impl Eye {
    async fn open(self) -> Result<Browser> {
        match self.kind {
            Kind::Chromium => Browser::start(self.kind).await,
            Kind::Firefox => Browser::firefox_still(self.dark).await,
        }
    }

    async fn at(self, phone: &Phone<Browser>) -> Result<Look<'_>> {
        Look::with_second(&phone.browser, self.dark, axe()?).await
    }
}

/// The script of axe-core and a look with it, as a promise of what it found.
pub(crate) fn axe() -> Result<String> {
    let path = std::env::var_os("GLIMPSE_AXE").context("GLIMPSE_AXE names no axe.min.js: run by cargo xtask test")?;
    let script = std::fs::read_to_string(path)?;
    // Of what it cannot judge it says so, and that is no finding.
    Ok(format!(
        "{script}; return window.axe.run(document, {{ resultTypes: ['violations'] }}).then(({{ violations }}) => violations.flatMap(\
         ({{ id, help, nodes }}) => nodes.map(node => `axe ${{id}}: ${{help}} ${{node.html.slice(0, 120)}}`)))"
    ))
}

/// A screen in both directions.
async fn both_ways(phone: &Phone<Browser>, look: &mut Look<'_>, name: &str) -> Result<()> {
    for language in ["ar", "en"] {
        phone.browser.speak(language).await?;
        look.screen(&format!("phone-{name}-{language}")).await?;
    }
    Ok(())
}

async fn what_axe_core_would_say_is_heard_with_axe(eye: Eye) -> Result<()> {
    let pair = Pair::around(eye.open()).await?;
    let mut look = eye.at(&pair.phone).await?;
    assert_eq!(look.audit().await?, Vec::<String>::new(), "control");
    let fault = "const image = new Image(); image.src = 'assets/x.svg'; document.getElementById('main').append(image); return true";
    assert_eq!(pair.phone.browser.run(fault).await?, json!(true));
    let found = look.audit().await?;
    assert!(found.iter().any(|each| each.starts_with("axe image-alt")), "{found:?}");
    Ok(())
}

async fn everybody_can_found_unlock_add_and_read_with_axe(eye: Eye) -> Result<()> {
    let server = e2e::server::Server::start().await?;
    let phone = Phone::around(eye.open().await?, &server.url()).await?;
    let mut look = eye.at(&phone).await?;
    both_ways(&phone, &mut look, "start").await?;
    phone.browser.write("passphrase", "short").await?;
    phone.browser.tap("gate-go").await?;
    phone.browser.reads("At least 8 characters.").await?;
    look.screen("phone-start-short").await?;
    phone.found("Mara Lind").await?;
    both_ways(&phone, &mut look, "empty").await?;
    phone.go("add").await?;
    both_ways(&phone, &mut look, "add").await?;
    phone
        .add("a-title-that-is-so-long-that-it-fits-no-narrow-screen-and-has-no-place-to-break", &"x".repeat(400))
        .await?;
    phone.add("Blood pressure", "120 over 80").await?;
    both_ways(&phone, &mut look, "list").await?;
    phone.browser.open("Blood pressure").await?;
    both_ways(&phone, &mut look, "record").await?;
    phone.browser.tap("delete").await?;
    look.screen("phone-delete").await?;
    phone.browser.run("document.querySelector('.ask-dialog').close()").await?;
    phone.go("more").await?;
    both_ways(&phone, &mut look, "more").await?;
    phone.lock().await?;
    both_ways(&phone, &mut look, "locked").await?;
    phone.type_passphrase(&format!("not {PASSPHRASE}")).await?;
    phone.browser.reads("That is not the passphrase of this device.").await?;
    both_ways(&phone, &mut look, "wrong").await?;
    look.done();
    Ok(())
}

async fn everybody_can_decide_about_what_others_wrote_with_axe(eye: Eye) -> Result<()> {
    let family = Family::with(eye.open()).await?;
    let Family { tablet, phone, .. } = &family;
    let long = "a-writer-whose-name-is-so-long-that-it-fits-no-narrow-screen-and-has-no-place-to-break";
    for (from, title) in [(long, "Result"), ("", "No name"), ("Clinic", long), ("Shop", "Advert")] {
        write(tablet, from, title, "Take one a day.").await?;
    }
    family.phone.reopen().await?;
    let mut look = eye.at(phone).await?;
    phone.browser.lists("Result").await?;
    both_ways(phone, &mut look, "waiting").await?;
    phone.go("inbox").await?;
    phone.browser.shows("#held").await?;
    both_ways(phone, &mut look, "held-closed").await?;
    phone.browser.run("document.querySelector('#held summary').click()").await?;
    phone.browser.shows("#reject-all").await?;
    look.screen("phone-held-open").await?;
    phone.browser.tap("reject-all").await?;
    phone.browser.shows("dialog[open]").await?;
    look.screen("phone-held-reject-all").await?;
    phone.browser.run("document.querySelector('dialog .plain').click()").await?;
    look_at(phone, "Result").await?;
    both_ways(phone, &mut look, "decision").await?;
    phone.browser.tap("approve").await?;
    phone.browser.reads(", approved.").await?;
    both_ways(phone, &mut look, "approved").await?;
    look.done();
    Ok(())
}

async fn everybody_can_lend_approve_watch_and_end_with_axe(eye: Eye) -> Result<()> {
    let pair = Pair::around(eye.open()).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    let mut look = eye.at(phone).await?;
    phone.go("lend").await?;
    both_ways(phone, &mut look, "choose").await?;
    phone.go("records").await?;
    let code = phone.lend(&["Shopping"]).await?;
    look.screen("phone-code-en").await?;
    let words = phone.asked_by(viewer, &pair.site(), &code).await?;
    both_ways(phone, &mut look, "asking").await?;
    phone.pick(&words).await?;
    phone.browser.shows("#end").await?;
    viewer.open("Shopping").await?;
    pair.mirrored("Shopping", "On their screen").await?;
    both_ways(phone, &mut look, "running").await?;
    viewer.press("more-time").await?;
    phone.browser.reads("They ask for").await?;
    both_ways(phone, &mut look, "running-asked").await?;
    phone.browser.tap("more-open").await?;
    look.screen("phone-running-more").await?;
    pair.line.cut();
    phone.browser.reads("No connection. Time goes on").await?;
    both_ways(phone, &mut look, "running-offline").await?;
    pair.line.mend();
    phone.browser.tap("end").await?;
    phone.over().await?;
    both_ways(phone, &mut look, "over").await?;
    phone.browser.tap("again").await?;
    phone.code().await?;
    phone.browser.tap("cancel").await?;
    phone.over().await?;
    both_ways(phone, &mut look, "over-nothing").await?;
    look.done();
    Ok(())
}

/// Fields to withhold, the question of an agent, the look as it is mirrored, the hand-over, and the red screen; the way to a report
/// stands on three of them. The report itself is a file, and changes no screen.
async fn everybody_can_lend_to_an_agent_or_see_that_nobody_vouches_with_axe(eye: Eye) -> Result<()> {
    let (desk, phone) = with_phone(Kind::Chromium, eye.open()).await?;
    desk.device.add_bytes("chart.json", json!({ "name": "Ada", "born": { "year": 1815 } }).to_string()).await?;
    phone.reopen().await?;
    let mut look = eye.at(&phone).await?;
    phone.browser.lists("chart").await?;
    phone.go("lend").await?;
    phone.tick(&["chart"]).await?;
    to_agent(&phone).await?;
    both_ways(&phone, &mut look, "agent-choose").await?;
    withhold(&phone, &["/name"]).await?;
    phone.browser.run("document.querySelector('.withhold-rows button').click()").await?;
    phone.browser.shows(".fields-to-withhold").await?;
    both_ways(&phone, &mut look, "agent-fields").await?;
    phone.browser.tap("withhold-done").await?;
    desk.portal.look(CASE, REASON).await?;
    let code = code_for_agent(&phone, &[]).await?;
    both_ways(&phone, &mut look, "agent-code").await?;
    desk.portal.browser.type_code(&code).await?;
    phone.browser.shows("#approve-agent").await?;
    phone.browser.reads("1 field was withheld").await?;
    both_ways(&phone, &mut look, "agent-asking").await?;
    phone.browser.tap("approve-agent").await?;
    phone.browser.shows("#hand-over").await?;
    desk.portal.browser.screen("session").await?;
    desk.portal.browser.run("document.querySelector('.ask').open = true").await?;
    desk.portal.browser.write("ask", "the letter of March").await?;
    desk.portal.browser.run("document.querySelector('.ask button').click()").await?;
    phone.browser.reads("the letter of March").await?;
    both_ways(&phone, &mut look, "agent-running").await?;
    // The same to a colleague; then another device makes another record of it.
    phone.browser.tap("hand-over").await?;
    phone.code().await?;
    both_ways(&phone, &mut look, "agent-handed-over").await?;
    let new = desk.device.folder().join("new.json");
    tokio::fs::write(&new, json!({ "name": "Ada", "born": 1815, "alias": "Ada" }).to_string()).await?;
    let id = field(desk.device.run(&["ls"]).await?.first().context("a record")?, "record")?;
    desk.device.run(&["put", "--title", "chart of today", &id, &new.display().to_string()]).await?;
    phone.browser.run("dispatchEvent(new Event('online'))").await?;
    phone.go("records").await?;
    phone.browser.lists("chart of today").await?;
    phone.go("lend").await?;
    phone.browser.tap("code-again").await?;
    phone.over().await?;
    both_ways(&phone, &mut look, "agent-changed").await?;
    phone.browser.tap("again").await?;
    phone.browser.shows("#withhold-renewed").await?;
    both_ways(&phone, &mut look, "agent-fields-again").await?;
    phone.browser.tap("withhold-done").await?;

    // Nobody vouches: the customer has taken the pin away.
    desk.device.run(&["chain", "unpin", ORGANISATION]).await?;
    let other = Organisation::found(&desk.url(), "Lakeside Clinic").await?;
    desk.device.run(&["chain", "pin", "Lakeside Clinic", "--card", &other.card().await?]).await?;
    phone.reopen().await?;
    desk.portal.browser.go(&format!("{}/agent", desk.url())).await?;
    desk.portal.sign_in("ready").await?;
    desk.portal.look(CASE, REASON).await?;
    let code = code_for_agent(&phone, &["chart of today"]).await?;
    desk.portal.browser.type_code(&code).await?;
    phone.browser.shows("#no-agent-back").await?;
    both_ways(&phone, &mut look, "no-agent").await?;
    look.done();
    Ok(())
}

/// What is reached by way of "More", what comes before there is an account, and the watch.
async fn everybody_can_reach_the_seldom_places_with_axe(eye: Eye) -> Result<()> {
    let server = e2e::server::Server::start().await?;
    let phone = Phone::around(eye.open().await?, &server.url()).await?;
    let mut look = eye.at(&phone).await?;
    phone.browser.tap("to-join").await?;
    phone.browser.screen("join").await?;
    both_ways(&phone, &mut look, "join").await?;
    phone.load("start").await?;
    phone.browser.tap("restore").await?;
    phone.browser.screen("restore").await?;
    both_ways(&phone, &mut look, "restore").await?;
    phone.browser.tap("restore-leave").await?;
    phone.found("Mara Lind").await?;
    phone.go("add").await?;
    phone.browser.tap("what-measure").await?;
    look.screen("phone-measurement").await?;
    phone.browser.write("measure-systolic_blood_pressure", "128").await?;
    phone.browser.write("measure-diastolic_blood_pressure", "82").await?;
    phone.browser.tap("measure-go").await?;
    phone.browser.lists("Blood pressure").await?;
    phone.browser.open("Blood pressure").await?;
    phone.browser.tap("replace").await?;
    phone.browser.shows("#measure-go").await?;
    both_ways(&phone, &mut look, "new-version").await?;
    phone.go("inbox").await?;
    both_ways(&phone, &mut look, "inbox").await?;
    for place in ["sessions", "kit", "settings", "devices"] {
        phone.go("more").await?;
        phone.browser.tap(&format!("more-{place}")).await?;
        phone.browser.screen(place).await?;
        both_ways(&phone, &mut look, place).await?;
    }
    phone.browser.tap("devices-link").await?;
    phone.browser.screen("link").await?;
    both_ways(&phone, &mut look, "link").await?;
    phone.browser.tap("link-square").await?;
    phone.browser.shows("#link-cancel").await?;
    look.screen("phone-link-square").await?;
    phone.browser.tap("link-cancel").await?;
    phone.more("kit").await?;
    phone.browser.tap("kit-draw").await?;
    phone.browser.shows("#kit-kept").await?;
    both_ways(&phone, &mut look, "kit-pages").await?;
    look.done();
    Ok(())
}
