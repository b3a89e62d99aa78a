"""Reading, writing and group commit, on both engines."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
import sqlalchemy.exc

from natsuin.errors import Forbidden, Malformed, NatsuinError, Unavailable
from natsuin.storage import Database
from rigs.waiting_writers import queued

METADATA = sa.MetaData()
COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite counts up only columns declared INTEGER."""
THINGS = sa.Table(
    "things",
    METADATA,
    sa.Column("number", COUNTED, primary_key=True),
    sa.Column("name", sa.String(20), nullable=False, unique=True),
    sa.Column("at", sa.BigInteger),
)


@pytest.fixture
def database(database_with: Callable[[sa.MetaData], Database]) -> Database:
    return database_with(METADATA)


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(THINGS.c.name).order_by(THINGS.c.number)).scalars())


def add(name: str) -> Callable[[sa.Connection], int]:
    def work(connection: sa.Connection) -> int:
        return connection.execute(sa.insert(THINGS).values(name=name)).inserted_primary_key[0]

    return work


def test_write_commits_at_the_end_of_the_block(database: Database) -> None:
    with database.write() as connection:
        add("a")(connection)
    assert names(database) == ["a"]


def test_write_undoes_everything_when_the_block_raises(database: Database) -> None:
    def half_done() -> None:
        with database.write() as connection:
            add("a")(connection)
            raise Forbidden("no")

    with pytest.raises(Forbidden):
        half_done()
    assert names(database) == []


def test_reading_is_a_snapshot(database: Database) -> None:
    with database.read() as reader:
        assert reader.execute(sa.select(sa.func.count()).select_from(THINGS)).scalar() == 0
        database.run_grouped(add("a"))
        assert reader.execute(sa.select(sa.func.count()).select_from(THINGS)).scalar() == 0
    assert names(database) == ["a"]


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(NatsuinError), database.read() as connection:
        add("a")(connection)
    assert names(database) == []


def test_group_gives_the_result_of_the_work(database: Database) -> None:
    assert database.run_grouped(add("a")) == 1
    assert database.run_grouped(add("b")) == 2


def test_group_undoes_only_the_work_that_raised(database: Database) -> None:
    database.run_grouped(add("taken"))
    holding, free = threading.Event(), threading.Event()

    def hold(connection: sa.Connection) -> None:
        holding.set()
        assert free.wait(10)

    def half_done(connection: sa.Connection) -> None:
        add("half")(connection)
        raise Forbidden("after writing")

    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(database.run_grouped, hold)
        assert holding.wait(10)
        # All of these wait for the first, so they share one transaction.
        good = queued(pool, database, *(add(f"good{i}") for i in range(5)))
        bad = queued(pool, database, half_done, add("taken"))
        (late,) = queued(pool, database, add("late"))
        free.set()
    first.result(10)
    assert all(future.result(10) for future in [*good, late])
    assert isinstance(bad[0].exception(10), Forbidden)
    assert isinstance(bad[1].exception(10), sa.exc.IntegrityError)
    assert set(names(database)) == {"taken", *(f"good{i}" for i in range(5)), "late"}


def test_lone_work_that_raises_is_undone(database: Database) -> None:
    def half_done(connection: sa.Connection) -> None:
        add("half")(connection)
        raise Forbidden("after writing")

    with pytest.raises(Forbidden):
        database.run_grouped(half_done)
    with pytest.raises(sa.exc.IntegrityError):
        database.run_grouped(lambda connection: (add("same")(connection), add("same")(connection)))
    assert names(database) == []
    database.run_grouped(add("next"))
    assert names(database) == ["next"]


def test_many_threads_write_in_both_ways(database: Database) -> None:
    errors: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for i in range(20):
                name = f"{thread}-{i}"
                if i % 2 == 0:
                    database.run_grouped(add(name))
                else:
                    with database.write() as connection:
                        add(name)(connection)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert len(names(database)) == 160


def test_group_within_a_group_is_a_mistake_and_not_a_deadlock(database: Database) -> None:
    with pytest.raises(RuntimeError):
        database.run_grouped(lambda connection: database.run_grouped(add("inner")))
    database.run_grouped(add("later"))
    assert names(database) == ["later"]


def test_single_use_holds_between_threads(database: Database) -> None:
    database.run_grouped(add("token"))
    won: list[int] = []

    def spend(connection: sa.Connection) -> int:
        return connection.execute(
            sa.update(THINGS).where(THINGS.c.name == "token", THINGS.c.at.is_(None)).values(at=1)
        ).rowcount

    threads = [threading.Thread(target=lambda: won.append(database.run_grouped(spend))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(won) == [0] * 19 + [1]


def test_value_that_no_column_can_hold_is_malformed(database: Database) -> None:
    with pytest.raises(Malformed):
        database.run_grouped(lambda connection: connection.execute(sa.insert(THINGS).values(name="x", at=2**63)))
    with pytest.raises(Malformed), database.write() as connection:
        connection.execute(sa.insert(THINGS).values(name="\ud800"))
    assert names(database) == []


def test_closed_database_says_so(database: Database) -> None:
    database.run_grouped(add("a"))
    database.close()
    with pytest.raises(Unavailable):
        database.run_grouped(add("b"))
