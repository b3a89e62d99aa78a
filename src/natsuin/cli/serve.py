"""`natsuin serve`: both processes on one host, watched."""

import sys
from pathlib import Path

import click

from natsuin.cli.supervised import config_option


@click.command()
@config_option
def serve(file: Path) -> None:
    """Run sam and web until SIGTERM or Ctrl-C.

    Every change of either process is told in a line. A process that dies is started again after a pause, unless it
    ended because it refuses to run as things are: then both stop, with its exit code.
    """
    from natsuin.cli.supervision import supervise
    from natsuin.config import load

    load(file)
    sys.exit(supervise(file.absolute()))
