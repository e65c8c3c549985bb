mod chaining;
mod chance;
mod combining;
mod forms;

use super::*;
use crate::testing::rng;

/// A kit, and the keys that it was drawn with.
fn kit(threshold: u8, count: u8, seed: u64) -> RecoveryKit {
    RecoveryKit::generate(Plan::new(threshold, count).unwrap(), &mut rng(seed)).unwrap()
}

/// Another reading of the same share: shares are not cloned.
fn copy(share: &Share) -> Share {
    Share::parse(&share.to_letters()).unwrap()
}

fn chosen(kit: &RecoveryKit, indices: &[u8]) -> Vec<Share> {
    indices.iter().map(|index| copy(&kit.shares[usize::from(index - 1)])).collect()
}

#[test]
fn plans_that_no_kit_has_are_refused() {
    for (threshold, count) in [(1, 1), (2, 2), (2, 3), (3, 5), (16, 16), (2, 16)] {
        assert!(Plan::new(threshold, count).is_ok(), "{threshold} of {count}");
    }
    for (threshold, count) in [(0, 0), (0, 3), (1, 2), (1, 16), (3, 2), (2, 17), (17, 17), (255, 255)] {
        assert_eq!(Plan::new(threshold, count), Err(BadPlan), "{threshold} of {count}");
    }
    assert_eq!((Plan::default().threshold(), Plan::default().count()), (2, 3));
}

#[test]
fn a_page_says_what_it_is_and_holds_its_share_in_both_forms() {
    let kit = kit(2, 3, 1);
    let account = glimpse_wire::AccountId([7; 32]);
    let page = Page::new(&kit.shares[1], account, "https://glimpse.example", "25 November 2026");
    let text = page.to_text();
    for part in ["share 2 of 3", "https://glimpse.example", "25 November 2026", &account.to_string()] {
        assert!(text.contains(part), "{part}: {}", *text);
    }
    assert!(text.contains(&kit.shares[0].kit().to_string()), "the same two words on each page");
    // For somebody who never heard of it: what it is, what to type, and which page counts.
    for part in
        ["Glimpse is a program", "\n    glimpse recovery restore --server https://glimpse.example\n", "newer date"]
    {
        assert!(text.contains(part), "{part}: {}", *text);
    }
    assert!(!text.contains('`') && text.contains("Any 2 of the 3 pages"));
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 80), "any printer prints it: {}", *text);
    // The grid, as it is printed, can be typed off; so can the letters.
    let grid: Vec<&str> = text.lines().filter(|line| line.contains(". ") && line.starts_with("  ")).collect();
    assert_eq!(grid.len(), SHARE_WORDS / COLUMNS);
    assert_eq!(Share::parse(&grid.join("\n")).unwrap().to_words(), kit.shares[1].to_words());
    let letters = &text[text.find("GLIMPSE-KIT").unwrap()..];
    assert_eq!(Share::parse(letters).unwrap().to_words(), kit.shares[1].to_words());
    let alone = super::tests::kit(1, 1, 2);
    let page = Page::new(&alone.shares[0], account, "https://glimpse.example", "today");
    assert!(page.to_text().contains("This page alone"));
}
