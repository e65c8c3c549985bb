"""The whole story with a viewer in another language: a real server, a real device, `viewer.py`.

GLIMPSE_BIN_DIR holds `glimpse` and `glimpse-server` (default: target/debug of this repository); GLIMPSE_PYTHON is the Python with
requirements.txt installed (default: the one that runs this file).
"""

import hashlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from typed_code import check_digit, grouped

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
BIN = Path(os.environ.get("GLIMPSE_BIN_DIR", REPOSITORY / "target" / "debug"))
PYTHON = os.environ.get("GLIMPSE_PYTHON", sys.executable)
EXAMPLES = REPOSITORY / "examples"
PATIENCE = 90


class Program:
    """A subprocess that speaks in lines of JSON."""

    def __init__(self, *command, environment=None, commands=False):
        self._command = Path(command[0]).name
        self._child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE if commands else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            text=True,
        )
        self._lines = queue.Queue()
        self.seen, self._said = [], []
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=lambda: self._said.extend(self._child.stderr), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self):
        for line in self._child.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, *names, where=lambda event: True):
        """The next event of one of these names; others are kept in `seen`."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=max(until - time.monotonic(), 0.001))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"{self._command} never said {names}: {self.seen} {''.join(self._said)}")
            event = json.loads(line)
            self.seen.append(event)
            if event["event"] in names and where(event):
                return event

    def tell(self, **command):
        self._child.stdin.write(json.dumps(command) + "\n")
        self._child.stdin.flush()

    def finish(self):
        """The exit code, after everything was said."""
        code = self._child.wait(PATIENCE)
        self._readers[0].join(PATIENCE)
        while (line := self._lines.get()) is not None:
            self.seen.append(json.loads(line))
        return code

    def events(self, name):
        return [event for event in self.seen if event["event"] == name]

    def stop(self):
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        for reader in self._readers:
            reader.join(10)
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream:
                stream.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stage:
    """A server and an account with the files of `examples/`, in a folder of their own."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.url = f"http://127.0.0.1:{free_port()}"
        subprocess.run([BIN / "glimpse-server", "keygen", self.folder / "key"], check=True, capture_output=True)
        address = self.url.removeprefix("http://")
        self._log = open(self.folder / "server.log", "wb")
        self._server = subprocess.Popen(
            [BIN / "glimpse-server", "serve", "--listen", address, "--metrics-listen", f"127.0.0.1:{free_port()}"]
            + ["--data", self.folder / "data", "--key-file", self.folder / "key"],
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        self._wait_until_ready()
        passphrase = self.folder / "passphrase"
        passphrase.write_text("correct horse battery staple")
        passphrase.chmod(0o600)
        self.environment = {
            "GLIMPSE_HOME": str(self.folder / "home"),
            "GLIMPSE_SERVER": self.url,
            "GLIMPSE_PASSPHRASE_FILE": str(passphrase),
        }
        self.device("account", "create", "--name", "Mara")

    def _wait_until_ready(self):
        until = time.monotonic() + PATIENCE
        port = int(self.url.rsplit(":", 1)[1])
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self._server.poll() is not None or time.monotonic() > until:
                    raise AssertionError((self.folder / "server.log").read_text()) from None
                time.sleep(0.05)

    def device(self, *arguments):
        """A command of the device that ends by itself; its events."""
        program = Program(BIN / "glimpse", "--json", *arguments, environment=self.environment)
        code = program.finish()
        program.stop()
        if code != 0:
            raise AssertionError(f"glimpse {arguments}: {code} {program.seen}")
        return program.seen

    def add(self, path, *arguments):
        """The id of a new record."""
        return next(event["record"] for event in self.device("add", path, *arguments) if event["event"] == "added")

    def stop(self):
        self._server.terminate()
        self._server.wait(20)
        self._log.close()
        self._folder.cleanup()


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.addClassCleanup(cls.stage.stop)
        cls.records = {name: cls.stage.add(EXAMPLES / name) for name in ("note.txt", "expenses.csv", "letter.pdf")}

    def lend(self, *arguments):
        device = Program(
            BIN / "glimpse", "--json", "lend", *arguments, environment=self.stage.environment, commands=True
        )
        self.addCleanup(device.stop)
        return device, device.wait_for("code")["code"]

    def view(self, code, *arguments):
        viewer = Program(PYTHON, HERE / "viewer.py", "--server", self.stage.url, *arguments, "--", *code.split())
        self.addCleanup(viewer.stop)
        return viewer

    def approved(self, device, viewer, **how):
        """The person compares the words of both screens, and says yes."""
        words = viewer.wait_for("words")["words"]
        self.assertIn(words, device.wait_for("peer")["words"])
        device.tell(do="approve", words=words, **how)
        return device.wait_for("granted")

    def everything(self):
        return [*self.records.values()]

    def test_text_table_and_pdf_arrive_byte_for_byte(self):
        device, code = self.lend("--view-only", *self.everything())
        with tempfile.TemporaryDirectory() as out:
            viewer = self.view(code, "--out", out)
            granted = self.approved(device, viewer)
            self.assertEqual(viewer.finish(), 0, viewer.seen)
            self.assertEqual(len(granted["records"]), 3)
            self.assertEqual(viewer.events("granted")[0]["session"], granted["session"])
            self.assertFalse(viewer.events("granted")[0]["save"])
            by_unit = {each["unit"]: each for each in granted["records"]}
            sent = {record: (EXAMPLES / name).read_bytes() for name, record in self.records.items()}
            opened = viewer.events("opened")
            self.assertEqual({event["unit"] for event in opened}, set(by_unit))
            for event in opened:
                expected = sent[by_unit[event["unit"]]["record"]]
                self.assertEqual(Path(event["file"]).read_bytes(), expected)
                self.assertEqual(event["sha256"], hashlib.sha256(expected).hexdigest())
        self.assertEqual({event["kind"] for event in viewer.events("unit")}, {"text", "table", "pdf"})
        ended = device.wait_for("ended")
        self.assertEqual((ended["code"], ended["openings"], ended["verified"]), ("session-ended", 3, True))
        self.assertEqual(len(device.events("opened")), 3)
        self.assertEqual(len(device.events("viewing")), 3)
        device.finish()

    def test_a_wrong_code_is_used_up(self):
        device, code = self.lend(self.records["note.txt"])
        digits = code.replace(" ", "")
        wrong = digits[:-2] + str((int(digits[-2]) + 1) % 10)
        viewer = self.view(grouped(wrong + check_digit(wrong)))
        self.assertEqual(viewer.finish(), 1)
        self.assertEqual([event["event"] for event in viewer.seen], ["error"])
        self.assertEqual(viewer.seen[0]["code"], "code-wrong")
        self.assertEqual(device.wait_for("error")["code"], "code-wrong")
        self.assertEqual(device.events("peer"), [])
        late = self.view(code)
        self.assertEqual(late.finish(), 1)
        self.assertIn(late.seen[-1]["code"], ("code-used", "code-unknown"))
        self.assertEqual(late.events("words"), [])

    def test_a_code_with_a_slip_is_never_sent(self):
        viewer = Program(PYTHON, HERE / "viewer.py", "--server", "http://127.0.0.1:1", "417", "203", "9187")
        self.addCleanup(viewer.stop)
        self.assertEqual(viewer.finish(), 1)
        self.assertEqual(viewer.seen[0]["code"], "code-mistyped")
        right = Program(PYTHON, HERE / "viewer.py", "--server", "http://127.0.0.1:1", "417", "203", "9186")
        self.addCleanup(right.stop)
        self.assertEqual(right.finish(), 1)
        self.assertEqual(right.seen[0]["code"], "server-unreachable")

    def test_a_second_claim_gets_nothing_and_does_not_disturb_the_first(self):
        device, code = self.lend(self.records["note.txt"])
        first = self.view(code)
        words = first.wait_for("words")["words"]
        second = self.view(code)
        self.assertEqual(second.finish(), 1)
        self.assertEqual([event["event"] for event in second.seen], ["error"])
        self.assertEqual(second.seen[0]["code"], "crowded")
        device.wait_for("peer")
        device.tell(do="approve", words=words)
        self.assertEqual(first.finish(), 0, first.seen)
        self.assertEqual(len(first.events("opened")), 1)

    def test_other_words_than_the_viewer_shows_grant_nothing(self):
        device, code = self.lend(self.records["note.txt"])
        viewer = self.view(code)
        words = viewer.wait_for("words")["words"]
        device.tell(do="approve", words=next(each for each in device.wait_for("peer")["words"] if each != words))
        self.assertEqual(viewer.finish(), 1)
        self.assertEqual(viewer.events("granted"), [])
        self.assertEqual(viewer.seen[-1]["code"], "code-wrong")

    def test_the_person_declines(self):
        device, code = self.lend(self.records["note.txt"])
        viewer = self.view(code)
        device.wait_for("peer")
        device.tell(do="decline")
        self.assertEqual(viewer.finish(), 1)
        self.assertEqual(viewer.seen[-1]["code"], "declined")

    def test_the_device_ends_it(self):
        device, code = self.lend(self.records["note.txt"])
        viewer = self.view(code, "--stay", "60")
        self.approved(device, viewer)
        viewer.wait_for("opened")
        began = time.monotonic()
        device.tell(do="end")
        ended = viewer.wait_for("ended")
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual((ended["code"], ended["by"]), ("session-ended", "other"))
        self.assertEqual(viewer.finish(), 0)
        self.assertTrue(device.wait_for("ended")["verified"])

    def test_more_is_lent_while_it_runs_also_over_a_lost_connection(self):
        device, code = self.lend("--save", "--for", "5", self.records["note.txt"])
        viewer = self.view(code, "--stay", "60", "--drop", "--ask-time", "5", "--ask-record", "the table, please")
        self.approved(device, viewer)
        self.assertEqual(device.wait_for("asked")["what"], "time")
        device.tell(do="extend", minutes=5)
        changed = viewer.wait_for("changed")
        self.assertEqual((changed["units"], changed["lasts"], changed["save"]), (0, 600_000, True))
        device.wait_for("asked", where=lambda event: event["what"] == "record" and "table" in event["text"])
        device.tell(do="add", records=[self.records["expenses.csv"]])
        opened = viewer.wait_for("opened", where=lambda event: event["n"] == 1)
        expected = hashlib.sha256((EXAMPLES / "expenses.csv").read_bytes()).hexdigest()
        self.assertEqual(opened["sha256"], expected)
        device.tell(do="end")
        self.assertEqual(viewer.finish(), 0)
        ended = device.wait_for("ended")
        self.assertEqual((ended["openings"], ended["verified"]), (2, True))

    def test_a_large_record_is_read_from_its_own_chunks(self):
        file = self.stage.folder / "large.bin"
        content = bytes(n * 7 % 251 for n in range(251)) * (17 * 1024 * 1024 // 251)
        file.write_bytes(content)
        device, code = self.lend(self.stage.add(file))
        viewer = self.view(code)
        granted = self.approved(device, viewer)
        self.assertTrue(granted["records"][0]["by_key"])
        self.assertEqual(viewer.finish(), 0, viewer.seen)
        self.assertTrue(viewer.events("unit")[0]["blob"])
        self.assertEqual(viewer.events("opened")[0]["sha256"], hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    unittest.main(verbosity=2)
