//! What needs no key: framing, sizes, codes, words.

use glimpse_core::code::{PairingCode, group};
use glimpse_wire::account::{DevicePublic, Head};
use glimpse_wire::ids::Bytes;
use glimpse_wire::pairing::Purpose;
use glimpse_wire::preimage::{self, Preimage, StatementKind};
use glimpse_wire::session::Side;
use glimpse_wire::size::{chunks, padded, padme, sealed};
use glimpse_wire::{
    AccountId, AgentId, DeviceId, Hash, RecordId, Salt, SessionId, SigningKeyBytes, UnitId, UnixMillis,
};
use sha2::{Digest, Sha256};

use crate::sheet::Sheet;

pub(crate) fn preimages() -> Sheet {
    let entry = |name: &str, bytes: Vec<u8>| Sheet::default().text("name", name).bytes("preimage", bytes);
    let hashed = |name: &str, hash: [u8; 32]| Sheet::default().text("name", name).bytes("hash", hash);
    let (h1, h2) = (Hash([0x11; 32]), Hash([0x22; 32]));
    let head = Head { seq: 7, hash: h2 };
    let joining = DevicePublic {
        signing: SigningKeyBytes([0x11; 32]),
        kem: Bytes(b"kem key".to_vec()),
        serial: Bytes(b"serial".to_vec()),
    };
    let mut entries = vec![
        entry("lp(\"l\", \"ab\", \"c\")", Preimage::new("l").part(b"ab").part(b"c").into_bytes()),
        entry("lp(\"l\", \"\", number 258)", Preimage::new("l").part(b"").number(258).into_bytes()),
        entry("unlabelled lp(\"417\", \"203918\")", Preimage::unlabelled().part(b"417").part(b"203918").into_bytes()),
        hashed("device id", preimage::device_id(&SigningKeyBytes([0x11; 32]), b"kem key").0),
        hashed("writer id", preimage::writer_id(&SigningKeyBytes([0x11; 32])).0),
        hashed("account id", preimage::account_id(b"link").0),
        hashed("link hash", preimage::link_hash(b"link").0),
        entry("link signature", preimage::link_signature(b"link")),
        hashed("wrap hash", preimage::wrap_hash(b"wrap").0),
        entry("seed wrap info", preimage::seed_wrap_info(&DeviceId([0x11; 32]), 1, b"account key")),
        entry("older seed info", preimage::older_seed_info(&AccountId([0x88; 32]), 2, b"account key")),
        entry(
            "reverse signature",
            preimage::reverse_signature(&AccountId([0x88; 32]), &head, &joining, &DeviceId([0x11; 32]), &h1),
        ),
        entry("second signature", preimage::second_signature(&AccountId([0x88; 32]), &head, b"act")),
        entry(
            "request signature",
            preimage::request_signature(
                "https://glimpse.example",
                "POST",
                "/v1/shares",
                &h1.0,
                &AccountId([0x88; 32]),
                &DeviceId([0x11; 32]),
                258,
            ),
        ),
        entry("serial", preimage::serial("SN-1")),
        hashed("name aad", preimage::name_aad(&AccountId([0x88; 32]), &DeviceId([0x11; 32]), 2).0),
        entry("linking aad", preimage::linking_aad(&h1, 258)),
        entry(
            "invitation",
            preimage::invitation(
                &h1,
                &DeviceId([0x11; 32]),
                &AccountId([0x88; 32]),
                &head,
                &DeviceId([0x22; 32]),
                b"serial",
                UnixMillis(258),
                1,
                &SigningKeyBytes([0x44; 32]),
            ),
        ),
        entry("log leaf", preimage::log_leaf(&RecordId([0x33; 16]), 2, &h1, 1)),
        hashed("checkpoint hash", preimage::checkpoint_hash(b"checkpoint").0),
        entry("record signature", preimage::record_signature(&h1, &head)),
        entry("share wrap info", preimage::share_wrap_info(&h1)),
        entry("server share of a record", preimage::record_share(&RecordId([0x33; 16]), 2, &h1, &[0x44; 32])),
        entry(
            "server share of a unit",
            preimage::unit_share(&SessionId([0x55; 16]), &UnitId([0x66; 16]), &Salt([0x77; 32]), &[0x44; 32]),
        ),
        hashed("offer hash", preimage::offer_hash(b"offer").0),
        hashed("identity commitment", preimage::identity_commitment(b"identity").0),
        hashed("words commitment", preimage::words_commitment(&h1).0),
        hashed("stretch salt", preimage::stretch_salt(b"offer").0),
        hashed("idA", preimage::side_id(Side::Viewer, Purpose::View, "417", b"offer", b"core").0),
        hashed("idB", preimage::side_id(Side::Device, Purpose::View, "417", b"offer", b"core").0),
        hashed("transcript", preimage::transcript(Purpose::View, "417", b"offer", b"hello", b"answer").0),
        Sheet::default().text("name", "session id").bytes("hash", preimage::session_id(&h1).0),
        entry("cA", preimage::confirm_a(&h1, &h2, b"sealed")),
        entry("cB", preimage::confirm_b(&h1, &h2, b"sealed")),
        entry("introduction", preimage::introduction(&h1, b"credential", "case", "reason")),
        entry(
            "presentation",
            preimage::presentation(&h1, &SigningKeyBytes([0x22; 32]), b"credential", "case", "reason"),
        ),
        hashed("asked", preimage::asked(&h1, b"introduction", ["abandon", "zoo"]).0),
        entry("note info", preimage::note_info(&SigningKeyBytes([0x11; 32]), &SessionId([0x55; 16]))),
        hashed("audit key hash", preimage::audit_key_hash(b"kem key").0),
        entry(
            "enrolment",
            preimage::enrolment(
                &SigningKeyBytes([0x11; 32]),
                &AgentId([0x55; 16]),
                &SigningKeyBytes([0x22; 32]),
                b"passkey",
            ),
        ),
        hashed("viewer KEM key hash", preimage::viewer_kem_hash(b"kem key").0),
        hashed("grant sealed hash", preimage::grant_sealed_hash(b"enc", b"ciphertext").0),
        entry("grant signature", preimage::grant_signature(&h1, &h2, b"terms", &h1)),
        hashed("terms hash", preimage::terms_hash(b"terms").0),
        hashed("unit aad", preimage::unit_aad(&SessionId([0x55; 16]), &UnitId([0x66; 16]), &Salt([0x77; 32]), &h1).0),
        hashed("receipt hash", preimage::receipt_hash(b"receipt").0),
        Sheet::default()
            .text("name", "live aad, device, 258")
            .bytes("preimage", preimage::live_aad(&SessionId([0x55; 16]), Side::Device, 258)),
    ];
    for kind in StatementKind::ALL {
        entries
            .push(entry(&format!("statement signature, {kind:?}"), preimage::statement_signature(kind, b"statement")));
    }
    Sheet::about(
        "What is hashed and signed, over stand-ins: 0x11… for a first hash or key, 0x22… for a second, 0x33… a record, \
         0x44… r, 0x55… a session, 0x66… a unit, 0x77… a salt, 0x88… an account; texts stand for themselves.",
    )
    .list("preimages", entries)
}

