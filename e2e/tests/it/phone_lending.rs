//! Lending on the phone page beside the plain story: who says to be one's own screen and is not, openings that are allowed
//! beyond those that were, what is found by kind and by days, a report, and what is set about all of it.

use anyhow::{Result, ensure};
use e2e::browser::{Browser, Kind};
use e2e::record::{SECRET, TITLE};
use e2e::wait::until;
use serde_json::json;

use crate::peers::python;
use crate::phone::Pair;

in_both!(
    t063_a_caller_in_python_is_told_apart_from_ones_own_screen,
    a_phone_allows_more_openings_lets_one_minute_run_and_keeps_a_report,
    what_is_lent_is_found_by_kind_and_by_days,
    lock_language_and_the_page_beside_the_code_are_set_and_stay,
);

async fn told(browser: &Browser, id: &str) -> Result<String> {
    let text = browser.value(&format!("document.getElementById({})?.textContent ?? ''", json!(id))).await?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}

async fn t063_a_caller_in_python_is_told_apart_from_ones_own_screen(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer, site) = (&pair.phone, &pair.viewer, pair.site());
    let code = phone.lend(&[TITLE]).await?;
    // Somebody on the telephone has asked for "a code for my own screen", with a page of their own making.
    let caller = ["viewer.py", "--server", &site, "--case", "case-4711-zinnia", "--reason", "to pay you back", &code];
    let person = async {
        phone.pairs().await?;
        phone.browser.shows("#odd").await?;
        let told = phone.browser.text().await?;
        ensure!(told.contains("It names a case or a reason, as somebody who calls you would."), "{told}");
        let html = phone.browser.value("document.documentElement.outerHTML").await?.to_string();
        ensure!(!html.contains("4711") && !html.contains("pay you back"), "their words are not in the page: {html}");
        phone.browser.tap("decline").await?;
        phone.over().await
    };
    let (caller, _) = tokio::try_join!(python(&caller), person)?;
    let said = String::from_utf8_lossy(&caller.stdout).into_owned();
    ensure!(said.contains("words") && said.contains("declined") && !said.contains(SECRET), "{said}");

    // Control: a screen of one's own is none of the kind.
    phone.browser.tap("again").await?;
    let code = phone.code().await?;
    let words = phone.asked_by(viewer, &site, &code).await?;
    ensure!(phone.browser.value("document.getElementById('odd').hidden").await? == json!(true), "nothing is odd");
    phone.pick(&words).await?;
    viewer.screen("session").await
}

async fn a_phone_allows_more_openings_lets_one_minute_run_and_keeps_a_report(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let (phone, viewer) = (&pair.phone, &pair.viewer);
    pair.lend(&[TITLE]).await?;
    viewer.open(TITLE).await?;
    let budget = async |wanted: &str| {
        until(wanted, async || told(&phone.browser, "budget").await.ok()?.contains(wanted).then_some(())).await
    };
    budget("999 openings are left").await?;
    phone.browser.tap("allow").await?;
    budget("1,063 openings are left").await?;
    ensure!(phone.browser.value("document.getElementById('spent').hidden").await? == json!(true));
    ensure!(phone.seconds_left().await? > 5 * 60);
    phone.browser.tap("shorten").await?;
    until("one minute", async || phone.seconds_left().await.ok().filter(|left| *left <= 60)).await?;
    viewer.screen("session").await?;
    viewer.open(TITLE).await?;
    phone.browser.tap("end").await?;
    phone.over().await?;
    phone.browser.tap("report").await?;
    let file = phone.browser.downloads().join("glimpse-report.json");
    let report = until("the report is kept", async || {
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(&file).ok()?).ok()
    })
    .await?;
    ensure!(report["session"].is_string() && report["written"].is_u64(), "{report}");
    ensure!(report["screen"]["origin"] == json!(pair.site()) && !report.to_string().contains(TITLE), "{report}");
    Ok(())
}

