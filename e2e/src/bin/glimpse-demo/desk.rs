//! Pictures of the phone that lends to an agent of an organisation, and of one for whom nobody vouches.

use std::path::Path;

use anyhow::Result;
use e2e::agent::{Desk, ORGANISATION, Organisation, Portal};
use e2e::browser::{Chromium, Kind};
use e2e::device::Device;
use e2e::phone::Phone;

use crate::add_sample;
use crate::agent::{CASE, REASON};
use crate::camera::Camera;
use crate::phone::{Look, Views};

/// An organisation that the phone's account has pinned, and that is not the agent's.
const ANOTHER: &str = "Lakeside Clinic";
/// Who types a code that somebody else has typed.
pub(crate) const COLLEAGUE: &str = "Kim Aras";
const LENT: [&str; 2] = ["Blood tests and pressure, one year", "Ramipril"];

/// From the choice of an agent to the end of the look. Returns how many pictures were taken.
pub(crate) async fn lending_to_an_agent(folder: &Path) -> Result<usize> {
    let desk = Desk::around(Chromium::start()).await?;
    desk.hire().await?;
    let site = desk.url();

    let customer = Device::named(&site, "Mara Lind").await?;
    add_sample(&customer).await?;
    let card = Organisation::found(&site, ANOTHER).await?.card().await?;
    customer.run(&["chain", "pin", ANOTHER, "--card", &card]).await?;
    let phone = Phone::beside(&customer, "Phone", Chromium::start().await?).await?;
    let mut camera = Camera::beside(&phone.browser, folder).await?;
    let mut views = Views { phone: &phone, camera: &mut camera };

    phone.reopen().await?;
    desk.portal.look(CASE, REASON).await?;
    let code = views.shows_code_for_an_agent(false).await?;
    desk.portal.browser.type_code(&code).await?;
    phone.browser.shows("#no-agent-back").await?;
    views.dense("no-agent").await?;
    phone.browser.tap("no-agent-back").await?;
    desk.portal.problem().await?;

    let colleague = Portal::blank_in(Kind::Chromium, &site).await?;
    colleague.enrol(&desk.organisation.invite(COLLEAGUE).await?).await?;
    desk.organisation.issue().await?;
    colleague.sign_in("ready").await?;
    colleague.look(CASE, REASON).await?;
    customer.run(&["chain", "pin", ORGANISATION, "--card", &desk.organisation.card().await?]).await?;
    phone.reopen().await?;
    desk.portal.go_on().await?;
    desk.portal.browser.screen("enter").await?;
    let code = views.shows_code_for_an_agent(true).await?;
    views.of("agent-code").await?;
    desk.portal.browser.type_code(&code).await?;
    phone.browser.shows("#approve-agent").await?;
    views.dense("agent-asking").await?;
    colleague.browser.type_code(&code).await?;
    colleague.problem().await?;
    views.with("agent-asking-crowded", Look { there: "#crowded", ..Look::default() }).await?;
    phone.browser.tap("approve-agent").await?;
    phone.browser.shows("#end").await?;
    desk.portal.browser.screen("session").await?;
    desk.portal.browser.open("Ramipril").await?;
    phone.browser.shows(".lent .viewing").await?;
    views.dense("agent-running").await?;
    phone.browser.tap("end").await?;
    phone.over().await?;
    views.of("agent-over").await?;
    camera.done()
}

impl Views<'_> {
    /// Ticks records, chooses that an agent may see them, and shows the code.
    async fn shows_code_for_an_agent(&mut self, pictured: bool) -> Result<String> {
        let browser = &self.phone.browser;
        self.phone.go("lend").await?;
        self.phone.tick(&LENT).await?;
        let agent = "input[name=to][value=agent]";
        browser.shows(agent).await?;
        let choose = format!("document.querySelector('{agent}').click()");
        browser.run(&choose).await?;
        if pictured {
            self.with("agent-choose", Look { again: &choose, there: agent, dense: true }).await?;
        }
        browser.tap("lend-go").await?;
        self.phone.code().await
    }
}
