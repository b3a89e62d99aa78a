"""What a failure of the database means, in the words of `natsuin.errors`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import sqlalchemy.exc

from natsuin.errors import Busy, Malformed, NatsuinError, StorageFailed, Unavailable

_SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_POSTGRESQL_BUSY = {
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "53300",  # too_many_connections
    "55P03",  # lock_not_available
    "57014",  # query_canceled, by our own time limit
}
_POSTGRESQL_FAILED = ("53100", "58030", "25006", "XX001", "XX002")
"""disk_full, io_error, read_only_sql_transaction, data_corrupted, index_corrupted."""


def translate(error: Exception) -> NatsuinError | None:
    """The error of `natsuin.errors` that `error` amounts to, or None if it is the caller's to judge.

    Messages name the kind of failure and nothing else: no statement, value, path or address.
    """
    if isinstance(error, sa.exc.IntegrityError):
        return None
    if isinstance(error, sa.exc.DataError | OverflowError | UnicodeEncodeError):
        return Malformed("A value cannot be stored: it is too long, out of range or not text.")
    if isinstance(error, sa.exc.TimeoutError):
        return Busy("The database has no free connection.", hint="Try again in a moment.")
    if isinstance(error, sa.exc.ProgrammingError) and isinstance(error.orig, sqlite3.Error):
        return None
    if isinstance(error, sa.exc.DBAPIError):
        return _by_driver(error.orig, error.connection_invalidated)
    if isinstance(error, sqlite3.Error) or type(error).__module__.startswith("psycopg"):
        return _by_driver(error, connection_lost=False)
    return None


def _by_driver(cause: BaseException | None, connection_lost: bool) -> NatsuinError | None:
    if isinstance(cause, sqlite3.Error):
        number = getattr(cause, "sqlite_errorcode", None)
        if number is not None and number & 0xFF in _SQLITE_BUSY:
            return Busy("The database is held by another process.", hint="Try again in a moment.")
        if isinstance(cause, sqlite3.OperationalError) and number is not None and number & 0xFF == sqlite3.SQLITE_ERROR:
            return None  # A mistake in a statement, such as a missing table: not a failure of the storage.
        return StorageFailed(f"The database failed ({getattr(cause, 'sqlite_errorname', 'unknown')}).")
    state = getattr(cause, "sqlstate", None)
    if state in _POSTGRESQL_BUSY:
        return Busy("The database is busy with other work.", hint="Try again in a moment.")
    if state in _POSTGRESQL_FAILED:
        return StorageFailed(f"The database failed (SQLSTATE {state}).")
    if connection_lost or state is None or state[:2] in {"08", "57"}:
        return Unavailable("The database cannot be reached.", hint="Try again; if it lasts, see whether it runs.")
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise what `translate` finds in place of a driver's error that leaves the block."""
    try:
        yield
    except NatsuinError:
        raise
    except Exception as error:
        found = translate(error)
        if found is None:
            raise
        raise found from error
