"""What the monitor concludes from entries: functions of an entry, of what is remembered and of the limits, no more.

Each yields what it found; whom that is told, and how often, is decided elsewhere. `CATALOGUE` in catalogue.py says
which rule reads which type of entry.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from natsuin.monitor.entries import Seen
from natsuin.monitor.rule_state import MOST_SUBJECTS, Intent, RuleState, note_time
from natsuin.monitor.settings import LimitSettings


@dataclass(frozen=True)
class Found:
    """Something worth an alarm of this `kind`. Those with one `subject` are told together. `facts` are harmless."""

    kind: str
    subject: str = ""
    index: int | None = None
    time: int | None = None
    facts: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Circumstances:
    """Under which an entry is read: the limits, and the monitor's own time (milliseconds since 1970)."""

    limits: LimitSettings
    now: int


Rule: TypeAlias = Callable[[RuleState, Seen, Circumstances], Iterator[Found]]


def found(kind: str, seen: Seen, subject: str = "", **facts: str | int) -> Found:
    """`Found` in this entry, with its key."""
    if seen.key:
        facts = {"key": seen.key, **facts}
    return Found(kind, subject, seen.index, seen.time, facts)


def routine(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """Nothing to be said about one such entry."""
    yield from ()


def privileged(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """An act of officers, custodians or the host, or a change of what protects a key."""
    yield found("privileged-act", seen, seen.type, type=seen.type)


def told_as(kind: str, *names: str) -> Rule:
    """A rule that tells each such entry, with its members `names`."""

    def rule(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
        facts = {name: seen.word(name) or str(seen.number(name)) for name in names}
        yield found(kind, seen, seen.key, **{name: value for name, value in facts.items() if value != "None"})

    return rule


def refused(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """A refusal: many of one key, or of all together, within the window are an alarm."""
    time = seen.time if seen.time is not None else given.now
    window = given.limits.window_seconds * 1000
    if seen.key:
        # Taken out and put in again, so that the longest unused stands first.
        times = state.refusals.pop(seen.key, [])
        state.refusals[seen.key] = times
        if note_time(times, time, most=given.limits.refusals_per_key, window=window):
            yield found("refusals-of-a-key", seen, seen.key, count=given.limits.refusals_per_key, type=seen.type)
    everybody = state.refusals.pop("", [])
    state.refusals[""] = everybody
    if note_time(everybody, time, most=given.limits.refusals, window=window):
        yield found("refusals", seen, "", count=given.limits.refusals)
    while len(state.refusals) > MOST_SUBJECTS:
        del state.refusals[next(iter(state.refusals))]


def signing_refused(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """A request to sign what was not approved, or not any more: told each time, and counted."""
    yield found("signing-refused", seen, seen.word("reason"), reason=seen.word("reason"))
    yield from refused(state, seen, given)


def booted(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """A start: after a crash, one of many, or of another program."""
    time = seen.time if seen.time is not None else given.now
    if state.running:
        yield found("unclean-start", seen, "", unknown=seen.number("unknown") or 0)
    if note_time(state.boots, time, most=given.limits.boots, window=given.limits.window_seconds * 1000):
        yield found("frequent-starts", seen, "", count=given.limits.boots)
    for kind, before, now in (
        ("version-changed", state.version, seen.word("version")),
        ("vault-changed", state.backend, seen.word("backend")),
    ):
        if before and now != before:
            yield found(kind, seen, "", before=before, now=now)
    state.running, state.version, state.backend = True, seen.word("version"), seen.word("backend")


def stopped(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """The end of a run, in order."""
    state.running = False
    yield from ()


def suspended(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """A key was suspended; by the service itself only when it returned a signature that does not verify."""
    if seen.word("by") == "service":
        yield found("key-failed", seen, seen.key, reason=seen.word("reason"))


def intended(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """An intent: its outcome is waited for."""
    time = given.now if seen.time is None else min(given.now, seen.time)
    state.intents[seen.index] = Intent(seen.word("tx"), seen.key, time)
    if len(state.intents) > MOST_SUBJECTS:
        state.forgotten = True
        del state.intents[next(iter(state.intents))]
    yield from ()


def ended(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """An outcome: of an open intent, and good or not."""
    place = seen.number("intent")
    intent = state.intents.pop(place, None) if place is not None else None
    if intent is None:
        if not state.forgotten:
            yield found("outcome-unmatched", seen, seen.key)
    elif (intent.tx, intent.key) != (seen.word("tx"), seen.key):
        yield found("outcome-unmatched", seen, seen.key)
    result = seen.word("result")
    if result == "unknown":
        yield found("outcome-unknown", seen, seen.key, reason=seen.word("reason"))
    elif result != "signed":
        yield found("outcome-failed", seen, seen.key, reason=seen.word("reason"))


def accepted_clock(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """The host's clock was declared right, though entries before are later: time begins anew here."""
    yield found("clock-accepted", seen, "", cancelled=seen.number("cancelled") or 0)
    state.newest_time = seen.time or 0


def stepped_clock(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """The host's clock was moved."""
    seconds = seen.members.get("seconds")
    facts = {"seconds": seconds} if isinstance(seconds, int) and abs(seconds) < 10**12 else {}
    yield found("clock-stepped", seen, "", **facts)


def check_time(state: RuleState, seen: Seen, given: Circumstances) -> Iterator[Found]:
    """For every entry: its time is neither far behind those before it nor ahead of the monitor's own clock."""
    time = seen.time
    if time is None:
        yield found("entry-unreadable", seen, "time")
        return
    if time > given.now + given.limits.ahead_seconds * 1000:
        yield found("time-ahead", seen, "", seconds=(time - given.now) // 1000)
    if time < state.newest_time - given.limits.backwards_seconds * 1000 and seen.type != "clock-accepted":
        yield found("time-backwards", seen, "", seconds=(state.newest_time - time) // 1000)
        state.newest_time = time
    state.newest_time = max(state.newest_time, time)


def waiting_too_long(state: RuleState, given: Circumstances) -> Iterator[Found]:
    """Intents whose outcome did not come, each once; asked when all of the log was read."""
    latest = given.now - given.limits.open_intent_seconds * 1000
    for index, intent in state.intents.items():
        if not intent.told and intent.time <= latest:
            intent.told = True
            facts = {"key": intent.key} if intent.key else {}
            yield Found("intent-open", intent.key, index, intent.time, dict(facts))
