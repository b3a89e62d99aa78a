"""The path of one signature with a vault that errs: what is wrong never leaves, and the key stops."""

from collections.abc import Iterator
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
        self.name, self.generate, self._real = real.name, real.generate, real

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
