//! The corpus of the fuzz target `card`, replayed without a fuzzer, and some thousand mutations of it.

#[cfg(test)]
#[path = "../../../fuzz/src/card.rs"]
#[expect(unreachable_pub, reason = "the fuzz crate makes them public")]
mod card;
#[cfg(test)]
#[path = "../../../fuzz/src/replay.rs"]
#[expect(unreachable_pub, reason = "it is written for several crates")]
mod replay;

#[test]
fn t058_card() {
    replay::replay("card", card::card, 7, 500);
}

/// Control: a corpus in which nothing is a card would prove nothing.
#[test]
fn control_the_corpus_has_a_card() {
    let card = include_str!("../../../fuzz/corpus/card/card");
    assert_eq!(
        card.parse::<glimpse_device::card::ContactCard>().map(|card| card.to_string()).as_deref(),
        Ok(card.trim())
    );
}
