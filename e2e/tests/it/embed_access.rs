//! Whether the portal in a frame of 320 px, and the window in which its agent signs in, can be used by those who do not see
//! them: axe-core in the frame itself, from left to right and from right to left, in the colours that the console wishes.

use anyhow::Result;
use e2e::agent::approve;
use e2e::browser::Kind;
use e2e::console::Console;
use serde_json::json;

use crate::agents::{CASE, REASON, read};
use crate::phone_access::axe;

in_both!(every_screen_of_a_narrow_frame_is_fit_for_all_with_axe);

/// A console that leaves the frame a side bar.
const NARROW: &str = "<!doctype html><html lang=\"en\"><title>narrow</title><style>body { margin: 0 } aside { width: 320px }</style>\
     <ol id=\"log\"></ol><script type=\"module\" src=\"agent-element/glimpse-agent.js\"></script><script type=\"module\" src=\"console.js\"></script>\
     <aside><glimpse-agent server=\"https://glimpse.example\"></glimpse-agent></aside>";

/// What axe-core finds where the driver is, and whether anything is wider than the frame.
async fn faults(console: &Console, judge: &str) -> Result<Vec<String>> {
    let found = console.browser().run(&format!("return (async () => {{ {judge} }})()")).await?;
    let mut found: Vec<String> = serde_json::from_value(found)?;
    if console.browser().value("document.documentElement.scrollWidth > innerWidth").await? == json!(true) {
        found.push("wider than the frame".to_owned());
    }
    Ok(found)
}

async fn every_screen_of_a_narrow_frame_is_fit_for_all_with_axe(kind: Kind) -> Result<()> {
    let judge = axe()?;
    let console = Console::open(kind, &[], &[("/narrow.html", NARROW)]).await?;
    console.place.device.add_secret().await?;
    console.go("/narrow.html").await?;
    let browser = console.browser();
    let look = async |name: &str| -> Result<()> {
        for (language, theme) in [("ar", "dark"), ("en", "light")] {
            console.outside().await?;
            let wish = "const e = document.querySelector('glimpse-agent'); e.setAttribute('language',";
            browser.run(&format!("{wish} '{language}'); e.setAttribute('theme', '{theme}')")).await?;
            console.inside().await?;
            let seen = "[document.documentElement.lang, document.documentElement.dataset.theme]";
            browser.becomes("the frame has heard it", seen, json!([language, theme])).await?;
            assert_eq!(faults(&console, &judge).await?, Vec::<String>::new(), "{name} {language} {theme}");
        }
        Ok(())
    };
    console.inside().await?;
    console.portal.stage("stranger").await?;
    assert_eq!(browser.value("innerWidth").await?, json!(320));
    look("signed-out").await?;
    console.open_window().await?;
    console.portal.stage("signed-out").await?;
    assert_eq!(faults(&console, &judge).await?, Vec::<String>::new(), "the window");
    let _closed = console.portal.go_on().await;
    console.alone().await?;
    console.inside().await?;
    console.portal.stage("ready").await?;
    look("ready").await?;
    console.portal.look(CASE, REASON).await?;
    look("enter").await?;
    let mut lending = console.place.device.lend(&["--agent", "--everything"]).await?;
    browser.type_code(&lending.code).await?;
    browser.words().await?;
    look("wait").await?;
    approve(&mut lending).await?;
    browser.screen("session").await?;
    look("session").await?;
    read(browser).await?;
    look("record").await?;
    console.end().await?;
    look("ended").await?;
    // Control: a fault in the frame is found.
    browser
        .run("const image = new Image(); image.src = '/x.svg'; document.getElementById('main').append(image)")
        .await?;
    let found = faults(&console, &judge).await?;
    assert!(found.iter().any(|each| each.starts_with("axe image-alt")), "{found:?}");
    Ok(())
}
