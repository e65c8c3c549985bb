"""The choices of section 2: HKDF, strict Ed25519, HPKE with X-Wing, Padmé, STREAM and Merkle trees, on PyPI's `cryptography`."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import hpke
from hpke import hkdf
from wire import Refused, parts

CHUNK = 65_536
TAG = 16


def same(a, b):
    return hmac.compare_digest(a, b)


def seal(key, nonce, plaintext, associated):
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, associated)


def unseal(key, nonce, sealed, associated):
    """The plaintext; a failure to open anything says no more than that."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError) as why:
        raise Refused("record-tampered", "a tag") from why


# Ed25519. OpenSSL checks s < L and compares R as bytes, so that R is canonical; the rest of "strictly" is checked here.

_P = 2**255 - 19
_Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL_ORDER_Y = {0, 1, _P - 1, _Y8, _P - _Y8}


def sound_point(encoded):
    """Whether 32 bytes can be the canonical encoding of a point that has not small order."""
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    return y < _P and y not in _SMALL_ORDER_Y


def signed_by(key, signature, message):
    """Whether this is a strictly valid signature."""
    if len(key) != 32 or len(signature) != 64 or not sound_point(key) or not sound_point(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# X-Wing and HPKE: hpke.py, with what a viewer says when something is wrong.


class XWingKey(hpke.XWingKey):
    """A private key, drawn where no seed is given."""

    def __init__(self, seed=None):
        super().__init__(os.urandom(32) if seed is None else seed)

    def decapsulate(self, enc):
        if len(enc) != hpke.ENC:
            raise Refused("malformed", "an encapsulated key")
        try:
            return super().decapsulate(enc)
        except ValueError as why:  # among others: an all-zero shared secret
            raise Refused("record-tampered", "an encapsulated key") from why


class HpkeReceiver:
    """One context: opens one message, exports secrets."""

    def __init__(self, private, enc, info, psk=b"", psk_id=b""):
        self._context = hpke.Context(private.decapsulate(enc), info, psk, psk_id)

    def open(self, sealed, associated):
        return unseal(self._context.key, self._context.nonce, sealed, associated)

    def export(self, context, length):
        return self._context.export(context, length)


# Two shares, one key (3.4).


def key_and_commitment(salt, info, client_share, server_share):
    both = hkdf(salt, info, parts(client_share, server_share), 64)
    return both[:32], both[32:]


# Padding (5.2) and STREAM (5.3).


def padme(length):
    if length <= 512:
        return 512
    e = length.bit_length() - 1
    s = e.bit_length()
    mask = (1 << (e - s)) - 1
    return (length + mask) & ~mask


def chunk_count(size):
    return max(1, -(-size // CHUNK))


def sealed_length(size):
    return size + TAG * chunk_count(size)


def pad(content):
    return (len(content).to_bytes(8, "big") + content).ljust(padme(8 + len(content)), b"\0")


def unpad(padded):
    """The content; refuses a length that pads to another size, and padding that is not zero."""
    length = int.from_bytes(padded[:8], "big")
    if len(padded) < 8 or padme(8 + length) != len(padded) or any(padded[8 + length :]):
        raise Refused("record-tampered", "padding")
    return padded[8 : 8 + length]


def _nonce(index, last):
    return index.to_bytes(11, "big") + bytes([last])


def seal_stream(key, padded, associated):
    count = chunk_count(len(padded))
    return [
        seal(key, _nonce(i, i == count - 1), padded[i * CHUNK : (i + 1) * CHUNK], associated) for i in range(count)
    ]


class Stream:
    """Opens sealed chunks in their order. With a Merkle root, the last one opens only if it is the root over all of them."""

    def __init__(self, key, size, associated, root=None):
        self._key, self._associated, self._root = key, associated, root
        self._size, self._count = size, chunk_count(size)
        self._next = 0
        self._leaves = []

    def lengths(self):
        """How long each sealed chunk is."""
        return [min(CHUNK, self._size - i * CHUNK) + TAG for i in range(self._count)]

    def open(self, sealed):
        last = self._next == self._count - 1
        if self._next >= self._count or len(sealed) != self.lengths()[self._next]:
            raise Refused("record-tampered", "the length of a chunk")
        if self._root is not None:
            self._leaves.append(leaf_hash(sealed))
            if last and not same(merkle_root(self._leaves), self._root):
                raise Refused("record-tampered", "the content root")
        opened = unseal(self._key, _nonce(self._next, last), sealed, self._associated)
        self._next += 1
        return opened

    def done(self):
        return self._next == self._count


# Merkle trees: RFC 6962 section 2.1.


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def merkle_root(hashes):
    """The root over leaf hashes."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + merkle_root(hashes[:split]) + merkle_root(hashes[split:])).digest()
