"""`natsuin upgrade`: the databases' schemas."""

from pathlib import Path

import click

from natsuin.cli.supervised import config_option


@click.command()
@config_option
def upgrade(file: Path) -> None:
    """Bring both databases to the schema of this version. Stop the service and make a backup first."""
    from natsuin.config import load
    from natsuin.storage import current_version, open_database, upgrade_schema

    config = load(file)
    for tree, url in config.databases:
        database = open_database(url, name=tree)
        try:
            upgrade_schema(database, tree)
            click.echo(f"The {tree} database has schema {current_version(database)}.")
        finally:
            database.close()
