//! A contact card, as somebody pasted it.

use glimpse_device::card::ContactCard;

/// A card that is taken is written again as it was, but for space around it.
pub fn card(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(card) = text.parse::<ContactCard>() {
        assert_eq!(card.to_string(), text.trim(), "there is one way to write a card");
    }
}
