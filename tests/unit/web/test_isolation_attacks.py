"""Code that took over a child process that reads documents: what it tries fails, and its parent lives on.

Every attack that stays without consequences is also made from the test's own process, where it succeeds: so it is the
confinement that stops it.
"""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import natsuin.web.isolation.workers as isolation
from natsuin.documents import DocumentTimeout, DocumentTooLarge
from natsuin.errors import Unavailable
from natsuin.web.isolation import Limits, Workers
from natsuin.web.isolation.frames import LENGTH, Outcome
from rigs import hostile_children

RIG = str(Path(hostile_children.__file__).resolve())
LIMITS = Limits(seconds=20.0, cpu_seconds=2)
REFUSED = {"EPERM", "EACCES", "EMFILE", "EAGAIN", "ESRCH"}
"""What the layers answer with; "no such file" or "connection refused" would show that an attack missed its aim."""


def hostile(monkeypatch, *missing: str, limits: Limits = LIMITS) -> Workers:
    monkeypatch.setattr(isolation, "PROGRAM", (RIG, *missing))
    return Workers(2, limits)


@pytest.fixture(scope="module")
def taken_over():
    """Children that attack, with every layer in force."""
    with pytest.MonkeyPatch.context() as patch, hostile(patch) as workers:
        yield workers


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """An installation's folder with DB-1 and sam's socket, a port on the loopback, and a process to attack."""
    folder = tmp_path_factory.mktemp("scene")
    (folder / "db1.sqlite").write_bytes(b"people")
    shutil.copy(sys.executable, folder / "program")
    folder.chmod(0o777)
    (folder / "db1.sqlite").chmod(0o666)
    with socket.socket(socket.AF_UNIX) as sam, socket.create_server(("127.0.0.1", 0)) as tcp:
        sam.bind(str(folder / "sam.sock"))
        (folder / "sam.sock").chmod(0o777)
        sam.listen()
        yield folder, tcp.getsockname()[1]


@pytest.fixture
def bystander():
    process = subprocess.Popen(["/bin/sleep", "600"])
    yield process.pid
    process.kill()
    process.wait()


def attacks(scene, number: int) -> list[tuple[str, list[object]]]:
    folder, port = scene
    database = str(folder / "db1.sqlite")
    return [
        ("read_file", [database]),
        ("list_folder", [str(folder)]),
        ("write_file", [str(folder / "new")]),
        ("write_file", [database]),
        ("connect_unix", [str(folder / "sam.sock")]),
        ("connect_tcp", [port]),
        ("run_program", []),
        ("signal_process", [number]),
        ("trace", [number]),
        ("read_memory_file", [number]),
        ("read_environment", [number]),
        ("memory_file", []),
        ("open_pipe", []),
    ]


FILTERED = ["look_at_file", "change_mode", "limit_process", "executable_memory", "start_thread", "remove_file"]
"""Attacks that the filter of system calls alone stops where files are open to everybody."""
UNTRIED = ["exchange_program", "fork_bomb", "raise_limits", "new_namespace"]
"""Attacks that a test's own process does not make, for its own sake."""

AS_SEEN = pytest.mark.parametrize(
    "missing",
    [
        (),
        ("allow_only_computing",),
        ("forbid_everything",),
        ("_network_namespace", "_user_namespace", "_become_nobody"),
    ],
    ids=["whole", "no filter", "no Landlock", "no namespaces, same user"],
)


@AS_SEEN
def test_what_the_service_can_do_a_child_cannot(monkeypatch, scene, missing):
    """Each layer that a kernel may lack is left out once: the others hold."""
    with hostile(monkeypatch, *missing) as workers:
        # The test's process is the parent of the forking process: web, in the service.
        stopped = {name: workers.run(name, str, *given) for name, given in attacks(scene, os.getpid())}
    assert {name: error for name, error in stopped.items() if error not in REFUSED} == {}


def test_the_same_for_a_service_that_is_not_root(monkeypatch, scene, tmp_path, logged):
    if os.geteuid() == 0:
        # A user namespace in which this user is another one, without root's rights.
        ordinary = tmp_path / "python"
        ordinary.write_text(f'#!/bin/sh\nexec unshare --user --map-user=1000 {sys.executable} "$@"\n')
        ordinary.chmod(0o755)
        monkeypatch.setattr(isolation.sys, "executable", str(ordinary))
    with hostile(monkeypatch) as workers:
        stopped = {name: workers.run(name, str, *given) for name, given in attacks(scene, os.getpid())}
        stopped |= {name: workers.run(name, str) for name in UNTRIED}
    assert {name: error for name, error in stopped.items() if error not in REFUSED} == {}
    told = logged()
    assert "user and network namespace" in told
    assert "another user" not in told


