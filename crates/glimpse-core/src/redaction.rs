//! No secret is printed. Each type that holds one is printed in both forms of `Debug`, and the print is searched for
//! the secret in the ways in which bytes are written.

use core::fmt::Debug;

use base64ct::{Base64UrlUnpadded, Encoding};
use glimpse_wire::linking::SealedSeed;
use glimpse_wire::pairing::{BlobKey, GrantBody, GrantUnit, Purpose};
use glimpse_wire::{Hash, Salt, UnitId, UnixMillis};

use crate::account::NewAccount;
use crate::code::{CodeSecret, Nameplate, PairingCode};
use crate::derive;
use crate::kem::KemSecret;
use crate::keys::{AccountSeed, DeviceKeys, Signing, WriterKeys};
use crate::linking;
use crate::linking::tests::{Shows, world as linking_world};
use crate::pairing::tests::{MAILBOX, NOW, claims, confirmed, counted, ends};
use crate::pairing::viewer::Asking;
use crate::record::{Author, Draft, Place};
use crate::recovery::{KitKeys, KitSecret, Page, Plan, RecoveryKit, Share};
use crate::secret::{ClientShare, Secret, ServerShare};
use crate::session::device::{Decision, LentUnit};
use crate::session::tests::{meta, recipient, session, version};
use crate::stream::{ContentOpener, ContentSealer};
use crate::testing::{assert_not_impl, rng};
use crate::vault::DeviceVault;
use crate::viewer::{Content, HttpRequest, Input, Output};

/// Every byte of the secrets in these tests: 0xC5 is 197 in decimal, and `xcXF` in base64.
const BYTE: u8 = 0xC5;

fn secret() -> Secret<32> {
    Secret::fill_with(|own| own.fill(BYTE))
}

/// Whether `printed` shows three bytes of `secret` in a row: as hex, as a list of numbers, as base64, or as text.
fn shows(printed: &str, secret: &[u8]) -> bool {
    let squeezed: String = printed.chars().filter(|character| !character.is_whitespace()).collect();
    let lower = squeezed.to_lowercase();
    secret.windows(3).any(|part| {
        let numbers = part.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
        let text = core::str::from_utf8(part).is_ok_and(|text| squeezed.contains(text));
        lower.contains(&hex::encode(part)) || squeezed.contains(&numbers) || text
    }) || Base64UrlUnpadded::encode_string(secret).get(..6).is_some_and(|start| squeezed.contains(start))
}

fn silent(thing: &impl Debug, secrets: &[&[u8]]) {
    for printed in [format!("{thing:?}"), format!("{thing:#?}")] {
        assert!(!printed.is_empty());
        for secret in secrets {
            assert!(!shows(&printed, secret), "{printed}");
        }
    }
}

#[test]
fn control_the_search_finds_what_a_derived_debug_prints() {
    #[derive(Debug)]
    struct Careless {
        #[expect(dead_code, reason = "printed")]
        secret: [u8; 32],
    }
    assert!(shows(&format!("{:?}", Careless { secret: [BYTE; 32] }), &[BYTE; 32]));
    assert!(shows(&format!("{:#?}", Careless { secret: [BYTE; 32] }), &[BYTE; 32]));
    assert!(shows(&format!("{:02X?}", [BYTE; 32]).replace(", ", ""), &[BYTE; 32]));
    assert!(shows(&Hash([BYTE; 32]).to_string(), &[BYTE; 32]));
    assert!(shows("PairingCode(417 203 918)", b"203918"));
    assert!(!shows("redacted", &[BYTE; 32]));
}

#[test]
fn keys_and_shares_print_nothing() {
    let bytes: &[u8] = &[BYTE; 32];
    silent(&secret(), &[bytes]);
    silent(&ClientShare(secret()), &[bytes]);
    silent(&ServerShare(secret()), &[bytes]);
    silent(&AccountSeed(secret()), &[bytes]);
    silent(&Signing::from_seed(&secret()), &[bytes]);
    silent(&DeviceKeys::from_seeds(&secret(), secret()), &[bytes]);
    silent(&WriterKeys::from_bytes(bytes).unwrap(), &[bytes]);
    silent(&KemSecret::from_seed(&secret()), &[bytes]);
    silent(&ContentSealer::new(secret(), Hash::ZERO, 10), &[bytes]);
    silent(&ContentOpener::new(secret(), Hash::ZERO, 512), &[bytes]);
    let vault = DeviceVault {
        keys: DeviceKeys::from_seeds(&secret(), secret()),
        seeds: vec![(1, std::sync::Arc::new(AccountSeed(secret())))],
    };
    silent(&vault, &[bytes]);
}

