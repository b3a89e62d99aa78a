"""`natsuin sam`: the process that holds the keys."""

from pathlib import Path

import click

from natsuin.cli.supervised import config_option, take_place


@click.command()
@config_option
def sam(file: Path) -> None:
    """Run the process that holds DB-2, the keys and the signing log, until SIGTERM.

    It answers web over one socket and refuses to start when others could read or change its files.
    """
    from natsuin.config import load
    from natsuin.logs import configure_logs
    from natsuin.sam.hardening import allow_memory_locks
    from natsuin.sam.process import run

    configure_logs()
    config = load(file)
    if config.serve.sam_user:
        allow_memory_locks()
    take_place("sam", config)
    run(config)
