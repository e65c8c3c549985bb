//! Hands and habits: numbers that are typed in other ways, fingers that tap twice, people who are busy without pressing
//! anything, and what somebody wrote and has not sent.

use std::borrow::Borrow;

use anyhow::{Result, ensure};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::phone::Phone;
use e2e::record::{SECRET, TITLE};
use e2e::server::Server;
use e2e::wait::until;
use e2e::worn::{PIN, Worn};
use serde_json::json;
use thirtyfour::By;

use crate::phone_watch::worn;

in_both!(
    a_measurement_is_kept_as_it_was_typed,
    the_pages_of_a_kit_are_as_many_as_were_typed,
    a_double_tap_on_a_pair_of_words_answers_nothing,
    whoever_reads_or_dictates_is_there,
    what_was_written_is_not_dropped_for_a_file,
    the_watch_is_brought_to_the_front_as_it_stands,
    a_key_that_is_held_ticks_once,
    nothing_in_a_low_window_lies_below_the_ways_for_good,
    whoever_leaves_is_asked_while_something_is_typed,
    a_code_of_a_device_goes_on_by_enter,
    the_language_that_was_chosen_last_is_the_one_that_stays,
);

/// The arrow up of a keyboard, which turns a number in a field of the browser's.
const UP: &str = "\u{e013}";
const ENTER: &str = "\u{e007}";

/// Whether the browser would ask whoever leaves the page.
const ASKS: &str = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))";

async fn account(kind: Kind) -> Result<(Server, Phone<Browser>)> {
    let server = Server::start().await?;
    let phone = Phone::with_account_in(kind, &server.url(), "Mara Lind").await?;
    Ok((server, phone))
}

/// What was pressed while a field had the focus is in it.
async fn key(browser: &Browser, id: &str, key: &str) -> Result<()> {
    Ok(browser.driver.find(By::Id(id)).await?.send_keys(key).await?)
}

async fn value_of(browser: &Browser, id: &str, wanted: &str) -> Result<()> {
    browser.becomes(id, &format!("document.getElementById({}).value", json!(id)), wanted).await
}

/// Writes a level of sugar in mmol/L, which has a decimal.
async fn sugar(phone: &Phone<Browser>, typed: &str) -> Result<()> {
    phone.go("add").await?;
    phone.browser.tap("what-measure").await?;
    let choose = "for (const [id, value] of [['measure', 'blood-glucose'], ['measure-unit', 'mmol']]) { \
        const s = document.getElementById(id); s.value = value; s.dispatchEvent(new Event('change')) }";
    phone.browser.run(choose).await?;
    phone.browser.write("measure-blood_glucose", typed).await
}

async fn a_measurement_is_kept_as_it_was_typed(kind: Kind) -> Result<()> {
    let (_server, phone) = account(kind).await?;
    let browser = &phone.browser;
    for (typed, kept) in [("5,6", "5.6"), ("7.2", "7.2"), ("٩٫٤", "9.4")] {
        sugar(&phone, typed).await?;
        key(browser, "measure-blood_glucose", UP).await?;
        value_of(browser, "measure-blood_glucose", typed).await?;
        let title = format!("Sugar {kept}");
        browser.write("measure-title", &title).await?;
        browser.tap("measure-go").await?;
        browser.lists(&title).await?;
        browser.open(&title).await?;
        let body = browser.told(".record-pane .body", "innerText").await?;
        ensure!(body.contains(kept), "{typed} became {body:?}");
    }
    // What could be read in two ways is not guessed.
    sugar(&phone, "5").await?;
    for typed in ["1,234", "1,234.5", "1.2.3", "5e0", "+5", "5 6", "five"] {
        for (typed, said) in [("99", "Between"), (typed, "Type a number")] {
            browser.write("measure-blood_glucose", typed).await?;
            browser.tap("measure-go").await?;
            let says =
                format!("document.querySelector('.field-error:not(:empty)')?.textContent.includes({})", json!(said));
            browser.becomes(&format!("{typed:?} is told {said:?}"), &says, true).await?;
        }
    }
    Ok(())
}

