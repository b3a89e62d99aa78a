"""Sessions: who is signed in, by a cookie whose value only the browser holds.

A session lets its holder look at their own things and prepare an instruction. It never signs: each signature needs a
fresh approval that sam verifies (requirement R16).
"""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from natsuin.authentication.errors import SignInFailed
from natsuin.authentication.passkeys import is_kept
from natsuin.authentication.tables import session
from natsuin.clock import Clock, milliseconds
from natsuin.storage import Database

PASSKEY_LEVEL = 3
"""Authentication level reached by a passkey with user verification (DS-511 level 3, AAL2)."""

_TOUCH_EVERY = 60_000
_CACHED_SESSIONS = 10_000


@dataclass(frozen=True)
class SessionLimits:
    """How long a session may last at most, and how long it may lie idle. The configuration's defaults stand in
    `natsuin.config`."""

    absolute: timedelta
    idle: timedelta
    fresh: timedelta = timedelta(minutes=5)
    """How long after its beginning a session is good for acts that ask for a fresh sign-in."""


@dataclass(frozen=True)
class Origin:
    """From where somebody signed in, as their account page says it: an address of the network, and a browser in a few
    words. Either may be empty. Nothing decides by it."""

    address: str = ""
    browser: str = ""


_UNKNOWN_ORIGIN = Origin()


@dataclass(frozen=True)
class Session:
    """One sign-in that was good at the time it was looked up. Times in milliseconds. `session_id` opens nothing."""

    user_id: str
    level: int
    created_at: int
    last_used_at: int
    expires_at: int
    session_id: str


@dataclass(frozen=True)
class OpenSession:
    """A session as its owner sees it. Times in milliseconds; `last_used_at` is right to about a minute."""

    session_id: str
    level: int
    created_at: int
    last_used_at: int
    expires_at: int
    address: str
    browser: str


