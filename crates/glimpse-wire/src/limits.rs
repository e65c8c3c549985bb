//! Every limit of the protocol, in one place. What a server may set lower is a setting of the server.

use crate::size::{CHUNK, padded};

/// A message in a mailbox, in bytes.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// A whole WebSocket frame: a message and what surrounds it.
pub const MAX_FRAME: usize = MAX_MESSAGE + 64;
/// Messages that a mailbox holds for one end that is away.
pub const MAX_MAILBOX_MESSAGES: usize = 512;
/// Bytes that a mailbox holds for one end that is away.
pub const MAX_MAILBOX_BYTES: usize = 1024 * 1024;
/// An Offer, in bytes.
pub const MAX_OFFER: usize = 1024;
/// A JSON body, in bytes: the largest is a link and the wraps of its epoch, each in base64.
pub const MAX_JSON: usize = 192 * 1024;
/// A link of the chain, in bytes.
pub const MAX_LINK: usize = 64 * 1024;
/// Links of one chain.
pub const MAX_LINKS: usize = 4_096;
/// The last links of a chain, in which devices can only leave, or the kit speak.
pub const LINKS_FOR_REVOKING: usize = 128;
/// Of those the last, for the kit alone.
pub const LINKS_FOR_RECOVERY: usize = 32;
/// Links in one answer of the server, in bytes, unless a single one is longer.
pub const MAX_LINKS_ANSWER: usize = 512 * 1024;
/// An answer about an account as a device takes it, in bytes: links, wraps, statements and labels, in base64.
pub const MAX_ACCOUNT_ANSWER: usize = 2 * 1024 * 1024;
/// A device's name as it is sealed, in bytes.
pub const MAX_LABEL: usize = 2 * 1024;
/// Devices that belong to an account at one time.
pub const MAX_DEVICES: usize = 32;
/// Pinned organisations, and pinned writers, of one policy.
pub const MAX_PINS: usize = 64;
/// Longest time for which a policy holds something back, in milliseconds: thirty days.
pub const MAX_HELD_MILLIS: u64 = 30 * 24 * 60 * 60 * 1000;
/// The URL of a push subscription, in bytes.
pub const MAX_PUSH_ENDPOINT: usize = 2 * 1024;
/// A public key of Web Push, in bytes: an uncompressed point of P-256.
pub const PUSH_KEY_LEN: usize = 65;
/// The authentication secret of a push subscription, in bytes.
pub const PUSH_AUTH_LEN: usize = 16;
/// What a push says, in bytes: an id drawn at random, and nothing else.
pub const PUSH_ID_LEN: usize = 16;
/// A signed statement, in bytes, where it travels as CBOR.
pub const MAX_SIGNED: usize = 4 * 1024;
/// A seed wrapped to a device, in bytes, generously.
pub const MAX_WRAP: usize = 4 * 1024;
/// A sealed meta block, in bytes: one chunk at most.
pub const MAX_META: usize = 16 * 1024;
/// The envelope of a record version, in bytes.
pub const MAX_ENVELOPE: usize = 24 * 1024;
/// The envelope of a unit, in bytes.
pub const MAX_UNIT_ENVELOPE: usize = 1024;
/// Content of one record, in bytes before padding: 4 GiB.
pub const MAX_CONTENT: u64 = 4 * 1024 * 1024 * 1024;
/// Content of one record, padded.
pub const MAX_PADDED_CONTENT: u64 = padded(MAX_CONTENT);
/// Units in one grant; more are further grants with the next seq.
pub const MAX_UNITS_PER_GRANT: usize = 256;
/// Units in one session.
pub const MAX_UNITS_PER_SESSION: usize = 16_384;
/// Sealings of one unit that a device may begin; one that it finished is the last.
pub const MAX_SEALINGS_PER_UNIT: u32 = 16;
/// Terms of one session, the first included.
pub const MAX_TERMS_PER_SESSION: u32 = 1_024;
/// Refused requests of one session that get a receipt; the first alarm gets one beyond that.
pub const MAX_NOTED_REFUSALS: usize = 64;
/// Shares minted by one request.
pub const MAX_SHARES_PER_MINT: usize = 256;
/// Life of an unused reservation of a share, in milliseconds.
pub const RESERVATION_MILLIS: u64 = 10 * 60 * 1000;
/// Life of a pairing from the opening of its mailbox to the grant, in milliseconds.
pub const PAIRING_MILLIS: u64 = 120 * 1000;
/// How long the approval may take on top, once the two ends have confirmed each other, in milliseconds.
pub const APPROVAL_MILLIS: u64 = 120 * 1000;
/// How long a device may be away from the mailbox of a code before the code ends, in milliseconds.
pub const DEVICE_AWAY_MILLIS: u64 = 10 * 1000;
/// How often an adder may invite again because another link took the place.
pub const MAX_INVITED_AGAIN: u8 = 3;
/// Hard cap on the life of a session, in milliseconds.
pub const MAX_SESSION_MILLIS: u64 = 2 * 60 * 60 * 1000;
/// The shortest session, in milliseconds.
pub const MIN_SESSION_MILLIS: u64 = 10 * 1000;
/// A session ends when its viewer did nothing for this long, in milliseconds.
pub const IDLE_MILLIS: u64 = 15 * 60 * 1000;
/// How long a tombstone answers for an ended session, in milliseconds.
pub const TOMBSTONE_MILLIS: u64 = 24 * 60 * 60 * 1000;
/// How far a device's clock may differ from the server's in Terms, in milliseconds.
pub const CLOCK_SLACK_MILLIS: u64 = 2 * 60 * 1000;
/// How far back the time of a link may lie that a second device has signed as well, in milliseconds: the two may be apart.
pub const SECOND_MILLIS: u64 = 60 * 60 * 1000;
/// Openings a minute, unless Terms say otherwise.
pub const DEFAULT_RATE: u32 = 30;
/// Openings in a session, unless Terms say otherwise.
pub const DEFAULT_BUDGET: u32 = 1_000;
/// Blobs above this are lent by their content key, in bytes: 16 MiB.
pub const BLOB_BORDER: u64 = 16 * 1024 * 1024;
/// Units up to this are made ahead, in bytes: 1 MiB.
pub const AHEAD_UNIT: u64 = 1024 * 1024;
/// All units made ahead together, in bytes: 16 MiB.
pub const AHEAD_TOTAL: u64 = 16 * 1024 * 1024;
/// Text that a viewer claims about itself (origin, build, program, case number), in bytes each.
pub const MAX_CLAIM: usize = 200;
/// A title, a file name, or the name of a writer, in bytes.
pub const MAX_TITLE: usize = 512;
/// A tag, and how many a record may carry.
pub const MAX_TAG: usize = 64;
/// Tags of one record.
pub const MAX_TAGS: usize = 32;
/// A free text in the live channel, or the reason in an introduction, in bytes.
pub const MAX_ASK: usize = 500;
/// The longest life of an agent's credential, in milliseconds: a week.
pub const MAX_CREDENTIAL_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Agents in one list of revocations.
pub const MAX_REVOCATIONS: usize = 1_000;
/// Records in one page of a listing.
pub const MAX_PAGE: usize = 500;
/// Receipts in one answer.
pub const MAX_RECEIPTS: usize = 500;
/// A receipt, in bytes.
pub const MAX_RECEIPT: usize = 64 * 1024;
/// Receipts of one session that a device takes: more than the largest budget that it grants, and all Terms.
pub const MAX_TRAIL_RECEIPTS: usize = 100_000;
/// The same, in bytes: 64 MiB.
pub const MAX_TRAIL: usize = 64 * 1024 * 1024;
/// How far the number of a checkpoint may be ahead of the one that the server has, or of the count of changes.
pub const MAX_CHECKPOINT_JUMP: u64 = 65_536;
/// Changes that a device takes in one look at its listing.
pub const MAX_CHANGES: usize = 1_000_000;
/// How long a writer may rely on a device's statement of the head, in milliseconds: one day.
pub const HEAD_STATEMENT_MILLIS: u64 = 24 * 60 * 60 * 1000;
/// A device's failed pairings in a row that pause lending.
pub const FAILURES_TO_PAUSE: u32 = 3;
/// How long lending is paused after that, in milliseconds.
pub const PAUSE_MILLIS: u64 = 15 * 60 * 1000;
/// Failed pairings in a day that ask for the passphrase.
pub const FAILURES_TO_PASSPHRASE: u32 = 10;

const _: () = assert!(MAX_META == 16 * 1024 && CHUNK == 64 * 1024, "a sealed meta block is one chunk");
