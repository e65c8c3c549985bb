//! A watch whose requests a phone carries over a port, and a phone that writes down, changes, repeats and drops them.
//!
//! The carrier of these tests sees every request as it would go to the server: there is no TLS between it and the watch.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use glimpse_core::Monotonic;
use glimpse_device::api::{bare, collect};
use glimpse_device::companion::{Companion, carry};
use glimpse_device::native::{Files, Machine};
use glimpse_device::surroundings::Surroundings;
use glimpse_device::transport::{Body, Credential, Method, Request, Response, Socket, Transport, Unreachable};
use glimpse_device::{Device, DeviceError, Ground, Local};
use glimpse_wire::{ErrorCode, UnixMillis};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::family::{Play, play, wires};
use crate::meddling::body_of;
use crate::world::{PASSPHRASE, World, add, show};

const SECRET: &[u8] = b"The spare key lies under the third flower pot.";

type Change = fn(&mut Request);

/// What a phone carries by, if it is not honest.
struct Carrier {
    inner: Rc<dyn Transport>,
    /// Every request that went through.
    seen: RefCell<Vec<Request>>,
    /// What is done to each request that the watch signed.
    change: Cell<Option<Change>>,
    /// Whether nothing goes through.
    drops: Cell<bool>,
}

/// The same again; what streams is not kept.
fn copy(request: &Request) -> Request {
    let body = match &request.body {
        Body::Bytes(bytes) => Body::Bytes(bytes.clone()),
        Body::Empty | Body::Chunks { .. } => Body::Empty,
    };
    let Request { method, path, credential, proof, content_type, range, .. } = request;
    Request {
        method: *method,
        path: path.clone(),
        credential: *credential,
        proof: proof.clone(),
        content_type: *content_type,
        range: *range,
        body,
    }
}

impl Transport for Carrier {
    fn origin(&self) -> &str {
        self.inner.origin()
    }

    fn request(&self, mut request: Request) -> Local<'_, Result<Response, Unreachable>> {
        if self.drops.get() {
            return Box::pin(async { Err(Unreachable) });
        }
        if let (Some(change), Some(_)) = (self.change.get(), &request.proof) {
            change(&mut request);
        }
        self.seen.borrow_mut().push(copy(&request));
        self.inner.request(request)
    }

    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>> {
        if self.drops.get() {
            return Box::pin(async { Err(Unreachable) });
        }
        self.inner.connect(path)
    }
}

/// A watch, and who carries for it.
struct Wrist {
    world: World,
    phone: Device,
    ground: Ground,
    companion: Rc<Companion>,
    carrier: Rc<Carrier>,
}

impl Wrist {
    async fn start() -> Self {
        let world = World::unthrottled().await;
        let phone = world.device("phone").await;
        let inner = world.ground("phone").transport;
        let carrier =
            Rc::new(Carrier { inner, seen: RefCell::default(), change: Cell::default(), drops: Cell::default() });
        let machine = Rc::new(Machine::new());
        let companion = Rc::new(Companion::new(world.server.url(), machine.clone()));
        let ground =
            Ground { storage: Rc::new(Files::new(world.home("watch"))), transport: companion.clone(), machine };
        Self { world, phone, ground, companion, carrier }
    }

    /// The phone comes; it is gone with what is given.
    async fn carried(&self) -> JoinHandle<()> {
        let (near, far) = wires();
        let here = Rc::new(Cell::new(false));
        let told = Rc::clone(&here);
        let through = Rc::clone(&self.companion).through(Box::new(near), move |up| told.set(up));
        drop(spawn_local(through));
        let carrying = spawn_local(carry(Box::new(far), self.carrier.clone(), Rc::new(Machine::new())));
        while !here.get() {
            tokio::task::yield_now().await;
        }
        carrying
    }

    async fn linked(&self) -> Device {
        let how = Play { name: "Wristlet", watch: true, ..Play::default() };
        let (added, joined) = play(&self.phone, &self.ground, how).await;
        assert!(added.unwrap().told);
        joined.unwrap()
    }

    /// Says a request once more, as the carrier.
    async fn again(&self, request: &Request) -> (u16, String) {
        let answer = self.carrier.inner.request(copy(request)).await.unwrap();
        let body = collect(answer.body, 1 << 20).await.unwrap();
        (answer.status, String::from_utf8_lossy(&body).into_owned())
    }
}

async fn wrist<F: Future>(story: impl FnOnce(Wrist) -> F) -> F::Output {
    LocalSet::new().run_until(async { story(Wrist::start().await).await }).await
}

fn code(error: &DeviceError) -> Option<ErrorCode> {
    error.code()
}

