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
        /// In place of whoever is enrolled here.
        #[serde(default)]
        replace: bool,
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
    /// The look was ended by somebody else: what the viewer held goes, before the outcome is asked.
    Over,
    /// What a supervisor does about the organisation's sessions.
    Ledger(LedgerAct),
    /// Back to the case, with the code not sent; or from the ledger.
    Desk,
    /// Is there: what is typed or touched keeps the agent signed in.
    Present,
    /// Signs out; this browser stays enrolled.
    SignOut,
    /// Forgets the key of this browser.
    Forget,
}

/// What a supervisor does about the organisation's sessions.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum LedgerAct {
    /// Reads them, from the newest.
    Read,
    /// Reads older ones as well.
    More,
    /// Shows those of one agent, or in one state; empty for all.
    Filter {
        /// The agent's id.
        agent: String,
        /// `running`, `ended`, or empty.
        state: String,
    },
    /// Reads and verifies the trail of one.
    Open {
        /// Which session.
        session: String,
    },
    /// Back to the list.
    Close,
    /// Keeps those that are shown as a file, one line each.
    Export,
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
        assert_eq!(
            Intent::from_json(r#"{"type":"enrol","passkey":null}"#),
            Some(Intent::Enrol { passkey: None, replace: false })
        );
        let ledger = r#"{"type":"ledger","act":"open","session":"ab"}"#;
        let open = Intent::Ledger(LedgerAct::Open { session: "ab".to_owned() });
        assert_eq!(Intent::from_json(ledger), Some(open));
        for other in [r#"{"type":"submit","text":"417"}"#, r#"{"type":"end"}"#, "{}", "", "null", r#"{"type":"look"}"#]
        {
            assert_eq!(Intent::from_json(other), None, "{other}");
        }
    }
}
