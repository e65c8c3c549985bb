//! Being woken: what the page is told of it, and what reaches the server.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use glimpse_server::PushKey;
use serde_json::{Value, json};

use crate::world::{World, on_one_thread};

const ENDPOINT: &str = "https://push.example/send/7f3a9c";

/// The base point of P-256, as a browser writes its key.
const POINT: &str = "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";

/// What a browser gives a page that subscribes.
fn subscription(endpoint: &str) -> Value {
    json!({ "endpoint": endpoint, "p256dh": POINT, "auth": "CQkJCQkJCQkJCQkJCQkJCQ" })
}

/// Whether the server's database holds a text.
fn kept(world: &World, text: &str) -> bool {
    let files =
        ["main.db", "main.db-wal"].map(|name| std::fs::read(world.server.data().join(name)).unwrap_or_default());
    files.iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn the_browsers_subscription_reaches_the_server() {
    let world = World::start_with(|settings| {
        let file = settings.key_file.with_file_name("push.pem");
        PushKey::generate(&file).unwrap();
        settings.push_key_file = Some(file);
        settings.push_contact = Some("mailto:ops@glimpse.example".to_owned());
    })
    .await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        assert!(!kept(&world, ENDPOINT), "control: it is not there before");
        hand.goes("settings");
        let shown = hand.until(|shown| !shown["settings"]["push"].is_null()).await;
        assert_eq!(
            Base64UrlUnpadded::decode_vec(shown["settings"]["push"]["key"].as_str().unwrap()).unwrap().len(),
            65
        );
        hand.does(json!({ "type": "push", "act": "subscribed", "subscription": subscription(ENDPOINT) }));
        let arrives = async {
            while !kept(&world, ENDPOINT) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), arrives).await.unwrap();
        assert!(
            hand.snapshots().iter().all(|shown| !shown.to_string().contains("push.example")),
            "nobody else reads it"
        );
        hand.does(json!({ "type": "push", "act": "stop" }));
        hand.does(json!({ "type": "push", "act": "subscribed", "subscription": subscription("http://push.example/") }));
        assert_eq!(hand.trouble().await, "malformed");
    })
    .await;
}

#[tokio::test]
async fn where_the_server_pushes_nothing_the_page_says_so() {
    let world = World::start().await;
    on_one_thread(async {
        let hand = world.founded("mara").await;
        hand.goes("settings");
        let shown = hand.until(|shown| !shown["settings"]["push"].is_null()).await;
        assert!(shown["settings"]["push"]["key"].is_null());
    })
    .await;
}
