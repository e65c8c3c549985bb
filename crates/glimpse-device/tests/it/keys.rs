//! No key seals twice: not when a publication breaks off and is repeated, not when a device is put back from a copy.

use std::collections::BTreeSet;
use std::rc::Rc;

use glimpse_core::Monotonic;
use glimpse_device::native::Machine;
use glimpse_device::surroundings::Surroundings;
use glimpse_device::{Device, Ground, Local};
use glimpse_wire::UnixMillis;

use crate::meddling::{Hurried, Meddling};
use crate::world::{PASSPHRASE, World, content, copy_folder};

/// h0 of everything that was uploaded, as often as it was. h0 has the salt of the version in it, and every key of the
/// version follows from that salt and a share that is drawn with it.
fn uploads(meddling: &Meddling) -> Vec<String> {
    let requests = meddling.requests.borrow();
    requests.iter().filter_map(|request| request.strip_prefix("PUT /v1/contents/")).map(str::to_owned).collect()
}

fn distinct(uploads: &[String]) -> usize {
    uploads.iter().collect::<BTreeSet<_>>().len()
}

/// Publishes once for each step at which it can break off, and once more.
async fn publish_through_faults(device: &Device, meddling: &Meddling) {
    for step in ["/v1/shares", "/v1/contents", "/v1/records"] {
        *meddling.lose.borrow_mut() = Some(step.to_owned());
        let attempt = device.add(content("Letter", &mut &b"one"[..], &mut |_| {})).await;
        if attempt.is_err() {
            device.add(content("Letter", &mut &b"another"[..], &mut |_| {})).await.unwrap();
        }
    }
    *meddling.lose.borrow_mut() = None;
}

#[tokio::test]
async fn t046_no_key_seals_twice_whatever_breaks_off_and_whatever_is_put_back() {
    let world = World::start().await;
    world.device("phone").await;
    let copy = world.home("copy");
    copy_folder(&world.home("phone"), &copy);
    let (ground, meddling) = world.meddled("phone");
    let ground = Ground { machine: Rc::new(Hurried::new(20)), ..ground };
    publish_through_faults(&Device::unlock(&ground, PASSPHRASE).await.unwrap(), &meddling).await;
    let first = uploads(&meddling);
    assert!(first.len() >= 4, "control: {first:?}");
    // The disk as it was before all of that.
    std::fs::remove_dir_all(world.home("phone")).unwrap();
    copy_folder(&copy, &world.home("phone"));
    // A copy is noticed by its counter; a sign-in that never happened before stands for one that the server forgot.
    std::fs::write(world.home("phone").join("counter.cbor"), glimpse_wire::encode(&1_000_u64)).unwrap();
    publish_through_faults(&Device::unlock(&ground, PASSPHRASE).await.unwrap(), &meddling).await;
    let all = uploads(&meddling);
    assert!(all.len() >= 2 * first.len() - 1, "control: {all:?}");
    assert_eq!(distinct(&all), all.len(), "{all:?}");
}

/// A machine that draws the same numbers each time it is asked.
struct Stuck(Machine);

impl Surroundings for Stuck {
    fn now(&self) -> UnixMillis {
        UnixMillis(1_790_000_000_000)
    }

    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    fn sleep(&self, millis: u64) -> Local<'_, ()> {
        self.0.sleep(millis)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

#[tokio::test]
async fn t046_control_with_numbers_that_repeat_a_key_would_seal_twice() {
    let world = World::start().await;
    world.device("phone").await;
    let (ground, meddling) = world.meddled("phone");
    let ground = Ground { machine: Rc::new(Stuck(Machine::new())), ..ground };
    let device = Device::unlock(&ground, PASSPHRASE).await.unwrap();
    for text in [&b"one"[..], &b"two"[..]] {
        // It breaks off while the content is on its way; the key was used all the same.
        *meddling.lose.borrow_mut() = Some("/v1/contents".to_owned());
        assert!(device.add(content("Letter", &mut &*text, &mut |_| {})).await.is_err());
    }
    let all = uploads(&meddling);
    assert_eq!((all.len(), distinct(&all)), (2, 1), "{all:?}");
}
