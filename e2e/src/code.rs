//! Codes that are not the one that is shown.

/// A code with another secret and a fitting check digit.
#[must_use]
pub fn wrong(code: &str) -> String {
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
    let mut digits: Vec<u8> = code.bytes().filter(u8::is_ascii_digit).map(|digit| digit.wrapping_sub(b'0')).collect();
    digits.pop();
    if let Some(last) = digits.last_mut() {
        *last = last.wrapping_add(1) % 10;
    }
    let check = digits.iter().fold(0_u8, |row, &digit| {
        DAMM.get(usize::from(row)).and_then(|row| row.get(usize::from(digit))).copied().unwrap_or_default()
    });
    digits.push(check);
    digits.iter().map(|digit| char::from(b'0'.wrapping_add(*digit))).collect()
}
