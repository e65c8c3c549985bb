//! Push subscriptions: one for each device that wants one, for as long as it belongs.

use glimpse_wire::api::PushSubscription;
use glimpse_wire::ids::Bytes;
use glimpse_wire::{AccountId, DeviceId};

use super::devices::belongs;
use super::{SignedIn, Store, fixed};
use crate::problem::Answer;

impl Store {
    /// Keeps the device's subscription, in the place of the one before.
    pub(crate) async fn put_push(&self, by: &SignedIn, subscription: &PushSubscription) -> Answer<()> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        belongs(&mut tx, by).await?;
        sqlx::query(
            "INSERT OR REPLACE INTO push_subscriptions (account, device, endpoint, p256dh, auth) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(by.account.0.as_slice())
        .bind(by.device.0.as_slice())
        .bind(&subscription.endpoint)
        .bind(subscription.p256dh.as_slice())
        .bind(subscription.auth.as_slice())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets the device's subscription, if there is one.
    pub(crate) async fn drop_push(&self, by: &SignedIn) -> Answer<()> {
        sqlx::query("DELETE FROM push_subscriptions WHERE account = ? AND device = ?")
            .bind(by.account.0.as_slice())
            .bind(by.device.0.as_slice())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets a subscription that has ended, unless another one took its place.
    pub(crate) async fn end_push(&self, account: &AccountId, device: &DeviceId, endpoint: &str) -> Answer<()> {
        sqlx::query("DELETE FROM push_subscriptions WHERE account = ? AND device = ? AND endpoint = ?")
            .bind(account.0.as_slice())
            .bind(device.0.as_slice())
            .bind(endpoint)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The devices of an account that subscribed and belong.
    pub(crate) async fn push_devices(&self, account: &AccountId) -> Answer<Vec<DeviceId>> {
        let devices: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT device FROM push_subscriptions JOIN devices USING (account, device) JOIN accounts USING (account)
             WHERE account = ? AND until IS NULL AND deleting = 0",
        )
        .bind(account.0.as_slice())
        .fetch_all(&self.main)
        .await?;
        Ok(devices.iter().map(|device| fixed(device).map(DeviceId)).collect::<Result<_, _>>()?)
    }

    /// The subscription of a device that belongs.
    pub(crate) async fn push_subscription(
        &self,
        account: &AccountId,
        device: &DeviceId,
    ) -> Answer<Option<PushSubscription>> {
        let row: Option<(String, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT endpoint, p256dh, auth
             FROM push_subscriptions JOIN devices USING (account, device) JOIN accounts USING (account)
             WHERE account = ? AND device = ? AND until IS NULL AND deleting = 0",
        )
        .bind(account.0.as_slice())
        .bind(device.0.as_slice())
        .fetch_optional(&self.main)
        .await?;
        Ok(row.map(|(endpoint, p256dh, auth)| PushSubscription { endpoint, p256dh: Bytes(p256dh), auth: Bytes(auth) }))
    }
}
