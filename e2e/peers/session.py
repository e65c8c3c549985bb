"""What a viewer checks in a session: grants, receipts, units, live messages (section 7). Nothing here speaks to anyone."""

from collections import namedtuple

import preimages
from cipher import HpkeReceiver, Stream, key_and_commitment, padme, same, seal, signed_by, unseal
from pairing import HEAD, MESSAGE, signed_statement
from wire import SUITE, ZERO32, H, Refused, array, choice, decode, encode, lp, many, octets, only, suite, text, uint

VIEWER, DEVICE, ANOTHER = 1, 2, 3
TWO_HOURS = 2 * 60 * 60 * 1000
UNITS_IN_GRANT, UNITS_IN_SESSION = 256, 16_384
VIEW, SAVE = 1, 2
ORIGINS = (0, 1, 2)
NOT_GRANTED, COUNTER_REUSED = 18, 38
SESSION_ENDED = 11
ENDINGS = (SESSION_ENDED, 12, 13, 14)
NOTED_REFUSALS = 64
MOST_OPENED = 8 * 1024 * 1024

UNIT = choice(
    _1=array("SealedUnit", tag=only(1), id=octets(16)),
    _2=array("BlobUnit", tag=only(2), id=octets(16), h0=octets(32)),
)
TERMS = array(
    "Terms",
    suite=suite,
    session=octets(16),
    account=octets(32),
    viewer=octets(32),
    units=many(UNIT, UNITS_IN_GRANT),
    rights=uint,
    budget=uint,
    rate=uint,
    issued=uint,
    expires=uint,
    head=HEAD,
    seq=uint,
    asked=octets(32),
    withheld=uint,
)
META = array(
    "Meta",
    title=text(512),
    kind=text(64),
    content_type=text(512),
    file_name=text(512),
    tags=many(text(64), 32),
    length=uint,
    policy=uint,
    sender=text(512),
    created=uint,
)
ENTRY = array("Entry", unit=octets(16), client_share=octets(32), meta=META, origin=uint, withheld=uint)
GRANT_BODY = array("GrantBody", entries=many(ENTRY, UNITS_IN_GRANT))
UNIT_ENVELOPE = array(
    "UnitEnvelope",
    suite=suite,
    session=octets(16),
    unit=octets(16),
    salt=octets(32),
    terms_hash=octets(32),
    commit=octets(32),
    size=uint,
)
OPENED = array(
    "Opened",
    envelope=octets(most=4096),
    server_share=octets(32),
    receipts=many(octets(most=MESSAGE), 1 << 20),
)
BLOB = array("Blob", key=octets(32), h0=octets(32), size=uint, content_root=octets(32))

_REQUEST = octets(most=1024)
EVENT = choice(
    _1=array(
        "Granted",
        tag=only(1),
        terms=octets(most=MESSAGE),
        transcript=octets(32),
        viewer_kem_hash=octets(32),
        grant_sealed_hash=octets(32),
        signature=octets(64),
    ),
    _2=array("OpenedUnit", tag=only(2), request=_REQUEST, signature=octets(64)),
    _3=array("RefusedOpening", tag=only(3), error=uint, request=_REQUEST, signature=octets(64)),
    _4=array("Ended", tag=only(4), error=uint, end=_REQUEST, signature=octets(64)),
    _5=array("Deleted", tag=only(5), statement=_REQUEST, signature=octets(64)),
    _6=array("Countersigned", tag=only(6), head=octets(32), signature=octets(64)),
)
RECEIPT = array(
    "Receipt", suite=suite, session=octets(16), seq=uint, previous=octets(32), at=uint, event=EVENT
)
OPEN_REQUEST = array(
    "OpenRequest",
    suite=suite,
    session=octets(16),
    unit=octets(16),
    start=uint,
    stop=uint,
    counter=uint,
    last_receipt=octets(32),
)
END = array("End", suite=suite, session=octets(16), side=uint, last_receipt=octets(32), at=uint)
DESTROYED = array(
    "Destroyed", suite=suite, server=octets(32), session=octets(16), head=octets(32), at=uint, units=uint
)
STOP = array(
    "Stop", suite=suite, session=octets(16), account=octets(32), device=octets(32), at=uint, head=HEAD
)
LIVE_FROM_DEVICE = choice(
    _3=array("Ready", tag=only(3), units=many(octets(16), UNITS_IN_SESSION)),
    _4=array("Unavailable", tag=only(4), unit=octets(16), error=uint),
    _7=array("No", tag=only(7)),
    _8=array("Over", tag=only(8), error=uint),
    _9=array("Newest", tag=only(9), seq=uint, head=octets(32)),
)

