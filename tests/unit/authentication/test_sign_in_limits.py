"""Failures of sign-in are counted so that nobody can lock out a neighbour, in rows that every web process reads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from natsuin.authentication import SignInLimits, TooManyAttempts
from natsuin.authentication.sign_in_limits import (
    FAILURES_PER_ACCOUNT,
    FAILURES_PER_PASSKEY,
    FAILURES_PER_SOURCE,
    FORGIVEN_AFTER,
    KNOWN_FOR,
)
from natsuin.authentication.tables import passkey, sign_in_tries

OFFICE, HOME = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def limits(database, clock) -> SignInLimits:
    return SignInLimits(database, clock)


def fail(limits: SignInLimits, source: str, *passkeys: bytes) -> None:
    for one in passkeys:
        limits.begin(source, one)


def is_refused(limits: SignInLimits, source: str, one: bytes) -> int:
    """The seconds to wait."""
    with pytest.raises(TooManyAttempts) as refusal:
        limits.begin(source, one)
    return refusal.value.retry_after


def succeed(limits: SignInLimits, source: str, one: bytes) -> None:
    limits.begin(source, one)
    limits.succeeded(source, one)


def test_each_failure_beyond_ten_doubles_the_wait_up_to_half_a_minute(limits, clock):
    fail(limits, OFFICE, *[b"a"] * FAILURES_PER_PASSKEY)
    waits = []
    for _ in range(7):
        waits.append(is_refused(limits, OFFICE, b"a"))
        assert is_refused(limits, OFFICE, b"a") == waits[-1], "being refused made the wait longer"
        clock.advance(waits[-1])
        fail(limits, OFFICE, b"a")
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    fail(limits, OFFICE, b"b")
    fail(limits, HOME, b"a")


def test_a_restart_and_another_process_forget_nothing(limits, database, clock):
    fail(limits, OFFICE, *[b"a"] * (FAILURES_PER_PASSKEY - 1))
    fail(SignInLimits(database, clock), OFFICE, b"a")
    assert is_refused(limits, OFFICE, b"a") == is_refused(SignInLimits(database, clock), OFFICE, b"a") == 1


def test_many_at_the_same_moment_are_not_more_than_many_in_a_row(database, clock):
    def one(_: int) -> bool:
        try:
            SignInLimits(database, clock).begin(OFFICE, b"a")
        except TooManyAttempts:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(40))) == FAILURES_PER_PASSKEY


def test_many_passkeys_of_one_source_fail_two_hundred_times(limits, clock):
    """Whoever invents a passkey for each try is bounded as well, but not those who signed in from there before."""
    succeed(limits, OFFICE, b"alice")
    fail(limits, OFFICE, *[str(number).encode() for number in range(FAILURES_PER_SOURCE)])
    assert is_refused(limits, OFFICE, b"another") == 1
    fail(limits, OFFICE, b"alice")
    fail(limits, HOME, b"another")
    clock.advance(1)
    fail(limits, OFFICE, b"another")


def keep(database, credential_id: bytes, user_id: str) -> None:
    with database.write() as connection:
        connection.execute(
            sa.insert(passkey).values(
                credential_id=credential_id,
                user_id=user_id,
                public_key=b"",
                sign_count=0,
                aaguid="",
                backup_eligible=False,
                transports=[],
                created_at=0,
            )
        )


@pytest.mark.parametrize("one", [b"of alice", b"of nobody"])
def test_an_account_is_bounded_over_many_sources_and_its_owner_comes_in(limits, database, clock, one):
    """The same for a passkey that does not exist, so that the refusal tells nothing."""
    keep(database, b"of alice", "u-1")
    succeed(limits, HOME, one)
    for number in range(FAILURES_PER_ACCOUNT):
        limits.begin(f"198.51.100.{number}", one)
    assert is_refused(limits, "203.0.113.1", one) == 1
    succeed(limits, HOME, one)
    for _ in range(10):
        clock.advance(5)
        limits.begin("203.0.113.2", one)
        assert is_refused(limits, "203.0.113.3", one) <= 5, "strangers lock an account for long"


def test_two_passkeys_of_one_account_share_its_bound(limits, database):
    keep(database, b"first", "u-1")
    keep(database, b"second", "u-1")
    for number in range(FAILURES_PER_ACCOUNT):
        limits.begin(f"198.51.100.{number}", (b"first", b"second")[number % 2])
    assert is_refused(limits, HOME, b"second") == 1


def test_a_known_passkey_has_only_its_own_bound(limits, clock):
    succeed(limits, OFFICE, b"alice")
    fail(limits, OFFICE, *[b"alice"] * FAILURES_PER_PASSKEY)
    assert is_refused(limits, OFFICE, b"alice") == 1
    clock.advance(1)
    succeed(limits, OFFICE, b"alice")
    fail(limits, OFFICE, *[b"alice"] * (FAILURES_PER_PASSKEY - 1))


def test_a_clock_that_was_wrong_locks_nobody_out(limits, clock):
    fail(limits, OFFICE, *[b"a"] * FAILURES_PER_PASSKEY)
    clock.advance(-86_400)
    succeed(limits, OFFICE, b"a")
    fail(limits, OFFICE, *[b"a"] * FAILURES_PER_PASSKEY)
    assert is_refused(limits, OFFICE, b"a") == 1


def test_what_decides_nothing_any_more_is_deleted(limits, database, clock):
    fail(limits, OFFICE, b"stranger")
    succeed(limits, HOME, b"alice")
    assert limits.purge() == 0
    clock.advance(FORGIVEN_AFTER / 1000)
    assert limits.purge() == 5
    clock.advance(KNOWN_FOR / 1000)
    assert limits.purge() == 1
    with database.read() as connection:
        assert connection.execute(sa.select(sign_in_tries)).all() == []