async fn the_pages_of_a_kit_are_as_many_as_were_typed(kind: Kind) -> Result<()> {
    let (_server, phone) = account(kind).await?;
    let browser = &phone.browser;
    phone.more("kit").await?;
    browser.shows("#kit-shares").await?;
    key(browser, "kit-shares", UP).await?;
    value_of(browser, "kit-shares", "3").await?;
    browser.write("kit-shares", "٤").await?;
    browser.tap("kit-draw").await?;
    browser.shows("#kit-install").await?;
    browser.becomes("as many pages", "document.querySelectorAll('.kit-page').length", 4).await
}

/// Approve comes where the pair was, and the second tap of two meets it.
async fn a_double_tap_on_a_pair_of_words_answers_nothing(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let worn = worn(kind, &server.url()).await?;
    worn.linked().await?;
    let viewer = Chromium::start().await?;
    let code = worn.lend(TITLE).await?;
    viewer.enter(&server.url(), &code).await?;
    let words = viewer.words().await?;
    let face = worn.face().await?;
    face.shows(".word-choice button").await?;
    let twice = format!(
        "[...document.querySelectorAll('.word-choice button')].find(e => e.textContent === {}).click(); \
         for (const id of ['approve', 'decline']) document.getElementById(id).click()",
        json!(words)
    );
    face.run(&twice).await?;
    // Whoever has read the question answers it: had the tap before said yes, or no, there would be none.
    worn.is_read().await?;
    face.tap("approve").await?;
    face.shows("#end").await?;
    viewer.screen("session").await?;
    viewer.open(TITLE).await?;
    viewer.reads(SECRET).await?;
    face.tap("end").await?;
    face.tap("over-close").await?;

    // A click that is the second of a double one, however slow.
    let code = worn.lend(TITLE).await?;
    viewer.enter(&server.url(), &code).await?;
    worn.pick(&viewer.words().await?).await?;
    face.run("document.getElementById('approve').dispatchEvent(new MouseEvent('click', { detail: 2 }))").await?;
    face.tap("decline").await?;
    viewer.failure().await.map(drop)
}

/// Counts what the page tells the Worker of people who are there, and puts the events of the page as far ahead as it is told.
const COUNTS: &str = "window.told = 0; window.ahead = 0; \
    const post = Worker.prototype.postMessage; \
    Worker.prototype.postMessage = function (...given) { if (given[0]?.type === 'active') window.told += 1; return post.apply(this, given) }; \
    const { get } = Object.getOwnPropertyDescriptor(Event.prototype, 'timeStamp'); \
    Object.defineProperty(Event.prototype, 'timeStamp', { get() { return get.call(this) + window.ahead } });";

async fn whoever_reads_or_dictates_is_there(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start(kind).await?;
    browser.run_first(COUNTS).await?;
    let phone = Phone::around(browser, &server.url()).await?;
    phone.found("Mara Lind").await?;
    phone.more("settings").await?;
    let browser = &phone.browser;
    browser.shows("main input").await?;
    let ways = [
        ("a wheel", "document.body.dispatchEvent(new WheelEvent('wheel', { bubbles: true }))"),
        (
            "text without a key",
            "document.querySelector('main input').dispatchEvent(new InputEvent('input', { bubbles: true }))",
        ),
        ("an element that scrolls", "document.querySelector('main *').dispatchEvent(new Event('scroll'))"),
        ("a page that scrolls", "scrollBy(0, 60)"),
        (
            "a mouse",
            "document.body.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, movementX: 3, movementY: 1 }))",
        ),
        ("control: a key", "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true }))"),
    ];
    for (way, act) in ways {
        browser.run(&format!("window.before = window.told; window.ahead += 60_000; {act}")).await?;
        browser.becomes(&format!("{way} is told"), "window.told > window.before", true).await?;
    }
    // A mouse that moves on and on costs nothing, and one that lies still below a page that moves is nobody.
    let moves = |more: &str, ahead: u32| {
        format!(
            "window.ahead += {ahead}; const before = window.told; for (let at = 0; at < 200; at += 1) \
             document.body.dispatchEvent(new PointerEvent('pointermove', {{ bubbles: true{more} }})); return window.told - before"
        )
    };
    ensure!(browser.run(&moves("", 60_000)).await? == json!(0), "it lies still");
    ensure!(browser.run(&moves(", movementX: 1", 60_000)).await? == json!(1), "control: it moves");
    ensure!(browser.run(&moves(", movementX: 1", 100)).await? == json!(0), "it moved a moment ago");
    Ok(())
}

