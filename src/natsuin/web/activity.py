"""How much happened on each day, as bars that are drawn here: no script and no library of the browser's is needed.

Every number that a bar shows stands in the table beside it as well.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from natsuin.sam.protocol import ActivityCount

WIDTH: Final = 720
HEIGHT: Final = 140
_LONGEST_IN_DAYS: Final = 92
_WEEK: Final = 7
_FAILED: Final = frozenset({"failed", "unknown"})
_FAILURES: Final = frozenset({"undelivered", "resident-key-finding", "resident-key-unknown", "clock-stepped"})

Measure = Callable[[ActivityCount], bool]
MEASURES: Final[dict[str, Measure]] = {
    "all": lambda count: True,
    "signed": lambda count: count.kind == "outcome" and count.result == "signed",
    "refused": lambda count: count.kind.endswith("-refused"),
    "failed": lambda count: count.kind in _FAILURES or (count.kind == "outcome" and count.result in _FAILED),
    "read": lambda count: count.kind == "audit-read",
}
"""What is counted, by name."""


@dataclass(frozen=True)
class Bar:
    """One day, or one week from `label` on. Places in the units of the picture; `name` is for reading out."""

    label: str
    number: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Plot:
    """One measure over time. `top` is the number at the upper edge; `total` of all bars."""

    name: str
    bars: tuple[Bar, ...]
    top: int
    total: int


@dataclass(frozen=True)
class ActivityView:
    """Plots, the table beside them (a row for each bar, a number for each plot), and totals of each type and result."""

    weekly: bool
    plots: tuple[Plot, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    kinds: tuple[tuple[str, str, int], ...]


def activity_view(counts: Sequence[ActivityCount], *, first_day: int, days: int) -> ActivityView:
    """`days` days from `first_day` (since 1970) on; more than 92 are shown by weeks."""
    step = 1 if days <= _LONGEST_IN_DAYS else _WEEK
    starts = range(first_day, first_day + days, step)
    numbers: dict[str, Counter[int]] = {name: Counter() for name in MEASURES}
    kinds = Counter[tuple[str, str]]()
    for count in counts:
        kinds[count.kind, count.result] += count.count
        for name, measure in MEASURES.items():
            if measure(count):
                numbers[name][(count.day - first_day) // step] += count.count
    labels = [_date(day) for day in starts]
    plots = tuple(_plot(name, labels, [numbers[name][place] for place in range(len(labels))]) for name in MEASURES)
    rows = tuple((label, tuple(plot.bars[place].number for plot in plots)) for place, label in enumerate(labels))
    totals = tuple((kind, result, number) for (kind, result), number in sorted(kinds.items()))
    return ActivityView(step == _WEEK, plots, rows, totals)


def _plot(name: str, labels: Sequence[str], numbers: Sequence[int]) -> Plot:
    top = max(1, *numbers)
    room = WIDTH / len(labels)
    bars = []
    for place, (label, number) in enumerate(zip(labels, numbers, strict=True)):
        height = round(HEIGHT * number / top, 2)
        if number:
            # A bar of one among thousands is still seen.
            height = max(height, 2.0)
        bars.append(Bar(label, number, round(place * room, 2), round(HEIGHT - height, 2), round(room * 0.8, 2), height))
    return Plot(name, tuple(bars), top, sum(numbers))


def _date(day: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}"
