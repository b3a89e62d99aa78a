"""Bounds on tries: for each source, refilled with time, and bounded themselves."""

import pytest

from natsuin.authentication import Throttle, TooManyAttempts, source_of, throttling


def test_tries_run_out_and_come_back():
    now = [0.0]
    throttle = Throttle(3, seconds=10, timer=lambda: now[0])
    for _ in range(3):
        throttle.take("a")
    with pytest.raises(TooManyAttempts) as refusal:
        throttle.take("a")
    assert refusal.value.retry_after == 10
    throttle.take("b")
    now[0] = 10
    throttle.take("a")
    with pytest.raises(TooManyAttempts):
        throttle.check("a")
    throttle.forget("a")
    throttle.check("a")


def test_sources_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(throttling, "MAX_SOURCES", 5)
    throttle = Throttle(1, seconds=1000)
    for number in range(100):
        throttle.take(str(number))
    assert len(throttle._buckets) == 5


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
def test_who_is_counted_together(address, source):
    assert source_of(address) == source
