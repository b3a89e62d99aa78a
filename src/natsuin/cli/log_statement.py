"""`natsuin log statement`: everything that a log has about one key, in one file for somebody who has not the log."""

from functools import partial
from pathlib import Path

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_reading import of_a_log, verdicts
from natsuin.cli.progress import progress_bars


@click.command()
@of_a_log
@click.option("--key", required=True, help="The key's id, 32 hexadecimal digits.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to write it.")
@click.pass_context
def statement(context: click.Context, /, location: str, vkey: str, key: str, out: Path) -> None:
    """Write the statement of a key, made from a log's public files by reading all of them.

    Its owner gets one from the portal, too, which the log closes with an entry of its own. Check either with `natsuin
    evidence check`.

    Exit status: 0 written, 1 the log does not hold, 2 that cannot be told, or the log does not know the key.
    """
    from natsuin.signing_log import WholeLog, state_from_files

    with verdicts(context):
        with progress_bars() as show, WholeLog.open(location, verifier_key(vkey)) as log:
            told = state_from_files(log, key, progress=partial(show, "Reading entries"))
        out.write_bytes(told)
        click.echo(f"Written: {out}")
