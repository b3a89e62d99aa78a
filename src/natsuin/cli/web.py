"""`natsuin web`: the process that faces the network."""

from pathlib import Path

import click

from natsuin.cli.supervised import config_option, take_place


@click.command()
@config_option
def web(file: Path) -> None:
    """Run the process that serves HTTP: the portal, the API and the public services, until SIGTERM.

    It holds no key and no secret that can make a signature.
    """
    from natsuin.config import load
    from natsuin.web import serve

    config = load(file)
    take_place("web", config)
    serve(config)
