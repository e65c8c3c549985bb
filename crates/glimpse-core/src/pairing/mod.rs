//! The pairing, from the code to two ends that have confirmed each other (protocol section 6).
//!
//! Each state is a struct named for what it waits for and is consumed by it: one code, one run, one guess is a fact of
//! the types. What a state proves is a value that the next step must hold: [`device::KeyConfirmed`] permits no more
//! than showing the peer; only [`device::KeyConfirmed::approve`], the user's act, makes the
//! [`crate::session::Approved`] that seals a grant.

pub mod device;
pub mod viewer;

use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::{MAX_CLAIM, MAX_MESSAGE};
use glimpse_wire::organisation::Asked;
use glimpse_wire::pairing::{Message, Purpose};
use glimpse_wire::preimage::{self, Preimage};
use glimpse_wire::session::Side;
use glimpse_wire::{ErrorCode, Hash, decode};
use zeroize::Zeroizing;

use crate::code::{CodeSecret, Nameplate};
use crate::secret::Secret;
use crate::stretch;
use crate::words::CheckWords;

/// Decodes a message of the other end; an Abort becomes its error.
pub(crate) fn receive(bytes: &[u8]) -> Result<Message, ErrorCode> {
    match decode(bytes, MAX_MESSAGE) {
        Ok(Message::Abort { code }) => Err(code),
        Ok(message) => Ok(message),
        Err(glimpse_wire::Malformed) => Err(ErrorCode::Malformed),
    }
}

/// The PAKE's password: `Argon2id(lp(nameplate, secret), salt = H(lp(label, offer)))`
fn stretched(nameplate: &Nameplate, secret: &CodeSecret, offer: &[u8]) -> Result<Secret<32>, ErrorCode> {
    let password = Zeroizing::new(
        Preimage::unlabelled().part(nameplate.as_str().as_bytes()).part(secret.expose_secret().as_bytes()).into_bytes(),
    );
    stretch::for_pairing(&password, &preimage::stretch_salt(offer).0).ok_or(ErrorCode::Internal)
}

/// `idA` and `idB`.
fn side_ids(purpose: Purpose, nameplate: &Nameplate, offer: &[u8], hello_core: &[u8]) -> (Hash, Hash) {
    let id = |side| preimage::side_id(side, purpose, nameplate.as_str(), offer, hello_core);
    (id(Side::Viewer), id(Side::Device))
}

/// What an agent asks, as each end keeps it: the introduction as ConfirmA seals it. Nobody asks with another purpose.
fn asked(purpose: Purpose, transcript: Hash, introduction: &[u8], words: CheckWords) -> Option<Asked> {
    match purpose {
        Purpose::Agent => {
            let (first, second) = words.words();
            let introduction = Bytes(introduction.to_vec());
            Some(Asked { transcript, introduction, first: first.to_owned(), second: second.to_owned() })
        }
        Purpose::View | Purpose::Link => None,
    }
}

fn claim_fits(text: &str) -> bool {
    text.len() <= MAX_CLAIM
}

#[cfg(test)]
pub(crate) mod tests;
