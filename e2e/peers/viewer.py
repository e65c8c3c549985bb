"""A viewer of Glimpse in another language, written from docs/protocol.md alone.

    python3 viewer.py --server http://127.0.0.1:8080 417 203 9186

It says what happens in lines of JSON, opens what was lent, ends the session by itself and exits 0. Any refusal ends it with exit code 1
and the slug of section 12.
"""

import argparse
import hashlib
import json
import os
import sys
import time

from cipher import chunk_count, padme, unpad
from pairing import Pairing, expect, read_message
from server import Http, Mailbox
from session import Session
from typed_code import read_code
from wire import Refused, b64, encode, slug_of

PROGRAM = "glimpse-peer 1, Python"
ANSWER_SECONDS, APPROVAL_SECONDS, READY_SECONDS = 30, 130, 60
RATE_SECONDS = 90
IDLE_SECONDS = 15 * 60
ENDS = ("session-ended", "session-expired", "session-revoked", "session-idle")
RANGE_CHUNKS = 32


def say(event, **fields):
    print(json.dumps({"event": event, **fields}, ensure_ascii=False), flush=True)


class Ended(Exception):
    """The other end or the server ended the session, or its time is up."""

    def __init__(self, slug):
        super().__init__(slug)
        self.slug = slug


class Viewer:
    """The steps of section 11."""

    def __init__(self, options):
        self.options = options
        self.http = Http(options.server)
        self.ready, self.unavailable = set(), {}
        self.session = self.granted_at = None
        self.later = []

    # Steps 1 to 4.

    def pair(self):
        nameplate, secret = read_code(" ".join(self.options.code))
        mailbox, token, offer, now = self.http.claim(nameplate)
        self.clock_offset = now - int(time.time() * 1000)
        self.pairing = Pairing(offer, mailbox, nameplate, secret, PROGRAM, origin=self.options.origin)
        self.mailbox = Mailbox(self.http.base, mailbox, token)
        self.mailbox.send(self.pairing.hello)
        self.mailbox.send(self.pairing.confirm(self._next(ANSWER_SECONDS), self.options.case, self.options.reason))
        identity = self.pairing.identify(self._next(ANSWER_SECONDS))
        say("words", words=self.pairing.words, session=b64(self.pairing.session), name=identity.name)

    def _next(self, seconds):
        body = self.mailbox.receive(seconds)
        if body is None:
            raise Refused("pairing-broken", "no answer in time")
        return body

    # Step 5.

    def wait_for_grant(self):
        body = self.mailbox.receive(APPROVAL_SECONDS)
        if body is None:
            raise Refused("approval-timed-out", "no grant in time")
        grant = expect(read_message(body), "Grant").grant
        session = Session(self.pairing)
        added = session.take_grant(grant)
        self.session, self.granted_at = session, time.monotonic()
        self._say_granted("granted", added)

    def _say_granted(self, event, added):
        terms = self.session.terms
        say(
            event,
            session=b64(self.session.id),
            lasts=self.session.lasts(),
            save=bool(terms.rights & 2),
            budget=terms.budget,
            rate=terms.rate,
            units=len(added),
        )
        for unit in added:
            meta = unit.meta
            say(
                "unit",
                n=unit.number,
                unit=b64(unit.id),
                title=meta.title,
                kind=meta.kind,
                content_type=meta.content_type,
                file_name=meta.file_name,
                tags=meta.tags,
                length=meta.length,
                sender=meta.sender,
                created=meta.created,
                origin=unit.origin,
                blob=unit.h0 is not None,
            )

    # Step 7: whatever comes while something else is going on.

    def pump(self, seconds):
        """Takes one message, if one comes in this time. Returns whether one came."""
        left = self.granted_at + self.session.lasts() / 1000 - time.monotonic()
        if left <= 0:
            raise Ended("session-expired")
        try:
            body = self.mailbox.receive(min(seconds, left))
        except Refused as why:
            if why.where == "Over":
                raise Ended(why.slug) from why
            raise
        if body is None:
            return False
        message = read_message(body)
        kind = type(message).__name__
        if kind == "Grant":
            added = self.session.take_grant(message.grant)
            self.later += added
            self._say_granted("changed", added)
        elif kind == "Live":
            self._live(self.session.open_live(message))
        elif kind == "Abort":
            raise Ended(slug_of(message.error))
        else:
            raise Refused("malformed", f"{kind} in a session")
        return True

    def _live(self, said):
        kind = type(said).__name__
        if kind == "Ready":
            self.ready.update(said.units)
        elif kind == "Unavailable":
            self.unavailable[said.unit] = slug_of(said.error)
        elif kind == "No":
            say("no")
        elif kind == "Over":
            raise Ended(slug_of(said.error))
        elif kind == "Newest":
            self.session.receipts.agree(said.seq, said.head)
            say("newest", seq=said.seq, head=b64(said.head))

    def tell(self, message):
        self.mailbox.send(self.session.seal_live(message))

    # Step 6.

    def open(self, unit):
        if unit.id not in self.ready:
            self.pump(0.05)
        if unit.id not in self.ready:
            self.tell([2, unit.id])
        until = time.monotonic() + READY_SECONDS
        while unit.id not in self.ready:
            if unit.id in self.unavailable:
                say("unavailable", n=unit.number, unit=b64(unit.id), code=self.unavailable.pop(unit.id))
                return False
            if time.monotonic() > until:
                raise Refused("not-ready", "the device did not say Ready")
            self.pump(1)
        length = unit.meta.length
        content = self._read_blob(unit) if unit.h0 else self._read(self._opened(unit), unit, "content")
        if len(content) != length:
            raise Refused("record-tampered", "the length of the content")
        self.tell([1, unit.id])
        self.tell(self.session.newest())
        said = {"n": unit.number, "unit": b64(unit.id), "title": unit.meta.title, "length": len(content)}
        said["sha256"] = hashlib.sha256(content).hexdigest()
        if self.options.out:
            os.makedirs(self.options.out, exist_ok=True)
            said["file"] = os.path.join(self.options.out, f"{unit.number:03}")
            with open(said["file"], "wb") as file:
                file.write(content)
        say("opened", receipts=self.session.receipts.count, **said)
        return True

    def _opened(self, unit):
        """The stream of the unit's own chunks, after the server counted the opening."""
        chunks = 1 if unit.h0 else chunk_count(_padded(unit))
        request = self.session.request(unit, chunks)
        until = time.monotonic() + RATE_SECONDS
        while True:
            try:
                answer = self.http.open_unit(self.session.id, encode(request))
                return self.session.take_opened(unit, answer, request)
            except Refused as why:
                # Too fast: the number is still free, and the same request may come again.
                if why.slug != "rate-limited" or time.monotonic() > until:
                    raise
                self.pump(2)

    def _read_blob(self, unit):
        key = self._read(self._opened(unit), unit, "content")
        return self._read(self.session.blob(unit, key), unit, "blob")

    def _read(self, stream, unit, what):
        lengths, start, opened = stream.lengths(), 0, []
        while lengths:
            batch, lengths = lengths[:RANGE_CHUNKS], lengths[RANGE_CHUNKS:]
            raw = self.http.content(self.session.id, unit.id, what, start, sum(batch))
            start += sum(batch)
            for each in batch:
                opened.append(stream.open(raw[:each]))
                raw = raw[each:]
        return unpad(b"".join(opened))

    # The end.

    def end(self):
        self.tell([8, 11])
        try:
            self.http.end(self.session.id, self.session.end(int(time.time() * 1000) + self.clock_offset))
        except Refused as why:
            if why.slug != "session-ended":  # the device heard the live message first, and ended it there
                raise
        say("ended", code="session-ended", by="viewer")

    def run(self):
        options = self.options
        self.pair()
        self.wait_for_grant()
        try:
            for unit in list(self.session.units):
                if options.open is None or unit.number in options.open:
                    self.open(unit)
            if options.drop:
                self.mailbox.drop()
            if options.ask_time:
                self.tell([5, options.ask_time])
            if options.ask_record:
                self.tell([6, options.ask_record])
            self._stay()
            self.end()
        except Ended as why:
            self._ended(why.slug)
        except Refused as why:
            if why.slug not in ENDS:
                raise
            self._ended(why.slug)
        finally:
            self.mailbox.close()

    def _ended(self, slug):
        """The other end or the server ended it, which is how a viewer that stays expects it."""
        say("ended", code=slug, by="other")
        if not self.options.stay:
            raise Refused(slug, "it ended before everything was opened")

    def _stay(self):
        until = time.monotonic() + min(self.options.stay, IDLE_SECONDS)
        while (left := until - time.monotonic()) > 0:
            self.pump(min(left, 1))
            while self.later:
                self.open(self.later.pop(0))
        while self.later:
            self.open(self.later.pop(0))


def _padded(unit):
    return padme(8 + unit.meta.length)


def arguments():
    parser = argparse.ArgumentParser(description="A viewer of Glimpse, from the protocol alone")
    parser.add_argument("--server", required=True, help="such as http://127.0.0.1:8080")
    parser.add_argument("--origin", default="", help="the origin that is claimed")
    parser.add_argument("--case", default="", help="a case number to claim")
    parser.add_argument("--reason", default="", help="a reason to claim")
    parser.add_argument("--open", type=int, action="append", help="open this unit only; may be given several times")
    parser.add_argument("--out", help="write what is opened to this folder")
    parser.add_argument("--stay", type=float, default=0, help="stay so many seconds after the last opening")
    parser.add_argument("--ask-time", type=int, help="ask for so many more minutes")
    parser.add_argument("--ask-record", help="ask for a record in these words")
    parser.add_argument("--drop", action="store_true", help="lose the connection once, after the openings")
    parser.add_argument("code", nargs="+")
    return parser.parse_args()


def main():
    try:
        Viewer(arguments()).run()
    except Refused as why:
        say("error", code=why.slug, detail=why.where)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
