//! A hostile page around the portal's frame: rows 57, 62, 66, 72, 79, 82, 83, 90 and 95.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use e2e::agent::approve;
use e2e::browser::{Browser, Kind};
use e2e::console::{Console, Files, RECORDER, enter, host, recorded};
use e2e::record::{SECRET, TITLE};
use e2e::server::Server;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::agents::{CASE, REASON, kept, read};
use crate::phone_attacks::HELPED;

in_both!(
    t057_what_a_console_fills_in_is_shown_and_sent_as_it_stands,
    t062_a_console_that_opens_the_window_of_the_frame_is_handed_nothing,
    t066_back_to_a_console_shows_nothing_of_a_look,
    t072_a_stolen_session_in_a_frame_opens_no_more_than_its_agent_may,
    t079_a_frame_starts_no_worker_of_anybody_else,
    t083_a_page_that_is_not_listed_frames_nothing,
    t083_no_other_page_is_framed_by_a_console_that_is_listed,
    t083_a_frame_that_is_covered_tiny_or_cut_off_sends_nothing,
    t083_forged_messages_do_nothing,
    t090_a_console_is_told_nothing_of_code_key_or_content,
    t095_no_field_in_a_frame_is_filled_in_checked_or_translated_by_the_browser,
);

const FIELDS: &str =
    "[document.getElementById('case')?.value ?? null, document.getElementById('reason')?.value ?? null]";

async fn t057_what_a_console_fills_in_is_shown_and_sent_as_it_stands(kind: Kind) -> Result<()> {
    let console = Console::ready(kind).await?;
    let browser = console.browser();
    let before = browser.value(FIELDS).await?;
    let set = async |reason: &str| -> Result<Value> {
        console.outside().await?;
        let of = "document.querySelector('glimpse-agent').setAttribute('reason',";
        browser.run(&format!("{of} {})", json!(reason))).await?;
        // An answer to a hello that is sent after it comes after it.
        browser.run("const e = document.querySelector('glimpse-agent'), f = e.shadowRoot.querySelector('iframe'); \
             document.getElementById('log').replaceChildren(); f.contentWindow.postMessage({ glimpse: 1, type: 'hello' }, e.getAttribute('server'))").await?;
        console.tells("ready").await?;
        console.inside().await?;
        browser.value(FIELDS).await
    };
    // Text that turns around or breaks what stands beside it is no text for the field, nor is markup anything but text.
    for bad in ["a\u{202e}b", "a\nb", "a\u{2066}b", "a\u{0}b"] {
        assert_eq!(set(bad).await?, before, "{bad:?}");
    }
    let markup = "<b id=planted>bold</b>";
    assert_eq!(set(markup).await?[1], markup, "control: what is a line of text arrives");
    assert_eq!(browser.value("document.getElementById('planted')").await?, Value::Null);
    console.place.device.add_secret().await?;
    browser.write("case", CASE).await?;
    console.portal.go_on().await?;
    browser.screen("enter").await?;
    let mut lending = console.place.device.lend(&["--agent", "--everything"]).await?;
    browser.type_code(&lending.code).await?;
    let asked = approve(&mut lending).await?;
    assert_eq!(
        (&asked["case"], &asked["reason"]),
        (&json!(CASE), &json!(markup)),
        "the customer sees what the agent saw"
    );
    Ok(())
}

async fn t062_a_console_that_opens_the_window_of_the_frame_is_handed_nothing(kind: Kind) -> Result<()> {
    let console = Console::open(kind, &[], &[]).await?;
    let browser = console.browser();
    console.outside().await?;
    let open = format!(
        "window.got = []; addEventListener('message', e => e.source === window.w && got.push(e.data)); \
         window.w = open({}, 'w')",
        json!(format!("{}/agent/sign-in", console.place.url()))
    );
    browser.run(&open).await?;
    console.other_window().await?;
    console.portal.stage("signed-out").await?;
    browser.reads("opened by no frame of Glimpse").await?;
    console.outside().await?;
    // It says all that the frame would say, with a port of its own.
    browser
        .run(
            "const { port1, port2 } = new MessageChannel(); window.stolen = []; port1.onmessage = e => stolen.push(e.data); \
             w.postMessage({ type: 'frame', console: location.origin }, '*', [port2])",
        )
        .await?;
    console.other_window().await?;
    console.portal.go_on().await?;
    console.portal.stage("ready").await.context("the agent is signed in, in that window alone")?;
    browser.reads("opened by no frame of Glimpse").await?;
    console.outside().await?;
    assert_eq!(browser.value("[window.got, window.stolen]").await?, json!([[], []]));
    browser.run("w.close()").await?;
    console.alone().await?;
    // Control: the frame is handed it, by the same messages.
    console.sign_in().await
}

