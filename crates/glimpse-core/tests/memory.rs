//! What an Offer from a hostile server makes a viewer allocate: nothing like the memory of the stretching, whose cost is
//! a constant and no field of any message (attack 14).
#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed, and says where")]

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20::ChaCha20Rng;
use glimpse_core::Monotonic;
use glimpse_core::account::NewAccount;
use glimpse_core::code::{Nameplate, PairingCode};
use glimpse_core::pairing::device::{Opened, Setup, open};
use glimpse_core::pairing::viewer::{Claims, ExpectOffer};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, Hash, MailboxId, UnixMillis};
use peak_alloc::PeakAlloc;
use rand_core::SeedableRng;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;
const MAILBOX: MailboxId = MailboxId([5; 16]);

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The most memory that `act` takes beside what was there, in bytes, and what it gives.
fn peak<T>(act: impl FnOnce() -> T) -> (usize, T) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let outcome = act();
    (MEMORY.peak_usage().saturating_sub(before), outcome)
}

fn opened() -> Opened {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let setup = Setup {
        purpose: Purpose::View,
        mailbox: MAILBOX,
        nameplate: Nameplate::parse("417").unwrap(),
        server_nonce: Hash([9; 32]),
        expires: UnixMillis(1_700_000_120_000),
        deadline: Monotonic(120_000),
        account: account.chain.account(),
        signing: account.device.signing().public(),
        kem: account.device.kem().public().to_wire(),
        head: account.chain.head(),
        epoch: 1,
        name: String::new(),
    };
    open(setup, &mut rng(2)).unwrap()
}

/// What a viewer that typed the code makes of an Offer.
fn read(code: &PairingCode, offer: &[u8]) -> Result<(), ErrorCode> {
    let typed = PairingCode::parse(&code.to_groups(), Purpose::View).unwrap();
    let viewer = ExpectOffer::new(typed, Purpose::View);
    viewer.receive(MAILBOX, offer, Claims::default(), &mut rng(3)).map(|_sent| ())
}

/// A viewer that read the cost from the Offer, and that is the control: `m` in KiB.
fn naive(m: u32, salt: &[u8]) -> Option<[u8; 32]> {
    let params = Params::new(m, 1, 1, Some(32)).ok()?;
    let mut out = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(b"203918", salt, &mut out).ok()?;
    Some(out)
}

/// One test, because a second one beside it would be measured too.
#[test]
fn t014_an_offer_with_costs_of_its_own_costs_nothing() {
    let Opened { offer, code, .. } = opened();
    let with = |head: u8, tail: &[u8]| {
        let mut hostile = offer.clone();
        let (first, _) = hostile.split_first_mut().unwrap();
        *first = head;
        hostile.extend_from_slice(tail);
        hostile
    };
    // 4 GiB of memory, no pass, a salt of one byte: as three more elements, one by one, as trailing bytes, and as lengths
    // that the bytes behind them do not have.
    let hostile: [(&str, Vec<u8>); 7] = [
        ("memory, passes and salt", with(0x8A, &[0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x41, 0x00])),
        ("memory", with(0x88, &[0x1A, 0xFF, 0xFF, 0xFF, 0xFF])),
        ("no pass", with(0x88, &[0x00])),
        ("a salt of one byte", with(0x88, &[0x41, 0x00])),
        ("behind the message", with(0x87, &[0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x41, 0x00])),
        ("a salt of 4 GiB that is not there", with(0x88, &[0x5A, 0xFF, 0xFF, 0xFF, 0xFF])),
        ("an array of four billion", [&[0x9A, 0xFF, 0xFF, 0xFF, 0xFF], offer.get(1..).unwrap()].concat()),
    ];
    for (name, hostile) in hostile {
        let (bytes, outcome) = peak(|| read(&code, &hostile));
        assert_eq!(outcome, Err(ErrorCode::Malformed), "{name}");
        assert!(bytes < MIB, "{name}: {bytes}, and nothing was stretched");
    }
    // Controls: an honest run takes the 7 MiB of its constant, and no more than that and a little; a viewer that did as the
    // Offer says would take what it says.
    let (bytes, outcome) = peak(|| read(&code, &offer));
    assert_eq!(outcome, Ok(()));
    assert!((7 * MIB..16 * MIB).contains(&bytes), "{bytes}");
    let (bytes, outcome) = peak(|| naive(64 * 1024, &[7; 32]));
    assert!(outcome.is_some() && bytes >= 64 * MIB, "{bytes}");
}
