"""What is hashed and signed: the table of section 3.3, as far as a viewer or a check of the vectors needs it."""

from wire import H, b1, lp, n8

# The account (section 4).


def device_id(signing, kem):
    return lp("account/device-id", signing, kem)


def writer_id(signing):
    return lp("account/writer-id", signing)


def account_id(genesis_link):
    return lp("account/id", genesis_link)


def link_hash(link):
    return lp("chain/link", link)


def link_signature(link):
    return lp("chain/link-signature", link)


def wrap_hash(wrap):
    return lp("chain/wrap", wrap)


def seed_wrap_info(device, epoch, account_key):
    return lp("chain/seed-wrap", device, n8(epoch), account_key)


def older_seed_info(account, next_epoch, next_account_key):
    return lp("chain/older-seed", account, n8(next_epoch), next_account_key)


def reverse_signature(account, seq, previous, signing, kem, serial, adder, transcript):
    return lp("chain/reverse", account, n8(seq), previous, signing, kem, serial, adder, transcript)


def second_signature(account, seq, previous, act):
    return lp("chain/second", account, n8(seq), previous, H(lp("chain/act", act)))


def serial(number):
    return lp("account/serial", number)


def name_associated_data(account, device, epoch):
    return lp("account/name", account, device, n8(epoch))


def request_signature(origin, method, path, body_hash, account, device, counter):
    return lp("account/request", origin, method, path, body_hash, account, device, n8(counter))


def share_check(covered):
    return lp("recovery/share-check", covered)


# Records (section 5).


def h0(suite, account, record, version, previous, epoch, author, created, salt, size):
    return lp(
        "record/h0", b1(suite), account, record, n8(version), previous, n8(epoch), author, n8(created), salt, n8(size)
    )


def sealed_meta_hash(sealed_meta):
    return lp("record/sealed-meta", sealed_meta)


def h1(h0, kid, wrapped, commit_meta, commit_content, sealed_meta, content_root):
    hash_of_meta = H(sealed_meta_hash(sealed_meta))
    return lp("record/h1", h0, n8(kid), wrapped, commit_meta, commit_content, hash_of_meta, content_root)


def record_signature(h1, head_seq, head_hash):
    return lp("record/signature", h1, n8(head_seq), head_hash)


def log_leaf(record, version, h1, kind):
    return lp("record/log-leaf", record, n8(version), h1, b1(kind))


def checkpoint_hash(checkpoint):
    return lp("record/checkpoint-hash", checkpoint)


def share_wrap_info(h0):
    return lp("record/share-wrap", h0)


def record_share(record, version, h0, r):
    return lp("share/record", record, n8(version), h0, r)


def unit_share(session, unit, salt, r):
    return lp("share/unit", session, unit, salt, r)


# Pairing (section 6).


def offer_hash(offer):
    return lp("pairing/offer", offer)


def identity_commitment(identity):
    return lp("pairing/identity", identity)


def words_commitment(words_nonce):
    return lp("pairing/words-nonce", words_nonce)


def stretching_salt(offer):
    return lp("pairing/stretch", offer)


def side(letter, purpose, nameplate, offer, hello_core):
    return lp(f"pairing/side-{letter}", b1(purpose), nameplate, offer, hello_core)


def transcript(purpose, nameplate, offer, hello, answer):
    return lp("pairing/transcript", b1(purpose), nameplate, offer, hello, answer)


def session_id(transcript):
    return lp("pairing/session-id", transcript)


def confirm_a(transcript, words_nonce, sealed_introduction):
    return lp("pairing/confirm-a", transcript, words_nonce, sealed_introduction)


def confirm_b(transcript, c_a, sealed_identity):
    return lp("pairing/confirm-b", transcript, c_a, sealed_identity)


def introduction_signature(transcript, credential, case, reason):
    return lp("pairing/introduction", transcript, credential, case, reason)


# Agents (section 6.7).


def presentation_signature(transcript, viewer, credential, case, reason):
    return lp("agent/presentation", transcript, viewer, credential, case, reason)


def asked(transcript, introduction, first, second):
    return lp("agent/asked", transcript, introduction, first, second)


def note_info(organisation, session):
    return lp("agent/note", organisation, session)


def audit_key_hash(kem):
    return lp("organisation/audit-key", kem)


def enrolment(organisation, agent, key, passkey):
    return lp("agent/enrolment", organisation, agent, key, passkey)


# Linking (section 6.6).


def linking_associated_data(transcript, counter):
    return lp("linking/aad", transcript, n8(counter))


def invitation_signature(transcript, joiner, account, seq, previous, adder, serial, at, held, server):
    return lp("linking/invitation", transcript, joiner, account, n8(seq), previous, adder, serial, n8(at), n8(held), server)


# The session (section 7).


def viewer_kem_hash(kem):
    return lp("session/viewer-kem", kem)


def grant_sealed_hash(enc, ciphertext):
    return lp("session/grant-sealed", enc, ciphertext)


def grant_signature(transcript, viewer_kem_hash, terms, grant_sealed_hash):
    return lp("session/grant", transcript, viewer_kem_hash, terms, grant_sealed_hash)


def terms_hash(terms):
    return lp("session/terms", terms)


def unit_associated_data(session, unit, salt, terms_hash):
    return lp("session/unit-aad", session, unit, salt, terms_hash)


def receipt_hash(receipt):
    return lp("session/receipt", receipt)


def live_associated_data(session, sender, counter):
    return lp("live/aad", session, b1(sender), n8(counter))


def statement(label, encoded):
    """What a signed statement's signature is over; the label tells the kind."""
    return lp(label, encoded)
