//! What a pairing takes of a watch's memory.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use e2e::browser::Chromium;
use e2e::device::{Device, Lending, field};
use e2e::program::Program;
use e2e::proxy::{Answer, Asked, Proxy, Tamper};
use e2e::watch::Wrist;
use serde_json::json;

/// What a pairing may take above its start, in KiB: 12 MiB.
const MOST: u64 = 12 * 1024;
/// What it takes at least, in KiB: its Argon2id has 7 MiB, of which a little lies where memory was free at the start.
const LEAST: u64 = 6 * 1024;

/// The resident memory of a process in KiB, and the highest since its start or since it was set back.
#[derive(Clone, Copy, Debug)]
struct Resident {
    present: u64,
    peak: u64,
}

fn resident(process: u32) -> Result<Resident> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let figure = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        Ok(line.with_context(|| format!("no {name}"))?.parse()?)
    };
    Ok(Resident { present: figure("VmRSS:")?, peak: figure("VmHWM:")? })
}

/// Carries as the phone does. When the watch asks for a mailbox, which is the first thing of a pairing that shows a code, it
/// looks at the watch's memory, and sets the peak back to the present.
#[derive(Default)]
struct Scales {
    process: Mutex<Option<u32>>,
    start: Mutex<Option<Resident>>,
}

impl Tamper for Scales {
    fn request(&self, asked: &mut Asked) -> Option<Answer> {
        let process = *self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(process), "/v1/mailboxes") = (process, asked.path.as_str()) {
            let start = resident(process).and_then(|start| {
                std::fs::write(format!("/proc/{process}/clear_refs"), "5")?;
                Ok(start)
            });
            *self.start.lock().unwrap_or_else(PoisonError::into_inner) = start.ok();
        }
        None
    }
}

impl Scales {
    /// Starts a command of the watch in a process that gives what it frees back to the system at once: otherwise the 19 MiB
    /// of the vault's Argon2id, freed before the pairing begins, would lie there for the pairing and hide what it takes.
    fn weigh(&self, watch: &Device, arguments: &[&str]) -> Result<Lending> {
        let mut command = watch.command(arguments)?;
        command.env("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=131072");
        let process = Program::start(&mut command)?;
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = process.id();
        Ok(Lending { process, code: String::new(), events: Vec::new() })
    }

    /// What the process had at its start, and the most that it took above that, in KiB.
    fn took(&self, process: &Lending) -> Result<(Resident, u64)> {
        let start = self.start.lock().unwrap_or_else(PoisonError::into_inner).context("no pairing began")?;
        let end = resident(process.process.id().context("it has ended")?)?;
        Ok((start, end.peak.saturating_sub(start.present)))
    }
}

/// What is measured, for the command itself in the dev build: the peak of its resident memory (`VmHWM`) from the request for
/// a mailbox to the person's yes (linking) or to the grant (lending), less its resident memory (`VmRSS`) at that request.
/// Argon2id, the PAKE, X-Wing and the sealing lie between the two; unlocking the vault, 19 MiB, comes before.
#[tokio::test]
async fn a_pairing_takes_at_most_12_mib_above_its_start() -> Result<()> {
    let wrist = Wrist::new().await?;
    wrist.phone.add_bytes("note.txt", "Water the plants.").await?;
    let (scales, socket) = (Arc::new(Scales::default()), wrist.socket());
    let _phone = Proxy::carry(socket.as_ref(), &wrist.server.url(), scales.clone())?;

    let mut join = scales.weigh(&wrist.watch, &["join", "--show", "--digits", "--phone", &socket])?;
    let code = field(&join.event("code").await?, "code")?;
    let mut link = wrist.phone.begin(&["link", &code])?;
    let words = field(&join.event("words").await?, "words")?;
    link.event("asked").await?;
    link.tell(json!({ "do": "approve", "words": words })).await?;
    join.event("invited").await?;
    let (_, linking) = scales.took(&join)?;
    join.event("joined").await?;
    link.event("linked").await?;

    let browser = Chromium::start().await?;
    let mut lending = scales.weigh(&wrist.watch, &["lend", "--everything"])?;
    let code = field(&lending.event("code").await?, "code")?;
    browser.enter(&wrist.server.url(), &code).await?;
    lending.approve(&browser.words().await?).await?;
    let (start, pairing) = scales.took(&lending)?;
    lending.end().await?;

    println!("above the start: linking {linking} KiB, lending {pairing} KiB; at the start: {start:?}");
    assert!(start.peak.saturating_sub(start.present) > MOST, "control: the vault before it took more: {start:?}");
    for (what, took) in [("linking", linking), ("lending", pairing)] {
        assert!(took >= LEAST, "control: the stretching is in it: {what} took {took} KiB");
        assert!(took <= MOST, "{what} took {took} KiB");
    }
    Ok(())
}
