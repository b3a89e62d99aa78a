"""Writes the next migration: `python -m natsuin.storage.migrations.make {web,sam} MESSAGE [--replace]`.

The tables in the code are compared with a temporary SQLite database that has every migration so far. With `--replace`
the newest migration is made anew, which is right only while nobody has run it.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import DowngradeOps, MigrationScript, UpgradeOps

from natsuin.storage.database import create_database, open_database
from natsuin.storage.schema import Tree, metadata_of, newest_version, upgrade_schema, versions_folder

_TEMPLATE = '''"""{message}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {previous}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this version."""
    {upgrade}


def downgrade() -> None:
    """Take it back to the version before."""
    {downgrade}
'''


def difference(connection: sa.Connection, metadata: sa.MetaData) -> MigrationScript:
    """What a migration would have to change so that the database has exactly these tables."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
    return produce_migrations(context, metadata)


def make(tree: Tree, message: str, *, replace: bool) -> Path:
    """Write the migration and answer with its file. Raises SystemExit if there is nothing to change."""
    folder = versions_folder(tree)
    if replace:
        for file in folder.glob(f"{newest_version(tree)}_*.py"):
            file.unlink()
    previous = newest_version(tree)
    with tempfile.TemporaryDirectory() as temporary:
        url = f"sqlite:///{temporary}/compare.sqlite"
        create_database(url)
        database = open_database(url)
        if previous:
            upgrade_schema(database, tree)
        with database.engine.connect() as connection:
            script = difference(connection, metadata_of(tree))
        database.close()
    if script.upgrade_ops is None or script.downgrade_ops is None or script.upgrade_ops.is_empty():
        sys.exit("The migrations already make these tables.")
    revision = f"{int(previous or 0) + 1:04}"
    name = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    file = folder / f"{revision}_{name}.py"
    file.write_text(
        _TEMPLATE.format(
            message=message,
            revision=revision,
            previous=f'"{previous}"' if previous else None,
            upgrade=_code(script.upgrade_ops),
            downgrade=_code(script.downgrade_ops),
        ),
        encoding="utf-8",
    )
    for arguments in (["format", "--quiet"], ["check", "--fix", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, str(file)], check=False)  # noqa: S603
    return file


def _code(operations: UpgradeOps | DowngradeOps) -> str:
    lines = render_python_code(operations, render_as_batch=True).splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("# ###")).strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", choices=["web", "sam"])
    parser.add_argument("message")
    parser.add_argument("--replace", action="store_true")
    wishes = parser.parse_args()
    print(make(wishes.tree, wishes.message, replace=wishes.replace))
