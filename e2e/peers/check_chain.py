"""chain.json, replayed from the page's rules and opened with its secrets; and reject/chain-*.json, each in its place."""

import json
import unittest

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import hpke
import preimages
from chain import KIT, NEED, Chain, Head, account_key, adopt, id_of, older_seed, plain
from cipher import XWingKey
from hpke import hkdf
from owner import DEVICE_FIELDS
from vector_files import ACCOUNT, VECTORS, File
from wire import SUITE, H, Refused, decode, encode, lp

CHAIN = File("chain.json")


def bytes_of(sheet, name):
    return bytes.fromhex(sheet[name])


def signed_link(each):
    return encode([bytes_of(each, "link"), bytes_of(each, "signature")])


def replayed(count):
    """The chain of so many links."""
    chain = Chain()
    for each in CHAIN.links[:count]:
        chain.push(signed_link(each))
    return chain


def public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


class Replayed(unittest.TestCase):
    def setUp(self):
        """The KEM seeds of devices and kits, by id."""
        self.kems = {}
        for each in CHAIN.devices:
            kem = bytes_of(each, "kem_seed")
            device = DEVICE_FIELDS([public(bytes_of(each, "signing_seed")), XWingKey(kem).public, b""])
            self.assertEqual(id_of(device), bytes_of(each, "id"))
            self.kems[id_of(device)] = kem
        for each in CHAIN.kits:
            secret = bytes_of(each, "secret")
            kem = hkdf(b"", lp("recovery/kem-key"), secret, 32)
            signing = public(hkdf(b"", lp("recovery/signing-key"), secret, 32))
            kit = KIT([signing, XWingKey(kem).public])
            self.assertEqual(id_of(kit), bytes_of(each, "id"))
            self.kems[id_of(kit)] = kem
        self.seeds = {each["number"]: bytes_of(each, "seed") for each in CHAIN.epochs}

    def test_what_the_chain_says_after_each_link(self):
        chain = Chain()
        for each in CHAIN.links:
            with self.subTest(each["shows"]):
                chain.push(signed_link(each))
                self.assertEqual(chain.head, (each["head_seq"], bytes_of(each, "head_hash")))
                self.assertEqual(sorted(chain.devices), [bytes_of(it, "id") for it in each["devices"]])
                epoch = chain.epochs[-1]
                self.assertEqual((epoch.number, epoch.account_key), (each["epoch"], bytes_of(each, "account_key")))
                self.assertEqual(id_of(chain.kit) if chain.kit else b"", bytes_of(each, "kit_id"))
                pins = {(it["kind"], bytes_of(it, "key")): (it["name"], it["from"]) for it in each["pins"]}
                self.assertEqual(chain.effective, pins)
                adding, revoking, pinning, recovering = chain.rules
                rules = {
                    "adding_second": adding.second,
                    "adding_held": adding.held,
                    "revoking_second": revoking.second,
                    "pinning_second": pinning.second,
                    "pinning_held": pinning.held,
                    "recovering": recovering,
                }
                self.assertEqual([rules], each["rules"])
        self.assertEqual((chain.account, chain.account), (CHAIN.account, ACCOUNT.account_id))
        self.assertEqual(len(chain.epochs), len(CHAIN.epochs))

    def test_wraps_and_older_seeds(self):
        opened = 0
        for count, each in enumerate(CHAIN.links, start=1):
            chain = replayed(count)
            self.assertEqual([bytes_of(it, "for") for it in each["wraps"]], [whom for whom, _ in chain.brought])
            for wrap in each["wraps"]:
                whom, sealed = bytes_of(wrap, "for"), bytes_of(wrap, "wrap")
                seed = adopt(self.kems[whom], whom, chain.epochs[-1], chain.brought, sealed)
                self.assertEqual(seed, self.seeds[chain.epochs[-1].number])
                with self.assertRaises(Refused):
                    adopt(self.kems[whom], whom, chain.epochs[-1], chain.brought, sealed[:-1] + b"\0")
                opened += 1
        self.assertGreater(opened, 8)
        chain = replayed(len(CHAIN.links))
        seed = self.seeds[len(chain.epochs)]
        for number in range(len(chain.epochs), 1, -1):
            seed = older_seed(chain, number, seed)
            self.assertEqual(seed, self.seeds[number - 1])
        with self.assertRaises(Refused):
            older_seed(chain, 2, self.seeds[1])
        self.assertEqual(account_key(self.seeds[1]).public, ACCOUNT.account_key)

    def test_a_seed_is_adopted_only_from_the_wrap_that_the_link_names(self):
        chain = replayed(8)
        epoch, ((whom, _), *_) = chain.epochs[-1], chain.brought
        kem, seed = self.kems[whom], self.seeds[epoch.number]
        info = preimages.seed_wrap_info(whom, epoch.number, epoch.account_key)

        def wrapped(what):
            enc, shared = hpke.encapsulate(XWingKey(kem).public)
            sealed = enc + hpke.Context(shared, info).seal(b"", what)
            return sealed, [(whom, H(preimages.wrap_hash(sealed)))]

        again, named = wrapped(seed)
        self.assertEqual(adopt(kem, whom, epoch, named, again), seed, "control")
        with self.assertRaises(Refused):
            adopt(kem, whom, epoch, chain.brought, again)
        foreign, named = wrapped(bytes(32))
        with self.assertRaises(Refused):
            adopt(kem, whom, epoch, named, foreign)

    def test_every_link_is_its_arrays_again(self):
        """What a shape reads is what was written: the act that a second device signs is made again from it."""
        chain = Chain()
        for each in CHAIN.links:
            chain.push(signed_link(each))
            self.assertEqual(encode(plain(chain.newest)), bytes_of(each, "link"))
            self.assertEqual(H(preimages.link_hash(bytes_of(each, "link"))), chain.head.hash)


