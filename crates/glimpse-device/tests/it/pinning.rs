//! By which key a device knows the server, and from whom it has it.

use std::rc::Rc;

use glimpse_device::Device;
use glimpse_wire::api::Info;
use glimpse_wire::ids::SigningKeyBytes;

use crate::family::{Play, Shows, play};
use crate::meddling::Meddling;
use crate::world::{PASSPHRASE, World};

const OTHER: SigningKeyBytes = SigningKeyBytes([0x0f; 32]);

/// From here on the server says that it signs by another key.
fn lies(meddling: &Meddling) {
    *meddling.rewrite.borrow_mut() = Some(Box::new(|path, body| {
        if path != "/v1/info" {
            return body;
        }
        let mut info: Info = serde_json::from_slice(&body).unwrap();
        info.signing_key = OTHER;
        serde_json::to_vec(&info).unwrap()
    }));
}

/// The key by which a home knows the server.
fn known(world: &World, name: &str) -> Option<SigningKeyBytes> {
    let bytes = std::fs::read(world.home(name).join("server.cbor")).ok()?;
    Some(glimpse_wire::decode(&bytes, bytes.len()).unwrap())
}

#[tokio::test]
async fn t065_a_new_device_knows_the_server_by_the_accounts_key_whatever_the_server_says() {
    let world = World::unthrottled().await;
    let phone = world.device("phone").await;
    let own = known(&world, "phone");
    assert!(own.is_some_and(|key| key != OTHER));
    for shows in [Shows::Adder, Shows::Joiner] {
        let name = format!("tablet {shows:?}");
        let (ground, meddling) = world.meddled(&name);
        lies(&meddling);
        let play_of = Play { shows, name: &name, ..Play::default() };
        let warned = Rc::clone(&play_of.warned);
        let (added, joined) = play(&phone, &ground, play_of).await;
        assert!(added.unwrap().told);
        drop(joined.unwrap());
        assert_eq!(known(&world, &name), own);
        assert!(warned.get());
    }
    // Control: an honest server, and no warning.
    let honest = Play { name: "honest", ..Play::default() };
    let warned = Rc::clone(&honest.warned);
    let (_, joined) = play(&phone, &world.ground("honest"), honest).await;
    joined.unwrap();
    assert_eq!((known(&world, "honest"), warned.get()), (own, false));
    // Control: one that begins an account meets the server by itself, and takes its word.
    let (ground, meddling) = world.meddled("first");
    lies(&meddling);
    Device::create(ground, "Mara", PASSPHRASE).await.unwrap();
    assert_eq!(known(&world, "first"), Some(OTHER));
}

#[tokio::test]
async fn what_a_linking_that_came_to_nothing_left_says_nothing_of_the_server() {
    let world = World::unthrottled().await;
    let phone = world.device("phone").await;
    let own = known(&world, "phone");
    // The joiner signed, and the adder was gone: another account's word of the server lies in this home.
    std::fs::create_dir_all(world.home("tablet")).unwrap();
    std::fs::write(world.home("tablet").join("server.cbor"), glimpse_wire::encode(&OTHER)).unwrap();
    let founded = Device::create(world.ground("tablet"), "Mara", PASSPHRASE).await.unwrap();
    assert_ne!(founded.account(), phone.account());
    assert_eq!(known(&world, "tablet"), own);
}
