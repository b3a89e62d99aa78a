"""What start-up finds unfinished in the log."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from natsuin.signing.recovery import read_unfinished


def told(*entries: dict[str, object]) -> list[tuple[int, bytes]]:
    return [(index, msgspec.json.encode(entry)) for index, entry in enumerate(entries)]


def test_an_intent_without_outcome_is_unfinished() -> None:
    found = read_unfinished(
        told(
            {"type": "boot"},
            {"type": "intent", "tx": "a", "key": "k"},
            {"type": "intent", "tx": "b", "key": "k"},
            {"type": "outcome", "tx": "a", "key": "k", "result": "failed"},
        ),
        reserved="ab",
    )
    assert found.intents == {"b": (2, "k")}
    assert found.signed == {}


def test_a_signed_outcome_counts_until_it_was_told_undelivered() -> None:
    signed = ({"type": "intent", "tx": "a", "key": "k"}, {"type": "outcome", "tx": "a", "key": "k", "result": "signed"})
    assert read_unfinished(told(*signed), reserved="a").signed == {"a": (1, "k")}
    assert read_unfinished(told(*signed), reserved="").signed == {}
    assert read_unfinished(told(*signed, {"type": "undelivered", "tx": "a"}), reserved="a").signed == {}


@given(st.lists(st.sampled_from("abc"), max_size=20))
def test_every_intent_is_open_exactly_until_its_outcome(order: list[str]) -> None:
    open_now: set[str] = set()
    entries: list[dict[str, object]] = []
    for tx in order:
        kind = "outcome" if tx in open_now else "intent"
        entries.append({"type": kind, "tx": tx, "key": "k", "result": "unknown"})
        open_now ^= {tx}
    assert set(read_unfinished(told(*entries), reserved="").intents) == open_now
