//! What the person did in the portal.

use glimpse_wire::api::{Assertion, Passkey};
use glimpse_wire::organisation::Settlement;
use serde::Deserialize;

/// What the person did.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Intent {
    /// Opened an enrolment link: what stands in it after `#`.
    Link {
        /// Base64url.
        text: String,
    },
    /// Enrols this browser, with a passkey that was just made or without one.
    Enrol {
        /// The passkey.
        passkey: Option<Passkey>,
    },
    /// Signs in.
    SignIn,
    /// The passkey answered.
    Asserted {
        /// What it said.
        assertion: Assertion,
    },
    /// The passkey did not answer, or the person broke it off.
    NotAsserted,
    /// Came back from the identity provider.
    Returned {
        /// For which sign-in, as the provider repeats it.
        state: String,
        /// What the server shows the provider; absent where the provider signed nobody in.
        code: Option<String>,
        /// The path of the page to which it came back.
        back: String,
    },
    /// Looks again whether the organisation has vouched.
    Again,
    /// Goes on to the code, for this case and reason.
    Look {
        /// A case number.
        case: String,
        /// Why, for the customer to read.
        reason: String,
    },
    /// Says what came of the session, before it is ended.
    Outcome {
        /// How it ended for the work.
        result: Came,
        /// More, in words; may be empty.
        text: String,
    },
    /// Back to the case, with the code not sent.
    Desk,
    /// Signs out; this browser stays enrolled.
    SignOut,
    /// Forgets the key of this browser.
    Forget,
}

/// How a session ended for the agent's work, as the page writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// [`Settlement::Settled`].
    Settled,
    /// [`Settlement::Open`].
    Open,
    /// [`Settlement::HandedOver`].
    HandedOver,
    /// [`Settlement::BrokenOff`].
    BrokenOff,
}

impl From<Came> for Settlement {
    fn from(result: Came) -> Self {
        match result {
            Came::Settled => Self::Settled,
            Came::Open => Self::Open,
            Came::HandedOver => Self::HandedOver,
            Came::BrokenOff => Self::BrokenOff,
        }
    }
}

impl Intent {
    /// Reads an intent as the page writes it; nothing for what is none of the portal's.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_intent_of_the_portal_is_none() {
        let look = r#"{"type":"look","case":"4711","reason":"why"}"#;
        assert_eq!(Intent::from_json(look), Some(Intent::Look { case: "4711".to_owned(), reason: "why".to_owned() }));
        assert_eq!(Intent::from_json(r#"{"type":"enrol","passkey":null}"#), Some(Intent::Enrol { passkey: None }));
        for other in [r#"{"type":"submit","text":"417"}"#, r#"{"type":"end"}"#, "{}", "", "null", r#"{"type":"look"}"#]
        {
            assert_eq!(Intent::from_json(other), None, "{other}");
        }
    }
}
