//! Organisations as a device knows them: their cards, what they have revoked, and whether one of them vouches for an agent.

use core::fmt;
use core::str::FromStr;

use glimpse_core::pairing::device::{KeyConfirmed, Vouched};
use glimpse_wire::account::{Pin, Signed};
use glimpse_wire::api::Organisation;
use glimpse_wire::organisation::{CredentialFault, OrganisationCard, Revocations, Role};
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::{ErrorCode, Malformed, SigningKeyBytes, UnixMillis, decode, encode};

use crate::account::Device;
use crate::api::{bare, json};
use crate::card::{read_signed, signed_text};
use crate::error::DeviceError;
use crate::transport::Method;

/// What a card begins with as text: only characters of QR's alphanumeric mode.
const PREFIX: &str = "GLIMPSE:ORGANISATION:";
/// What the server says of an organisation, in bytes at most: the longest list of revocations, in base64, and a card.
const MAX_SAID: usize = 128 * 1024;

/// An organisation's card as it is handed over, with a signature that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinCard {
    signed: Signed,
    card: OrganisationCard,
}

impl PinCard {
    /// A card that the organisation has just signed, or that came in another form than text.
    ///
    /// # Errors
    /// [`Malformed`] for one that its own key did not sign, of another suite, or with texts beyond the limits.
    pub fn of(signed: Signed) -> Result<Self, Malformed> {
        let claimed: OrganisationCard = signed.peek()?;
        let card: OrganisationCard =
            signed.open(StatementKind::OrganisationCard, &claimed.key).map_err(|_| Malformed)?;
        if card.fits() && !card.name.trim().is_empty() { Ok(Self { signed, card }) } else { Err(Malformed) }
    }

    /// What it says. The name is the organisation's own word for itself: whoever pins it compares the key.
    #[must_use]
    pub const fn card(&self) -> &OrganisationCard {
        &self.card
    }

    /// The card and the organisation's signature.
    #[must_use]
    pub const fn signed(&self) -> &Signed {
        &self.signed
    }
}

impl fmt::Display for PinCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&signed_text(PREFIX, &self.signed))
    }
}

impl FromStr for PinCard {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::of(read_signed(PREFIX, text)?)
    }
}

/// An agent for whom an organisation vouches that the user has pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The organisation, as the user calls it.
    pub organisation: String,
    /// Its key.
    pub key: SigningKeyBytes,
    /// The agent's name, as the organisation vouches for it.
    pub name: String,
    /// What the agent may do in the portal.
    pub role: Role,
    /// When the credential ends.
    pub until: UnixMillis,
}

impl Device {
    /// Pins an organisation under a name of the user's choice.
    ///
    /// # Errors
    /// [`ErrorCode::Conflict`] where an organisation of this key or name is pinned; else as [`Device::set_policy`].
    pub async fn pin_organisation(
        &self,
        card: &PinCard,
        name: &str,
    ) -> Result<glimpse_wire::account::Head, DeviceError> {
        let pin = Pin { name: name.to_owned(), key: card.card.key };
        let taken = {
            let known = self.chain();
            let mut pins = known.signed_policy().organisations.iter();
            pins.any(|there| there.key == pin.key || there.name == pin.name)
        };
        if taken {
            return Err(ErrorCode::Conflict.into());
        }
        self.set_policy(|policy| policy.organisations.push(pin.clone())).await
    }

    /// What the user calls an organisation that is pinned.
    #[must_use]
    pub fn organisation_name(&self, key: &SigningKeyBytes) -> Option<String> {
        self.chain().organisation(key, self.machine.now()).map(|pin| pin.name.clone())
    }

