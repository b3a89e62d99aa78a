"""Challenges of sign-in: kept nowhere, good once, and for five minutes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from natsuin.authentication import CHALLENGE_LIFE_SECONDS, Challenges


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def challenges(now) -> Challenges:
    return Challenges(timer=lambda: now[0])


def test_good_once(challenges):
    challenge = challenges.make()
    assert challenges.is_open(challenge)
    assert challenges.redeem(challenge)
    assert not challenges.is_open(challenge)
    assert not challenges.redeem(challenge)


def test_good_once_also_when_many_redeem_it_at_once(challenges):
    challenge, together = challenges.make(), threading.Barrier(8)

    def redeem(_: int) -> bool:
        together.wait()
        return challenges.redeem(challenge)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(redeem, range(8))) == [False] * 7 + [True]


def test_good_for_five_minutes(challenges, now):
    challenge = challenges.make()
    now[0] += CHALLENGE_LIFE_SECONDS - 1
    assert challenges.is_open(challenge)
    now[0] += 1
    assert not challenges.is_open(challenge)
    assert not challenges.redeem(challenge)


def test_asking_for_challenges_keeps_nothing(challenges):
    for _ in range(10_000):
        challenges.make()
    assert not challenges._redeemed


def test_what_was_redeemed_is_forgotten_only_when_it_is_over(challenges, now):
    old = challenges.make()
    challenges.redeem(old)
    now[0] += CHALLENGE_LIFE_SECONDS - 1
    challenges.redeem(challenges.make())
    assert not challenges.is_open(old)
    assert len(challenges._redeemed) == 2
    now[0] += 1
    challenges.redeem(challenges.make())
    assert len(challenges._redeemed) == 2
    assert not challenges.is_open(old)


def test_every_changed_bit_is_noticed(challenges):
    challenge = challenges.make()
    for place in range(len(challenge)):
        for bit in range(8):
            changed = bytearray(challenge)
            changed[place] ^= 1 << bit
            assert not challenges.is_open(bytes(changed))
    for length in (0, 32, len(challenge) - 1):
        assert not challenges.is_open(challenge[:length])
    assert not challenges.is_open(challenge + b"\0")


def test_a_challenge_of_another_start_is_worthless(challenges, now):
    assert not Challenges(timer=lambda: now[0]).is_open(challenges.make())
