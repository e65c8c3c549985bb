//! The one error of everything that opens.

/// Something did not open: a seal, a commitment, a signature or a form does not fit. Says no more, on purpose: what the
/// network sees is the same for every cause (protocol section 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not open")]
pub struct OpenError;

impl From<glimpse_wire::Malformed> for OpenError {
    fn from(_: glimpse_wire::Malformed) -> Self {
        Self
    }
}

impl From<glimpse_wire::signature::BadSignature> for OpenError {
    fn from(_: glimpse_wire::signature::BadSignature) -> Self {
        Self
    }
}
