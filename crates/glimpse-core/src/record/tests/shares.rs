//! Records in the hands of somebody who lacks a half of what opens them, or has another's.

use super::*;

/// Whether two halves make the key that the envelope commits to.
fn fits(envelope: &Envelope, client: &[u8], server: &[u8]) -> bool {
    let client = ClientShare(Secret::from_slice(client).unwrap());
    let server = ServerShare(Secret::from_slice(server).unwrap());
    derive::content_key(&envelope.header.salt, &client, &server).fits(&envelope.commit_content)
}

/// What everybody holds who has the envelope: 32 bytes each, to try in the place of a half that one lacks.
fn public(envelope: &Envelope) -> Vec<Vec<u8>> {
    let header = &envelope.header;
    let hashes =
        [header.h0(), Hash(header.salt.0), envelope.commit_content, envelope.commit_meta, envelope.content_root];
    let wrapped = envelope.wrapped.as_slice();
    let parts = [&[0; 32], &wrapped[..32], &wrapped[1120..1152]];
    hashes.iter().map(|hash| hash.0.to_vec()).chain(parts.map(<[u8]>::to_vec)).collect()
}

#[test]
fn t070_the_servers_share_alone_opens_nothing() {
    let sealed = seal(&account(1), 2);
    for other in public(&sealed.envelope).into_iter().chain([SHARE.0.to_vec()]) {
        assert!(!fits(&sealed.envelope, &other, &SHARE.0), "{}", hex::encode(other));
    }
    assert!(fits(&sealed.envelope, sealed.client.0.expose_secret(), &SHARE.0), "control: with the client's it does");
}

#[test]
fn t071_the_clients_share_alone_opens_nothing() {
    let sealed = seal(&account(1), 2);
    let client = sealed.client.0.expose_secret().as_slice();
    for other in public(&sealed.envelope).into_iter().chain([client.to_vec()]) {
        assert!(!fits(&sealed.envelope, client, &other), "{}", hex::encode(other));
    }
    assert!(fits(&sealed.envelope, client, &SHARE.0), "control: with the server's it does");
}

#[test]
fn t073_a_share_for_one_version_opens_no_other() {
    let account = account(1);
    let shares = [Hash([3; 32]), Hash([4; 32]), Hash([5; 32])];
    let device = Author::Device(&account.device);
    let first = seal_as(device, &account, Place::new_record(&mut rng(1)), "A", b"one", shares[0], 2);
    let second = seal_as(device, &account, Place::after(&first.envelope), "A", b"two", shares[1], 3);
    let other = seal_as(device, &account, Place::new_record(&mut rng(4)), "B", b"six", shares[2], 5);
    for (index, sealed) in [&first, &second, &other].into_iter().enumerate() {
        let opened = open(&account, &sealed.envelope).unwrap();
        for (place, share) in shares.iter().enumerate() {
            // Its own share is the control.
            assert_eq!(opened.open_content(&server(*share)).is_ok(), index == place);
        }
    }
}

#[test]
fn t074_a_wrong_share_is_a_clean_error_before_any_chunk() {
    use chacha20::cipher::{KeyIvInit, StreamCipher};

    let account = account(1);
    let sealed = seal(&account, 2);
    let opened = open(&account, &sealed.envelope).unwrap();
    let wrong = server(Hash([0x55; 32]));
    assert_eq!(opened.open_content(&wrong).err(), Some(OpenError));
    assert!(opened.open_content(&server(SHARE)).is_ok(), "control");
    // Control: a cipher without commitment and tag gives garbage, and no error.
    let key = derive::content_key(&sealed.envelope.header.salt, &sealed.client, &wrong).key;
    let mut garbage = sealed.chunks.concat();
    chacha20::ChaCha20::new(key.expose_secret().into(), &[0; 12].into()).apply_keystream(&mut garbage);
    assert!(!garbage.windows(11).any(|window| window == b"Dear reader"));
}
