"""DB-1's tables in an empty database, a clock that stands, and one person."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from natsuin.clock import FixedClock
from natsuin.storage import Database
from natsuin.storage.schema import metadata_of
from natsuin.user_management import Person, add_person


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))


@pytest.fixture
def database(database_with: Callable[[sa.MetaData], Database]) -> Database:
    made = database_with(metadata_of("web"))
    with made.write() as connection:
        add_person(connection, Person("u-1", "Alice", "a@example.jp", ("signer",)), now=0)
        add_person(connection, Person("u-2", "Bob", "b@example.jp", ("signer",)), now=0)
    return made
