//! Linking as programs see it.

use glimpse_device::linking::{Command, Event};
use glimpse_wire::ErrorCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// A command as a program writes it.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Line {
    Approve { words: String },
    Second { signed: String },
    Cancel,
}

/// What a program wants, or why that is no command.
pub(super) fn command(line: &str) -> Result<Command, String> {
    let line = serde_json::from_str(line).map_err(|error| format!("This line is no command: {error}."))?;
    Ok(match line {
        Line::Approve { words } => Command::Approve { words },
        Line::Second { signed } => {
            let signed = signed.parse().map_err(|glimpse_wire::Malformed| ErrorCode::Malformed.happened())?;
            Command::Second(signed)
        }
        Line::Cancel => Command::Cancel,
    })
}

pub(super) fn event(event: &Event) -> Value {
    match event {
        Event::Code { code, qr, expires_in } => json!({
            "event": "code",
            "code": code.as_str(),
            "qr": qr.as_ref().map(|qr| qr.as_str()),
            "expires_in": expires_in,
        }),
        Event::Connecting => json!({ "event": "connecting" }),
        Event::Words { words, expires_in } => {
            json!({ "event": "words", "words": words.to_string(), "expires_in": expires_in })
        }
        Event::Asked { device, name, serial, same_machine, words, held, expires_in } => json!({
            "event": "asked",
            "device": device.to_string(),
            "name": name,
            "serial": serial,
            "same_machine": same_machine.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "words": words.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "held_millis": held,
            "expires_in": expires_in,
        }),
        Event::Invited { held } => json!({ "event": "invited", "held_millis": held }),
        Event::OtherServerKey => json!({ "event": "other-server-key" }),
        Event::NeedsSecond(proposal) => json!({ "event": "needs-second", "proposal": proposal.to_string() }),
        Event::Accepted => json!({ "event": "accepted" }),
        Event::Crowded => json!({ "event": "crowded" }),
        Event::Connection { up } => json!({ "event": "connection", "up": up }),
    }
}
