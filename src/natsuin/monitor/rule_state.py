"""What the rules remember between two entries. It is kept with the place in the log in one transaction, and bounded,
whatever the log says."""

import msgspec

MOST_SUBJECTS = 10_000
"""Of how many keys refusals are counted, and how many intents may be open, at most: the oldest are forgotten first."""


class Intent(msgspec.Struct, array_like=True):
    """An intent without outcome: its `tx`, its key, when it was written or read, whichever was first, and whether it
    was told."""

    tx: str
    key: str
    time: int
    told: bool = False


class RuleState(msgspec.Struct):
    """Of one log. Times in milliseconds since 1970."""

    newest_time: int = 0
    running: bool = False
    """The newest start or stop was a start."""
    version: str = ""
    backend: str = ""
    boots: list[int] = []
    refusals: dict[str, list[int]] = {}
    """When the newest refusals were, by key; `""` counts those of the whole log."""
    intents: dict[int, Intent] = {}
    """By index."""
    forgotten: bool = False
    """Intents were forgotten, so an outcome without one says nothing."""


def note_time(times: list[int], time: int, *, most: int, window: int) -> bool:
    """Add `time` to `times`; whether there were `most` within `window` milliseconds now. Then counting begins anew."""
    times.append(time)
    del times[:-most]
    if len(times) == most and abs(time - times[0]) <= window:
        times.clear()
        return True
    return False
