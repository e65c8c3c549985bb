//! Why a browser does not store.

use wasm_bindgen::prelude::*;
use web_sys::DomException;

/// Why the browser's database cannot be used. The text of a [`crate::storage::StorageError`] names it, too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The browser has no database for this page: a private window, a setting, a page without an origin.
    #[error("this browser stores nothing for this page: a private window, or a setting, forbids it")]
    Forbidden,
    /// There is no more room, on the disk or for this page.
    #[error("the browser has no room left for this page")]
    Full,
    /// The database is of a later version of this program.
    #[error("a later version of this program stored here")]
    Later,
    /// The database was closed under the page: somebody deletes what the page stored.
    #[error("the browser closed the database: what this page stored was, or is being, deleted")]
    Closed,
    /// The browser cannot keep two tabs apart, so that none may write.
    #[error("this browser cannot keep two tabs apart")]
    NoLocks,
    /// Anything else, as the browser names it.
    #[error("{0}")]
    Other(String),
}

impl From<JsValue> for Refusal {
    fn from(thrown: JsValue) -> Self {
        match thrown.dyn_into::<DomException>() {
            Ok(exception) => exception.into(),
            Err(thrown) => Self::Other(format!("{thrown:?}")),
        }
    }
}

impl From<DomException> for Refusal {
    fn from(exception: DomException) -> Self {
        match exception.name().as_str() {
            "SecurityError" | "NotAllowedError" => Self::Forbidden,
            "QuotaExceededError" => Self::Full,
            "VersionError" => Self::Later,
            "InvalidStateError" => Self::Closed,
            name => Self::Other(format!("{name}: {}", exception.message())),
        }
    }
}