Unit = namedtuple("Unit", "number id h0 client_share meta origin withheld terms_hash")


def _tampered(where):
    return Refused("record-tampered", where)


class Receipts:
    """The chain of receipts, as far as it is held here (7.3)."""

    def __init__(self, session, transcript, viewer_kem_hash, device_key, viewer_key):
        self._session, self._transcript, self._viewer_kem_hash = session, transcript, viewer_kem_hash
        self._device_key, self._viewer_key = device_key, viewer_key
        self._ended = False
        self._hashes = []
        self._units, self._used, self._refusals = set(), {}, 0
        self.newest = None

    @property
    def count(self):
        return len(self._hashes)

    @property
    def head(self):
        """The hash of the newest receipt that is held; zero for none."""
        return self._hashes[-1] if self._hashes else ZERO32

    def agree(self, seq, head):
        """Refuses what another end says of a receipt that is held here as another one."""
        if seq < self.count and self._hashes[seq] != head:
            raise _tampered("the other end holds another receipt")

    def take(self, raw):
        """Takes the next receipt, if it chains onto what is held and whoever it is about signed it."""
        receipt = decode(raw, RECEIPT, MESSAGE)
        if (receipt.session, receipt.seq, receipt.previous) != (self._session, self.count, self.head):
            raise _tampered("the receipts do not chain")
        self._check(receipt.event, receipt.at)
        self._hashes.append(H(preimages.receipt_hash(raw)))
        self.newest = receipt.event

    def _check(self, event, at):
        kind = type(event).__name__
        if self.count == 0 and kind != "Granted":
            raise _tampered("the first receipt is not of a grant")
        if self._ended and kind not in ("Deleted", "Countersigned"):
            raise _tampered("a receipt that cannot follow the end")
        if kind == "Granted":
            ours = (event.transcript, event.viewer_kem_hash) == (self._transcript, self._viewer_kem_hash)
            signed = preimages.grant_signature(
                event.transcript, event.viewer_kem_hash, event.terms, event.grant_sealed_hash
            )
            sound = ours and signed_by(self._device_key, event.signature, signed)
            self._units.update(unit.id for unit in decode(event.terms, TERMS, MESSAGE).units)
        elif kind in ("OpenedUnit", "RefusedOpening"):
            sound = signed_by(self._viewer_key, event.signature, preimages.statement("session/open", event.request))
            sound = sound and self._fits(event, getattr(event, "error", None))
        elif kind == "Ended":
            self._ended = True
            sound = self._ended_by_whom(event) is not None
        elif kind == "Countersigned":
            statement = encode([SUITE, self._session, event.head, self.count - 1])
            signed = preimages.statement("session/countersign", statement)
            sound = event.head == self.head and signed_by(self._device_key, event.signature, signed)
        else:
            sound = self._ended and self._destroyed(event, at)
        if not sound:
            raise _tampered(f"a receipt: {kind}")

    def _fits(self, event, error):
        """Whether a request can have been answered so: an opening, or one of the two refusals that are noted (7.2)."""
        request = decode(event.request, OPEN_REQUEST, 1024)
        if request.session != self._session:
            return False
        if error == COUNTER_REUSED:
            there = self._used.get(request.counter)
            fits = self._refusals >= NOTED_REFUSALS if there is None else there != event.request
        else:
            lent = request.unit in self._units
            fits = request.counter > max(self._used, default=0) and lent == (error is None)
            fits = fits and error in (None, NOT_GRANTED) and request.last_receipt in [ZERO32, *self._hashes]
            self._used[request.counter] = event.request
        self._refusals += error is not None
        return fits

    def _destroyed(self, event, at):
        """Whether a server signed it for this place. Whether it is the server that somebody met, that somebody tells."""
        word = decode(event.statement, DESTROYED, 1024)
        fits = (word.session, word.head, word.at) == (self._session, self.head, at)
        return fits and signed_by(word.server, event.signature, preimages.statement("session/destroyed", event.statement))

    def _ended_by_whom(self, event):
        """0 the server, or the side that signed; None when nobody did. Whether it is a Stop, the account's chain tells."""
        if event.end == b"":
            return 0 if event.signature == bytes(64) and event.error in ENDINGS else None
        if event.error != SESSION_ENDED:
            return None
        try:
            end = decode(event.end, END, 1024)
        except Refused:
            stop = decode(event.end, STOP, 1024)
            return ANOTHER if stop.session == self._session else None
        key = {VIEWER: self._viewer_key, DEVICE: self._device_key}.get(end.side)
        if key is None or end.session != self._session:
            return None
        return end.side if signed_by(key, event.signature, preimages.statement("session/end", event.end)) else None


