//! A server that lies to a writer about an account with several devices.

use std::rc::Rc;

use glimpse_core::keys::WriterKeys;
use glimpse_device::card::ContactCard;
use glimpse_device::native::Network;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::transport::Transport;
use glimpse_device::writer::Writer;
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::ErrorCode;
use glimpse_wire::api::Chain;

use crate::family::linked;
use crate::meddling::{Hurried, Meddling};
use crate::world::{World, content};

/// A writer whose network meddles, and whose clock can be set.
fn writer(world: &World) -> (Writer, Rc<Meddling>, Rc<Hurried>) {
    let meddling = Meddling::new(Rc::new(Network::new(&world.server.url()).unwrap()));
    let hurried = Rc::new(Hurried::new(1));
    let keys = WriterKeys::generate(&mut SystemRng(&*hurried));
    let transport: Rc<dyn Transport> = meddling.clone();
    (Writer::new(transport, hurried.clone(), keys), meddling, hurried)
}

async fn write(writer: &Writer, card: &ContactCard) -> Result<(), DeviceError> {
    writer.write(card, content("Result", &mut &b"fine"[..], &mut |_| {})).await.map(|_| ())
}

/// The chain that the server gives for `device`'s account at this moment.
async fn chain_of(world: &World, device: &Device) -> Chain {
    let Ground { transport, .. } = world.ground("anybody");
    let path = format!("/v1/chains/{}", device.account());
    let response = transport.request(glimpse_device::api::bare(glimpse_device::transport::Method::Get, path)).await;
    glimpse_device::api::json(response.unwrap(), 1 << 22).await.unwrap()
}

fn serve(meddling: &Meddling, chain: Chain) {
    *meddling.rewrite.borrow_mut() =
        Some(Box::new(
            move |path, body| {
                if path.starts_with("/v1/chains/") { serde_json::to_vec(&chain).unwrap() } else { body }
            },
        ));
}

#[tokio::test]
async fn t021_an_account_key_of_the_servers_choice_is_not_sealed_to() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let early = phone.card();
    let old = chain_of(&world, &phone).await;
    let tablet = linked(&world, &phone, "tablet").await;
    phone.rotate().await.unwrap();
    tablet.sync().await.unwrap();
    let newest = chain_of(&world, &phone).await;
    let other = world.device("other").await;
    let (writer, meddling, _) = writer(&world);

    // Another user's key, in that user's own chain, and in this one's name.
    let foreign = chain_of(&world, &other).await;
    for account in [other.account(), phone.account()] {
        serve(&meddling, Chain { account, ..foreign.clone() });
        assert_eq!(write(&writer, &phone.card()).await.unwrap_err().code(), Some(ErrorCode::ChainForked));
    }
    // The server's own key in the newest link: a byte of the account key changed, under the signature as it was.
    let mut altered = newest.clone();
    let link = altered.links.last_mut().unwrap();
    let middle = link.0.len() / 2;
    link.0[middle] ^= 1;
    serve(&meddling, altered);
    assert_eq!(write(&writer, &phone.card()).await.unwrap_err().code(), Some(ErrorCode::ChainForked));
    // An old key: the chain as it was before, to somebody whose card is newer.
    serve(&meddling, old.clone());
    assert_eq!(write(&writer, &tablet.card()).await.unwrap_err().code(), Some(ErrorCode::ChainRolledBack));
    // Control: the chain as it is, by the card of either device, and by one from before.
    serve(&meddling, newest);
    for card in [phone.card(), tablet.card(), early] {
        write(&writer, &card).await.unwrap();
    }
}

#[tokio::test]
async fn t026_a_hidden_revocation_shows_by_the_age_of_the_newest_head() {
    let world = World::start().await;
    let phone = world.device("phone").await;
    let tablet = linked(&world, &phone, "tablet").await;
    tablet.sync().await.unwrap();
    let card = phone.card();
    let before = chain_of(&world, &phone).await;
    phone.revoke(&[tablet.keys().id()]).await.unwrap();
    let (writer, meddling, hurried) = writer(&world);
    // What no device says any more can be served for a day, and not longer.
    serve(&meddling, before.clone());
    hurried.offset.set(25 * 3_600_000);
    assert!(matches!(write(&writer, &card).await, Err(DeviceError::StaleHead)));
    // Nor do statements about another head vouch for the one that is served.
    let now = chain_of(&world, &phone).await;
    hurried.offset.set(0);
    let mut mixed = before;
    mixed.statements = now.statements.clone();
    serve(&meddling, mixed);
    let newer = phone.card();
    assert_eq!(write(&writer, &newer).await.unwrap_err().code(), Some(ErrorCode::ChainRolledBack));
    // Control: the chain with the revocation, freshly stated.
    serve(&meddling, now);
    write(&writer, &card).await.unwrap();
}
