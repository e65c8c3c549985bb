//! Pushes: what arrives, for what, at whom, and at whom not.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_server::test_server::{ScratchFolder, TestServer};
use glimpse_server::{Clock, ManualClock};
use glimpse_wire::account::{Act, Policy, Veto};
use glimpse_wire::api::*;
use glimpse_wire::ids::Bytes;
use glimpse_wire::preimage::StatementKind;
use glimpse_wire::session::{End, Side};
use glimpse_wire::size::sealed;
use glimpse_wire::*;
use reqwest::{Method, StatusCode};

use crate::actors::*;
use crate::adversary::writer_mint;
use crate::family::{Family, refusals};
use crate::leftovers::files_with;
use crate::operation::Running;
use crate::provider::{Answer, Arrived, Browser, Provider, check_token, drop_subscription, put};
use crate::slow::until;

const DAY: u64 = 24 * 60 * 60 * 1000;
/// Between two pushes to one device, by the settings' default.
const GAP: Duration = Duration::from_secs(10);

/// A server whose pushes go to a provider, and a clock that moves when it is told to.
pub(crate) struct Pushing {
    pub(crate) provider: Provider,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server: TestServer,
}

impl Pushing {
    pub(crate) async fn start() -> Self {
        let (provider, clock) = (Provider::start().await, Arc::new(ManualClock::at_wall()));
        let server =
            provider.server(clock.clone(), |settings| settings.metrics_listen = Some(([127, 0, 0, 1], 0).into())).await;
        Self { provider, clock, server }
    }

    /// Everything that was pushed for what has happened until now; whoever heard may hear again.
    pub(crate) async fn pushed(&self) -> Vec<Arrived> {
        self.server.running().pushed().await;
        self.clock.advance(GAP);
        self.provider.take()
    }

    /// How many pushes ended so, as the operator sees it.
    pub(crate) async fn counted(&self, outcome: &str) -> u64 {
        let text = self.metrics().await;
        let labels = format!("glimpse_pushes_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&labels)).map_or(0, |count| count.parse().expect("a number"))
    }

    async fn metrics(&self) -> String {
        let url = self.server.metrics_url().expect("metrics are on");
        crate::http::client().get(url).send().await.expect("an answer").text().await.expect("text")
    }

    async fn browsers(&self, family: &Family) -> Vec<Browser> {
        let mut browsers = Vec::new();
        for phone in &family.phones {
            browsers.push(Browser::of_phone(phone, &self.provider).await);
        }
        browsers
    }
}

fn to<'a>(browser: &Browser, pushes: &'a [Arrived]) -> Vec<&'a Arrived> {
    pushes.iter().filter(|push| push.path == browser.path).collect()
}

/// Somebody leaves something with an account.
pub(crate) async fn write(phone: &Phone) {
    let key = ed25519_dalek::SigningKey::from_bytes(&random());
    let (header, minted) = writer_mint(phone, &key, 10).await;
    let minted: Minted = minted.json();
    let writer = phone.http.with(minted.upload.expect("a token"));
    let content = noise(sealed(header.size));
    writer.bytes(Method::PUT, &format!("/v1/contents/{}", header.h0()), content.clone()).await.ok();
    let written = envelope(header, minted.shares[0].kid, &content, phone.head, Bytes(public(&key).0.to_vec()), &key);
    writer.bytes(Method::POST, "/v1/writes", written.to_bytes()).await.ok();
}

async fn end_as_viewer(visit: &Visit) {
    let end =
        End { suite: SUITE, session: visit.session, side: Side::Viewer, last_receipt: Hash::ZERO, at: UnixMillis(3) };
    let signed = encode(&sign(&visit.key, StatementKind::End, &end));
    visit.http.bytes(Method::POST, &format!("/v1/sessions/{}/end", visit.session), signed).await.ok();
}

