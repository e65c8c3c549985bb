//! Shares, put together: what fits, and each thing that does not.

use proptest::prelude::*;
use vsss_rs::{DefaultShare, Gf256, IdentifierGf256, ReadableShareSet};

use super::*;

/// A share of the same kit and number with a value that somebody made up, whole by its check.
fn forged(share: &Share) -> Share {
    let mut value = *share.value.expose_secret();
    // On no polynomial that is zero at 0: adding one of those would leave the secret as it is.
    value[5] ^= share.index() ^ 0x55;
    Share::new(share.kit(), share.plan(), share.index(), Secret::from_slice(&value).unwrap())
}

/// What the bare crate makes of the first bytes of some shares.
fn bare(shares: &[(u8, u8)]) -> Result<u8, vsss_rs::Error> {
    let element = |byte| IdentifierGf256(Gf256(byte));
    let points: Vec<DefaultShare<IdentifierGf256, IdentifierGf256>> = shares
        .iter()
        .map(|(index, byte)| DefaultShare { identifier: element(*index), value: element(*byte) })
        .collect();
    points.combine().map(|secret| secret.0.0)
}

#[test]
fn any_two_of_three_make_the_kit() {
    let kit = kit(2, 3, 21);
    for indices in [[1, 2], [2, 1], [1, 3], [3, 2]] {
        assert_eq!(combine(&chosen(&kit, &indices)).unwrap().public(), kit.keys, "{indices:?}");
    }
    assert_eq!(combine(&chosen(&kit, &[3, 1, 2])).unwrap().public(), kit.keys, "more than it takes");
    let alone = super::kit(1, 1, 22);
    assert_eq!(combine(&chosen(&alone, &[1])).unwrap().public(), alone.keys);
}

#[test]
fn too_few_shares_say_how_many_are_missing() {
    let kit = kit(3, 5, 23);
    assert_eq!(combine(&[]).unwrap_err(), CombineError::TooFew { missing: 1 });
    assert_eq!(combine(&chosen(&kit, &[4])).unwrap_err(), CombineError::TooFew { missing: 2 });
    assert_eq!(combine(&chosen(&kit, &[4, 1])).unwrap_err(), CombineError::TooFew { missing: 1 });
    assert!(combine(&chosen(&kit, &[4, 1, 5])).is_ok(), "control");
}

#[test]
fn t075_the_same_share_twice_is_named() {
    let kit = kit(2, 3, 24);
    assert_eq!(combine(&chosen(&kit, &[2, 2])).unwrap_err(), CombineError::Twice { index: 2 });
    assert_eq!(combine(&chosen(&kit, &[1, 3, 1])).unwrap_err(), CombineError::Twice { index: 1 });
}

#[test]
fn shares_of_another_kit_are_named() {
    let (ours, theirs) = (kit(2, 3, 25), kit(2, 3, 26));
    let mixed = [chosen(&ours, &[1]), chosen(&theirs, &[2])].concat_shares();
    let other = CombineError::OtherKit { kit: theirs.shares[0].kit(), index: 2 };
    assert_eq!(combine(&mixed).unwrap_err(), other);
    assert!(other.to_string().contains(&theirs.shares[0].kit().to_string()), "in words that stand on the page");
    // Also where the others would be enough.
    let mixed = [chosen(&ours, &[1, 2]), chosen(&theirs, &[2])].concat_shares();
    assert_eq!(combine(&mixed).unwrap_err(), other);
    // A share that says that fewer are needed is of no kit that the others are of.
    let three = kit(3, 5, 27);
    let plan = Plan::new(2, 5).unwrap();
    let value = Secret::from_slice(three.shares[1].value.expose_secret()).unwrap();
    let lowered = Share::new(three.shares[1].kit(), plan, 2, value);
    let mut shares = chosen(&three, &[1]);
    shares.push(lowered);
    assert!(matches!(combine(&shares).unwrap_err(), CombineError::OtherKit { index: 2, .. }));
}

