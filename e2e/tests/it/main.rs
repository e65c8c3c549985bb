//! Whole-system tests. Attacks carry the number of their row: `t066_…`.

mod altered;
mod bad_input;
mod blindness;
mod crashes;
mod delivery;
mod elsewhere;
mod ending;
mod exfiltration;
mod hostile;
mod memory;
mod peers;
mod ready;
mod reproducible;
mod stories;
