//! The vectors of `vectors/`, computed again by the code that the page ships, in the browser that it runs in: the same
//! scenarios as `crates/glimpse-core/tests/vectors/`, the same to the letter.
#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "an overflow or a slice out of place in a test is a failed test"
)]

#[path = "../crates/glimpse-core/tests/vectors/agents.rs"]
mod agents;
#[path = "../crates/glimpse-core/src/testing/by_hand.rs"]
mod by_hand;
#[path = "../crates/glimpse-core/tests/vectors/chain.rs"]
mod chain;
#[path = "../crates/glimpse-core/tests/vectors/decisions.rs"]
mod decisions;
#[path = "../crates/glimpse-core/tests/vectors/faults.rs"]
mod faults;
#[path = "../crates/glimpse-core/tests/vectors/faulty.rs"]
mod faulty;
#[path = "../crates/glimpse-core/tests/vectors/files.rs"]
mod files;
#[path = "../crates/glimpse-core/tests/vectors/hand.rs"]
mod hand;
#[path = "../crates/glimpse-core/tests/vectors/kit.rs"]
mod kit;
#[path = "../crates/glimpse-core/tests/vectors/lent.rs"]
mod lent;
#[path = "../crates/glimpse-core/tests/vectors/linking.rs"]
mod linking;
#[path = "../crates/glimpse-core/tests/vectors/reject.rs"]
mod reject;
#[path = "../crates/glimpse-core/tests/vectors/rest.rs"]
mod rest;
#[path = "../crates/glimpse-core/tests/vectors/sheet.rs"]
mod sheet;
#[path = "../crates/glimpse-core/tests/vectors/small.rs"]
mod small;
#[path = "../crates/glimpse-core/src/testing/tape.rs"]
mod tape;
#[path = "../crates/glimpse-core/tests/vectors/trails.rs"]
mod trails;

use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

fn same(name: &str, sheet: &sheet::Sheet) {
    let there = files::FILES.iter().chain(files::REJECTED).find(|(there, _)| *there == name).map(|(_, text)| *text);
    assert!(there == Some(sheet.render().as_str()), "{name} is not what this build computes");
}

#[wasm_bindgen_test]
fn framing_sizes_codes_and_words() {
    same("preimages", &small::preimages());
    same("sizes", &small::sizes());
    same("codes", &small::codes());
    same("words", &small::words());
}

#[wasm_bindgen_test]
fn account_and_records() {
    same("account", &rest::account_sheet());
    same("recovery", &kit::recovery_sheet());
    same("record", &rest::small_record());
    same("record-chunks", &rest::large_record());
    same("record-writer", &rest::written_record());
    same("decision", &decisions::decision_sheet());
}

#[wasm_bindgen_test]
fn pairing_session_and_receipts() {
    same("pairing", &lent::pairing());
    same("session", &lent::session());
    same("agent", &agents::agent());
    same("receipts", &lent::receipts());
}

#[wasm_bindgen_test]
fn a_linking_and_a_chain() {
    same("linking", &linking::linking());
    same("chain", &chain::chain_sheet());
}

#[wasm_bindgen_test]
fn one_fault_a_file() {
    for reject in reject::all() {
        same(reject.name, &reject.sheet());
    }
}

#[wasm_bindgen_test]
fn every_fault_is_refused_and_the_honest_bytes_are_not() {
    let story = lent::story();
    for (name, text) in files::REJECTED {
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let field = |name: &str| file.get(name).and_then(serde_json::Value::as_str).unwrap();
        let outcome = reject::outcome(&story, field("offered_as"), &hex::decode(field("bytes")).unwrap());
        assert!(field("error").split(" or ").any(|error| error == outcome), "{name}: {outcome}");
        let honest = reject::honest(field("offered_as"));
        assert_eq!(reject::outcome(&story, field("offered_as"), &honest), "accepted", "control: {name}");
    }
}
