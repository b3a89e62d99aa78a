"""A real witness process against those who talk to it: logs, strangers, and whoever pulls its plug."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import SystemClock
from natsuin.signing_log import LogKey, PublicLog, Shard, WitnessPolicy, create_log, make_verifier_key
from rigs.witness_house import WitnessProcess, fetch

ORIGIN = "log.example/one"


class Log:
    """A log of the test's own, and requests about it."""

    def __init__(self, folder: Path) -> None:
        private = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
        self.key = LogKey(private.public_key().public_bytes_raw(), private.sign)
        self.folder = folder / "log"
        self.state = folder / "state"
        self.vkey = str(make_verifier_key(ORIGIN, self.key.public))
        create_log(self.folder, self.state, origin=ORIGIN, key=self.key)

    def grow(self, count: int, word: str = "n") -> str:
        """The published checkpoint after `count` more entries."""
        log = Shard.open(self.folder, self.state, origin=ORIGIN, key=self.key, clock=SystemClock())
        log.add_all([{word: n} for n in range(count)])
        log.close()
        return (self.folder / "checkpoint").read_text()

    def ask(self, older: str = "") -> bytes:
        """The request that leads from `older` to what is published, as `natsuin log prove --old` writes it."""
        if not older:
            return b"old 0\n\n" + (self.folder / "checkpoint").read_bytes()
        command = [sys.executable, "-m", "natsuin.cli", "log", "prove", str(self.folder), "--vkey", self.vkey]
        old = self.folder.parent / "older"
        old.write_text(older)
        return subprocess.run([*command, "--old", str(old)], check=True, capture_output=True).stdout


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@pytest.fixture
def witness(tmp_path: Path, log: Log) -> Iterator[WitnessProcess]:
    made = WitnessProcess.make(tmp_path / "w", "witness.example/w").witnesses(log.vkey).start()
    yield made
    made.kill()


def test_it_cosigns_and_shows_what_it_saw(log: Log, witness: WitnessProcess):
    first = log.grow(300)
    status, line, _ = witness.post(log.ask())
    assert status == 200
    second = log.grow(300)
    status, line, _ = witness.post(log.ask(first))
    assert status == 200
    policy = WitnessPolicy.of([witness.vkey])
    assert policy.require(second + line.decode())
    name = sha256(ORIGIN.encode()).hexdigest()
    status, shown, kind = fetch(f"{witness.url}/{name}/checkpoint")
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert shown.decode() == second + line.decode()
    with PublicLog(log.folder, log.vkey, checkpoint=shown.decode()) as public:
        assert public.size == 600


def test_it_runs_alone_and_ends_in_order(log: Log, witness: WitnessProcess):
    log.grow(3)
    assert witness.post(log.ask())[0] == 200
    assert {path.name.partition("-")[0] for path in witness.folder.iterdir()} == {
        "witness.toml",
        "witness.key",
        "witness.sqlite",
        "words",
    }
    assert witness.stop() == 0
    witness.start()
    assert witness.post(log.ask())[:2] == (409, b"3\n")


@pytest.mark.parametrize(("point", "remembered"), [("witness.before_store", False), ("witness.after_store", True)])
def test_killed_between_store_and_reply_it_never_forgets_what_left(log, witness, point, remembered):
    log.grow(5)
    request = log.ask()
    witness.stop()
    witness.start(NATSUIN_FAULT_AT=point)
    with suppress(OSError):
        pytest.fail(f"answered: {witness.post(request)}")
    assert witness.wait_for_death() == -9
    witness.start()
    # What was not answered may be known: the log then learns it from the answer, and asks again from there.
    status, body, _ = witness.post(request)
    assert (status, body) == (409, b"5\n") if remembered else status == 200
    elsewhere = log.folder.parent / "fork"
    elsewhere.mkdir()
    fork = Log(elsewhere)
    fork.grow(5, "other")
    assert witness.post(fork.ask())[0] == 409


def test_a_memory_that_is_gone_stops_it(log: Log, witness: WitnessProcess):
    witness.stop()
    for path in witness.folder.glob("witness.sqlite*"):
        path.unlink()
    command = [sys.executable, "-m", "natsuin.cli", "witness", "--config", str(witness.settings)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 66
    assert "missing" in done.stderr


def raw(witness: WitnessProcess, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", witness.port), timeout=30) as connection:
        with suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(OSError):
            while more := connection.recv(65536):
                answer += more
        return answer


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", b" 411 "),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", b" 413 "),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9999999999999\r\n\r\n", b" 411 "),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b" 411 "),
        (b"POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\njunk\n\r\n0\r\n\r\n", b" 411 "),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 5\r\n\r\njunk\n", b" 400 "),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 50\r\n\r\ncut", b""),
        (b"POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b" 404 "),
        (b"GET / HTTP/1.1\r\n\r\n", b" 404 "),
        (b"GET /../witness.key HTTP/1.1\r\n\r\n", b" 404 "),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b" 414 "),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n", b" 431 "),
        (b"PUT /add-checkpoint HTTP/1.1\r\n\r\n", b" 501 "),
        (b"\x16\x03\x01" + b"\x00" * 200 + b"\n", b""),
    ],
    ids=range(14),
)
def test_strangers_get_an_answer_and_nothing_else(log: Log, witness: WitnessProcess, request_bytes, status):
    answer = raw(witness, request_bytes)
    first = answer.split(b"\r\n")[0]
    assert status in first
    assert b"Traceback" not in answer
    log.grow(2)
    assert witness.post(log.ask())[0] == 200


def test_refusals_that_anybody_can_ask_for_fill_no_disk(log: Log, witness: WitnessProcess, tmp_path: Path):
    """A genuine checkpoint is public; so is how to ask for a refusal with it."""
    log.grow(2)
    assert witness.post(log.ask())[0] == 200
    asked = [(b"old 1\n\n", 409), (b"old 2\n" + b"A" * 43 + b"=\n\n", 422)]
    for head, status in asked * 20:
        assert witness.post(log.ask().replace(b"old 0\n\n", head))[0] == status
    words = (witness.folder / "words").read_text()
    assert 2 <= words.count("witness.refused") <= 8, words


def test_many_silent_strangers_are_sent_away_and_others_served_afterwards(log: Log, witness: WitnessProcess):
    silent = [socket.create_connection(("127.0.0.1", witness.port), timeout=30) for _ in range(300)]
    try:
        # Some of them found no place: their connection is closed at once.
        deadline = time.monotonic() + 30
        closed = 0
        while not closed and time.monotonic() < deadline:
            for connection in silent:
                connection.setblocking(False)
                with suppress(BlockingIOError):
                    closed += connection.recv(1) == b""
            time.sleep(0.05)
        assert closed
    finally:
        for connection in silent:
            connection.close()
    log.grow(2)
    deadline = time.monotonic() + 30
    while True:
        try:
            assert witness.post(log.ask())[0] == 200
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_command_says_what_operators_need(tmp_path: Path):
    command = [sys.executable, "-m", "natsuin.cli", "witness"]
    done = subprocess.run(
        [*command, "init", "--dir", str(tmp_path / "w"), "--name", "w.example"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "w.example+" in done.stdout
    assert subprocess.run(command, capture_output=True).returncode == 2
    (tmp_path / "w" / "witness.toml").write_text("name = 3\n")
    done = subprocess.run([*command, "--config", str(tmp_path / "w" / "witness.toml")], capture_output=True, text=True)
    assert done.returncode == 78
    assert "name" in done.stderr
