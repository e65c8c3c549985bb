//! A QR code as the page draws it: light and dark modules, and no markup.

use qrcodegen::{QrCode, QrCodeEcc};
use serde::Serialize;

/// A square of modules. What it says is a secret as long as it stands on the screen.
#[derive(Serialize)]
pub(crate) struct Square {
    size: i32,
    /// Row by row, `1` for dark.
    modules: String,
}

impl core::fmt::Debug for Square {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Square({}, redacted)", self.size)
    }
}

impl Square {
    /// Of a text; nothing for one that is too long.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let size = code.size();
        let rows = (0..size).flat_map(|y| (0..size).map(move |x| (x, y)));
        let modules: String = rows.map(|(x, y)| if code.get_module(x, y) { '1' } else { '0' }).collect();
        Some(Self { size, modules })
    }
}
