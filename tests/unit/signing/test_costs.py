"""What signing may never cost, counted and not timed: loading an RSA key with validation (a tenth of a second each),
and a wait for the disk of its own for every request."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from sqlalchemy import event

from natsuin.sam import protocol as p
from natsuin.signing_log import writer
from natsuin.signing_log.folder import LogFolder
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Signer, digests

CONNECTIONS = 24
REQUESTS = 4
"""Of each connection, one after the other."""


class CountingConnection(sqlite3.Connection):
    """Counts commits of transactions that wrote: with synchronous=FULL each waits for the disk once."""

    commits = 0
    statements = 0

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        CountingConnection.statements += 1
        wrote = sql == "COMMIT" and self.in_transaction
        CountingConnection.commits += wrote
        return super().execute(sql, parameters)

    def commit(self) -> None:
        CountingConnection.commits += self.in_transaction
        super().commit()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SamRig]:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "factory": CountingConnection}))
    made = SamRig.make(tmp_path)
    yield made
    made.close()


@pytest.fixture
def signer(rig: SamRig) -> Signer:
    _, enrolled = people(rig.web, rig.token, algorithm="rsa-3072")
    return enrolled


def test_no_rsa_key_is_validated_while_signing(rig: SamRig, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key was validated when it was made; what an authenticated blob holds is not validated again."""
    approved = digests(3)
    sad = rig.web.approve(signer, approved)
    load = serialization.load_der_private_key
    loads: list[bool] = []

    def counted(data: bytes, password: Any, *, unsafe_skip_rsa_key_validation: bool = False, **rest: Any) -> Any:
        loads.append(unsafe_skip_rsa_key_validation)
        return load(data, password, unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation, **rest)

    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("a PEM key was loaded while signing")

    monkeypatch.setattr(serialization, "load_der_private_key", counted)
    monkeypatch.setattr(serialization, "load_pem_private_key", forbidden)
    rig.web.sign(sad, approved[:1])
    rig.web.sign(sad, approved[1:])
    assert loads == [True, True], "one load without validation for each request, however many digests it names"


@pytest.fixture
def built_by_sqlalchemy() -> Iterator[list[object]]:
    """Every execution that went through SQLAlchemy's own machinery."""
    built: list[object] = []

    def note(*about: object) -> None:
        built.append(about)

    event.listen(sa.Engine, "before_cursor_execute", note)
    yield built
    event.remove(sa.Engine, "before_cursor_execute", note)


def test_what_one_request_alone_costs(
    rig: SamRig, signer: Signer, monkeypatch: pytest.MonkeyPatch, built_by_sqlalchemy: list[object]
) -> None:
    """Four durable steps, each waiting for the disk once; no file of the log, no thread but the lane's, no statement
    built by SQLAlchemy, and as many statements as there are rows to touch."""
    monkeypatch.setattr(writer, "PUBLISH_SECONDS", 3600)
    approved = digests(30)
    sad = rig.web.approve(signer, approved)
    line = rig.sam.handlers.line
    line.submit(p.Sign(sad=sad, dtbs=approved[:1])).result(60)
    rig.sam.log.publish()
    files: list[str] = []
    write = LogFolder.write
    monkeypatch.setattr(
        LogFolder,
        "write",
        lambda self, name, content, **how: (files.append(name), write(self, name, content, **how))[1],
    )
    built_by_sqlalchemy.clear()
    started = threading.active_count()
    commits, statements = CountingConnection.commits, CountingConnection.statements
    for place in range(1, 11):
        assert line.submit(p.Sign(sad=sad, dtbs=approved[place : place + 1])).result(60).signatures
    assert CountingConnection.commits - commits == 10 * 4
    # Two transactions of DB-2 begin and find 3 rows, take, add 2 rows, record; two of the log begin, swap, add, commit.
    assert CountingConnection.statements - statements == 10 * (2 + 3 + 1 + 2 + 1 + 2 * 4)
    assert files == []
    assert built_by_sqlalchemy == []
    assert threading.active_count() == started
    rig.sam.log.publish()
    assert len(files) == 3, "bundle, tile and checkpoint, once for all of them"


def test_the_length_of_an_approval_is_not_written_again_with_each_use(rig: SamRig, signer: Signer) -> None:
    """What a use writes is as much under an approval of a thousand as under one of ten."""
    pages = []
    for count in (10, 1000):
        approved = digests(count)
        sad = rig.web.approve(signer, approved)
        rig.web.sign(sad, approved[:1])
        file = Path(rig.config.sam.database.removeprefix("sqlite:///"))
        wal = file.with_name(f"{file.name}-wal")
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert wal.stat().st_size == 0
        for place in range(1, 6):
            rig.web.sign(sad, approved[place : place + 1])
        pages.append(wal.stat().st_size // 4096)
    few, many = pages
    assert 0 < many <= few + 10, f"{few} and {many} pages"


def test_a_crowd_shares_its_waits_for_the_disk(rig: SamRig, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four durable steps a request, and yet fewer than one wait for the disk a request under load."""
    approved = [digests(REQUESTS) for _ in range(CONNECTIONS)]
    sads = [rig.web.approve(signer, one) for one in approved]
    synchronised: list[int] = []
    for name in ("fsync", "fdatasync"):
        genuine = getattr(os, name)
        monkeypatch.setattr(os, name, lambda handle, genuine=genuine: (synchronised.append(handle), genuine(handle))[1])
    before = CountingConnection.commits
    for step in range(REQUESTS):
        waiting: list[Future[p.Signed]] = [
            rig.sam.handlers.line.submit(p.Sign(sad=sad, dtbs=one[step : step + 1]))
            for sad, one in zip(sads, approved, strict=True)
        ]
        assert all(future.result(60).signatures for future in waiting)
    waits = CountingConnection.commits - before + len(synchronised)
    requests = CONNECTIONS * REQUESTS
    assert waits > 0
    assert waits < requests, f"{waits} waits for {requests} requests"
