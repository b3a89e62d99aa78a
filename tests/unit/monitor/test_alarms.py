"""How alarms are put together, cut off, delivered and given up."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from natsuin.clock import FixedClock, milliseconds
from natsuin.errors import StorageFailed
from natsuin.mail_server import MailFailed, MailImpossible
from natsuin.monitor.alarms import Desk
from natsuin.monitor.memory import Memory, MemoryInUse
from natsuin.monitor.outbox import Outbox
from natsuin.monitor.receivers import Receiver
from natsuin.monitor.rules import Found
from natsuin.monitor.settings import LimitSettings
from natsuin.monitor.severity import Severity
from rigs.watched_log import ALICE, BEGAN, BOB

ALL = Receiver("output", Severity.NOTICE)


class Office:
    """A desk, its memory and one receiver that keeps what it gets."""

    def __init__(self, folder: Path, *receivers: Receiver, **limits: int) -> None:
        self.clock, self.memory = FixedClock(BEGAN), Memory.open(folder)
        self.desk = Desk("main", receivers or (ALL,), LimitSettings(**limits))
        self.got: list[tuple[str, int, int]] = []
        self.problem: Exception | None = None
        self.outbox = Outbox(self.memory, (receivers or (ALL,))[0].name, self.send, self.clock)

    def send(self, row: sqlite3.Row, sequence: int) -> None:
        if self.problem is not None:
            raise self.problem
        self.got.append((row["kind"], sequence, row["count"]))

    def raises(self, *found: Found) -> None:
        with self.memory.write() as connection:
            self.desk.raise_all(connection, found, milliseconds(self.clock.now()))

    def looks(self) -> None:
        with self.memory.write() as connection:
            self.desk.close_groups(connection, milliseconds(self.clock.now()))

    def delivered(self) -> list[tuple[str, int, int]]:
        self.outbox.deliver()
        got, self.got = self.got, []
        return got


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "state")
    yield made
    made.memory.close()


def test_the_same_again_is_told_together(office: Office) -> None:
    failed = Found("outcome-failed", ALICE, 7)
    office.raises(failed, failed, Found("outcome-failed", BOB, 8))
    assert office.delivered() == [("outcome-failed", 1, 2), ("outcome-failed", 1, 1)]
    office.raises(failed)
    office.looks()
    assert office.delivered() == []
    office.clock.time += timedelta(hours=1)
    office.looks()
    assert office.delivered() == [("outcome-failed", 2, 3)], "one message says how many there were"
    office.raises(failed)
    assert office.delivered() == [("outcome-failed", 1, 1)], "and then it is new again"


def test_a_flood_is_cut_off_by_severity(tmp_path: Path) -> None:
    office = Office(tmp_path / "flood", alarms_per_hour=5)
    office.raises(*(Found("signing-refused", f"reason {n}", n) for n in range(5000)))
    office.raises(Found("chain-broken", ALICE, 5000))
    got = office.delivered()
    assert [kind for kind, *_ in got] == ["signing-refused"] * 5 + ["alarms-suppressed", "chain-broken"]
    with office.memory.read() as connection:
        (kept,) = connection.execute("SELECT count(*) FROM alarm").fetchone()
        (counted,) = connection.execute("SELECT alarms FROM counted_alarms WHERE kind = 'signing-refused'").fetchone()
    assert (kept, counted) == (7, 5000), "the disk is not filled, and the count is whole"
    office.clock.time += timedelta(hours=1, seconds=1)
    office.looks()
    assert ("alarms-suppressed", 2, 4995) in office.delivered()
    office.memory.close()


def test_each_receiver_gets_what_it_wants(tmp_path: Path) -> None:
    owner = Receiver("mail:owner@example.jp", None, frozenset({ALICE}))
    critical = Receiver("mail:boss@example.jp", Severity.CRITICAL)
    office = Office(tmp_path / "wants", critical, owner)
    office.raises(Found("watched-key", ALICE), Found("watched-key", BOB), Found("log-forked"), Found("clock-stepped"))
    office.raises(Found("log-recovered", "log-forked"), Found("log-recovered", "log-silent"))
    with office.memory.read() as connection:
        rows = connection.execute(
            "SELECT receiver, kind, subject FROM delivery JOIN alarm ON id = alarm ORDER BY receiver, kind"
        ).fetchall()
    assert [tuple(row) for row in rows] == [
        ("mail:boss@example.jp", "log-forked", ""),
        # Whoever heard of a state hears of its end, though that is good news.
        ("mail:boss@example.jp", "log-recovered", "log-forked"),
        ("mail:owner@example.jp", "watched-key", ALICE),
    ]
    office.memory.close()


def test_what_is_refused_is_tried_again_and_given_up_after_two_weeks(office: Office) -> None:
    office.raises(Found("clock-stepped"))
    office.problem = MailFailed("SMTPServerDisconnected")
    tries, began = 0, office.clock.time
    while office.outbox.waits():
        tries += 1
        assert office.delivered() == []
        office.clock.advance(3600)
        assert tries < 1000
    assert timedelta(days=14) < office.clock.time - began < timedelta(days=15)
    with office.memory.read() as connection:
        row = connection.execute("SELECT * FROM receiver").fetchone()
    assert tuple(row) == ("output", 0, 1, "SMTPServerDisconnected")


def test_one_that_cannot_be_sent_holds_up_no_other(office: Office) -> None:
    office.raises(Found("clock-stepped"))
    office.problem = MailImpossible("an address is not one")
    assert office.delivered() == []
    assert not office.outbox.waits()
    office.raises(Found("clock-accepted"))
    office.problem = RuntimeError("a mistake")
    assert office.delivered() == []
    assert office.delivered() == []
    office.problem = None
    office.raises(Found("undelivered"))
    assert office.delivered() == [("undelivered", 1, 1)], "the other is put off, not lost"
    office.clock.advance(10)
    assert office.delivered() == [("clock-accepted", 1, 1)]


def test_a_clock_that_is_set_back_puts_nothing_off_for_ever(office: Office) -> None:
    office.raises(Found("clock-stepped"))
    office.problem = MailFailed("x")
    office.delivered()
    office.problem = None
    office.clock.time -= timedelta(days=365)
    assert office.delivered() == [("clock-stepped", 1, 1)]
    office.raises(Found("clock-stepped"))
    office.looks()
    assert office.delivered() == [("clock-stepped", 2, 2)], "the open group ends, though it seems to be of the future"


def test_the_memory_is_one_monitor_s_and_a_failing_disk_is_told(tmp_path: Path, office: Office) -> None:
    with pytest.raises(MemoryInUse):
        Memory.open(tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state/monitor.sqlite").stat().st_mode & 0o777 == 0o600
    with office.memory.write() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFailed):
        office.raises(*(Found("signing-refused", f"{n:0200}", n) for n in range(500)))
    with office.memory.read() as connection:
        assert connection.execute("SELECT count(*) FROM alarm").fetchone()[0] == 0, "all or nothing"
