//! The figures behind `cargo xtask bench` that show how the cost of linking and revoking a device grows with records: both
//! are told for an account with few and one with many.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints figures, and fails where it cannot"
)]
#![expect(dead_code, reason = "what is shared with the tests can do more than is measured")]

#[path = "../tests/it/family.rs"]
mod family;
#[path = "../tests/it/meddling.rs"]
mod meddling;
#[path = "../tests/it/world.rs"]
mod world;

use std::time::Instant;

use glimpse_core::record::{Author, Draft, Place, Recipient};
use glimpse_core::secret::ServerShare;
use glimpse_device::Device;
use glimpse_device::native::Machine;
use glimpse_device::surroundings::SystemRng;
use glimpse_wire::{Hash, UnixMillis};

use crate::family::{Play, play};
use crate::world::{PASSPHRASE, World, meta};

/// How often each figure is taken; the median is told.
const SAMPLES: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let many = if std::env::args().any(|argument| argument == "--quick") { 2_000 } else { 100_000 };
    let few = figures(10).await;
    let lots = figures(many).await;
    tell("link-device", &few, &lots, |figures| figures.link);
    tell("revoke-device", &few, &lots, |figures| figures.revoke);
    tell("bytes-to-link", &few, &lots, |figures| figures.bytes);
}

struct Figures {
    records: usize,
    /// Milliseconds, both ends, from the typed code to the seed on the new device's disk.
    link: f64,
    /// Milliseconds, from the act to the server's answer.
    revoke: f64,
    /// Bytes of bodies that the adder sends to the server.
    bytes: f64,
}

fn tell(figure: &str, few: &Figures, many: &Figures, of: impl Fn(&Figures) -> f64) {
    for figures in [few, many] {
        let unit = if figure.starts_with("bytes") { "bytes" } else { "ms" };
        println!(
            r#"{{"figure":"{figure}","value":{:.1},"unit":"{unit}","records":{},"ratio_to_few":{:.2}}}"#,
            of(figures),
            figures.records,
            of(figures) / of(few)
        );
    }
}

async fn figures(records: usize) -> Figures {
    eprintln!("   {records} records");
    let mut world = World::start().await;
    let phone = world.device("phone").await;
    fill(&mut world, &phone, records).await;
    let (ground, meddling) = world.meddled("phone");
    let phone = Device::unlock(&ground, PASSPHRASE).await.unwrap();
    // The phone has looked at its records before, as phones have.
    assert_eq!(phone.listing().await.unwrap().len(), records);
    let (mut link, mut revoke, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        let name = format!("tablet-{sample}");
        meddling.bodies.borrow_mut().clear();
        let began = Instant::now();
        let (added, joined) = play(&phone, &world.ground(&name), Play { name: &name, ..Play::default() }).await;
        link.push(began.elapsed().as_secs_f64() * 1_000.0);
        bytes.push(meddling.bodies.borrow().iter().map(Vec::len).sum::<usize>() as f64);
        let (added, _tablet) = (added.unwrap(), joined.unwrap());
        let began = Instant::now();
        phone.revoke(&[added.device]).await.unwrap();
        revoke.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Figures { records, link: median(link), revoke: median(revoke), bytes: median(bytes) }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Puts records into the server's database, as if the device had published each. Their content is not there: neither
/// linking nor revoking asks for it.
async fn fill(world: &mut World, device: &Device, records: usize) {
    let machine = Machine::new();
    let rng = &mut SystemRng(&machine);
    let chain = device.chain();
    let recipient = Recipient {
        account: device.account(),
        epoch: 1,
        key: glimpse_core::kem::KemPublic::parse(chain.epoch().unwrap().account_key.as_slice()).unwrap(),
        head: chain.head(),
    };
    world.server.stop().await;
    let file = world.server.data().join("main.db");
    let pool = sqlx::sqlite::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    for seq in 1..=records {
        let (author, place) = (Author::Device(device.keys()), Place::new_record(rng));
        let draft = Draft::new(&recipient, place, author, UnixMillis(1), 4, rng).unwrap();
        let h0 = draft.header().h0();
        let share = ServerShare::from_wire(&Hash([1; 32]));
        let mut sealer = draft.seal(meta(&format!("Record {seq}")), 1, &share, &recipient, rng).unwrap();
        sealer.push(b"data", &mut |_| {}).unwrap();
        let envelope = sealer.finish(author, &mut |_| {}).unwrap();
        let (account, h1) = (device.account(), envelope.h1());
        sqlx::query(
            "INSERT INTO records (account, record, seq, state, version, h0, h1, body) VALUES (?, ?, ?, 1, 1, ?, ?, ?)",
        )
        .bind(account.0.as_slice())
        .bind(place.record.0.as_slice())
        .bind(seq as i64)
        .bind(h0.0.as_slice())
        .bind(h1.0.as_slice())
        .bind(envelope.to_bytes())
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("INSERT INTO changes (account, seq, record, version, h1, kind) VALUES (?, ?, ?, 1, ?, 1)")
            .bind(account.0.as_slice())
            .bind(seq as i64)
            .bind(place.record.0.as_slice())
            .bind(h1.0.as_slice())
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    sqlx::query("UPDATE accounts SET seq = ?, records = ?")
        .bind(records as i64)
        .bind(records as i64)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    pool.close().await;
    world.server.resume().await.unwrap();
}
