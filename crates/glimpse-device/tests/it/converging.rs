//! Two devices of one account behind a server and a network that drop, double, delay and reorder at random: what they
//! know converges, or they stop with a named reason; and nothing that was taken is lost.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::StreamExt;
use glimpse_device::transport::{Body, Method, Request, Response, Socket, Transport, Unreachable};
use glimpse_device::{Device, DeviceError, Ground, Local};
use glimpse_wire::ErrorCode;

use crate::family::linked;
use crate::meddling::Hurried;
use crate::world::{PASSPHRASE, World, content, show};

/// Runs with every test; the soak runs more.
const SEEDS: u64 = 16;
const SOAK_SEEDS: u64 = 2_000;
/// What the two do while the network is bad.
const ACTS: usize = 14;

/// Numbers that follow from a seed (SplitMix64).
struct Dice(Cell<u64>);

impl Dice {
    fn below(&self, end: u64) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        let state = self.0.get();
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A network that loses one request in eight, the answer of another, sends a third twice, and, where the server is
/// hostile, answers a reading request with what it said some time before.
struct Storm {
    inner: Rc<dyn Transport>,
    dice: Rc<Dice>,
    raging: Rc<Cell<bool>>,
    hostile: bool,
    /// What was read before, by path.
    said: RefCell<BTreeMap<String, Vec<u8>>>,
    faults: Rc<Cell<u32>>,
}

fn again(request: &Request) -> Option<Request> {
    let body = match &request.body {
        Body::Empty => Body::Empty,
        Body::Bytes(bytes) => Body::Bytes(bytes.clone()),
        Body::Chunks { .. } => return None,
    };
    let path = request.path.clone();
    Some(Request { path, proof: request.proof.clone(), body, ..*request })
}

async fn whole(response: &mut Response) -> Result<Vec<u8>, Unreachable> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.body.next().await {
        bytes.extend(piece?);
    }
    Ok(bytes)
}

fn answer(status: u16, bytes: Vec<u8>) -> Response {
    Response { status, retry_after: None, body: Box::pin(futures_util::stream::iter([Ok(bytes)])) }
}

impl Transport for Storm {
    fn origin(&self) -> &str {
        self.inner.origin()
    }

    fn request(&self, request: Request) -> Local<'_, Result<Response, Unreachable>> {
        Box::pin(async move {
            if !self.raging.get() {
                return self.inner.request(request).await;
            }
            let fault = self.dice.below(8);
            if fault <= 3 {
                self.faults.set(self.faults.get() + 1);
            }
            let reads = request.method == Method::Get && request.path.starts_with("/v1/");
            let path = request.path.clone();
            match fault {
                0 => return Err(Unreachable),
                1 => {
                    if let Some(double) = again(&request) {
                        let _first = self.inner.request(double).await?;
                    }
                }
                3 if self.hostile && reads => {
                    if let Some(old) = self.said.borrow().get(&path) {
                        return Ok(answer(200, old.clone()));
                    }
                }
                _ => {}
            }
            let mut response = self.inner.request(request).await?;
            if reads && response.status == 200 && self.hostile {
                let bytes = whole(&mut response).await?;
                // What it says first under a path is what it says later.
                self.said.borrow_mut().entry(path).or_insert_with(|| bytes.clone());
                response = answer(200, bytes);
            }
            if fault == 2 { Err(Unreachable) } else { Ok(response) }
        })
    }

    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>> {
        self.inner.connect(path)
    }
}

/// Reasons that a device may give while the network or the server is bad.
fn is_named(error: &DeviceError) -> bool {
    match error {
        DeviceError::Refused { code, .. } => {
            !matches!(code, ErrorCode::Internal | ErrorCode::Malformed | ErrorCode::Unauthorised)
        }
        DeviceError::BadLink { .. } | DeviceError::SeedRefused | DeviceError::Unsettled => true,
        _ => false,
    }
}

