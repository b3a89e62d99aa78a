"""A log made by the real writer, which a monitor under test follows, and what stands around the monitor: a web server
for the log's files, and a receiver of webhooks that checks their signatures."""

import base64
import hashlib
import hmac
import json
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import FixedClock, milliseconds
from natsuin.monitor import Monitor, load_settings
from natsuin.signing_log import LogKey, Shard, create_log
from natsuin.signing_log.key_chains import Leaf

ORIGIN = "sign.example.jp/log"
BEGAN = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
ALICE, BOB = "a" * 32, "b" * 32
SECRET = b"0123456789abcdef0123456789abcdef"


class WatchedLog:
    """A log in `base`/log and what is written into it, at the time of `clock`."""

    def __init__(self, base: Path, clock: FixedClock | None = None) -> None:
        self.base, self.folder, self.state = base, base / "log", base / "log-state.sqlite"
        private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self._key = LogKey(private.public_key().public_bytes_raw(), private.sign)
        self.clock = clock or FixedClock(BEGAN)
        base.mkdir(exist_ok=True)
        if not self.state.exists():
            create_log(self.folder, self.state, origin=ORIGIN, key=self._key)
        with self.opened() as log:
            self.vkey = log.vkey

    @contextmanager
    def opened(self) -> Iterator[Shard]:
        log = Shard.open(self.folder, self.state, origin=ORIGIN, key=self._key, clock=self.clock)
        try:
            yield log
            log.publish()
        finally:
            log.close()

    def add(self, *entries: dict[str, Any]) -> list[int]:
        """Write entries; each gets what every entry has. Answers with their indices."""
        with self.opened() as log:
            return [receipt.index for receipt in log.add_all([self.whole(entry) for entry in entries])]

    def add_raw(self, *contents: bytes) -> None:
        """Write entries that the real writer would never write, signed all the same: the key was stolen."""
        with self.opened() as log:
            log._writer.add_all([Leaf.of(content) for content in contents])

    def whole(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {"v": 1, "time": milliseconds(self.clock.now()), "tx": "0" * 32, **entry}

    def signature(self, key: str = ALICE, **outcome: Any) -> None:
        """An approval, an intent and its outcome."""
        approved, intent = {"type": "approved", "key": key, "count": 1}, {"type": "intent", "key": key, "tx": "1" * 32}
        _, index = self.add(approved, intent)
        self.add({"type": "outcome", "key": key, "tx": "1" * 32, "intent": index, "result": "signed", **outcome})

    def copy(self, to: Path) -> "WatchedLog":
        """All of it elsewhere, with its key: what a thief of the host has."""
        to.mkdir(exist_ok=True)
        shutil.copytree(self.folder, to / "log", dirs_exist_ok=True)
        shutil.copy2(self.state, to / "log-state.sqlite")
        return WatchedLog(to, FixedClock(self.clock.now()))

    def show(self, other: "WatchedLog") -> None:
        """From now on this log's folder holds the other's files."""
        shutil.rmtree(self.folder)
        shutil.copytree(other.folder, self.folder)


@dataclass
class Watch:
    """A monitor of logs, visited by the test at the times it chooses."""

    base: Path
    clock: FixedClock
    settings: str
    output: StringIO = field(default_factory=StringIO)
    _read: int = 0

    def visit(self) -> dict[str, str]:
        """One visit by a monitor that was just started; answers with the verdicts."""
        monitor = Monitor(self.load(), self.clock, output=self.output)
        try:
            return {name: verdict.value for name, verdict in monitor.once(again=lambda: None).items()}
        finally:
            monitor.close()

    def load(self) -> Any:
        file = self.base / "monitor.toml"
        file.write_text(self.settings, "utf-8")
        return load_settings(file)

    def alarms(self) -> list[dict[str, Any]]:
        """What was told since this was last asked."""
        lines = self.output.getvalue()[self._read :]
        self._read += len(lines)
        return [json.loads(line) for line in lines.splitlines()]

    def kinds(self) -> list[str]:
        return [alarm["kind"] for alarm in self.alarms()]


def watch_of(base: Path, location: str | Path, vkey: str, clock: FixedClock, more: str = "") -> Watch:
    """A monitor of one log, called `main`. `more` are further settings."""
    base.mkdir(exist_ok=True)
    text = f'state = "state"\ninterval_seconds = 0.1\n{more}\n'
    text += f"[[log]]\nname = \"main\"\nlocation = {json.dumps(str(location))}\nvkey = '{vkey}'\n"
    if "[listen]" not in more:
        text += "[listen]\nport = 0\n"
    return Watch(base, clock, text)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a real web server over a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None: ...

    with _running(partial(Quiet, directory=str(folder))) as port:
        yield f"http://127.0.0.1:{port}"


@dataclass
class Hook:
    """A receiver of webhooks: what it took, each with a signature that holds, and by which ids it was tried."""

    url: str = ""
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)


@contextmanager
def hook(tls: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """One that runs, with `tls` behind https."""
    receiver = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            name, moment = self.headers["webhook-id"], self.headers["webhook-timestamp"]
            mac = hmac.digest(SECRET, f"{name}.{moment}.".encode() + body, hashlib.sha256)
            receiver.tries.append(name)
            if self.headers["webhook-signature"] != "v1," + base64.b64encode(mac).decode():
                receiver.forged.append(name)
            elif receiver.status == 200:
                receiver.taken.append({**json.loads(body), "name": name})
            self.send_response(receiver.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...

    with _running(Handler, tls) as port:
        receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/hook"
        yield receiver


def hook_settings(receiver: Hook, base: Path, least: str = "notice") -> str:
    """The section that leads to it."""
    base.mkdir(exist_ok=True)
    (base / "hook.secret").write_text("whsec_" + base64.b64encode(SECRET).decode() + "\n")
    return f'[[webhook]]\nname = "ops"\nurl = "{receiver.url}"\nsecret = "file:hook.secret"\nleast = "{least}"\n'


@contextmanager
def _running(handler: Any, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
