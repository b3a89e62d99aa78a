"""Bars of long work: one for each name, and names as they are."""

import re

import pytest

from natsuin.cli.progress import progress_bars


def seen(text: str) -> list[str]:
    """The lines that a terminal was sent, without its control sequences."""
    return [line.strip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()]


def test_each_name_has_one_bar_and_is_no_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with progress_bars() as show:
        show("[red]a log", 0, None)
        show("keys", 1, 4)
        show("[red]a log", 7, 9)
    told = capsys.readouterr()
    assert told.out == ""
    lines = seen(told.err)
    assert any(line.startswith("[red]a log") and "7/9" in line for line in lines)
    assert any(line.startswith("keys") and "1/4" in line for line in lines)


def test_there_is_no_bar_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as show:
        show("keys", 1, 4)
    assert capsys.readouterr().err.strip() == ""
