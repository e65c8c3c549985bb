//! The few JSON bodies that a viewer reads and writes. `serde-json-core` takes a tenth of the wasm of `serde_json`: it has no
//! tree, no numbers with a point, and no texts of errors.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest body that is written, in bytes: a claim is shorter.
const LONGEST: usize = 256;
/// The most brackets that a body may open. Surplus fields are left out by recursion, so what nests deeper than any answer of
/// this protocol is not begun.
const BRACKETS: usize = 64;

/// Reads a body that is one JSON value; surplus fields are left out.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    if body.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > BRACKETS {
        return None;
    }
    // No string is longer without its escapes than with them.
    let mut unescaped = vec![0; body.len()];
    let (value, read) = serde_json_core::from_slice_escaped(body, &mut unescaped).ok()?;
    body.get(read..)?.trim_ascii().is_empty().then_some(value)
}

/// Writes a body; what is too long for one is empty, and the server refuses that.
pub(super) fn write(value: &impl Serialize) -> Vec<u8> {
    let mut body = vec![0; LONGEST];
    let written = serde_json_core::to_slice(value, &mut body).unwrap_or_default();
    body.truncate(written);
    body
}

#[cfg(test)]
mod tests {
    use glimpse_wire::UnixMillis;
    use glimpse_wire::api::{Claim, Claimed, Problem};
    use glimpse_wire::ids::Bytes;
    use glimpse_wire::pairing::Purpose;
    use glimpse_wire::{Hash, MailboxId};

    use super::*;

    #[test]
    fn bodies_are_those_of_an_independent_reader_and_writer() {
        let claim = Claim { nameplate: "417".to_owned(), purpose: Purpose::View.into() };
        assert_eq!(serde_json::from_slice::<Claim>(&write(&claim)).unwrap(), claim);
        let claimed = Claimed {
            mailbox: MailboxId([7; 16]),
            token: Hash([9; 32]),
            offer: Bytes(vec![3; 2_000]),
            now: UnixMillis(1_800_000_000_123),
        };
        for text in [serde_json::to_vec(&claimed), serde_json::to_vec_pretty(&claimed)] {
            assert!(read::<Claimed>(&text.unwrap()) == Some(claimed.clone()));
        }
    }

    #[test]
    fn what_a_server_may_add_or_escape_is_read() {
        let problem = br#" {"type":"crow\u0064ed","title":"\"\u00e9\n","status":409,"detail":"d","retry_after":null,"more":[{"x":[1.5,-2e9,true]}]} "#;
        assert_eq!(read::<Problem>(problem).unwrap().kind, "crowded");
    }

    #[test]
    fn what_is_cut_off_or_followed_by_more_is_refused() {
        let problem =
            serde_json::to_vec(&serde_json::json!({ "type": "crowded", "title": "t", "status": 409, "detail": "d" }))
                .unwrap();
        assert!(read::<Problem>(&problem).is_some(), "control");
        for length in 0..problem.len() {
            assert!(read::<Problem>(problem.get(..length).unwrap()).is_none(), "{length}");
        }
        assert!(read::<Problem>(&[problem, b"{}".to_vec()].concat()).is_none());
        // As deep as an answer can be: no stack may run out.
        let deep =
            [br#"{"type":"crowded","title":"t","status":409,"detail":"d","x":"#.to_vec(), vec![b'['; 4 * 1024 * 1024]]
                .concat();
        assert!(read::<Problem>(&deep).is_none());
    }
}
