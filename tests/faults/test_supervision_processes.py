"""Processes of a whole server die or are told to stop: it is said in a line, they are started again, and people go on
where they were."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.cli.exit_codes import MISSING, PERMISSIONS
from natsuin.errors import Unavailable
from rigs.document_workshop import sample_pdf
from rigs.invariants import check_invariants
from rigs.whole_server import WholeServer, sign_document


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    made = WholeServer.make(tmp_path_factory.mktemp("supervised") / "n").start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def signer(server: WholeServer) -> Visitor:
    return server.enrol(server.enrol_officer())


def deaths(server: WholeServer, name: str) -> int:
    return sum(line.startswith(f"{name} died") for line in server.lines)


@pytest.mark.parametrize("name", ["sam", "web"])
def test_a_killed_process_is_started_again_and_people_go_on(server: WholeServer, signer: Visitor, name: str) -> None:
    document = signer.post_bytes(sample_pdf(), f"before-{name}.pdf")["id"]
    instruction = signer.post(f"/api/documents/{document}/instruction", {})
    ready = sum(line.startswith(f"{name} is ready") for line in server.lines)
    died, killed = deaths(server, name), server.process_of(name)
    os.kill(killed, signal.SIGKILL)
    said = server.wait_for(f"{name} died", count=died + 1)
    assert "(killed by SIGKILL)" in said
    assert "time 1" in said
    server.wait_for(f"{name} is ready", count=ready + 1)
    assert server.process_of(name) != killed
    # The session, the document and the instruction were durable: the approval that was begun is completed.
    approved = patiently(
        lambda: signer.approve(instruction, f"/api/instructions/{instruction['instruction_id']}/approval")
    )
    assert approved == {"document_id": document, "state": "signed"}
    vkey = signer.get("/api/service")["log_vkey"]
    check_invariants(server.config.sam.log_folder, vkey, ())


def test_while_sam_is_away_web_says_so(server: WholeServer, signer: Visitor) -> None:
    """sam is stopped, not killed: web answers what needs it with 503 or 504, in words, and stays."""
    web = server.process_of("web")
    ready = sum(line.startswith("sam is ready") for line in server.lines)
    os.kill(server.process_of("sam"), signal.SIGKILL)
    answers = []
    while sum(line.startswith("sam is ready") for line in server.lines) == ready:
        answers.append(signer._http.get("/api/keys"))
        time.sleep(0.05)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    for answer in refused:
        assert answer.status_code in (503, 504), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "retry-after" in answer.headers or answer.status_code == 504
        assert ".sock" not in answer.text
    patiently(lambda: signer.get("/api/keys"))
    assert server.process_of("web") == web


def test_told_to_stop_it_stops_in_order_and_starts_whole(server: WholeServer, signer: Visitor) -> None:
    signed, _, _ = sign_document(signer, sample_pdf())
    assert signed.startswith(b"%PDF-")
    children = [server.process_of(name) for name in ("sam", "web")]
    assert server.stop() == 0
    assert server.lines[-3:] == ["stopping", "web stopped (exit code 0)", "sam stopped (exit code 0)"]
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert "Traceback" not in server.errors
    server.start()
    assert [entry["name"] for entry in signer.get("/api/documents")["documents"]]
    assert not any("died" in line for line in server.lines)


@pytest.fixture
def broken(server: WholeServer, tmp_path: Path) -> Iterator[WholeServer]:
    """A copy to be damaged; it never comes as far as the port that the original uses."""
    shutil.copytree(server.folder, tmp_path / "n", ignore=shutil.ignore_patterns("*.sock", "errors.txt"))
    copied = WholeServer(tmp_path / "n", server.origin, "")
    yield copied
    copied.stop()


def files_of(folder: Path) -> set[Path]:
    """Every file, but for what a process writes beside its database while it runs, and its socket."""
    names = {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()}
    return {name for name in names if not name.name.endswith(("-wal", "-shm", "-journal", ".sock", ".lock", ".txt"))}


@pytest.mark.parametrize("missing", ["sam/db2.sqlite", "sam/log-state.sqlite", "sam/master.key", "log"])
def test_what_is_missing_is_named_and_never_made(broken: WholeServer, missing: str) -> None:
    path = broken.folder / missing
    if path.is_dir():
        shutil.rmtree(path)
    else:
        for part in path.parent.glob(f"{path.name}*"):
            part.unlink()
    before = files_of(broken.folder)
    broken.launch()
    assert broken.wait_for_end() == MISSING, broken.errors
    assert f"stopping everything, exit code {MISSING}" in "\n".join(broken.lines)
    assert "error: " in broken.errors
    assert "Traceback" not in broken.errors
    assert files_of(broken.folder) == before
    assert not path.exists()
    assert not any("web is starting" in line for line in broken.lines)


@pytest.mark.parametrize(("loose", "mode"), [("sam/master.key", 0o644), ("sam", 0o750), ("log", 0o777)])
def test_loose_permissions_are_named_with_their_remedy(broken: WholeServer, loose: str, mode: int) -> None:
    path = broken.folder / loose
    path.chmod(mode)
    broken.launch()
    assert broken.wait_for_end() == PERMISSIONS, broken.errors
    assert str(path) in broken.errors
    assert "chmod" in broken.errors
    assert "Traceback" not in broken.errors
    assert path.stat().st_mode & 0o777 == mode, "it tells, and changes nothing by itself"


def test_a_missing_database_of_web_stops_everything(broken: WholeServer) -> None:
    """sam runs by then; web refuses, and `natsuin serve` ends with web's code rather than starting it for ever."""
    for part in (broken.folder / "web").glob("db1.sqlite*"):
        part.unlink()
    broken.launch()
    assert broken.wait_for_end() == MISSING, broken.errors
    assert any("web refuses to run" in line for line in broken.lines)
    assert any(line.startswith("sam stopped (exit code 0)") for line in broken.lines)
    assert not (broken.folder / "web" / "db1.sqlite").exists()


def patiently(ask: object) -> object:
    """What a person does who is told to try again in a moment."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except (ServerRefused, Unavailable):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
