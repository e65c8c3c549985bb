//! Where a device's pushes go. That they arrive is in the tests of the server.

use glimpse_device::push::PushSubscription;
use glimpse_server::PushKey;
use glimpse_wire::ErrorCode;
use glimpse_wire::ids::Bytes;
use glimpse_wire::limits::PUSH_KEY_LEN;

use crate::world::World;

/// What the server has stored.
async fn stored(world: &World) -> Vec<(Vec<u8>, String)> {
    let file = world.server.data().join("main.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let rows = sqlx::query_as("SELECT device, endpoint FROM push_subscriptions").fetch_all(&pool).await.unwrap();
    pool.close().await;
    rows
}

fn subscription(point: &Bytes, name: &str) -> PushSubscription {
    PushSubscription {
        endpoint: format!("https://push.example/{name}"),
        p256dh: point.clone(),
        auth: Bytes(vec![7; 16]),
    }
}

#[tokio::test]
async fn a_device_stores_replaces_and_drops_its_subscription() {
    let world = World::changed(|settings| {
        let key = settings.key_file.with_file_name("push.pem");
        PushKey::generate(&key).unwrap();
        settings.push_key_file = Some(key);
        settings.push_contact = Some("mailto:ops@glimpse.example".to_owned());
    })
    .await;
    let device = world.device("phone").await;
    let key = device.push_key().await.unwrap().expect("the server pushes");
    assert_eq!(key.as_slice().len(), PUSH_KEY_LEN);
    // Any point of the curve will do.
    for name in ["old", "new"] {
        device.subscribe_push(&subscription(&key, name)).await.unwrap();
    }
    let id = device.keys().id().0.to_vec();
    assert_eq!(stored(&world).await, [(id, "https://push.example/new".to_owned())], "one, the newest");
    let no_point = Bytes([&[4], [5; 64].as_slice()].concat());
    for bad in [subscription(&no_point, "x"), subscription(&Bytes(vec![4]), "x"), subscription(&key, "ü")] {
        assert_eq!(device.subscribe_push(&bad).await.unwrap_err().code(), Some(ErrorCode::Malformed));
    }
    assert_eq!(stored(&world).await.len(), 1);
    for _ in 0..2 {
        device.unsubscribe_push().await.unwrap();
        assert_eq!(stored(&world).await, []);
    }
}

#[tokio::test]
async fn where_the_server_pushes_nothing_the_device_is_told() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    assert_eq!(phone.push_key().await.unwrap(), None);
    let point = Bytes([&[4], [5; 64].as_slice()].concat());
    let refused = phone.subscribe_push(&subscription(&point, "x")).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotFound));
    phone.unsubscribe_push().await.unwrap();
}
