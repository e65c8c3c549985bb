//! Attacks on what people do with the watch's page: rows 20, 34, 35, 66, 87 and 95.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use e2e::browser::{Browser, Chromium, Kind};
use e2e::device::{Device, field};
use e2e::proxy::Proxy;
use e2e::record::TITLE;
use e2e::worn::{PIN, Worn};
use serde_json::{Value, json};

use crate::ending::leave_and_come_back;
use crate::flood::{FLOOD, MANY_CLAIMS, claims};
use crate::phone::with_line;
use crate::phone_attacks::{HELPED, LINKS, begun};
use crate::phone_watch::worn;
use crate::phone_writes::{Family, write_all};
use crate::requests::foreign;

in_both!(
    t020_a_look_that_is_broken_off_on_the_watch_is_granted_at_no_later_time,
    t020_a_linking_that_is_broken_off_on_the_watch_brings_nobody_in,
    t034_no_address_of_the_watch_links_or_lends,
    t035_a_flood_asks_nothing_of_the_watch_and_a_code_asks_once,
    t066_back_to_the_watch_shows_a_locked_page,
    t087_every_request_of_the_watch_goes_to_its_own_origin,
    t095_no_field_of_the_watch_is_filled_in_checked_or_translated_by_the_browser,
);

/// Puts the watch out of sight when it is told to, as a window behind another one is.
const OUT_OF_SIGHT: &str = "let away = false; Object.defineProperty(Document.prototype, 'hidden', { get: () => away }); \
    addEventListener('covered', () => { away = true; document.dispatchEvent(new Event('visibilitychange')) })";

/// Whoever types a code is told that there is nobody any more.
pub(crate) async fn nobody_answers(viewer: &Browser, site: &str, code: &str) -> Result<()> {
    viewer.enter(site, code).await?;
    let told = viewer.failure().await?;
    let gone = ["This code was used before.", "The device is not connected."];
    assert!(gone.iter().any(|gone| told.contains(gone)), "{told}");
    Ok(())
}

/// Something is carried for a watch that shows a code.
async fn carried(line: &Proxy) -> Result<()> {
    line.has_sockets(1).await
}

/// Nothing is carried any more for a watch that showed a code: the server knows that it is gone.
async fn carried_no_longer(line: &Proxy) -> Result<()> {
    line.has_sockets(0).await
}

async fn t020_a_look_that_is_broken_off_on_the_watch_is_granted_at_no_later_time(kind: Kind) -> Result<()> {
    let (server, line) = with_line().await?;
    let (worn, viewer) = (worn(kind, &line.url()).await?, Chromium::start().await?);
    worn.face().await?.run_first(OUT_OF_SIGHT).await?;
    worn.load("").await?;
    worn.linked().await?;
    let face = worn.face().await?;
    let leaves = async || -> Result<()> {
        worn.load("").await?;
        worn.unlock().await
    };
    let breaks_off = async |button: &str| -> Result<()> {
        face.tap(button).await?;
        face.tap("over-close").await?;
        face.screen("choose").await
    };
    // While the code is shown: cancelled, left by a reload, out of sight.
    for way in ["cancel", "reload", "covered"] {
        let code = worn.lend(TITLE).await?;
        carried(&line).await?;
        match way {
            "cancel" => breaks_off("cancel").await?,
            "reload" => leaves().await?,
            _ => {
                face.run("dispatchEvent(new Event('covered'))").await?;
                face.reads("was not on the screen").await?;
                leaves().await?;
            }
        }
        carried_no_longer(&line).await?;
        nobody_answers(&viewer, &server.url(), &code).await?;
    }
    // While the question is shown: declined, left by a reload.
    for way in ["decline", "reload"] {
        let code = worn.lend(TITLE).await?;
        viewer.enter(&server.url(), &code).await?;
        worn.pick(&viewer.words().await?).await?;
        if way == "decline" {
            breaks_off("decline").await?;
            viewer.failure().await?;
        } else {
            leaves().await?;
            face.shows("#lend-go").await?;
            carried_no_longer(&line).await?;
        }
    }
    assert_eq!(begun(&line), 0, "no session was begun");
    // Control: what is not broken off does.
    worn.lend_to(&viewer, &server.url(), TITLE).await?;
    assert_eq!(begun(&line), 1);
    // And a window that is closed ends what waits in it, as one that is loaded anew.
    face.tap("end").await?;
    face.tap("over-close").await?;
    let code = worn.lend(TITLE).await?;
    carried(&line).await?;
    face.driver.close_window().await?;
    worn.page().await?;
    carried_no_longer(&line).await?;
    nobody_answers(&viewer, &server.url(), &code).await
}

