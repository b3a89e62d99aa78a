"""What signing may never cost, counted and not timed: loading an RSA key with validation (a tenth of a second each),
and a wait for the disk of its own for every request."""

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from natsuin.sam import protocol as p
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Signer, digests

CONNECTIONS = 24
REQUESTS = 4
"""Of each connection, one after the other."""


class CountingConnection(sqlite3.Connection):
    """Counts commits of transactions that wrote: with synchronous=FULL each waits for the disk once."""

    commits = 0

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
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