async fn t066_back_to_a_console_shows_nothing_of_a_look(kind: Kind) -> Result<()> {
    let console = Console::ready(kind).await?;
    console.place.device.add_secret().await?;
    let browser = console.browser();
    let lending = console.lend(CASE, REASON, &[]).await?;
    read(browser).await?;
    assert!(browser.text().await?.contains(SECRET), "control");
    let warned = "const e = new Event('beforeunload', { cancelable: true }); return !dispatchEvent(e)";
    assert_eq!(browser.run(warned).await?, json!(true), "the frame warns before it is left");
    console.outside().await?;
    browser.go(&format!("{}/console.css", console.host.url())).await?;
    browser.driver.back().await?;
    until("the frame is there again", async || {
        console.inside().await.ok()?;
        let html = browser.value("document.documentElement.outerHTML").await.ok()?.to_string();
        (html.contains("agent.embed") || html.contains("Sign in in a window")).then_some(())
    })
    .await?;
    let html = browser.value("document.documentElement.outerHTML + location.href").await?.to_string();
    for word in [SECRET, TITLE, CASE, REASON, &lending.code] {
        assert!(!html.contains(word), "{word}");
    }
    assert_eq!(kept_in_frame(browser).await?, json!([]), "a frame keeps nothing");
    Ok(())
}

/// The databases that the frame has.
pub(crate) async fn kept_in_frame(browser: &Browser) -> Result<Value> {
    browser.run_async("indexedDB.databases().then(all => done(all.map(d => d.name)), () => done([]))").await
}

async fn t072_a_stolen_session_in_a_frame_opens_no_more_than_its_agent_may(kind: Kind) -> Result<()> {
    let most = 4;
    let console = Console::open(kind, &[&format!("limits.openings_per_agent={most}")], &[]).await?;
    for number in 0..10 {
        console.place.device.add_bytes(&format!("{TITLE}-{number}.txt"), &format!("{SECRET} {number}")).await?;
    }
    console.sign_in().await?;
    let mut lending = console.lend(CASE, REASON, &[]).await?;
    let browser = console.browser();
    browser.lists(&format!("{TITLE}-0")).await?;
    // Who has the page in hand presses everything as fast as it goes.
    let since = Instant::now();
    browser
        .run(
            "const rows = () => [...document.querySelectorAll('.record-row')]; let next = 0; \
             window.presses = setInterval(() => { const all = rows(); if (all.length) all[next++ % all.length].click(); }, 40)",
        )
        .await?;
    let mut opened = 0;
    while opened < most {
        lending.event("opened").await?;
        opened += 1;
    }
    let refused = || {
        let all = console.place.line.exchanges();
        all.iter().filter(|(asked, answer)| asked.path.ends_with("/open") && answer.status == 429).count()
    };
    until("the server refuses one", async || (refused() > 0).then_some(())).await?;
    let granted = console.place.line.exchanges();
    let granted = granted.iter().filter(|(asked, answer)| asked.path.ends_with("/open") && answer.status.is_success());
    // Four a minute.
    let regained = usize::try_from(since.elapsed().as_secs() / 15)?;
    let granted = granted.count();
    assert!((most..=most + regained).contains(&granted), "{granted} in {:?}", since.elapsed());
    Ok(())
}

async fn t079_a_frame_starts_no_worker_of_anybody_else(kind: Kind) -> Result<()> {
    let script = "postMessage(1)";
    let console = Console::open(kind, &[], &[("/worker.js", script), ("/device-sw.js", "1")]).await?;
    let browser = console.browser();
    let start = "try { const w = new Worker('/worker.js'); w.onmessage = () => done('runs'); w.onerror = () => done('refused') } \
         catch { done('refused') }";
    let blob = start.replace("'/worker.js'", "URL.createObjectURL(new Blob(['postMessage(1)']))");
    let register = "navigator.serviceWorker.register('/device-sw.js').then(() => done('runs'), () => done('refused'))";
    console.outside().await?;
    for way in [start, &blob, register] {
        assert_eq!(browser.run_async(way).await?, "runs", "control: the console itself may: {way}");
    }
    let there = reqwest::get(format!("{}/device-sw.js", console.place.server.url())).await?;
    assert!(there.status().is_success(), "control: there is one that it could register");
    console.inside().await?;
    for url in ["/assets/nothing.js", &format!("{}/worker.js", console.host.url())] {
        assert_eq!(browser.run_async(&start.replace("/worker.js", url)).await?, "refused", "{url}");
    }
    assert_eq!(browser.run_async(&blob).await?, "refused", "nor one made of a string");
    assert_eq!(browser.run_async(register).await?, "refused");
    Ok(())
}

