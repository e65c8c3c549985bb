//! A device that is killed at every step of what must not be done by halves.

use core::cell::Cell;
use std::rc::Rc;

use glimpse_core::recovery::{KitKeys, Plan, RecoveryKit, combine};
use glimpse_device::recovery::{Restore, Restored, restore};
use glimpse_device::storage::{Guard, Storage, StorageError};
use glimpse_device::transport::{Request, Response, Socket, Transport, Unreachable};
use glimpse_device::{Device, DeviceError, Ground, Local};
use glimpse_wire::ErrorCode;

use crate::family::linked;
use crate::meddling::Hurried;
use crate::revoking::add_sensitive;
use crate::world::{PASSPHRASE, World, add, show};

/// More than any of these stories has.
const STEPS: u32 = 200;

/// How many steps there are until the end: a write to the disk, a request that leaves, an answer that arrives.
#[derive(Clone)]
struct Life(Rc<Cell<u32>>);

impl Life {
    fn of(steps: u32) -> Self {
        Self(Rc::new(Cell::new(steps)))
    }

    /// Takes a step; false once it is over, and for ever after.
    fn step(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }

    fn is_over(&self) -> bool {
        self.0.get() == 0
    }

    /// What is at `ground` lives no longer than this.
    fn bounds(&self, ground: Ground) -> Ground {
        Ground {
            storage: Rc::new(Mortal(ground.storage, self.clone())),
            transport: Rc::new(Mortal(ground.transport, self.clone())),
            // Waits pass, as they would for somebody who comes back.
            machine: Rc::new(Hurried::new(10_000)),
        }
    }
}

struct Mortal<T: ?Sized>(Rc<T>, Life);

fn killed(name: &str) -> StorageError {
    StorageError { name: name.to_owned(), cause: "killed".to_owned() }
}

impl Storage for Mortal<dyn Storage> {
    fn read<'a>(&'a self, name: &'a str) -> Local<'a, Result<Option<Vec<u8>>, StorageError>> {
        self.0.read(name)
    }

    fn write<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> Local<'a, Result<(), StorageError>> {
        if self.1.step() { self.0.write(name, bytes) } else { Box::pin(async move { Err(killed(name)) }) }
    }

    fn remove<'a>(&'a self, name: &'a str) -> Local<'a, Result<(), StorageError>> {
        if self.1.step() { self.0.remove(name) } else { Box::pin(async move { Err(killed(name)) }) }
    }

    fn list<'a>(&'a self, folder: &'a str) -> Local<'a, Result<Vec<String>, StorageError>> {
        self.0.list(folder)
    }

    fn lock<'a>(&'a self, name: &'a str) -> Local<'a, Result<Guard, StorageError>> {
        self.0.lock(name)
    }
}

impl Transport for Mortal<dyn Transport> {
    fn origin(&self) -> &str {
        self.0.origin()
    }

    fn request(&self, request: Request) -> Local<'_, Result<Response, Unreachable>> {
        Box::pin(async move {
            if !self.1.step() {
                return Err(Unreachable);
            }
            let answer = self.0.request(request).await?;
            if self.1.step() { Ok(answer) } else { Err(Unreachable) }
        })
    }

    fn connect<'a>(&'a self, path: &'a str) -> Local<'a, Result<Box<dyn Socket>, Unreachable>> {
        self.0.connect(path)
    }
}

async fn bring_back(ground: &Ground, kit: &KitKeys, printed: &mut Vec<KitKeys>) -> Result<Device, DeviceError> {
    let plan = Restore { name: "New phone".to_owned(), passphrase: PASSPHRASE, plan: Plan::default() };
    let mut print = async |kit: &RecoveryKit, _: &glimpse_wire::chain::Chain| {
        printed.push(combine(&kit.shares).unwrap());
        Ok(())
    };
    match restore(ground, kit, plan, &mut print).await? {
        Restored::Done(device) => Ok(*device),
        Restored::Waiting { .. } => panic!("nothing has to be waited for"),
    }
}