trait ConcatShares {
    fn concat_shares(self) -> Vec<Share>;
}

impl<const N: usize> ConcatShares for [Vec<Share>; N] {
    fn concat_shares(self) -> Vec<Share> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn t075_a_share_that_was_altered_with_its_check_makes_no_kit() {
    let kit = kit(2, 3, 28);
    let [first, second] = [&kit.shares[0], &kit.shares[1]];
    let byte = |share: &Share| share.value.expose_secret()[5];
    let secret = bare(&[(1, byte(first)), (2, byte(second))]).unwrap();
    let other = bare(&[(1, byte(first)), (2, byte(&forged(second)))]).unwrap();
    assert_ne!(secret, other, "control: the bare scheme gives another secret and says nothing");
    assert_eq!(combine(&[copy(first), forged(second)]).unwrap_err(), CombineError::Wrong);
    let all_forged: Vec<Share> = kit.shares.iter().map(forged).collect();
    assert_eq!(combine(&all_forged).unwrap_err(), CombineError::Wrong);
}

#[test]
fn t075_of_more_than_enough_the_one_astray_is_named() {
    let kit = kit(2, 3, 29);
    for stray in 1..=3u8 {
        let shares: Vec<Share> =
            kit.shares.iter().map(|share| if share.index() == stray { forged(share) } else { copy(share) }).collect();
        assert_eq!(combine(&shares).unwrap_err(), CombineError::Stray { indices: vec![stray] });
    }
    // Two of five beside three that are right, and a second share with a number that is there.
    let five = super::kit(3, 5, 30);
    let [one, two, three, four, five] = five.shares.as_slice() else { panic!("five") };
    let shares = [forged(one), copy(two), forged(three), copy(four), copy(five)];
    assert_eq!(combine(&shares).unwrap_err(), CombineError::Stray { indices: vec![1, 3] });
    let shares = [copy(two), forged(two), copy(four), copy(five)];
    assert_eq!(combine(&shares).unwrap_err(), CombineError::Stray { indices: vec![2] });
}

#[test]
fn t075_nothing_is_interpolated_from_place_zero_or_a_place_that_comes_twice() {
    let kit = kit(2, 3, 31);
    let values: Vec<&Secret<32>> = kit.shares.iter().map(|share| &share.value).collect();
    assert!(splitting::interpolate(&[(1, values[0]), (2, values[1])], 0).is_ok(), "control");
    assert!(splitting::interpolate(&[(0, values[0]), (2, values[1])], 0).is_err());
    assert!(splitting::interpolate(&[(1, values[0]), (1, values[1])], 0).is_err());
    assert!(splitting::interpolate(&[(0, values[0])], 0).is_err());
    assert!(splitting::interpolate(&[], 0).is_err());
    // Why: what stands at 0 is the secret itself, whatever else is given.
    let lagrange_at_zero = bare(&[(0, 77), (2, 5)]);
    assert_eq!(lagrange_at_zero, Err(vsss_rs::Error::SharingInvalidIdentifier));
}

proptest! {
    #[test]
    fn as_many_as_it_takes_make_the_kit_and_one_less_does_not(
        seed: u64, threshold in 2u8..=16, more in 0u8..=14, turn in 0usize..16,
    ) {
        let count = threshold.saturating_add(more).min(16);
        let kit = super::kit(threshold, count, seed);
        let mut indices: Vec<u8> = (1..=count).collect();
        indices.rotate_left(turn % usize::from(count));
        let enough = &indices[..usize::from(threshold)];
        prop_assert_eq!(combine(&chosen(&kit, enough)).unwrap().public(), kit.keys.clone());
        let fewer = combine(&chosen(&kit, &enough[1..])).unwrap_err();
        prop_assert_eq!(fewer, CombineError::TooFew { missing: 1 });
        prop_assert_eq!(combine(&chosen(&kit, &indices)).unwrap().public(), kit.keys);
    }
}
