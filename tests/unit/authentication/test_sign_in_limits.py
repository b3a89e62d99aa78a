"""Failures of sign-in are counted so that nobody can lock out a neighbour."""

import pytest

from natsuin.authentication import SignInLimits, TooManyAttempts
from natsuin.authentication.sign_in_limits import FAILURES_PER_PASSKEY, FAILURES_PER_SOURCE

OFFICE, HOME = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def limits() -> SignInLimits:
    return SignInLimits(timer=lambda: 0.0)


def fail(limits: SignInLimits, source: str, *passkeys: bytes) -> None:
    for passkey in passkeys:
        limits.check(source, passkey)
        limits.failed(source, passkey)


def test_one_passkey_fails_ten_times(limits):
    fail(limits, OFFICE, *[b"a"] * FAILURES_PER_PASSKEY)
    with pytest.raises(TooManyAttempts):
        limits.check(OFFICE, b"a")
    limits.check(OFFICE, b"b")
    limits.check(HOME, b"a")


def test_many_passkeys_of_one_source_fail_two_hundred_times(limits):
    """Whoever invents a passkey for each try is bounded as well, but not those who signed in from there before."""
    limits.succeeded(OFFICE, b"alice")
    fail(limits, OFFICE, *[str(number).encode() for number in range(FAILURES_PER_SOURCE)])
    with pytest.raises(TooManyAttempts):
        limits.check(OFFICE, b"another")
    limits.check(OFFICE, b"alice")
    limits.check(HOME, b"another")


def test_a_known_passkey_has_only_its_own_bound(limits):
    limits.succeeded(OFFICE, b"alice")
    fail(limits, OFFICE, *[b"alice"] * FAILURES_PER_PASSKEY)
    with pytest.raises(TooManyAttempts):
        limits.check(OFFICE, b"alice")
    limits.succeeded(OFFICE, b"alice")
    limits.check(OFFICE, b"alice")
