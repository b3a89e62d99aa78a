"""When the years of retention are over, to the day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from natsuin.clock import milliseconds
from natsuin.key_management import Retention


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "years", "until"),
    [
        (at(2026, 11, 23), 7, at(2033, 11, 23)),
        (at(2028, 2, 29), 7, at(2035, 3, 1)),
        (at(2028, 2, 29), 4, at(2032, 2, 29)),
        (at(2028, 2, 28), 7, at(2035, 2, 28)),
    ],
)
def test_years_are_those_of_the_calendar(since: datetime, years: int, until: datetime) -> None:
    nothing: Any = None
    retention = Retention(nothing, years)
    assert retention.until(milliseconds(since)) == until
    assert retention.horizon(until) >= milliseconds(since)
    assert retention.horizon(until.replace(hour=0) - timedelta(hours=1)) < milliseconds(since)


@pytest.mark.parametrize("day", [at(2036, 2, 29), at(2035, 3, 1), at(2035, 2, 28)])
def test_nothing_is_due_before_its_day(day: datetime) -> None:
    """The horizon and the day that is said to somebody who asks never contradict each other."""
    nothing: Any = None
    retention = Retention(nothing, 7)
    for since in (at(2028, 2, 28), at(2028, 2, 29), at(2028, 3, 1), at(2029, 2, 28), at(2029, 3, 1)):
        if milliseconds(since) <= retention.horizon(day):
            assert retention.until(milliseconds(since)) <= day
