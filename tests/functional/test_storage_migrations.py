"""Migrations make exactly the tables that the code declares, and can be taken back, on both engines."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from natsuin.storage import Database, SchemaOutdated, check_schema, create_database, open_database, upgrade_schema
from natsuin.storage.migrations.make import difference
from natsuin.storage.schema import Tree, current_version, metadata_of, newest_version, versions_folder

TREES: tuple[Tree, ...] = ("web", "sam")


@pytest.fixture
def database(pg_or_sqlite: str) -> Iterator[Database]:
    opened = open_database(pg_or_sqlite, name="test")
    yield opened
    opened.close()


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(sa.inspect(connection).get_table_names()) - {"alembic_version"}


@pytest.mark.parametrize("tree", TREES)
def test_migrations_make_the_tables_of_the_code(database: Database, tree: Tree) -> None:
    metadata = metadata_of(tree)
    upgrade_schema(database, tree)
    assert tables(database) == set(metadata.tables)
    with database.engine.connect() as connection:
        script = difference(connection, metadata)
    assert script.upgrade_ops is not None
    found = script.upgrade_ops.as_diffs()
    assert found == [], "Run: python -m natsuin.storage.migrations.make"
    check_schema(database, tree)


@pytest.mark.parametrize("tree", TREES)
def test_up_down_and_up_again(database: Database, tree: Tree) -> None:
    upgrade_schema(database, tree)
    upgrade_schema(database, tree, "base")
    assert tables(database) == set()
    upgrade_schema(database, tree)
    check_schema(database, tree)


@pytest.mark.parametrize("tree", TREES)
def test_constraints_of_the_code_are_in_force(database: Database, tree: Tree) -> None:
    upgrade_schema(database, tree)
    with database.read() as connection:
        inspector = sa.inspect(connection)
        for table in metadata_of(tree).sorted_tables:
            unnamed = [
                found
                for found in (
                    *inspector.get_foreign_keys(table.name),
                    *inspector.get_unique_constraints(table.name),
                    *inspector.get_check_constraints(table.name),
                    inspector.get_pk_constraint(table.name),
                )
                if not found["name"]
            ]
            assert unnamed == []
            checks = {found["name"] for found in inspector.get_check_constraints(table.name)}
            wanted = {item.name for item in table.constraints if isinstance(item, sa.CheckConstraint)}
            assert checks == wanted


@pytest.mark.parametrize("tree", TREES)
def test_empty_and_newer_databases_are_refused(database: Database, tree: Tree) -> None:
    assert current_version(database) is None
    with pytest.raises(SchemaOutdated, match="empty"):
        check_schema(database, tree)
    upgrade_schema(database, tree)
    assert current_version(database) == newest_version(tree)
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutdated, match="9999"):
        check_schema(database, tree)


@pytest.mark.parametrize("tree", TREES)
def test_migrations_are_numbered_without_gap(tree: Tree) -> None:
    numbers = [int(file.name.split("_")[0]) for file in sorted(versions_folder(tree).glob("[0-9]*.py"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_failed_migration_leaves_the_old_schema_whole(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.sqlite'}"
    create_database(url)
    # A table that is in the way makes the migration fail in its middle.
    last = sorted(metadata_of("sam").tables)[-1]
    with sqlite3.connect(tmp_path / "a.sqlite") as connection:
        connection.execute(f"CREATE TABLE {last} (a)")
    database = open_database(url)
    with pytest.raises(sa.exc.OperationalError):
        upgrade_schema(database, "sam")
    assert tables(database) == {last}
    database.close()
