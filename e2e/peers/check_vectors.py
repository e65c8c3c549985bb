"""Every file of vectors/ against the viewer of this folder, and against a few lines of device and owner that stand here.

A vector is computed again from its inputs where the inputs are given, and offered to whoever would receive it where it must be refused.
"""

import hashlib
import json
import unittest
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite
from spake2 import SPAKE2_B

import preimages
from cipher import (
    HpkeReceiver,
    Stream,
    XWingKey,
    chunk_count,
    expand,
    extract,
    hkdf,
    key_and_commitment,
    leaf_hash,
    mac,
    merkle_root,
    pad,
    padme,
    same,
    seal_stream,
    sealed_length,
    signed_by,
    unpad,
    unseal,
)
from pairing import (
    CLAIM,
    HEAD,
    MESSAGE,
    NONCE,
    OFFER,
    VIEW,
    WORDS,
    Pairing,
    check_words,
    expect,
    read_message,
    read_offer,
    stretch,
)
from session import BLOB_LENGTH_MOST, META, OPENED, RECEIPT, TERMS, Receipts, Session
from typed_code import SECRET_DIGITS, find_code, grouped, read_code
from wire import H, Refused, array, decode, encode, lp, many, octets, only, parts, suite, uint

VECTORS = Path(__file__).resolve().parent.parent.parent / "vectors"


class File:
    """A file of vectors: hex as bytes, the rest as it is."""

    def __init__(self, name):
        self.json = json.loads((VECTORS / name).read_text())

    def __getattr__(self, name):
        value = self.json[name]
        return bytes.fromhex(value) if isinstance(value, str) else value


ACCOUNT, PAIRING, SESSION, RECEIPTS = (File(f"{name}.json") for name in ("account", "pairing", "session", "receipts"))

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
    wraps=many(array("Wrap", device=octets(32), hash=octets(32)), 16),
    previous_seed=octets(most=4096),
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


def fed(*draws):
    """Randomness that was written down, in the order in which it is drawn."""
    left = list(draws)

    def entropy(length):
        drawn = left.pop(0)
        assert len(drawn) == length
        return drawn

    return entropy


def viewer(confirmed=False, identified=False):
    """The viewer of pairing.json, as far as it came. python-spake2 reads its 64 random bytes big-endian."""
    core = decode(PAIRING.hello_core, HELLO_CORE, MESSAGE)
    pairing = Pairing(
        PAIRING.offer,
        mailbox(),
        PAIRING.json["nameplate"],
        PAIRING.json["secret"],
        core.program,
        core.origin,
        core.build,
        entropy=fed(
            PAIRING.viewer_kem_seed,
            PAIRING.viewer_signing_seed,
            PAIRING.viewer_nonce,
            PAIRING.words_nonce,
            PAIRING.viewer_scalar[::-1],
        ),
    )
    if confirmed or identified:
        assert pairing.confirm(PAIRING.answer) == PAIRING.confirm_a
    if identified:
        pairing.identify(PAIRING.confirm_b)
    return pairing


def mailbox():
    return decode(PAIRING.offer, OFFER, MESSAGE).mailbox


def receipts():
    terms = decode(SESSION.terms, TERMS, MESSAGE)
    kem = XWingKey(SESSION.viewer_kem_seed).public
    kem_hash = H(preimages.viewer_kem_hash(kem))
    return Receipts(SESSION.session, SESSION.transcript, kem_hash, SESSION.device_signing_key, terms.viewer)


# A few lines of a device and of an owner.


def take_hello(raw):
    hello = decode(raw, HELLO, MESSAGE)
    core = decode(hello.core, HELLO_CORE, MESSAGE)
    if core.offer_hash != H(preimages.offer_hash(PAIRING.offer)):
        raise Refused("malformed", "Hello for another Offer")
    try:
        MLKEM768PublicKey.from_public_bytes(core.kem[:1184])
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(core.kem[1184:]))
    except ValueError as why:
        raise Refused("malformed", "a KEM key") from why
    return hello, core


