"""The files of vectors/, and the viewer of pairing.json as far as a test needs it to have come."""

import json
from pathlib import Path

import preimages
from cipher import XWingKey
from owner import HELLO_CORE
from pairing import MESSAGE, OFFER, Pairing
from session import TERMS, Receipts
from wire import H, decode

VECTORS = Path(__file__).resolve().parent.parent.parent / "vectors"


class File:
    """A file of vectors: hex as bytes, the rest as it is."""

    def __init__(self, name):
        self.json = json.loads((VECTORS / name).read_text())

    def __getattr__(self, name):
        value = self.json[name]
        return bytes.fromhex(value) if isinstance(value, str) else value


ACCOUNT, PAIRING, SESSION, RECEIPTS = (File(f"{name}.json") for name in ("account", "pairing", "session", "receipts"))


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