async fn what_was_written_is_not_dropped_for_a_file(kind: Kind) -> Result<()> {
    let (_server, phone) = account(kind).await?;
    let browser = &phone.browser;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("scan.txt");
    std::fs::write(&file, "From the file")?;
    let choose = async || {
        key(browser, "file", &file.display().to_string()).await?;
        browser.shows("#file-drop").await
    };

    phone.go("add").await?;
    browser.write("title", "Diary").await?;
    browser.write("text", "By hand").await?;
    choose().await?;
    browser.tap("add-go").await?;
    browser.reads("A record holds one of the two").await?;
    browser.tap("file-drop").await?;
    browser.tap("add-go").await?;
    browser.screen("records").await?;
    browser.open("Diary").await?;
    browser.reads("By hand").await?;

    // Control: a file alone is kept, one that was taken away before as well, and in the place of a text that nobody touched.
    phone.go("add").await?;
    choose().await?;
    browser.tap("file-drop").await?;
    choose().await?;
    browser.tap("add-go").await?;
    browser.screen("records").await?;
    browser.lists("scan").await?;
    browser.open("Diary").await?;
    browser.tap("replace").await?;
    browser.shows("#add-go").await?;
    value_of(browser, "text", "By hand").await?;
    choose().await?;
    browser.tap("add-go").await?;
    browser.screen("records").await?;
    browser.open("Diary").await?;
    browser.reads("From the file").await
}

async fn press_watch<B: Borrow<Browser>>(worn: &Worn<B>) -> Result<()> {
    worn.page().await?.browser.borrow().tap("more-watch").await?;
    let windows = worn.phone.browser.borrow().driver.windows().await?.len();
    ensure!(windows == 2, "{windows} windows");
    Ok(())
}

async fn the_watch_is_brought_to_the_front_as_it_stands(kind: Kind) -> Result<()> {
    let (_server, phone) = account(kind).await?;
    let worn = Worn::opened(phone).await?;
    let face = worn.face().await?;
    face.write("pin", PIN).await?;
    press_watch(&worn).await?;
    // What was typed goes on to a code: nothing of it was lost meanwhile.
    let face = worn.face().await?;
    face.write("pin-again", PIN).await?;
    face.tap("join-show").await?;
    face.told(".long-code", "dataset.code").await?;
    face.tap("join-cancel").await?;
    // A page that was loaded anew does not know the window, and finds it.
    face.write("pin", PIN).await?;
    let phone = worn.page().await?;
    phone.browser.driver.refresh().await?;
    phone.browser.screen("locked").await?;
    phone.unlock().await?;
    phone.go("more").await?;
    press_watch(&worn).await?;
    let face = worn.face().await?;
    face.write("pin-again", PIN).await?;
    value_of(face, "pin", PIN).await?;

    // One that shows something else is brought back to the watch, and one that is closed is opened again.
    face.run("location.href = 'about:blank'").await?;
    face.becomes("it shows something else", "location.href", "about:blank").await?;
    press_watch(&worn).await?;
    worn.face().await?.shows("#pin").await?;
    worn.phone.browser.driver.close_window().await?;
    worn.page().await?.browser.tap("more-watch").await?;
    let two = async || (worn.phone.browser.driver.windows().await.ok()?.len() == 2).then_some(());
    until("the watch is opened again", two).await
}

