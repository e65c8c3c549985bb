//! The files in `vectors/`: every one is what this build computes, step by step, from randomness that is written down.
//!
//! `GLIMPSE_BLESS=1 cargo test -p glimpse-core --test vectors` writes them.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "an overflow or a slice out of place in a test is a failed test"
)]

#[cfg(test)]
mod agents;
#[cfg(test)]
#[path = "../../src/testing/by_hand.rs"]
mod by_hand;
#[cfg(test)]
mod chain;
#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod faulty;
#[cfg(test)]
mod files;
#[cfg(test)]
mod hand;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod lent;
#[cfg(test)]
mod linking;
#[cfg(test)]
mod reject;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod sheet;
#[cfg(test)]
mod small;
#[cfg(test)]
#[path = "../../src/testing/tape.rs"]
mod tape;
#[cfg(test)]
mod trails;

/// Writes the file if it was asked for; otherwise it must be there, the same to the letter.
#[cfg(test)]
fn same(name: &str, sheet: &sheet::Sheet) {
    compare(name, name, sheet);
}

/// [`same`] for a file in a folder.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test that writes its files anew reads a switch and writes files")]
fn compare(name: &str, path: &str, sheet: &sheet::Sheet) {
    let rendered = sheet.render();
    if std::env::var_os("GLIMPSE_BLESS").is_some() {
        let path = format!("{}/../../vectors/{path}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, &rendered).unwrap();
        return;
    }
    let there = files::FILES.iter().chain(files::REJECTED).find(|(there, _)| *there == name).map(|(_, text)| *text);
    assert!(there == Some(rendered.as_str()), "vectors/{path}.json is not what this build computes");
}

#[test]
fn framing_sizes_codes_and_words() {
    same("preimages", &small::preimages());
    same("sizes", &small::sizes());
    same("codes", &small::codes());
    same("words", &small::words());
}

#[test]
fn account_and_records() {
    same("account", &rest::account_sheet());
    same("recovery", &kit::recovery_sheet());
    same("record", &rest::small_record());
    same("record-chunks", &rest::large_record());
    same("record-writer", &rest::written_record());
    same("checkpoints", &checkpoints::checkpoints_sheet());
    same("decision", &decisions::decision_sheet());
}

#[test]
fn pairing_session_and_receipts() {
    same("pairing", &lent::pairing());
    same("session", &lent::session());
    same("agent", &agents::agent());
    same("receipts", &lent::receipts());
}

#[test]
fn a_linking_and_a_chain() {
    same("linking", &linking::linking());
    same("chain", &chain::chain_sheet());
}

#[test]
fn one_fault_a_file() {
    for reject in reject::all() {
        compare(reject.name, &format!("reject/{}", reject.name), &reject.sheet());
    }
}

#[test]
fn every_fault_is_refused_with_its_error_and_the_honest_bytes_are_not() {
    let story = lent::story();
    let mut kinds = std::collections::BTreeSet::new();
    for (name, text) in files::REJECTED {
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let field = |name: &str| file[name].as_str().unwrap();
        let outcome = reject::outcome(&story, field("offered_as"), &hex::decode(field("bytes")).unwrap());
        assert!(field("error").split(" or ").any(|error| error == outcome), "{name}: {outcome}");
        kinds.insert(field("offered_as").to_owned());
    }
    for kind in kinds {
        assert_eq!(reject::outcome(&story, &kind, &reject::honest(&kind)), "accepted", "control: {kind}");
    }
}

#[test]
fn no_file_is_forgotten() {
    let names: Vec<&str> = reject::all().iter().map(|reject| reject.name).collect();
    let listed: Vec<&str> = files::REJECTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, names);
}
