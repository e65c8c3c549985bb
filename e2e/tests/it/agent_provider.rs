//! Agents who sign in at their organisation's identity provider, one that nobody here wrote.

use anyhow::{Context as _, Result, ensure};
use e2e::agent::{AGENT, Desk, ORGANISATION, Organisation, Place};
use e2e::browser::{Browser, Kind};
use e2e::console::Console;
use e2e::device::NAME;
use e2e::provider::Provider;
use e2e::server::free_port;
use tempfile::TempDir;

in_both!(
    an_agent_signs_in_at_a_provider,
    an_agent_in_a_console_signs_in_at_a_provider,
    a_sign_in_that_is_broken_off_at_a_provider_begins_anew,
    t063_nobody_else_comes_back_from_the_sign_in_at_a_provider,
);

/// A place whose organisation has a provider, and a folder for its secret and the server's settings.
async fn place(more: &[&str]) -> Result<(Place, Provider, TempDir)> {
    let port = free_port()?;
    let url = format!("http://localhost:{port}");
    let organisation = Organisation::found(&url, ORGANISATION).await?;
    let provider = Provider::start(&url).await?;
    let (place, folder) = Place::at_provider(NAME, port, organisation, provider.issuer(), more).await?;
    Ok((place, provider, folder))
}

/// A desk whose organisation has a provider; the agent is enrolled and vouched for.
struct House {
    desk: Desk,
    provider: Provider,
    _folder: TempDir,
}

impl House {
    async fn new(kind: Kind) -> Result<Self> {
        let (place, provider, folder) = place(&[]).await?;
        let desk = Desk::at(place, Browser::start(kind)).await?;
        desk.portal.enrol(&desk.organisation.invite(AGENT).await?).await?;
        desk.organisation.issue().await?;
        Ok(Self { desk, provider, _folder: folder })
    }

    fn browser(&self) -> &Browser {
        &self.desk.portal.browser
    }

    /// Whoever sits at the agent's browser signs in at the provider under this name.
    async fn sign_in(&self, who: &str) -> Result<()> {
        self.desk.portal.stage("signed-out").await?;
        self.desk.portal.go_on().await?;
        self.provider.sign_in(self.browser(), who).await
    }

    /// The path and the query with which the provider sent the browser back last.
    fn way_back(&self) -> Result<String> {
        let paths = self.desk.line.exchanges().into_iter().map(|(asked, _)| asked.path);
        paths.filter(|path| path.starts_with("/agent?")).last().context("the browser came back from nowhere")
    }
}

async fn an_agent_signs_in_at_a_provider(kind: Kind) -> Result<()> {
    let house = House::new(kind).await?;
    house.sign_in("sam.okoro").await?;
    house.desk.portal.stage("ready").await?;
    house.browser().reads(AGENT).await?;
    let way = house.way_back()?;
    ensure!(way.contains("code=") && way.contains("state="), "control: the code was in the address: {way}");
    assert_eq!(house.browser().value("location.href").await?, house.desk.portal.url(), "and has left it");
    let log = house.desk.server.log();
    let code = way.split("code=").nth(1).and_then(|rest| rest.split('&').next()).context("no code")?;
    ensure!(!log.contains(code), "the server writes no code into its log");

    // As far as the customer's code, as with a passkey.
    house.desk.portal.look("4711", "to check the bill").await?;
    house.browser().tap("back").await?;
    house.desk.portal.stage("ready").await?;
    house.browser().tap("sign-out").await?;
    house.sign_in("sam.okoro").await?;
    house.desk.portal.stage("ready").await
}

async fn an_agent_in_a_console_signs_in_at_a_provider(kind: Kind) -> Result<()> {
    let port = free_port()?;
    let (place, provider, _folder) = place(&["--set", &format!("embed_origins=http://127.0.0.1:{port}")]).await?;
    let console = Console::at(Browser::start(kind).await?, place, port, &[]).await?;
    console.open_window().await?;
    console.portal.stage("signed-out").await?;
    console.portal.go_on().await?;
    provider.sign_in(console.browser(), "sam.okoro").await?;
    // The window comes back, hands over, and closes by itself.
    console.alone().await?;
    console.inside().await?;
    console.portal.stage("ready").await?;
    console.browser().reads(AGENT).await
}

async fn a_sign_in_that_is_broken_off_at_a_provider_begins_anew(kind: Kind) -> Result<()> {
    let house = House::new(kind).await?;
    house.desk.portal.stage("signed-out").await?;
    house.desk.portal.go_on().await?;
    house.provider.cancel(house.browser()).await?;
    let problem = house.desk.portal.problem().await?;
    ensure!(problem.contains("did not let you in"), "{problem}");
    assert_eq!(house.browser().value("location.href").await?, house.desk.portal.url());
    house.sign_in("sam.okoro").await?;
    house.desk.portal.stage("ready").await
}

async fn t063_nobody_else_comes_back_from_the_sign_in_at_a_provider(kind: Kind) -> Result<()> {
    let house = House::new(kind).await?;
    let portal = &house.desk.portal;
    house.sign_in("sam.okoro").await?;
    portal.stage("ready").await.context("control")?;
    let way = house.way_back()?;

    // The same return once more, and one that somebody else made up and had the agent open.
    for path in
        [way.as_str(), "/agent?code=made-up&state=made-up", "/agent?state=made-up", "/agent?error=access_denied"]
    {
        house.browser().go(&format!("{}{path}", house.desk.url())).await?;
        portal.stage("signed-out").await?;
        if path.contains("state=") {
            let problem = portal.problem().await?;
            ensure!(problem.contains("not begun in this browser"), "{path}: {problem}");
        }
        assert_eq!(house.browser().value("location.href").await?, portal.url());
    }

    // Somebody else at the agent's browser, with an account of their own at the same provider.
    house.sign_in("mallory").await?;
    let problem = portal.problem().await?;
    ensure!(problem.contains("You were not signed in"), "{problem}");
    house.sign_in("sam.okoro").await?;
    portal.stage("ready").await
}
