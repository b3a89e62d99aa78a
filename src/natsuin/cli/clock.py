"""`natsuin clock`: what to do about the time that sam holds against the host's clock."""

from pathlib import Path

import click

from natsuin.cli.supervised import config_option


@click.group()
def clock() -> None:
    """Settle a difference between the host's clock and the signing log."""


@clock.command()
@config_option
def accept(file: Path) -> None:
    """Say that the host's clock is right, though the newest entry of the signing log is later.

    For after the clock was wrongly set ahead. sam must be stopped. The signing log tells of it.
    """
    from natsuin.cli.supervised import act_as_sam
    from natsuin.config import load
    from natsuin.sam.process import accept_clock

    config = load(file)
    act_as_sam(config)
    click.echo(f"The signing log goes on at {accept_clock(config):%Y-%m-%d %H:%M:%S} UTC.")
