"""Where the log of the code under test goes when it runs in the test's own process: a file of this test run.

Servers in threads write their last line after the answer was sent, when pytest may have put another standard output in
place and closed the one before. CPython 3.11 can die of that, so the log goes where pytest changes nothing.
"""

import os
import tempfile
from collections.abc import Callable, Generator

import pytest

from natsuin.logs import configure_logs

Logged = Callable[[], str]
"""Tells what was written since it was last asked, or since the test began."""

_FILE = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  It is open as long as the process.
_BEGIN = pytest.StashKey[int]()


def _size() -> int:
    return os.fstat(_FILE.fileno()).st_size


def _written(begin: int, end: int) -> str:
    return os.pread(_FILE.fileno(), end - begin, begin).decode()


def pytest_configure() -> None:
    configure_logs(_FILE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the log of a test that failed."""
    report = yield
    begin = item.stash.setdefault(_BEGIN, 0)
    end = _size()
    if report.failed:
        report.sections.append(("Log", _written(begin, end)))
    item.stash[_BEGIN] = end
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_BEGIN] = _size()


@pytest.fixture
def logged() -> Logged:
    """What the code under test logs during the test."""
    place = _size()

    def since() -> str:
        nonlocal place
        begin, place = place, _size()
        return _written(begin, place)

    return since