#[tokio::test]
async fn a_push_says_sixteen_random_bytes_and_nothing_else() {
    let pushing = Pushing::start().await;
    let family = Family::new(&pushing.server, 2).await;
    let info: Info = family.phones[0].http.get("/v1/info").await.json();
    let key = info.push_key.expect("pushes are on");
    let browser = Browser::of_phone(&family.phones[1], &pushing.provider).await;
    let sent = async || {
        let now = pushing.clock.now();
        let pushes = pushing.pushed().await;
        pushes.iter().for_each(|push| check_token(push, &pushing.provider.origin, key.as_slice(), now));
        pushes
    };
    let visit = family.phones[0].lend(vec![unit().1], |_| {}).await;
    let mut pushes = sent().await;
    family.phones[0].end(&visit).await.ok();
    pushes.extend(sent().await);
    write(&family.phones[0]).await;
    pushes.extend(sent().await);
    assert_eq!(pushes.len(), 3);

    let mut ids: Vec<Vec<u8>> = pushes.iter().map(|push| browser.open(push).expect("it opens")).collect();
    assert!(ids.iter().all(|id| id.len() == 16));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "an id stands for nothing but itself");
    for push in &pushes {
        assert_eq!(push.path, browser.path);
        // Of what does not come by chance, every push is like every other.
        let visible: Vec<(&str, &str)> = push
            .headers
            .iter()
            .filter(|(name, _)| name != "authorization")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let host = pushing.provider.origin.trim_start_matches("https://");
        let expected = [
            ("host", host),
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
            ("ttl", "86400"),
            ("urgency", "high"),
            ("content-length", "119"),
        ];
        assert_eq!(visible, expected);
        assert_eq!(push.body.len(), 119);
        assert_eq!(push.header("authorization").len(), pushes[0].header("authorization").len());
    }
    let other = Browser::at(&pushing.provider);
    assert!(other.open(&pushes[0]).is_err(), "control: for one browser alone");
}

#[tokio::test]
async fn the_others_hear_of_everything_that_they_should_see_and_the_actor_of_nothing() {
    let pushing = Pushing::start().await;
    let server = &pushing.server;
    let mut family = Family::new(server, 3).await;
    let browsers = pushing.browsers(&family).await;
    // Who hears, of the three.
    let hear = async |what: &str, expected: [usize; 3]| {
        let pushes = pushing.pushed().await;
        let heard: Vec<usize> = browsers.iter().map(|browser| to(browser, &pushes).len()).collect();
        assert_eq!(heard, expected, "{what}");
        assert_eq!(pushes.len(), expected.iter().sum::<usize>(), "{what}: and nobody else");
    };
    hear("control: nothing has happened", [0, 0, 0]).await;

    let visit = family.phones[1].lend(vec![unit().1], |_| {}).await;
    hear("a session began", [1, 0, 1]).await;
    family.phones[1].end(&visit).await.ok();
    hear("its device ended it", [1, 0, 1]).await;
    let visit = family.phones[1].lend(vec![unit().1], |_| {}).await;
    pushing.pushed().await;
    end_as_viewer(&visit).await;
    hear("its viewer ended it", [1, 1, 1]).await;
    let lasts = Duration::from_secs(300);
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    pushing.pushed().await;
    pushing.clock.advance(lasts);
    server.running().sweep().await.expect("swept");
    hear("its time was over", [1, 1, 1]).await;

    family.link(server, 0).await;
    hear("a device joined", [0, 1, 1]).await;
    let held = family.newcomer(server);
    let act = family.adding(&family.phones[1], &held, held.now().await, DAY);
    family.extend(1, act, Vec::new()).await;
    hear("a device joined that is held back", [1, 0, 1]).await;
    let policy = Policy { recovering: DAY, ..Policy::default() };
    let at = family.phones[2].now().await;
    family.extend(2, Act::Policy { policy, at, held: 0 }, Vec::new()).await;
    hear("the rules changed", [1, 1, 0]).await;
    family.rotate(2).await;
    hear("an epoch began", [1, 1, 0]).await;
    let kit = family.equip().await;
    hear("the kit was replaced", [0, 1, 1]).await;

    let thief = family.newcomer(server);
    let request = kit.request(&family.chain, &thief);
    Http::to(server).post("/v1/recoveries", &request).await.ok();
    hear("a recovery was asked for", [1, 1, 1]).await;
    Http::to(server).post("/v1/recoveries", &request).await.ok();
    hear("control: asked again, how it stands", [0, 0, 0]).await;
    let veto = Veto { suite: SUITE, account: thief.account, device: thief.device, at: UnixMillis(1) };
    let veto: SignedJson = sign(&family.phones[1].key, StatementKind::Veto, &veto).into();
    family.phones[1].http.json(Method::DELETE, "/v1/account/recovery", &veto).await.ok();
    hear("it was stopped", [1, 0, 1]).await;

    write(&family.phones[0]).await;
    hear("a write waits", [1, 1, 1]).await;
    family.phones[0].add(10).await;
    hear("control: a record of their own is no news", [0, 0, 0]).await;
    family.revoke(0, 3).await;
    hear("a device was taken out", [0, 1, 1]).await;
}

