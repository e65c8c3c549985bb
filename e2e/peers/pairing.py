"""A viewer's half of the pairing, from the Offer to the check words (section 6). Nothing here speaks to anyone."""

import os

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mnemonic import Mnemonic
from spake2 import SPAKE2_A

import preimages
from cipher import XWingKey, same, seal, signed_by, sound_point, unseal
from hpke import expand, extract, mac
from wire import SUITE, H, Refused, array, choice, decode, encode, lp, octets, only, parts, slug_of, text, uint

VIEW, LINK = 1, 3
NONCE = bytes(12)
MESSAGE = 256 * 1024
CLAIM = text(200)
WORDS = Mnemonic("english").wordlist

OFFER = array(
    "Offer",
    suite=uint,
    purpose=uint,
    mailbox=octets(16),
    server_nonce=octets(32),
    device_nonce=octets(32),
    identity_commitment=octets(32),
    expires=uint,
)
HEAD = array("Head", seq=uint, hash=octets(32))
IDENTITY = array(
    "Identity",
    account=octets(32),
    signing=octets(32),
    kem=octets(1216),
    head=HEAD,
    epoch=uint,
    name=text(512),
    blind=octets(32),
)
SEALED_GRANT = array(
    "SealedGrant", terms=octets(most=MESSAGE), enc=octets(1120), ciphertext=octets(most=MESSAGE), signature=octets(64)
)
TO_VIEWER = choice(
    _2=array("Answer", tag=only(2), p_b=octets(33)),
    _4=array("ConfirmB", tag=only(4), c_b=octets(32), sealed_identity=octets(most=MESSAGE)),
    _5=array("Grant", tag=only(5), grant=SEALED_GRANT),
    _6=array("Live", tag=only(6), counter=uint, ciphertext=octets(most=MESSAGE)),
    _7=array("Abort", tag=only(7), error=uint),
)


def read_message(raw):
    return decode(raw, TO_VIEWER, MESSAGE)


def expect(message, name):
    """The message, if it is of this kind; an Abort at any point names the reason."""
    kind = type(message).__name__
    if kind == "Abort":
        raise Refused(slug_of(message.error), "the device aborted")
    if kind != name:
        raise Refused("malformed", f"{kind} where {name} belongs")
    return message


def read_offer(raw, mailbox, purpose=VIEW):
    # The suite is looked at first, so that an Offer of another version is called that even if it has other fields.
    offer = decode(raw, OFFER, MESSAGE)
    if offer.suite != SUITE:
        raise Refused("unsupported-suite", "Offer")
    if offer.purpose != purpose or offer.mailbox != mailbox:
        raise Refused("malformed", "an Offer for another purpose or mailbox")
    return offer


def stretch(nameplate, secret, offer):
    return hash_secret_raw(
        parts(nameplate, secret),
        H(preimages.stretching_salt(offer)),
        time_cost=5,
        memory_cost=7168,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
        version=0x13,
    )


def check_words(bits):
    number = int.from_bytes(bits, "big")
    return f"{WORDS[number >> 13]} {WORDS[(number >> 2) & 0x7FF]}"


class Pairing:
    """One run of one code: `hello`, then `confirm` for an Answer, then `identify` for a ConfirmB. Each works once."""

    def __init__(
        self, offer, mailbox, nameplate, secret, program, origin="", build="", entropy=os.urandom, purpose=VIEW
    ):
        self.offer, self.nameplate, self._purpose = offer, nameplate.encode(), purpose
        self._offer = read_offer(offer, mailbox, purpose)
        self.kem = XWingKey(entropy(32))
        self.signing = Ed25519PrivateKey.from_private_bytes(entropy(32))
        self.signing_key = self.signing.public_key().public_bytes_raw()
        nonce, self._words_nonce = entropy(32), entropy(32)
        core = [
            H(preimages.offer_hash(offer)),
            self.kem.public,
            self.signing_key,
            CLAIM(origin),
            CLAIM(build),
            CLAIM(program),
            nonce,
            H(preimages.words_commitment(self._words_nonce)),
        ]
        hello_core = encode(core)
        sides = [H(preimages.side(letter, purpose, self.nameplate, offer, hello_core)) for letter in "ab"]
        self._pake = SPAKE2_A(
            stretch(self.nameplate, secret.encode(), offer), idA=sides[0], idB=sides[1], entropy_f=entropy
        )
        self.hello = encode([1, hello_core, self._pake.start()])

    def confirm(self, answer_bytes, case="", reason=""):
        """ConfirmA, in answer to an Answer."""
        answer = expect(read_message(answer_bytes), "Answer")
        if not sound_point(answer.p_b[1:]):
            raise Refused("malformed", "pB has small order or is not canonical")
        pake, self._pake = self._pake, None
        try:
            output = pake.finish(answer.p_b)  # refuses the wrong side, its own element, and what is outside the subgroup
        except Exception as why:  # python-spake2 raises ValueError, AssertionError and its own
            raise Refused("malformed", "pB") from why
        self.transcript = H(preimages.transcript(self._purpose, self.nameplate, self.offer, self.hello, answer_bytes))
        self.prk = extract(self.transcript, output)
        self.session = H(preimages.session_id(self.transcript))[:16]
        self.psk = expand(self.prk, lp("pairing/psk"), 32)

        signature = self.signing.sign(
            preimages.introduction_signature(self.transcript, b"", case.encode(), reason.encode())
        )
        introduction = encode([b"", case, reason, signature])
        sealed = seal(expand(self.prk, lp("pairing/seal-a"), 32), NONCE, introduction, self.transcript)
        self._c_a = mac(
            expand(self.prk, lp("pairing/confirm-a"), 32),
            preimages.confirm_a(self.transcript, self._words_nonce, sealed),
        )
        return encode([3, self._c_a, self._words_nonce, sealed])

    def identify(self, confirm_b_bytes):
        """The device's Identity; after it `words` may be shown."""
        confirm = expect(read_message(confirm_b_bytes), "ConfirmB")
        tag = mac(
            expand(self.prk, lp("pairing/confirm-b"), 32),
            preimages.confirm_b(self.transcript, self._c_a, confirm.sealed_identity),
        )
        if not same(tag, confirm.c_b):
            raise Refused("code-wrong", "cB")
        raw = unseal(expand(self.prk, lp("pairing/seal-b"), 32), NONCE, confirm.sealed_identity, self.transcript)
        if not same(H(preimages.identity_commitment(raw)), self._offer.identity_commitment):
            raise Refused("record-tampered", "the Identity is not what the Offer committed to")
        self.identity = decode(raw, IDENTITY, MESSAGE)
        self.words = check_words(expand(self.prk, lp("pairing/words", self._words_nonce), 3))
        return self.identity


def signed_statement(signing, label, statement):
    """`[statement, signature]`, encoded."""
    encoded = encode(statement)
    return encode([encoded, signing.sign(preimages.statement(label, encoded))])


def verified_statement(key, label, raw, most=MESSAGE):
    """The statement's bytes, if `key` signed them."""
    shape = array("Signed", statement=octets(most=most), signature=octets(64))
    signed = decode(raw, shape, most)
    if not signed_by(key, signed.signature, preimages.statement(label, signed.statement)):
        raise Refused("record-tampered", "the signature of a statement")
    return signed.statement
