"""The path of one signature with a vault that errs: what is wrong never leaves, and the key stops."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from natsuin import errors
from natsuin.algorithms import SignatureScheme
from natsuin.errors import StorageFailed
from natsuin.sam import protocol as p
from rigs.invariants import entries_of
from rigs.sam_in_process import SamRig, people
from rigs.web_side import digests


class BrokenVault:
    """Fakes a vault whose hardware returns a flipped bit; everything else is the real one's."""

    def __init__(self, real: Any) -> None:
        self.name, self.generate, self.check, self._real = real.name, real.generate, real.check, real

    @contextmanager
    def open(self, sealed: bytes, binding: bytes) -> Iterator[Any]:
        with self._real.open(sealed, binding) as key:
            yield _Flipping(key)


class _Flipping:
    def __init__(self, key: Any) -> None:
        self._key = key

    def sign(self, dtbs: bytes, scheme: SignatureScheme) -> bytes:
        signature = bytearray(self._key.sign(dtbs, scheme))
        signature[-1] ^= 1
        return bytes(signature)

    def sign_all(
        self, dtbs: Sequence[bytes], scheme: SignatureScheme, salt_bytes: int | None = None
    ) -> tuple[bytes, ...]:
        return tuple(self.sign(item, scheme) for item in dtbs)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path)
    yield made
    made.close()


def entries(rig: SamRig, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in entries_of(rig.config.sam.log_folder) if entry["type"] == kind]


def test_a_wrong_signature_is_not_released_and_the_key_stops(rig: SamRig) -> None:
    web = rig.web
    _, signer = people(web, rig.token)
    path = rig.sam.handlers.line._path
    object.__setattr__(path, "vault", BrokenVault(path.vault))
    wanted = digests(2)
    sad = web.approve(signer, wanted)
    with pytest.raises(errors.Refused) as refused:
        web.sign(sad, wanted[:1])
    assert refused.value.code == "wrong_signature"
    assert web.ask(p.ListKeys(user_id=signer.user_id)).keys[0].state == "suspended"
    with pytest.raises(errors.Conflict):
        web.sign(sad, wanted[1:])
    (outcome,) = entries(rig, "outcome")
    assert (outcome["result"], outcome["reason"]) == ("failed", "wrong_signature")
    assert len(entries(rig, "key-suspended")) == 1