class Session:
    """Everything that was granted, and the keys that follow from it."""

    def __init__(self, pairing):
        self._pairing, self._identity = pairing, pairing.identity
        self.id = pairing.session
        self.kem_hash = H(preimages.viewer_kem_hash(pairing.kem.public))
        self.receipts = Receipts(
            self.id, pairing.transcript, self.kem_hash, self._identity.signing, pairing.signing_key
        )
        self.units, self._by_id = [], {}
        self.terms = None
        self.first_issued = None
        self._openings = 0
        self._sent = self._received = 0

    def take_grant(self, grant):
        """Checks and opens a grant (7.1); returns the units that it adds."""
        try:
            return self._take_grant(grant)
        except Refused as why:
            raise _tampered(str(why)) from why

    def _take_grant(self, grant):
        pairing, identity = self._pairing, self._identity
        sealed_hash = H(preimages.grant_sealed_hash(grant.enc, grant.ciphertext))
        signed = preimages.grant_signature(pairing.transcript, self.kem_hash, grant.terms, sealed_hash)
        if not signed_by(identity.signing, grant.signature, signed):
            raise _tampered("the signature of a grant")
        terms = decode(grant.terms, TERMS, MESSAGE)
        if (terms.session, terms.account, terms.viewer) != (self.id, identity.account, pairing.signing_key):
            raise _tampered("Terms of another session, account or viewer")
        if terms.seq != (self.terms.seq if self.terms else 0) + 1:
            raise _tampered("the number of Terms")
        if terms.asked != ZERO32:
            raise _tampered("Terms for somebody who asked")
        if terms.head.seq < identity.head.seq:
            raise _tampered("the head in Terms")
        if terms.rights not in (VIEW, VIEW | SAVE):
            raise _tampered("the rights in Terms")
        if terms.expires <= terms.issued:
            raise _tampered("Terms that end before they begin")

        context = HpkeReceiver(pairing.kem, grant.enc, pairing.transcript, pairing.psk, self.id)
        entries = decode(context.open(grant.ciphertext, grant.terms), GRANT_BODY, MESSAGE).entries
        if [entry.unit for entry in entries] != [unit.id for unit in terms.units]:
            raise _tampered("the units of a grant are not those of its Terms")
        if sum(entry.withheld for entry in entries) != terms.withheld:
            raise _tampered("the number of fields withheld")
        if any(entry.origin not in ORIGINS for entry in entries):
            raise _tampered("the origin of a record")
        ids = [unit.id for unit in terms.units]
        if len(set(ids)) != len(ids) or any(each in self._by_id for each in ids):
            raise _tampered("a unit comes twice")
        if len(self.units) + len(ids) > UNITS_IN_SESSION:
            raise _tampered("units in a session")

        if self.terms is None:
            self.first_issued = terms.issued
            self._keys = [
                context.export(b"glimpse/v1/live/viewer-to-device", 32),
                context.export(b"glimpse/v1/live/device-to-viewer", 32),
            ]
        self.terms = terms
        terms_hash = H(preimages.terms_hash(grant.terms))
        added = []
        for listed, entry in zip(terms.units, entries):
            h0 = listed.h0 if listed.tag == 2 else None
            number = len(self.units)
            if h0 is not None and entry.withheld:
                raise _tampered("fields withheld from a blob")
            unit = Unit(
                number, entry.unit, h0, entry.client_share, entry.meta, entry.origin, entry.withheld, terms_hash
            )
            self.units.append(unit)
            self._by_id[unit.id] = unit
            added.append(unit)
        return added

    def lasts(self):
        """Milliseconds from the first grant to the end."""
        return min(max(self.terms.expires - self.first_issued, 0), TWO_HOURS)

    # Opening (7.2).

    def request(self, unit, chunks):
        """A signed OpenRequest, for the chunks 0 to `chunks`. The number is used up by `take_opened`."""
        statement = encode([SUITE, self.id, unit.id, 0, chunks, self._openings + 1, self.receipts.head])
        signature = self._pairing.signing.sign(preimages.statement("session/open", statement))
        return [statement, signature]

    def take_opened(self, unit, raw, request):
        """Checks an answer to `request`; returns the stream that opens the unit's chunks."""
        opened = decode(raw, OPENED, MOST_OPENED)
        self._openings += 1
        envelope = decode(opened.envelope, UNIT_ENVELOPE, 4096)
        if (envelope.session, envelope.unit, envelope.terms_hash) != (self.id, unit.id, unit.terms_hash):
            raise _tampered("an envelope of another session, unit or Terms")
        if unit.h0 is None and envelope.size != padme(8 + unit.meta.length):
            raise _tampered("the size of a unit")
        if unit.h0 is not None and envelope.size != padme(8 + BLOB_LENGTH_MOST):
            raise _tampered("the size of a blob unit")
        for each in opened.receipts:
            self.receipts.take(each)
        newest = self.receipts.newest
        if not opened.receipts or type(newest).__name__ != "OpenedUnit" or [newest.request, newest.signature] != request:
            raise _tampered("the last receipt is not the opening's own")
        info = lp("session/unit-key")
        key, commit = key_and_commitment(envelope.salt, info, unit.client_share, opened.server_share)
        if not same(commit, envelope.commit):
            raise _tampered("the commitment of a unit")
        associated = H(preimages.unit_associated_data(self.id, unit.id, envelope.salt, envelope.terms_hash))
        return Stream(key, envelope.size, associated)

    def blob(self, unit, content):
        """The stream of a record version that a blob unit holds the key of."""
        blob = decode(content, BLOB, 1024)
        if blob.h0 != unit.h0 or blob.size != padme(8 + unit.meta.length):
            raise _tampered("a blob of another record version or size")
        return Stream(blob.key, blob.size, blob.h0, blob.content_root)

    # The live channel (7.4).

    def seal_live(self, message):
        counter, self._sent = self._sent, self._sent + 1
        associated = preimages.live_associated_data(self.id, VIEWER, counter)
        return encode([6, counter, seal(self._keys[0], live_nonce(counter), encode(message), associated)])

    def open_live(self, live):
        if self.terms is None or live.counter != self._received:
            raise Refused("channel-broken", "the counter of a live message")
        associated = preimages.live_associated_data(self.id, DEVICE, live.counter)
        try:
            raw = unseal(self._keys[1], live_nonce(live.counter), live.ciphertext, associated)
        except Refused as why:
            raise Refused("channel-broken", "a live message") from why
        self._received += 1
        return decode(raw, LIVE_FROM_DEVICE, MESSAGE)

    def newest(self):
        """The live message that tells the newest receipt this viewer holds, or None."""
        return [9, self.receipts.count - 1, self.receipts.head] if self.receipts.count else None

    def end(self, at):
        return signed_statement(
            self._pairing.signing, "session/end", [SUITE, self.id, VIEWER, self.receipts.head, at]
        )


BLOB_LENGTH_MOST = 1 + 34 + 34 + 9 + 34
"""The longest encoding of a blob unit's content; all of them pad to the same size."""


def live_nonce(counter):
    return bytes(4) + counter.to_bytes(8, "big")
