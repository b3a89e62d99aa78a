"""`natsuin log rotate`: the log's operator closes the shard that is written and goes on in a new one."""

from pathlib import Path

import click

from natsuin.cli.supervised import config_option


@click.command()
@config_option
@click.option("--name", required=True, help="What the new shard is called: the year it begins, such as 2027.")
@click.option("--announce", is_flag=True, help="Only tell the new shard's origin and key, for witnesses.")
def rotate(file: Path, name: str, announce: bool) -> None:
    """Close the log's shard and begin the next one, with an origin and a key of its own.

    sam must be stopped. After an interruption the same command goes on. See docs/log-rotation.md.
    """
    from natsuin.cli.supervised import act_as_sam
    from natsuin.config import load
    from natsuin.sam import rotation

    config = load(file)
    act_as_sam(config)
    if announce:
        coming = rotation.announce(config, name)
        click.echo(f"origin {coming.origin}\nvkey   {coming.vkey}")
        return
    made = rotation.rotate_log(config, name)
    click.echo(f"Closed with {made.size} entries: {made.closed}\nWritten now: {made.newest.origin}")
    if config.log.witnesses:
        by = ", ".join(made.cosigned) or "nobody: no witness answered"
        click.echo(f"The end of the closed shard is cosigned by {by}")
    click.echo(f"Verifier key of the new shard:\n{made.newest.vkey}")
    _hand_out(file.parent / "log.vkey", made.newest.vkey)


def _hand_out(file: Path, vkey: str) -> None:
    """Put the new key where `natsuin init` put the first; who runs as sam may not, and then the operator does."""
    try:
        file.write_text(f"{vkey}\n")
    except OSError as error:
        click.echo(f"{file} could not be written ({error.strerror}): put the key there yourself.", err=True)
    else:
        click.echo(f"Give {file} to those who check signatures; the former keys stay good for the former shards.")