#[tokio::test]
async fn a_carrier_sees_no_content_and_no_token_that_speaks_for_the_watch() {
    wrist(async |wrist| {
        let _phone = wrist.carried().await;
        let before = add(&wrist.phone, "zinnia", SECRET).await;
        let watch = wrist.linked().await;
        assert_eq!(show(&watch, &before.to_string()).await.unwrap(), SECRET);
        // Longer than what is put together, in both directions.
        let long: Vec<u8> = SECRET.iter().copied().cycle().take(700_000).collect();
        let record = add(&watch, "hollyhock", &long).await;
        assert_eq!(show(&watch, &record.to_string()).await.unwrap(), long);
        assert_eq!(show(&wrist.phone, &record.to_string()).await.unwrap(), long);

        let seen = wrist.carrier.seen.take();
        let has = |needle: &[u8]| {
            seen.iter().any(|request| {
                let whole = [request.path.as_bytes(), &body_of(request)].concat();
                whole.windows(needle.len()).any(|window| window == needle)
            })
        };
        for secret in [SECRET, b"zinnia", b"hollyhock", b"Wristlet", PASSPHRASE] {
            assert!(!has(secret), "{}", String::from_utf8_lossy(secret));
        }
        assert!(has(record.to_string().as_bytes()), "control: the id of a record is found by the same search");
        assert!(seen.iter().filter(|request| request.proof.is_some()).count() > 10, "control: requests are signed");
        assert!(!seen.iter().any(|request| request.path.starts_with("/v1/sign-in")), "it never signs in");
        let tokens: Vec<&Request> =
            seen.iter().filter(|request| matches!(request.credential, Some(Credential::Token(_)))).collect();
        for request in tokens {
            assert!(request.path.starts_with("/v1/mailboxes/"), "{}", request.path);
            let as_the_watch = Request {
                method: Method::Get,
                path: "/v1/account".into(),
                content_type: None,
                body: Body::Empty,
                ..copy(request)
            };
            assert_eq!(wrist.again(&as_the_watch).await.0, 401);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_carrier_changes_is_refused() {
    wrist(async |wrist| {
        let _phone = wrist.carried().await;
        add(&wrist.phone, "note", SECRET).await;
        let watch = wrist.linked().await;
        let cases: [(&str, Change); 4] = [
            ("another query", |request| {
                if request.path.starts_with("/v1/records?") {
                    request.path = "/v1/records?after=0&limit=1".to_owned();
                }
            }),
            ("another path", |request| {
                if request.path.starts_with("/v1/records?") {
                    request.path = "/v1/account".to_owned();
                }
            }),
            ("another method", |request| {
                if request.path.starts_with("/v1/records?") {
                    request.method = Method::Post;
                }
            }),
            ("no signature", |request| {
                request.proof = None;
                request.credential = None;
            }),
        ];
        for (what, change) in cases {
            wrist.carrier.change.set(Some(change));
            assert_eq!(watch.listing().await.err().as_ref().and_then(code), Some(ErrorCode::Unauthorised), "{what}");
            wrist.carrier.change.set(None);
            assert!(watch.listing().await.is_ok(), "control: without {what}");
        }
        wrist.carrier.change.set(Some(|request| {
            if let Body::Bytes(bytes) = &mut request.body
                && request.path == "/v1/account/head"
                && let Some(byte) = bytes.iter_mut().rfind(|byte| byte.is_ascii_alphanumeric())
            {
                *byte ^= 1;
            }
        }));
        assert_eq!(
            watch.state_head().await.err().as_ref().and_then(code),
            Some(ErrorCode::Unauthorised),
            "another body"
        );
        wrist.carrier.change.set(None);
        assert!(watch.state_head().await.is_ok(), "control: the same body");

        // Control: a token signs nothing. What carries for a device that shows one asks for what it likes.
        let mut request = with_token(&wrist).await;
        request.path = "/v1/records?after=0&limit=1".to_owned();
        assert_eq!(wrist.again(&request).await.0, 200);
    })
    .await;
}

/// A request of a device with a network of its own, as whoever carries for it would see it.
async fn with_token(wrist: &Wrist) -> Request {
    let seen = wrist.carrier.seen.take();
    let ground = Ground { transport: wrist.carrier.clone(), ..wrist.world.ground("phone") };
    Device::unlock(&ground, PASSPHRASE).await.unwrap().listing().await.unwrap();
    let carried = wrist.carrier.seen.replace(seen);
    carried.into_iter().rfind(|request| request.path.starts_with("/v1/records?")).unwrap()
}

#[tokio::test]
async fn what_a_carrier_says_again_is_refused() {
    wrist(async |wrist| {
        let _phone = wrist.carried().await;
        add(&wrist.phone, "note", SECRET).await;
        let watch = wrist.linked().await;
        wrist.carrier.seen.borrow_mut().clear();
        watch.listing().await.unwrap();
        watch.state_head().await.unwrap();
        let signed: Vec<Request> =
            wrist.carrier.seen.take().into_iter().filter(|request| request.proof.is_some()).collect();
        assert!(signed.len() > 1, "control: {} requests, and each was good once", signed.len());
        for request in &signed {
            let (status, problem) = wrist.again(request).await;
            assert!(status == 409 && problem.contains("device-doubled"), "{} {status} {problem}", request.path);
        }
        watch.listing().await.unwrap();
        // Control: a request with a token is answered again.
        let request = with_token(&wrist).await;
        assert_eq!(wrist.again(&request).await.0, 200);
    })
    .await;
}

#[tokio::test]
async fn a_carrier_that_drops_or_goes_takes_the_server_away_and_nothing_else() {
    wrist(async |wrist| {
        let unreachable =
            |result: Result<_, DeviceError>| result.err().as_ref().and_then(code) == Some(ErrorCode::ServerUnreachable);
        let phone = wrist.carried().await;
        add(&wrist.phone, "note", SECRET).await;
        let watch = wrist.linked().await;
        wrist.carrier.drops.set(true);
        assert!(unreachable(watch.listing().await.map(drop)), "dropped");
        wrist.carrier.drops.set(false);
        watch.listing().await.unwrap();
        phone.abort();
        assert!(phone.await.unwrap_err().is_cancelled());
        assert!(unreachable(watch.listing().await.map(drop)), "gone");
        let second = wrist.carried().await;
        watch.listing().await.unwrap();
        // Another takes its place; the first one's end is no end of the way.
        let _third = wrist.carried().await;
        second.abort();
        let _over = second.await;
        watch.listing().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nonsense_ends_the_line_and_breaks_nothing() {
    wrist(async |wrist| {
        for nonsense in [vec![], vec![0xff; 40], vec![0; 9_000], vec![0x82, 0x03, 0x83, 0x01, 0x41, 0x00, 0xf5]] {
            let (mut near, far) = wires();
            let carrying = spawn_local(carry(Box::new(far), wrist.carrier.clone(), Rc::new(Machine::new())));
            assert!(near.receive().await.is_some(), "its first word");
            near.send(nonsense).await.unwrap();
            drop(near);
            carrying.await.unwrap();
        }
        assert!(wrist.carrier.seen.borrow().is_empty());
        let _phone = wrist.carried().await;
        wrist.linked().await;
    })
    .await;
}

/// A machine that counts the waits that are under way.
struct Waits {
    inner: Machine,
    open: Rc<Cell<usize>>,
}

/// One of them.
struct Wait(Rc<Cell<usize>>);

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Surroundings for Waits {
    fn now(&self) -> UnixMillis {
        self.inner.now()
    }

    fn monotonic(&self) -> Monotonic {
        self.inner.monotonic()
    }

    fn sleep(&self, millis: u64) -> Local<'_, ()> {
        self.open.set(self.open.get() + 1);
        let wait = Wait(Rc::clone(&self.open));
        Box::pin(async move {
            self.inner.sleep(millis).await;
            drop(wait);
        })
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.inner.fill_random(bytes);
    }
}

async fn until(met: impl Fn() -> bool) {
    while !met() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_watch_that_rests_waits_for_nothing_and_is_carried_all_the_same() {
    let story = async {
        let world = World::unthrottled().await;
        let open = Rc::<Cell<usize>>::default();
        let machine = Rc::new(Waits { inner: Machine::new(), open: Rc::clone(&open) });
        let companion = Rc::new(Companion::new(world.server.url(), machine));
        let transport = world.ground("phone").transport;
        let comes = async || {
            let (near, far) = wires();
            let here = Rc::<Cell<bool>>::default();
            let told = Rc::clone(&here);
            drop(spawn_local(Rc::clone(&companion).through(Box::new(near), move |up| told.set(up))));
            let carrying = spawn_local(carry(Box::new(far), Rc::clone(&transport), Rc::new(Machine::new())));
            until(|| here.get()).await;
            (here, carrying)
        };
        let (here, carrying) = comes().await;
        until(|| open.get() > 0).await;
        companion.rest(true);
        // The wait that was under way is the last one.
        until(|| open.get() == 0).await;
        let answer = companion.request(bare(Method::Get, "/v1/info".into())).await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(!collect(answer.body, 1 << 20).await.unwrap().is_empty());
        assert!(here.get() && open.get() == 0, "{} waits", open.get());
        // A phone that hangs up is noticed without one.
        carrying.abort();
        until(|| !here.get()).await;
        assert_eq!(open.get(), 0);
        // Nor is one looked for in vain for ever: whoever does not answer is given up.
        let (near, mut nobody) = wires();
        drop(spawn_local(Rc::clone(&companion).through(Box::new(near), |_| {})));
        while nobody.receive().await.is_some() {}
        assert_eq!(open.get(), 0);

        // Control: one that is awake asks, and goes on asking.
        let (here, _carrying) = comes().await;
        until(|| open.get() == 0).await;
        companion.rest(false);
        until(|| open.get() > 0).await;
        assert!(here.get());
    };
    LocalSet::new().run_until(story).await;
}
