//! The corpus of the fuzz target `content`, replayed without a fuzzer, and some thousand mutations of it.
#![expect(clippy::disallowed_methods, reason = "a test that replays files reads them")]

#[cfg(test)]
#[path = "../../../fuzz/src/content.rs"]
#[expect(unreachable_pub, reason = "the fuzz crate makes them public")]
mod content;
#[cfg(test)]
#[path = "../../../fuzz/src/replay.rs"]
#[expect(unreachable_pub, reason = "it is written for several crates")]
mod replay;

#[test]
fn t058_content() {
    replay::replay("content", content::content, 30, 200);
}
