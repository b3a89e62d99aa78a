"""`natsuin log uses`: what the log accounts for, day by day, and entries that are not as they must be."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from natsuin.cli.log import log
from natsuin.cli.log_uses import Counting, Uses
from natsuin.errors import NatsuinError
from natsuin.signing_log import BadEntry
from rigs.sam_in_process import SamRig, people
from rigs.web_side import digests

DAY = 86_400_000


def told(counting: Counting, *entries: dict[str, Any]) -> list[Uses]:
    for entry in entries:
        counting.read(json.dumps(entry).encode())
    return counting.days()


def intent(tx: str, count: int, *, time: int = 0, key: str = "k") -> dict[str, Any]:
    return {"type": "intent", "tx": tx, "key": key, "count": count, "time": time}


def outcome(tx: str, result: str, *, time: int = 0, key: str = "k") -> dict[str, Any]:
    return {"type": "outcome", "tx": tx, "key": key, "result": result, "time": time}


def made(key: str, backend: str, kind: str = "key-created") -> dict[str, Any]:
    return {"type": kind, "key": key, "backend": backend, "time": 0}


def test_what_a_real_log_accounts_for(tmp_path: Path) -> None:
    rig = SamRig.make(tmp_path)
    _, signer = people(rig.web, rig.token)
    for count in (3, 1):
        wanted = digests(count)
        rig.web.sign(rig.web.approve(signer, wanted), wanted)
    with pytest.raises(NatsuinError):
        rig.web.sign(b"no approval", digests(1))
    rig.sam.log.publish()
    words = ["uses", str(rig.config.sam.log_folder), "--vkey", rig.sam.log.vkey]
    answer = CliRunner().invoke(log, [*words, "--json"])
    assert answer.exit_code == 0, answer.output
    (day,) = json.loads(answer.stdout)["days"]
    assert {name: value for name, value in day.items() if name != "day"} == {
        "signed": 4,
        "unknown": 0,
        "failed": 0,
        "keys_made": 1,
        "keys_imported": 0,
        "most": 5,
    }
    shown = CliRunner().invoke(log, words).stdout
    assert day["day"] in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert json.loads(CliRunner().invoke(log, [*words, "--json", "--backend", "pkcs11"]).stdout) == {"days": []}
    assert "no use of a person's key" in CliRunner().invoke(log, [*words, "--backend", "pkcs11"]).stdout
    assert CliRunner().invoke(log, [*words[:-1], "x+00000000+AAAA"]).exit_code == 2
    rig.close()


def test_each_result_counts_on_its_own_day() -> None:
    days = told(
        Counting(),
        made("k", "software"),
        intent("a", 2),
        intent("b", 3),
        intent("c", 5),
        intent("d", 7, time=DAY),
        outcome("a", "signed", time=DAY),
        outcome("b", "failed"),
        outcome("c", "unknown"),
        outcome("stranger", "signed"),
    )
    assert days == [
        Uses("1970-01-01", failed=3, unknown=5, keys_made=1),
        Uses("1970-01-02", signed=2, unknown=7),
    ]
    assert [day.most for day in days] == [9, 9]


def test_one_vault_and_one_span() -> None:
    entries = [
        made("soft", "software"),
        made("hard", "pkcs11", "key-imported"),
        intent("a", 1, key="soft"),
        outcome("a", "signed", key="soft"),
        intent("b", 2, key="hard"),
        outcome("b", "signed", key="hard", time=DAY),
    ]
    assert told(Counting(backend="pkcs11"), *entries) == [
        Uses("1970-01-01", keys_imported=1),
        Uses("1970-01-02", signed=2),
    ]
    assert told(Counting(after=DAY), *entries) == [Uses("1970-01-02", signed=2)]
    assert told(Counting(before=DAY), *entries) == [Uses("1970-01-01", signed=1, keys_made=1, keys_imported=1)]


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"type": "intent"},
        {"type": "intent", "tx": [], "key": "k", "count": 1, "time": 0},
        {"type": "key-created", "key": "k", "backend": "x", "time": "0"},
        {"type": "key-created", "key": "k", "backend": "x", "time": 10**30},
        {"type": "key-created", "key": {}, "backend": "x", "time": 0},
    ],
)
def test_hostile_entries_are_refused_in_words(entry: Any) -> None:
    with pytest.raises(BadEntry):
        told(Counting(), entry)
    with pytest.raises(BadEntry):
        Counting().read(b"\xff" * 100)


@pytest.mark.parametrize("count", [-1, "1", True, None])
def test_a_hostile_count_is_refused(count: Any) -> None:
    with pytest.raises(BadEntry):
        told(Counting(), {**intent("a", 1), "count": count}, outcome("a", "signed"))
