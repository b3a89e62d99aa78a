"""What entries are worth an alarm, and what are not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from natsuin.monitor.catalogue import CATALOGUE, judge
from natsuin.monitor.kinds import FACTS, KINDS
from natsuin.monitor.rule_state import MOST_SUBJECTS, RuleState
from natsuin.monitor.rules import Circumstances, Found, waiting_too_long
from natsuin.monitor.settings import LimitSettings
from rigs.watched_log import ALICE, BOB

NOW = 1_800_000_000_000
HOUR = 3_600_000


class Reading:
    """Entries given to the rules one after the other."""

    def __init__(self, **limits: int) -> None:
        self.state, self.limits, self.index = RuleState(), LimitSettings(**limits), -1

    def read(self, entry: Mapping[str, Any], *, now: int = NOW) -> list[Found]:
        self.index += 1
        content = msgspec.json.encode({"time": now, **entry})
        return judge(self.state, self.index, content, Circumstances(self.limits, now))[1]

    def kinds(self, entry: Mapping[str, Any], *, now: int = NOW) -> list[str]:
        return [found.kind for found in self.read(entry, now=now)]


@pytest.fixture
def reading() -> Reading:
    return Reading()


def test_an_ordinary_day_is_quiet(reading: Reading) -> None:
    day = (
        {"type": "genesis"},
        {"type": "boot", "version": "1", "backend": "software"},
        {"type": "enrolment-approved"},
        {"type": "key-created", "key": ALICE},
        {"type": "approved", "key": ALICE},
        {"type": "intent", "key": ALICE, "tx": "t"},
        {"type": "outcome", "key": ALICE, "tx": "t", "intent": 5, "result": "signed"},
        {"type": "secret-refused", "key": ALICE},
        {"type": "key-suspended", "key": ALICE, "by": "owner"},
        {"type": "shutdown", "version": "1"},
        {"type": "boot", "version": "1", "backend": "software"},
    )
    assert [found for entry in day for found in reading.read(entry)] == []
    assert list(waiting_too_long(reading.state, Circumstances(reading.limits, NOW + HOUR))) == []


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"type": "clock-stepped", "seconds": 4000}, "clock-stepped"),
        ({"type": "clock-accepted", "cancelled": 1}, "clock-accepted"),
        ({"type": "database-restored", "known": 3, "size": 9}, "database-restored"),
        ({"type": "signing-refused", "reason": "already_used"}, "signing-refused"),
        ({"type": "undelivered", "key": ALICE, "outcome": 3}, "undelivered"),
        ({"type": "key-suspended", "key": ALICE, "by": "service"}, "key-failed"),
        ({"type": "resident-key-finding", "key": ALICE, "finding": "missing"}, "resident-key"),
        ({"type": "resident-key-unknown"}, "resident-key"),
        ({"type": "officer-invited"}, "privileged-act"),
        ({"type": "ceremony", "kind": "rotation"}, "privileged-act"),
        ({"type": "passkeys-replaced", "key": ALICE}, "privileged-act"),
        ({"type": "key-restored", "key": ALICE}, "privileged-act"),
        ({"type": "made-up-tomorrow"}, "entry-unknown"),
        ({"no": "type"}, "entry-unknown"),
        ({"type": "approved", "time": "noon"}, "entry-unreadable"),
        ({"type": "approved", "time": NOW + 61_000}, "time-ahead"),
        ({"type": "outcome", "key": ALICE, "tx": "t", "intent": 5, "result": "signed"}, "outcome-unmatched"),
    ],
)
def test_each_of_these_is_an_alarm_by_itself(reading: Reading, entry: dict[str, Any], kind: str) -> None:
    assert reading.kinds(entry) == [kind]


def test_outcomes(reading: Reading) -> None:
    for result, kind in (("failed", "outcome-failed"), ("unknown", "outcome-unknown"), ("new", "outcome-failed")):
        reading.read({"type": "intent", "key": ALICE, "tx": "t"})
        outcome = {"type": "outcome", "key": ALICE, "tx": "t", "intent": reading.index, "result": result}
        assert reading.kinds(outcome) == [kind]
        assert reading.kinds(outcome)[0] == "outcome-unmatched", "a second outcome of one intent"
    reading.read({"type": "intent", "key": ALICE, "tx": "t"})
    other = {"type": "outcome", "key": BOB, "tx": "t", "intent": reading.index, "result": "signed"}
    assert reading.kinds(other) == ["outcome-unmatched"], "of another key"


def test_refusals_of_one_key_within_the_window(reading: Reading) -> None:
    wrong = {"type": "secret-refused", "key": ALICE}
    assert [reading.kinds(wrong) for _ in range(4)] == [[]] * 4
    assert reading.kinds({"type": "approval-refused", "key": BOB}) == []
    assert reading.kinds(wrong) == ["refusals-of-a-key"]
    assert reading.kinds(wrong) == [], "counting begins anew"
    slow = [reading.kinds({"type": "secret-refused", "key": BOB}, now=NOW + n * HOUR) for n in range(1, 12)]
    assert slow == [[]] * 11


def test_refusals_of_all_together() -> None:
    reading = Reading(refusals=10)
    kinds = [reading.kinds({"type": "pin-reset-refused", "key": f"{n:032x}"}) for n in range(10)]
    assert kinds == [[]] * 9 + [["refusals"]]


def test_time_that_goes_back(reading: Reading) -> None:
    reading.read({"type": "approved", "time": NOW})
    assert reading.kinds({"type": "approved", "time": NOW - 4_000}) == [], "neighbours may be slightly out of order"
    assert reading.kinds({"type": "approved", "time": NOW - 6_000}) == ["time-backwards"]
    assert reading.kinds({"type": "approved", "time": NOW - 6_000}) == [], "told once, where it happened"
    reading.read({"type": "approved", "time": NOW + 50_000})
    assert reading.kinds({"type": "clock-accepted", "time": NOW - HOUR}) == ["clock-accepted"]
    assert reading.kinds({"type": "approved", "time": NOW - HOUR}) == []


def test_starts(reading: Reading) -> None:
    def boot(**more: object) -> dict[str, Any]:
        return {"type": "boot", "version": "1", "backend": "software", **more}

    assert reading.kinds(boot()) == []
    assert reading.kinds(boot(unknown=2)) == ["unclean-start"]
    assert reading.kinds(boot()) == ["unclean-start", "frequent-starts"]
    reading.read({"type": "shutdown"})
    assert reading.kinds(boot(version="2", backend="pkcs11")) == ["version-changed", "vault-changed"]


def test_an_intent_that_waits_is_told_once(reading: Reading) -> None:
    reading.read({"type": "intent", "key": ALICE, "tx": "t"})
    early, late = Circumstances(reading.limits, NOW + 299_000), Circumstances(reading.limits, NOW + 300_000)
    assert list(waiting_too_long(reading.state, early)) == []
    assert [found.kind for found in waiting_too_long(reading.state, late)] == ["intent-open"]
    assert list(waiting_too_long(reading.state, late)) == []


def test_an_intent_dated_into_the_future_waits_no_longer(reading: Reading) -> None:
    reading.read({"type": "intent", "key": ALICE, "tx": "t", "time": NOW + 10**9})
    late = Circumstances(reading.limits, NOW + 300_000)
    assert [found.kind for found in waiting_too_long(reading.state, late)] == ["intent-open"]


def test_the_memory_of_the_rules_is_bounded(reading: Reading) -> None:
    for number in range(MOST_SUBJECTS + 500):
        reading.read({"type": "intent", "key": f"{number:032x}", "tx": "x" * 1000})
        reading.read({"type": "secret-refused", "key": f"{number:032x}" * 100})
    assert len(reading.state.intents) == MOST_SUBJECTS
    assert len(reading.state.refusals) <= MOST_SUBJECTS
    assert len(msgspec.msgpack.encode(reading.state)) < 10_000_000
    # Forgetting is known: an outcome of a forgotten intent is no contradiction.
    assert reading.kinds({"type": "outcome", "key": ALICE, "intent": 0, "result": "signed"}) == []


def test_what_rules_remember_survives_being_kept(reading: Reading) -> None:
    reading.read({"type": "intent", "key": ALICE, "tx": "t"})
    for _ in range(4):
        reading.read({"type": "secret-refused", "key": ALICE})
    reading.state = msgspec.msgpack.decode(msgspec.msgpack.encode(reading.state), type=RuleState)
    assert reading.kinds({"type": "secret-refused", "key": ALICE}) == ["refusals-of-a-key"]
    assert reading.kinds({"type": "outcome", "key": ALICE, "tx": "t", "intent": 0, "result": "signed"}) == []


HOSTILE = (
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"type":',
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b'{"type":{"type":1},"key":["x"],"time":-1}',
    b'{"type":"intent","time":1e400,"key":"k"}',
    b'{"type":"outcome","intent":' + b"9" * 4000 + b',"key":null,"time":' + b"9" * 60_000 + b"}",
    b'{"type":"clock-stepped","seconds":' + b"9" * 30_000 + b',"time":1}',
    b'{"type":"boot","time":1,"version":"\\u001b[2J\\u0007","backend":["a"],"unknown":"many"}',
    b'{"type":"signing-refused","time":1,"reason":"\\r\\nBcc: everybody@example.jp\\r\\n\\r\\n"}',
    b'{"type":"\\u202e\\ud83d\\ude00<script>","time":1}',
    b'{"type":"secret-refused","time":1,"key":"' + b"[red]" * 10_000 + b'"}',
)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_entries_yield_only_harmless_facts(reading: Reading, number: int) -> None:
    for kind in CATALOGUE:
        # Also with each known type put in front, so that every rule meets every value.
        content = HOSTILE[number]
        for variant in (content, content.replace(b'{"', b'{"type":"' + kind.encode() + b'","', 1)):
            reading.index += 1
            _, found = judge(reading.state, reading.index, variant, Circumstances(reading.limits, NOW))
            found += list(waiting_too_long(reading.state, Circumstances(reading.limits, NOW * 2)))
            for one in found:
                assert one.kind in KINDS
                assert set(one.facts) <= set(FACTS)
                for text in (one.subject, *(value for value in one.facts.values() if isinstance(value, str))):
                    assert text.isascii()
                    assert text.isprintable()
                    assert len(text) <= 200
                assert all(abs(value) < 10**15 for value in one.facts.values() if isinstance(value, int))


def test_every_type_of_the_catalogue_is_classified() -> None:
    """A type that is added to the log must be given a rule here, even if it is that nothing is said."""
    import re

    page = (Path(__file__).parents[3] / "docs/log.md").read_text("utf-8")
    part = page.split("| type | public fields |")[1].split("\n\n")[0]
    types = set(re.findall(r"^\| `([a-z-]+)` \|", part, re.MULTILINE))
    assert len(types) > 40
    assert set(CATALOGUE) == types
