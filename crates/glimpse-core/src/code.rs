//! The pairing code: a nameplate that the server assigned, a secret that the device drew, and a check digit
//! (protocol section 6.1). Digits only, so that it can be read aloud in any language and typed on a number pad.

use core::fmt;

use glimpse_wire::ErrorCode;
use glimpse_wire::pairing::Purpose;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The public part: under this the server finds the mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Nameplate(String);

impl Nameplate {
    /// Takes the digits as the server assigned them.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] unless the first digit tells the length that they have.
    pub fn parse(digits: &str) -> Result<Self, ErrorCode> {
        let ascii = digits.bytes().all(|byte| byte.is_ascii_digit());
        let expected = digits.bytes().next().and_then(nameplate_length);
        if ascii && expected == Some(digits.len()) { Ok(Self(digits.to_owned())) } else { Err(ErrorCode::Malformed) }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nameplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nameplate({})", self.0)
    }
}

/// The secret part. Never leaves the two ends; only [`crate::pairing`] reads it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct CodeSecret(String);

impl CodeSecret {
    /// Draws as many digits as `purpose` needs, each uniform.
    pub fn generate(purpose: Purpose, rng: &mut impl CryptoRng) -> Self {
        Self::draw(secret_length(purpose), rng)
    }

    /// Draws [`QR_SECRET_LENGTH`] digits, for a code of linking that a camera reads.
    pub fn generate_for_qr(rng: &mut impl CryptoRng) -> Self {
        Self::draw(QR_SECRET_LENGTH, rng)
    }

    fn draw(length: usize, rng: &mut impl CryptoRng) -> Self {
        let mut digits = String::with_capacity(length);
        while digits.len() < length {
            let mut byte = [0u8; 1];
            rng.fill_bytes(&mut byte);
            let [byte] = byte;
            // 250 is the largest multiple of ten in a byte: what is above would make small digits likelier.
            if byte < 250 {
                digits.push(char::from(b'0'.wrapping_add(byte % 10)));
            }
        }
        Self(digits)
    }

    /// Digits that a test chose.
    #[cfg(test)]
    pub(crate) fn for_tests(digits: &str) -> Self {
        Self(digits.to_owned())
    }

    pub(crate) fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CodeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeSecret(redacted)")
    }
}

/// Nameplate and secret together, as a person reads and types them.
pub struct PairingCode {
    pub(crate) nameplate: Nameplate,
    pub(crate) secret: CodeSecret,
}

impl PairingCode {
    /// Joins a nameplate with a secret.
    #[must_use]
    pub const fn new(nameplate: Nameplate, secret: CodeSecret) -> Self {
        Self { nameplate, secret }
    }

    /// Reads what a person typed or pasted: any spaces and dashes, any decimal digits of Unicode, alone or inside a
    /// sentence. For linking also what a camera read: [`PairingCode::to_qr_text`], told by its length.
    ///
    /// # Errors
    /// [`ErrorCode::CodeMistyped`] unless exactly one run of digits in it has the right length and check digit.
    pub fn parse(text: &str, purpose: Purpose) -> Result<Self, ErrorCode> {
        let mut found = None;
        for mut run in digit_runs(text) {
            let code = Self::from_digits(&run, purpose);
            run.zeroize();
            if let Some(code) = code {
                if found.is_some() {
                    return Err(ErrorCode::CodeMistyped);
                }
                found = Some(code);
            }
        }
        found.ok_or(ErrorCode::CodeMistyped)
    }

    fn from_digits(digits: &str, purpose: Purpose) -> Option<Self> {
        let (nameplate, rest) = digits.split_at_checked(nameplate_length(digits.bytes().next()?)?)?;
        let (secret, _check) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
        if !secret_lengths(purpose).contains(&secret.len()) || damm(digits) != 0 {
            return None;
        }
        Some(Self { nameplate: Nameplate(nameplate.to_owned()), secret: CodeSecret(secret.to_owned()) })
    }

    /// Which mailbox.
    #[must_use]
    pub const fn nameplate(&self) -> &Nameplate {
        &self.nameplate
    }

