"""The monitor as a program of its own: beside a real service, behind real servers, against hostile ones."""

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from natsuin.cli.demo.story import free_port
from natsuin.clock import FixedClock, SystemClock
from rigs.synthetic_log import write_log
from rigs.watched_log import ALICE, BEGAN, Watch, WatchedLog, serving, watch_of
from rigs.whole_server import WholeServer


@contextmanager
def running(watch: Watch) -> Iterator[tuple["subprocess.Popen[str]", list[dict[str, Any]]]]:
    """`natsuin monitor` at work, and the alarms it writes."""
    watch.load()
    command = [sys.executable, "-m", "natsuin.cli", "monitor", "--config", str(watch.base / "monitor.toml")]
    alarms: list[dict[str, Any]] = []
    with (watch.base / "errors").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)

    def read() -> None:
        assert process.stdout is not None
        alarms.extend(json.loads(line) for line in process.stdout)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield process, alarms
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        thread.join()


def wait_for(what: Callable[[], bool]) -> None:
    ends = time.monotonic() + 120
    while not what():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.1)


def kinds(alarms: list[dict[str, Any]]) -> set[str]:
    return {alarm["kind"] for alarm in alarms}


def once(watch: Watch) -> "subprocess.CompletedProcess[str]":
    watch.load()
    command = [sys.executable, "-m", "natsuin.cli", "monitor", "--config", str(watch.base / "monitor.toml"), "--once"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_real_service_is_followed_by_strangers(whole_server: WholeServer, tmp_path: Path) -> None:
    """Over HTTP, with the verifier key alone; nothing in its log is unknown, unreadable or contradictory."""
    vkey = (whole_server.folder / "log.vkey").read_text().strip()
    watch = watch_of(tmp_path / "m", f"{whole_server.origin}/log", vkey, FixedClock(BEGAN))
    result = once(watch)
    assert (result.returncode, "valid: main" in result.stderr) == (0, True), result.stderr
    (alarm,) = (json.loads(line) for line in result.stdout.splitlines())
    assert alarm["kind"] == "first-reading"
    assert not set(re.findall(r"[a-z-]+", str(alarm["facts"]["found"]))) & {
        *("entry-unknown", "entry-unreadable", "chain-broken", "outcome-unmatched", "time-ahead"),
    }


def test_it_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    log = WatchedLog(tmp_path / "provider", FixedClock(SystemClock().now()))
    log.add({"type": "genesis"})
    port = free_port()
    with serving(log.folder) as url:
        watch = watch_of(tmp_path / "m", url, log.vkey, log.clock, f"[listen]\nport = {port}\n")
        with running(watch) as (process, alarms):
            wait_for(lambda: "first-reading" in kinds(alarms))
            log.add({"type": "clock-stepped", "seconds": 100})
            wait_for(lambda: "clock-stepped" in kinds(alarms))
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
                assert answer.read() == b"ok\n"
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                assert b'natsuin_monitor_log_entries{log="main"} 2.0' in answer.read()
            second = once(watch)
            assert (second.returncode, "another monitor" in second.stderr) == (73, True)
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
    assert not {"log-unverified", "monitor-failed"} & kinds(alarms)


def test_a_log_that_is_written_all_the_time_always_verifies(tmp_path: Path) -> None:
    """A reader beside the writer meets every state of the folder; none of them is a reason for an alarm."""
    log = WatchedLog(tmp_path / "provider", FixedClock(SystemClock().now()))
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, "interval_seconds = 0.05")
    watch.settings = watch.settings.replace("interval_seconds = 0.1\n", "")
    with running(watch) as (_, alarms), log.opened() as writer:
        for _ in range(150):
            writer.add_all([log.whole({"type": "approved", "key": f"{n:032x}"}) for n in range(7)])
            time.sleep(0.02)
        writer.publish()
        state = [sys.executable, "-m", "natsuin.cli", "monitor", "status", "--json"]
        state += ["--config", str(watch.base / "monitor.toml")]

        def read() -> int:
            shown = subprocess.run(state, capture_output=True, text=True, check=False).stdout or '{"logs": []}'
            return sum(one["read"] for one in json.loads(shown)["logs"])

        wait_for(lambda: read() == 1050)
    assert kinds(alarms) == {"first-reading"}


def test_one_that_is_killed_leaves_the_folder_to_the_next(tmp_path: Path) -> None:
    log = WatchedLog(tmp_path / "provider", FixedClock(SystemClock().now()))
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock)
    with running(watch) as (process, alarms):
        wait_for(lambda: "first-reading" in kinds(alarms))
        process.kill()
    assert once(watch).returncode == 0


