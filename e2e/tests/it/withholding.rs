//! Fields that somebody does not lend: they are in nothing that reaches the other side, which is told how many they are.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::Desk;
use e2e::browser::{Browser, Kind};
use e2e::device::{Device, Lending, field, is};
use e2e::phone::Phone;
use e2e::scan::{Needle, scan_processes};
use e2e::server::Server;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::agents::{CASE, REASON};
use crate::phone_agents::{to_agent, with_phone};

in_both!(
    t061_an_agent_sees_that_fields_were_withheld_and_nothing_of_them,
    a_person_withholds_fields_on_the_phone_page,
    t061_fields_chosen_on_the_phone_page_are_those_of_the_version_that_is_lent,
    an_agent_hands_over_and_a_colleague_has_a_look_of_their_own,
);

const TITLE: &str = "zinnia-chart";
const KEPT: &str = "hollyhock-kept-in-the-open";
const GONE: &str = "delphinium-to-nobody-at-all";
const ELSEWHERE: &str = "snapdragon-beside-it";

fn record() -> String {
    json!({ "shown": KEPT, "secret": { "note": GONE, "more": [1, 2] }, "beside": ELSEWHERE }).to_string()
}

/// What stands in the whole document.
async fn document(browser: &Browser) -> Result<String> {
    Ok(browser.value("document.documentElement.outerHTML").await?.to_string())
}

fn withheld(event: &Value) -> Option<u64> {
    event["records"].as_array()?.first()?["withheld"].as_u64()
}

async fn granted(desk: &Desk, more: &[&str]) -> Result<(Lending, Value)> {
    desk.portal.look(CASE, REASON).await?;
    let mut lending = desk.show_code(more).await?;
    desk.portal.browser.type_code(&lending.code).await?;
    lending.event("agent").await?;
    lending.tell(json!({ "do": "approve-agent" })).await?;
    let granted = lending.event("granted").await?;
    desk.portal.browser.screen("session").await?;
    Ok((lending, granted))
}

async fn t061_an_agent_sees_that_fields_were_withheld_and_nothing_of_them(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    let browser = &desk.portal.browser;
    let id = desk.device.add_bytes(&format!("{TITLE}.json"), record()).await?;
    let wish = format!("{id}:/secret");
    let needles = [Needle::text("kept", KEPT), Needle::text("gone", GONE)];
    for cut in [true, false] {
        let more: &[&str] = if cut { &["--withhold", &wish] } else { &[] };
        let (mut lending, granted) = granted(&desk, more).await?;
        assert_eq!(withheld(&granted), Some(u64::from(cut)), "{granted}");
        browser.open(TITLE).await?;
        browser.reads(KEPT).await?;
        let page = document(browser).await?;
        assert_eq!(page.contains("1 field was withheld"), cut);
        // Positive control: lent whole, the same search finds it.
        assert_eq!(page.contains(GONE), !cut);
        if kind == Kind::Chromium && cut {
            // Not in the memory of the processes either: it never came.
            let mut tools = browser.connect_devtools().await?;
            let hits = scan_processes(&tools.renderers().await?, &needles)?;
            ensure!(hits["kept"] > 0, "control: what was lent is found: {hits:?}");
            assert_eq!(hits["gone"], 0, "{hits:?}");
        }
        if cut {
            copied(browser).await?;
        }
        desk.portal.end().await?;
        let ended = lending.event_last().await?;
        assert!(is(&ended, "ended"), "{ended}");
        let trail = desk.device.run(&["receipts", &field(&ended, "session")?]).await?;
        let summary = trail.iter().find(|event| is(event, "trail")).context("a trail")?;
        assert_eq!((&summary["withheld"], &summary["verified"]), (&json!(u64::from(cut)), &json!(true)));
        browser.go(&format!("{}/agent", desk.url())).await?;
        desk.portal.sign_in("ready").await?;
    }
    Ok(())
}

/// What an agent copies says where it is from, and that it is not all.
async fn copied(browser: &Browser) -> Result<()> {
    // A clipboard of its own: what a script makes up brings none that could be written to in every browser.
    let script = "const pane = document.querySelector('.record-pane .body'); getSelection().selectAllChildren(pane); \
        let taken = ''; const event = new Event('copy', { bubbles: true, cancelable: true }); \
        Object.defineProperty(event, 'clipboardData', { value: { setData: (_, text) => (taken = text) } }); \
        pane.dispatchEvent(event); return taken";
    let text = browser.run(script).await?;
    let text = text.as_str().unwrap_or_default();
    ensure!(text.contains(CASE) && text.contains("1 field was withheld"), "{text:?}");
    Ok(())
}

