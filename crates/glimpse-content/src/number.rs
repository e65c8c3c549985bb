//! Digits to `f64`, for charts alone: what is read stands on the screen with the digits it was written with.

/// A decimal number with an optional sign, point and exponent, to the end of the text; none where it is not finite.
///
/// Exact where the digits fit 53 bits and the power of ten is at most 22, as for every value a person measures (Clinger,
/// "How to read floating point numbers accurately", 1990, the fast path); within a few units in the last place elsewhere.
/// `str::parse` is exact always, and its tables alone would be a tenth of the page's module.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (body, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let (mut value, mut read, mut shift) = (0.0_f64, 0_u32, exponent);
    for (digit, behind) in whole.bytes().map(|digit| (digit, false)).chain(fraction.bytes().map(|digit| (digit, true)))
    {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Further digits are beyond what an f64 can tell apart; of the whole part they still count as places.
        if read < 19 {
            value = value * 10.0 + f64::from(digit & 0x0f);
            if value > 0.0 {
                read = read.saturating_add(1);
            }
            shift = shift.saturating_sub(i32::from(behind));
        } else if !behind {
            shift = shift.saturating_add(1);
        }
    }
    if whole.is_empty() || fraction.is_empty() {
        return None;
    }
    let value = scale(value, shift);
    value.is_finite().then_some(if negative { -value } else { value })
}

/// `value` · 10^`shift`. Division by an exact power loses less than multiplying by its inexact inverse.
fn scale(value: f64, shift: i32) -> f64 {
    if value == 0.0 {
        return value;
    }
    let (mut value, mut left) = (value, shift.unsigned_abs().min(700));
    while left > 0 {
        let step = left.min(22);
        let power = (0..step).fold(1.0, |power, _| power * 10.0);
        value = if shift < 0 { value / power } else { value * power };
        left = left.saturating_sub(step);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::decimal;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1e",
            "e5",
            "1e999",
            "inf",
            "nan",
            "1 ",
            "--1",
            "+-1",
            "1.2.3",
            "0x10",
            "1e99999999999",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
        assert_eq!(decimal("1e-999"), Some(0.0));
        assert_eq!(decimal("0e999"), Some(0.0));
        assert_eq!(decimal("000000000000000000000000000012.50"), Some(12.5));
    }

    proptest! {
        /// The standard library is the oracle: the same value for everything that people measure.
        #[test]
        fn measured_values_are_exact(text in "[+-]?[0-9]{1,8}([.][0-9]{1,7})?(e-?[0-9])?") {
            prop_assert_eq!(decimal(&text), text.parse().ok());
        }

        #[test]
        fn any_value_is_near(number: f64) {
            prop_assume!(number.is_finite());
            let near = decimal(&format!("{number:e}")).unwrap();
            prop_assert!((near - number).abs() <= number.abs() * 1e-13 + f64::MIN_POSITIVE, "{near} {number}");
        }
    }
}
