//! What the person did.

use core::fmt;

use serde::Deserialize;
use zeroize::Zeroize;

use crate::held::HeldAct;
use crate::inbox::InboxAct;
use crate::kit::KitAct;
use crate::lending::Whom;
use crate::linking::Form;
use crate::measuring::Measured;
use crate::organisations::OrganisationsAct;
use crate::pushing::PushAct;
use crate::restoring::RestoreAct;
use crate::sessions::SessionsAct;
use crate::state::Place;
use crate::tagged;
use crate::withholding::FieldsAct;

/// Something that was typed and must not stay: wiped when it is dropped.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// As bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What the person did, as the page reports it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// Wants to found an account.
    Create {
        /// The name that a viewer reads; may be empty.
        name: String,
        /// Keys lie under this.
        passphrase: Secret,
    },
    /// Wants in.
    Unlock {
        /// Keys lie under this.
        passphrase: Secret,
    },
    /// Wants the keys put away.
    Lock,
    /// Goes to another screen.
    Go {
        /// Which.
        to: Place,
    },
    /// Wants to know what is new.
    Refresh,
    /// Edited the search field.
    Search {
        /// All that stands in the field.
        text: String,
    },
    /// Chose a kind of record, or all with an empty word.
    Filter {
        /// One of the kinds of the list.
        kind: String,
    },
    /// Chose from when to when what is shown was made; no bound where none is given.
    Between {
        /// The first moment, in milliseconds since 1970.
        #[serde(default)]
        from: Option<u64>,
        /// The last moment.
        #[serde(default)]
        to: Option<u64>,
    },
    /// Scrolled the list.
    Window {
        /// First row in sight.
        first: u32,
        /// Rows in sight.
        count: u32,
    },
    /// Ticked a record, or took the tick away.
    Choose {
        /// Which.
        unit: String,
        /// Is it ticked?
        chosen: bool,
    },
    /// Ticked all that the list shows, or took all ticks away.
    ChooseAll {
        /// Are they ticked?
        chosen: bool,
    },
    /// Chose a record, or asked to try again.
    Open {
        /// Which.
        unit: String,
    },
    /// Closed the open record.
    Close,
    /// Wants a copy of the open record as a file.
    Save,
    /// Looks at a stretch of a chart that was thinned.
    Zoom {
        /// Which block of the open record.
        block: u32,
        /// The earliest time, in milliseconds since 1970.
        from: i64,
        /// The latest time.
        to: i64,
    },
    /// Has read what the deletion of the open record means, and wants it.
    Delete,
    /// Wants to make a new version of the open record.
    Replace,
    /// Measured something: a new record, or one more value of the one that a new version is being made of.
    Measure {
        /// What the person calls it.
        title: String,
        /// What, and how much.
        measured: Measured,
    },
    /// Wants a code for the ticked records.
    Lend {
        /// To whom.
        #[serde(default)]
        to: Whom,
        /// May a copy be saved?
        save: bool,
        /// For how long.
        minutes: u32,
    },
    /// Wants another code for the same.
    LendAgain,
    /// Yes, to the browser whose words were picked.
    Approve {
        /// Such as `apple river`.
        words: String,
    },
    /// Yes, to the agent for whom an organisation vouches.
    ApproveAgent {
        /// For how long.
        minutes: u32,
    },
    /// No.
    Decline,
    /// Wants no more of this code.
    CancelCode,
    /// Gives the session more time.
    Extend {
        /// So much more.
        minutes: u32,
    },
    /// Lets the session end earlier.
    Shorten {
        /// So long from now.
        minutes: u32,
    },
    /// Lets the other side open more often.
    Allow {
        /// So often more.
        openings: u32,
    },
    /// Lends the ticked records on top.
    LendMore,
    /// No to what the viewer asked for.
    Refuse,
    /// Ends the session.
    End,
    /// Ends the session of an agent, and wants a code for the same, for another one.
    HandOver,
    /// Has read how it ended.
    CloseLending,
    /// Wants a file about whoever typed the code.
    Report,
    /// Typed or touched something that is no intent of its own.
    Active,
    /// Chose after how many minutes the keys are put away; none for at once.
    SetLock {
        /// One of those that there are.
        minutes: u32,
    },
    /// Chose a language.
    Language {
        /// Such as `de`.
        language: String,
    },
    /// Wants another page named beside the code.
    SetSite {
        /// As it was typed; empty for the server's own.
        site: String,
    },
    /// Wants another passphrase.
    ChangePassphrase {
        /// The one that holds.
        old: Secret,
        /// The one that is to.
        new: Secret,
    },
    /// Wants the passkey to open nothing any more.
    RemovePasskey,
    /// Has read what it means, and wants this device to forget the account.
    Forget,
    /// Has read what it means, and wants the account gone everywhere.
    DeleteAccount {
        /// Typed once more.
        passphrase: Secret,
    },
    /// Wants another device in the account.
    Link {
        /// How the two come by a code.
        form: Form,
        /// What the other device shows, where it was typed or scanned here.
        #[serde(default)]
        code: Option<Secret>,
    },
    /// Goes to the screen on which this device is brought into an account, or comes back from it.
    Joining {
        /// Goes there?
        wanted: bool,
    },
    /// Wants this device in an account.
    Join {
        /// How the two come by a code.
        form: Form,
        /// What the other device shows, where it was typed or scanned here.
        #[serde(default)]
        code: Option<Secret>,
        /// The name of this device; may be empty.
        name: String,
        /// Keys lie under this.
        passphrase: Secret,
    },
    /// Goes on with a linking that broke off here.
    Resume {
        /// The one that was given then.
        passphrase: Secret,
    },
    /// Yes, to the device whose words were picked.
    LinkApprove {
        /// Such as `apple river`.
        words: String,
    },
    /// None of the words that were offered stand on the other screen.
    LinkNone,
    /// No, or no more of this linking.
    LinkCancel,
    /// Brings what the second device gave.
    LinkSecond {
        /// As it showed it.
        signed: String,
    },
    /// Has read how the linking ended.
    CloseLinking,
    /// Calls a device by another name.
    RenameDevice {
        /// Its id.
        device: String,
        /// The name; may be empty.
        name: String,
    },
    /// Has read what it means, and takes a device out.
    RevokeDevice {
        /// Its id.
        device: String,
    },
    /// Stops the recovery that waits.
    VetoRecovery,
    /// Something about being woken.
    Push(PushAct),
    /// The page is in sight, or not.
    Visible {
        /// Is it?
        visible: bool,
    },
    /// Has read what went wrong.
    Dismiss,
    /// Has read what a way out of an alarm means, and wants it.
    Inbox(InboxAct),
    /// Has decided about what somebody else brought.
    Held(HeldAct),
    /// Does something about a session that runs, or one that is past.
    Sessions(SessionsAct),
    /// Does something about the organisations whose agents may ask.
    Organisations(OrganisationsAct),
    /// Does something about the fields of a record that is to be lent.
    Fields(FieldsAct),
    /// Does something about the recovery kit.
    Kit(KitAct),
    /// Brings an account back with a recovery kit.
    Restore(RestoreAct),
}

impl Intent {
    /// Reads an intent as the page writes it; nothing for what is none.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        tagged::from_str(json)
    }
}
