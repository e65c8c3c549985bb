//! Labels, by module. A label is used for exactly one thing.

/// Device id over its public keys.
pub const DEVICE_ID: &str = "glimpse/v1/account/device-id";
/// Writer id over its public key.
pub const WRITER_ID: &str = "glimpse/v1/account/writer-id";
/// Account id over the genesis link.
pub const ACCOUNT_ID: &str = "glimpse/v1/account/id";
/// Hash of a link.
pub const LINK: &str = "glimpse/v1/chain/link";
/// Signature over a link.
pub const LINK_SIGNATURE: &str = "glimpse/v1/chain/link-signature";
/// Hash of a wrapped seed.
pub const WRAP: &str = "glimpse/v1/chain/wrap";
/// HPKE info of a wrapped seed.
pub const SEED_WRAP: &str = "glimpse/v1/chain/seed-wrap";
/// HPKE info of an older seed, sealed to the account key of the epoch that follows.
pub const OLDER_SEED: &str = "glimpse/v1/chain/older-seed";
/// Signature by which a device joins.
pub const REVERSE: &str = "glimpse/v1/chain/reverse";
/// Hash of what a link does.
pub const ACT: &str = "glimpse/v1/chain/act";
/// Signature of a second device.
pub const SECOND: &str = "glimpse/v1/chain/second";
/// The account's X-Wing key of an epoch, from its seed.
pub const ACCOUNT_KEY: &str = "glimpse/v1/account/kem-key";
/// Signature over a head statement.
pub const HEAD_STATEMENT: &str = "glimpse/v1/chain/head-statement";
/// Signature over a contact card.
pub const CARD: &str = "glimpse/v1/account/card";
/// Signature that deletes an account.
pub const ACCOUNT_DELETION: &str = "glimpse/v1/account/deletion";
/// Signature that answers a sign-in challenge.
pub const SIGN_IN: &str = "glimpse/v1/account/sign-in";

/// Signature over a request, by a device that presents no token.
pub const REQUEST: &str = "glimpse/v1/account/request";
/// Key of the hash of a serial number, from the seed of epoch 1.
pub const SERIAL_KEY: &str = "glimpse/v1/account/serial-key";
/// Hash of a serial number.
pub const SERIAL: &str = "glimpse/v1/account/serial";
/// Key that seals a device's name, from the seed of an epoch.
pub const NAME_KEY: &str = "glimpse/v1/account/name-key";
/// Associated data of a device's sealed name.
pub const NAME: &str = "glimpse/v1/account/name";

/// The signing key of a recovery kit, from its secret.
pub const KIT_SIGNING: &str = "glimpse/v1/recovery/signing-key";
/// The X-Wing key of a recovery kit, from its secret.
pub const KIT_KEM: &str = "glimpse/v1/recovery/kem-key";
/// Check of one share of a recovery kit.
pub const KIT_CHECK: &str = "glimpse/v1/recovery/share-check";
/// Signature that asks for a recovery.
pub const RECOVERY: &str = "glimpse/v1/recovery/request";
/// Signature that stops a recovery.
pub const VETO: &str = "glimpse/v1/recovery/veto";

/// Key of what the adder says in a linking.
pub const LINKING_ADDER: &str = "glimpse/v1/linking/adder-to-joiner";
/// Key of what the joiner says in a linking.
pub const LINKING_JOINER: &str = "glimpse/v1/linking/joiner-to-adder";
/// Associated data of a message of a linking.
pub const LINKING_AAD: &str = "glimpse/v1/linking/aad";
/// Signature over an invitation.
pub const INVITATION: &str = "glimpse/v1/linking/invitation";

/// A leaf of the log of changes.
pub const LOG_LEAF: &str = "glimpse/v1/record/log-leaf";
/// Hash of a checkpoint.
pub const CHECKPOINT_HASH: &str = "glimpse/v1/record/checkpoint-hash";
/// Signature over a checkpoint.
pub const CHECKPOINT: &str = "glimpse/v1/record/checkpoint";

/// h0.
pub const H0: &str = "glimpse/v1/record/h0";
/// h1.
pub const H1: &str = "glimpse/v1/record/h1";
/// Hash of the sealed meta.
pub const SEALED_META: &str = "glimpse/v1/record/sealed-meta";
/// HPKE info of a client share.
pub const SHARE_WRAP: &str = "glimpse/v1/record/share-wrap";
/// Key and commitment of the meta.
pub const META_KEY: &str = "glimpse/v1/record/meta-key";
/// Key and commitment of the content.
pub const CONTENT_KEY: &str = "glimpse/v1/record/content-key";
/// Signature over a record version.
pub const RECORD_SIGNATURE: &str = "glimpse/v1/record/signature";
/// Signature over a deletion.
pub const DELETION: &str = "glimpse/v1/record/deletion";
/// Signature by which a writer's version is approved.
pub const DECISION: &str = "glimpse/v1/record/decision";
/// The server share of a record version.
pub const SERVER_SHARE: &str = "glimpse/v1/share/record";
/// The server share of a unit.
pub const UNIT_SHARE: &str = "glimpse/v1/share/unit";
/// Signature by which a writer has a share minted.
pub const WRITER_MINT: &str = "glimpse/v1/share/writer-mint";

