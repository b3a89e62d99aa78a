"""Databases: engines, transactions, group commit, schema versions. SQLite by default, PostgreSQL by the same code.

Natsuin keeps two databases that never meet: DB-1 ("web": people, sessions, documents) and DB-2 ("sam": keys,
instructions, approvals). A function declares its tables on `web_metadata` or `sam_metadata` in its own `tables.py`;
nothing here knows them, except the two lists in `natsuin.storage.schema` that say which modules to load before a
migration is compared.

    database = open_database(url, name="sam")
    with database.read() as connection: ...          a consistent snapshot; writing is refused
    with database.write() as connection: ...         one transaction, committed and durable when the block ends
    database.run_grouped(lambda connection: ...)     one transaction shared with everybody who waits; durable on return

Times are whole milliseconds since 1970 in UTC, made by `natsuin.clock.milliseconds`.

Every public function turns failures of the database into `natsuin.errors`: `Busy` when somebody else holds it,
`StorageFailed` when a durable write failed, `Unavailable` when it cannot be reached, `Malformed` for a value that no
column can hold. `sqlalchemy.exc.IntegrityError` is left alone, because only the caller knows what a repeated or missing
row means. Databases are made by `create_database` (that is, `natsuin init`) and never by opening one.
"""

from natsuin.storage.database import Database, create_database, open_database
from natsuin.storage.engines import DatabaseCorrupt, DatabaseMissing, DatabaseUnsafe
from natsuin.storage.metadata import sam_metadata, web_metadata
from natsuin.storage.prepared import Prepared
from natsuin.storage.schema import SchemaOutdated, check_schema, current_version, upgrade_schema

__all__ = [
    "Database",
    "DatabaseCorrupt",
    "DatabaseMissing",
    "DatabaseUnsafe",
    "Prepared",
    "SchemaOutdated",
    "check_schema",
    "create_database",
    "current_version",
    "open_database",
    "sam_metadata",
    "upgrade_schema",
    "web_metadata",
]
