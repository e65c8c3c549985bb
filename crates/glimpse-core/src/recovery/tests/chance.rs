//! Row 75: the coefficients are uniform, zero among them (the defect of RUSTSEC-2024-0398), and fewer shares than it takes
//! tell nothing of any byte.

use rand_core::{CryptoRng, Rng};

use super::*;
use crate::testing::volume;

/// Splits 32 bytes: the product, or a splitter of this test.
type Splitter = fn(&Secret<32>, Plan, &mut chacha20::ChaCha20Rng) -> Vec<Secret<32>>;

fn product(secret: &Secret<32>, plan: Plan, rng: &mut chacha20::ChaCha20Rng) -> Vec<Secret<32>> {
    splitting::split(secret, plan, rng).unwrap()
}

/// Multiplication in the field, by hand.
fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b > 0 {
        product ^= if b & 1 == 1 { a } else { 0 };
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1B };
        b >>= 1;
    }
    product
}

fn inverse(a: u8) -> u8 {
    (1..=255).find(|b| times(a, *b) == 1).unwrap()
}

/// A splitter that draws until a coefficient is not zero, as `sharks` did.
fn biased(secret: &Secret<32>, plan: Plan, rng: &mut chacha20::ChaCha20Rng) -> Vec<Secret<32>> {
    let coefficient = |rng: &mut chacha20::ChaCha20Rng| loop {
        let [byte, ..] = rng.next_u32().to_be_bytes();
        if byte != 0 {
            return byte;
        }
    };
    let polynomials: Vec<Vec<u8>> = secret
        .expose_secret()
        .iter()
        .map(|byte| core::iter::once(*byte).chain((1..plan.threshold()).map(|_| coefficient(rng))).collect())
        .collect();
    let at = |x: u8| {
        let values: Vec<u8> = polynomials
            .iter()
            .map(|polynomial| polynomial.iter().rev().fold(0, |sum, coefficient| times(sum, x) ^ coefficient))
            .collect();
        Secret::from_slice(&values).unwrap()
    };
    (1..=plan.count()).map(at).collect()
}

/// How far counts of bytes are from uniform: χ² with 255 degrees of freedom, whose mean is 255 and whose deviation 22.6.
#[derive(Clone)]
struct Counts(Vec<f64>);

/// Five deviations and more above the mean: of a uniform source, once in some millions.
const BOUND: f64 = 385.0;

impl Counts {
    fn new() -> Self {
        Self(vec![0.0; 256])
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte)] += 1.0;
    }

    fn chi_squared(&self) -> f64 {
        let expected = self.0.iter().sum::<f64>() / 256.0;
        self.0.iter().map(|count| (count - expected) * (count - expected) / expected).sum()
    }
}

/// The two coefficients of each polynomial of a kit of 3 of 3, from what it is at 0, 1 and 2.
fn coefficients(split: Splitter, polynomials: u32) -> [Counts; 2] {
    let plan = Plan::new(3, 3).unwrap();
    let mut rng = rng(75);
    let mut counts = [Counts::new(), Counts::new()];
    let sixth = inverse(6);
    for _ in 0..polynomials.div_ceil(32) {
        let secret = Secret::generate(&mut rng);
        let values = split(&secret, plan, &mut rng);
        for place in 0..32 {
            let zero = secret.expose_secret()[place];
            let [one, two] = [0, 1].map(|index: usize| values[index].expose_secret()[place] ^ zero);
            // One: a + b. Two: 2a + 4b. So two − 2·one = 6b.
            let second = times(two ^ times(2, one), sixth);
            counts[0].add(one ^ second);
            counts[1].add(second);
        }
    }
    counts
}

#[test]
fn t075_coefficients_are_uniform_zero_among_them() {
    let polynomials = volume(128_000, 1_000_000);
    for counts in coefficients(product, polynomials) {
        assert!(counts.0[0] > 0.0, "zero comes");
        assert!(counts.chi_squared() < BOUND, "{}", counts.chi_squared());
    }
    for counts in coefficients(biased, 128_000) {
        assert!(counts.0[0] == 0.0 && counts.chi_squared() > BOUND, "control: {}", counts.chi_squared());
    }
}

/// For each set of threshold − 1 shares, what they and the secret's byte differ by: uniform, if they tell nothing.
fn against_the_secret(split: Splitter, threshold: u8, polynomials: u32) -> Vec<Counts> {
    let plan = Plan::new(threshold, 3).unwrap();
    let mut rng = rng(76);
    let mut counts = vec![Counts::new(); 3];
    for round in 0..polynomials.div_ceil(32) {
        // Secrets that are anything but uniform themselves.
        let secret = Secret::fill_with(|own| own.fill(if round % 2 == 0 { 0 } else { b'g' }));
        let values = split(&secret, plan, &mut rng);
        for place in 0..32 {
            let byte = secret.expose_secret()[place];
            for (left_out, counts) in counts.iter_mut().enumerate() {
                let known = values.iter().enumerate().filter(|(index, _)| match threshold {
                    2 => *index == left_out,
                    _ => *index != left_out,
                });
                counts.add(known.fold(byte, |sum, (_, value)| sum ^ value.expose_secret()[place]));
            }
        }
    }
    counts
}

#[test]
fn t075_fewer_shares_than_it_takes_tell_nothing_of_a_byte() {
    let polynomials = volume(128_000, 1_000_000);
    for threshold in [2, 3] {
        for counts in against_the_secret(product, threshold, polynomials) {
            assert!(counts.chi_squared() < BOUND, "{threshold}: {}", counts.chi_squared());
        }
    }
    for counts in against_the_secret(biased, 2, 128_000) {
        assert!(counts.0[0] == 0.0, "control: whoever holds one share rules out one value of each byte");
        assert!(counts.chi_squared() > BOUND, "control: {}", counts.chi_squared());
    }
}

#[test]
fn t075_every_secret_byte_has_exactly_one_polynomial_through_fewer_shares_than_it_takes() {
    let kit = kit(3, 5, 77);
    let [_, second, _, _, fifth] = kit.shares.as_slice() else { panic!("five") };
    let mut thirds = std::collections::BTreeSet::new();
    for guess in 0..=255 {
        let guessed = Secret::fill_with(|own| own.fill(guess));
        // Moved by one, since place 0 is not interpolated from.
        let points = [(2 ^ 1, &second.value), (5 ^ 1, &fifth.value), (1, &guessed)];
        let third = splitting::interpolate(&points, 3 ^ 1).unwrap();
        thirds.insert(third.expose_secret()[0]);
    }
    assert_eq!(thirds.len(), 256, "each guess asks for another third share, and any may be the one in the drawer");
}

/// Randomness that gives zeros, then draws: shares of a polynomial all of whose coefficients are zero are not refused.
#[test]
fn a_kit_of_zero_coefficients_is_a_kit() {
    struct Zeros;
    impl rand_core::TryRng for Zeros {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(0)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(0)
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(0);
            Ok(())
        }
    }
    impl rand_core::TryCryptoRng for Zeros {}
    fn drawn(rng: &mut impl CryptoRng) -> RecoveryKit {
        RecoveryKit::generate(Plan::default(), rng).unwrap()
    }
    let kit = drawn(&mut Zeros);
    assert!(kit.shares.iter().all(|share| share.value.matches(&[0; 32])));
    assert_eq!(combine(&chosen(&kit, &[1, 2])).unwrap().public(), kit.keys);
}
