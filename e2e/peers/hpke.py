"""HKDF (RFC 5869), X-Wing (draft-connolly-cfrg-xwing-kem) and the key schedule of HPKE (RFC 9180), for both Python peers: the viewer of
this folder and the pair in crates/glimpse-core/tests/peers.

PyPI's `cryptography` has X-Wing inside HPKE's base mode only, so it is put together here from its ML-KEM-768 and X25519. Its shared
secret is the KEM's, as it is: HPKE's own ExtractAndExpand is not used. Whatever does not fit or open raises what `cryptography` raises:
ValueError or InvalidTag.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

ENC = 1120
_OF_MLKEM = 1088
_MLKEM_PUBLIC = 1184


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def extract(salt, secret):
    """HKDF-Extract; without a salt it is 32 zero bytes."""
    return mac(salt or bytes(32), secret)


def expand(prk, info, length):
    """HKDF-Expand."""
    out, block = b"", b""
    for count in range(1, -(-length // 32) + 1):
        block = mac(prk, block + info + bytes([count]))
        out += block
    return out[:length]


def hkdf(salt, info, secret, length):
    return expand(extract(salt, secret), info, length)


def _combined(of_mlkem, of_x25519, point, public):
    return hashlib.sha3_256(of_mlkem + of_x25519 + point + public + rb"\.//^" + b"\\").digest()


def encapsulate(public):
    """(enc, shared secret)"""
    of_mlkem, ciphertext = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC]).encapsulate()
    ephemeral = X25519PrivateKey.generate()
    of_x25519 = ephemeral.exchange(X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]))
    point = ephemeral.public_key().public_bytes_raw()
    return ciphertext + point, _combined(of_mlkem, of_x25519, point, public[_MLKEM_PUBLIC:])


class XWingKey:
    """A private key, of 32 bytes of seed."""

    def __init__(self, seed):
        expanded = hashlib.shake_256(seed).digest(96)
        self.mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        self.x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._x25519_public = self.x25519.public_key().public_bytes_raw()
        self.public = self.mlkem.public_key().public_bytes_raw() + self._x25519_public

    def decapsulate(self, enc):
        if len(enc) != ENC:
            raise ValueError("an encapsulated key of another length")
        point = enc[_OF_MLKEM:]
        of_x25519 = self.x25519.exchange(X25519PublicKey.from_public_bytes(point))
        return _combined(self.mlkem.decapsulate(enc[:_OF_MLKEM]), of_x25519, point, self._x25519_public)


_SUITE = b"HPKE" + bytes.fromhex("647a" "0001" "0003")
_MODE_BASE, _MODE_PSK = b"\0", b"\1"


def _labeled_extract(salt, label, secret):
    return extract(salt, b"HPKE-v1" + _SUITE + label + secret)


def _labeled_expand(prk, label, info, length):
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + _SUITE + label + info, length)


class Context:
    """RFC 9180 section 5.1, from the shared secret on; base mode without a PSK, PSK mode with one. It seals or opens one message."""

    def __init__(self, shared, info, psk=b"", psk_id=b""):
        mode = _MODE_PSK if psk else _MODE_BASE
        context = mode + _labeled_extract(b"", b"psk_id_hash", psk_id) + _labeled_extract(b"", b"info_hash", info)
        secret = _labeled_extract(shared, b"secret", psk)
        self.key = _labeled_expand(secret, b"key", context, 32)
        self.nonce = _labeled_expand(secret, b"base_nonce", context, 12)
        self._exporter = _labeled_expand(secret, b"exp", context, 32)

    def seal(self, associated, plaintext):
        return ChaCha20Poly1305(self.key).encrypt(self.nonce, plaintext, associated)

    def open(self, associated, sealed):
        return ChaCha20Poly1305(self.key).decrypt(self.nonce, sealed, associated)

    def export(self, context, length=32):
        """Section 5.3."""
        return _labeled_expand(self._exporter, b"sec", context, length)
