"""One visit to one log: read what is new, let the rules judge it, and keep all of that in one transaction a batch.

Nothing is judged before it was led back to a checkpoint that the log's key signed and that contains the checkpoint
remembered from the last visit. Where the log goes on in another shard, so does the monitor, if the two name each other;
what is remembered of size, place and checkpoint is of the shard that is followed, the chains of keys go on.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import msgspec
import structlog

from natsuin import faults
from natsuin.clock import Clock, milliseconds
from natsuin.errors import NatsuinError, Refused, StorageFailed
from natsuin.monitor.alarms import Desk
from natsuin.monitor.catalogue import CATALOGUE, judge
from natsuin.monitor.chains import follow_chains
from natsuin.monitor.days import count_days, day_of
from natsuin.monitor.evidence import keep_note
from natsuin.monitor.memory import Memory
from natsuin.monitor.rule_state import RuleState
from natsuin.monitor.rules import Circumstances, Found, waiting_too_long
from natsuin.monitor.settings import LogSettings
from natsuin.signing_log import (
    LogRewritten,
    LogUnreachable,
    OpenShard,
    PublicLog,
    WholeLog,
    location_of,
    next_shard,
    open_checkpoint,
    parse_verifier_key,
)

_BATCH: Final = 4096
_BATCH_BYTES: Final = 8 << 20
"""Entries that are judged and kept together, at most: a crash reads no more again, and no more is held in memory."""
REFUSALS: Final = ("log-forked", "log-rolled-back", "log-unverified", "monitor-failed")
"""States of a log that end with the next visit that finds nothing of the kind."""
_log = structlog.get_logger("natsuin.monitor")

Progress = Callable[[int, int], None]


class Verdict(Enum):
    """How a visit ended."""

    HOLDS = "holds"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


class VkeyChanged(Refused):
    """The settings give a log another verifier key than it was followed with until now."""

    code = "monitor_vkey_changed"


@dataclass
class Standing:
    """How far a log was read."""

    shard: str
    vkey: str
    checkpoint: str
    size: int
    read: int
    first_size: int | None
    rules: RuleState


class Follower:
    """Follows one log. For one thread at a time."""

    def __init__(
        self, log: LogSettings, memory: Memory, desk: Desk, *, watched: frozenset[str], clock: Clock, evidence: Path
    ) -> None:
        """`watched` are the keys whose every entry is told; `evidence` is the folder for contradictions.

        Raises `VkeyChanged`, `StorageFailed`.
        """
        self.log = log
        self._memory, self.desk, self._watched, self._clock, self._evidence = memory, desk, watched, clock, evidence
        now = self._now()
        with memory.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO log VALUES (?, ?, '', ?, '', 0, 0, NULL, ?, ?, NULL, ?, '')",
                (log.name, log.vkey, log.vkey, msgspec.msgpack.encode(RuleState()), now, now),
            )
            (vkey,) = connection.execute("SELECT vkey FROM log WHERE name = ?", (log.name,)).fetchone()
        if vkey != log.vkey:
            raise VkeyChanged(
                f"the log {log.name} was followed with another verifier key until now",
                hint="Leave the key it began with: rotations are followed from there. Another log needs another name.",
            )

    def visit(self, progress: Progress | None = None, again: Callable[[], object] = lambda: None) -> Verdict:
        """Read what is new. What is found becomes alarms; nothing of a hostile log comes out as an error.

        A log that does not verify is looked at once more after `again()`, in case its files were just being changed.
        Raises `StorageFailed` when the monitor's own memory fails.
        """
        try:
            try:
                self._read_on(progress)
            except Refused:
                again()
                self._read_on(progress)
        except StorageFailed:
            raise
        except LogUnreachable as problem:
            self._note_error(problem.message)
            return Verdict.UNREACHABLE
        except Refused as problem:
            self._refuse(problem)
            return Verdict.REFUSED
        except Exception as problem:
            # An attacker who found a mistake of ours must not silence the watch over other logs with it.
            kind = problem.code if isinstance(problem, NatsuinError) else type(problem).__name__
            _log.error("monitor.visit_failed", log=self.log.name, kind=kind)
            self._begin(Found("monitor-failed", kind, facts={"reason": kind}), kind)
            return Verdict.REFUSED
        return Verdict.HOLDS

    def watch_over(self, since: int) -> None:
        """Look at the time: groups of alarms that end, and a log that was not read to its end since `since`
        (milliseconds since 1970) or the last good visit, if that was later."""
        now = self._now()
        with self._memory.write() as connection:
            self.desk.close_groups(connection, now)
            row = connection.execute("SELECT * FROM log WHERE name = ?", (self.log.name,)).fetchone()
            refused = connection.execute(
                f"SELECT 1 FROM condition WHERE log = ? AND kind IN ({', '.join('?' * len(REFUSALS))})",  # noqa: S608
                (self.log.name, *REFUSALS),
            ).fetchone()
            good = max(row["visited_at"] or row["added_at"], since)
            if refused is None and now - good > self.desk.limits.unreachable_seconds * 1000:
                self.desk.begin(connection, Found("log-unreachable", facts={"seconds": (now - good) // 1000}), now)

    def _read_on(self, progress: Progress | None) -> None:
        while True:
            standing = self._standing()
            with PublicLog(location_of(self.log.location, standing.shard), standing.vkey) as public:
                if standing.checkpoint:
                    self._compare(standing, public)
                self._advance(standing, public)
                for batch in _batches(content for _, content in public.entries(standing.read)):
                    self._take(standing, batch)
                    if progress is not None:
                        progress(standing.read, public.size)
                if not self._go_on(standing, public):
                    break
        self._finish(standing)

    def _go_on(self, standing: Standing, public: PublicLog) -> bool:
        """Whether this shard is closed; then the next one is followed, which must name it. Raises `ShardsDiverge`, and
        as `PublicLog` for the next one."""
        following = next_shard(public.receipt(public.size - 1).leaf) if public.size else None
        if following is None:
            return False
        here, there = (location_of(self.log.location, name) for name in (standing.shard, following.name))
        closed = OpenShard(standing.shard, here, standing.vkey, public)
        with PublicLog(there, following.vkey) as newer:
            WholeLog([closed, OpenShard(following.name, there, following.vkey, newer)])
        with self._memory.write() as connection:
            connection.execute(
                "UPDATE log SET shard = ?, shard_vkey = ?, checkpoint = '', size = 0, read = 0, first_size = 0"
                " WHERE name = ?",
                (following.name, following.vkey, self.log.name),
            )
        return True

    def _standing(self) -> Standing:
        with self._memory.read() as connection:
            row = connection.execute("SELECT * FROM log WHERE name = ?", (self.log.name,)).fetchone()
        rules = msgspec.msgpack.decode(row["rules"], type=RuleState)
        return Standing(
            row["shard"], row["shard_vkey"], row["checkpoint"], row["size"], row["read"], row["first_size"], rules
        )

    def _compare(self, standing: Standing, public: PublicLog) -> None:
        """Raise `_Contradiction` unless the log contains what it once was, and as `PublicLog` does."""
        if public.size < standing.size:
            raise _Contradiction("log-rolled-back", standing.checkpoint, public.note)
        if public.size == standing.size:
            if public.root != open_checkpoint(standing.checkpoint, parse_verifier_key(standing.vkey)).root:
                raise _Contradiction("log-forked", standing.checkpoint, public.note)
            return
        try:
            public.consistency(standing.checkpoint)
        except LogRewritten as error:
            raise _Contradiction("log-forked", standing.checkpoint, public.note) from error

    def _advance(self, standing: Standing, public: PublicLog) -> None:
        """From now on the log must contain this checkpoint, whatever becomes of the reading."""
        if standing.first_size is None:
            standing.first_size = public.size
        with self._memory.write() as connection:
            connection.execute(
                "UPDATE log SET checkpoint = ?, size = ?, first_size = ?,"
                " grown_at = CASE WHEN size < ? THEN ? ELSE grown_at END WHERE name = ?",
                (public.note, public.size, standing.first_size, public.size, self._now(), self.log.name),
            )
        standing.checkpoint, standing.size = public.note, public.size

    def _take(self, standing: Standing, contents: list[bytes]) -> None:
        """Judge the next entries and keep what came of it, all or nothing."""
        now, first = self._now(), standing.read
        given = Circumstances(self.desk.limits, now)
        past: list[Found] = []
        present: list[Found] = []
        keys: list[str | None] = []
        types: Counter[str] = Counter()
        days: Counter[int] = Counter()
        alarmed: Counter[int] = Counter()
        for index, content in enumerate(contents, first):
            seen, found = judge(standing.rules, index, content, given)
            key = seen.members.get("key") if seen is not None else None
            keys.append(key if isinstance(key, str) else None)
            day = day_of(seen.time if seen is not None else None, now)
            days[day] += 1
            types["unreadable" if seen is None else seen.type if seen.type in CATALOGUE else "unknown"] += 1
            if seen is not None and seen.key in self._watched:
                found.append(
                    Found("watched-key", seen.key, index, seen.time, {"key": seen.key, "type": seen.word("type")})
                )
            alarmed[day] += len(found)
            (past if index < (standing.first_size or 0) else present).extend(found)
        standing.read += len(contents)
        with self._memory.write() as connection:
            gaps = follow_chains(connection, self.log.name, first, contents, keys)
            self.desk.raise_all(connection, past, now, past=True)
            self.desk.raise_all(connection, gaps + present, now)
            self._keep(connection, standing)
            _count(connection, self.log.name, types)
            count_days(connection, self.log.name, days, alarmed)
            faults.point("monitor.before_commit")
        faults.point("monitor.after_commit")

    def _keep(self, connection: sqlite3.Connection, standing: Standing) -> None:
        connection.execute(
            "UPDATE log SET read = ?, rules = ? WHERE name = ?",
            (standing.read, msgspec.msgpack.encode(standing.rules), self.log.name),
        )

    def _finish(self, standing: Standing) -> None:
        """All of it was read, and holds."""
        now = self._now()
        late = list(waiting_too_long(standing.rules, Circumstances(self.desk.limits, now)))
        with self._memory.write() as connection:
            row = connection.execute("SELECT * FROM log WHERE name = ?", (self.log.name,)).fetchone()
            self.desk.end(connection, (*REFUSALS, "log-unreachable"), now)
            if row["visited_at"] is None:
                self.desk.raise_all(connection, [_first_reading(connection, self.log.name, standing)], now)
            self.desk.raise_all(connection, late, now)
            silence, most = (now - row["grown_at"]) // 1000, self.desk.limits.silent_seconds
            if most and silence > most:
                self.desk.begin(connection, Found("log-silent", facts={"seconds": silence}), now)
            else:
                self.desk.end(connection, ["log-silent"], now)
            self._keep(connection, standing)
            connection.execute("UPDATE log SET visited_at = ?, error = '' WHERE name = ?", (now, self.log.name))

    def _refuse(self, problem: Refused) -> None:
        if not isinstance(problem, _Contradiction):
            self._begin(Found("log-unverified", problem.code, facts={"reason": problem.code}), problem.message)
            return
        older, newer = (keep_note(self._evidence, self.log.name, note) for note in (problem.older, problem.newer))
        key = parse_verifier_key(self._standing().vkey)
        facts: dict[str, str | int] = {
            "older": open_checkpoint(problem.older, key).size,
            "size": open_checkpoint(problem.newer, key).size,
            "evidence": " ".join(filter(None, (older, newer))),
        }
        digest = hashlib.sha256(problem.newer.encode("utf-8", "replace")).hexdigest()[:16]
        self._begin(Found(problem.kind, digest, facts=facts), problem.message)

    def _begin(self, found: Found, error: str) -> None:
        now = self._now()
        with self._memory.write() as connection:
            self.desk.begin(connection, found, now)
            connection.execute("UPDATE log SET error = ? WHERE name = ?", (error, self.log.name))

    def _note_error(self, error: str) -> None:
        with self._memory.write() as connection:
            connection.execute("UPDATE log SET error = ? WHERE name = ?", (error, self.log.name))

    def _now(self) -> int:
        return milliseconds(self._clock.now())


class _Contradiction(Refused):
    """The log shows something else than what it signed before."""

    def __init__(self, kind: str, older: str, newer: str) -> None:
        super().__init__("the log contradicts what it showed before")
        self.kind, self.older, self.newer = kind, older, newer


def _batches(contents: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for content in contents:
        batch.append(content)
        size += len(content)
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _count(connection: sqlite3.Connection, log: str, types: Counter[str]) -> None:
    connection.executemany(
        "INSERT INTO counted_entries VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET entries = entries + excluded.entries",
        [(log, kind, number) for kind, number in types.items()],
    )


def _first_reading(connection: sqlite3.Connection, log: str, standing: Standing) -> Found:
    rows: Iterable[sqlite3.Row] = connection.execute(
        "SELECT kind, sum(count) AS alarms FROM alarm WHERE log = ? AND history GROUP BY kind ORDER BY kind", (log,)
    )
    counts = ", ".join(f"{row['kind']} {row['alarms']}" for row in rows)
    return Found("first-reading", facts={"entries": standing.read, "found": counts or "-"})
