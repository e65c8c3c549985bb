//! The server, over HTTP and WebSocket, as its clients meet it. Tests named `tNNN_…` are rows of the threat catalogue.
#![forbid(unsafe_code)]

mod accounts;
mod actors;
mod hostile;
mod operation;
mod pairing;
mod records;
mod sessions;
