"""`natsuin clients webhook` and `natsuin clients deliveries`: where applications are told of asynchronous answers."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natsuin.cli.supervised import config_option

if TYPE_CHECKING:
    from natsuin.web import Webhooks


@click.command()
@config_option
@click.argument("client_id")
@click.argument("url", required=False)
@click.option("--remove", is_flag=True, help="Tell it nothing more.")
def webhook(file: Path, client_id: str, url: str | None, remove: bool) -> None:
    """Set the one address to which an application may have itself told (response_uri). The secret for checking the
    signatures is printed once; to change it, set the address again."""
    if (url is None) != remove:
        raise click.UsageError("say either URL or --remove")
    webhooks = _webhooks(file)
    if url is None:
        webhooks.remove(client_id)
        click.echo("It is told nothing more.")
        return
    secret = webhooks.register(client_id, url)
    click.echo(f"webhook_secret  {secret}\n\nThe secret is shown this once.")


@click.command()
@config_option
@click.option("--client", "client_id", default="", metavar="ID", help="Of this application only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each message and line.")
def deliveries(file: Path, client_id: str, as_json: bool) -> None:
    """List what applications were told in the last 30 days, the newest first."""
    from natsuin.clock import from_milliseconds

    for one in _webhooks(file).deliveries(client_id):
        if as_json:
            click.echo(json.dumps(asdict(one)))
        else:
            asked = f"{from_milliseconds(one.created_at):%Y-%m-%dT%H:%M:%SZ}"
            click.echo(f"{asked}  {one.delivery_id}  {one.client_id}  {one.state}  tries {one.tries}  {one.result}")


def _webhooks(file: Path) -> "Webhooks":
    from natsuin.cli.supervised import take_place
    from natsuin.clock import SystemClock
    from natsuin.config import load
    from natsuin.storage import open_database
    from natsuin.web import Webhooks

    config = load(file)
    take_place("web", config)
    return Webhooks(open_database(config.web.database, name="web"), SystemClock())