/// Whether the frame of a page that was just loaded shows the portal.
async fn shows_portal(browser: &Browser) -> Result<bool> {
    let loaded = "document.querySelector('glimpse-agent, iframe') !== null && document.readyState === 'complete'";
    browser.becomes("the page is there", loaded, true).await?;
    let frame = "return document.querySelector('glimpse-agent')?.shadowRoot.querySelector('iframe') ?? document.querySelector('iframe')";
    browser.driver.execute(frame, Vec::new()).await?.element()?.enter_frame().await?;
    let shown = browser.value("document.querySelector('#main, .brand') !== null").await?;
    browser.driver.enter_default_frame().await?;
    Ok(shown == json!(true))
}

async fn t083_a_page_that_is_not_listed_frames_nothing(kind: Kind) -> Result<()> {
    let console = Console::open(kind, &[], &[]).await?;
    let browser = console.browser();
    console.outside().await?;
    assert!(shows_portal(browser).await?, "control: one that is listed does");
    let around = format!("<!doctype html><title>around</title><iframe src=\"{}/\"></iframe>", console.host.url());
    let stranger = host(0, Files::of_console(&console.place.url(), &[("/around.html", &around)])?).await?;
    browser.go(&stranger.url()).await?;
    assert!(!shows_portal(browser).await?);
    assert_eq!(
        browser.value("document.querySelectorAll('#log li').length").await?,
        json!(0),
        "nor is it told anything"
    );
    // Nor one that puts the listed console into a frame of its own.
    browser.go(&format!("{}/around.html", stranger.url())).await?;
    browser.driver.enter_frame(0).await?;
    browser.becomes("the console is there", "customElements.get('glimpse-agent') !== undefined", true).await?;
    enter(browser).await?;
    assert_eq!(browser.value("document.querySelector('#main') !== null").await?, json!(false));
    Ok(())
}

