//! Pictures of the portal in somebody else's console, of the window in which its agent signs in, and of the way to an identity
//! provider.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Result;
use axum::Router;
use axum::http::{Uri, header};
use e2e::agent::{AGENT, ORGANISATION, Organisation, Place, Portal, approve};
use e2e::browser::{Browser, Chromium, Kind};
use e2e::console::Console;
use e2e::device::NAME;
use e2e::server::free_port;
use serde_json::json;
use tokio::net::TcpListener;

use crate::add_sample;
use crate::agent::{CASE, REASON};
use crate::camera::Camera;

/// The window that the frame opens, in CSS pixels.
const WINDOW: (u32, u32) = (520, 720);

/// From signing in to the end, and the frame's address without a console around it. Returns how many pictures were taken.
pub(crate) async fn in_a_console(folder: &Path) -> Result<usize> {
    let console = Console::around(Browser::start(Kind::Chromium).await?, &[], &[]).await?;
    add_sample(&console.place.device).await?;
    let browser = console.browser();
    let mut camera = Camera::beside(browser, folder).await?;
    let mut views = Views { console: &console, camera: &mut camera };
    console.inside().await?;
    views.of("console-signed-out").await?;
    console.open_window().await?;
    console.portal.stage("signed-out").await?;
    views.of_the_window().await?;
    // It closes by itself, and may be gone before the driver answers.
    let _closed = console.portal.go_on().await;
    console.alone().await?;
    console.inside().await?;
    console.portal.stage("ready").await?;
    views.camera.turn_to(browser).await?;
    views.of("console-ready").await?;
    console.portal.look(CASE, REASON).await?;
    views.of("console-enter").await?;
    let mut lending = console.place.device.lend(&["--agent", "--everything"]).await?;
    browser.type_code(&lending.code).await?;
    approve(&mut lending).await?;
    browser.screen("session").await?;
    views.of("console-session").await?;
    browser.open("Ramipril").await?;
    views.of("console-record").await?;
    browser.tap("end").await?;
    browser.shows("#outcome-end").await?;
    views.of_the_sizes("console-outcome").await?;
    browser.tap("outcome-end").await?;
    console.reason().await?;
    views.of("console-ended").await?;

    console.outside().await?;
    browser.go(&format!("{}/agent/embed", console.place.url())).await?;
    browser.shows("#alone").await?;
    camera.take("embed-alone").await?;
    camera.narrow().await?;
    camera.take_dark("embed-alone-360-dark").await?;
    camera.done()
}

/// Pictures of the console from all sides.
struct Views<'a> {
    console: &'a Console,
    camera: &'a mut Camera,
}

impl Views<'_> {
    async fn of(&mut self, screen: &str) -> Result<()> {
        self.of_the_sizes(screen).await?;
        self.wish("language", "ar").await?;
        self.camera.take(&format!("{screen}-ar")).await?;
        self.camera.narrow().await?;
        self.take_dark(&format!("{screen}-ar-360-dark")).await?;
        self.camera.resize(None).await?;
        self.wish("language", "en").await
    }

    async fn of_the_sizes(&mut self, screen: &str) -> Result<()> {
        self.colours("light").await?;
        self.camera.resize(None).await?;
        self.camera.take(screen).await?;
        self.camera.narrow().await?;
        self.camera.take(&format!("{screen}-360")).await?;
        self.camera.resize(None).await?;
        self.take_dark(&format!("{screen}-dark")).await
    }

    /// Takes a picture in the dark, and makes it light again, as the camera does by itself where nothing is around the page.
    async fn take_dark(&mut self, name: &str) -> Result<()> {
        self.colours("dark").await?;
        self.camera.take(name).await?;
        self.colours("light").await
    }

    /// Those of the page around, which the frame is told to wear as well.
    async fn colours(&mut self, theme: &str) -> Result<()> {
        self.camera.scheme(theme).await?;
        self.wish("theme", theme).await
    }

    /// Sets what the console wishes, and waits until the frame has heard it.
    async fn wish(&self, name: &str, value: &str) -> Result<()> {
        let browser = self.console.browser();
        let set = format!("document.querySelector('glimpse-agent').setAttribute({}, {})", json!(name), json!(value));
        self.console.outside().await?;
        browser.run(&set).await?;
        self.console.inside().await?;
        let heard = if name == "theme" {
            "document.documentElement.dataset.theme ?? ''"
        } else {
            "document.documentElement.lang"
        };
        browser.becomes("the frame has heard it", heard, value).await
    }

    /// The window that has come up beside the console.
    async fn of_the_window(&mut self) -> Result<()> {
        let browser = self.console.browser();
        self.camera.turn_to(browser).await?;
        self.camera.resize(Some(WINDOW)).await?;
        self.camera.take_both("sign-in").await?;
        self.camera.narrow().await?;
        self.camera.take("sign-in-360").await?;
        browser.speak("ar").await?;
        self.camera.narrow().await?;
        self.camera.take("sign-in-ar").await?;
        browser.speak("en").await
    }
}

