"""What custodians see on the screen and type, without files: shares are shown once and read back."""

import re

import click
import pytest
from click.testing import CliRunner

from natsuin.cli.ceremony.dialogue import hand_out, take_in
from natsuin.key_backup import combine, split
from natsuin.key_management import MasterKey

MASTER = MasterKey(bytes(range(32)))


@pytest.fixture
def shares() -> list[tuple[str, ...]]:
    return [share.words for share in split(MASTER, threshold=2, shares=3)]


def test_a_share_is_read_back_before_the_next_person_comes(
    shares: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong word is asked for again; the words stand on the screen only before the question."""
    words, asked = shares[0], []

    def prompt(text: str, **_: object) -> str:
        place = re.match(r"Word (\d+)", text)
        if place is None:
            return ""
        asked.append(int(place[1]))
        return "wrong" if len(asked) == 1 else words[int(place[1]) - 1].upper()

    monkeypatch.setattr(click, "prompt", prompt)
    result = CliRunner().invoke(click.Command("c", callback=lambda: hand_out("Sato", 1, "abcd", words)))
    assert result.exception is None
    assert len(asked) == 4
    assert asked[0] == asked[1]
    shown = re.findall(r"\d+ ([a-z]{4,})", result.output)
    assert sorted(shown) == sorted(words)


def test_shares_are_checked_one_by_one(shares: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["no share", " ".join(shares[2]), " ".join(shares[2]), " ".join(shares[0]).upper()])
    hidden = []

    def prompt(_: str, *, hide_input: bool = False) -> str:
        hidden.append(hide_input)
        return next(typed)

    monkeypatch.setattr(click, "prompt", prompt)
    taken: list[str] = []
    result = CliRunner().invoke(click.Command("c", callback=lambda: taken.extend(take_in(2))))
    assert result.exception is None
    assert all(hidden)
    assert len(hidden) == 4
    assert combine(taken).secret == MASTER.secret
