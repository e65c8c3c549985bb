//! What a device stands on in a browser, against the browser itself and, in `story`, against a real server, which
//! `cargo xtask test` starts beside the page of the tests.

mod fetch;
mod machine;
mod meddling;
mod socket;
mod storage;
mod story;