async fn a_key_that_is_held_ticks_once(kind: Kind) -> Result<()> {
    let (_server, phone) = account(kind).await?;
    phone.add(TITLE, SECRET).await?;
    phone.go("lend").await?;
    phone.browser.lists(TITLE).await?;
    let press = |repeat: bool| {
        format!(
            "document.getElementById('records').dispatchEvent(new KeyboardEvent('keydown', {{ key: ' ', repeat: {repeat}, bubbles: true, cancelable: true }}))"
        )
    };
    phone.browser.run(&press(false)).await?;
    let ticked = "document.querySelector('.record-row').getAttribute('aria-selected')";
    phone.browser.becomes("it is ticked", ticked, "true").await?;
    phone.browser.run(&press(true)).await?;
    // It is still what is lent.
    phone.browser.tap("lend-go").await?;
    phone.code().await.map(drop)
}

async fn nothing_in_a_low_window_lies_below_the_ways_for_good(kind: Kind) -> Result<()> {
    let (_server, phone) = account(kind).await?;
    phone.browser.driver.set_window_rect(0, 0, 640, 450).await?;
    phone.browser.becomes("a low window", "innerHeight < 460", true).await?;
    let above = "(scrollTo(0, 10_000), document.getElementById('records').getBoundingClientRect().bottom <= document.getElementById('nav').getBoundingClientRect().top)";
    phone.browser.becomes("the list ends above the ways", above, true).await
}

async fn asks(browser: &Browser, wanted: bool) -> Result<()> {
    browser.becomes(&format!("whoever leaves is asked: {wanted}"), ASKS, wanted).await
}

async fn whoever_leaves_is_asked_while_something_is_typed(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::blank_in(kind, &server.url()).await?;
    let browser = &phone.browser;
    browser.screen("start").await?;
    browser.tap("restore").await?;
    browser.screen("restore").await?;
    asks(browser, false).await?;
    browser.write("name", "Mara").await?;
    asks(browser, true).await?;
    browser.tap("restore-leave").await?;
    phone.found("Mara Lind").await?;
    phone.go("add").await?;
    asks(browser, false).await?;
    browser.write("text", "By hand").await?;
    asks(browser, true).await?;
    key(browser, "text", &"\u{e003}".repeat("By hand".len())).await?;
    asks(browser, false).await?;
    browser.tap("what-measure").await?;
    browser.write("measure-systolic_blood_pressure", "128").await?;
    asks(browser, true).await?;
    // What is kept is lost by nobody.
    browser.write("measure-diastolic_blood_pressure", "82").await?;
    browser.tap("measure-go").await?;
    browser.screen("records").await?;
    asks(browser, false).await
}

async fn a_code_of_a_device_goes_on_by_enter(kind: Kind) -> Result<()> {
    let (_server, phone) = account(kind).await?;
    phone.begin_link().await?;
    phone.browser.write("link-code", "1234 5678").await?;
    key(&phone.browser, "link-code", ENTER).await?;
    phone.browser.told("#trouble .notice", "textContent").await?;
    value_of(&phone.browser, "link-code", "1234 5678").await
}

