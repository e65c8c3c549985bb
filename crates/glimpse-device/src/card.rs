//! The contact card: what a writer is given by the user, and needs to find the account without trusting the server.

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_wire::account::{Card, Signed};
use glimpse_wire::limits::MAX_LINK;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{Malformed, decode, encode};

use crate::account::Device;

/// What a card begins with as text.
const PREFIX: &str = "glimpse-card-1:";
/// A card as text, in bytes at most.
pub(crate) const MAX_TEXT: usize = 4 * 1024;

/// A signed statement as one line of text: what it begins with, and base64url.
pub(crate) fn signed_text(prefix: &str, signed: &Signed) -> String {
    format!("{prefix}{}", Base64UrlUnpadded::encode_string(&encode(signed)))
}

/// Reads such a line; spaces around it are ignored. Nothing is checked.
pub(crate) fn read_signed(prefix: &str, text: &str) -> Result<Signed, Malformed> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return Err(Malformed);
    }
    let encoded = text.strip_prefix(prefix).ok_or(Malformed)?;
    let bytes = Base64UrlUnpadded::decode_vec(encoded).map_err(|_| Malformed)?;
    decode(&bytes, MAX_LINK)
}

/// A card as it is handed over: one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactCard {
    signed: Signed,
    card: Card,
}

impl ContactCard {
    /// What it says. Whoever uses it checks the signature against the chain that it names.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// The card and the device's signature.
    #[must_use]
    pub const fn signed(&self) -> &Signed {
        &self.signed
    }
}

impl fmt::Display for ContactCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&signed_text(PREFIX, &self.signed))
    }
}

impl FromStr for ContactCard {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let signed = read_signed(PREFIX, text)?;
        let card = signed.peek()?;
        Ok(Self { signed, card })
    }
}

impl Device {
    /// The account's contact card, as of this moment.
    #[must_use]
    pub fn card(&self) -> ContactCard {
        let card = Card { statement: self.head_statement(), server: self.server().to_owned() };
        let signed = self.keys().signing().sign_statement(StatementKind::Card, &card);
        ContactCard { signed, card }
    }
}
