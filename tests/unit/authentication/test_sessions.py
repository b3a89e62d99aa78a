"""Sessions: how they begin, how long they last, how they end. On both databases."""

import hashlib
from datetime import timedelta

import pytest
import sqlalchemy as sa

from natsuin.authentication import SessionLimits, Sessions
from natsuin.authentication.tables import session

LIMITS = SessionLimits(timedelta(hours=12), timedelta(minutes=15))


@pytest.fixture
def sessions(database, clock) -> Sessions:
    return Sessions(database, clock, limits=LIMITS)


def rows(database) -> list:
    with database.read() as connection:
        return list(connection.execute(sa.select(session)))


def test_a_session_is_found_by_its_secret_only(sessions, database):
    secret = sessions.open("u-1")
    assert sessions.find(secret).user_id == "u-1"
    assert sessions.find(secret[:-1] + "x") is None
    assert sessions.find("") is None
    assert sessions.find("\ud800") is None
    (row,) = rows(database)
    assert row.secret_hash == hashlib.sha256(secret.encode()).digest()
    assert secret.encode() not in repr(row).encode()


def test_secrets_are_long_and_different(sessions):
    made = {sessions.open("u-1") for _ in range(20)}
    assert len(made) == 20
    assert all(len(secret) == 43 for secret in made)


def test_a_session_ends_after_its_absolute_time_however_busy(sessions, clock):
    secret = sessions.open("u-1")
    for _ in range(71):
        clock.advance(600)
        assert sessions.find(secret) is not None
    clock.advance(600)
    assert sessions.find(secret) is None
    assert sessions.recall(secret) is None


def test_a_session_ends_when_it_lies_idle(sessions, clock):
    secret = sessions.open("u-1")
    clock.advance(14 * 60)
    assert sessions.find(secret) is not None
    clock.advance(14 * 60)
    assert sessions.find(secret) is not None
    clock.advance(15 * 60)
    assert sessions.find(secret) is None


def test_looking_is_noted_once_a_minute_at_most(sessions, database, clock):
    secret = sessions.open("u-1")
    first = rows(database)[0].last_used_at
    clock.advance(59)
    sessions.find(secret)
    assert rows(database)[0].last_used_at == first
    clock.advance(1)
    sessions.find(secret)
    assert rows(database)[0].last_used_at == first + 60_000


def test_a_remembered_session_costs_no_query_and_is_forgotten_soon(database, clock):
    now = [0.0]
    sessions = Sessions(database, clock, limits=LIMITS, remember_seconds=2, timer=lambda: now[0])
    secret = sessions.open("u-1")
    assert sessions.recall(secret) is None
    sessions.find(secret)
    with database.write() as connection:
        connection.execute(sa.delete(session))
    now[0] = 1.9
    assert sessions.recall(secret).user_id == "u-1"
    now[0] = 2.1
    assert sessions.recall(secret) is None
    assert sessions.find(secret) is None


def test_closing_works_at_once_on_what_is_remembered(sessions):
    secret, other = sessions.open("u-1"), sessions.open("u-1")
    sessions.find(secret)
    sessions.close(secret)
    assert sessions.recall(secret) is None
    assert sessions.find(secret) is None
    assert sessions.find(other) is not None
    sessions.close(secret)


def test_a_session_that_replaces_another_ends_it(sessions):
    earlier = sessions.open("u-1")
    sessions.find(earlier)
    later = sessions.open("u-2", replaces=earlier)
    assert sessions.find(earlier) is None
    assert sessions.find(later).user_id == "u-2"


def test_a_closing_during_a_lookup_is_not_undone_by_it(sessions, monkeypatch):
    """The row was read, then the session was closed: remembering what was read would bring it back."""
    secret = sessions.open("u-1")
    original = sessions._touched

    def closed_meanwhile(secret_hash, found):
        sessions.close(secret)
        return original(secret_hash, found)

    monkeypatch.setattr(sessions, "_touched", closed_meanwhile)
    sessions.find(secret)
    assert sessions.recall(secret) is None


def test_rows_of_sessions_that_are_over_are_deleted(sessions, database, clock):
    sessions.open("u-1")
    clock.advance(10 * 60)
    kept = sessions.open("u-2")
    clock.advance(6 * 60)
    assert sessions.purge() == 1
    assert [row.user_id for row in rows(database)] == ["u-2"]
    assert sessions.find(kept) is not None