/// One run. Gives how many faults there were, and how many acts were done in spite of them.
async fn run(seed: u64, hostile: bool) -> (u32, u32) {
    let world = World::start().await;
    let first = world.device("phone").await;
    linked(&world, &first, "tablet").await;
    linked(&world, &first, "old").await;
    let dice = Rc::new(Dice(Cell::new(seed)));
    let (raging, faults) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    let mut devices = Vec::new();
    for name in ["phone", "tablet"] {
        let ground = world.ground(name);
        let storm = Storm {
            inner: ground.transport,
            dice: Rc::clone(&dice),
            raging: Rc::clone(&raging),
            hostile,
            said: RefCell::default(),
            faults: Rc::clone(&faults),
        };
        let ground = Ground { transport: Rc::new(storm), machine: Rc::new(Hurried::new(200)), ..ground };
        let device = Device::unlock(&ground, PASSPHRASE).await.unwrap();
        device.listing().await.unwrap();
        devices.push(device);
    }
    let [phone, tablet] = devices.as_slice() else { panic!("two devices") };
    let (mut taken, mut done) = (Vec::new(), 0);
    raging.set(true);
    for act in 0..ACTS {
        let device = if dice.below(2) == 0 { phone } else { tablet };
        let text = format!("{seed}-{act}");
        let outcome = match dice.below(6) {
            0 => device.rotate().await.map(|_| ()),
            1 => device.rename(&device.keys().id(), &text).await,
            2 => {
                let synced = device.sync().await;
                let old = synced.as_ref().ok().and_then(|synced| {
                    let entries = device.devices(synced);
                    entries.iter().find(|entry| entry.name == "old" && entry.until.is_none()).map(|entry| entry.id)
                });
                match (synced, old) {
                    (Ok(_), Some(old)) => device.revoke(&[old]).await.map(|_| ()),
                    (synced, _) => synced.map(|_| ()),
                }
            }
            3 => device.listing().await.map(|_| ()),
            _ => device.add(content(&text, &mut text.as_bytes(), &mut |_| {})).await.map(|id| taken.push((id, text))),
        };
        match outcome {
            Ok(()) => done += 1,
            Err(error) => assert!(is_named(&error), "seed {seed}, act {act}: {error:?}"),
        }
    }
    raging.set(false);
    for device in [phone, tablet] {
        device.sync().await.unwrap();
        let listing = device.listing().await.unwrap();
        if !listing.alarms().is_empty() {
            assert!(hostile, "seed {seed}: an honest server, and {:?}", listing.alarms());
            device.accept_log().await.unwrap();
            device.listing().await.unwrap();
        }
    }
    // Once more, so that each has seen what the other said last.
    phone.sync().await.unwrap();
    assert_eq!(phone.head(), tablet.head(), "seed {seed}");
    for device in [phone, tablet] {
        assert_eq!(device.fork().await.unwrap(), None, "seed {seed}");
        let listing = device.listing().await.unwrap();
        assert!(listing.alarms().is_empty(), "seed {seed}: {:?}", listing.alarms());
        for (id, text) in &taken {
            assert_eq!(show(device, &id.to_string()).await.unwrap(), text.as_bytes(), "seed {seed}");
        }
    }
    let entries = |listing: &glimpse_device::listing::Listing| {
        let of = |entry: &&glimpse_device::listing::Entry| (entry.record, entry.version, entry.standing);
        listing.newest_first().iter().map(of).collect::<Vec<_>>()
    };
    let (ours, theirs) = (phone.listing().await.unwrap(), tablet.listing().await.unwrap());
    assert_eq!(entries(&ours), entries(&theirs), "seed {seed}");
    (faults.get(), done)
}

/// All seeds from `first` on.
async fn runs(first: u64, hostile: bool) {
    let seeds = if std::env::var_os("GLIMPSE_SOAK").is_some() { SOAK_SEEDS } else { SEEDS };
    let (mut faults, mut done) = (0, 0);
    for seed in first..first + seeds {
        let (met, managed) = run(seed, hostile).await;
        faults += u64::from(met);
        done += u64::from(managed);
    }
    assert!(faults > seeds * 5, "control: {faults} faults");
    assert!(done > seeds * 5, "control: {done} acts were done all the same");
}

#[tokio::test]
async fn t097_two_devices_behind_a_bad_network_converge_and_lose_nothing() {
    runs(0, false).await;
}

#[tokio::test]
async fn t097_two_devices_under_a_server_that_repeats_itself_converge_or_say_what_is_wrong() {
    runs(1_000_000, true).await;
}
