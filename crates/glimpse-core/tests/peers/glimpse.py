"""Glimpse, suite 1, as docs/protocol.md states it: written from that page, on python-spake2 and pyca/cryptography.

It shares no line with the Rust crates. Section numbers are those of the page.
"""

import hashlib
import hmac
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from spake2 import SPAKE2_A, SPAKE2_B

# The viewer in e2e/peers and the peers here share HKDF, X-Wing and HPKE. Last on the path: some of its files are called as those here.
sys.path.append(str(Path(__file__).resolve().parents[4] / "e2e" / "peers"))

from hpke import Context as Hpke, XWingKey, encapsulate as xwing_encapsulate, expand, extract, hkdf  # noqa: E402

SUITE = 1
VIEW, LINK = 1, 3
VIEWER, DEVICE = 1, 2


# 3.1 CBOR: unsigned integers, byte strings, texts, arrays, booleans.

def _head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for extra, length in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * length):
            return bytes([major << 5 | extra]) + number.to_bytes(length, "big")
    raise ValueError("too large")


def encode(value):
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    return _head(4, len(value)) + b"".join(encode(item) for item in value)


def _decode(data, at):
    first = data[at]
    major, extra = first >> 5, first & 31
    if first in (0xF4, 0xF5):
        return first == 0xF5, at + 1
    at += 1
    if extra < 24:
        number = extra
    else:
        length = {24: 1, 25: 2, 26: 4, 27: 8}[extra]
        number = int.from_bytes(data[at:at + length], "big")
        at += length
    if major == 0:
        return number, at
    if major in (2, 3):
        body = data[at:at + number]
        if len(body) != number:
            raise ValueError("cut")
        return (bytes(body) if major == 2 else body.decode()), at + number
    if major == 4:
        items = []
        for _ in range(number):
            item, at = _decode(data, at)
            items.append(item)
        return items, at
    raise ValueError("not of this protocol")


def decode(data):
    """One value that fills `data`, in its one encoding."""
    try:
        value, end = _decode(data, 0)
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise ValueError("malformed") from error
    if end != len(data) or encode(value) != data:
        raise ValueError("malformed")
    return value


# 3.3 Preimages, 3.4 Derivations.

def sha256(data):
    return hashlib.sha256(data).digest()


def lp(*parts):
    out = b""
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        out += len(part).to_bytes(4, "big") + part
    return out


def n8(number):
    return number.to_bytes(8, "big")


def labelled(label, *parts):
    return lp("glimpse/v1/" + label, *parts)


def committed(salt, label, data):
    """Key and commitment."""
    both = hkdf(salt, labelled(label), data, 64)
    return both[:32], both[32:]


def h0(header):
    suite, account, record, version, previous, epoch, author, created, salt, size = header
    return sha256(labelled(
        "record/h0", bytes([suite]), account, record, n8(version), previous, n8(epoch), author, n8(created), salt,
        n8(size)))


def h1(envelope):
    header, kid, wrapped, commit_meta, sealed_meta, commit_content, root = envelope[:7]
    return sha256(labelled(
        "record/h1", h0(header), n8(kid), wrapped, commit_meta, commit_content,
        sha256(labelled("record/sealed-meta", sealed_meta)), root))


# 5.2 Padding, 5.3 STREAM.

def padme(length):
    if length <= 512:
        return 512
    e = length.bit_length() - 1
    s = e.bit_length()
    mask = (1 << (e - s)) - 1
    return (length + mask) & ~mask


def padded(length):
    return padme(length + 8)


CHUNK = 65536


def seal_stream(key, aad, content):
    plain = n8(len(content)) + content
    plain += bytes(padded(len(content)) - len(plain))
    pieces = [plain[i:i + CHUNK] for i in range(0, len(plain), CHUNK)]
    return [
        ChaCha20Poly1305(key).encrypt(i.to_bytes(11, "big") + bytes([i == len(pieces) - 1]), piece, aad)
        for i, piece in enumerate(pieces)]


def open_stream(key, aad, chunks):
    plain = b"".join(
        ChaCha20Poly1305(key).decrypt(i.to_bytes(11, "big") + bytes([i == len(chunks) - 1]), chunk, aad)
        for i, chunk in enumerate(chunks))
    length = int.from_bytes(plain[:8], "big")
    if padded(length) != len(plain) or any(plain[8 + length:]):
        raise ValueError("does not open")
    return plain[8:8 + length]


