"""Versions of the two schemas: bringing a database to the newest, and refusing to run on another.

Migrations are alembic's, in two trees (`migrations/web`, `migrations/sam`). They are applied by `upgrade_schema`, which
`natsuin init` calls; the running service only checks.
"""

import importlib
from pathlib import Path
from typing import Literal, TypeAlias

import sqlalchemy as sa

from natsuin.errors import Refused
from natsuin.storage.database import Database
from natsuin.storage.failures import translated
from natsuin.storage.metadata import sam_metadata, web_metadata

Tree: TypeAlias = Literal["web", "sam"]

TABLE_MODULES: dict[Tree, tuple[str, ...]] = {
    "web": (
        "natsuin.authentication.tables",
        "natsuin.authentication.oauth.tables",
        "natsuin.user_management.tables",
        "natsuin.web.tables",
        "natsuin.web.notices.tables",
    ),
    "sam": (
        "natsuin.key_management.tables",
        "natsuin.key_management.lost_passkey.tables",
        "natsuin.signing.tables",
        "natsuin.key_backup.tables",
    ),
}
"""Modules that declare tables. Named as text, because storage is below them all and must not import them."""

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaOutdated(Refused):
    """The database's schema is not the one this program was written for."""

    code = "schema_outdated"


def metadata_of(tree: Tree) -> sa.MetaData:
    """All tables of one database, with every module that declares some loaded. For making and testing migrations."""
    for module in TABLE_MODULES[tree]:
        importlib.import_module(module)
    return web_metadata if tree == "web" else sam_metadata


def versions_folder(tree: Tree) -> Path:
    """Where the migrations of one database are."""
    return _MIGRATIONS / tree / "versions"


def newest_version(tree: Tree) -> str:
    """The newest migration's number, such as `0001`; empty if there is none."""
    files = sorted(versions_folder(tree).glob("[0-9]*.py"))
    return files[-1].stem.split("_", 1)[0] if files else ""


def upgrade_schema(database: Database, tree: Tree, version: str = "head") -> None:
    """Bring the schema up to `version`, or down to it if it is older (`base` is empty). All or nothing, then durable.

    Raises:
        Busy, Unavailable, StorageFailed.
    """
    # alembic takes a noticeable time to import, and only `natsuin init` and tests come here.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS / tree).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    current = current_version(database)
    older = version == "base" or (version != "head" and current is not None and version < current)
    with translated(), database.engine.connect() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if older else command.upgrade)(config, version)


def current_version(database: Database) -> str | None:
    """The version the database says it has, or None if it has none."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def check_schema(database: Database, tree: Tree) -> None:
    """See that the database has the newest schema.

    Raises:
        SchemaOutdated: it has an older or a newer one, or none.
        Busy, Unavailable, StorageFailed.
    """
    current, wanted = current_version(database), newest_version(tree)
    if current == wanted:
        return
    if current is None:
        raise SchemaOutdated(
            f"The {tree} database is empty.", hint="Make a new installation with `natsuin init --dir DIR`."
        )
    if current > wanted:
        hint = "It was used by a newer version of Natsuin: run that one."
    else:
        hint = "Make a backup, then run `natsuin upgrade --config FILE`."
    raise SchemaOutdated(f"The {tree} database has schema {current}, this program needs {wanted}.", hint=hint)
