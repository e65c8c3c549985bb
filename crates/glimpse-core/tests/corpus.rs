//! The corpora of `fuzz/`, replayed without a fuzzer, and some thousand mutations of them.
#![expect(clippy::disallowed_methods, reason = "a test that replays files reads them")]

#[cfg(test)]
#[path = "../../../fuzz/src/targets.rs"]
#[expect(unreachable_pub, reason = "the fuzz crate makes them public")]
mod targets;

#[cfg(test)]
#[path = "../../../fuzz/src/replay.rs"]
#[expect(unreachable_pub, reason = "it is written for several crates")]
mod replay;

use replay::replay;

#[test]
fn t058_messages() {
    replay("messages", targets::messages, 20, 200);
}

#[test]
fn t058_envelope() {
    replay("envelope", targets::envelope, 4, 200);
}

#[test]
fn t058_code() {
    replay("code", targets::code, 10, 200);
}

#[test]
fn t058_share() {
    replay("share", targets::share, 8, 200);
}

#[test]
fn t058_receipts() {
    replay("receipts", targets::receipts, 3, 200);
}

#[test]
fn t058_bodies() {
    replay("bodies", targets::bodies, 15, 200);
}

#[test]
fn t058_viewer() {
    // Of a story that gets as far as an Offer, each telling takes a stretching.
    replay("viewer", targets::viewer, 6, 12);
}