#[tokio::test]
async fn t096_wherever_a_recovery_breaks_off_one_side_has_the_account_and_the_next_try_ends_it() {
    let world = World::unthrottled().await;
    let mut owner = world.device("phone").await;
    let letter = add(&owner, "Letter", b"Dear reader").await;
    let kit = owner.draw_kit(Plan::default()).unwrap();
    owner.install_kit(&kit.keys).await.unwrap();
    let mut kit = combine(&kit.shares).unwrap();
    let (mut before_the_link, mut after_the_link) = (0, 0);
    for steps in 0..STEPS {
        let ground = world.ground(&format!("new-{steps}"));
        let life = Life::of(steps);
        let mut printed = Vec::new();
        let place = owner.head().seq;
        let broken = bring_back(&life.bounds(ground.clone()), &kit, &mut printed).await;
        let out = match owner.sync().await {
            Ok(_) => false,
            Err(error) if error.code() == Some(ErrorCode::DeviceRevoked) => true,
            Err(error) => panic!("after {steps} steps: {error:?}"),
        };
        if !out {
            assert_eq!(show(&owner, &letter.to_string()).await.unwrap(), b"Dear reader", "after {steps} steps");
        }
        *(if out { &mut after_the_link } else { &mut before_the_link }) += 1;
        // Whoever holds the kit tries again, in the same home.
        let device = match broken {
            Ok(_) => Device::unlock(&ground, PASSPHRASE).await.unwrap(),
            Err(error) => {
                assert!(life.is_over(), "after {steps} steps: {error:?}");
                bring_back(&ground, &kit, &mut printed).await.unwrap_or_else(|error| panic!("after {steps}: {error:?}"))
            }
        };
        assert_eq!(show(&device, &letter.to_string()).await.unwrap(), b"Dear reader", "after {steps} steps");
        assert_eq!(device.head().seq, place + 1, "one link, after {steps} steps");
        assert_eq!(owner.sync().await.unwrap_err().code(), Some(ErrorCode::DeviceRevoked));
        let next = printed.pop().expect("a kit was printed before the link left");
        next.is_of(&device.chain()).unwrap_or_else(|_| panic!("the pages printed last are void, after {steps} steps"));
        (owner, kit) = (device, next);
        if !life.is_over() {
            assert!(before_the_link > 3 && after_the_link > 3, "control: {before_the_link}, {after_the_link}");
            return;
        }
    }
    panic!("control: it never came to its end");
}

#[tokio::test]
async fn t096_wherever_a_revocation_and_its_sealing_anew_break_off_the_next_look_ends_them() {
    let world = World::unthrottled().await;
    let phone = world.device("phone").await;
    let mut letters = Vec::new();
    for number in 0..2u8 {
        add_sensitive(&phone, &format!("Letter {number}"), &[number; 3]).await;
    }
    letters
        .extend(phone.listing().await.unwrap().newest_first().iter().map(|entry| (entry.record, entry.meta.clone())));
    let mut outcomes = Vec::new();
    let mut there = None;
    for steps in 0..STEPS {
        let tablet = match there.take() {
            Some(tablet) => tablet,
            None => linked(&world, &phone, &format!("tablet-{steps}")).await,
        };
        let (id, epoch) = (tablet.keys().id(), phone.chain().epoch().unwrap().number);
        let life = Life::of(steps);
        let broken = match Device::unlock(&life.bounds(world.ground("phone")), PASSPHRASE).await {
            Ok(device) => match device.revoke(&[id]).await {
                Ok(_) => device.rekey_sensitive(&mut |_| {}).await.map(drop),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        assert!(broken.is_ok() || life.is_over(), "after {steps} steps: {broken:?}");
        // The next command of the same home.
        let again = Device::unlock(&world.ground("phone"), PASSPHRASE).await.unwrap();
        again.listing().await.unwrap();
        let listing = again.listing().await.unwrap();
        let chain = again.chain();
        let out = chain.active(&id).is_none();
        let now = chain.epoch().unwrap().number;
        assert_eq!(now, epoch + u32::from(out), "out and a new epoch are one, after {steps} steps");
        assert_eq!(tablet.sync().await.is_err(), out, "after {steps} steps");
        for (record, meta) in &letters {
            let entry = listing.find(&record.to_string()).unwrap();
            assert_eq!((entry.epoch, &entry.meta), (now, meta), "after {steps} steps");
            let title = &meta.as_ref().unwrap().title;
            let number: u8 = title.trim_start_matches("Letter ").parse().unwrap();
            assert_eq!(show(&again, &record.to_string()).await.unwrap(), [number; 3], "after {steps} steps");
        }
        there = (!out).then_some(tablet);
        phone.sync().await.unwrap();
        outcomes.push((broken.is_ok(), out));
        if !life.is_over() {
            break;
        }
    }
    assert_eq!(outcomes.first(), Some(&(false, false)), "control: it breaks");
    assert_eq!(outcomes.last(), Some(&(true, true)), "control: and it works");
    let mended = outcomes.iter().filter(|outcome| **outcome == (false, true)).count();
    assert!(mended > 3, "control: some broke off behind the link: {outcomes:?}");
}