def merkle(leaves):
    """RFC 6962 section 2.1."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + merkle(leaves[:split]) + merkle(leaves[split:]))


# 6.1 The code.

DAMM = [[int(digit) for digit in row] for row in (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790")]


def damm(digits):
    interim = 0
    for digit in digits:
        interim = DAMM[interim][int(digit)]
    return interim


def code_parts(digits, *lengths):
    """Nameplate and secret of a code that is only digits; the secret has one of these lengths, six unless others are named."""
    nameplate = {8: 5, 9: 7}.get(int(digits[0]), 3)
    if len(digits) - nameplate - 1 not in (lengths or (6,)) or damm(digits) != 0:
        raise ValueError("code-mistyped")
    return digits[:nameplate], digits[nameplate:-1]


def grouped(digits):
    fours = len(digits) % 3
    threes = (len(digits) - 4 * fours) // 3
    cut = [digits[3 * i:3 * i + 3] for i in range(threes)]
    rest = digits[3 * threes:]
    return " ".join(cut + [rest[4 * i:4 * i + 4] for i in range(fours)])


# 2: X-Wing. HPKE's key schedule is `Hpke`, from hpke.py.

def xwing_public(seed):
    return XWingKey(seed).public


def xwing_decapsulate(seed, enc):
    return XWingKey(seed).decapsulate(enc)


# 6.2 to 6.4 The pairing.

def password(nameplate, secret, offer):
    salt = sha256(labelled("pairing/stretch", offer))
    return Argon2id(salt=salt, length=32, iterations=5, lanes=1, memory_cost=7168).derive(lp(nameplate, secret))


def side_id(side, purpose, nameplate, offer, core):
    label = "pairing/side-a" if side == VIEWER else "pairing/side-b"
    return sha256(labelled(label, bytes([purpose]), nameplate, offer, core))


def pake(side, pw, nameplate, offer, core, purpose=VIEW):
    kind = SPAKE2_A if side == VIEWER else SPAKE2_B
    ids = [side_id(each, purpose, nameplate, offer, core) for each in (VIEWER, DEVICE)]
    return kind(pw, idA=ids[0], idB=ids[1])


class PairingKeys:
    def __init__(self, output, nameplate, offer, hello, answer, purpose=VIEW):
        self.transcript = sha256(labelled(
            "pairing/transcript", bytes([purpose]), nameplate, offer, hello, answer))
        self.prk = extract(self.transcript, output)
        self.session = sha256(labelled("pairing/session-id", self.transcript))[:16]
        self.psk = self.key("psk")

    def key(self, name):
        return expand(self.prk, labelled("pairing/" + name), 32)

    def confirm_a(self, nonce, sealed):
        return self._mac("confirm-a", nonce, sealed)

    def confirm_b(self, confirm_a, sealed):
        return self._mac("confirm-b", confirm_a, sealed)

    def _mac(self, name, *parts):
        message = labelled("pairing/" + name, self.transcript, *parts)
        return hmac.new(self.key(name), message, hashlib.sha256).digest()

    def seal(self, name, plaintext):
        return ChaCha20Poly1305(self.key(name)).encrypt(bytes(12), plaintext, self.transcript)

    def open(self, name, ciphertext):
        return ChaCha20Poly1305(self.key(name)).decrypt(bytes(12), ciphertext, self.transcript)

    def introduction_preimage(self, credential=b"", case="", reason=""):
        return labelled("pairing/introduction", self.transcript, credential, case, reason)

    def words_bits(self, nonce):
        return expand(self.prk, labelled("pairing/words", nonce), 3)

    def grant_preimage(self, viewer_kem, terms, enc, ciphertext):
        return labelled(
            "session/grant", self.transcript, sha256(labelled("session/viewer-kem", viewer_kem)), terms,
            sha256(labelled("session/grant-sealed", enc, ciphertext)))


def two_words(bits, words):
    number = int.from_bytes(bits, "big")
    return words[number >> 13] + " " + words[number >> 2 & 0x7FF]


# 7 The session.

def terms_hash(terms):
    return sha256(labelled("session/terms", terms))


def unit_aad(session, unit, salt, terms):
    return sha256(labelled("session/unit-aad", session, unit, salt, terms))


def live_nonce_aad(session, sender, counter):
    return bytes(4) + n8(counter), labelled("live/aad", session, bytes([sender]), n8(counter))


def linking_nonce_aad(transcript, counter):
    return bytes(4) + n8(counter), labelled("linking/aad", transcript, n8(counter))


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def receipt_hash(receipt):
    return sha256(labelled("session/receipt", receipt))


def verify(key, preimage, signature):
    Ed25519PublicKey.from_public_bytes(key).verify(signature, preimage)


def sign(seed, preimage):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(preimage)


def signing_key(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
