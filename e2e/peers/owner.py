"""A few lines of a device and of an owner: what the viewer's messages and the records of vectors/ are checked by."""

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

import preimages
from cipher import HpkeReceiver, Stream, XWingKey, padme, same, signed_by, unpad, unseal
from hpke import hkdf, mac
from pairing import CLAIM, HEAD, MESSAGE, NONCE
from session import META
from wire import H, Refused, array, decode, lp, many, octets, only, suite, uint

HELLO_CORE = array(
    "HelloCore",
    offer_hash=octets(32),
    kem=octets(1216),
    signing=octets(32),
    origin=CLAIM,
    build=CLAIM,
    program=CLAIM,
    nonce=octets(32),
    words_commitment=octets(32),
)
HELLO = array("Hello", tag=only(1), core=octets(most=MESSAGE), p_a=octets(33))
CONFIRM_A = array("ConfirmA", tag=only(3), c_a=octets(32), words_nonce=octets(32), sealed=octets(most=MESSAGE))
INTRODUCTION = array("Introduction", credential=octets(most=4096), case=CLAIM, reason=CLAIM, signature=octets(64))
HEADER = array(
    "Header",
    suite=suite,
    account=octets(32),
    record=octets(16),
    version=uint,
    previous=octets(32),
    epoch=uint,
    author=octets(32),
    created=uint,
    salt=octets(32),
    size=uint,
)
ENVELOPE = array(
    "Envelope",
    header=HEADER,
    kid=uint,
    wrapped=octets(1168),
    commit_meta=octets(32),
    sealed_meta=octets(most=16 * 1024),
    commit_content=octets(32),
    content_root=octets(32),
    head=HEAD,
    writer=octets(0, 32),
    signature=octets(64),
)
DEVICE_FIELDS = array("Device", signing=octets(32), kem=octets(1216), serial=octets(0, 32))
EPOCH = array(
    "Epoch",
    number=uint,
    account_key=octets(1216),
    wraps=many(array("Wrap", device=octets(32), hash=octets(32)), 33),
    older_seed=octets(0, 1168),
)
GENESIS = array(
    "Genesis",
    tag=only(1),
    random=octets(32),
    device=DEVICE_FIELDS,
    epoch=EPOCH,
    recovery=many(array("Recovery", signing=octets(32), kem=octets(1216)), 1),
)
LINK = array("Link", suite=suite, seq=uint, previous=octets(32), body=GENESIS, signer=octets(32))
SIGNED_LINK = array("SignedLink", link=octets(most=64 * 1024), signature=octets(64))

DECISION = array(
    "Decision",
    suite=suite,
    account=octets(32),
    record=octets(16),
    version=uint,
    h1=octets(32),
    writer=octets(32),
    at=uint,
    head=HEAD,
    device=octets(32),
)
SIGNED_DECISION = array("SignedDecision", statement=octets(most=4096), signature=octets(64))


def take_decision(raw, envelope, account, device_key, head):
    """Whether a device of the account, which has one device and one link, has approved this version (5.7)."""
    signed = decode(raw, SIGNED_DECISION, 4096)
    decision = decode(signed.statement, DECISION, 4096)
    header, writer = envelope.header, H(preimages.writer_id(envelope.writer))
    about = (header.account, header.record, header.version, h1_of(envelope), writer)
    said = (decision.account, decision.record, decision.version, decision.h1, decision.writer)
    by = (decision.device, tuple(decision.head)) == (account.device_id, head)
    if said != about or account.account_id != header.account or header.author != writer or not by:
        raise Refused("record-tampered", "a decision about something else")
    if not signed_by(device_key, signed.signature, preimages.statement("record/decision", signed.statement)):
        raise Refused("record-tampered", "the signature of a decision")
    return decision


def take_hello(raw, offer):
    hello = decode(raw, HELLO, MESSAGE)
    core = decode(hello.core, HELLO_CORE, MESSAGE)
    if core.offer_hash != H(preimages.offer_hash(offer)):
        raise Refused("malformed", "Hello for another Offer")
    try:
        MLKEM768PublicKey.from_public_bytes(core.kem[:1184])
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(core.kem[1184:]))
    except ValueError as why:
        raise Refused("malformed", "a KEM key") from why
    return hello, core


def take_confirm_a(raw, core, transcript, key_confirm, key_seal):
    """`core` is of the Hello that came before; the keys are those of the pairing."""
    confirm = decode(raw, CONFIRM_A, MESSAGE)
    expected = mac(
        key_confirm, preimages.confirm_a(transcript, confirm.words_nonce, confirm.sealed)
    )
    committed = H(preimages.words_commitment(confirm.words_nonce))
    if not same(expected, confirm.c_a) or committed != core.words_commitment:
        raise Refused("code-wrong", "cA")
    introduction = decode(unseal(key_seal, NONCE, confirm.sealed, transcript), INTRODUCTION, 8192)
    signed = preimages.introduction_signature(
        transcript, introduction.credential, introduction.case.encode(), introduction.reason.encode()
    )
    if not signed_by(core.signing, introduction.signature, signed):
        raise Refused("malformed", "the signature of the Introduction")


def h0_of(header):
    return H(preimages.h0(*header))


def h1_of(envelope):
    return H(
        preimages.h1(
            h0_of(envelope.header),
            envelope.kid,
            envelope.wrapped,
            envelope.commit_meta,
            envelope.commit_content,
            envelope.sealed_meta,
            envelope.content_root,
        )
    )


def open_envelope(raw, account_key_seed, device_signing_key, device_kem_key, limit=24 * 1024):
    """(envelope, client share, meta, whether it is signed as it should be)"""
    envelope = decode(raw, ENVELOPE, limit)
    header = envelope.header
    if padme(header.size) != header.size:
        raise Refused("malformed", "a size that no padding gives")
    h0 = h0_of(header)
    key = XWingKey(account_key_seed)
    share = HpkeReceiver(key, envelope.wrapped[:1120], preimages.share_wrap_info(h0)).open(envelope.wrapped[1120:], b"")
    both = hkdf(header.salt, lp("record/meta-key"), share, 64)
    if not same(both[32:], envelope.commit_meta):
        raise Refused("record-tampered", "commit_meta")
    meta = unpad(Stream(both[:32], len(envelope.sealed_meta) - 16, h0).open(envelope.sealed_meta))
    signer = envelope.writer or device_signing_key
    author = H(preimages.writer_id(signer) if envelope.writer else preimages.device_id(signer, device_kem_key))
    signed = author == header.author and signed_by(
        signer, envelope.signature, preimages.record_signature(h1_of(envelope), envelope.head.seq, envelope.head.hash)
    )
    return envelope, share, decode(meta, META, 16 * 1024), signed


def check_genesis(raw):
    signed = decode(raw, SIGNED_LINK, 128 * 1024)
    link = decode(signed.link, LINK, 64 * 1024)
    device = link.body.device
    if link.signer != H(preimages.device_id(device.signing, device.kem)):
        raise Refused("malformed", "a genesis link that another device signs")
    if not signed_by(device.signing, signed.signature, preimages.link_signature(signed.link)):
        raise Refused("signature", "a genesis link")
    return link
