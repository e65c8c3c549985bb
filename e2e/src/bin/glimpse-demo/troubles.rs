//! The screens of a look that does not go well, or takes its time: a server that stands still or lies, a person who says no.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use e2e::code::wrong;
use e2e::proxy::{Answer, Asked, Tamper};
use e2e::stage::Stage;
use glimpse_wire::session::Opened;
use glimpse_wire::{decode, encode};
use serde_json::json;

use crate::camera::Camera;

/// A server that hands out a wrong share while the switch is on.
struct WrongShare(Arc<AtomicBool>);

impl Tamper for WrongShare {
    fn answer(&self, asked: &Asked, mut answer: Answer) -> Option<Answer> {
        if self.0.load(Ordering::SeqCst) && asked.path.ends_with("/open") {
            let mut opened: Opened = decode(&answer.body, answer.body.len()).ok()?;
            opened.share.0.reverse();
            answer.body = encode(&opened);
        }
        Some(answer)
    }
}

/// Bytes of the record whose progress is photographed: a second or two.
const LARGE: usize = 48 * 1024 * 1024;

/// A code that was declined, waiting for the server, a code that was wrong, a record that fails, one that takes its time.
pub(crate) async fn views_of_trouble(folder: &std::path::Path) -> Result<Vec<String>> {
    let lie = Arc::new(AtomicBool::new(false));
    let stage = Stage::behind(Arc::new(WrongShare(Arc::clone(&lie)))).await?;
    let mut camera = Camera::beside(&stage.browser, folder).await?;
    stage.device.add_bytes("A letter that was changed.txt", "Dear reader, this is not what was written.").await?;
    stage.device.add_bytes("A long film.bin", vec![0_u8; LARGE]).await?;

    let mut lending = stage.device.lend(&["--everything"]).await?;
    stage.browser.enter(&stage.url(), &lending.code).await?;
    stage.browser.words().await?;
    lending.event("peer").await?;
    lending.tell(json!({ "do": "decline" })).await?;
    stage.browser.failure().await?;
    camera.take("declined").await?;

    let lending = stage.device.lend(&["--everything"]).await?;
    stage.server.freeze()?;
    let asked = async {
        stage.browser.type_code(&wrong(&lending.code)).await?;
        stage.browser.screen("wait").await?;
        camera.snap("connecting").await
    };
    let asked = asked.await;
    stage.server.thaw()?;
    asked?;
    stage.browser.failure().await?;
    camera.take("code-wrong").await?;
    drop(lending);

    let mut look = stage.lend(&["--everything"]).await?;
    lie.store(true, Ordering::SeqCst);
    stage.browser.choose("A letter that was changed").await?;
    stage.browser.reads("was changed on the way").await?;
    camera.take("record-failed").await?;
    lie.store(false, Ordering::SeqCst);
    stage.browser.choose("A long film").await?;
    let part = "(p => !!p && p.value > 0 && p.value < 1)(document.querySelector('#progress'))";
    stage.browser.becomes("some of the record has arrived", part, true).await?;
    camera.snap("record-progress").await?;
    look.lending.end().await?;
    stage.browser.reason().await?;
    Ok(camera.taken)
}
