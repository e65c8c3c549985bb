//! The whole story in real browsers: a watch that goes through the phone page lends, a computer reads, the watch ends it.

use anyhow::Result;
use e2e::browser::{Browser, Chromium, Kind};
use e2e::phone::Phone;
use e2e::record::{SECRET, TITLE};
use e2e::server::Server;
use e2e::wait::until;
use e2e::worn::Worn;

use crate::access::Look;
use crate::phone::with_line;
use crate::phone_access::axe;

in_both!(a_watch_lends_a_computer_reads_and_the_watch_ends_it, a_phone_lends_a_computer_reads_and_the_watch_ends_it,);

/// A phone with a record, and its watch, both of which reach the server by this address.
pub(crate) async fn worn(kind: Kind, url: &str) -> Result<Worn<Browser>> {
    let phone = Phone::with_account_in(kind, url, "Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    Worn::opened(phone).await
}

async fn a_watch_lends_a_computer_reads_and_the_watch_ends_it(kind: Kind) -> Result<()> {
    let server = Server::start().await?;
    let worn = worn(kind, &server.url()).await?;
    worn.linked().await?;

    let viewer = Chromium::start().await?;
    worn.lend_to(&viewer, &server.url(), TITLE).await?;
    let face = worn.face().await?;
    viewer.lists(TITLE).await?;
    viewer.open(TITLE).await?;
    viewer.reads(SECRET).await?;
    face.shows("#end").await?;
    face.reads("1 opening").await?;

    // The phone page is loaded anew in the middle: what it carries for comes back by itself.
    worn.page().await?.browser.driver.refresh().await?;
    worn.phone.browser.screen("locked").await?;
    let face = worn.face().await?;
    face.reads("1 opening").await?;
    face.tap("end").await?;
    assert_eq!(viewer.reason().await?, "session-ended");
    face.shows("#over-close").await
}

/// Three of them: the phone lends, a computer reads, the watch ends it. In the middle the phone loses the network.
async fn a_phone_lends_a_computer_reads_and_the_watch_ends_it(kind: Kind) -> Result<()> {
    let (server, line) = with_line().await?;
    let worn = worn(kind, &line.url()).await?;
    worn.linked().await?;

    worn.page().await?;
    let viewer = Chromium::start().await?;
    worn.phone.lend_to(&viewer, &server.url(), &[TITLE]).await?;
    viewer.open(TITLE).await?;
    viewer.reads(SECRET).await?;
    let shown = async || worn.phone.lent_row(TITLE).await.ok()?.contains("On their screen").then_some(());
    until("the phone mirrors it", shown).await?;
    line.cut();
    worn.phone.browser.reads("No connection. Time goes on").await?;
    viewer.reads(SECRET).await?;
    line.mend();
    worn.phone.browser.reads("1 opening").await?;

    let face = worn.face().await?;
    face.tap("looks").await?;
    face.reads("Lent by").await?;
    face.reads("1 opening").await?;
    face.press_text(".looks button", "End").await?;
    assert_eq!(viewer.reason().await?, "session-ended");
    face.reads("Nobody is looking").await?;
    face.tap("looks-back").await?;
    face.shows("#lend-go").await?;

    worn.page().await?;
    let over = worn.phone.over().await?;
    // The name stands apart, in its own direction: Chromium reads the marks of that out, and Firefox does not.
    let read = over.replace(['\u{2068}', '\u{2069}'], "");
    assert!(read.contains("Watch ended it."), "{over}");
    assert!(over.contains("The server has deleted what it held for it."), "{over}");
    Ok(())
}

/// Each of its screens, as the project's own audit and axe-core see it: at 260 and at 200 px, which is all that a watch has.
#[tokio::test]
async fn everybody_can_link_lend_approve_and_end_on_the_watch_with_axe() -> Result<()> {
    let (server, line) = with_line().await?;
    let phone = Phone::with_account(&line.url(), "Mara Lind").await?;
    phone.add(TITLE, SECRET).await?;
    phone.add("a-title-that-is-so-long-that-it-fits-no-narrow-screen-and-has-no-place-to-break", SECRET).await?;
    let worn = Worn::opened(phone).await?;
    let face = worn.face().await?;
    let mut look = Look::of_watch(face, axe()?).await?;
    look.screen("watch-start").await?;
    worn.linked().await?;
    face.reads(TITLE).await?;
    look.screen("watch-choose").await?;
    let code = worn.lend(TITLE).await?;
    look.screen("watch-code").await?;
    let viewer = Chromium::start().await?;
    viewer.enter(&server.url(), &code).await?;
    let words = viewer.words().await?;
    face.shows(".word-choice button").await?;
    look.screen("watch-words").await?;
    worn.pick(&words).await?;
    look.screen("watch-approve").await?;
    face.tap("approve").await?;
    face.shows("#end").await?;
    look.screen("watch-running").await?;
    viewer.screen("session").await?;
    viewer.press("more-time").await?;
    face.shows("#give").await?;
    look.screen("watch-asked").await?;
    face.tap("end").await?;
    face.shows("#over-close").await?;
    look.screen("watch-over").await?;
    face.tap("over-close").await?;

    worn.page().await?.lend_to(&viewer, &server.url(), &[TITLE]).await?;
    worn.face().await?.tap("looks").await?;
    face.shows(".looks .danger").await?;
    look.screen("watch-looks").await?;
    face.tap("looks-back").await?;
    face.tap("lock").await?;
    face.screen("locked").await?;
    look.screen("watch-locked").await?;
    look.done();
    Ok(())
}
