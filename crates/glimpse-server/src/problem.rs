//! What a client is told when a request fails: a problem document (RFC 9457) whose `type` is an error code of the wire.
//!
//! A problem never carries what the client sent, an id, or the inside of the server. What went wrong inside is logged where
//! it happened, under the request id that the client gets as well.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use glimpse_wire::ErrorCode;
use glimpse_wire::api::PROBLEM;

use crate::throttle::RetryAfter;

/// A failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: ErrorCode,
    retry_after: Option<u64>,
}

/// The answer of a handler.
pub(crate) type Answer<T> = Result<T, Problem>;

impl Problem {
    /// A problem with the status that belongs to its code.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self { status: status_of(code), code, retry_after: None }
    }

    /// The same with another status, where HTTP has one of its own.
    #[must_use]
    pub(crate) const fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The code that the client sees.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<glimpse_wire::Malformed> for Problem {
    fn from(_: glimpse_wire::Malformed) -> Self {
        Self::new(ErrorCode::Malformed)
    }
}

impl From<RetryAfter> for Problem {
    fn from(wait: RetryAfter) -> Self {
        Self { retry_after: Some(wait.seconds), ..Self::new(ErrorCode::RateLimited) }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "database");
        let busy = matches!(error, sqlx::Error::PoolTimedOut);
        Self::new(if busy { ErrorCode::Busy } else { ErrorCode::Internal })
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        // The kind alone: the message of an I/O error may name a path, and a path may name a record.
        tracing::error!(kind = ?error.kind(), "file system");
        Self::new(ErrorCode::Internal)
    }
}

/// The HTTP status for a code. Clients decide by the code; the status is for what lies between.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`ErrorCode` is non-exhaustive, and most codes never come from the server"
)]
const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Malformed | ErrorCode::RecordTampered | ErrorCode::CodeMistyped => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorised => StatusCode::UNAUTHORIZED,
        ErrorCode::NotGranted
        | ErrorCode::BudgetSpent
        | ErrorCode::DeviceRevoked
        | ErrorCode::DeviceHeld
        | ErrorCode::CredentialInvalid
        | ErrorCode::RecoveryVetoed => StatusCode::FORBIDDEN,
        ErrorCode::NotFound | ErrorCode::CodeUnknown => StatusCode::NOT_FOUND,
        ErrorCode::Conflict
        | ErrorCode::Crowded
        | ErrorCode::CounterReused
        | ErrorCode::NotReady
        | ErrorCode::DeviceDoubled => StatusCode::CONFLICT,
        ErrorCode::CodeUsed
        | ErrorCode::CodeExpired
        | ErrorCode::SessionEnded
        | ErrorCode::SessionExpired
        | ErrorCode::SessionRevoked
        | ErrorCode::SessionIdle
        | ErrorCode::ChannelBroken => StatusCode::GONE,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::DeviceOffline => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = glimpse_wire::api::Problem {
            kind: self.code.slug().to_owned(),
            title: self.code.happened().to_owned(),
            status: self.status.as_u16(),
            detail: self.code.next_step().to_owned(),
            retry_after: self.retry_after,
        };
        // Strings and numbers always have a JSON form.
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 11.6.1 asks for it.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // For the log of the request; it does not travel.
        response.extensions_mut().insert(self.code);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_the_protocol() {
        let page = include_str!("../../../docs/protocol.md");
        let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let rows = cells.filter_map(|(status, slugs)| Some((status.parse::<u16>().ok()?, slugs)));
        let rows: Vec<(u16, &str)> = rows.filter(|(status, _)| *status >= 400).collect();
        assert_eq!(rows.len(), 10, "the table of section 8.1");
        for code in ErrorCode::ALL {
            let slug = format!("`{code}`");
            let told: Vec<u16> =
                rows.iter().filter(|(_, slugs)| slugs.contains(&slug)).map(|(status, _)| *status).collect();
            let status = status_of(*code).as_u16();
            // What never comes from a server has no row.
            let expected = if status == 500 && *code != ErrorCode::Internal { vec![] } else { vec![status] };
            assert_eq!(told, expected, "{code}");
        }
    }
}
