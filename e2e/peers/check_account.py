"""The scenarios of an account with several devices, computed again: a linking, a recovery kit, checkpoints."""

import base64
import unittest

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from spake2 import SPAKE2_B

import hpke
import preimages
from cipher import XWingKey, leaf_hash, merkle_root, pad, seal, seal_stream, signed_by, unseal
from hpke import expand, hkdf, mac
from owner import ENVELOPE, take_decision
from pairing import LINK, MESSAGE, OFFER, WORDS, Pairing, check_words, stretch
from typed_code import read_code
from vector_files import ACCOUNT, File, fed
from wire import H, SUITE, ZERO_HASH, Refused, decode, encode, lp


def ed25519(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key, key.public_key().public_bytes_raw()


class Linking(unittest.TestCase):
    """Section 6.6: the device of account.json shows a QR code, another one reads it."""

    def setUp(self):
        f = self.file = File("linking.json")
        offer = decode(f.offer, OFFER, MESSAGE)
        nameplate, secret = read_code(f.json["qr"], LINK)
        self.assertEqual((nameplate, secret), (f.json["nameplate"], f.json["secret"]))
        self.joiner = Pairing(
            f.offer,
            offer.mailbox,
            nameplate,
            secret,
            "glimpse on Linux",
            entropy=fed(
                f.viewer_kem_seed, f.viewer_signing_seed, f.viewer_nonce, f.words_nonce, f.viewer_scalar[::-1]
            ),
            purpose=LINK,
        )

    def test_the_pairing(self):
        f, joiner = self.file, self.joiner
        self.assertEqual(joiner.hello, f.hello)
        self.assertEqual(stretch(f.json["nameplate"].encode(), f.json["secret"].encode(), f.offer), f.password)
        ids = [H(preimages.side(letter, LINK, b"417", f.offer, f.hello_core)) for letter in "ab"]
        adder = SPAKE2_B(f.password, idA=ids[0], idB=ids[1], entropy_f=fed(f.device_scalar[::-1]))
        self.assertEqual(encode([2, adder.start()]), f.answer)
        self.assertEqual(adder.finish(cbor2.loads(f.hello)[2]), f.pake_output)
        self.assertEqual(joiner.confirm(f.answer), f.confirm_a)
        self.assertEqual((joiner.transcript, joiner.prk, joiner.session), (f.transcript, f.prk, f.session))
        self.assertEqual(joiner.psk, f.psk)
        identity = joiner.identify(f.confirm_b)
        self.assertEqual(encode([*identity[:3], list(identity.head), *identity[4:]]), f.identity)
        self.assertEqual((identity.account, identity.signing), (ACCOUNT.account_id, ACCOUNT.device_signing_key))
        self.assertEqual(joiner.words, f.json["words"])
        with self.assertRaises(Refused):
            Pairing(f.offer, decode(f.offer, OFFER, MESSAGE).mailbox, "417", f.json["secret"], "")

    def test_the_messages(self):
        f = self.file
        keys = {
            "adder": expand(f.prk, lp("linking/adder-to-joiner"), 32),
            "joiner": expand(f.prk, lp("linking/joiner-to-adder"), 32),
        }
        self.assertEqual((keys["adder"], keys["joiner"]), (f.linking_key_adder, f.linking_key_joiner))
        signer, signing = ed25519(f.joiner_signing_seed)
        kem = XWingKey(f.joiner_kem_seed)
        joiner = H(preimages.device_id(signing, kem.public))
        self.assertEqual(joiner, f.joiner_id)
        serial_key = hkdf(b"", lp("account/serial-key"), ACCOUNT.account_seed, 32)
        serial = mac(serial_key, preimages.serial(f.json["serial"].encode()))
        self.assertEqual((serial_key, serial), (f.serial_key, f.serial_hash))

        account, founder, place = ACCOUNT.account_id, ACCOUNT.device_id, [1, ACCOUNT.link_hash]
        at = cbor2.loads(bytes.fromhex(f.messages[1]["plaintext"]))[5]
        invitation = preimages.invitation_signature(
            f.transcript, joiner, account, *place, founder, serial, at, 0, f.server_signing_key)
        self.assertEqual(invitation, f.invitation)
        reverse = preimages.reverse_signature(account, *place, signing, kem.public, serial, founder, f.transcript)
        self.assertEqual(reverse, f.reverse)
        adder, _ = ed25519(ACCOUNT.device_signing_seed)
        act = [1, [signing, kem.public, serial], f.transcript, signer.sign(reverse), at, 0]
        link = encode([SUITE, place[0], place[1], [2, act, []], founder])
        self.assertEqual(link, f.link)
        self.assertEqual(adder.sign(preimages.link_signature(link)), f.link_signature)
        self.assertEqual(H(preimages.link_hash(link)), f.link_hash)

        sealed_seed = encode([1, ACCOUNT.account_seed])
        self.assertEqual(sealed_seed, f.sealed_seed)
        shared = kem.decapsulate(f.seed_enc)
        context = hpke.Context(shared, f.transcript, f.psk, f.session)
        self.assertEqual((shared, context.key, context.nonce), (f.seed_shared_secret, f.seed_key, f.seed_nonce))
        self.assertEqual(context.open(f.link_hash, f.seed_ciphertext), sealed_seed)

        said = [
            ("joiner", [1, signing, kem.public, f.json["name"], f.json["serial"]]),
            ("adder", [2, account, place, founder, serial, at, 0, f.server_signing_key, adder.sign(invitation)]),
            ("joiner", [3, signer.sign(reverse)]),
            ("adder", [4, f.link_hash, f.seed_enc, f.seed_ciphertext]),
            ("joiner", [5]),
        ]
        counters = {"adder": 0, "joiner": 0}
        for each, (role, plaintext) in zip(f.messages, said, strict=True):
            counter, plaintext = counters[role], encode(plaintext)
            counters[role] += 1
            associated = preimages.linking_associated_data(f.transcript, counter)
            self.assertEqual((each["from"], each["counter"], each["aad"]), (role, counter, associated.hex()))
            self.assertEqual(each["plaintext"], plaintext.hex())
            nonce = bytes(4) + counter.to_bytes(8, "big")
            sealed = seal(keys[role], nonce, plaintext, associated)
            self.assertEqual(each["message"], encode([6, counter, sealed]).hex())
            other = keys["joiner" if role == "adder" else "adder"]
            with self.assertRaises(Refused):
                unseal(other, nonce, sealed, associated)

    def test_the_name(self):
        f = self.file
        key = hkdf(f.name_salt, lp("account/name-key"), ACCOUNT.account_seed, 32)
        associated = H(preimages.name_associated_data(ACCOUNT.account_id, f.joiner_id, 1))
        self.assertEqual((key, associated), (f.name_key, f.name_aad))
        (chunk,) = seal_stream(key, pad(f.json["name"].encode()), associated)
        self.assertEqual(f.name_salt + chunk, f.name_sealed)


def times(a, b):
    """In GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(a):
    """a^254."""
    power = 1
    for _ in range(254):
        power = times(power, a)
    return power


def put_together(shares):
    """The secret: the value at 0 of the polynomials through these (index, value)."""
    secret = bytearray(32)
    for index, value in shares:
        weight = 1
        for other, _ in shares:
            if other != index:
                weight = times(weight, times(other, inverse(other ^ index)))
        for at, byte in enumerate(value):
            secret[at] ^= times(weight, byte)
    return bytes(secret)


def read_letters(written):
    """The 44 bytes of a share, from the letters of its QR code."""
    letters = "".join(written.split()).upper().removeprefix("GLIMPSE-KIT-1:")
    return base64.b32decode(letters + "=" * (-len(letters) % 8))


def read_words(written):
    number = 0
    words = written.split()
    for word in words:
        number = number << 11 | WORDS.index(word.lower())
    return number.to_bytes(len(words) * 11 // 8, "big")


class Recovery(unittest.TestCase):
    """Section 4.1: a kit of 3 of 5."""

    def test_the_keys(self):
        f = File("recovery.json")
        signing_seed = hkdf(b"", lp("recovery/signing-key"), f.kit_secret, 32)
        kem_seed = hkdf(b"", lp("recovery/kem-key"), f.kit_secret, 32)
        self.assertEqual((signing_seed, kem_seed), (f.kit_signing_seed, f.kit_kem_seed))
        signing, kem = ed25519(signing_seed)[1], XWingKey(kem_seed).public
        self.assertEqual((signing, kem), (f.kit_signing_key, f.kit_kem_key))
        kit = H(preimages.device_id(signing, kem))
        self.assertEqual(kit, f.kit_id)
        self.assertEqual(check_words(kit[:3]), f.json["kit_words"])

    def test_the_shares(self):
        f = File("recovery.json")
        shares = []
        for each in f.shares:
            value, raw = bytes.fromhex(each["value"]), bytes.fromhex(each["bytes"])
            covered = bytes([1, f.threshold, f.count, each["index"]]) + f.kit_id[:4] + value
            self.assertEqual(raw, covered + H(preimages.share_check(covered))[:4])
            self.assertEqual(read_letters(each["letters"]), raw)
            self.assertEqual(len(each["letters"]), len("GLIMPSE-KIT-1:") + 71)
            self.assertEqual(read_words(each["words"]), raw)
            self.assertEqual(len(each["words"].split()), 32)
            shares.append((each["index"], value))
        for chosen in ((0, 1, 2), (0, 2, 4), (4, 3, 1)):
            self.assertEqual(put_together([shares[at] for at in chosen]), f.kit_secret)
        self.assertNotEqual(put_together(shares[:2]), f.kit_secret, "two of three say nothing")


class Checkpoints(unittest.TestCase):
    """Section 5.6."""

    def test_the_log(self):
        f = File("checkpoints.json")
        leaves = []
        self.assertEqual(merkle_root(leaves), f.root_of_none)
        roots = [f.root_of_none]
        for each in f.changes:
            record, h1 = bytes.fromhex(each["record"]), bytes.fromhex(each["h1"])
            leaf = preimages.log_leaf(record, each["version"], h1, each["kind"])
            self.assertEqual(leaf.hex(), each["leaf"])
            leaves.append(leaf_hash(leaf))
            roots.append(merkle_root(leaves))
            self.assertEqual(roots[-1].hex(), each["root"])
        previous = ZERO_HASH
        for number, each in enumerate(f.checkpoints, start=1):
            statement, signature = bytes.fromhex(each["statement"]), bytes.fromhex(each["signature"])
            self.assertEqual((each["number"], each["previous"]), (number, previous.hex()))
            fields = decode(statement, list, MESSAGE)
            self.assertEqual(fields[:4], [SUITE, ACCOUNT.account_id, number, previous])
            self.assertEqual(fields[5:7], [each["count"], roots[each["count"]]])
            self.assertEqual(fields[8], ACCOUNT.device_id)
            signed = preimages.statement("record/checkpoint", statement)
            self.assertTrue(signed_by(ACCOUNT.device_signing_key, signature, signed))
            previous = H(preimages.checkpoint_hash(statement))
            self.assertEqual(previous.hex(), each["hash"])


class Decision(unittest.TestCase):
    """Section 5.7: the device of account.json approves what the writer of record-writer.json brought."""

    def test_the_decision(self):
        f, written = File("decision.json"), File("record-writer.json")
        envelope = decode(written.envelope, ENVELOPE, 24 * 1024)
        head = (0, ACCOUNT.link_hash)
        decision = take_decision(f.signed, envelope, ACCOUNT, ACCOUNT.device_signing_key, head)
        self.assertEqual((decision.h1, decision.writer), (written.h1, written.writer_id))
        for kind, leaf in ((2, f.leaf_written), (5, f.leaf_approved)):
            self.assertEqual(preimages.log_leaf(decision.record, 1, decision.h1, kind), leaf)


if __name__ == "__main__":
    unittest.main(verbosity=2)
