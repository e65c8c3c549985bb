"""Every file of vectors/reject/, offered to whoever would receive it: the viewer of this folder, or owner.py."""

import json
import unittest

from cipher import Stream
from owner import ENVELOPE, check_genesis, open_envelope, take_confirm_a, take_decision, take_hello
from pairing import LINK, MESSAGE, expect, read_message, read_offer
from session import Session
from typed_code import read_code
from vector_files import ACCOUNT, PAIRING, VECTORS, File, mailbox, receipts, viewer
from wire import Refused, decode, many, octets


class Rejected(unittest.TestCase):
    """reject/: one fault a file. The honest bytes are taken by check_vectors.py, so that each refusal is for its fault."""

    def offer(self, raw):
        read_offer(raw, mailbox())

    def hello(self, raw):
        take_hello(raw, PAIRING.offer)

    def answer(self, raw):
        viewer().confirm(raw)

    def confirm_a(self, raw):
        _, core = take_hello(PAIRING.hello, PAIRING.offer)
        take_confirm_a(raw, core, PAIRING.transcript, PAIRING.key_confirm_a, PAIRING.key_seal_a)

    def confirm_b(self, raw):
        viewer(confirmed=True).identify(raw)

    def grant(self, raw):
        Session(viewer(identified=True)).take_grant(expect(read_message(raw), "Grant").grant)

    def code(self, raw):
        read_code(raw.decode())

    def link_code(self, raw):
        read_code(raw.decode(), LINK)

    def genesis(self, raw):
        check_genesis(raw)

    def receipts(self, raw):
        chain = receipts()
        for each in decode(raw, many(octets(most=MESSAGE), 100), MESSAGE):
            chain.take(each)

    def envelope(self, raw):
        f = File("record.json")
        *_, signed = open_envelope(raw, f.account_key_seed, f.device_signing_key, ACCOUNT.device_kem_key)
        if not signed:
            raise Refused("unsigned", "a record version")

    def decision(self, raw):
        envelope = decode(File("record-writer.json").envelope, ENVELOPE, 24 * 1024)
        take_decision(raw, envelope, ACCOUNT, ACCOUNT.device_signing_key, (0, ACCOUNT.link_hash))

    def content(self, raw):
        f = File("record.json")
        envelope, *_ = open_envelope(f.envelope, f.account_key_seed, f.device_signing_key, ACCOUNT.device_kem_key)
        Stream(f.content_key, envelope.header.size, f.h0, f.content_root).open(raw)

    # What the files call by other words than the slugs.
    SAME = {"does not open": {"record-tampered"}, "broken": {"record-tampered"},
            "refused": {"record-tampered", "malformed"}}

    def test_every_file(self):
        seen = 0
        for path in sorted((VECTORS / "reject").iterdir()):
            if path.name.startswith("chain-"):
                continue  # check_chain.py
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