def test_outside_of_a_child_the_same_attacks_succeed(scene, bystander):
    for name, given in attacks(scene, bystander):
        assert getattr(hostile_children, name)(*given) == "done", name
    (scene[0] / "new").unlink()
    for name in FILTERED:
        given = {"limit_process": [bystander], "executable_memory": [], "start_thread": []}.get(
            name, [str(scene[0] / "program")]
        )
        assert getattr(hostile_children, name)(*given) == "done", name


def test_what_the_filter_stops_besides(taken_over, scene):
    path = str(scene[0] / "db1.sqlite")
    given = {"limit_process": [os.getpid()], "executable_memory": [], "start_thread": []}
    stopped = {name: taken_over.run(name, str, *given.get(name, [path])) for name in FILTERED}
    stopped |= {name: taken_over.run(name, str) for name in UNTRIED}
    stopped["kill_process"] = taken_over.run("kill_process", str, os.getpid())
    assert {name: error for name, error in stopped.items() if error not in REFUSED} == {}
    assert (scene[0] / "db1.sqlite").exists()


def test_no_process_and_no_higher_limit_even_without_the_filter(monkeypatch):
    with hostile(monkeypatch, "allow_only_computing") as workers:
        for name in ("fork_bomb", "exchange_program", "raise_limits"):
            assert workers.run(name, str) in REFUSED, name


def test_endless_work_and_endless_memory_end(taken_over):
    with pytest.raises(DocumentTimeout):
        taken_over.run("spin", str)
    with pytest.raises(DocumentTooLarge):
        taken_over.run("take_memory", int)
    assert taken_over.run("environment", list[str])


def test_endless_waiting_ends(monkeypatch):
    with hostile(monkeypatch, limits=Limits(seconds=1.0)) as workers, pytest.raises(DocumentTimeout):
        workers.run("sleep_for_ever", str)


def test_a_child_holds_nothing_and_meets_no_other_document(monkeypatch):
    monkeypatch.setenv("NATSUIN_WEB__DATABASE", "postgresql://web:secret@example.org/")
    with hostile(monkeypatch) as workers:
        # The one that is left was put there by Python itself, which has no locale without it.
        assert workers.run("environment", list[str]) == ["LC_CTYPE"]
        *standard, connection = workers.run("descriptors", list[int])
        assert (standard, connection > 2) == ([0, 1, 2], True)
        first, second = (workers.run("identity", list[int]) for _ in range(2))
    assert first[0] != second[0]
    assert first[1:] == second[1:] == [0, 1]


def frame(outcome: Outcome) -> bytes:
    content = msgspec.msgpack.encode(outcome)
    return LENGTH.pack(len(content)) + content


LIES = {
    "an endless answer": LENGTH.pack(2**62),
    "half an answer": LENGTH.pack(1000) + b"half",
    "no MessagePack": LENGTH.pack(4) + b"\xc1\xc1\xc1\xc1",
    "deep nesting": LENGTH.pack(100_000) + b"\x91" * 100_000,
    "the wrong type": frame(Outcome(result=msgspec.msgpack.encode(["x"]))),
    "an error of another place": frame(Outcome(code="unauthenticated", message="sign in at evil.example")),
    "an error that does not exist": frame(Outcome(code="evil", message="x")),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_a_document_that_cannot_be_read(taken_over, lie):
    with pytest.raises(DocumentTimeout):
        taken_over.run("answer_bytes", int, LIES[lie])
    assert taken_over.run("environment", list[str])


def test_an_answer_in_drops_is_not_waited_for(monkeypatch):
    with hostile(monkeypatch, limits=Limits(seconds=1.0)) as workers, pytest.raises(DocumentTimeout):
        workers.run("answer_bytes", int, LENGTH.pack(1_000_000), pause=0.05)


def test_a_module_that_is_missing_is_our_mistake_and_never_a_verdict(monkeypatch, logged):
    with hostile(monkeypatch) as workers, pytest.raises(Unavailable):
        workers.run("import_a_module", str)
    assert "documents.module_not_loaded" in logged()


def test_without_filter_and_landlock_no_child_starts(monkeypatch, logged):
    workers = hostile(monkeypatch, "allow_only_computing", "forbid_everything")
    with pytest.raises(Unavailable, match="cannot be started"):
        workers.start()
    workers.close()
    told = logged()
    assert "documents.not_confined" in told
    assert "not in this kernel" in told


def test_a_layer_that_is_missing_is_told(monkeypatch, logged):
    with hostile(monkeypatch, "forbid_everything"):
        pass
    (line,) = [line for line in logged().splitlines() if "documents.confined" in line]
    assert "warning" in line
    assert "Landlock (not in this kernel)" in line
    assert "system call filter" in line