#[test]
fn a_recovery_kit_prints_none_of_its_shares() {
    silent(&KitSecret(secret()), &[&[BYTE; 32]]);
    let kit = RecoveryKit::generate(Plan::default(), &mut rng(1)).unwrap();
    for share in &kit.shares {
        let (words, letters) = (share.to_words().join(" "), share.to_letters());
        let secrets: [&[u8]; 3] = [share.value.expose_secret(), words.as_bytes(), letters.as_bytes()];
        silent(share, &secrets[..1]);
        silent(&kit, &secrets[..1]);
        let page = Page::new(share, glimpse_wire::AccountId([1; 32]), "https://glimpse.example", "today");
        for printed in [format!("{share:?}"), format!("{kit:#?}"), format!("{page:?}"), format!("{page:#?}")] {
            assert!(!printed.contains("GLIMPSE-KIT") && !printed.contains(&words[words.len() / 2..]), "{printed}");
            assert!(share.to_words().iter().skip(8).filter(|word| printed.contains(**word)).count() < 4, "{printed}");
        }
        silent(&page, &secrets[..1]);
    }
    let keys = KitKeys::of(&KitSecret(secret()));
    let (signing, kem) = (derive::kit_signing(&secret()), derive::kit_kem(&secret()));
    silent(&keys, &[&[BYTE; 32], signing.expose_secret(), kem.expose_secret()]);
    let error = Share::parse("wurst").unwrap_err();
    assert!(!format!("{error:?}{error}").contains("wurst"), "what was typed is not repeated");
}

#[test]
fn what_a_grant_seals_prints_nothing() {
    let share = || glimpse_wire::ids::Bytes(vec![BYTE; 32]);
    let unit = || GrantUnit { unit: UnitId([1; 16]), share: share(), meta: meta("Letter"), origin: 0, withheld: 0 };
    silent(&unit(), &[&[BYTE; 32], b"Letter"]);
    silent(&GrantBody { units: vec![unit()] }, &[&[BYTE; 32], b"Letter"]);
    silent(&BlobKey { key: share(), h0: Hash::ZERO, size: 512, root: Hash::ZERO }, &[&[BYTE; 32]]);
    silent(&share(), &[&[BYTE; 32]]);
}

#[test]
fn the_code_is_not_printed_by_anything_that_holds_it() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (opened, viewer) = ends(&account, 2);
    let digits: String = opened.code.to_groups().split(' ').collect();
    let secret: &[u8] = &digits.as_bytes()[3..9];
    silent(&opened, &[secret]);
    silent(&opened.code, &[secret]);
    silent(&viewer, &[secret]);
    let (viewer, hello) = viewer.receive(MAILBOX, &opened.offer, claims(), &mut rng(3)).unwrap();
    silent(&viewer, &[secret]);
    let (device, answer) = opened.state.receive(&hello, NOW, counted(), &mut rng(4)).unwrap();
    silent(&device, &[secret]);
    let (viewer, _) = viewer.receive(&answer, &Asking::default()).unwrap();
    silent(&viewer, &[secret]);
    let secret = CodeSecret::generate(Purpose::Link, &mut rng(5));
    silent(&secret, &[secret.expose_secret().as_bytes()]);
    let code = PairingCode::new(Nameplate::parse("417").unwrap(), CodeSecret::generate(Purpose::View, &mut rng(2)));
    silent(&code, &[code.secret.expose_secret().as_bytes()]);
}

