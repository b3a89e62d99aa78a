"""How often sign-in may fail, counted in the database so that neither a restart nor a second web process helps.

Three things are counted: a passkey at one source, an account from sources where its passkey never signed in, and a
source with passkeys that never signed in there. Each has a number of free failures; each one more closes it for twice
as long, up to a longest time. No time is long, and who signed in from a source before is held to nothing that strangers
did elsewhere or with other passkeys: so nobody is locked out for ever.
"""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from natsuin.authentication.errors import TooManyAttempts
from natsuin.authentication.tables import passkey, sign_in_tries
from natsuin.clock import Clock, milliseconds
from natsuin.storage import Database

FAILURES_PER_PASSKEY = 10
FAILURES_PER_ACCOUNT = 50
FAILURES_PER_SOURCE = 200

FORGIVEN_AFTER = 3_600_000
"""Milliseconds without a failure after which nothing counts any more."""
KNOWN_FOR = 30 * 86_400_000
"""Milliseconds for which a passkey counts as known at a source where it signed in."""
_FIRST_DELAY = 1000


@dataclass(frozen=True)
class Bound:
    """Failures that are free, the milliseconds in which one is forgiven, and the longest time to wait."""

    free: int
    forgives: int
    longest: int


OF_PASSKEY = Bound(FAILURES_PER_PASSKEY, forgives=60_000, longest=30_000)
OF_ACCOUNT = Bound(FAILURES_PER_ACCOUNT, forgives=60_000, longest=5_000)
OF_SOURCE = Bound(FAILURES_PER_SOURCE, forgives=1_000, longest=5_000)


@dataclass(frozen=True)
class _Tries:
    failures: int = 0
    failed_at: int = 0
    closed_until: int = 0
    succeeded_at: int = 0

    def count(self, bound: Bound, now: int) -> int:
        """The failures that still count. A time in the future comes from a clock that was set back: it is now."""
        quiet = max(0, now - self.failed_at)
        return 0 if quiet >= FORGIVEN_AFTER else max(0, self.failures - quiet // bound.forgives)

    def wait(self, bound: Bound, now: int) -> int:
        """Milliseconds to wait. More than the longest time comes from a clock that was set back, and is none."""
        wait = max(0, self.closed_until - now)
        return wait if wait <= bound.longest else 0

    def is_known(self, now: int) -> bool:
        """Whether the passkey signed in here lately."""
        return self.succeeded_at > 0 and now - self.succeeded_at < KNOWN_FOR


class SignInLimits:
    """The bounds of one database. Thread safe, and right for several processes; what is counted is durable."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, source: str, credential_id: bytes) -> None:
        """Count a try as a failure before it is looked at, so that many at the same moment are not more than many in a
        row. `succeeded` takes it back.

        Raises `TooManyAttempts` if it may not be tried now. That costs a query and writes nothing, and waiting is not
        made longer by it.
        """
        with self._database.read() as connection:
            self._require(self._bounds(connection, source, credential_id), lock=False, connection=connection)
        with self._database.write() as connection:
            bounds = self._bounds(connection, source, credential_id)
            now = milliseconds(self._clock.now())
            for subject, (bound, tries) in self._require(bounds, lock=True, connection=connection).items():
                count = tries.count(bound, now) + 1
                closed = 0 if count < bound.free else now + _delay(count - bound.free, bound)
                _update(connection, subject, failures=count, failed_at=now, closed_until=closed)

    def succeeded(self, source: str, credential_id: bytes) -> None:
        """Forget this passkey's failures here, remember that it is known here, and give the others their try back."""
        with self._database.write() as connection:
            here, *others = self._bounds(connection, source, credential_id)
            now = milliseconds(self._clock.now())
            tries = _read(connection, [here, *others], lock=True)
            if not tries.get(here, _Tries()).is_known(now):
                for subject in others:
                    failures = max(0, tries.get(subject, _Tries()).failures - 1)
                    _update(connection, subject, failures=failures)
            _update(connection, here, failures=0, closed_until=0, succeeded_at=now)

    def purge(self) -> int:
        """Delete the rows that decide nothing any more. Returns how many."""
        now = milliseconds(self._clock.now())
        old = sa.and_(
            sign_in_tries.c.failed_at <= now - FORGIVEN_AFTER, sign_in_tries.c.succeeded_at <= now - KNOWN_FOR
        )
        with self._database.write() as connection:
            return connection.execute(sa.delete(sign_in_tries).where(old)).rowcount

    def _bounds(self, connection: sa.Connection, source: str, credential_id: bytes) -> dict[bytes, Bound]:
        """What a try counts for, the passkey at its source first. An unknown passkey counts as an account of its own,
        so that being refused says nothing about whether it exists."""
        owner = connection.execute(
            sa.select(passkey.c.user_id).where(passkey.c.credential_id == credential_id)
        ).scalar_one_or_none()
        account = credential_id if owner is None else owner.encode()
        return {
            _subject("passkey", source.encode(), credential_id): OF_PASSKEY,
            _subject("account", account): OF_ACCOUNT,
            _subject("source", source.encode()): OF_SOURCE,
        }

    def _require(
        self, bounds: dict[bytes, Bound], *, lock: bool, connection: sa.Connection
    ) -> dict[bytes, tuple[Bound, _Tries]]:
        """What a try has to be counted for. Raises `TooManyAttempts` if one of them is closed."""
        now = milliseconds(self._clock.now())
        tries = _read(connection, list(bounds), lock=lock)
        here = next(iter(bounds))
        known = tries.get(here, _Tries()).is_known(now)
        counted = {
            subject: (bound, tries.get(subject, _Tries()))
            for subject, bound in bounds.items()
            if subject == here or not known
        }
        wait = max(found.wait(bound, now) for bound, found in counted.values())
        if wait > 0:
            raise TooManyAttempts(retry_after=-(-wait // 1000))
        return counted


def _delay(beyond: int, bound: Bound) -> int:
    return int(min(bound.longest, _FIRST_DELAY << min(beyond, 16)))


def _subject(kind: str, *parts: bytes) -> bytes:
    told = kind.encode() + b"".join(len(part).to_bytes(4) + part for part in parts)
    return hashlib.sha256(b"natsuin/sign-in/v1\0" + told).digest()


def _read(connection: sa.Connection, subjects: list[bytes], *, lock: bool) -> dict[bytes, _Tries]:
    """The rows of these subjects; with `lock` they are made where missing, and nobody else changes them meanwhile."""
    wanted = sorted(subjects)  # Always in one order, so that two who lock the same rows never wait for each other.
    if lock:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        rows = [
            {"subject": subject, "failures": 0, "failed_at": 0, "closed_until": 0, "succeeded_at": 0}
            for subject in wanted
        ]
        connection.execute(dialect.insert(sign_in_tries).on_conflict_do_nothing(), rows)
    query = sa.select(sign_in_tries).where(sign_in_tries.c.subject.in_(wanted)).order_by(sign_in_tries.c.subject)
    found = connection.execute(query.with_for_update() if lock else query)
    return {row[0]: _Tries(*row[1:]) for row in found}


def _update(connection: sa.Connection, subject: bytes, **values: int) -> None:
    connection.execute(sa.update(sign_in_tries).where(sign_in_tries.c.subject == subject).values(**values))
