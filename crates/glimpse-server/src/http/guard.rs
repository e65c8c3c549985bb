//! What surrounds every request: strict headers, a request id, the rate of its address, one log line, one count.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use glimpse_wire::ErrorCode;

use crate::app::App;
use crate::listen::Peer;
use crate::metrics::RequestLabels;
use crate::problem::Problem;

/// The name of the header that carries the request id back to the client.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The address that rates are counted by: an IPv4 address, or the /64 network of an IPv6 address, since one subscriber
/// has at least that many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address(u64);

impl Address {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits())),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments().map(u64::from);
                Self(a << 48 | b << 32 | c << 16 | d)
            }
        }
    }

    /// The network that one customer of a provider may have: of IPv6 a /48, which holds 65,536 addresses of this sort, of IPv4
    /// the address.
    pub(crate) const fn network(self) -> Self {
        if self.0 >> 32 != 0 { Self(self.0 & !0xffff) } else { self }
    }
}

/// The middleware around all routes.
pub(crate) async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id();
    let address = client_address(&app, &request);
    request.extensions_mut().insert(address);
    // The template, such as `/v1/records/{record}`: a path itself may hold ids.
    let route = request.extensions().get::<MatchedPath>().map_or("(site)", MatchedPath::as_str).to_owned();
    let method = request.method().clone();

    let now = app.clock.now();
    let mut response = match app.rates.requests.admit(address, 1, now) {
        Ok(()) => next.run(request).await,
        Err(wait) => Problem::from(wait).into_response(),
    };

    let status = response.status().as_u16();
    let code = response.extensions().get::<ErrorCode>().map_or("", |code| code.slug());
    if code == ErrorCode::RateLimited.slug() {
        app.metrics.throttled.inc();
    }
    let elapsed = started.elapsed();
    tracing::info!(request = %id, %method, route, status, code, micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX), "request");
    app.metrics.request_seconds.observe(elapsed.as_secs_f64());
    app.metrics.requests.get_or_create(&RequestLabels { route, status }).inc();

    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Headers of every answer that does not say otherwise; pages bring their own.
pub(crate) async fn strict(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if app.settings.tls_cert.is_some() {
        let two_years = HeaderValue::from_static("max-age=63072000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, two_years);
    }
    response
}

/// The last address of `X-Forwarded-For` when the peer is a proxy that the operator trusts; else the peer.
fn client_address(app: &App, request: &Request) -> Address {
    let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else { return Address(0) };
    if !app.settings.trusts(peer) {
        return Address::of(peer);
    }
    let lines = request.headers().get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or(""));
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    // From the right: what a trusted proxy wrote can be believed, what stood there before cannot. What a proxy wrote and we
    // cannot read is not skipped, for behind it stands what the client wrote.
    let read = hops.into_iter().rev().map(|hop| hop.trim().parse::<IpAddr>().ok().map(|hop| hop.to_canonical()));
    let client = read.take_while(Option::is_some).flatten().find(|hop| !app.settings.trusts(*hop));
    Address::of(client.unwrap_or(peer))
}

/// Eight random bytes in hex: enough to find one request in a log.
fn request_id() -> String {
    getrandom::u64().map_or_else(|_| "unknown".to_owned(), |id| format!("{id:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_address() {
        let of = |text: &str| Address::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8:1:2::1").network(), of("2001:db8:1:3::1").network());
        assert_ne!(of("2001:db8:1:2::1").network(), of("2001:db8:2:2::1").network());
        assert_ne!(of("192.0.2.1").network(), of("192.0.2.2").network());
    }
}
