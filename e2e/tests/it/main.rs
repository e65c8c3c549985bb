//! Whole-system tests. Attacks carry the number of their row: `t066_…`.

mod delivery;
mod ready;
