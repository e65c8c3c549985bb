//! The linked Glimpse device as a library.
#![forbid(unsafe_code)]