#[tokio::test]
async fn a_device_that_was_taken_out_hears_nothing_more_and_who_took_it_out_hears_nothing_of_it() {
    let pushing = Pushing::start().await;
    let mut family = Family::new(&pushing.server, 3).await;
    let browsers = pushing.browsers(&family).await;
    family.phones[1].lend(vec![unit().1], |_| {}).await;
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    let before = pushing.pushed().await;
    assert_eq!(to(&browsers[1], &before).len(), 1, "control");
    assert!(!files_with(pushing.server.data(), browsers[1].path.as_bytes()).is_empty(), "control: it is stored");
    // Something waits for the device when it goes.
    pushing.pushed().await;
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    pushing.server.running().pushed().await;
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    pushing.server.running().pushed().await;
    pushing.provider.take();
    family.revoke(0, 1).await;
    let mut after = pushing.pushed().await;
    after.extend(pushing.pushed().await);
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    after.extend(pushing.pushed().await);
    assert_eq!(to(&browsers[1], &after).len(), 0, "it has left");
    assert_eq!(to(&browsers[0], &after).len(), 0, "its session ended with it, and that is the actor's own doing");
    assert!(to(&browsers[2], &after).len() >= 2, "control: the third hears all of it");
    pushing.server.running().sweep().await.expect("swept");
    assert_eq!(files_with(pushing.server.data(), browsers[1].path.as_bytes()), Vec::<String>::new());
    assert!(!files_with(pushing.server.data(), browsers[2].path.as_bytes()).is_empty(), "control");
    assert_eq!(put(&family.phones[1], &browsers[1].subscription).await.code(), ErrorCode::DeviceRevoked);
}

