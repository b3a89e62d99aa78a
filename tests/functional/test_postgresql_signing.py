"""The whole sign path on PostgreSQL: single use holds by database rows, whichever database it is (P1, P5)."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from natsuin import errors
from natsuin.cli.exit_codes import MISSING
from natsuin.sam.protocol import Signed
from rigs import outside_judges
from rigs.document_workshop import sample_pdf
from rigs.invariants import check_invariants
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Signer, WebSide, digests
from rigs.whole_server import WholeServer, sign_document


@pytest.fixture(scope="module")
def rig(postgresql_server: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path_factory.mktemp("pg"), database=new_database(postgresql_server))
    yield made
    made.close()


@pytest.fixture(scope="module")
def web(rig: SamRig) -> WebSide:
    return rig.web


@pytest.fixture(scope="module")
def alice(rig: SamRig, web: WebSide) -> Signer:
    return people(web, rig.token)[1]


def new_database(server: object) -> str:
    name = f"n{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.get_uri(name)


def test_db2_is_really_there(rig: SamRig, alice: Signer) -> None:
    assert rig.sam.database.backend == "postgresql"
    assert not (rig.config.file.parent / "sam" / "db2.sqlite").exists()
    url = rig.config.sam.database
    with psycopg.connect(url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM signing_key WHERE user_id = %s", [alice.user_id]).fetchone()
    assert count == 1


def test_asking_again_gives_the_recorded_answer(web: WebSide, alice: Signer) -> None:
    wanted = digests(3)
    sad = web.approve(alice, wanted)
    first = web.sign(sad, wanted[:2])
    assert web.sign(sad, wanted[:2]) == first
    assert len(web.sign(sad, wanted[2:]).signatures) == 1
    with pytest.raises(errors.Refused):
        web.sign(sad, digests(1))


def test_fifty_threads_use_an_approval_once(rig: SamRig, web: WebSide, alice: Signer) -> None:
    wanted = digests(1)
    sad = web.approve(alice, wanted)
    barrier, told, received = threading.Barrier(50), [], []

    def run() -> None:
        barrier.wait()
        try:
            received.append(web.sign(sad, wanted))
        except errors.NatsuinError as error:
            told.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    received.append(web.sign(sad, wanted))
    assert len(received) + len(told) == 51
    assert len({signed.signatures for signed in received}) == 1
    assert set(Counter(told)) <= {"Busy", "Conflict", "Indeterminate", "AlreadyUsed"}, Counter(told)
    entries = check_invariants(rig.config.sam.log_folder, web.info.log_vkey, received)
    name = next(entry for entry in reversed(entries) if entry["type"] == "outcome")["signatures"]
    assert sum(entry.get("signatures") == name for entry in entries) == 1


def test_an_edited_row_is_refused(rig: SamRig, web: WebSide, alice: Signer) -> None:
    instruction = web.instruct(alice, digests(1))
    with psycopg.connect(rig.config.sam.database) as connection:
        changed = connection.execute(
            "UPDATE instruction_content SET digests = %s WHERE instruction_id = %s",
            [bytes(32), instruction.instruction_id],
        )
        assert changed.rowcount == 1
    with pytest.raises(errors.Tampered):
        web.activate(alice, instruction)


def test_it_goes_on_after_a_new_start(rig: SamRig, web: WebSide, alice: Signer) -> None:
    wanted = digests(2)
    sad = web.approve(alice, wanted)
    first: Signed = web.sign(sad, wanted[:1])
    rig.reopen()
    again = rig.web
    assert again.sign(sad, wanted[:1]) == first
    second = again.sign(sad, wanted[1:])
    check_invariants(rig.config.sam.log_folder, again.info.log_vkey, [first, second])


def test_both_processes_on_two_databases(
    postgresql_server: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole server with DB-1 and DB-2 on PostgreSQL: a person uploads, approves, and has a signed document."""
    monkeypatch.setenv("NATSUIN_WEB__DATABASE", new_database(postgresql_server))
    monkeypatch.setenv("NATSUIN_SAM__DATABASE", new_database(postgresql_server))
    server = WholeServer.make(tmp_path / "n").start()
    try:
        signer = server.enrol(server.enrol_officer())
        signed, receipt, _ = sign_document(signer, sample_pdf())
        assert "Signature is Valid" in outside_judges.pdfsig(signed, tmp_path, "-no-ocsp", root=None)
        assert receipt.startswith("c2sp.org/tlog-proof@v1")
        assert [document["state"] for document in signer.get("/api/documents")["documents"]] == ["signed"]
        assert list(server.folder.rglob("db?.sqlite")) == []
    finally:
        assert server.stop() == 0
    monkeypatch.setenv("NATSUIN_SAM__DATABASE", postgresql_server.get_uri("no_such_database"))
    server.launch()
    assert server.wait_for_end() == MISSING, server.errors