/// Chooses a file on the screen for a new record.
async fn add_file(phone: &Phone<Browser>, name: &str, content: &str) -> Result<()> {
    phone.go("add").await?;
    let script = format!(
        "const data = new DataTransfer(); data.items.add(new File([{}], {})); const input = document.getElementById('file'); \
         input.files = data.files; input.dispatchEvent(new Event('change', {{ bubbles: true }}))",
        json!(content),
        json!(name)
    );
    phone.browser.run(&script).await?;
    phone.browser.tap("add-go").await?;
    phone.browser.screen("records").await?;
    phone.browser.lists(name.split('.').next().unwrap_or_default()).await
}

/// Opens the fields of the record that is offered, and ticks these.
pub(crate) async fn withhold(phone: &Phone<Browser>, pointers: &[&str]) -> Result<()> {
    phone.browser.shows(".withhold-rows button").await?;
    phone.browser.run("document.querySelector('.withhold-rows button').click()").await?;
    withhold_on(phone, pointers).await?;
    phone.browser.reads(if pointers.len() == 1 { "1 field withheld" } else { "2 fields withheld" }).await
}

/// The same of the record with this title.
async fn withhold_row(phone: &Phone<Browser>, title: &str, pointers: &[&str]) -> Result<()> {
    let script = format!(
        "[...document.querySelectorAll('.withhold-rows li')].find(row => row.textContent.includes({})).querySelector('button').click()",
        json!(title)
    );
    phone.browser.run(&script).await?;
    withhold_on(phone, pointers).await
}

/// Ticks these, where the fields of a record stand.
async fn withhold_on(phone: &Phone<Browser>, pointers: &[&str]) -> Result<()> {
    for pointer in pointers {
        let script = format!(
            "(box => {{ if (!box) return false; if (!box.checked) box.click(); return true }})\
               ([...document.querySelectorAll('.fields-to-withhold input')].find(box => box.value === {}))",
            json!(pointer)
        );
        phone.browser.becomes(&format!("{pointer} is ticked"), &script, true).await?;
    }
    phone.browser.tap("withhold-done").await
}

async fn a_person_withholds_fields_on_the_phone_page(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::with_account_in(kind, &server.url(), "Mara Lind").await?;
    add_file(&phone, &format!("{TITLE}.json"), &record()).await?;
    add_file(&phone, "flowers.csv", &format!("name,where\n{KEPT},{GONE}\nrose,{ELSEWHERE}\n")).await?;
    phone.add("Letter", "Dear reader").await?;
    phone.go("lend").await?;
    phone.tick(&["Letter"]).await?;
    phone.browser.reads("has no fields: it is lent whole").await?;
    phone.tick(&[TITLE]).await?;
    withhold(&phone, &["/secret", "/beside"]).await?;
    phone.browser.tap("lend-go").await?;
    let code = phone.code().await?;
    let viewer = Browser::start(kind).await?;
    let words = phone.asked_by(&viewer, &server.url(), &code).await?;
    phone.browser.reads("2 fields were withheld").await.context("the person sees it before the yes")?;
    phone.pick(&words).await?;
    viewer.screen("session").await?;
    viewer.open(TITLE).await?;
    viewer.reads(KEPT).await?;
    viewer.reads("2 fields were withheld").await?;
    let page = document(&viewer).await?;
    ensure!(!page.contains(GONE) && !page.contains(ELSEWHERE), "{page}");
    ensure!(phone.lent_row(TITLE).await?.contains("2 fields withheld"), "the mirror says so");

    // One more record, without a column of it.
    phone.browser.tap("more-open").await?;
    phone.tick(&["flowers"]).await?;
    withhold(&phone, &["/where"]).await?;
    phone.browser.tap("lend-more").await?;
    viewer.lists("flowers").await?;
    viewer.open("flowers").await?;
    viewer.reads("rose").await?;
    let page = document(&viewer).await?;
    ensure!(page.contains(KEPT) && !page.contains(GONE), "{page}");

    // Positive control: whole, it is there.
    phone.browser.tap("end").await?;
    phone.over().await?;
    phone.browser.tap("over-close").await?;
    let again = Browser::start(kind).await?;
    phone.lend_to(&again, &server.url(), &[TITLE]).await?;
    again.open(TITLE).await?;
    again.reads(GONE).await
}

