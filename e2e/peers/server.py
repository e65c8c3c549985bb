"""The server as a viewer meets it: HTTP without a token (section 8.1), and the socket of a mailbox (8.3)."""

import time
from contextlib import ExitStack

import requests
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from wire import Refused, array, b64, choice, decode, encode, octets, only, slug_of, uint, unb64

FRAME = 300 * 1024
SAYS = choice(
    _1=array("Joined", tag=only(1), now=uint, sent=uint, peer=lambda value: bool(value)),
    _2=array("Deliver", tag=only(2), seq=uint, body=octets(most=256 * 1024)),
    _3=array("Stored", tag=only(3), sent=uint),
    _4=array("Peer", tag=only(4), present=lambda value: bool(value)),
    _6=array("Over", tag=only(6), error=uint),
    _7=array("Pong", tag=only(7)),
)
RECONNECTS = 5


class Http:
    """Requests to one server."""

    def __init__(self, base):
        self.base = base.rstrip("/")
        self._client = requests.Session()

    def _ask(self, method, path, expected, **how):
        try:
            answer = self._client.request(method, f"{self.base}/v1{path}", timeout=30, **how)
        except requests.RequestException as why:
            raise Refused("server-unreachable", f"{method} {path}") from why
        if answer.status_code != expected:
            try:
                slug = str(answer.json()["type"])
            except (ValueError, KeyError, TypeError):
                slug = "internal"
            raise Refused(slug, f"{method} {path}: {answer.status_code}")
        return answer

    def claim(self, nameplate):
        """(mailbox id, token, Offer's bytes, the server's time)"""
        said = self._ask("POST", "/claims", 200, json={"nameplate": nameplate, "purpose": "view"}).json()
        return unb64(said["mailbox"], 16), unb64(said["token"], 32), unb64(said["offer"]), int(said["now"])

    def open_unit(self, session, signed_request):
        path = f"/sessions/{b64(session)}/open"
        how = {"data": signed_request, "headers": {"Content-Type": "application/cbor"}}
        try:
            return self._ask("POST", path, 200, **how).content
        except Refused as why:
            if why.slug != "server-unreachable":
                raise
            # The answer may be what was lost: the same bytes again get the same answer.
            return self._ask("POST", path, 200, **how).content

    def content(self, session, unit, what, start, length):
        """A range of a unit's sealed chunks; `what` is `content` or `blob`."""
        path = f"/sessions/{b64(session)}/units/{b64(unit)}/{what}"
        answer = self._ask("GET", path, 206, headers={"Range": f"bytes={start}-{start + length - 1}"})
        if len(answer.content) != length:
            raise Refused("record-tampered", "a range of another length")
        return answer.content

    def end(self, session, signed_end):
        path = f"/sessions/{b64(session)}/end"
        self._ask("POST", path, 204, data=signed_end, headers={"Content-Type": "application/cbor"})


class Mailbox:
    """The viewer's end of a mailbox. It survives a lost connection: stored bytes are sent again, the same."""

    def __init__(self, base, mailbox, token):
        self._url = "ws" + base.rstrip("/").removeprefix("http") + f"/v1/mailboxes/{b64(mailbox)}/socket"
        self._token = token
        self._outgoing, self._received = [], 0
        self._connection = ExitStack()
        self._join()

    def _join(self):
        tries = 0
        while True:
            try:
                self._connection.close()
                self._socket = self._connection.enter_context(connect(self._url, max_size=FRAME))
                self._socket.send(encode([1, self._token, self._received]))
                joined = decode(self._socket.recv(timeout=20), SAYS, FRAME)
                break
            except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as why:
                tries += 1
                if tries > RECONNECTS:
                    raise Refused("server-unreachable", "the socket") from why
                time.sleep(0.2 * tries)
        if type(joined).__name__ == "Over":
            raise Refused(slug_of(joined.error), "Over")
        if type(joined).__name__ != "Joined" or joined.sent > len(self._outgoing):
            raise Refused("malformed", "the answer to Join")
        for number in range(joined.sent, len(self._outgoing)):
            self._socket.send(encode([2, number, self._outgoing[number]]))

    def send(self, body):
        number = len(self._outgoing)
        self._outgoing.append(body)
        try:
            self._socket.send(encode([2, number, body]))
        except (ConnectionClosed, OSError):
            self._join()

    def receive(self, seconds):
        """The next message of the device, or None when none came in time. An Over of the server raises its reason."""
        until = time.monotonic() + seconds
        while True:
            try:
                frame = self._socket.recv(timeout=max(until - time.monotonic(), 0.001))
            except TimeoutError:
                return None
            except (ConnectionClosed, OSError):
                self._join()
                continue
            said = decode(frame, SAYS, FRAME) if isinstance(frame, bytes) else None
            kind = type(said).__name__
            if kind == "Over":
                raise Refused(slug_of(said.error), "Over")
            if kind != "Deliver":
                continue
            if said.seq > self._received:
                raise Refused("malformed", "a number was skipped")
            if said.seq == self._received:
                self._received += 1
                self._socket.send(encode([3, self._received]))
                return said.body

    def drop(self):
        """Loses the connection, as a network does; the next use makes a new one."""
        self._connection.close()

    def close(self):
        self._connection.close()
