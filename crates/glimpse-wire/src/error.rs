//! One enum of error codes for server, device, command and browser (protocol section 12).

use core::fmt;
use core::str::FromStr;

use crate::codec::{Malformed, number};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $slug:literal, $happened:literal, $next:literal;)+) => {
        /// What went wrong, in one stable word: the slug of a problem document, the reason of a tombstone, the code of a
        /// refusal on the socket.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)+
        }

        number!(ErrorCode { $($name = $number),+ });

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word that travels and that documents name.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)+ }
            }

            /// What happened, for a person, in English.
            #[must_use]
            pub const fn happened(self) -> &'static str {
                match self { $(Self::$name => $happened,)+ }
            }

            /// What to do next, for a person, in English.
            #[must_use]
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$name => $next,)+ }
            }
        }

        impl FromStr for ErrorCode {
            type Err = Malformed;
            fn from_str(slug: &str) -> Result<Self, Malformed> {
                match slug { $($slug => Ok(Self::$name),)+ _ => Err(Malformed) }
            }
        }
    };
}

error_codes! {
    /// The check digit or the length does not fit.
    CodeMistyped = 1, "code-mistyped", "This code has a typing slip.", "Compare it with the device and type it again; nothing was used up.";
    /// No mailbox has this nameplate, for this purpose.
    CodeUnknown = 2, "code-unknown", "No device is showing this code.", "Look at the device: the code may have changed. Ask for a new one there.";
    /// The PAKE did not agree: a wrong code, or somebody in between.
    CodeWrong = 3, "code-wrong", "The code was wrong, and is used up.", "Ask for a new code on the device.";
    /// The code was burnt before.
    CodeUsed = 4, "code-used", "This code was used before.", "Ask for a new code on the device.";
    /// The code's time is up.
    CodeExpired = 5, "code-expired", "This code's two minutes are over.", "Ask for a new code on the device.";
    /// Somebody else holds the one run that the code allows.
    Crowded = 6, "crowded", "Somebody else is using this code.", "If that was not you, cancel on the device and ask for a new code.";
    /// The other end is not connected.
    DeviceOffline = 7, "device-offline", "The device is not connected.", "Keep Glimpse open on the device and ask for a new code.";
    /// The person said no.
    Declined = 8, "declined", "The person declined.", "Nothing was shared. Ask them, then start again with a new code.";
    /// Nobody answered in time.
    ApprovalTimedOut = 9, "approval-timed-out", "Nobody approved in time.", "Nothing was shared. Start again with a new code.";
    /// Too many failed pairings.
    PausedAfterFailures = 10, "paused-after-failures", "Lending is paused after several wrong codes.", "Wait fifteen minutes. If it was not you, somebody is guessing.";
    /// One of the two ended it.
    SessionEnded = 11, "session-ended", "The session was ended.", "Nothing is left here. To look again, ask for a new code.";
    /// Its time is up.
    SessionExpired = 12, "session-expired", "The session's time is up.", "Nothing is left here. To look again, ask for a new code.";
    /// The device or its account was revoked.
    SessionRevoked = 13, "session-revoked", "The session was revoked.", "Nothing is left here.";
    /// The viewer did nothing for too long.
    SessionIdle = 14, "session-idle", "The session ended because nothing happened here.", "Nothing is left here. To look again, ask for a new code.";
    /// The page is not the one that was built.
    BuildAltered = 15, "build-altered", "This page is not what its builder published.", "Do not type a code here. Tell whoever runs this site.";
    /// All openings of the grant are used.
    BudgetSpent = 16, "budget-spent", "The number of openings that was agreed is used up.", "Ask the person to allow more.";
    /// Too many requests in a short time.
    RateLimited = 17, "rate-limited", "Too many requests in a short time.", "Wait a minute and try again.";
    /// Not among what was granted.
    NotGranted = 18, "not-granted", "This record was not lent.", "Ask the person for it.";
    /// A seal, a signature or a commitment does not fit.
    RecordTampered = 19, "record-tampered", "This record was changed on the way and is not shown.", "The others stay usable. Tell the person.";
    /// An older version than one seen before.
    RecordRolledBack = 20, "record-rolled-back", "The server gave an older version of this record.", "It is not used. Tell whoever runs the server.";
    /// Two links at one seq.
    ChainForked = 21, "chain-forked", "The account's log of devices has two versions.", "Stop, and compare your devices.";
    /// An older head than one seen before.
    ChainRolledBack = 22, "chain-rolled-back", "The server gave an older log of devices.", "Stop, and tell whoever runs the server.";
    /// An agent's credential is missing, expired, revoked or of somebody else.
    CredentialInvalid = 23, "credential-invalid", "This agent could not prove who they are.", "Nothing was shared. Hang up, and call the organisation yourself.";
    /// A suite this build does not speak.
    UnsupportedSuite = 24, "unsupported-suite", "The other end speaks another version.", "Update both ends.";
    /// The browser lacks something.
    UnsupportedBrowser = 25, "unsupported-browser", "This browser cannot keep the session safe.", "Use a current Firefox, Chrome, Edge or Safari.";
    /// Over a limit.
    TooLarge = 26, "too-large", "This is larger than the limit.", "Make it smaller, or ask whoever runs the server for a higher limit.";
    /// Not a message of this protocol.
    Malformed = 27, "malformed", "The message could not be understood.", "Update both ends; if it stays, report it.";
    /// No connection.
    ServerUnreachable = 28, "server-unreachable", "The server cannot be reached.", "Check the connection and try again.";
    /// A defect of ours.
    Internal = 29, "internal", "Something went wrong inside Glimpse.", "Try again; if it stays, report it.";
    /// Not there, or not yours: the same answer.
    NotFound = 30, "not-found", "There is nothing here under this name.", "Check the id.";
    /// No valid token or signature.
    Unauthorised = 31, "unauthorised", "The request was not signed in.", "Sign in again.";
    /// Somebody else wrote first.
    Conflict = 32, "conflict", "Somebody else changed this first.", "Load it again and repeat the change.";
    /// The device has not made this unit yet.
    NotReady = 33, "not-ready", "The device has not prepared this record yet.", "Wait a moment and try again.";
    /// The network or the page went away after the code had been sent.
    PairingBroken = 34, "pairing-broken", "The connection broke while the code was in use.", "Ask for a new code on the device.";
    /// A live channel message that is repeated, skipped, reflected or forged.
    ChannelBroken = 35, "channel-broken", "The live connection was tampered with.", "The session ended. Start again with a new code.";
    /// The server is at its limit.
    Busy = 36, "busy", "The server has too much to do.", "Try again in a moment.";
    /// The kind of record may never be lent.
    NeverLend = 37, "never-lend", "Records of this kind are never lent.", "Choose other records.";
    /// Another request with the same counter but another body was seen.
    CounterReused = 38, "counter-reused", "Two different requests used one number.", "The session's log holds an alarm. End it if this was not you.";
    /// A device that was taken out of the account.
    DeviceRevoked = 39, "device-revoked", "This device was taken out of the account.", "Link it again from a device that is in the account.";
    /// A device whose time of holding is not over.
    DeviceHeld = 40, "device-held", "This device is held back for a while.", "Wait until it is free, or stop it on another device.";
    /// A device's counter is behind: its state was restored from a copy, or somebody uses a copy.
    DeviceDoubled = 41, "device-doubled", "This device's keys are in use in two places.", "If you did not restore it from a copy, revoke it on another device.";
    /// A device of the account stopped a recovery.
    RecoveryVetoed = 42, "recovery-vetoed", "A device of the account stopped this recovery.", "If the devices are yours, use one of them.";
    /// The server's log of changes is not the one that a device signed.
    LogBroken = 43, "log-broken", "The server's list of records is not the one that your devices signed.", "Compare your devices, and tell whoever runs the server.";
}

impl ErrorCode {
    /// Whether the same request may well succeed a little later.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::ServerUnreachable | Self::RateLimited | Self::Busy | Self::Internal)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_distinct_and_round_trip() {
        for code in ErrorCode::ALL {
            assert_eq!(code.slug().parse(), Ok(*code));
        }
        assert_eq!("".parse::<ErrorCode>(), Err(Malformed));
    }
}
