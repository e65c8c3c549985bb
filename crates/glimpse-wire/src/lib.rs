//! What Glimpse parties say to each other: ids, messages, limits, codec, error codes.
#![forbid(unsafe_code)]