/// How a page that is about to go is looked at: its name, its colours, whether it is narrow, its language.
const SIDES: [(&str, &str, bool, &str); 5] = [
    ("", "light", false, "en"),
    ("-dark", "dark", false, "en"),
    ("-360", "light", true, "en"),
    ("-ar", "light", false, "ar"),
    ("-ar-360-dark", "dark", true, "ar"),
];

/// While the browser is on its way to a provider, from the portal and from the window. Returns how many pictures were taken.
pub(crate) async fn on_the_way_to_a_provider(folder: &Path) -> Result<usize> {
    let port = free_port()?;
    let organisation = Organisation::found(&format!("http://localhost:{port}"), ORGANISATION).await?;
    let issuer = provider_that_takes_its_time().await?;
    // The window of a console is there where some console may frame the page.
    let framed = ["--set", "embed_origins=https://desk.example"];
    let (place, _folder) = Place::at_provider(NAME, port, organisation, &issuer, &framed).await?;
    let portal = Portal::around(Chromium::start().await?, &place.url()).await?;
    portal.enrol(&place.organisation.invite(AGENT).await?).await?;
    place.organisation.issue().await?;
    let mut camera = Camera::beside(&portal.browser, folder).await?;
    for (screen, path) in [("leaving", "/agent"), ("sign-in-leaving", "/agent/sign-in")] {
        for (side, scheme, narrow, language) in SIDES {
            // Past WebDriver, which waits for a page that is on its way. What is to be seen is set before: the browser's debugger
            // changes nothing of a page that is about to go, and asks it nothing.
            camera.go(&format!("{}{path}", place.url())).await?;
            camera.sees("document.documentElement.dataset.stage", "signed-out").await?;
            camera.scheme(scheme).await?;
            if narrow { camera.narrow().await } else { camera.resize(None).await }?;
            let speak = format!(
                "{{ const l = document.getElementById('language'); l.value = {}; l.dispatchEvent(new Event('change')) }}",
                json!(language)
            );
            camera.value(&speak).await?;
            camera.sees("document.documentElement.lang", language).await?;
            camera.leaves("document.querySelector('.desk button.primary')").await?;
            camera.take(&format!("{screen}{side}")).await?;
        }
    }
    camera.done()
}

/// An identity provider that says what it is, and whose own page does not come.
async fn provider_that_takes_its_time() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let at = |path: &str| format!("{issuer}{path}");
    let about = json!({
        "issuer": issuer, "authorization_endpoint": at("/auth"), "token_endpoint": at("/token"), "jwks_uri": at("/keys"),
    });
    let router = Router::new().fallback(move |asked: Uri| {
        let about = about.to_string();
        async move {
            let body = match asked.path() {
                "/.well-known/openid-configuration" => about,
                "/keys" => json!({ "keys": [] }).to_string(),
                _ => std::future::pending().await,
            };
            ([(header::CONTENT_TYPE, "application/json")], body)
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(issuer)
}