#[test]
fn states_and_sessions_print_none_of_their_keys() {
    let account = NewAccount::generate(&mut rng(1)).unwrap();
    let (signing, kem) = account.device.seeds();
    let of_account: [&[u8]; 3] = [signing.expose_secret(), kem.expose_secret(), account.seed.0.expose_secret()];
    silent(&account, &of_account);
    let (device, viewer) = confirmed(&account, 2);
    silent(&device, &of_account);
    silent(&viewer, &of_account);
    let (record, _) = version(&account, meta("Letter"), b"Dear reader", &Hash([3; 32]));
    silent(&record, &of_account);
    let unit = LentUnit::of(&record, &mut rng(4)).unwrap();
    silent(&unit, &of_account);
    let words = device.words();
    silent(&device.approve(words, Decision::view(vec![unit], UnixMillis(1), 600_000), NOW).unwrap(), &of_account);
    let (mut device, mut viewer, id) = session(&account, 5);
    silent(&device.seal_unit(&id, Salt([1; 32]), &ServerShare(secret())).unwrap(), &[&[BYTE; 32]]);
    silent(&device, &of_account);
    silent(&viewer, &of_account);
    silent(&device.live().unwrap(), &of_account);
    silent(&viewer.live().unwrap(), &of_account);
    let rng = &mut rng(6);
    let recipient = recipient(&account);
    let author = Author::Device(&account.device);
    silent(&author, &of_account);
    let draft = Draft::new(&recipient, Place::new_record(rng), author, UnixMillis(5), 0, rng).unwrap();
    silent(&draft, &of_account);
    silent(&draft.seal(meta("Letter"), 1, &ServerShare(secret()), &recipient, rng).unwrap(), &[&[BYTE; 32]]);
}

#[test]
fn no_state_of_a_linking_prints_a_key_a_seed_or_its_code() {
    let sealed = SealedSeed { epoch: 1, seed: glimpse_wire::ids::Bytes(vec![BYTE; 32]) };
    silent(&sealed, &[&[BYTE; 32]]);
    let secret = CodeSecret::generate_for_qr(&mut rng(5));
    silent(&secret, &[secret.expose_secret().as_bytes()]);
    let code = PairingCode::new(Nameplate::parse("417").unwrap(), secret);
    silent(&code, &[code.secret.expose_secret().as_bytes()]);
    for shows in [Shows::Adder, Shows::Joiner] {
        let mut world = linking_world();
        let seed = *world.account.seed.0.expose_secret();
        let (signing, kem) = world.keys.seeds();
        let (of_adder, _) = world.account.device.seeds();
        let (joiner, kem) = (*signing.expose_secret(), *kem.expose_secret());
        let (adder, joiner_end) = world.paired(shows);
        // What the two ends have in common, as the ends themselves compute it.
        let of_pairing = adder.secrets();
        assert_eq!(of_pairing, joiner_end.secrets());
        let secrets: Vec<&[u8]> = [&seed, &joiner, &kem, of_adder.expose_secret()]
            .into_iter()
            .chain(&of_pairing)
            .map(<[u8; 32]>::as_slice)
            .collect();
        silent(&adder, &secrets);
        silent(&joiner_end, &secrets);
        world.walk(adder, joiner_end, &mut |state| {
            silent(&state, &secrets);
        });
    }
}

#[test]
fn what_goes_into_the_viewer_and_comes_out_prints_neither_code_nor_token_nor_content() {
    silent(&Input::Code("417 203 9186".to_owned()), &[b"203", b"9186"]);
    silent(&Input::HttpDone { id: 1, status: 200, body: vec![BYTE; 32] }, &[&[BYTE; 32]]);
    silent(&Input::SocketBytes(vec![BYTE; 32]), &[&[BYTE; 32]]);
    silent(&Input::AskRecord("the letter".to_owned()), &[b"letter"]);
    silent(&Output::SocketSend(vec![BYTE; 32]), &[&[BYTE; 32]]);
    let request = HttpRequest {
        id: 1,
        method: "POST",
        path: "/v1/claims".to_owned(),
        content_type: "",
        range: None,
        body: vec![BYTE; 32],
        bearer: Some(Hash([BYTE; 32])),
    };
    silent(&Output::Http(request), &[&[BYTE; 32]]);
    let bytes = zeroize::Zeroizing::new(vec![BYTE; 32]);
    silent(
        &Output::Content(Content { unit: UnitId([1; 16]), offset: 0, total: 32, bytes, last: true }),
        &[&[BYTE; 32]],
    );
}

#[test]
fn a_secret_cannot_be_copied_compared_shown_or_serialised() {
    assert_not_impl!(Secret<32>: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(ClientShare: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(ServerShare: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(AccountSeed: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(Signing: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(DeviceKeys: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(WriterKeys: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(KemSecret: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(CodeSecret: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(PairingCode: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(derive::CommittedKey: Clone, PartialEq, Debug, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(derive::PairingKeys: Clone, PartialEq, Debug, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(KitSecret: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(KitKeys: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(Share: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(Page: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(linking::Paired: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(linking::adder::LinkApproved: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(linking::joiner::Adopted: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
    assert_not_impl!(DeviceVault: Clone, PartialEq, core::fmt::Display, serde::Serialize, minicbor::Encode<()>);
}
