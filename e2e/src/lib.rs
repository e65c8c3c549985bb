//! Whole-system tests: real server, real command, real browser; and the hostile server.
#![forbid(unsafe_code)]
