//! Who may show a page of the static build in a frame: nobody, but for the consoles that the operator lists, and those the
//! pages that are made for it.

use axum::http::{HeaderMap, HeaderValue, header};

/// What the policy of every page says.
const NOBODY: &str = "frame-ancestors 'none'";

/// An origin as browsers write it, since it is compared with what they say: lower case, no port that goes without saying, and
/// nothing that a content security policy would read as more than one host. Plain HTTP only where no network is in between.
pub(crate) fn is_console(origin: &str) -> bool {
    let (rest, usual, secure) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443, true),
        (None, Some(rest)) => (rest, 80, false),
        (None, None) => return false,
    };
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let named = !host.is_empty() && host.bytes().all(plain);
    let of_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number != usual && number.to_string() == port);
    named && port.is_none_or(of_port) && (secure || matches!(host, "localhost" | "127.0.0.1"))
}

/// Lets these consoles frame a page, and nobody else; whatever else its headers say stays. Nothing where the page's policy
/// does not say that nobody may: what is not understood is not served.
pub(crate) fn framed_by(consoles: &[String], headers: &HeaderMap) -> Option<HeaderMap> {
    let policy = headers.get(header::CONTENT_SECURITY_POLICY)?.to_str().ok()?;
    if policy.matches(NOBODY).count() != 1 {
        return None;
    }
    let policy = policy.replace(NOBODY, &format!("frame-ancestors {}", consoles.join(" ")));
    let mut headers = headers.clone();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).ok()?);
    // It knows no list.
    headers.remove(header::X_FRAME_OPTIONS);
    Some(headers)
}
