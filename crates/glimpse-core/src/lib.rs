//! Glimpse cryptography and state machines, without clock, network, storage or randomness of their own.
#![forbid(unsafe_code)]