def take_confirm_a(raw):
    _, core = take_hello(PAIRING.hello)
    confirm = decode(raw, CONFIRM_A, MESSAGE)
    expected = mac(
        PAIRING.key_confirm_a, preimages.confirm_a(PAIRING.transcript, confirm.words_nonce, confirm.sealed)
    )
    committed = H(preimages.words_commitment(confirm.words_nonce))
    if not same(expected, confirm.c_a) or committed != core.words_commitment:
        raise Refused("code-wrong", "cA")
    introduction = decode(unseal(PAIRING.key_seal_a, NONCE, confirm.sealed, PAIRING.transcript), INTRODUCTION, 8192)
    signed = preimages.introduction_signature(
        PAIRING.transcript, introduction.credential, introduction.case.encode(), introduction.reason.encode()
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


def open_envelope(raw, account_key_seed, device_signing_key, limit=24 * 1024):
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
    author = (
        H(preimages.writer_id(signer)) if envelope.writer else H(preimages.device_id(signer, ACCOUNT.device_kem_key))
    )
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


class Scenarios(unittest.TestCase):
    def test_preimages(self):
        file = {each["name"]: each for each in File("preimages.json").preimages}
        h, second, record, r = bytes([0x11]) * 32, bytes([0x22]) * 32, bytes([0x33]) * 16, bytes([0x44]) * 32
        session, unit, salt = bytes([0x55]) * 16, bytes([0x66]) * 16, bytes([0x77]) * 32
        side = (1, b"417", b"offer", b"core")
        computed = {
            'lp("l", "ab", "c")': parts(b"l", b"ab", b"c"),
            'lp("l", "", number 258)': parts(b"l", b"", (258).to_bytes(8, "big")),
            'unlabelled lp("417", "203918")': parts(b"417", b"203918"),
            "device id": preimages.device_id(h, b"kem key"),
            "writer id": preimages.writer_id(h),
            "account id": preimages.account_id(b"link"),
            "link hash": preimages.link_hash(b"link"),
            "link signature": preimages.link_signature(b"link"),
            "wrap hash": preimages.wrap_hash(b"wrap"),
            "seed wrap info": preimages.seed_wrap_info(h, 1, b"account key"),
            "record signature": preimages.record_signature(h, 7, second),
            "share wrap info": preimages.share_wrap_info(h),
            "server share of a record": preimages.record_share(record, 2, h, r),
            "server share of a unit": preimages.unit_share(session, unit, salt, r),
            "offer hash": preimages.offer_hash(b"offer"),
            "identity commitment": preimages.identity_commitment(b"identity"),
            "words commitment": preimages.words_commitment(h),
            "stretch salt": preimages.stretching_salt(b"offer"),
            "idA": preimages.side("a", *side),
            "idB": preimages.side("b", *side),
            "transcript": preimages.transcript(1, b"417", b"offer", b"hello", b"answer"),
            "session id": preimages.session_id(h),
            "cA": preimages.confirm_a(h, second, b"sealed"),
            "cB": preimages.confirm_b(h, second, b"sealed"),
            "introduction": preimages.introduction_signature(h, b"credential", b"case", b"reason"),
            "viewer KEM key hash": preimages.viewer_kem_hash(b"kem key"),
            "grant sealed hash": preimages.grant_sealed_hash(b"enc", b"ciphertext"),
            "grant signature": preimages.grant_signature(h, second, b"terms", h),
            "terms hash": preimages.terms_hash(b"terms"),
            "unit aad": preimages.unit_associated_data(session, unit, salt, h),
            "receipt hash": preimages.receipt_hash(b"receipt"),
            "live aad, device, 258": preimages.live_associated_data(session, 2, 258),
        }
        statements = {
            "Head": "chain/head-statement",
            "Card": "account/card",
            "Deletion": "record/deletion",
            "AccountDeletion": "account/deletion",
            "SignIn": "account/sign-in",
            "Open": "session/open",
            "End": "session/end",
            "Countersign": "session/countersign",
            "WriterMint": "share/writer-mint",
        }
        for name, label in statements.items():
            computed[f"statement signature, {name}"] = preimages.statement(label, b"statement")
        self.assertEqual(set(computed), set(file))
        for name, preimage in computed.items():
            with self.subTest(name):
                expected = file[name]
                if "preimage" in expected:
                    self.assertEqual(preimage.hex(), expected["preimage"])
                if "hash" in expected:
                    self.assertEqual(H(preimage).hex()[: len(expected["hash"])], expected["hash"])

    def test_sizes(self):
        file = File("sizes.json")
        for each in file.contents:
            padded = padme(8 + each["content"])
            got = (padded, chunk_count(padded), sealed_length(padded))
            self.assertEqual(got, (each["padded"], each["chunks"], each["sealed"]))
        for each in file.padme:
            self.assertEqual(padme(each["length"]), each["padme"])

    def test_codes(self):
        for each in File("codes.json").codes:
            nameplate, secret = read_code(each["typed"], each["purpose"])
            self.assertEqual(nameplate, each["nameplate"])
            self.assertEqual(len(secret), SECRET_DIGITS[each["purpose"]])
            self.assertEqual(grouped(find_code(each["typed"], each["purpose"])), each["shown"])

    def test_words(self):
        file = File("words.json")
        self.assertEqual(hashlib.sha256("".join(f"{word}\n" for word in WORDS).encode()).digest(), file.list_sha256)
        for each in file.examples:
            self.assertEqual(check_words(bytes.fromhex(each["bits"])), each["words"])

    def test_account(self):
        f = ACCOUNT
        self.assertEqual(XWingKey(f.device_kem_seed).public, f.device_kem_key)
        signing = Ed25519PrivateKey.from_private_bytes(f.device_signing_seed)
        self.assertEqual(signing.public_key().public_bytes_raw(), f.device_signing_key)
        device = H(preimages.device_id(f.device_signing_key, f.device_kem_key))
        self.assertEqual(device, f.device_id)
        seed = hkdf(b"", lp("account/kem-key"), f.account_seed, 32)
        self.assertEqual(seed, f.account_key_seed)
        self.assertEqual(XWingKey(seed).public, f.account_key)
        info = preimages.seed_wrap_info(device, 1, f.account_key)
        self.assertEqual(info, f.seed_wrap_info)
        wrap = HpkeReceiver(XWingKey(f.device_kem_seed), f.seed_wrap[:1120], info)
        self.assertEqual(wrap.open(f.seed_wrap[1120:], b""), f.account_seed)
        self.assertEqual(H(preimages.wrap_hash(f.seed_wrap)), f.seed_wrap_hash)
        link = check_genesis(encode([f.link, f.link_signature]))
        self.assertEqual(link.body.epoch.wraps, [(device, f.seed_wrap_hash)])
        self.assertEqual(link.body.epoch.account_key, f.account_key)
        self.assertEqual(signing.sign(preimages.link_signature(f.link)), f.link_signature)
        self.assertEqual(H(preimages.link_hash(f.link)), f.link_hash)
        self.assertEqual(H(preimages.account_id(f.link)), f.account_id)

    def test_records(self):
        for name in ("record", "record-chunks", "record-writer"):
            with self.subTest(name):
                self.record(File(f"{name}.json"))

    def record(self, f):
        envelope, share, meta, signed = open_envelope(f.envelope, f.account_key_seed, f.device_signing_key)
        self.assertTrue(signed)
        self.assertEqual(bool(envelope.writer), f.json["origin"] == "writer")
        self.assertEqual(encode(list(envelope.header)), f.header)
        self.assertEqual(encode(list(meta)), f.meta)
        self.assertEqual((h0_of(envelope.header), h1_of(envelope)), (f.h0, f.h1))
        self.assertEqual((share, envelope.header.salt), (f.client_share, f.salt))
        key, commit = key_and_commitment(f.salt, lp("record/content-key"), share, f.server_share)
        self.assertEqual((key, commit, commit), (f.content_key, f.commit_content, envelope.commit_content))
        if "chunks" in f.json:
            content = bytes(n * 7 % 251 for n in range(f.content_length))
        else:
            content = f.content
        padded = pad(content)
        self.assertEqual((len(padded), len(content)), (envelope.header.size, meta.length))
        chunks = seal_stream(key, padded, f.h0)
        if "chunks" in f.json:
            for sealed, expected in zip(chunks, f.chunks, strict=True):
                got = (len(sealed), hashlib.sha256(sealed).hexdigest(), leaf_hash(sealed).hex())
                self.assertEqual(got, (expected["length"], expected["sha256"], expected["leaf"]))
        else:
            self.assertEqual(chunks, [f.chunk])
        self.assertEqual(merkle_root([leaf_hash(each) for each in chunks]), f.content_root)
        self.assertEqual(envelope.content_root, f.content_root)
        stream = Stream(key, len(padded), f.h0, f.content_root)
        self.assertEqual(unpad(b"".join(stream.open(each) for each in chunks)), content)

    def test_pairing(self):
        f = PAIRING
        pairing = viewer()
        self.assertEqual(pairing.hello, f.hello)
        self.assertEqual(stretch(b"417", b"203918", f.offer), f.password)
        hello, core = take_hello(f.hello)
        self.assertEqual((hello.core, hello.p_a), (f.hello_core, f.pake_a))
        ids = [H(preimages.side(letter, VIEW, b"417", f.offer, f.hello_core)) for letter in "ab"]
        self.assertEqual(ids, [f.id_a, f.id_b])
        device = SPAKE2_B(f.password, idA=ids[0], idB=ids[1], entropy_f=fed(f.device_scalar[::-1]))
        self.assertEqual(encode([2, device.start()]), f.answer)
        output = device.finish(f.pake_a)
        self.assertEqual(output, f.pake_output)
        self.assertEqual(pairing.confirm(f.answer), f.confirm_a)
        self.assertEqual((pairing.transcript, pairing.session, pairing.psk), (f.transcript, f.session, f.psk))
        self.assertEqual(extract(f.transcript, output), f.prk)
        for label, key in {
            "confirm-a": f.key_confirm_a,
            "confirm-b": f.key_confirm_b,
            "seal-a": f.key_seal_a,
            "seal-b": f.key_seal_b,
        }.items():
            self.assertEqual(expand(f.prk, lp(f"pairing/{label}"), 32), key)
        take_confirm_a(f.confirm_a)
        identity = pairing.identify(f.confirm_b)
        self.assertEqual(encode([*identity[:3], list(identity.head), *identity[4:]]), f.identity)
        self.assertEqual(expand(f.prk, lp("pairing/words", f.words_nonce), 3), f.words_bits)
        self.assertEqual(pairing.words, f.json["words"])
        self.assertEqual((identity.account, identity.signing), (ACCOUNT.account_id, ACCOUNT.device_signing_key))
        self.assertEqual(core.kem, XWingKey(f.viewer_kem_seed).public)

    def test_session(self):
        f = SESSION
        session = Session(viewer(identified=True))
        (unit,) = session.take_grant(expect(read_message(f.grant), "Grant").grant)
        self.assertEqual((unit.id, unit.client_share), (f.unit, f.unit_client_share))
        entry = [[[unit.id, unit.client_share, list(unit.meta), unit.origin]]]
        self.assertEqual(encode(entry), f.grant_body)
        sealed_hash = H(preimages.grant_sealed_hash(f.grant_enc, f.grant_sealed))
        terms, kem_hash = f.terms, session.kem_hash
        submission = [mailbox(), f.transcript, kem_hash, terms, sealed_hash, f.grant_signature]
        self.assertEqual(encode(submission), f.grant_submission)

        request = session.request(unit, 1)
        self.assertEqual(encode(request), RECEIPTS.open_request)
        trail = [bytes.fromhex(each["receipt"]) for each in RECEIPTS.receipts]
        stream = session.take_opened(unit, encode([f.unit_envelope, f.unit_server_share, trail[:2]]), request)
        self.assertEqual(unpad(stream.open(f.unit_chunk)), f.unit_content)
        self.assertEqual(decode(encode([f.unit_envelope, f.unit_server_share, []]), OPENED, 4096).receipts, [])
        associated = H(preimages.unit_associated_data(f.session, f.unit, f.unit_salt, unit.terms_hash))
        self.assertEqual(associated, f.unit_aad)
        key, commit = key_and_commitment(f.unit_salt, lp("session/unit-key"), unit.client_share, f.unit_server_share)
        self.assertEqual((key, commit), (f.unit_key, f.unit_commit))
        self.assertEqual(seal_stream(key, pad(f.unit_content), associated), [f.unit_chunk])

        for each in f.live:
            message = bytes.fromhex(each["message"])
            plaintext = bytes.fromhex(each["plaintext"])
            self.assertEqual(
                preimages.live_associated_data(f.session, each["from"], each["counter"]).hex(), each["aad"]
            )
            if each["from"] == 1:
                self.assertEqual(session.seal_live(cbor2.loads(plaintext)), message)
            else:
                said = session.open_live(read_message(message))
                self.assertEqual(encode(list(said)), plaintext)
                with self.assertRaises(Refused):
                    session.open_live(read_message(message))

    def test_receipts(self):
        chain = receipts()
        for each in RECEIPTS.receipts:
            chain.take(bytes.fromhex(each["receipt"]))
            self.assertEqual(chain.head.hex(), each["hash"])
        kinds = [decode(bytes.fromhex(each["receipt"]), RECEIPT, MESSAGE).event.tag for each in RECEIPTS.receipts]
        names = [each["event"] for each in RECEIPTS.receipts]
        numbers = {"granted": 1, "opened": 2, "refused": 3, "ended": 4, "deleted": 5, "countersigned": 6}
        self.assertEqual(kinds, [numbers[name] for name in names])

    def test_hpke_here_is_that_of_openssl(self):
        """Base mode, sealed by `cryptography`'s own HPKE: what is built here on X-Wing and RFC 9180 opens it."""
        key = XWingKey()
        public = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(key.public[:1184]),
            X25519PublicKey.from_public_bytes(key.public[1184:]),
        )
        suite_of_page = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
        sealed = suite_of_page.encrypt(b"a message", public, b"info")
        self.assertEqual(HpkeReceiver(key, sealed[:1120], b"info").open(sealed[1120:], b""), b"a message")
        with self.assertRaises(Refused):
            HpkeReceiver(key, sealed[:1120], b"other").open(sealed[1120:], b"")

    def test_a_blob_unit_has_one_size(self):
        for size, length in ((2**24, BLOB_LENGTH_MOST - 4), (2**32, BLOB_LENGTH_MOST)):
            self.assertEqual(len(encode([bytes(32), bytes(32), size, bytes(32)])), length)
            self.assertEqual(padme(8 + length), 512)