def test_when_the_answer_cannot_be_recorded_nothing_leaves_and_sam_stops(
    rig: SamRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = rig.web
    _, signer = people(web, rig.token)
    wanted = digests(1)
    sad = web.approve(signer, wanted)
    path = rig.sam.handlers.line._path

    def fail(rows: Any) -> None:
        raise StorageFailed("the disk is gone")

    monkeypatch.setattr(type(path.reservations), "record", lambda self, rows: fail(rows))
    with pytest.raises(StorageFailed):
        web.sign(sad, wanted)
    assert [type(error) for error in rig.stopped] == [StorageFailed]
    monkeypatch.undo()
    rig.reopen()
    with pytest.raises(errors.Conflict, match="nothing was released"):
        rig.web.sign(sad, wanted)
    assert len(entries(rig, "undelivered")) == 1


def test_a_restart_in_peace_closes_nothing(rig: SamRig) -> None:
    web = rig.web
    _, signer = people(web, rig.token)
    wanted = digests(1)
    first = web.sign(web.approve(signer, wanted), wanted)
    for _ in range(2):
        rig.reopen()
    assert first.signatures
    assert not entries(rig, "undelivered")
    assert [entry["unknown"] for entry in entries(rig, "boot")] == [0, 0, 0]
    assert [entry["type"] for entry in entries_of(rig.config.sam.log_folder)].count("shutdown") == 2


def test_every_message_has_its_handler(rig: SamRig) -> None:
    from typing import get_args

    assert set(rig.sam.handlers.table) == set(get_args(p.Request))


def test_evidence_tells_what_was_approved_and_what_came_of_it(rig: SamRig) -> None:
    import json

    web = rig.web
    _, signer = people(web, rig.token)
    wanted = digests(2)
    instruction = web.instruct(signer, wanted)
    sad = web.activate(signer, instruction).sad
    web.sign(sad, wanted[:1])
    question = p.Evidence(instruction_id=instruction.instruction_id, user_id=signer.user_id)
    told = json.loads(web.ask(question).document)
    assert told["record"].encode() == instruction.record
    assert [(use["first"], use["count"], use["state"]) for use in told["uses"]] == [(0, 1, "released")]
    assert told["uses"][0]["intent"].startswith("c2sp.org/tlog-proof@v1\n")
    assert told["approval"]["signature"]


class FailingVault(BrokenVault):
    """Fakes a vault that does not answer any more."""

    @contextmanager
    def open(self, sealed: bytes, binding: bytes) -> Iterator[Any]:
        raise errors.Unavailable("the vault does not answer")
        yield


class SecondFlips(BrokenVault):
    """Fakes a vault whose second signature of a request is wrong."""

    @contextmanager
    def open(self, sealed: bytes, binding: bytes) -> Iterator[Any]:
        with self._real.open(sealed, binding) as key:
            signers = iter([key, _Flipping(key)])
            sign_all = lambda _, dtbs, scheme, salt=None: tuple(next(signers).sign(item, scheme) for item in dtbs)  # noqa: E731
            yield type("Key", (), {"sign_all": sign_all})()


def use_vault(rig: SamRig, kind: type[BrokenVault]) -> None:
    path = rig.sam.handlers.line._path
    object.__setattr__(path, "vault", kind(path.vault))


def test_a_vault_that_fails_costs_one_use_and_leaves_nothing_open(rig: SamRig) -> None:
    web = rig.web
    _, signer = people(web, rig.token)
    wanted = digests(2)
    sad = web.approve(signer, wanted)
    real = rig.sam.handlers.line._path.vault
    use_vault(rig, FailingVault)
    with pytest.raises(errors.Unavailable):
        web.sign(sad, wanted[:1])
    with pytest.raises(errors.Conflict, match="nothing was released"):
        web.sign(sad, wanted[:1])
    object.__setattr__(rig.sam.handlers.line._path, "vault", real)
    assert len(web.sign(sad, wanted[1:]).signatures) == 1
    assert [entry["result"] for entry in entries(rig, "outcome")] == ["failed", "signed"]
    assert rig.stopped == []


def test_a_failure_in_the_middle_releases_none_of_the_request(rig: SamRig) -> None:
    web = rig.web
    _, signer = people(web, rig.token)
    wanted = digests(2)
    sad = web.approve(signer, wanted)
    use_vault(rig, SecondFlips)
    with pytest.raises(errors.Refused):
        web.sign(sad, wanted)
    (outcome,) = entries(rig, "outcome")
    assert outcome["result"] == "failed"
    assert "signatures" not in outcome


@pytest.mark.parametrize("failure", [errors.Busy, errors.Unavailable, StorageFailed])
def test_whatever_fails_after_the_reservation_stops_sam_and_is_closed(
    rig: SamRig, monkeypatch: pytest.MonkeyPatch, failure: type[errors.NatsuinError]
) -> None:
    """Otherwise the digests would be told to be "on their way" for ever."""
    web = rig.web
    _, signer = people(web, rig.token)
    wanted = digests(1)
    sad = web.approve(signer, wanted)
    reservations = type(rig.sam.handlers.line._path.reservations)

    def fail(self: Any, rows: Any) -> None:
        raise failure("not now")

    monkeypatch.setattr(reservations, "record", fail)
    with pytest.raises(failure):
        web.sign(sad, wanted)
    assert [type(error) for error in rig.stopped] == [failure]
    monkeypatch.undo()
    rig.reopen()
    with pytest.raises(errors.Conflict, match="nothing was released"):
        rig.web.sign(sad, wanted)


def test_before_the_reservation_a_failure_costs_nothing(rig: SamRig, monkeypatch: pytest.MonkeyPatch) -> None:
    web = rig.web
    _, signer = people(web, rig.token)
    wanted = digests(1)
    sad = web.approve(signer, wanted)
    reservations = type(rig.sam.handlers.line._path.reservations)

    def fail(self: Any, messages: Any) -> None:
        raise errors.Busy("not now")

    monkeypatch.setattr(reservations, "reserve", fail)
    with pytest.raises(errors.Busy):
        web.sign(sad, wanted)
    monkeypatch.undo()
    assert web.sign(sad, wanted).signatures
    assert rig.stopped == []


def test_a_refusal_is_in_the_log_and_a_guess_is_not(rig: SamRig) -> None:
    web = rig.web
    _, signer = people(web, rig.token)
    sad = web.approve(signer, digests(1))
    for secret in (sad, bytes(32)):
        with pytest.raises(errors.Refused):
            web.sign(secret, digests(1))
    assert [entry["reason"] for entry in entries(rig, "signing-refused")] == ["not_approved"]


def test_an_expired_certificate_signs_nothing(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from natsuin.clock import FixedClock

    clock = FixedClock(datetime.now(UTC))  # noqa: TID251, RUF100  # the installation was made with the real clock
    rig = SamRig.make(tmp_path, clock=clock)
    try:
        web = rig.web
        _, signer = people(web, rig.token)
        clock.time += timedelta(days=rig.config.ca.signer_days + 1)
        with pytest.raises(errors.Refused) as refused:
            web.instruct(signer, digests(1))
        assert refused.value.code == "certificate_refused"
    finally:
        rig.close()
