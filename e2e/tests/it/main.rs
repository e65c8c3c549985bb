//! Whole-system tests. Attacks carry the number of their row: `t066_…`.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, and says where"
)]

#[macro_use]
mod both;

mod access;
mod agent_access;
mod agent_attacks;
mod agent_desk;
mod agent_memory;
mod agent_phishing;
mod agent_provider;
mod agent_push;
mod agent_screen;
mod agent_terminal;
mod agents;
mod altered;
mod bad_input;
mod blindness;
mod breaking;
mod carrier;
mod channel;
mod crashes;
mod delivery;
mod devices;
mod elsewhere;
mod embed;
mod embed_access;
mod embed_attacks;
mod embed_ways;
mod ending;
mod exfiltration;
mod flood;
mod guessing;
mod hands;
mod hostile;
mod inflight;
mod ledger;
mod memory;
mod packages;
mod peers;
mod phone;
mod phone_access;
mod phone_adding;
mod phone_agents;
mod phone_attacks;
mod phone_camera;
mod phone_clocks;
mod phone_delivery;
mod phone_hands;
mod phone_keeping;
mod phone_lending;
mod phone_memory;
mod phone_no_agent;
mod phone_push;
mod phone_storage;
mod phone_tabs;
mod phone_watch;
mod phone_writes;
mod push_provider;
mod ready;
mod reproducible;
mod requests;
mod restored;
mod routing;
mod stories;
mod swapped;
mod watch;
mod watch_attacks;
mod watch_breaking;
mod watch_hidden;
mod watch_memory;
mod watch_secrets;
mod withholding;
