//! Large digits, and a QR code, out of block characters.

use qrcodegen::{QrCode, QrCodeEcc};

/// Rows of the digits 0 to 9, four columns wide.
const DIGITS: [[&str; 5]; 10] = [
    ["████", "█  █", "█  █", "█  █", "████"],
    ["  █ ", " ██ ", "  █ ", "  █ ", " ███"],
    ["████", "   █", "████", "█   ", "████"],
    ["████", "   █", " ███", "   █", "████"],
    ["█  █", "█  █", "████", "   █", "   █"],
    ["████", "█   ", "████", "   █", "████"],
    ["████", "█   ", "████", "█  █", "████"],
    ["████", "   █", "  █ ", " █  ", " █  "],
    ["████", "█  █", "████", "█  █", "████"],
    ["████", "█  █", "████", "   █", "████"],
];

/// A code in groups, five lines high.
pub(super) fn digits(code: &str) -> Vec<String> {
    let mut rows = vec![String::new(); 5];
    for character in code.chars() {
        let digit = character.to_digit(10).and_then(|digit| DIGITS.get(usize::try_from(digit).ok()?));
        for (place, row) in rows.iter_mut().enumerate() {
            row.push_str(digit.and_then(|digit| digit.get(place)).copied().unwrap_or("  "));
            row.push(' ');
        }
    }
    rows
}

/// A QR code of `text`, two modules a character, dark on light. Nothing if it does not fit one.
pub(in crate::commands) fn qr(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Low) else { return Vec::new() };
    const QUIET: i32 = 2;
    let size = code.size();
    let mut rows = Vec::new();
    let mut top = -QUIET;
    while top < size.saturating_add(QUIET) {
        let mut row = String::from("\x1b[30;47m");
        for column in -QUIET..size.saturating_add(QUIET) {
            row.push(match (code.get_module(column, top), code.get_module(column, top.saturating_add(1))) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        row.push_str("\x1b[0m");
        rows.push(row);
        top = top.saturating_add(2);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_five_lines_of_one_width() {
        let rows = digits("417 203 9186");
        assert_eq!(rows.len(), 5);
        let widths: Vec<usize> = rows.iter().map(|row| row.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == 10 * 5 + 2 * 3), "{widths:?}");
        let distinct: std::collections::BTreeSet<_> = DIGITS.iter().collect();
        assert_eq!(distinct.len(), 10);
    }

    #[test]
    fn a_qr_code_has_its_quiet_zone() {
        let rows = qr("https://glimpse.example");
        assert!(rows.len() >= 14);
        assert!(rows.first().is_some_and(|row| !row.contains('█')));
    }
}
