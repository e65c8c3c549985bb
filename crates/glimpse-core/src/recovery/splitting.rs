//! Shamir's scheme (A. Shamir, "How to share a secret", 1979) byte by byte over GF(2⁸) modulo x⁸ + x⁴ + x³ + x + 1, as
//! `vsss-rs` computes it: without tables, and with coefficients uniform over all 256 values, zero among them.

use rand_core::CryptoRng;
use vsss_rs::{DefaultShare, Gf256, IdentifierGf256, Polynomial, ReadableShareSet};
use zeroize::Zeroizing;

use super::Plan;
use crate::error::OpenError;
use crate::secret::Secret;

/// A place and what the polynomial is there; in a polynomial, a coefficient.
type Point = DefaultShare<IdentifierGf256, IdentifierGf256>;

/// Coefficients of the longest polynomial: [`super::MAX_SHARES`].
const LONGEST: usize = 16;

const fn element(byte: u8) -> IdentifierGf256 {
    IdentifierGf256(Gf256(byte))
}

/// For each byte of `secret` a polynomial of its own, of degree *threshold − 1*, that is the byte at 0; what they are at
/// 1, 2, … *count*. For each coefficient four bytes are drawn, of which the first is it.
///
/// # Errors
/// [`OpenError`] never happens: a plan has no more shares than a polynomial has room for.
pub(super) fn split(secret: &Secret<32>, plan: Plan, rng: &mut impl CryptoRng) -> Result<Vec<Secret<32>>, OpenError> {
    let threshold = usize::from(plan.threshold());
    let mut values: Vec<Zeroizing<Vec<u8>>> =
        (0..plan.count()).map(|_| Zeroizing::new(Vec::with_capacity(32))).collect();
    for byte in secret.expose_secret() {
        let mut polynomial = Zeroizing::new(<[Point; LONGEST] as Polynomial<Point>>::create(threshold));
        polynomial.fill(&element(*byte), &mut *rng, threshold).map_err(|_| OpenError)?;
        for (x, value) in (1u8..).zip(values.iter_mut()) {
            let IdentifierGf256(Gf256(at_x)) = polynomial.evaluate(&element(x), threshold);
            value.push(at_x);
        }
    }
    values.iter().map(|value| Secret::from_slice(value).ok_or(OpenError)).collect()
}

/// What the polynomials through `points` are at `x`. Each point is a place and the values there, and no two share a
/// place; a single point is a constant.
///
/// The crate interpolates at 0. In this field x ⊕ x = 0, so the points are moved by `x`.
///
/// # Errors
/// [`OpenError`] for a place that comes twice or is `x`, and for no point at all.
pub(super) fn interpolate(points: &[(u8, &Secret<32>)], x: u8) -> Result<Secret<32>, OpenError> {
    if let [(place, only)] = points {
        return if *place == x { Err(OpenError) } else { Secret::from_slice(only.expose_secret()).ok_or(OpenError) };
    }
    let mut values = Zeroizing::new(Vec::with_capacity(32));
    for index in 0..32 {
        let here = |(place, value): &(u8, &Secret<32>)| {
            let byte = value.expose_secret().get(index).ok_or(OpenError)?;
            Ok(Point { identifier: element(place ^ x), value: element(*byte) })
        };
        let moved = Zeroizing::new(points.iter().map(here).collect::<Result<Vec<Point>, OpenError>>()?);
        let IdentifierGf256(Gf256(byte)) = moved.combine().map_err(|_| OpenError)?;
        values.push(byte);
    }
    Secret::from_slice(&values).ok_or(OpenError)
}
