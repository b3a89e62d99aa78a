"""What the log tells of one key."""

from typing import Any

import msgspec
import pytest

from natsuin.key_backup import read_history
from natsuin.key_management import KeyState


def told(*entries: dict[str, Any]) -> list[tuple[int, bytes]]:
    return [(index, msgspec.json.encode({"key": "k", **entry})) for index, entry in enumerate(entries)]


WRONG = {"type": "secret-refused", "slot": "pin"}


def test_wrong_tries_count_until_a_success() -> None:
    history = read_history(told(WRONG, WRONG, {"type": "approved"}, WRONG, {**WRONG, "slot": "recovery"}), "k", since=0)
    assert history.failures == {"pin": 1, "recovery": 1}
    assert read_history(told(*[WRONG] * 10), "k", since=0).locked


def test_entries_of_others_do_not_count() -> None:
    entries = told({**WRONG, "key": "other", "note": "k"}, {"type": "key-destroyed", "key": "kk"})
    history = read_history(entries, "k", since=0)
    assert (history.failures["pin"], history.end) == (0, None)


@pytest.mark.parametrize(
    "kind", ["pin-changed", "pin-reset", "passkeys-changed", "passkeys-replaced", "certificate-installed"]
)
def test_replaced_secrets_count_from_the_archive_on(kind: str) -> None:
    entries = told({"type": "boot"}, {"type": kind, "by": "officer"})
    assert read_history(entries, "k", since=1).replaced
    assert not read_history(entries, "k", since=2).replaced


@pytest.mark.parametrize(("kind", "end"), [("key-revoked", "revoked"), ("key-destroyed", "destroyed")])
def test_an_end_counts_wherever_it_stands(kind: str, end: str) -> None:
    assert read_history(told({"type": kind, "by": "owner"}, {"type": "boot"}), "k", since=2).end == end


def test_moves_lead_to_the_present_state() -> None:
    suspended, resumed = {"type": "key-suspended", "by": "officer"}, {"type": "key-resumed", "by": "officer"}
    history = read_history(told(suspended, resumed, suspended), "k", since=0)
    assert history.state_after(KeyState.ACTIVE, "") == (KeyState.SUSPENDED, "officer")
    assert read_history(told(suspended, resumed), "k", since=1).state_after(KeyState.SUSPENDED, "officer") == (
        KeyState.ACTIVE,
        "",
    )
