"""`natsuin log copy`: a copy of a log's public files, for whoever checks without asking the service again."""

from functools import partial
from pathlib import Path

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_reading import of_a_log, verdicts
from natsuin.cli.progress import progress_bars


@click.command("copy")
@of_a_log
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), required=True, help="The copy; there must be nothing yet."
)
@click.pass_context
def copy(context: click.Context, /, location: str, vkey: str, folder: Path) -> None:
    """Copy a log's public files as they are now, with all its shards, and verify the copy whole.

    Exit status: 0 copied, 1 the log does not hold, 2 that cannot be told.
    """
    from natsuin.signing_log import copy_shards

    if folder.exists():
        raise click.BadParameter(f"{folder} is there already; name a folder that is not.", param_hint="--to")
    with verdicts(context):
        with progress_bars() as show:
            report = copy_shards(location, folder, verifier_key(vkey), progress=partial(show, "Copying files"))
        click.echo(f"Copied and verified: {sum(shard.entries for shard in report.shards)} entries in {folder}")
