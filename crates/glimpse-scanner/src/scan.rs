//! Codes in the frames of a camera. A frame may show anything: it is read here, where no key is.

use rqrr::PreparedImage;

/// Sides of a frame that are looked at, in pixels; more makes a phone slow and a code no clearer.
const SIDES: core::ops::RangeInclusive<usize> = 21..=2048;

/// What the first QR code says that a frame shows: `grey` has a byte for each pixel, row by row. Nothing for a frame that
/// shows none.
#[must_use]
pub fn scan(width: usize, grey: &[u8]) -> Option<String> {
    let height = grey.len().checked_div(width)?;
    if !SIDES.contains(&width) || !SIDES.contains(&height) || width.checked_mul(height) != Some(grey.len()) {
        return None;
    }
    let pixel = |x: usize, y: usize| y.checked_mul(width).and_then(|row| grey.get(row.checked_add(x)?)).copied();
    let mut frame = PreparedImage::prepare_from_greyscale(width, height, |x, y| pixel(x, y).unwrap_or(u8::MAX));
    frame.detect_grids().iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use qrcodegen::{QrCode, QrCodeEcc};

    use super::scan;

    const TEXT: &str = "GLIMPSE:LINK:417203918600123456789012345678901234567";

    /// A code as a camera sees it: `zoom` pixels a module, grey on grey, off the middle.
    #[expect(clippy::arithmetic_side_effects, reason = "small numbers of this test")]
    fn frame(text: &str, zoom: usize, dark: u8, light: u8) -> (usize, Vec<u8>) {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        let size = usize::try_from(code.size()).unwrap();
        let (width, height) = ((size + 20) * zoom, (size + 12) * zoom);
        let module = |x: usize, y: usize| {
            let at =
                |place: usize, before: usize| i32::try_from(place / zoom).unwrap() - i32::try_from(before).unwrap();
            code.get_module(at(x, 13), at(y, 5))
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        (width, pixels.map(|(x, y)| if module(x, y) { dark } else { light }).collect())
    }

    #[test]
    fn a_code_is_read_in_good_and_in_poor_light() {
        for (zoom, dark, light) in [(3, 0, 255), (5, 60, 190), (9, 100, 160)] {
            let (width, grey) = frame(TEXT, zoom, dark, light);
            assert_eq!(scan(width, &grey).as_deref(), Some(TEXT), "{zoom} {dark} {light}");
        }
    }

    #[test]
    fn what_is_no_frame_or_shows_no_code_gives_nothing() {
        assert_eq!(scan(0, &[]), None);
        assert_eq!(scan(0, &[1, 2, 3]), None);
        assert_eq!(scan(100, &[0; 2_101]), None, "a row that is not whole");
        assert_eq!(scan(4_000, &vec![0; 400_000]), None);
        assert_eq!(scan(usize::MAX, &[0; 2_100]), None);
        assert_eq!(scan(640, &vec![127; 640 * 480]), None);
        let (width, mut grey) = frame(TEXT, 4, 0, 255);
        assert!(scan(width, &grey).is_some(), "control");
        let half = grey.len() / 2;
        grey[half..].fill(255);
        assert_eq!(scan(width, &grey), None);
    }

    #[test]
    fn noise_is_no_code() {
        let mut state = 1u32;
        let noise: Vec<u8> = (0..320 * 240)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        assert_eq!(scan(320, &noise), None);
    }
}
