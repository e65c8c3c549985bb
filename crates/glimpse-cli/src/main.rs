//! The glimpse command: device, writer and service in a terminal.
#![forbid(unsafe_code)]
fn main() {}