/// Another device of the account makes another version of a record; the phone learns of it.
async fn replaced(other: &Device, phone: &Phone<Browser>, id: &str, title: &str, content: Value) -> Result<()> {
    let file = other.folder().join("other.json");
    tokio::fs::write(&file, content.to_string()).await?;
    other.run(&["put", "--title", title, id, &file.display().to_string()]).await?;
    phone.browser.run("dispatchEvent(new Event('online'))").await?;
    phone.go("records").await?;
    phone.browser.lists(title).await
}

async fn t061_fields_chosen_on_the_phone_page_are_those_of_the_version_that_is_lent(kind: Kind) -> Result<()> {
    let (desk, phone) = with_phone(kind, Browser::start(kind)).await?;
    let id = desk.device.add_bytes(&format!("{TITLE}.json"), record()).await?;
    phone.reopen().await?;
    phone.browser.lists(TITLE).await?;
    phone.go("lend").await?;
    phone.tick(&[TITLE]).await?;
    withhold(&phone, &["/secret"]).await?;
    // To whom is chosen once.
    to_agent(&phone).await?;
    phone.browser.run("document.querySelector('input[name=minutes][value=\"30\"]').click()").await?;
    phone.browser.tap("save-too").await?;
    let wished = "[...document.querySelectorAll('.lend .minutes input:checked')].map(i => i.value).concat(document.getElementById('save-too').checked)";
    assert_eq!(phone.browser.value(wished).await?, json!(["agent", "30", true]), "control");
    phone.browser.tap("lend-go").await?;
    // Control: the version in which they were chosen is lent, and once more.
    let first = phone.code().await?;
    phone.browser.tap("code-again").await?;
    until("another code", async || phone.code().await.ok().filter(|code| *code != first)).await?;
    phone.browser.tap("cancel").await?;
    phone.over().await?;

    // What was the secret has another name in the version of the other device.
    let other = json!({ "shown": KEPT, "secret": 1, "memo": GONE, "beside": ELSEWHERE });
    replaced(&desk.device, &phone, &id, "zinnia-anew", other).await?;
    phone.go("lend").await?;
    phone.browser.tap("again").await?;
    phone.browser.reads("there is another version").await.context("it is said, and nothing is lent")?;
    ensure!(phone.browser.value("document.querySelector('.big-code')").await?.is_null(), "no code is shown");
    let label = phone.browser.value("document.getElementById('again').textContent").await?;
    assert_eq!(label, "Choose its fields again");
    phone.browser.tap("again").await?;

    // Its fields stand there; what has the same name is ticked, and what is new is chosen.
    phone.browser.shows("#withhold-renewed").await?;
    let ticked = "[...document.querySelectorAll('.fields-to-withhold input')].map(box => [box.value, box.checked])";
    assert_eq!(
        phone.browser.value(ticked).await?,
        json!([["/shown", false], ["/secret", true], ["/memo", false], ["/beside", false]])
    );
    assert_eq!(phone.browser.value(wished).await?, json!(["agent", "30", true]), "what was chosen beside them stays");
    phone.browser.run("document.querySelector('input[name=to][value=own-screen]').click()").await?;
    withhold_on(&phone, &["/memo"]).await?;
    phone.browser.reads("2 fields withheld").await?;
    phone.browser.tap("lend-go").await?;
    let code = phone.code().await?;
    let viewer = Browser::start(kind).await?;
    phone.answer(&viewer, &desk.url(), &code).await?;
    viewer.open("zinnia-anew").await?;
    viewer.reads(KEPT).await?;
    let page = document(&viewer).await?;
    ensure!(page.contains(ELSEWHERE) && !page.contains(GONE), "{page}");

    // The same for what is lent on top.
    let more = desk.device.add_bytes("flowers.json", json!({ "name": "rose", "where": GONE }).to_string()).await?;
    phone.browser.run("dispatchEvent(new Event('online'))").await?;
    phone.browser.tap("more-open").await?;
    phone.tick(&["flowers"]).await?;
    withhold(&phone, &["/where"]).await?;
    replaced(&desk.device, &phone, &more, "flowers-anew", json!({ "name": "rose", "place": GONE, "where": 1 })).await?;
    phone.go("lend").await?;
    phone.browser.tap("more-open").await?;
    phone.browser.tap("lend-more").await?;
    phone.browser.reads("there is another version").await?;
    ensure!(!viewer.titles().await?.iter().any(|title| title.contains("flowers")), "it is not lent");
    phone.browser.tap("more-open").await?;
    phone.browser.reads("new version: look at its fields").await?;
    withhold_row(&phone, "flowers-anew", &["/place"]).await?;
    phone.browser.tap("lend-more").await?;
    viewer.lists("flowers-anew").await?;
    viewer.open("flowers-anew").await?;
    viewer.reads("rose").await?;
    ensure!(!document(&viewer).await?.contains(GONE), "what has the same name and what was ticked is not there");
    Ok(())
}

