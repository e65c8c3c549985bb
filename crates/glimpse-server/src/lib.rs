//! The blind Glimpse server: it stores, relays, throttles, logs and deletes, and can read nothing.
#![forbid(unsafe_code)]