async fn t020_a_linking_that_is_broken_off_on_the_watch_brings_nobody_in(kind: Kind) -> Result<()> {
    let (_server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    for way in ["cancel", "reload"] {
        let code = worn.shows_code().await?;
        let page = worn.takes(&code).await?;
        let face = worn.face().await?;
        face.shows(".words:not([hidden])").await?;
        if way == "cancel" {
            face.tap("join-cancel").await?;
            face.reads("You broke it off.").await?;
            face.tap("dismiss").await?;
            face.screen("start").await?;
        }
        // What it had begun lies in its database, and shows the first screen as well.
        worn.load("").await?;
        face.screen("start").await?;
        worn.page().await?;
        if way == "reload" {
            // Whoever says yes all the same lets nobody in.
            page.run("document.querySelector('.word-choice input').click()").await?;
            page.tap("link-approve").await?;
        }
        page.shows("#link-close").await?;
        page.tap("link-close").await?;
        page.shows("#link-code").await?;
    }
    let devices = "document.querySelectorAll('#main .devices li:not(.gone-device)').length";
    let listed = async |count: usize| -> Result<()> {
        let page = &worn.page().await?.browser;
        worn.phone.more("devices").await?;
        page.shows("#devices-link").await?;
        page.becomes(&format!("{count} devices"), devices, count).await
    };
    listed(1).await?;
    // Control: what is not broken off brings it in.
    worn.linked().await?;
    listed(2).await
}

/// Whatever is on the watch that begins or approves something.
const QUESTIONS: &str = "[...document.querySelectorAll('#approve, .word-choice button, .big-code, .long-code, #trouble')] \
    .filter(e => e.getClientRects().length > 0).length";

/// How often a nameplate was claimed, which is how a code is used.
fn claimed(line: &Proxy) -> usize {
    let claim = |method: &str, path: &str| method != "GET" && path.contains("/v1/claims");
    line.exchanges().iter().filter(|(asked, _)| claim(asked.method.as_str(), &asked.path)).count()
}

async fn t034_no_address_of_the_watch_links_or_lends(kind: Kind) -> Result<()> {
    let (server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    // Somebody who would have the watch in an account of their own.
    let stranger = Device::create(&server.url()).await?;
    let mut link = stranger.begin(&["link", "--digits"])?;
    let code = field(&link.event("code").await?, "code")?;
    let face = worn.face().await?;
    let typed = "[...document.querySelectorAll('input:not([type=radio])')].map(field => field.value).join('')";
    for way in LINKS {
        worn.load(&way.replace("CODE", &code.replace(' ', ""))).await?;
        face.screen("start").await?;
        assert_eq!(face.value(typed).await?, json!(""), "{way} filled a field");
        assert_eq!(claimed(&line), 0, "{way} claimed a nameplate");
    }
    // Control: the person links the watch by the codes on the two screens, and that is what claims one.
    worn.load("").await?;
    worn.linked().await?;
    assert!(claimed(&line) > 0, "control: claims are seen");
    let before = claimed(&line);
    for way in LINKS {
        worn.load(&way.replace("CODE", &code.replace(' ', ""))).await?;
        worn.unlock().await?;
        face.press_text(".row", TITLE).await?;
        assert_eq!(face.value(QUESTIONS).await?, json!(0), "{way}");
        assert_eq!((begun(&line), claimed(&line)), (0, before), "{way}");
    }
    // A row that was pressed is chosen; pressed again, it would not be.
    worn.load("").await?;
    worn.unlock().await?;
    worn.lend(TITLE).await?;
    assert_ne!(face.value(QUESTIONS).await?, json!(0), "control: what begins something is seen");
    Ok(())
}

/// So that neither the pace of one writer nor that of one machine stops them.
const ROOM: [&str; 5] = [
    "limits.submissions_per_writer=1000",
    "limits.submissions_per_address=1000",
    "limits.mints_per_signer=1000",
    "limits.requests_per_address=1000000",
    MANY_CLAIMS,
];

/// Counts every question that the watch draws from here on.
const COUNT: &str = "window.questions = 0; const asks = n => n.nodeType === 1 && n.matches('.word-choice'); \
    new MutationObserver(all => { for (const { addedNodes } of all) window.questions += [...addedNodes].filter(asks).length; }) \
        .observe(document.body, { childList: true, subtree: true })";

/// The digits of a code.
fn digits(code: &str) -> String {
    code.chars().filter(char::is_ascii_digit).collect()
}

async fn t035_a_flood_asks_nothing_of_the_watch_and_a_code_asks_once(kind: Kind) -> Result<()> {
    let family = Family::at(Browser::start(kind), &ROOM).await?;
    family.phone.reopen().await?;
    let Family { tablet, phone, server, line: _line } = family;
    phone.add(TITLE, "Milk and thread").await?;
    let worn = Worn::opened(phone).await?;
    worn.linked().await?;
    // It must know of the watch before it gives its card away.
    tablet.run(&["ls"]).await?;
    let adverts: Vec<String> = (0..FLOOD).map(|each| format!("Advert {each}")).collect();
    write_all(&tablet, "Shop", &adverts, "Buy this.").await?;
    worn.load("").await?;
    worn.unlock().await?;
    let face = worn.face().await?;
    face.screen("choose").await?;
    // What was kept is listed at once, and what is new once the server was asked.
    let rows = "[...document.querySelectorAll('.row')].map(r => [r.querySelector('.row-title').textContent.split(' ')[0], r.textContent.includes('Not approved')])";
    let mut expected = vec![json!([TITLE, false])];
    expected.resize(20, json!(["Advert", true]));
    face.becomes("the owner's own comes first, and of the others each says that it waits", rows, expected).await?;
    assert_eq!(face.value(QUESTIONS).await?, json!(0), "they ask nothing");

    // Everybody who heard the code types it: one of them is asked about.
    face.run(COUNT).await?;
    let code = digits(&worn.lend(TITLE).await?);
    let (first, second) = tokio::try_join!(Chromium::start(), Chromium::start())?;
    first.enter(&server.url(), &code).await?;
    let words = first.words().await?;
    let asked = "[...document.querySelectorAll('.word-choice button')].map(e => e.textContent).join()";
    face.shows(".word-choice button").await?;
    assert_eq!(face.value("window.questions").await?, json!(1), "control: a question is counted");
    let warned = "document.getElementById('crowded').checkVisibility()";
    assert_eq!(face.value(warned).await?, json!(false), "control: nobody else has tried it");
    let before: Value = face.value(asked).await?;
    // The last digits are the secret of a look and a check digit.
    let nameplate = code.get(..code.len() - 7).context("a code")?;
    let told = claims(&server, nameplate, "view", FLOOD - 2).await?;
    assert_eq!(told, BTreeMap::from([(StatusCode::CONFLICT, FLOOD - 2)]));
    second.enter(&server.url(), &code).await?;
    second.failure().await?;
    face.reads("Somebody else tried this code and was refused.").await?;
    assert_eq!(face.value(asked).await?, before, "the question is the first one's");
    assert_eq!(face.value("window.questions").await?, json!(1), "and there is no other");
    // Control: it is one that can be answered.
    worn.pick(&words).await?;
    face.tap("approve").await?;
    first.screen("session").await?;

    face.tap("end").await?;
    face.tap("over-close").await?;
    let next = digits(&worn.lend(TITLE).await?);
    assert!(next.len() > code.len(), "after a crowd the next code is longer: {} digits", next.len());
    // Nobody says who they are: whoever is silent asks nothing.
    let told = claims(&server, next.get(..next.len() - 7).context("a code")?, "view", FLOOD).await?;
    assert_eq!(told, BTreeMap::from([(StatusCode::OK, 1), (StatusCode::CONFLICT, FLOOD - 1)]));
    assert_eq!(face.value("window.questions").await?, json!(1), "no other question");
    Ok(())
}

async fn t066_back_to_the_watch_shows_a_locked_page(kind: Kind) -> Result<()> {
    let (_server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    worn.linked().await?;
    let face = worn.face().await?;
    // As a browser that is kept for the Back button sees it: the page empties itself before it is left, and begins anew
    // when it comes back.
    face.reads(TITLE).await?;
    face.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))").await?;
    assert_eq!(face.text().await?.trim(), "");
    face.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await?;
    worn.unlock().await?;
    face.reads(TITLE).await?;
    leave_and_come_back(face, &format!("{}/ended.html", line.url())).await?;
    face.screen("locked").await?;
    let html = face.value("document.documentElement.outerHTML").await?.to_string();
    assert!(!html.contains(TITLE) && !html.contains(PIN), "{html}");
    Ok(())
}

async fn t087_every_request_of_the_watch_goes_to_its_own_origin(kind: Kind) -> Result<()> {
    let (server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    let face = worn.face().await?;
    let mut listing = face.load_listed(async || worn.load("").await).await?;
    worn.linked().await?;
    let viewer = Chromium::start().await?;
    worn.lend_to(&viewer, &server.url(), TITLE).await?;
    face.tap("end").await?;
    face.shows("#over-close").await?;
    let all = listing.all().await?;
    assert_eq!(foreign(&all, &line.url()), BTreeSet::new());
    for part in ["/watch", "/assets/watch/", "/lang/"] {
        assert!(all.iter().any(|url| url.contains(part)), "{part} is not in the list: {all:#?}");
    }
    // What it says to the server goes through the phone's page, in whose list it is. Firefox lists both windows.
    assert_eq!(begun(&line), 1, "control: it says something");
    let own = all.iter().filter(|url| url.contains("/v1/")).collect::<Vec<_>>();
    assert_eq!(own.is_empty(), kind == Kind::Chromium, "what the watch asks for by itself: {own:#?}");
    Ok(())
}

async fn t095_no_field_of_the_watch_is_filled_in_checked_or_translated_by_the_browser(kind: Kind) -> Result<()> {
    let (server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    let face = worn.face().await?;
    let translated = "[...document.querySelectorAll('.big-code, .long-code, .words, .word-choice button')].filter(e => e.translate).length";
    let look = async |screen: &str| -> Result<()> {
        assert_eq!(face.value(HELPED).await?, json!([]), "on {screen}");
        assert_eq!(face.value(translated).await?, json!(0), "a code or words on {screen}");
        Ok(())
    };
    face.tap("join-other").await?;
    look("start").await?;
    assert_eq!(face.value("document.querySelectorAll('input').length").await?, json!(3), "control: there are fields");
    worn.linked().await?;
    look("choose").await?;
    let code = worn.lend(TITLE).await?;
    look("code").await?;
    let viewer = Chromium::start().await?;
    viewer.enter(&server.url(), &code).await?;
    worn.pick(&viewer.words().await?).await?;
    look("asking").await?;
    worn.load("").await?;
    face.screen("locked").await?;
    look("locked").await?;
    // Control: what is left to the browser is found.
    let careless = "const words = document.createElement('p'); words.className = 'words'; \
        document.getElementById('main').append(document.createElement('textarea'), words)";
    face.run(careless).await?;
    assert_eq!(face.value(HELPED).await?, json!([""]));
    assert_eq!(face.value(translated).await?, json!(1));
    Ok(())
}
