"""`natsuin log disclose` and `natsuin log erase`: what the host's custodian does with what entries commit to."""

import os
from pathlib import Path

import click

from natsuin.cli.supervised import config_option


@click.command()
@config_option
@click.option("--tx", "names", multiple=True, required=True, help="The tx of an entry; may be repeated.")
@click.option("--field", "fields", multiple=True, required=True, help="Open this field; may be repeated.")
@click.option("--ground", required=True, help="For whom and why. The log commits to it.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A new file.")
def disclose(file: Path, names: tuple[str, ...], fields: tuple[str, ...], ground: str, out: Path) -> None:
    """Open single fields of entries for an auditor or a court, and no others. sam must be stopped. The log tells of it.

    Whoever gets the file checks it against the public log: natsuin log find LOG --vkey KEY --openings FILE
    """
    from natsuin.cli.supervised import act_as_sam
    from natsuin.config import load
    from natsuin.plain_text import plain_text
    from natsuin.sam.openings import disclose_openings

    config = load(file)
    ground = plain_text(ground, "the ground", required=True)
    act_as_sam(config)
    try:
        # Made first, so that nothing is logged as disclosed that could then not be written.
        stream = os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
    except OSError as error:
        raise click.UsageError(f"{out} cannot be made: {error.strerror}") from error
    with stream:
        try:
            stream.write(disclose_openings(config, list(dict.fromkeys(names)), set(fields), ground=ground))
        except BaseException:
            out.unlink()
            raise
    click.echo(f"Written: {out}")


@click.command()
@config_option
@click.option("--user", required=True, help="The person's id.")
@click.pass_context
def erase(context: click.Context, file: Path, user: str) -> None:
    """See that nothing can be told any more of what the log commits to about a person. sam must be stopped.

    What is due is erased without asking, too; so this answers somebody who asks. Exit status 0: all of it is erased, 1:
    it is not due, and the day is said.
    """
    from natsuin.cli.supervised import act_as_sam
    from natsuin.config import load
    from natsuin.key_management import StillKept
    from natsuin.sam.openings import erase_person

    config = load(file)
    act_as_sam(config)
    try:
        erase_person(config, user)
    except StillKept as error:
        click.echo(f"refused: {error.message}\n  {error.hint}", err=True)
        context.exit(1)
    click.echo("Nothing is left of what the log commits to about this person.")