    /// The code in groups of three and four digits, for the owner's screen: `417 203 9186`.
    ///
    /// # Security
    /// Show it; never log or send it.
    #[must_use]
    pub fn to_groups(&self) -> Zeroizing<String> {
        Zeroizing::new(group(&self.to_digits()))
    }

    /// The text of a QR code of linking, `GLIMPSE:LINK:` and the digits: capitals, digits and colons alone, which a QR code
    /// holds as alphanumeric. Nothing for a secret that is short enough to be typed, since those are not for cameras.
    ///
    /// # Security
    /// As [`PairingCode::to_groups`]. Whoever reads it has a code and no more: linking begins where a person said so.
    #[must_use]
    pub fn to_qr_text(&self) -> Option<Zeroizing<String>> {
        (self.secret.0.len() == QR_SECRET_LENGTH)
            .then(|| Zeroizing::new(format!("{QR_PREFIX}{}", self.to_digits().as_str())))
    }

    fn to_digits(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(format!("{}{}", self.nameplate.0, self.secret.0));
        let check = char::from(b'0'.wrapping_add(damm(&digits)));
        Zeroizing::new(format!("{}{check}", digits.as_str()))
    }
}

impl fmt::Debug for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PairingCode({}, redacted)", self.nameplate.0)
    }
}

/// Secret digits of a code of linking that a camera reads: 129 bits and a half.
pub const QR_SECRET_LENGTH: usize = 39;
/// What stands before the digits in a QR code of linking.
pub const QR_PREFIX: &str = "GLIMPSE:LINK:";

/// Secret digits of a code for `purpose`, as a person types it.
#[must_use]
pub const fn secret_length(purpose: Purpose) -> usize {
    match purpose {
        Purpose::View | Purpose::Agent => 6,
        Purpose::Link => 12,
    }
}

/// How many secret digits a code for `purpose` may have. No two purposes share a length but view and agent, whatever the
/// nameplate's.
const fn secret_lengths(purpose: Purpose) -> &'static [usize] {
    match purpose {
        Purpose::View | Purpose::Agent => &[6],
        Purpose::Link => &[12, QR_SECRET_LENGTH],
    }
}

/// Digits of a nameplate, by its first: 0 to 7 three, 8 five, 9 seven.
const fn nameplate_length(first: u8) -> Option<usize> {
    match first {
        b'0'..=b'7' => Some(3),
        b'8' => Some(5),
        b'9' => Some(7),
        _ => None,
    }
}

