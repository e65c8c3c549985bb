"""Bytes become values here, once: CBOR (section 3.1), its shapes, ids in JSON (3.2), preimages (3.3) and errors (12)."""

import base64
import hashlib
from collections import namedtuple

import cbor2

SUITE = 1
ZERO32 = bytes(32)
ZERO_HASH = ZERO32

SLUGS = dict(enumerate("""
    code-mistyped code-unknown code-wrong code-used code-expired crowded device-offline declined approval-timed-out
    paused-after-failures session-ended session-expired session-revoked session-idle build-altered budget-spent rate-limited
    not-granted record-tampered record-rolled-back chain-forked chain-rolled-back credential-invalid unsupported-suite
    unsupported-browser too-large malformed server-unreachable internal not-found unauthorised conflict not-ready pairing-broken
    channel-broken busy never-lend counter-reused
    device-revoked device-held device-doubled recovery-vetoed log-broken
""".split(), start=1))


class Refused(Exception):
    """Something is not as the protocol demands; `slug` is one of section 12, `where` says which check it was."""

    def __init__(self, slug, where):
        super().__init__(f"{slug}: {where}")
        self.slug = slug
        self.where = where


def slug_of(number):
    """The slug of an error number that came in CBOR; one that is not in the list is malformed (12)."""
    return SLUGS.get(number, "malformed")


# Shapes: functions that take a decoded value, return what it means, and raise Refused.


def _malformed(what):
    return Refused("malformed", what)


def uint(value):
    if type(value) is not int or not 0 <= value < 2**64:
        raise _malformed("an unsigned integer")
    return value


def octets(*lengths, most=None):
    """A byte string: of one of these lengths, or of at most so many bytes."""

    def check(value):
        if type(value) is not bytes:
            raise _malformed("a byte string")
        if (lengths and len(value) not in lengths) or (most is not None and len(value) > most):
            raise _malformed(f"a byte string of {len(value)} bytes")
        return value

    return check


def text(most):
    def check(value):
        if type(value) is not str or len(value.encode()) > most:
            raise _malformed("a text")
        return value

    return check


def only(expected):
    """A tag of a choice."""

    def check(value):
        if type(value) is not int or value != expected:
            raise _malformed(f"tag {expected}")
        return value

    return check


def suite(value):
    if uint(value) != SUITE:
        raise _malformed("suite")
    return value


def many(shape, most):
    def check(value):
        if type(value) is not list or len(value) > most:
            raise _malformed("a list")
        return [shape(each) for each in value]

    return check


def array(name, /, **fields):
    """An array with these elements and no other, as a named tuple."""
    made = namedtuple(name, fields)

    def check(value):
        if type(value) is not list or len(value) != len(fields):
            raise _malformed(name)
        return made(*(shape(each) for shape, each in zip(fields.values(), value)))

    return check


def choice(**shapes):
    """One of several arrays, told apart by the integer that comes first: `_1=array(...)`."""

    def check(value):
        if type(value) is not list or not value or type(value[0]) is not int:
            raise _malformed("a choice")
        shape = shapes.get(f"_{value[0]}")
        if shape is None:
            raise _malformed(f"tag {value[0]}")
        return shape(value)

    return check


def encode(value):
    return cbor2.dumps(value, canonical=True)


def decode(raw, shape, most):
    """The value in `raw`, if that is the one encoding of it: decode, encode again, compare."""
    if len(raw) > most:
        raise _malformed("too long")
    try:
        value = cbor2.loads(raw, allow_indefinite=False, max_depth=8)
        again = encode(value)
    except Exception as why:
        raise _malformed("CBOR") from why
    if again != raw:
        raise _malformed("not the canonical encoding")
    return shape(value)


# Ids and opaque fields in JSON and in URLs.


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(written, length=None):
    try:
        raw = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
    except (ValueError, TypeError) as why:
        raise _malformed("base64url") from why
    if b64(raw) != written or (length is not None and len(raw) != length):
        raise _malformed("base64url")
    return raw


# Preimages.


def H(preimage):
    return hashlib.sha256(preimage).digest()


def n8(number):
    return number.to_bytes(8, "big")


def b1(number):
    return number.to_bytes(1, "big")


def parts(*each):
    """`lp` without a label: every part as a 32-bit big-endian length and its bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in each)


def lp(label, *rest):
    """`lp` with the label that comes first, which the page writes without its beginning."""
    return parts(b"glimpse/v1/" + label.encode(), *rest)
