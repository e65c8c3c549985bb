//! What a device stands on in a browser, against the browser itself and, in `story`, against a real server, whose address
//! is in `GLIMPSE_TEST_SERVER` when the tests are built; `cargo xtask test` starts it.

mod fetch;
mod machine;
mod meddling;
mod socket;
mod storage;
mod story;
