"""`natsuin log statement`: everything that a log has about one key, in one file for somebody who has not the log."""

from pathlib import Path

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_reading import of_a_log, verdicts


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from natsuin.signing_log import WholeLog, state_from_files

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with verdicts(context):
        with (
            Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar,
            WholeLog.open(location, verifier_key(vkey)) as log,
        ):
            task = bar.add_task("Reading entries", total=log.size)
            told = state_from_files(log, key, progress=lambda done, total: bar.update(task, completed=done))
        out.write_bytes(told)
        click.echo(f"Written: {out}")
