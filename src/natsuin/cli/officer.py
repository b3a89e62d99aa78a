"""`natsuin officer`: acts on officers that need access to the host, because nobody may do them over the network."""

from pathlib import Path

import click

from natsuin.cli.supervised import config_option


@click.group()
def officer() -> None:
    """Invite officers and auditors."""


@officer.command()
@config_option
@click.option("--name", required=True, help="The officer's name, as others will see it.")
@click.option(
    "--role",
    "roles",
    type=click.Choice(["registration-officer", "security-officer", "system-administrator", "auditor"]),
    multiple=True,
    default=["registration-officer", "security-officer"],
    show_default=True,
    help="May be given again. An auditor has no other role, a security officer is no system administrator.",
)
@click.option("--namesake", is_flag=True, help="Another person of that name is here already.")
def invite(file: Path, name: str, roles: tuple[str, ...], namesake: bool) -> None:
    """Print a one-time link for a new officer or auditor. sam must be stopped, since it alone writes the log."""
    from natsuin.cli.supervised import act_as_sam
    from natsuin.config import load
    from natsuin.sam.process import invite_officer

    config = load(file)
    act_as_sam(config)
    token = invite_officer(config, name, roles=roles, namesake=namesake)
    click.echo("This link works once, for seven days, and is not kept anywhere:\n")
    click.echo(f"    {config.service.origin}/officer/enrol#{token}")