async fn what_is_lent_is_found_by_kind_and_by_days(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let phone = &pair.phone;
    phone.go("add").await?;
    phone.browser.tap("what-measure").await?;
    phone.browser.write("measure-systolic_blood_pressure", "128").await?;
    phone.browser.write("measure-diastolic_blood_pressure", "82").await?;
    phone.browser.tap("measure-go").await?;
    phone.browser.screen("records").await?;
    phone.go("lend").await?;
    let rows = async |count: u64| {
        let script = "document.querySelectorAll('.record-row').length";
        phone.browser.becomes(&format!("{count} rows"), script, count).await
    };
    let chosen = async |count: u64| {
        let script = "document.querySelectorAll('.record-row[aria-selected=true]').length";
        phone.browser.becomes(&format!("{count} ticked"), script, count).await
    };
    // A day from now, in the days of the browser; as its own picker sets it.
    let day = async |id: &str, later: i32| {
        let script = format!(
            "const day = new Date(); day.setDate(day.getDate() + {later}); const two = n => String(n).padStart(2, '0'); \
             const field = document.getElementById({}); \
             field.value = `${{day.getFullYear()}}-${{two(day.getMonth() + 1)}}-${{two(day.getDate())}}`; \
             field.dispatchEvent(new Event('change'))",
            json!(id)
        );
        phone.browser.run(&script).await
    };
    rows(4).await?;
    let of_kind = |kind: &str| {
        format!(
            "const field = document.getElementById('kind'); field.value = {}; field.dispatchEvent(new Event('change'))",
            json!(kind)
        )
    };
    phone.browser.run(&of_kind("text")).await?;
    rows(3).await?;
    phone.browser.tap("choose-all").await?;
    chosen(3).await?;
    phone.browser.run(&of_kind("")).await?;
    rows(4).await?;
    chosen(3).await?;
    // What is ticked stays so; what the list shows besides is ticked as well, and then all ticks are taken away.
    phone.browser.tap("choose-all").await?;
    chosen(4).await?;
    phone.browser.tap("choose-all").await?;
    chosen(0).await?;

    day("day-to", -1).await?;
    rows(0).await?;
    day("day-to", 0).await?;
    rows(4).await?;
    day("day-from", 1).await?;
    rows(0).await?;
    day("day-from", 0).await?;
    rows(4).await?;
    day("day-from", 1).await?;
    rows(0).await?;
    // The days stay where they can be seen.
    phone.go("records").await?;
    rows(4).await?;
    phone.go("lend").await?;
    rows(4).await?;
    ensure!(phone.browser.value("document.getElementById('day-from').value").await? == json!(""));
    Ok(())
}

async fn lock_language_and_the_page_beside_the_code_are_set_and_stay(kind: Kind) -> Result<()> {
    let pair = Pair::with(kind).await?;
    let phone = &pair.phone;
    phone.more("settings").await?;
    phone.browser.write("set-site", "look.example/here").await?;
    phone.browser.tap("site-go").await?;
    phone.browser.reads("That is not the address of a page.").await?;
    phone.browser.write("set-site", "https://Look.example/").await?;
    phone.browser.tap("site-go").await?;
    phone.browser.reads("The page beside the code is changed.").await?;
    let choose = |id: &str, value: &str| {
        format!(
            "const field = document.getElementById({}); field.value = {}; field.dispatchEvent(new Event('change'))",
            json!(id),
            json!(value)
        )
    };
    phone.browser.run(&choose("set-lock", "1")).await?;
    phone.browser.run(&choose("set-language", "de")).await?;
    phone.browser.reads("Seite neben dem Code").await?;

    // All three are there after a reload.
    phone.reopen().await?;
    phone.more("settings").await?;
    phone.browser.reads("Seite neben dem Code").await?;
    phone.browser.becomes("the minutes", "document.getElementById('set-lock').value", "1").await?;
    ensure!(phone.browser.value("document.getElementById('set-site').value").await? == json!("https://look.example"));
    let site = async || {
        phone.lend(&[TITLE]).await?;
        let site = phone.browser.value("document.querySelector('.site').textContent").await?;
        let told = phone.browser.value("document.getElementById('other-site').checkVisibility()").await?;
        phone.browser.tap("cancel").await?;
        phone.over().await?;
        phone.browser.tap("over-close").await?;
        anyhow::Ok((site.as_str().unwrap_or_default().to_owned(), told == json!(true)))
    };
    ensure!(site().await? == ("https://look.example".to_owned(), true));
    phone.more("settings").await?;
    phone.browser.run("document.getElementById('set-site').value = ''").await?;
    phone.browser.tap("site-go").await?;
    phone.browser.reads("Die Seite neben dem Code ist").await?;
    ensure!(site().await? == (pair.line.url(), false), "control: the server's own");
    Ok(())
}
