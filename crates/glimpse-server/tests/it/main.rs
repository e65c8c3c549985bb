//! The server, over HTTP and WebSocket, as its clients meet it. Tests named `tNNN_…` are rows of the threat catalogue.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets the unexpected has failed, and the panic says where"
)]

mod accounts;
mod actors;
mod adversary;
mod agent_sessions;
mod agent_writes;
mod agents;
mod backup;
mod chains;
mod checkpoints;
mod cooling;
mod crash;
mod decisions;
mod desk;
mod family;
mod hostile;
mod http;
mod identity;
mod late_bodies;
mod leftovers;
mod link_mailboxes;
mod operation;
mod organisations;
mod pairing;
mod proofs;
mod provider;
mod push;
mod push_hostile;
mod records;
mod recovery;
mod revocation;
mod sessions;
mod signing_key;
mod slow;
mod socket;
mod suites;
mod terms;
mod together;
mod trail;
