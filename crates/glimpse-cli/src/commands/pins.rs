//! `glimpse chain pin` and `unpin`: whom the user knows by name.

use glimpse_device::organisations::PinCard;
use glimpse_wire::UnixMillis;
use glimpse_wire::account::Pin;
use glimpse_wire::chain::Chain;
use serde_json::json;

use super::confirm;
use super::cosign::explained;
use super::write::card_text;
use crate::args::{PinKey, Shared};
use crate::failure::Failure;
use crate::home;
use crate::out::Out;
use crate::text::{clean, is_name};

const WRITER: &str = "writer";
const ORGANISATION: &str = "organisation";

/// What is pinned, and which of the two it is.
pub(super) fn all(chain: &Chain) -> impl Iterator<Item = (&'static str, &Pin)> {
    let policy = chain.signed_policy();
    let writers = policy.writers.iter().map(|pin| (WRITER, pin));
    policy.organisations.iter().map(|pin| (ORGANISATION, pin)).chain(writers)
}

/// Whether a pin's time has come.
pub(super) fn counts(chain: &Chain, pin: &Pin, now: UnixMillis) -> bool {
    chain.writer(&pin.key, now).or_else(|| chain.organisation(&pin.key, now)).is_some()
}

pub(super) async fn pin(shared: &Shared, key: &PinKey, out: Out) -> Result<u8, Failure> {
    let name = key.name.trim();
    if !is_name(name) {
        return Err(Failure::usage("A pin has a name, and not a long one.", "Name it as you know it: a word or two."));
    }
    let mut asks = false;
    let (what, pinned) = match (key.writer, key.organisation, &key.card) {
        (Some(key), _, _) => (WRITER, key),
        (None, Some(key), _) => (ORGANISATION, key),
        (None, None, Some(text)) => {
            let card = organisation_card(text)?;
            let said = card.card();
            out.note(&format!(
                "It calls itself {}. Compare its key with what it tells you: {}",
                clean(&said.name),
                said.key
            ));
            asks = out.can_ask();
            (ORGANISATION, said.key)
        }
        (None, None, None) => {
            return Err(Failure::usage("Whom?", "Give --writer KEY, --organisation KEY, or --card CARD."));
        }
    };
    if asks {
        confirm("Is this its key?", key.yes, out).await?;
    }
    let device = home::unlock(shared, out).await?;
    device.sync().await?;
    if all(&device.chain()).any(|(_, pin)| pin.name == name || pin.key == pinned) {
        return Err(Failure::usage(
            "There is a pin of this name or key already.",
            "`glimpse chain` shows the pins; `glimpse chain unpin NAME` takes one away.",
        ));
    }
    let added = device.set_policy(|policy| {
        let pins = if what == WRITER { &mut policy.writers } else { &mut policy.organisations };
        pins.push(Pin { name: name.to_owned(), key: pinned });
    });
    let head = match added.await {
        Ok(head) => head,
        Err(error) => return Err(explained(&device, error, out).await),
    };
    let held = device.chain().policy().pinning.held;
    out.event(&json!({ "event": "pinned", "kind": what, "name": name, "key": pinned.to_string(), "seq": head.seq, "held_millis": held }))?;
    let when = if held == 0 { String::new() } else { format!(", in force in {}", super::chain::span(held)) };
    out.line(&format!("{} is pinned as {what}{when}.", clean(name)))?;
    Ok(0)
}

/// An organisation's card, or a file that holds one.
fn organisation_card(text: &str) -> Result<PinCard, Failure> {
    let no_card = || {
        let next = "The organisation prints one with `glimpse org card`; give it, or the name of a file that holds it.";
        Failure::usage("This is no organisation's card, and no file of this name holds one.", next)
    };
    card_text(text, no_card)?.parse().map_err(|_| no_card())
}

pub(super) async fn unpin(shared: &Shared, name: &str, out: Out) -> Result<u8, Failure> {
    let device = home::unlock(shared, out).await?;
    device.sync().await?;
    if !all(&device.chain()).any(|(_, pin)| pin.name == name) {
        return Err(Failure::not_there("No pin has this name.", "`glimpse chain` shows the pins."));
    }
    let removed = device.set_policy(|policy| {
        policy.writers.retain(|pin| pin.name != name);
        policy.organisations.retain(|pin| pin.name != name);
    });
    let head = match removed.await {
        Ok(head) => head,
        Err(error) => return Err(explained(&device, error, out).await),
    };
    out.event(&json!({ "event": "unpinned", "name": name, "seq": head.seq }))?;
    out.line(&format!("{} is not pinned any more.", clean(name)))?;
    Ok(0)
}