def test_once_ends_with_the_worst_verdict(tmp_path: Path) -> None:
    log = WatchedLog(tmp_path / "provider")
    log.add({"type": "genesis"})
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock)
    watch.settings += f'[[log]]\nname = "other"\nlocation = "nowhere"\nvkey = \'{log.vkey}\'\n'
    watch.settings = watch.settings.replace("[listen]\nport = 0\n", "", 1) + "[listen]\nport = 0\n"
    assert once(watch).returncode == 2
    checkpoint = log.folder / "checkpoint"
    checkpoint.write_text(checkpoint.read_text().replace("log\n1\n", "log\n3\n", 1))
    result = once(watch)
    assert result.returncode == 1
    assert "NOT VALID: main" in result.stderr
    assert "cannot tell: other" in result.stderr
    assert kinds([json.loads(line) for line in result.stdout.splitlines()]) == {"log-unverified"}


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n")
    for _ in range(10_000):
        connection.sendall(b"x")
        time.sleep(0.1)


def bomb(connection: socket.socket) -> None:
    body = gzip.compress(bytes(10_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(10_000):
        connection.sendall(bytes(65536))


def junk(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + bytes(range(250)) * 8)


def elsewhere(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that does `answer` whatever it is asked."""
    listener = socket.create_server(("127.0.0.1", 0))

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                answer(connection)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/log"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_slow_log_holds_up_no_other(tmp_path: Path) -> None:
    log = WatchedLog(tmp_path / "provider", FixedClock(SystemClock().now()))
    log.add({"type": "genesis"})
    with answering(drip) as url:
        watch = watch_of(tmp_path / "m", url, log.vkey, log.clock, "[limits]\nunreachable_seconds = 3\n")
        more = f"[[log]]\nname = \"good\"\nlocation = {json.dumps(str(log.folder))}\nvkey = '{log.vkey}'\n"
        watch.settings = watch.settings.replace("[listen]", more + "[listen]")
        with running(watch) as (_, alarms):
            wait_for(lambda: "first-reading" in kinds(alarms))
            log.add({"type": "clock-stepped", "seconds": 100})
            wait_for(lambda: {"clock-stepped", "log-unreachable"} <= kinds(alarms))
    assert {alarm["log"] for alarm in alarms if alarm["kind"] == "log-unreachable"} == {"main"}
    assert {alarm["log"] for alarm in alarms if alarm["kind"] == "clock-stepped"} == {"good"}


@pytest.mark.parametrize(("answer", "code"), [(bomb, 2), (endless, 2), (elsewhere, 2), (junk, 1)])
def test_a_hostile_server_gets_a_verdict_and_no_more(
    tmp_path: Path, answer: Callable[[socket.socket], None], code: int
) -> None:
    vkey = WatchedLog(tmp_path / "provider").vkey
    with answering(answer) as url:
        result = once(watch_of(tmp_path / "m", url, vkey, FixedClock(BEGAN)))
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr


def test_a_long_log_is_read_in_flat_memory(tmp_path: Path) -> None:
    """Ten times as many entries cost no more memory, at the first reading and after it was broken off."""
    peaks = []
    for size in (15_000, 150_000):
        folder = tmp_path / f"log{size}"
        vkey = write_log(folder, size)
        watch = watch_of(tmp_path / f"m{size}", folder, vkey, FixedClock(BEGAN))
        watch.load()
        command = [sys.executable, "-m", "natsuin.cli", "monitor", "--config", str(watch.base / "monitor.toml")]
        died = subprocess.run(
            [*command, "--once"],
            env={**os.environ, "NATSUIN_FAULT_AT": "monitor.after_commit:3"},
            capture_output=True,
            check=False,
        )
        assert died.returncode == -9
        process = subprocess.Popen([*command, "--once"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] + 20_000, peaks


def test_a_watched_key_is_told_by_a_real_run(tmp_path: Path) -> None:
    log = WatchedLog(tmp_path / "provider", FixedClock(SystemClock().now()))
    log.add({"type": "genesis"})
    watch = watch_of(tmp_path / "m", log.folder, log.vkey, log.clock, f'[[watch]]\nkey = "{ALICE}"\n')
    with running(watch) as (_, alarms):
        wait_for(lambda: "first-reading" in kinds(alarms))
        log.signature(ALICE)
        wait_for(lambda: "watched-key" in kinds(alarms))
    (told,) = (alarm for alarm in alarms if alarm["kind"] == "watched-key")
    assert told["facts"] == {"key": ALICE, "type": "approved"}