async fn t083_no_other_page_is_framed_by_a_console_that_is_listed(kind: Kind) -> Result<()> {
    let frame =
        |path: &str| format!("<!doctype html><title>a</title><iframe src=\"https://glimpse.example{path}\"></iframe>");
    let pages = ["/", "/agent", "/agent/sign-in", "/device", "/watch", "/ended.html", "/agent/embed"];
    let own: Vec<(String, String)> =
        pages.iter().enumerate().map(|(at, path)| (format!("/frame-{at}.html"), frame(path))).collect();
    let own: Vec<(&str, &str)> = own.iter().map(|(path, text)| (&**path, &**text)).collect();
    let console = Console::open(kind, &[], &own).await?;
    let browser = console.browser();
    console.outside().await?;
    for (at, page) in pages.iter().enumerate() {
        browser.go(&format!("{}/frame-{at}.html", console.host.url())).await?;
        assert_eq!(shows_portal(browser).await?, *page == "/agent/embed", "{page}");
    }
    // Where no console is listed, nothing of it is there.
    let server = Server::start().await?;
    for (path, status) in [("/agent", 200), ("/agent/embed", 404), ("/agent/embed.html", 404), ("/agent/sign-in", 404)]
    {
        let answer = reqwest::get(format!("{}{path}", server.url())).await?;
        assert_eq!(answer.status(), StatusCode::from_u16(status)?, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str()?;
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
    // What may be framed has the policy of its neighbour otherwise.
    let policy = async |path: &str| -> Result<Vec<String>> {
        let answer = reqwest::get(format!("{}{path}", console.place.server.url())).await?;
        let policy = answer.headers()["content-security-policy"].to_str()?.to_owned();
        let parts = policy.split("; ").filter(|part| !part.starts_with("script-src") && !part.starts_with("frame-anc"));
        Ok(parts.map(str::to_owned).collect())
    };
    assert_eq!(policy("/agent/embed").await?, policy("/agent").await?);
    // And so has the window in which the agent signs in for it: what the tests of that page find holds for both (rows 79 to 82).
    assert_eq!(policy("/agent/sign-in").await?, policy("/agent").await?);
    Ok(())
}

async fn t083_a_frame_that_is_covered_tiny_or_cut_off_sends_nothing(kind: Kind) -> Result<()> {
    let console = Console::ready(kind).await?;
    let browser = console.browser();
    browser.write("case", CASE).await?;
    browser.write("reason", REASON).await?;
    let with_style = async |style: &str| -> Result<()> {
        console.outside().await?;
        let all = "const a = document.querySelector('aside'); a.style.cssText =";
        browser.run(&format!("{all} {}; document.getElementById('cover')?.remove();", json!(style))).await?;
        // Two frames on, everybody has been told.
        browser.run_async("requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300)))").await?;
        console.inside().await
    };
    let press = "document.querySelector('.case button.primary').focus({ preventScroll: true }); document.querySelector('.case button.primary').click()";
    let mut ways = vec![
        ("tiny", "position: fixed; inset: 0 auto auto 0; width: 100px; height: 100px; overflow: hidden"),
        ("out of sight", "position: fixed; left: -3000px; top: 0; width: 400px"),
    ];
    if kind == Kind::Chromium {
        // What lies above a frame, cuts it off or lets it shine through, Firefox tells nobody.
        ways.push(("cut off", "position: fixed; top: 0; left: 0; width: 400px; height: 60px; overflow: hidden"));
        ways.push(("nearly clear", "opacity: 0.01"));
    }
    let refused = async |name: &str, style: &str, press: &str| -> Result<()> {
        with_style(style).await?;
        browser.run("document.documentElement.dataset.reason = ''").await?;
        browser.run(press).await?;
        until(&format!("{name} is refused"), async || {
            let reason = browser.value("document.documentElement.dataset.reason").await.ok()?;
            (reason == "agent.embed.unseen").then_some(())
        })
        .await
    };
    for (name, style) in &ways {
        refused(name, style, press).await?;
        console.portal.stage("ready").await?;
        console.tells("error: frame-unseen").await?;
    }
    with_style("").await?;
    browser.run(press).await?;
    browser.screen("enter").await.context("control: in sight it goes on")?;
    // Nor does a code go out, which is asked for in its turn.
    console.place.device.add_secret().await?;
    let lending = console.place.device.lend(&["--agent", "--everything"]).await?;
    browser.write("code", &lending.code).await?;
    let press = "const c = document.getElementById('code'); c.focus({ preventScroll: true }); c.form.requestSubmit()";
    let claims = || console.place.line.exchanges().iter().filter(|(asked, _)| asked.path == "/v1/claims").count();
    for (name, style) in &ways {
        refused(name, style, press).await?;
        console.tells("error: frame-unseen").await?;
        assert_eq!(claims(), 0, "{name}");
    }
    with_style("").await?;
    browser.run(press).await?;
    browser.words().await.context("control: in sight it goes on")?;
    assert_eq!(claims(), 1, "control");
    Ok(())
}

async fn t083_forged_messages_do_nothing(kind: Kind) -> Result<()> {
    // A page of the console's own origin, in a frame beside the portal's; it says when it has said something.
    let sibling = "<!doctype html><title>beside</title><script>addEventListener('message', ({ data }) => { \
         (data.to === 'frame' ? parent.document.querySelector('glimpse-agent').shadowRoot.querySelector('iframe').contentWindow : parent)\
         .postMessage(data.what, '*'); parent.postMessage('said', '*') })</script>";
    let console = Console::open(kind, &[], &[("/sibling.html", sibling)]).await?;
    console.sign_in().await?;
    let browser = console.browser();
    let before = browser.value(FIELDS).await?;
    // A console that hears an answer says its own again: what stood in a field in between counts as well.
    let watch = "window.written = []; const own = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value'); \
         for (const id of ['case', 'reason']) Object.defineProperty(document.getElementById(id), 'value', \
           { get() { return own.get.call(this) }, set(text) { written.push(text); own.set.call(this, text) } })";
    browser.run(watch).await?;
    let written = "window.written.filter(text => text.includes('forged') || text === 'from beside')";
    console.outside().await?;
    let logged = console.log().await?;
    browser
        .run_async("const f = document.createElement('iframe'); f.id = 'sibling'; f.src = '/sibling.html'; f.onload = done; document.body.append(f)")
        .await?;
    let element = "const e = document.querySelector('glimpse-agent'), frame = e.shadowRoot.querySelector('iframe').contentWindow, \
         to = e.getAttribute('server'), beside = document.getElementById('sibling').contentWindow;";
    let forged = "[{ glimpse: 2, type: 'configure', case: 'forged' }, { glimpse: '1', type: 'configure', case: 'forged' }, \
         { type: 'configure', case: 'forged' }, { glimpse: 1, type: 'configure', case: 'forged', more: 1 }, { glimpse: 1, type: 'configure', case: 'forged', code: '' }, \
         { glimpse: 1, type: 'configure', case: 'forged'.repeat(100000) }, { glimpse: 1, type: 'configure', case: ['forged'] }, \
         { glimpse: 1, type: 'configure', case: 'forged', theme: 'url(x)' }, { glimpse: 1, type: 'Configure', case: 'forged' }, \
         [{ glimpse: 1, type: 'configure', case: 'forged' }], 'configure', null, 1, new Map([['glimpse', 1]]), \
         { glimpse: 1, type: 'submit', text: '417 203 9186' }, { glimpse: 1, type: 'sign-out' }, { glimpse: 1, type: 'look', case: 'forged', reason: 'forged' }, \
         { type: 'window' }, { type: 'frame', console: 'x' }, { kind: 'snapshot', snapshot: { screen: 'session' } }]";
    browser.run(&format!("{element} for (const what of {forged}) frame.postMessage(what, to)")).await?;
    // Right in all but who says it: a frame beside, of the console's own origin.
    let right = "{ glimpse: 1, type: 'configure', case: 'from beside' }";
    let say =
        format!("{element} addEventListener('message', ({{ data }}) => data === 'said' && done(), {{ once: true }});");
    browser.run_async(&format!("{say} beside.postMessage({{ to: 'frame', what: {right} }}, '*')")).await?;
    // To the element: by the page itself, and by the frame beside.
    let events = "[{ glimpse: 1, type: 'session-started' }, { glimpse: 1, type: 'session-ended', code: 'declined' }, { glimpse: 1, type: 'resize', height: 1999 }]";
    browser
        .run(&format!("{element} for (const what of {events}) {{ postMessage(what, '*'); beside.postMessage({{ to: 'page', what }}, '*'); }}"))
        .await?;
    // What is said last is answered last.
    browser.run(&format!("{element} frame.postMessage({{ glimpse: 1, type: 'hello' }}, to)")).await?;
    until("the frame has answered", async || (console.log().await.ok()?.len() > logged.len()).then_some(())).await?;
    assert_eq!(
        console.log().await?.get(logged.len()..),
        Some(&["ready".to_owned()][..]),
        "nothing else was taken for true"
    );
    let height = browser
        .value("document.querySelector('glimpse-agent').shadowRoot.querySelector('iframe').style.blockSize")
        .await?;
    assert_ne!(height, "1999px");
    console.inside().await?;
    assert_eq!(browser.value(FIELDS).await?, before);
    assert_eq!(browser.value(written).await?, json!([]), "nor was it in between");
    console.portal.stage("ready").await?;

    // Control: the console itself, with the same words, is heard.
    console.outside().await?;
    browser.run(&format!("{element} frame.postMessage({right}, to)")).await?;
    console.inside().await?;
    browser.becomes("the field is filled in", "document.getElementById('case').value", "from beside").await?;
    assert_eq!(browser.value(written).await?, json!(["from beside"]), "control: that it was written is seen");
    // Of a version that it does not know it says so.
    console.outside().await?;
    browser.run(&format!("{element} frame.postMessage({{ glimpse: 2, type: 'hello' }}, to)")).await?;
    console.tells("error: unsupported-version").await?;
    // And who says too much is not heard any more.
    browser
        .run(&format!(
            "{element} for (let n = 0; n < 300; n += 1) frame.postMessage({{ glimpse: 1, type: 'configure' }}, to); \
             frame.postMessage({{ glimpse: 1, type: 'configure', case: 'too much' }}, to)"
        ))
        .await?;
    console.inside().await?;
    console.portal.stage("ready").await?;
    assert_eq!(browser.value("document.getElementById('case').value").await?, "from beside");
    Ok(())
}

async fn t090_a_console_is_told_nothing_of_code_key_or_content(kind: Kind) -> Result<()> {
    let browser = Browser::start(kind).await?;
    browser.run_first(RECORDER).await?;
    let console = Console::around(browser, &[], &[]).await?;
    console.place.device.add_secret().await?;
    console.sign_in().await?;
    let browser = console.browser();
    let mut lending = console.lend(CASE, REASON, &[]).await?;
    let words = lending.events.iter().find_map(|event| event.get("words")?.as_str()).context("words")?.to_owned();
    read(browser).await?;
    assert_eq!(kept_in_frame(browser).await?, json!([]), "a frame keeps nothing");
    lending.event("opened").await?;
    let asked = console.place.line.exchanges();
    let token = asked.iter().find_map(|(asked, _)| asked.headers.get("authorization")).context("a token")?;
    let token = token.to_str()?.trim_start_matches("Bearer ").to_owned();
    let digits: String = lending.code.chars().filter(char::is_ascii_digit).collect();

    console.outside().await?;
    let during = recorded(browser).await?;
    let heights: Vec<&Value> = during.iter().filter_map(|each| each["data"].get("height")).collect();
    assert_eq!(heights.last(), Some(&&json!(720)), "all through a look the frame wants one height");
    console.inside().await?;
    console.end().await?;
    console.tells("ready").await?;

    let all = recorded(browser).await?;
    let types: Vec<&str> = all.iter().filter_map(|each| each["data"]["type"].as_str()).collect();
    for expected in ["ready", "resize", "session-started", "session-ended"] {
        assert!(types.contains(&expected), "control: the recorder hears {expected}: {types:?}");
    }
    for each in &all {
        assert_eq!(each["origin"], json!(console.place.url()));
        assert_eq!(each["ports"], json!(0), "no port comes along");
        let keys: Vec<&str> = each["data"].as_object().context("an object")?.keys().map(String::as_str).collect();
        ensure!(keys.iter().all(|key| ["glimpse", "type", "code", "height"].contains(key)), "{each}");
    }
    let page = browser.value("document.documentElement.outerHTML + location.href + JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])").await?;
    let told = format!("{}{page}", json!(all));
    for word in [SECRET, TITLE, CASE, REASON, &lending.code, &digits, &words, &token] {
        assert!(!told.contains(word), "{word:?} reached the console");
    }
    // Nor can it look for itself.
    let reach = "const f = document.querySelector('glimpse-agent').shadowRoot.querySelector('iframe'); \
         try { return f.contentWindow.document.body.innerText } catch (e) { return e.name }";
    assert_eq!(browser.run(reach).await?, "SecurityError");

    // Control: what the frame does say, in any form, is found.
    console.inside().await?;
    browser.run(&format!("parent.postMessage({{ leak: {} }}, '*')", json!(SECRET))).await?;
    console.outside().await?;
    until("the recorder finds it", async || {
        json!(recorded(browser).await.ok()?).to_string().contains(SECRET).then_some(())
    })
    .await
}

async fn t095_no_field_in_a_frame_is_filled_in_checked_or_translated_by_the_browser(kind: Kind) -> Result<()> {
    let console = Console::ready(kind).await?;
    console.place.device.add_secret().await?;
    let browser = console.browser();
    let fields =
        "['case', 'reason'].map(id => document.getElementById(id)).map(f => [f.autocomplete, f.spellcheck, f.type])";
    assert_eq!(browser.value(fields).await?, json!([["off", false, "text"], ["off", false, "text"]]));
    assert_eq!(browser.value(HELPED).await?, json!([]), "at the desk");
    let _lending = console.lend(CASE, REASON, &[]).await?;
    assert_eq!(browser.value(HELPED).await?, json!([]), "in a session");
    // Control: one that is left to the browser is found.
    browser.run("document.getElementById('main').append(document.createElement('textarea'))").await?;
    assert_eq!(browser.value(HELPED).await?, json!([""]));
    // The one key is where the window of this origin keeps it, and does not leave there either.
    console.outside().await?;
    browser.go(&format!("{}/agent", console.place.url())).await?;
    console.portal.stage("signed-out").await?;
    let keys = kept(browser).await?;
    assert_eq!(keys[0]["extractable"], json!(false), "{keys}");
    Ok(())
}
