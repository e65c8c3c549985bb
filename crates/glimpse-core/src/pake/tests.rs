//! What a hostile peer can send into a run, and what it gets for it. The crate by itself is the control: it takes all
//! of these (attacks 7 and 8).

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};

use super::*;
use crate::testing::rng;

const ID_A: Hash = Hash([0xA; 32]);
const ID_B: Hash = Hash([0xB; 32]);

fn password() -> Secret<32> {
    Secret::fill_with(|own| own.fill(7))
}

fn start(side: Side, seed: u64) -> (ExpectElement, [u8; MESSAGE]) {
    ExpectElement::start(side, &password(), &ID_A, &ID_B, &mut rng(seed))
}

/// The crate without the wrapper, on the same inputs and randomness as [`start`].
fn start_raw(side: Side, seed: u64) -> (Spake2<Ed25519Group>, Vec<u8>) {
    let password = Password::new(password().expose_secret());
    let (id_a, id_b) = (Identity::new(&ID_A.0), Identity::new(&ID_B.0));
    match side {
        Side::Viewer => Spake2::start_a_with_rng(&password, &id_a, &id_b, rng(seed)),
        Side::Device => Spake2::start_b_with_rng(&password, &id_a, &id_b, rng(seed)),
    }
}

fn side_byte(side: Side) -> u8 {
    match side {
        Side::Viewer => b'A',
        Side::Device => b'B',
    }
}

fn message(from: Side, point: [u8; 32]) -> [u8; MESSAGE] {
    let mut message = [side_byte(from); MESSAGE];
    message[1..].copy_from_slice(&point);
    message
}

/// What the wrapper says to `point` as the other side's message; and checks that the crate alone takes it.
fn offered(to: Side, point: [u8; 32]) -> Result<(), PakeError> {
    let theirs = message(to.other(), point);
    let (raw, _) = start_raw(to, 1);
    assert!(raw.finish(&theirs).is_ok(), "control: the crate alone takes {}", hex::encode(point));
    let (run, _) = start(to, 1);
    run.finish(&theirs).map(|_secret| ())
}

#[test]
fn two_ends_with_one_password_and_one_pair_of_ids_agree() {
    let (a, message_a) = start(Side::Viewer, 1);
    let (b, message_b) = start(Side::Device, 2);
    let ours = a.finish(&message_b).unwrap();
    let theirs = b.finish(&message_a).unwrap();
    assert!(ours.matches(theirs.expose_secret()));
}

#[test]
fn another_password_or_another_id_gives_another_key() {
    let key = |password: u8, id_a: u8, id_b: u8| {
        let (run, _) = ExpectElement::start(
            Side::Device,
            &Secret::fill_with(|own| own.fill(password)),
            &Hash([id_a; 32]),
            &Hash([id_b; 32]),
            &mut rng(2),
        );
        run.finish(&start(Side::Viewer, 1).1).unwrap()
    };
    let right = key(7, 0xA, 0xB);
    assert!(right.matches(key(7, 0xA, 0xB).expose_secret()), "control: the same inputs, the same key");
    for other in [key(8, 0xA, 0xB), key(7, 0xC, 0xB), key(7, 0xA, 0xC), key(7, 0xB, 0xA)] {
        assert!(!right.matches(other.expose_secret()));
    }
}

#[test]
fn t007_our_own_message_is_refused_whatever_its_side_byte() {
    for side in [Side::Viewer, Side::Device] {
        for byte in [side_byte(side), side_byte(side.other()), b'S', 0] {
            let (run, mut reflected) = start(side, 1);
            reflected[0] = byte;
            assert_eq!(run.finish(&reflected).err(), Some(PakeError::Reflected), "{side:?} {byte}");
        }
        // Control: with the side byte flipped the crate alone takes its own element back.
        let (raw, mut reflected) = start_raw(side, 1);
        reflected[0] = side_byte(side.other());
        assert!(raw.finish(&reflected).is_ok());
    }
}

#[test]
fn t007_a_message_for_the_other_role_is_refused() {
    for side in [Side::Viewer, Side::Device] {
        let (run, _) = start(side, 1);
        let (_, of_the_same_role) = start(side, 2);
        assert_eq!(run.finish(&of_the_same_role).err(), Some(PakeError::Side));
        // Control: the same element with the right byte is a message like any other.
        let (run, _) = start(side, 1);
        assert!(run.finish(&message(side.other(), of_the_same_role[1..].try_into().unwrap())).is_ok());
    }
}

#[test]
fn t008_points_of_small_order_are_refused() {
    for side in [Side::Viewer, Side::Device] {
        for point in EIGHT_TORSION {
            assert_eq!(offered(side, point.compress().to_bytes()), Err(PakeError::SmallOrder), "{side:?}");
        }
    }
}

