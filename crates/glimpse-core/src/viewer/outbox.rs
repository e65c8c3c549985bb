//! What is to be done outside, in order; and the server's clock.

use std::collections::VecDeque;

use glimpse_wire::{Hash, UnixMillis};

use super::{HttpRequest, Output};
use crate::Monotonic;

/// The server's clock at a moment of ours: only to date what is signed, never to decide when a session ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerClock {
    pub(super) server: UnixMillis,
    pub(super) ours: Monotonic,
}

impl ServerClock {
    pub(super) const fn at(&self, now: Monotonic) -> UnixMillis {
        self.server.plus(self.ours.until(now))
    }
}

/// Outputs in order, and numbers for requests.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) queue: VecDeque<Output>,
    last_request: u64,
}

impl Outbox {
    pub(super) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    pub(super) fn request(
        &mut self,
        method: &'static str,
        path: String,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> u64 {
        self.send(HttpRequest { id: 0, method, path, content_type, range: None, body, bearer: None })
    }

    pub(super) fn claim(&mut self, body: Vec<u8>, bearer: Option<Hash>) -> u64 {
        let (path, content_type) = ("/v1/claims".to_owned(), "application/json");
        self.send(HttpRequest { id: 0, method: "POST", path, content_type, range: None, body, bearer })
    }

    pub(super) fn get_range(&mut self, path: String, first: u64, last: u64) -> u64 {
        let range = Some((first, last));
        let body = Vec::new();
        self.send(HttpRequest { id: 0, method: "GET", path, content_type: "", range, body, bearer: None })
    }

    /// Sends a request under the next number.
    fn send(&mut self, request: HttpRequest) -> u64 {
        self.last_request = self.last_request.saturating_add(1);
        let id = self.last_request;
        self.push(Output::Http(HttpRequest { id, ..request }));
        id
    }
}
