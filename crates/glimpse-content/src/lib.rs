//! What a record holds, turned into something a person can read.
//!
//! [`detect()`] finds out what a file is before it becomes a record; [`view()`] turns the opened bytes of a record into a
//! [`ContentView`] that a page draws without a decision of its own. Both look at the bytes and never trust a declared type
//! alone, use memory in proportion to what [`limits`] allow, and have an answer for every input.
//!
//! Invariant: no I/O, no clock, no markup. Strings of the record leave here with control characters made visible and are
//! drawn as text; the product's own words are keys ([`keys`]).
#![forbid(unsafe_code)]

mod charset;
pub mod detect;
mod fhir;
mod json;
pub mod keys;
pub mod limits;
mod number;
mod openmhealth;
mod readings;
pub mod reduce;
mod series;
mod table;
mod time;
mod tree;
pub mod view;
mod words;

mod reading;

pub use detect::{Detected, Kind, detect};
pub use reading::{Source, view};
pub use view::ContentView;
