//! Ctrl-C, and the other ways in which the system asks a process to stop.
//!
//! A command that has to tell somebody before it ends listens with [`asked`] and says so with [`attend`]. Once anything
//! has listened, the system leaves the ending to the process: [`keep`] ends it where nobody attends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::prompts::terminal;

/// What a shell gives for a process that Ctrl-C ended.
const EXIT: i32 = 130;

static ATTENDING: AtomicUsize = AtomicUsize::new(0);
static KEPT: AtomicBool = AtomicBool::new(false);

/// While it lives, an interrupt is left to whoever made it.
#[derive(Debug)]
pub(crate) struct Attending(());

pub(crate) fn attend() -> Attending {
    ATTENDING.fetch_add(1, Ordering::SeqCst);
    Attending(())
}

impl Drop for Attending {
    fn drop(&mut self) {
        ATTENDING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// From here on an interrupt that nobody attends to gives the terminal back as it is now, and ends the process.
pub(crate) fn keep() {
    if KEPT.swap(true, Ordering::SeqCst) {
        return;
    }
    let terminal = terminal::State::now();
    // From this call on, and not from when the task has its first turn.
    let mut stop = Box::pin(asked());
    tokio::spawn(async move {
        loop {
            stop.as_mut().await;
            stop.set(asked());
            if ATTENDING.load(Ordering::SeqCst) == 0 {
                terminal.restore();
                crate::files::forget();
                std::process::exit(EXIT);
            }
        }
    });
}

/// Done at Ctrl-C, when the system asks the process to stop, or when the terminal is gone. It listens from the call on.
#[cfg(unix)]
pub(crate) fn asked() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    async move {
        let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
        let (_which, _, _) = futures_util::future::select_all(waits).await;
    }
}

/// Done at Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn asked() {
    if tokio::signal::ctrl_c().await.is_err() {
        futures_util::future::pending::<()>().await;
    }
}