    /// Whether an organisation that the user has pinned vouches for the agent of a pairing.
    ///
    /// # Errors
    /// [`DeviceError`] where that cannot be found out. The inner error says why nobody vouches.
    pub(crate) async fn vouch(
        &self,
        confirmed: &KeyConfirmed,
    ) -> Result<Result<(Vouched, Agent), CredentialFault>, DeviceError> {
        let key = match confirmed.named_organisation() {
            Ok(key) => key,
            Err(fault) => return Ok(Err(fault)),
        };
        let now = self.machine.now();
        let pinned = self.chain().organisation(&key, now).map(|pin| pin.name.clone());
        let Some(organisation) = pinned else { return Ok(Err(CredentialFault::Unknown)) };
        let revoked = self.revocations(&key).await?;
        Ok(confirmed.vouch(&key, revoked.as_ref(), now).map(|vouched| {
            let credential = vouched.credential();
            let agent = Agent {
                organisation,
                key,
                name: credential.name.clone(),
                role: credential.role,
                until: credential.not_after,
            };
            (vouched, agent)
        }))
    }

    /// What an organisation has revoked: the newest list that this device ever saw. What the server gives is kept where it is
    /// newer, and nothing that it withholds is forgotten.
    async fn revocations(&self, organisation: &SigningKeyBytes) -> Result<Option<Revocations>, DeviceError> {
        let name = organisation.to_string();
        let _held = self.home.lock_organisations().await?;
        let kept = match self.home.revocations(&name).await? {
            Some(bytes) => {
                let signed: Signed = decode(&bytes, MAX_SAID).map_err(|Malformed| damaged())?;
                Some(Revocations::open(&signed, organisation).map_err(|_| damaged())?)
            }
            None => None,
        };
        let path = format!("/v1/organisations/{organisation}");
        let said = match self.again_if_lost(|| bare(Method::Get, path.clone())).await {
            Ok(response) => json::<Organisation>(response, MAX_SAID).await?.revocations,
            Err(error) if error.code() == Some(ErrorCode::NotFound) => None,
            Err(error) => return Err(error),
        };
        let Some(said) = said.map(Signed::from) else { return Ok(kept) };
        // A list that the organisation did not sign is the server's own doing, and says nothing.
        let Ok(list) = Revocations::open(&said, organisation) else { return Ok(kept) };
        if kept.as_ref().is_some_and(|kept| kept.seq >= list.seq) {
            return Ok(kept);
        }
        self.home.store_revocations(&name, &encode(&said)).await?;
        Ok(Some(list))
    }
}

const fn damaged() -> DeviceError {
    DeviceError::Damaged("organisations")
}

#[cfg(test)]
mod tests {
    use glimpse_core::organisation::OrganisationKeys;

    use glimpse_wire::limits::MAX_TITLE;

    use super::*;
    use crate::card::MAX_TEXT;
    use crate::native::Machine;
    use crate::surroundings::SystemRng;

    fn keys() -> OrganisationKeys {
        OrganisationKeys::generate(&mut SystemRng(&Machine::default()))
    }

    #[test]
    fn a_card_comes_back_from_its_text_and_from_no_other() {
        let card = PinCard::of(keys().card("City Hospital", "https://desk.example", UnixMillis(7))).unwrap();
        let text = card.to_string();
        assert_eq!(format!(" {text}\n").parse(), Ok(card));
        for place in (PREFIX.len()..text.len()).step_by(11) {
            let mut other: Vec<u8> = text.bytes().collect();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(other.parse::<PinCard>(), Err(Malformed), "{place}");
        }
        for wrong in
            ["", PREFIX, "GLIMPSE:LINK:123", text.trim_start_matches('G'), &format!("{text}{}", "A".repeat(MAX_TEXT))]
        {
            assert_eq!(wrong.parse::<PinCard>(), Err(Malformed), "{wrong}");
        }
    }

    #[test]
    fn t063_a_card_by_another_key_than_its_own_is_none() {
        let (ours, theirs) = (keys(), keys());
        let genuine = ours.card("City Hospital", "", UnixMillis(7));
        assert!(PinCard::of(genuine.clone()).is_ok(), "control");
        let forged = Signed { signature: theirs.card("City Hospital", "", UnixMillis(7)).signature, ..genuine };
        assert_eq!(PinCard::of(forged), Err(Malformed));
        assert_eq!(PinCard::of(ours.card("  ", "", UnixMillis(7))), Err(Malformed), "without a name");
        assert_eq!(PinCard::of(ours.card(&"n".repeat(MAX_TITLE + 1), "", UnixMillis(7))), Err(Malformed));
    }
}
