"""What the commands `web` and `sam` have in common: their option, their user, and following the supervisor that started
them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from natsuin.config import Config

SUPERVISOR = "NATSUIN_SUPERVISOR"
"""Environment variable with the process id of `natsuin serve`, which its children do not outlive."""

config_option = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The installation's config.toml.",
)


def act_as_sam(config: "Config") -> None:
    """Be sam for one command on the host: its user, and its log lines on standard error, since standard output is for
    what the command answers. Raises as `take_place`."""
    from natsuin.logs import configure_logs

    configure_logs()
    take_place("sam", config)


def take_place(name: Literal["web", "sam"], config: "Config") -> None:
    """Become the user that the configuration names for this process, if it does; then follow the supervisor.

    Raises:
        ConfigurationRefused: there is no such user.
        AccountRefused: the process cannot become that user, or could become root again.
    """
    from natsuin.sam.accounts import Accounts, become

    accounts = Accounts.of(config.serve)
    if accounts is not None:
        become(accounts.web if name == "web" else accounts.sam)
    # A change of user makes the kernel forget whose death the process follows, so this comes last.
    follow_supervisor()


def follow_supervisor() -> None:
    """End when `natsuin serve` dies, if it is what started this process."""
    parent = os.environ.get(SUPERVISOR, "")
    if parent.isdigit():
        from natsuin.sam.hardening import follow_parent

        follow_parent(int(parent))
