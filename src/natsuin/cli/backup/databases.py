"""One consistent copy of a database that others write to: SQLite's online backup, or pg_dump."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from natsuin.errors import Conflict, StorageFailed, Tampered, Unavailable

_PAGES_AT_ONCE = 2048
_WAIT_SECONDS = 30.0


def is_sqlite(url: str) -> bool:
    """Whether the database is a file that a backup can hold as it is."""
    return url.startswith("sqlite:///")


def sqlite_file(url: str) -> Path:
    """The file of a SQLite address."""
    return Path(url.removeprefix("sqlite:///"))


def name_of(tree: str, url: str) -> str:
    """The name of its copy in a backup."""
    return f"databases/{tree}.{'sqlite' if is_sqlite(url) else 'pgdump'}"


def copy_database(url: str, target: Path, *, progress: Callable[[int, int], None]) -> None:
    """Copy the database as it is at one moment; writers go on meanwhile. Raises `Unavailable`, `StorageFailed`."""
    if is_sqlite(url):
        _copy_sqlite(sqlite_file(url), target, progress)
        check_sqlite(target)
    else:
        _dump_postgresql(url, target)
        progress(1, 1)


def check_sqlite(file: Path) -> None:
    """See that a copy opens and is whole. Raises `Tampered`."""
    try:
        connection = _connect(file)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise Tampered(f"the copy of the database is damaged: {found}")


def _copy_sqlite(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    try:
        reading, writing = _connect(source), sqlite3.connect(target, isolation_level=None)
        try:
            reading.execute("PRAGMA query_only = ON")
            # The read transaction holds one snapshot, so writers in other processes do not make the copy begin again.
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            reading.backup(
                writing, pages=_PAGES_AT_ONCE, progress=lambda _, left, total: progress(total - left, max(total, 1))
            )
            writing.execute("PRAGMA journal_mode = DELETE")
        finally:
            reading.close()
            writing.close()
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the database {source.name} cannot be copied: {error}") from error
    target.chmod(0o600)


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(file.absolute()))}?mode=rw", uri=True, isolation_level=None, timeout=_WAIT_SECONDS
    )


def _dump_postgresql(url: str, target: Path) -> None:
    tool = shutil.which("pg_dump")
    if tool is None:
        raise Unavailable("pg_dump is not installed", hint="Install PostgreSQL's client programs on this host.")
    # The password goes by the environment, because everybody on the host can read the arguments of a process.
    parts = urlsplit(url)
    environment = {**os.environ, **({"PGPASSWORD": unquote(parts.password)} if parts.password else {})}
    address = url.replace(f":{parts.password}@", "@", 1) if parts.password else url
    command = [tool, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", f"--dbname={address}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise StorageFailed(f"pg_dump failed: {done.stderr.strip()[:300]}")
    target.chmod(0o600)


def require_sqlite(url: str) -> None:
    """Raise `Conflict` for a database that has no file of its own to be put in place."""
    if not is_sqlite(url):
        raise Conflict(
            "a PostgreSQL database is restored by its own tools",
            hint="pg_restore --dbname ADDRESS FILE, into an empty database; see docs/backup.md.",
        )