async fn an_agent_hands_over_and_a_colleague_has_a_look_of_their_own(kind: Kind) -> Result<()> {
    let desk = Desk::ready(kind).await?;
    desk.device.add_bytes(&format!("{TITLE}.json"), record()).await?;
    let (mut first, _) = granted(&desk, &[]).await?;
    desk.portal.browser.tap("hand-over").await?;
    desk.portal.browser.shows("#hand-over-how").await?;
    desk.portal.browser.reads("Lend the same to a colleague").await?;
    desk.portal.browser.tap("outcome-end").await?;
    desk.portal.browser.reason().await?;
    let before = first.event("ended").await?;

    let colleague = desk.another(kind, "Robin Vale").await?;
    colleague.look(CASE, REASON).await?;
    let mut second = desk.show_code(&[]).await?;
    colleague.browser.type_code(&second.code).await?;
    let asked = second.event("agent").await?;
    assert_eq!(field(&asked, "name")?, "Robin Vale", "the customer sees who goes on before anything is shared");
    second.tell(json!({ "do": "approve-agent" })).await?;
    second.event("granted").await?;
    colleague.browser.screen("session").await?;
    colleague.browser.open(TITLE).await?;
    colleague.browser.reads(KEPT).await?;
    let after = second.end().await?;
    let (before, after) = (field(&before, "session")?, field(&after, "session")?);
    assert_ne!(before, after);
    // Each log says who it was.
    for (session, name) in [(before, e2e::agent::AGENT), (after, "Robin Vale")] {
        let log = desk.device.run(&["receipts", &session]).await?;
        let asked = log.iter().find(|event| is(event, "asked")).context("who asked")?;
        assert_eq!((field(asked, "name")?.as_str(), field(asked, "case")?.as_str()), (name, CASE));
    }
    Ok(())
}

/// An agent may ask for it by name: there is no unit of what is never lent.
#[tokio::test]
async fn t061_what_is_never_lent_is_refused_to_an_agent_who_asks_for_it() -> Result<()> {
    let desk = Desk::ready(Kind::Chromium).await?;
    desk.device.add_bytes(&format!("{TITLE}.json"), record()).await?;
    let (mut lending, _) = granted(&desk, &[]).await?;
    let folder = tempfile::tempdir()?;
    let added = |events: Vec<Value>| field(events.first().context("an event")?, "record");
    let key = folder.path().join("vendor key.txt");
    tokio::fs::write(&key, GONE).await?;
    let key = added(desk.device.run(&["add", "--never-lend", &key.display().to_string()]).await?)?;
    let other = desk.device.add_bytes("other.txt", ELSEWHERE).await?;
    desk.portal.browser.run("document.querySelector('.ask').open = true").await?;
    desk.portal.browser.write("ask", "the vendor key").await?;
    desk.portal.browser.run("document.querySelector('.ask button').click()").await?;
    assert_eq!(field(&lending.event("asked").await?, "text")?, "the vendor key");
    lending.tell(json!({ "do": "add", "records": [key] })).await?;
    assert_eq!(field(&lending.event("not-changed").await?, "code")?, "never-lend");
    // Positive control: what may be lent arrives.
    lending.tell(json!({ "do": "add", "records": [other] })).await?;
    lending.event("changed").await?;
    desk.portal.browser.lists("other").await?;
    ensure!(!desk.portal.browser.titles().await?.iter().any(|title| title.contains("vendor")), "it is in no list");
    assert_eq!(desk.device.refused(&["lend", "--agent", &key]).await?, "never-lend");
    Ok(())
}
