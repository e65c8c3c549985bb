//! Push providers that fail, that are not what they should be, or that are none.

use std::sync::Arc;
use std::time::Duration;

use glimpse_server::ManualClock;
use glimpse_wire::ErrorCode;
use glimpse_wire::api::PushSubscription;

use crate::family::Family;
use crate::leftovers::files_with;
use crate::provider::{Answer, Browser, Provider, put};
use crate::push::{Pushing, write};

/// Two devices, the second of which has subscribed.
async fn subscribed(pushing: &Pushing) -> (Family, Browser) {
    let family = Family::new(&pushing.server, 2).await;
    let browser = Browser::of_phone(&family.phones[1], &pushing.provider).await;
    (family, browser)
}

/// Something that the second device should see, and that does not end by itself later.
async fn act(family: &Family) {
    write(&family.phones[0]).await;
}

#[tokio::test]
async fn a_subscription_that_has_ended_is_forgotten() {
    for status in [404, 410] {
        let pushing = Pushing::start().await;
        let (family, browser) = subscribed(&pushing).await;
        pushing.provider.will([Answer::status(status)]);
        act(&family).await;
        assert_eq!(pushing.pushed().await.len(), 1);
        for _ in 0..2 {
            act(&family).await;
            assert_eq!(pushing.pushed().await.len(), 0, "after {status}");
        }
        pushing.server.running().sweep().await.expect("swept");
        assert_eq!(files_with(pushing.server.data(), browser.path.as_bytes()), Vec::<String>::new());
        put(&family.phones[1], &browser.subscription).await.ok();
        act(&family).await;
        assert_eq!(pushing.pushed().await.len(), 1, "control: it can subscribe anew");
    }
}

#[tokio::test]
async fn what_a_provider_cannot_take_now_is_tried_again_when_it_says_so() {
    let pushing = Pushing::start().await;
    let (family, browser) = subscribed(&pushing).await;
    let busy = Answer::Says(429, "retry-after: 400\r\n".to_owned());
    pushing.provider.will([Answer::status(503), Answer::HangsUp, busy]);
    // As `Pushing::pushed`, and the clock stands still.
    let sent = async || {
        pushing.server.running().pushed().await;
        pushing.provider.take()
    };
    act(&family).await;
    let mut pushes = sent().await;
    assert_eq!(pushes.len(), 1, "503");
    // The waits grow by themselves, and a provider may ask for more.
    for (seconds, what) in [(10, "hangs up"), (60, "429"), (400, "taken")] {
        pushing.clock.advance(Duration::from_secs(seconds) - Duration::from_millis(1));
        assert_eq!(sent().await.len(), 0, "{what}: not yet");
        pushing.clock.advance(Duration::from_millis(1));
        let more = sent().await;
        assert_eq!(more.len(), 1, "{what}");
        pushes.extend(more);
    }
    let ids: Vec<Vec<u8>> = pushes.iter().map(|push| browser.open(push).expect("it opens")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one push, which the browser can tell");
    assert!(pushes.iter().skip(1).all(|push| push.body != pushes[0].body), "sealed anew each time");
    pushing.clock.advance(Duration::from_secs(3_600));
    assert_eq!(sent().await.len(), 0, "taken");
    assert_eq!((pushing.counted("later").await, pushing.counted("taken").await), (3, 1));
}

#[tokio::test]
async fn a_refusal_is_final_for_the_push_and_not_for_the_subscription() {
    let pushing = Pushing::start().await;
    let (family, _browser) = subscribed(&pushing).await;
    pushing.provider.will([400, 401, 403, 413].map(Answer::status));
    for _ in 0..4 {
        act(&family).await;
        assert_eq!(pushing.pushed().await.len(), 1);
        pushing.clock.advance(Duration::from_secs(400));
        assert_eq!(pushing.pushed().await.len(), 0, "not tried again");
    }
    assert_eq!(pushing.counted("refused").await, 4);
    act(&family).await;
    assert_eq!(pushing.pushed().await.len(), 1, "control");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let pushing = Pushing::start().await;
    let inner = Provider::start().await;
    let (family, _browser) = subscribed(&pushing).await;
    for status in [301, 302, 307, 308] {
        pushing.provider.will([Answer::Says(status, format!("location: {}/admin\r\n", inner.origin))]);
        act(&family).await;
        assert_eq!(pushing.pushed().await.len(), 1);
    }
    assert_eq!(inner.connections(), 0);
    assert_eq!(pushing.counted("refused").await, 4);
}

#[tokio::test]
async fn an_answer_without_an_end_holds_nobody_up() {
    let (provider, clock) = (Provider::start().await, Arc::new(ManualClock::at_wall()));
    let server = provider
        .server(clock.clone(), |settings| {
            settings.metrics_listen = Some(([127, 0, 0, 1], 0).into());
            settings.limits.push_seconds = 3;
        })
        .await;
    let pushing = Pushing { provider, clock, server };
    let (family, _browser) = subscribed(&pushing).await;
    let other = Family::new(&pushing.server, 2).await;
    Browser::of_phone(&other.phones[1], &pushing.provider).await;
    for (answer, outcome) in [(Answer::Endless, "taken"), (Answer::EndlessHead, "later"), (Answer::Silence, "later")] {
        let before = pushing.counted(outcome).await;
        pushing.provider.will([answer.clone()]);
        act(&family).await;
        assert_eq!(pushing.pushed().await.len(), 1);
        assert_eq!(pushing.counted(outcome).await, before + 1, "{answer:?}");
        // What is tried again is taken.
        pushing.clock.advance(Duration::from_secs(60));
        pushing.pushed().await;
    }
    // While one says nothing, requests are answered and others are told.
    pushing.provider.will([Answer::Silence]);
    act(&family).await;
    let heard = async {
        act(&other).await;
        pushing.pushed().await.len()
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), heard).await.expect("in time"), 2);
}

#[tokio::test]
async fn a_private_address_is_not_called_unless_the_operator_lists_it() {
    let pushing = Pushing::start().await;
    let inner = Provider::start().await;
    let (family, browser) = subscribed(&pushing).await;
    let phone = &family.phones[1];
    let port = inner.origin.rsplit_once(':').expect("a port").1.to_owned();
    for endpoint in [
        format!("{}/x", inner.origin),
        format!("https://localhost:{port}/x"),
        "https://127.0.0.1/x".to_owned(),
        "https://2130706433/x".to_owned(),
        "https://[::1]/x".to_owned(),
        "https://[::ffff:10.0.0.1]/x".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        format!("{}@127.0.0.1:{port}/x", pushing.provider.origin),
    ] {
        let subscription = PushSubscription { endpoint: endpoint.clone(), ..browser.subscription.clone() };
        assert_eq!(put(phone, &subscription).await.code(), ErrorCode::Malformed, "{endpoint}");
    }
    // What a name leads to shows when it is looked up: at each push.
    let named = PushSubscription { endpoint: "https://localhost/x".to_owned(), ..browser.subscription.clone() };
    put(phone, &named).await.ok();
    act(&family).await;
    assert_eq!(pushing.pushed().await.len(), 0);
    assert_eq!(pushing.counted("refused").await, 1);
    assert_eq!(inner.connections(), 0);
    put(phone, &browser.subscription).await.ok();
    act(&family).await;
    assert_eq!(pushing.pushed().await.len(), 1, "control: the setting lets its origin through");
}