/// Hash of an Offer.
pub const OFFER: &str = "glimpse/v1/pairing/offer";
/// Commitment to the device's identity.
pub const IDENTITY: &str = "glimpse/v1/pairing/identity";
/// Commitment to `n_V`.
pub const WORDS_NONCE: &str = "glimpse/v1/pairing/words-nonce";
/// Salt of the stretching.
pub const STRETCH: &str = "glimpse/v1/pairing/stretch";
/// `idA`.
pub const SIDE_A: &str = "glimpse/v1/pairing/side-a";
/// `idB`.
pub const SIDE_B: &str = "glimpse/v1/pairing/side-b";
/// The transcript.
pub const TRANSCRIPT: &str = "glimpse/v1/pairing/transcript";
/// Session id.
pub const SESSION_ID: &str = "glimpse/v1/pairing/session-id";
/// Key of `cA`.
pub const CONFIRM_A: &str = "glimpse/v1/pairing/confirm-a";
/// Key of `cB`.
pub const CONFIRM_B: &str = "glimpse/v1/pairing/confirm-b";
/// Key that seals the Introduction.
pub const SEAL_A: &str = "glimpse/v1/pairing/seal-a";
/// Key that seals the Identity.
pub const SEAL_B: &str = "glimpse/v1/pairing/seal-b";
/// The PSK of the grant.
pub const PSK: &str = "glimpse/v1/pairing/psk";
/// The check words.
pub const WORDS: &str = "glimpse/v1/pairing/words";
/// Signature over an Introduction.
pub const INTRODUCTION: &str = "glimpse/v1/pairing/introduction";

/// Signature over an organisation's contact card.
pub const ORGANISATION_CARD: &str = "glimpse/v1/organisation/card";
/// Hash of the X-Wing key to which an organisation's notes are sealed.
pub const AUDIT_KEY: &str = "glimpse/v1/organisation/audit-key";
/// Signature over an agent's credential.
pub const CREDENTIAL: &str = "glimpse/v1/organisation/credential";
/// Signature over a list of revoked agents.
pub const REVOCATIONS: &str = "glimpse/v1/organisation/revocations";
/// Signature over an invitation to enrol.
pub const AGENT_INVITATION: &str = "glimpse/v1/organisation/invitation";
/// Signature over an organisation's request to the server.
pub const ORGANISATION_REQUEST: &str = "glimpse/v1/organisation/request";
/// The secret of an enrolment link, from the organisation's signing seed.
pub const ENROLMENT_SECRET: &str = "glimpse/v1/agent/enrolment-secret";
/// What the secret of an enrolment link derives for the server.
pub const ENROLMENT_TOKEN: &str = "glimpse/v1/agent/enrolment-token";
/// Key by which an enrolment link's holder vouches for the key of a browser.
pub const ENROLMENT_KEY: &str = "glimpse/v1/agent/enrolment-key";
/// What that key authenticates.
pub const ENROLMENT: &str = "glimpse/v1/agent/enrolment";
/// Signature by which an agent signs in.
pub const AGENT_SIGN_IN: &str = "glimpse/v1/agent/sign-in";
/// Signature by which an agent presents a credential in a pairing.
pub const PRESENTATION: &str = "glimpse/v1/agent/presentation";
/// HPKE info of a note for an organisation's audit.
pub const NOTE: &str = "glimpse/v1/agent/note";
/// Signature by which an agent says what came of a session.
pub const OUTCOME: &str = "glimpse/v1/agent/outcome";
/// Commitment to what an agent asked.
pub const ASKED: &str = "glimpse/v1/agent/asked";

/// Signature over a grant.
pub const GRANT: &str = "glimpse/v1/session/grant";
/// Hash of the viewer's X-Wing key.
pub const VIEWER_KEM: &str = "glimpse/v1/session/viewer-kem";
/// Hash of the sealed part of a grant.
pub const GRANT_SEALED: &str = "glimpse/v1/session/grant-sealed";
/// Hash of Terms.
pub const TERMS: &str = "glimpse/v1/session/terms";
/// Key and commitment of a unit.
pub const UNIT_KEY: &str = "glimpse/v1/session/unit-key";
/// Associated data of a unit's chunks.
pub const UNIT_AAD: &str = "glimpse/v1/session/unit-aad";
/// Signature over an opening.
pub const OPEN: &str = "glimpse/v1/session/open";
/// Signature over an end.
pub const END: &str = "glimpse/v1/session/end";
/// Signature by which another device of the account ends a session.
pub const STOP: &str = "glimpse/v1/session/stop";
/// Hash of a receipt.
pub const RECEIPT: &str = "glimpse/v1/session/receipt";
/// Signature over the audit trail.
pub const COUNTERSIGN: &str = "glimpse/v1/session/countersign";
/// Signature by which the server says that it destroyed a session.
pub const DESTROYED: &str = "glimpse/v1/session/destroyed";
/// HPKE exporter context of the live channel, viewer to device.
pub const LIVE_A: &str = "glimpse/v1/live/viewer-to-device";
/// HPKE exporter context of the live channel, device to viewer.
pub const LIVE_B: &str = "glimpse/v1/live/device-to-viewer";
/// Associated data of a file of keys at rest.
pub const VAULT: &str = "glimpse/v1/vault/file";
/// Key of what a device keeps beside its keys.
pub const VAULT_CACHE_KEY: &str = "glimpse/v1/vault/cache-key";
/// Associated data of what a device keeps beside its keys.
pub const VAULT_CACHE: &str = "glimpse/v1/vault/cache";
/// Associated data of a live message.
pub const LIVE_AAD: &str = "glimpse/v1/live/aad";