class Sessions:
    """The sessions of one database. Thread safe; `open` and `close` are durable on return.

    A session found is remembered for `remember_seconds`, so that busy callers cost no query. Closing through this
    object works at once; closing by another process works after that time.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        limits: SessionLimits,
        remember_seconds: float = 2.0,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self.limits = limits
        self._remember_seconds = remember_seconds
        self._timer = timer
        self._lock = threading.Lock()
        self._remembered: OrderedDict[bytes, tuple[float, Session]] = OrderedDict()
        self._closings = 0

    def open(
        self,
        user_id: str,
        *,
        level: int = PASSKEY_LEVEL,
        replaces: str | None = None,
        by: bytes | None = None,
        origin: Origin = _UNKNOWN_ORIGIN,
    ) -> str:
        """Begin a session and return the cookie's value, which is not stored. The session in `replaces` ends.

        Raises `SignInFailed` if the passkey `by` was removed since it was verified.
        """
        secret = secrets.token_urlsafe(32)
        now = milliseconds(self._clock.now())
        with self._database.write() as connection:
            if by is not None and not is_kept(connection, user_id, by):
                raise SignInFailed("the sign-in could not be verified")
            if replaces is not None:
                connection.execute(sa.delete(session).where(session.c.secret_hash == _hash(replaces)))
            connection.execute(
                sa.insert(session).values(
                    secret_hash=_hash(secret),
                    session_id=secrets.token_hex(16),
                    user_id=user_id,
                    level=level,
                    created_at=now,
                    last_used_at=now,
                    expires_at=now + _milliseconds_in(self.limits.absolute),
                    address=origin.address,
                    browser=origin.browser,
                )
            )
        if replaces is not None:
            self._forget(_hash(replaces))
        return secret

    def recall(self, secret: str) -> Session | None:
        """The session, if it was found moments ago: never blocks. None means `find` has to look."""
        with self._lock:
            entry = self._remembered.get(_hash(secret))
        if entry is None or self._timer() - entry[0] > self._remember_seconds:
            return None
        return entry[1] if self._is_good(entry[1]) else None

    def find(self, secret: str) -> Session | None:
        """The session that this cookie's value opens, or None. Notes about once a minute that it is in use."""
        secret_hash = _hash(secret)
        with self._lock:
            closings = self._closings
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(*_columns(Session)).where(session.c.secret_hash == secret_hash)
            ).one_or_none()
        if row is None:
            return None
        found = Session(*row)
        if not self._is_good(found):
            self.close(secret)
            return None
        found = self._touched(secret_hash, found)
        with self._lock:
            if closings == self._closings:
                # Nothing was closed since the row was read, so remembering cannot bring a closed session back.
                self._remembered[secret_hash] = (self._timer(), found)
                while len(self._remembered) > _CACHED_SESSIONS:
                    self._remembered.popitem(last=False)
        return found

    def close(self, secret: str) -> None:
        """End a session at once. Closing one that is not open does nothing."""
        with self._database.write() as connection:
            connection.execute(sa.delete(session).where(session.c.secret_hash == _hash(secret)))
        self._forget(_hash(secret))

    def is_fresh(self, signed_in_at: int) -> bool:
        """Whether a session that began at this moment is good for acts that ask for a fresh sign-in."""
        age = milliseconds(self._clock.now()) - signed_in_at
        return 0 <= age < _milliseconds_in(self.limits.fresh)

    def of(self, user_id: str) -> tuple[OpenSession, ...]:
        """The sessions of a person that are not over, the newest first."""
        asked = sa.select(*_columns(OpenSession)).where(session.c.user_id == user_id)
        with self._database.read() as connection:
            rows = connection.execute(asked.order_by(session.c.created_at.desc(), session.c.session_id)).all()
        return tuple(found for found in (OpenSession(*row) for row in rows) if self._is_good(found))

    def end(self, user_id: str, session_id: str) -> bool:
        """End one session of a person, wherever its browser is. False if the person has no such session open."""
        ended = sa.delete(session).where(session.c.user_id == user_id, session.c.session_id == session_id)
        with self._database.write() as connection:
            count = connection.execute(ended).rowcount
        with self._lock:
            self._closings += 1
            for secret_hash, (_, found) in list(self._remembered.items()):
                if found.session_id == session_id and found.user_id == user_id:
                    del self._remembered[secret_hash]
        return count == 1

    def end_others(self, user_id: str, *, besides: str) -> None:
        """End every session of a person but the one that this cookie's value opens."""
        with self._database.write() as connection:
            self.close_others(connection, user_id, besides=besides)
        self.forget_others(user_id, besides=besides)

    def close_others(self, connection: sa.Connection, user_id: str, *, besides: str | None) -> None:
        """End, in the caller's transaction, every session of a person but the one that this cookie's value opens.

        Call `forget_others` once that is committed.
        """
        ended = sa.delete(session).where(session.c.user_id == user_id)
        connection.execute(ended.where(session.c.secret_hash != _hash(besides or "")))

    def forget_others(self, user_id: str, *, besides: str | None) -> None:
        """Remember none of the sessions that `close_others` ended."""
        with self._lock:
            self._closings += 1
            for secret_hash, (_, found) in list(self._remembered.items()):
                if found.user_id == user_id and secret_hash != _hash(besides or ""):
                    del self._remembered[secret_hash]

    def purge(self) -> int:
        """Delete the rows of sessions that are over. Returns how many."""
        now = milliseconds(self._clock.now())
        with self._database.write() as connection:
            return connection.execute(
                sa.delete(session).where(
                    sa.or_(
                        session.c.expires_at <= now,
                        session.c.last_used_at <= now - _milliseconds_in(self.limits.idle),
                    )
                )
            ).rowcount

    def _is_good(self, found: Session | OpenSession) -> bool:
        now = milliseconds(self._clock.now())
        return now < found.expires_at and now < found.last_used_at + _milliseconds_in(self.limits.idle)

    def _touched(self, secret_hash: bytes, found: Session) -> Session:
        now = milliseconds(self._clock.now())
        if now - found.last_used_at < _TOUCH_EVERY:
            return found
        with self._database.write() as connection:
            connection.execute(sa.update(session).where(session.c.secret_hash == secret_hash).values(last_used_at=now))
        return replace(found, last_used_at=now)

    def _forget(self, secret_hash: bytes) -> None:
        with self._lock:
            self._closings += 1
            self._remembered.pop(secret_hash, None)


def _columns(kind: type[Session] | type[OpenSession]) -> list[sa.Column[Any]]:
    return [session.c[name] for name in kind.__dataclass_fields__]


def _hash(secret: str) -> bytes:
    """Looking up by hash takes a time that says nothing about the secret, and a stolen table opens no session."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _milliseconds_in(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
