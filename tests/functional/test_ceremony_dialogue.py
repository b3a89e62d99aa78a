"""What custodians see on the screen and type, without files: shares are shown once and read back."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from natsuin.cli.ceremony.dialogue import hand_out, take_in, write_out
from natsuin.errors import StorageFailed
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


def test_nothing_of_a_share_can_be_scrolled_to(shares: list[tuple[str, ...]]) -> None:
    """On a terminal what was shown, and what was typed to prove it, is erased, also above the screen."""
    words = shares[0]
    terminal, side = pty.openpty()
    program = f"from natsuin.cli.ceremony.dialogue import hand_out; hand_out('Sato', 1, 'abcd', {words!r})"
    running = subprocess.Popen([sys.executable, "-c", program], stdin=side, stdout=side, stderr=side)
    os.close(side)
    shown, answered = "", 0
    with suppress(OSError):  # the end of the other side
        while read := os.read(terminal, 4096).decode():
            shown += read
            asked = re.findall(r"Press Enter:|Word (\d+) from the paper:", shown)
            for place in asked[answered:]:
                os.write(terminal, f"{words[int(place) - 1] if place else ''}\n".encode())
            answered = len(asked)
    os.close(terminal)
    assert running.wait() == 0
    assert answered == 5
    assert all(word in shown for word in words)
    erased = "\x1b[2J\x1b[1;1H\x1b[3J"
    assert shown.count(erased) == 2
    assert shown.endswith(erased)
    assert shown.index(words[-1]) < shown.index(erased) < shown.index(" from the paper")


def test_a_share_that_cannot_be_written_is_told(shares: list[tuple[str, ...]], tmp_path: Path) -> None:
    file = write_out(tmp_path, "Sato", 1, "abcd", shares[0])
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(StorageFailed, match="the share for Suzuki cannot be written"):
        write_out(tmp_path, "Suzuki", 1, "abcd", shares[1])
    assert file.read_bytes() == before
