"""Every scenario of vectors/, computed again from its inputs by the viewer of this folder and the few lines of owner.py."""

import hashlib
import unittest

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite
from spake2 import SPAKE2_B

import preimages
from cipher import (
    HpkeReceiver,
    Stream,
    XWingKey,
    chunk_count,
    key_and_commitment,
    leaf_hash,
    merkle_root,
    pad,
    padme,
    seal_stream,
    sealed_length,
    unpad,
)
from hpke import expand, extract, hkdf
from owner import check_genesis, h0_of, h1_of, open_envelope, take_confirm_a, take_hello
from pairing import MESSAGE, VIEW, WORDS, check_words, expect, read_message, stretch
from session import BLOB_LENGTH_MOST, OPENED, RECEIPT, Session
from typed_code import SECRET_DIGITS, find_code, grouped, read_code
from vector_files import ACCOUNT, PAIRING, RECEIPTS, SESSION, File, fed, mailbox, receipts, viewer
from wire import H, Refused, decode, encode, lp, parts


class Scenarios(unittest.TestCase):
    def test_preimages(self):
        file = {each["name"]: each for each in File("preimages.json").preimages}
        h, second, record, r = bytes([0x11]) * 32, bytes([0x22]) * 32, bytes([0x33]) * 16, bytes([0x44]) * 32
        session, unit, salt = bytes([0x55]) * 16, bytes([0x66]) * 16, bytes([0x77]) * 32
        side = (1, b"417", b"offer", b"core")
        account, shares = bytes([0x88]) * 32, (b"https://glimpse.example", b"POST", b"/v1/shares")
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
            "older seed info": preimages.older_seed_info(account, 2, b"account key"),
            "reverse signature": preimages.reverse_signature(account, 7, second, h, b"kem key", b"serial", h, h),
            "second signature": preimages.second_signature(account, 7, second, b"act"),
            "request signature": preimages.request_signature(*shares, h, account, h, 258),
            "serial": preimages.serial(b"SN-1"),
            "name aad": preimages.name_associated_data(account, h, 2),
            "linking aad": preimages.linking_associated_data(h, 258),
            "invitation": preimages.invitation_signature(h, h, account, 7, second, second, b"serial", 258, 1, bytes([0x44] * 32)),
            "log leaf": preimages.log_leaf(record, 2, h, 1),
            "checkpoint hash": preimages.checkpoint_hash(b"checkpoint"),
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
            "presentation": preimages.presentation_signature(h, second, b"credential", b"case", b"reason"),
            "asked": preimages.asked(h, b"introduction", b"abandon", b"zoo"),
            "note info": preimages.note_info(h, session),
            "audit key hash": preimages.audit_key_hash(b"kem key"),
            "enrolment": preimages.enrolment(h, session, second, b"passkey"),
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
            "Recovery": "recovery/request",
            "Veto": "recovery/veto",
            "Checkpoint": "record/checkpoint",
            "Decision": "record/decision",
            "Stop": "session/stop",
            "OrganisationCard": "organisation/card",
            "Credential": "organisation/credential",
            "Revocations": "organisation/revocations",
            "AgentInvitation": "organisation/invitation",
            "OrganisationRequest": "organisation/request",
            "AgentSignIn": "agent/sign-in",
            "Outcome": "agent/outcome",
            "Destroyed": "session/destroyed",
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
            self.assertIn(len(secret), SECRET_DIGITS[each["purpose"]])
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
        envelope, share, meta, signed = open_envelope(
            f.envelope, f.account_key_seed, f.device_signing_key, ACCOUNT.device_kem_key
        )
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
        hello, core = take_hello(f.hello, f.offer)
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
        take_confirm_a(f.confirm_a, core, f.transcript, f.key_confirm_a, f.key_seal_a)
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
        entry = [[[unit.id, unit.client_share, list(unit.meta), unit.origin, unit.withheld]]]
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
