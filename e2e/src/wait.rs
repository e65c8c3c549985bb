//! Waiting for what must happen, with an end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything on one machine may take before a test says that it did not happen. Two busy cores need room.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `attempt` returns something, for [`PATIENCE`] at most.
///
/// # Errors
/// Names `what` did not happen.
pub async fn until<T>(what: &str, attempt: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    within(PATIENCE, what, attempt).await
}

/// Looks until `attempt` returns something, for `limit` at most.
///
/// # Errors
/// Names `what` did not happen.
pub async fn within<T>(limit: Duration, what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt().await {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("{what}: not within {} s", limit.as_secs_f32());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