/// Groups of three, the last ones of four, so that no group of one or two is left: `length mod 3` groups have four.
#[must_use]
pub fn group(digits: &str) -> String {
    let fours = digits.len() % 3;
    let threes = digits.len().saturating_sub(fours.saturating_mul(4)) / 3;
    let mut grouped = String::with_capacity(digits.len().saturating_mul(2));
    for (index, digit) in digits.chars().enumerate() {
        let in_threes = threes.saturating_mul(3);
        let starts = if index <= in_threes { index % 3 == 0 } else { index.saturating_sub(in_threes) % 4 == 0 };
        if index > 0 && starts {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// Damm's quasigroup of order ten (H. M. Damm, 2004): detects every single wrong digit and every swap of neighbours.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// The check digit of `digits`; of digits that end with theirs, zero.
fn damm(digits: &str) -> u8 {
    digits.bytes().fold(0, |interim, byte| {
        let column = usize::from(byte.wrapping_sub(b'0'));
        DAMM.get(usize::from(interim)).and_then(|row| row.get(column)).copied().unwrap_or(u8::MAX)
    })
}

/// Runs of digits in `text`, each as ASCII; spaces, dashes and dots between digits belong to the run.
fn digit_runs(text: &str) -> Vec<String> {
    let mut runs = vec![String::with_capacity(LONGEST)];
    for character in text.chars().take(MAX_TYPED) {
        match (decimal(character), runs.last_mut()) {
            (Some(digit), Some(run)) => run.push(digit),
            (None, Some(run)) if is_separator(character) || run.is_empty() => {}
            (None, Some(_)) => runs.push(String::with_capacity(LONGEST)),
            (_, None) => {}
        }
    }
    runs
}

/// Digits of the longest code: a run that grows no further is not copied about.
const LONGEST: usize = 7 + QR_SECRET_LENGTH + 1;

/// Characters that are looked at; what is longer is no code.
const MAX_TYPED: usize = 2_000;

fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '.' | '\u{AD}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{B7}')
}

/// The ASCII digit that `character` stands for, whatever its script.
fn decimal(character: char) -> Option<char> {
    if character.is_ascii_digit() {
        return Some(character);
    }
    let code = u32::from(character);
    let zero = DIGIT_ZEROS.iter().rev().find(|zero| **zero <= code)?;
    char::from_digit(code.checked_sub(*zero).filter(|value| *value < 10)?, 10)
}

/// The zero of every set of decimal digits in Unicode's Basic Multilingual Plane (category Nd), rising.
const DIGIT_ZEROS: [u32; 36] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

#[cfg(test)]
mod tests {
    use rand_core::Rng;

    use super::*;
    use crate::testing::{rng, volume};

    fn code(nameplate: &str, secret: &str) -> PairingCode {
        PairingCode::new(Nameplate::parse(nameplate).unwrap(), CodeSecret(secret.to_owned()))
    }

    fn parts(text: &str) -> Result<(String, String), ErrorCode> {
        PairingCode::parse(text, Purpose::View).map(|code| (code.nameplate.0.clone(), code.secret.0.clone()))
    }

    #[test]
    fn damm_example_of_the_paper() {
        assert_eq!((damm("572"), damm("5724")), (4, 0));
    }

    #[test]
    fn groups_have_three_or_four_digits() {
        for (length, expected) in
            [(10, "012 345 6789"), (12, "012 345 678 901"), (14, "012 345 6789 0123"), (16, "012 345 678 901 2345")]
        {
            let digits: String = (0..length).map(|n: u32| char::from_digit(n % 10, 10).unwrap()).collect();
            assert_eq!(group(&digits), expected);
        }
    }

    #[test]
    fn t018_any_script_and_separator_reads_as_the_same_code() {
        let groups = code("417", "203918").to_groups().to_string();
        let plain: String = groups.split(' ').collect();
        let right = Ok(("417".to_owned(), "203918".to_owned()));
        assert_eq!(parts(&groups), right);
        let in_script = |zero: u32| -> String {
            plain.chars().map(|digit| char::from_u32(zero + digit.to_digit(10).unwrap()).unwrap()).collect()
        };
        for zero in DIGIT_ZEROS {
            assert_eq!(parts(&in_script(zero)), right, "script of U+{zero:04X}");
        }
        for separator in
            [" ", "-", " - ", "\u{A0}", "\u{202F}", "\u{2009}", "\u{2011}", "\u{2013}", "\u{200F}", ".", "\n", "\t"]
        {
            assert_eq!(
                parts(&plain.chars().map(|digit| format!("{digit}{separator}")).collect::<String>()),
                right,
                "{separator:?}"
            );
        }
        assert_eq!(parts(&format!("Your Glimpse code is {groups}, good for 2 minutes.")), right);
        assert_eq!(parts(&format!("({groups})")), right);
        // Control: characters that only look like digits do not count.
        assert_eq!(parts(&plain.replace('1', "l")), Err(ErrorCode::CodeMistyped));
        assert_eq!(parts(&plain.replace('0', "O")), Err(ErrorCode::CodeMistyped));
    }

    #[test]
    fn a_slip_in_one_digit_or_a_swap_of_neighbours_is_caught() {
        let whole: String = code("417", "203918").to_groups().split(' ').collect();
        let digits: Vec<char> = whole.chars().collect();
        for place in 0..digits.len() {
            for other in "0123456789".chars().filter(|other| *other != digits[place]) {
                let mut slip = digits.clone();
                slip[place] = other;
                assert_eq!(parts(&slip.iter().collect::<String>()), Err(ErrorCode::CodeMistyped));
            }
            if place > 0 && digits[place] != digits[place - 1] {
                let mut swap = digits.clone();
                swap.swap(place, place - 1);
                assert_eq!(parts(&swap.iter().collect::<String>()), Err(ErrorCode::CodeMistyped));
            }
        }
    }

    #[test]
    fn the_whole_length_must_match() {
        let whole: String = code("417", "203918").to_groups().split(' ').collect();
        for wrong in [
            format!("{whole}0"),
            whole[1..].to_owned(),
            String::new(),
            "x".repeat(10_000),
            format!("{whole} or {whole}"),
        ] {
            assert!(parts(&wrong).is_err(), "{wrong}");
        }
        assert!(PairingCode::parse(&whole, Purpose::Link).is_err(), "a lending code is not a linking code");
    }

    #[test]
    fn longer_nameplates() {
        for nameplate in ["000", "799", "81234", "9123456"] {
            let shown = code(nameplate, "000000").to_groups();
            assert_eq!(parts(&shown), Ok((nameplate.to_owned(), "000000".to_owned())));
        }
        for wrong in ["", "12", "8123", "912345", "12a", "१२३"] {
            assert!(Nameplate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_qr_code_holds_the_digits_and_nothing_that_would_make_it_larger() {
        let secret = CodeSecret::generate_for_qr(&mut rng(3));
        assert_eq!(secret.0.len(), 39);
        let code = PairingCode::new(Nameplate::parse("9123456").unwrap(), secret);
        let text = code.to_qr_text().unwrap();
        // The alphanumeric mode of QR (ISO/IEC 18004 table 5).
        assert!(
            text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || " $%*+-./:".contains(c)),
            "{}",
            *text
        );
        assert_eq!(text.len(), 13 + 7 + 39 + 1);
        let read = PairingCode::parse(&text, Purpose::Link).unwrap();
        assert_eq!((&read.nameplate, &read.secret.0), (&code.nameplate, &code.secret.0));
        // A slip in any digit is caught; a secret that is typed has no such text.
        for place in 13..text.len() {
            let mut slip = text.as_bytes().to_vec();
            slip[place] = if slip[place] == b'9' { b'0' } else { slip[place] + 1 };
            let slip = String::from_utf8(slip).unwrap();
            assert!(PairingCode::parse(&slip, Purpose::Link).is_err(), "{place}");
        }
        let typed =
            PairingCode::new(Nameplate::parse("417").unwrap(), CodeSecret::generate(Purpose::Link, &mut rng(4)));
        assert_eq!(typed.to_qr_text(), None);
    }

    #[test]
    fn t016_secrets_are_uniform_and_never_short() {
        // χ² over the digits of each place; in the soak also over all codes, ten draws for each.
        let mut rng = rng(16);
        let draws = volume(60_000, 10_000_000);
        let mut counts = [[0u32; 10]; 6];
        let mut codes = vec![0u32; 1_000_000];
        for _ in 0..draws {
            let secret = CodeSecret::generate(Purpose::View, &mut rng);
            assert_eq!(secret.0.len(), 6);
            codes[secret.0.parse::<usize>().unwrap()] += 1;
            for (place, digit) in secret.0.bytes().enumerate() {
                counts[place][usize::from(digit - b'0')] += 1;
            }
        }
        let chi = |row: &[u32]| {
            let expected = f64::from(row.iter().sum::<u32>()) / f64::from(u32::try_from(row.len()).unwrap());
            row.iter().map(|seen| (f64::from(*seen) - expected).powi(2) / expected).sum::<f64>()
        };
        for row in &counts {
            assert!(chi(row) < 33.7, "χ² with 9 degrees of freedom, p = 0.0001: {row:?}");
        }
        // The approximation needs some draws for each code. Mean 999,999, standard deviation 1,414; p = 0.0001.
        if draws >= 10_000_000 {
            assert!(chi(&codes) < 1_005_260.0, "χ² over all codes: {}", chi(&codes));
            codes[0] += 300;
            assert!(chi(&codes) > 1_005_260.0, "control: one code that is thirty times likelier is found out");
        }
        // Control: a naive byte % 10 is found out.
        let mut naive = [0u32; 10];
        for _ in 0..20 * draws.min(60_000) {
            let mut byte = [0u8; 1];
            rng.fill_bytes(&mut byte);
            naive[usize::from(byte[0] % 10)] += 1;
        }
        assert!(chi(&naive) > 33.7, "{naive:?}");
    }

    #[test]
    fn debug_tells_no_secret() {
        let printed = format!("{:?} {:?}", code("417", "203918"), CodeSecret("203918".to_owned()));
        assert!(!printed.contains("203918") && !printed.contains("918"), "{printed}");
    }
}
