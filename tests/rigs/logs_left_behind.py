"""What every test leaves behind is looked through for signing logs, and Go's own library must accept each that is
accepted here.

A log that a test has damaged is one that both refuse. Keys are those that were used or read in this process, and those
that lie beside a log. Folders that several tests share are looked through when the last test is over.
"""

import os
from collections.abc import Generator, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from conformance.log.go_checker import GoRefused, check_log_with_go
from natsuin.errors import NatsuinError
from natsuin.signing_log import VerifierKey, parse_note, verify_shards

_DEPTH = 5
_CLOSED = {"tile", "node_modules", ".venv", ".git"}
"""Folders that are not entered."""
_keys: dict[tuple[str, bytes], str] = {}
_checked = [0, 0]
"""Logs that Go accepted, and those of which nobody here knows the key."""
_visited: dict[Path, set[str]] = {}
"""Folders that were looked through, by the folder that they are in."""


def pytest_configure() -> None:
    """Remember the verifier keys that this process makes or reads."""
    make = VerifierKey.__init__

    @wraps(make)
    def remember(self: VerifierKey, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        _keys[self.name, self.key_id] = str(self)

    VerifierKey.__init__ = remember  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Once the test's own fixtures are closed."""
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    yield
    if folder is not None:
        check_logs_below(folder)


@pytest.fixture(scope="session", autouse=True)
def shared_logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folders of modules and of the session."""
    yield
    check_logs_below(tmp_path_factory.getbasetemp())


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many it were, in runs of one process."""
    if any(_checked):
        terminalreporter.write_line(f"Go's library accepted {_checked[0]} logs; of {_checked[1]} nobody had the key")


def check_logs_below(folder: Path) -> None:
    """Each log that is not refused here must be accepted by Go. Raises `AssertionError`."""
    for log in _logs(folder):
        vkey = _key_of(log)
        if vkey is None:
            _checked[1] += 1
            continue
        try:
            check_log_with_go(log, vkey)
        except GoRefused as refused:
            try:
                report = verify_shards(log, vkey)
            except NatsuinError:
                continue
            raise AssertionError(f"{log} of {report.entries} entries is accepted, and Go says: {refused}") from refused
        _checked[0] += 1


def _logs(folder: Path) -> Iterator[Path]:
    """Folders that hold checkpoint and tiles; later shards are such folders, too. Each is given once in a run."""
    base = len(folder.parts)
    _visited.setdefault(folder.parent, set()).add(folder.name)
    for name, folders, files in os.walk(folder):
        here = Path(name)
        if "checkpoint" in files and "tile" in folders:
            yield here
        deep = len(here.parts) - base >= _DEPTH
        folders[:] = (
            [] if deep else [each for each in folders if each not in _CLOSED and each not in _visited.get(here, ())]
        )


def _key_of(log: Path) -> str | None:
    """The key that signed the checkpoint, if it is one of those that are known here."""
    try:
        note = parse_note((log / "checkpoint").read_bytes())
    except (NatsuinError, OSError):
        return None
    for signature in note.signatures:
        known = _keys.get((signature.name, signature.key_id))
        if known is not None and signature.name == note.text.partition("\n")[0]:
            return known
    return _key_beside(log, note.text.partition("\n")[0])


def _key_beside(log: Path, origin: str) -> str | None:
    for parent in list(log.parents)[:3]:
        file = parent / "log.vkey"
        if file.is_file() and file.read_text().startswith(origin + "+"):
            return file.read_text().strip()
    return None