/// A browser asks for a passkey for as long as a person takes; meanwhile nothing is founded without one.
#[tokio::test]
async fn a_second_press_while_a_passkey_is_made_changes_nothing() -> Result<()> {
    let server = Server::named().await?;
    let browser = Browser::start(Kind::Chromium).await?;
    let hangs = "window.asked = 0; CredentialsContainer.prototype.create = () => { window.asked += 1; \
        if (window.asked > 1) return Promise.reject(new Error('one at a time')); \
        return new Promise((_, no) => { window.refuse = () => no(new Error('no')) }) }";
    browser.run_first(hangs).await?;
    let phone = Phone::around(browser, &server.named_url()).await?;
    let browser = &phone.browser;
    browser.screen("start").await?;
    browser.shows("#quick").await?;
    phone.type_new_passphrase().await?;
    browser.run("document.getElementById('quick').checked = true").await?;
    let press = "document.getElementById('gate-go').form.requestSubmit()";
    browser.run(&format!("for (let at = 0; at < 3; at += 1) {press}")).await?;
    browser.becomes("one is asked for", "window.asked", 1).await?;
    browser.becomes("the button waits", "document.getElementById('gate-go').disabled", true).await?;
    browser.becomes("a passkey is wanted still", "document.getElementById('quick').checked", true).await?;
    // Control: who said no to it goes on without.
    browser.run("window.refuse()").await?;
    browser.reads("No passkey was made").await?;
    browser.tap("gate-go").await?;
    browser.screen("records").await
}

/// Whoever sees little makes the browser's text larger, and with it what holds the text.
#[tokio::test]
async fn a_row_is_as_high_as_its_text() -> Result<()> {
    let server = Server::start().await?;
    let browser = Chromium::preferring(&[], &json!({ "webkit": { "webprefs": { "default_font_size": 32 } } })).await?;
    let phone = Phone::around(browser, &server.url()).await?;
    phone.found("Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    phone.add("Shopping", "bread").await?;
    let high = "(([first, second]) => { const text = first.querySelector('.row-text').getBoundingClientRect(); \
        const [one, two] = [first, second].map(row => row.getBoundingClientRect()); \
        return [parseFloat(getComputedStyle(document.documentElement).fontSize), text.height <= one.height, Math.abs(two.top - one.bottom) < 1] })\
        (document.querySelectorAll('.record-row'))";
    let seen = phone.browser.value(high).await?;
    ensure!(seen == json!([32, true, true]), "{seen}");
    Ok(())
}

/// In the settings as in the heading, and where the device is slow to say which one it keeps.
async fn the_language_that_was_chosen_last_is_the_one_that_stays(kind: Kind) -> Result<()> {
    let (_server, phone) = account(kind).await?;
    let browser = &phone.browser;
    phone.more("settings").await?;
    let in_settings =
        "const l = document.getElementById('set-language'); l.value = 'ar'; l.dispatchEvent(new Event('change'))";
    browser.run(in_settings).await?;
    browser.becomes("the page is in Arabic", "document.documentElement.lang", "ar").await?;
    browser.speak("de").await?;
    value_of(browser, "set-language", "de").await?;

    // What the device says of the one before is late: it was not yet told of the next.
    let hold = "const post = Worker.prototype.postMessage; const held = []; \
        Worker.prototype.postMessage = function (intent, ...rest) { \
            if (intent.type === 'language') held.push(() => post.call(this, intent, ...rest)); else post.call(this, intent, ...rest) }; \
        window.letGo = () => { Worker.prototype.postMessage = post; held.forEach(go => go()); return held.length }";
    browser.run(hold).await?;
    browser.speak("en").await?;
    phone.go("more").await?;
    browser.speak("ar").await?;
    browser.speak("en").await?;
    phone.go("inbox").await?;
    ensure!(browser.run("return window.letGo()").await? == 3, "control: the device is told of each, late");
    for place in ["records", "more"] {
        phone.go(place).await?;
    }
    ensure!(browser.told("html", "lang").await? == "en", "the page went back to another");
    ensure!(browser.told("#language", "value").await? == "en", "the field names another");
    phone.reopen().await?;
    browser.becomes("the device keeps it", "document.documentElement.lang", "en").await?;
    browser.speak("ar").await?;
    phone.reopen().await?;
    browser.becomes("the device keeps that as well", "document.documentElement.lang", "ar").await
}
