//! What the Workers of the viewer and of the phone share towards their pages.
//!
//! [`list`] is the list of records as a page draws it, [`data`] makes words of others harmless, [`announce`] is what a
//! screen reader says. In wasm, `reading` hands the bytes of a record to the reader's module and `report` posts to the
//! page. Nothing here holds a key.
#![forbid(unsafe_code)]

pub mod announce;
pub mod data;
pub mod list;

#[cfg(target_arch = "wasm32")]
pub mod reading;
#[cfg(target_arch = "wasm32")]
pub mod report;