class Rejected(unittest.TestCase):
    """reject/: one fault a file. The honest bytes are taken by the tests above, so that each refusal is for its fault."""

    def offer(self, raw):
        read_offer(raw, mailbox())

    def hello(self, raw):
        take_hello(raw)

    def answer(self, raw):
        viewer().confirm(raw)

    def confirm_a(self, raw):
        take_confirm_a(raw)

    def confirm_b(self, raw):
        viewer(confirmed=True).identify(raw)

    def grant(self, raw):
        Session(viewer(identified=True)).take_grant(expect(read_message(raw), "Grant").grant)

    def code(self, raw):
        read_code(raw.decode())

    def genesis(self, raw):
        check_genesis(raw)

    def receipts(self, raw):
        chain = receipts()
        for each in decode(raw, many(octets(most=MESSAGE), 100), MESSAGE):
            chain.take(each)

    def envelope(self, raw):
        f = File("record.json")
        *_, signed = open_envelope(raw, f.account_key_seed, f.device_signing_key)
        if not signed:
            raise Refused("unsigned", "a record version")

    def content(self, raw):
        f = File("record.json")
        envelope, *_ = open_envelope(f.envelope, f.account_key_seed, f.device_signing_key)
        Stream(f.content_key, envelope.header.size, f.h0, f.content_root).open(raw)

    # What the files call by other words than the slugs.
    SAME = {"does not open": {"record-tampered"}, "broken": {"record-tampered"}}

    def test_every_file(self):
        seen = 0
        for path in sorted((VECTORS / "reject").iterdir()):
            case = json.loads(path.read_text())
            expected = self.SAME.get(case["error"], set(case["error"].split(" or ")))
            with self.subTest(path.name, comment=case["comment"]):
                take = getattr(self, case["offered_as"].replace("-", "_"))
                with self.assertRaises(Refused) as refused:
                    take(bytes.fromhex(case["bytes"]))
                self.assertIn(refused.exception.slug, expected, str(refused.exception))
            seen += 1
        self.assertGreater(seen, 40)


if __name__ == "__main__":
    unittest.main(verbosity=2)
