//! What a browser needs of the wasm, and nothing else.

use anyhow::{Context as _, Result, ensure};

const HEADER: &[u8] = b"\0asm\x01\0\0\0";
/// Sections with this id are for tools: names of functions, who made the file, features for wasm-bindgen.
const CUSTOM: u8 = 0;

/// Copies a module without its custom sections, a third of its size.
///
/// # Errors
///
/// Fails on anything that is not a wasm module of version 1.
pub(super) fn without_custom_sections(module: &[u8]) -> Result<Vec<u8>> {
    let mut rest = module.strip_prefix(HEADER).context("not a wasm module")?;
    let mut stripped = HEADER.to_vec();
    while let Some((id, after)) = rest.split_first() {
        let (size, length) = leb128(after)?;
        let whole =
            length.checked_add(size).and_then(|inner| inner.checked_add(1)).context("a section without an end")?;
        let (section, after) = rest.split_at_checked(whole).context("a section without an end")?;
        if *id != CUSTOM {
            stripped.extend_from_slice(section);
        }
        rest = after;
    }
    Ok(stripped)
}

/// An unsigned number of up to 32 bits, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Result<(usize, usize)> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        let shift = u32::try_from(index)?.saturating_mul(7);
        value |= usize::from(byte & 0x7F).checked_shl(shift).context("a number that is too large")?;
        if byte & 0x80 == 0 {
            return Ok((value, index.saturating_add(1)));
        }
    }
    ensure!(bytes.len() >= 5, "a number without an end");
    anyhow::bail!("a number that is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_sections_go_and_the_others_stay() {
        let custom = [0, 5, 4, b'n', b'a', b'm', b'e'];
        let types = [1, 0x81, 0x00, 0];
        let module = [HEADER, &custom, &types, &custom].concat();
        assert_eq!(without_custom_sections(&module).unwrap(), [HEADER, &types].concat());
        assert_eq!(without_custom_sections(HEADER).unwrap(), HEADER);
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for bad in [
            &b"\0asm\x02\0\0\0"[..],
            b"",
            &[HEADER, &[1, 9, 0]].concat(),
            &[HEADER, &[1, 0xFF]].concat(),
            &[HEADER, &[1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]].concat(),
        ] {
            assert!(without_custom_sections(bad).is_err(), "{bad:?}");
        }
    }
}