pub(crate) fn sizes() -> Sheet {
    let lengths = [
        0,
        1,
        503,
        504,
        505,
        536,
        537,
        1_000,
        1_016,
        1_017,
        4_096,
        9_000,
        65_527,
        65_528,
        65_529,
        100_000,
        131_064,
        131_065,
        1_000_000,
        16_777_216,
        67_108_864,
        4_294_967_296,
    ];
    let entry = |length: u64| {
        let size = padded(length);
        Sheet::default()
            .number("content", length)
            .number("padded", size)
            .number("chunks", chunks(size))
            .number("sealed", sealed(size))
    };
    let rounded = [512, 513, 544, 545, 1_023, 1_024, 1_025, 9_999, 65_537, 1_000_000_007];
    let padme_entry = |length: u64| Sheet::default().number("length", length).number("padme", padme(length));
    Sheet::about("Padded size, number of chunks and sealed size of contents, in bytes; and Padmé by itself.")
        .list("contents", lengths.map(entry).into())
        .list("padme", rounded.map(padme_entry).into())
}

pub(crate) fn codes() -> Sheet {
    let shown = |typed: &str, purpose: Purpose| {
        let code = PairingCode::parse(typed, purpose).unwrap();
        Sheet::default()
            .text("typed", typed)
            .number("purpose", purpose.byte().into())
            .text("nameplate", code.nameplate().as_str())
            .text("shown", &code.to_groups())
    };
    let with_check = |digits: &str, purpose: Purpose| {
        let typed = (0..10).map(|check| format!("{digits}{check}"));
        typed.into_iter().find(|typed| PairingCode::parse(typed, purpose).is_ok()).unwrap()
    };
    let mut entries = Vec::new();
    for (digits, purpose) in [
        ("417203918", Purpose::View),
        ("000000000", Purpose::View),
        ("799999999", Purpose::Agent),
        ("81234203918", Purpose::View),
        ("9123456203918", Purpose::View),
        ("417203918203918", Purpose::Link),
        ("9123456203918203918", Purpose::Link),
        ("417141592653589793238462643383279502884197", Purpose::Link),
    ] {
        entries.push(shown(&with_check(digits, purpose), purpose));
    }
    let plain = with_check("417203918", Purpose::View);
    let arabic: String = plain.chars().map(|digit| char::from_u32(u32::from(digit) + 0x0630).unwrap()).collect();
    for typed in [
        group(&plain),
        format!("{}-{}", &plain[..5], &plain[5..]),
        arabic,
        format!("Your code is {}, good for 2 minutes.", group(&plain)),
    ] {
        entries.push(shown(&typed, Purpose::View));
    }
    Sheet::about("Codes as they are typed and as they are shown; the last digit is Damm's check digit over all others.")
        .list("codes", entries)
}

/// The list of words that core holds.
const WORDS: &str = include_str!("../../src/words.txt");

pub(crate) fn words() -> Sheet {
    let entry = |bits: [u8; 3]| Sheet::default().bytes("bits", bits).text("words", &two_words(bits));
    let bits = [[0, 0, 0], [0xFF, 0xFF, 0xFF], [0, 0x20, 0x04], [0, 0, 3], [0x12, 0x34, 0x56]];
    Sheet::about("Check words from three derived bytes: the top 22 bits, eleven for each word. The list is that of BIP-0039, English, a line a word.")
        .bytes("list_sha256", Sha256::digest(WORDS))
        .list("examples", bits.map(entry).into())
}

/// For the pairing's vector.
pub(crate) fn two_words(bits: [u8; 3]) -> String {
    let list: Vec<&str> = WORDS.lines().collect();
    let number = u32::from_be_bytes([0, bits[0], bits[1], bits[2]]);
    let word = |shift: u32| list[usize::try_from((number >> shift) & 0x7FF).unwrap()];
    format!("{} {}", word(13), word(2))
}
