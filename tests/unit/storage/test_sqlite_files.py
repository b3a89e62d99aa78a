"""SQLite files: who may read them, what is set on them, and what is refused."""

import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from natsuin.errors import Busy, Conflict, Malformed, Refused, StorageFailed
from natsuin.storage import DatabaseCorrupt, DatabaseMissing, create_database, open_database

METADATA = sa.MetaData()
NOTES = sa.Table("notes", METADATA, sa.Column("text", sa.LargeBinary))


def test_opening_never_creates(tmp_path: Path) -> None:
    file = tmp_path / "db2.sqlite"
    with pytest.raises(DatabaseMissing) as caught:
        open_database(f"sqlite:///{file}", name="sam")
    assert "sam database" in caught.value.message
    assert "natsuin init" in caught.value.hint
    assert not file.exists()


def test_creating_never_overwrites(sqlite_url: str) -> None:
    with pytest.raises(Conflict):
        create_database(sqlite_url, name="test")


def test_creating_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        create_database(f"sqlite:///{tmp_path}/missing/a.sqlite", name="test")


def test_files_are_readable_by_their_owner_alone(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)
    METADATA.create_all(database.engine)
    files = list(tmp_path.iterdir())
    assert {file.name for file in files} == {"test.sqlite", "test.sqlite-wal", "test.sqlite-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    database.close()


def test_settings_of_every_connection(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    wanted = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "trusted_schema": 0}

    def settings(connection: sa.Connection) -> dict[str, object]:
        return {key: connection.exec_driver_sql(f"PRAGMA {key}").scalar() for key in wanted}

    with database.read() as reader:
        assert settings(reader) == wanted
    with database.write() as writer:
        assert settings(writer) == wanted
    assert database.run_grouped(settings) == wanted
    database.close()


def test_deleted_bytes_do_not_stay_in_the_file(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)
    METADATA.create_all(database.engine)
    secret = b"a wrapped key that was destroyed"
    database.run_grouped(lambda connection: connection.execute(sa.insert(NOTES).values(text=secret)))
    database.run_grouped(lambda connection: connection.execute(sa.delete(NOTES)))
    database.close()
    assert secret not in (tmp_path / "test.sqlite").read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["test.sqlite"]


def test_damaged_file_is_refused_and_left_alone(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)
    METADATA.create_all(database.engine)
    database.run_grouped(lambda connection: connection.execute(sa.insert(NOTES).values(text=b"x" * 100_000)))
    database.close()
    file = tmp_path / "test.sqlite"
    content = bytearray(file.read_bytes())
    content[4096:4200] = b"\xff" * 104
    file.write_bytes(content)
    with pytest.raises(DatabaseCorrupt) as caught:
        open_database(sqlite_url, name="web")
    assert "web database is damaged" in caught.value.message
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look at", b"SQLite format 3\0" + b"\xff" * 200]
)
def test_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.sqlite"
    file.write_bytes(content)
    with pytest.raises(DatabaseCorrupt):
        open_database(f"sqlite:///{file}", name="web")


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///:memory:", "mysql://a/b", "nonsense", "postgresql://host"])
def test_addresses_that_name_no_database(url: str) -> None:
    with pytest.raises(Malformed):
        open_database(url)


def test_lock_held_elsewhere_is_busy_within_five_seconds_and_heals(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)
    METADATA.create_all(database.engine)
    other = sqlite3.connect(tmp_path / "test.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcome: list[float] = []

    def grouped() -> None:
        started = time.monotonic()
        with pytest.raises(Busy):
            database.run_grouped(lambda connection: None)
        outcome.append(time.monotonic() - started)

    thread = threading.Thread(target=grouped)
    thread.start()
    with pytest.raises(Busy), database.write():
        pass
    thread.join(20)
    assert outcome
    assert outcome[0] < 9
    with database.read() as connection:
        assert connection.execute(sa.select(NOTES)).all() == []
    other.execute("ROLLBACK")
    other.close()
    database.run_grouped(lambda connection: connection.execute(sa.insert(NOTES).values(text=b"x")))
    database.close()


def test_full_disk_fails_the_whole_group_and_heals(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    METADATA.create_all(database.engine)
    insert = sa.insert(NOTES).values(text=b"x" * 50_000)

    def limit(connection: sa.Connection) -> None:
        # SQLite's own limit on pages stands for a full disk: the same error, at the same places.
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    database.run_grouped(limit)
    with pytest.raises(StorageFailed) as caught:
        database.run_grouped(lambda connection: connection.execute(insert))
    assert "SQLITE_FULL" in caught.value.message
    database.run_grouped(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1073741823"))
    database.run_grouped(lambda connection: connection.execute(insert))
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(NOTES)).scalar() == 1
    database.close()
