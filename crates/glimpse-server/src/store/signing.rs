//! Which key this server signs with: so that one whose file was lost, or is another's, does not go on by a key that nobody knows.

use glimpse_wire::UnixMillis;
use glimpse_wire::ids::SigningKeyBytes;

use super::{Store, fixed, int};

impl Store {
    /// The key that this server signed with last; none before its first start.
    pub(crate) async fn signing_key(&self) -> Result<Option<SigningKeyBytes>, sqlx::Error> {
        let key: Option<Vec<u8>> = sqlx::query_scalar("SELECT key FROM signing_keys ORDER BY number DESC LIMIT 1")
            .fetch_optional(&self.main)
            .await?;
        key.map(|key| fixed(&key).map(SigningKeyBytes)).transpose()
    }

    /// From now on the server signs with this one.
    pub(crate) async fn sign_with(&self, key: &SigningKeyBytes, now: UnixMillis) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO signing_keys (key, since) VALUES (?, ?)")
            .bind(key.0.as_slice())
            .bind(int(now.0))
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
