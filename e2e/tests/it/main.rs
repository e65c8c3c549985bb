//! Whole-system tests. Attacks carry the number of their row: `t066_…`.

mod altered;
mod delivery;
mod elsewhere;
mod exfiltration;
mod ready;
mod reproducible;
mod stories;