#[test]
fn t008_points_of_mixed_order_are_refused() {
    for side in [Side::Viewer, Side::Device] {
        let (_, honest) = start(side.other(), 3);
        let honest = CompressedEdwardsY::from_slice(&honest[1..]).unwrap().decompress().unwrap();
        for torsion in EIGHT_TORSION.iter().filter(|point| !point.is_identity()) {
            for base in [ED25519_BASEPOINT_POINT, honest] {
                let mixed: EdwardsPoint = base + torsion;
                assert_eq!(offered(side, mixed.compress().to_bytes()), Err(PakeError::MixedOrder), "{side:?}");
            }
        }
        assert_eq!(offered(side, honest.compress().to_bytes()), Ok(()), "control: without the torsion it is taken");
    }
}

/// The encodings of y + p for y < 19, and the negative zeros: every way to write a point that is not the one way.
fn non_canonical() -> Vec<[u8; 32]> {
    let mut encodings = Vec::new();
    for low in 0xED..=0xFF {
        for top in [0x7F, 0xFF] {
            let mut encoding = [0xFF; 32];
            (encoding[0], encoding[31]) = (low, top);
            encodings.push(encoding);
        }
    }
    // x = 0 with the sign bit set: y = 1 and y = -1.
    let mut one = [0; 32];
    (one[0], one[31]) = (1, 0x80);
    let mut minus_one = [0xFF; 32];
    minus_one[0] = 0xEC;
    encodings.extend([one, minus_one]);
    encodings.retain(|encoding| CompressedEdwardsY(*encoding).decompress().is_some());
    encodings
}

#[test]
fn t008_non_canonical_encodings_are_refused() {
    let encodings = non_canonical();
    assert!(encodings.len() > 10, "the crate decompresses {} of them", encodings.len());
    let prime_order = encodings
        .iter()
        .filter(|encoding| CompressedEdwardsY(**encoding).decompress().is_some_and(|point| !point.is_small_order()));
    assert!(prime_order.count() > 0, "not only points of small order have a second encoding");
    for side in [Side::Viewer, Side::Device] {
        for encoding in &encodings {
            assert_eq!(offered(side, *encoding), Err(PakeError::NotCanonical), "{}", hex::encode(encoding));
        }
    }
}

#[test]
fn t008_what_is_no_point_and_what_has_another_length_is_refused() {
    for side in [Side::Viewer, Side::Device] {
        // y = 2 is on no point of the curve.
        let mut no_point = [0; 32];
        no_point[0] = 2;
        assert!(CompressedEdwardsY(no_point).decompress().is_none());
        let (run, _) = start(side, 1);
        assert_eq!(run.finish(&message(side.other(), no_point)).err(), Some(PakeError::NotCanonical));
        let (_, honest) = start(side.other(), 2);
        for length in [0, 1, 32, MESSAGE + 1] {
            let mut bytes = honest.to_vec();
            bytes.resize(length, 0);
            let (run, _) = start(side, 1);
            assert_eq!(run.finish(&bytes).err(), Some(PakeError::Length), "{length} bytes");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_message_is_refused_or_gives_another_key() {
    let (_, message_a) = start(Side::Viewer, 1);
    let (b, message_b) = start(Side::Device, 2);
    let right = b.finish(&message_a).unwrap();
    for bit in 0..MESSAGE * 8 {
        let mut flipped = message_b;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (a, _) = start(Side::Viewer, 1);
        if let Ok(other) = a.finish(&flipped) {
            assert!(!right.matches(other.expose_secret()), "bit {bit}");
        }
    }
    let (a, _) = start(Side::Viewer, 1);
    assert!(a.finish(&message_b).unwrap().matches(right.expose_secret()), "control: unchanged they agree");
}

#[test]
fn the_crate_computes_what_is_computed_by_hand() {
    use crate::testing::by_hand;
    use rand_core::Rng;

    let drawn = |seed| {
        let mut bytes = [0; 64];
        rng(seed).fill_bytes(&mut bytes);
        by_hand::scalar(&bytes)
    };
    let (a, message_a) = start(Side::Viewer, 1);
    let (b, message_b) = start(Side::Device, 2);
    let secret = password();
    let (x_element, y_element) = by_hand::unmasked(secret.expose_secret(), &message_a, &message_b);
    let (x, y) = (drawn(1), drawn(2));
    assert_eq!((x_element, y_element), (ED25519_BASEPOINT_POINT * x, ED25519_BASEPOINT_POINT * y));
    let shared = y_element * x;
    let output = by_hand::output(secret.expose_secret(), &ID_A, &ID_B, &message_a, &message_b, &shared);
    assert!(a.finish(&message_b).unwrap().matches(&output));
    assert!(b.finish(&message_a).unwrap().matches(&output));
}