#[tokio::test]
async fn with_an_account_its_subscriptions_go() {
    let pushing = Pushing::start().await;
    let family = Family::new(&pushing.server, 2).await;
    let browsers = pushing.browsers(&family).await;
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    assert_eq!(pushing.pushed().await.len(), 1, "control");
    let phone = &family.phones[0];
    let deletion = AccountDeletion { suite: SUITE, account: phone.account, at: phone.now().await };
    let signed: SignedJson = sign(&phone.key, StatementKind::AccountDeletion, &deletion).into();
    phone.http.json(Method::DELETE, "/v1/account", &signed).await.ok();
    assert_eq!(pushing.pushed().await.len(), 0);
    for browser in browsers {
        assert_eq!(files_with(pushing.server.data(), browser.path.as_bytes()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_device_has_one_subscription_until_it_drops_it() {
    let pushing = Pushing::start().await;
    let family = Family::new(&pushing.server, 2).await;
    let (actor, phone) = (&family.phones[0], &family.phones[1]);
    let old = Browser::of_phone(phone, &pushing.provider).await;
    let new = Browser::of_phone(phone, &pushing.provider).await;
    actor.lend(vec![unit().1], |_| {}).await;
    let pushes = pushing.pushed().await;
    assert_eq!((to(&old, &pushes).len(), to(&new, &pushes).len()), (0, 1));
    assert!(new.open(&pushes[0]).is_ok());
    for _ in 0..2 {
        assert_eq!(drop_subscription(phone).await, StatusCode::NO_CONTENT);
    }
    actor.lend(vec![unit().1], |_| {}).await;
    assert_eq!(pushing.pushed().await.len(), 0);
    put(phone, &new.subscription).await.ok();
    actor.lend(vec![unit().1], |_| {}).await;
    assert_eq!(pushing.pushed().await.len(), 1, "control: and again");
}

#[tokio::test]
async fn only_a_device_that_may_act_subscribes_and_only_what_could_be_sent_to() {
    let pushing = Pushing::start().await;
    let mut family = Family::new(&pushing.server, 1).await;
    let good = Browser::at(&pushing.provider).subscription;
    let stranger = Http::to(&pushing.server);
    let refused = stranger.json(Method::PUT, "/v1/account/push", &good).await;
    assert_eq!(refused.code(), ErrorCode::Unauthorised);
    let refused = stranger.bytes(Method::DELETE, "/v1/account/push", Vec::new()).await;
    assert_eq!(refused.code(), ErrorCode::Unauthorised);
    family.link(&pushing.server, DAY).await;
    assert_eq!(put(&family.phones[1], &good).await.code(), ErrorCode::DeviceHeld);
    assert_eq!(refusals(&pushing.server, "/v1/account/push", ErrorCode::DeviceHeld).await, 1);

    let phone = &family.phones[0];
    let no_point = Bytes([&[4], [5; 64].as_slice()].concat());
    for bad in [
        PushSubscription { endpoint: "http://push.example/x".to_owned(), ..good.clone() },
        PushSubscription { endpoint: format!("https://push.example/{}", "x".repeat(2_048)), ..good.clone() },
        PushSubscription { p256dh: no_point, ..good.clone() },
        PushSubscription { p256dh: Bytes(Vec::new()), ..good.clone() },
        PushSubscription { auth: Bytes(vec![1; 15]), ..good.clone() },
    ] {
        assert_eq!(put(phone, &bad).await.code(), ErrorCode::Malformed);
    }
    put(phone, &good).await.ok();
    let elsewhere = PushSubscription { endpoint: "https://push.example/x".to_owned(), ..good };
    put(phone, &elsewhere).await.ok();
}

#[tokio::test]
async fn a_flood_is_one_push_and_one_more_for_what_came_meanwhile() {
    let pushing = Pushing::start().await;
    let family = Family::new(&pushing.server, 2).await;
    Browser::of_phone(&family.phones[1], &pushing.provider).await;
    for _ in 0..8 {
        let visit = family.phones[0].lend(vec![unit().1], |_| {}).await;
        family.phones[0].end(&visit).await.ok();
        write(&family.phones[0]).await;
    }
    pushing.server.running().pushed().await;
    assert_eq!(pushing.provider.take().len(), 1);
    pushing.clock.advance(GAP);
    pushing.server.running().pushed().await;
    assert!(pushing.provider.take().len() <= 1, "what came while the first was being sent");
    for _ in 0..5 {
        assert_eq!(pushing.pushed().await.len(), 0);
    }
}

#[tokio::test]
async fn without_a_key_there_are_no_pushes_and_everything_works() {
    let server = TestServer::start().await;
    let provider = Provider::start().await;
    let family = Family::new(&server, 2).await;
    let phone = &family.phones[1];
    let info = phone.http.get("/v1/info").await;
    assert!(!String::from_utf8_lossy(&info.body).contains("push"), "the field is absent");
    assert_eq!(info.json::<Info>().push_key, None);
    let browser = Browser::at(&provider);
    assert_eq!(put(phone, &browser.subscription).await.code(), ErrorCode::NotFound);
    assert_eq!(drop_subscription(phone).await, StatusCode::NO_CONTENT);
    let visit = family.phones[0].lend(vec![unit().1], |_| {}).await;
    write(phone).await;
    family.phones[0].end(&visit).await.ok();
    server.running().pushed().await;
    assert_eq!(provider.connections(), 0);
}

#[tokio::test]
async fn a_restart_loses_no_subscription_and_a_drain_sends_what_is_due() {
    let mut pushing = Pushing::start().await;
    let mut family = Family::new(&pushing.server, 2).await;
    let browser = Browser::of_phone(&family.phones[1], &pushing.provider).await;
    let key = family.phones[0].http.get("/v1/info").await.json::<Info>().push_key;
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    pushing.server.running().pushed().await;
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    pushing.server.running().pushed().await;
    assert_eq!(pushing.provider.take().len(), 1, "control: the second waits");
    pushing.clock.advance(GAP);
    pushing.server.stop().await;
    let pushes = pushing.provider.take();
    assert_eq!(to(&browser, &pushes).len(), 1, "the server is down, and the push is out");
    pushing.server.resume().await.expect("starts");
    family.phones[0].http.client = crate::http::client();
    family.phones[0].sign_in().await;
    assert_eq!(family.phones[0].http.get("/v1/info").await.json::<Info>().push_key, key);
    pushing.clock.advance(GAP);
    family.phones[0].lend(vec![unit().1], |_| {}).await;
    assert_eq!(to(&browser, &pushing.pushed().await).len(), 1);
}

#[tokio::test]
async fn neither_the_provider_nor_the_operators_figures_hold_anything_of_an_account() {
    let pushing = Pushing::start().await;
    let family = Family::new(&pushing.server, 2).await;
    let browser = Browser::of_phone(&family.phones[1], &pushing.provider).await;
    let visit = family.phones[0].lend(vec![unit().1], |_| {}).await;
    let version = family.phones[0].add(10).await;
    let pushes = pushing.pushed().await;
    let [push] = pushes.as_slice() else { panic!("one push: {pushes:?}") };
    let id = browser.open(push).expect("it opens");
    let seen = [format!("{push:?}").into_bytes(), push.body.clone(), id].concat();
    let metrics = pushing.metrics().await;
    let holds = |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let (account, device) = (family.chain.account(), family.phones[1].device);
    for (raw, text) in [
        (account.0.as_slice(), account.to_string()),
        (device.0.as_slice(), device.to_string()),
        (family.phones[0].device.0.as_slice(), family.phones[0].device.to_string()),
        (visit.session.0.as_slice(), visit.session.to_string()),
        (version.envelope.header.record.0.as_slice(), version.envelope.header.record.to_string()),
    ] {
        assert!(!holds(&seen, raw) && !holds(&seen, text.as_bytes()), "the provider sees {text}");
        assert!(!holds(metrics.as_bytes(), text.as_bytes()), "a figure holds {text}");
    }
    assert!(!metrics.contains("127.0.0.1") && !metrics.contains(&browser.path), "{metrics}");
    assert_eq!(pushing.counted("taken").await, 1, "control: it is counted");
    assert!(holds(&seen, browser.path.as_bytes()), "control: what is there is found");
}

#[tokio::test]
async fn the_program_makes_a_push_key_pushes_and_logs_nothing_of_it() {
    let program = env!("CARGO_BIN_EXE_glimpse-server");
    let (provider, folder) = (Provider::start().await, ScratchFolder::new().expect("a folder"));
    let [data, key, push_key] = ["data", "k", "push.pem"].map(|name| folder.path().join(name));
    let named = |name: &str, value: &str| ["--set".to_owned(), format!("{name}={value}")];
    let push_key_file = named("push_key_file", &push_key.to_string_lossy());
    let contact = named("push_contact", "mailto:ops@glimpse.example");
    let run = |act: &str, more: &[&[String]]| {
        let mut command = Command::new(program);
        command.arg(act).arg("--data").arg(&data).arg("--key-file").arg(&key).args(more.concat());
        command
    };
    let says = |command: &mut Command| {
        let output = command.output().expect("runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert!(says(Command::new(program).arg("keygen").arg(&key)).0);
    let (fine, told) = says(&mut run("check-config", &[&push_key_file, &contact]));
    assert!(!fine && told.contains("glimpse-server push-key"), "says what to do: {told}");
    assert!(says(Command::new(program).arg("push-key").arg(&push_key)).0);
    assert!(!says(Command::new(program).arg("push-key").arg(&push_key)).0, "never overwritten");
    assert!(!says(&mut run("check-config", &[&push_key_file])).0, "nobody to write to");
    assert!(says(&mut run("check-config", &[&push_key_file, &contact])).0);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let listen = named("listen", &address);
    let log = folder.path().join("log");
    let stderr = std::fs::File::create(&log).expect("a file");
    let serve = [
        push_key_file,
        contact,
        listen.clone(),
        named("push_inside", &provider.origin),
        named("push_ca", &provider.ca.to_string_lossy()),
        named("log_level", "trace"),
    ];
    let serve: Vec<&[String]> = serve.iter().map(<[String; 2]>::as_slice).collect();
    let mut child = Running(run("serve", &serve).stderr(stderr).spawn().expect("starts"));
    while !says(&mut run("healthcheck", &[&listen])).0 {
        tokio::task::yield_now().await;
    }
    let http = Http { client: crate::http::client(), url: format!("http://{address}"), token: None };
    let phone = Phone::found(http).await;
    let browser = Browser::of_phone(&phone, &provider).await;
    provider.will([Answer::status(403)]);
    write(&phone).await;
    until("nothing arrives", || provider.connections() > 0).await;
    let pid = child.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("runs").success());
    // The provider lives on this thread.
    let ended = tokio::task::spawn_blocking(move || child.0.wait().expect("ends")).await.expect("waited for");
    assert!(ended.success(), "drains and exits with success");
    let pushes = provider.take();
    let [push] = pushes.as_slice() else { panic!("one push: {pushes:?}") };
    let id = browser.open(push).expect("it opens");

    let text = std::fs::read_to_string(&log).expect("a log");
    assert!(text.contains("a push provider refused a push") && text.contains("403"), "control: {text}");
    let port = provider.origin.rsplit_once(':').expect("a port").1;
    for secret in [
        phone.account.to_string(),
        phone.device.to_string(),
        browser.path.clone(),
        format!(":{port}"),
        Base64UrlUnpadded::encode_string(browser.subscription.auth.as_slice()),
        Base64UrlUnpadded::encode_string(&id),
        push.header("authorization").to_owned(),
    ] {
        assert!(!text.contains(&secret), "the log holds {secret}");
    }
}