class Refusals(unittest.TestCase):
    def test_every_fault_is_refused_for_its_reason(self):
        seen = 0
        for path in sorted((VECTORS / "reject").glob("chain-*.json")):
            case = json.loads(path.read_text())
            with self.subTest(path.name, comment=case["comment"]):
                place = int(case["offered_as"].removeprefix("link-"))
                chain = replayed(place)
                before = vars(replayed(place))
                with self.assertRaises(Refused) as refused:
                    chain.push(bytes.fromhex(case["bytes"]))
                self.assertEqual(refused.exception.slug, case["error"], str(refused.exception))
                self.assertEqual(vars(chain), before, "a link that is refused changes nothing")
                chain.push(signed_link(CHAIN.links[place]))
            seen += 1
        self.assertGreater(seen, 40)


    def test_the_last_links_are_for_revoking_and_the_kit(self):
        """Links that are made here, in a chain that says it is longer."""
        first = CHAIN.devices[0]
        signer = Ed25519PrivateKey.from_private_bytes(bytes_of(first, "signing_seed"))

        def offered(place, act, stand):
            chain = replayed(place)
            chain.head = Head(stand - 1, chain.head.hash)
            if act[0] == 2:
                chain.rules = chain.rules._replace(revoking=NEED([False, 0]))
            link = encode([SUITE, stand, chain.head.hash, [2, act, []], bytes_of(first, "id")])
            chain.push(encode([link, signer.sign(preimages.link_signature(link))]))

        acts = {place: cbor2.loads(bytes_of(CHAIN.links[place], "link"))[3][1] for place in (6, 7)}
        for place, most in ((7, 3968), (6, 4064)):
            offered(place, acts[place], most - 1)
            with self.assertRaises(Refused) as refused:
                offered(place, acts[place], most)
            self.assertEqual(refused.exception.slug, "full")

    def test_at_most_32_devices_belong(self):
        raw = signed_link(CHAIN.links[1])
        for others, fits in ((30, True), (31, False)):
            chain = replayed(1)
            (device,) = chain.devices.values()
            chain.devices |= {bytes([number]) * 32: device for number in range(others)}
            chain.free = dict.fromkeys(chain.devices, 0)
            if fits:
                chain.push(raw)
                continue
            with self.assertRaises(Refused) as refused:
                chain.push(raw)
            self.assertEqual(refused.exception.slug, "full")


if __name__ == "__main__":
    unittest.main(verbosity=2)
