"""What the commands `web` and `sam` have in common: their option, and following the supervisor that started them."""

import os
from pathlib import Path

import click

SUPERVISOR = "NATSUIN_SUPERVISOR"
"""Environment variable with the process id of `natsuin serve`, which its children do not outlive."""

config_option = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The installation's config.toml.",
)


def follow_supervisor() -> None:
    """End when `natsuin serve` dies, if it is what started this process."""
    parent = os.environ.get(SUPERVISOR, "")
    if parent.isdigit():
        from natsuin.sam.hardening import follow_parent

        follow_parent(int(parent))
