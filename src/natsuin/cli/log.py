"""`natsuin log`: what anybody can do with a signing log's public files, without asking the server that wrote them."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_anchor import anchor, anchors
from natsuin.cli.log_evidence import evidence
from natsuin.cli.log_find import find
from natsuin.cli.log_prove import prove
from natsuin.cli.log_reading import FILE, of_a_log, read_text, verdicts
from natsuin.cli.log_statement import statement

if TYPE_CHECKING:
    from natsuin.signing_log import ChainReader, Known, LogMemory, LogReport

_KEPT_EACH_SECONDS = 2.0


@click.group()
def log() -> None:
    """Look at a signing log (署名生成ログ)."""


for _command in (prove, find, evidence, statement, anchor, anchors):
    log.add_command(_command)


@log.command()
@of_a_log
@click.option("--since", type=FILE, help="An older checkpoint that the log must still contain.")
@click.option(
    "--remember",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep in this file what was verified, and next time read only what is new, or go on after an interruption.",
)
@click.option("--full", is_flag=True, help="With --remember: read everything once more all the same.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def verify(context: click.Context, /, location: str, vkey: str, **options: object) -> None:
    """Check every entry and every hash of a log against its signed checkpoint.

    Exit status: 0 the log is valid, 1 it is not, 2 that cannot be told.
    """
    from natsuin.signing_log import LogMemory

    since, remember = options["since"], options["remember"]
    memory = LogMemory(remember) if isinstance(remember, Path) else None
    with verdicts(context):
        known = _known(context, verifier_key(vkey), since if isinstance(since, Path) else None, memory)
        if known is not None and options["full"]:
            known = replace(known, entries=0, heads=None)
        report = _verify(location, verifier_key(vkey), known, memory)
    if options["as_json"]:
        _print_json(report)
    else:
        _print(report)


def _known(context: click.Context, vkey: str, since: Path | None, memory: "LogMemory | None") -> "Known | None":
    """What the files given say of the log. What cannot be used is no verdict on the log: it ends with 2."""
    from natsuin.errors import NatsuinError
    from natsuin.signing_log import Known, open_checkpoint, parse_verifier_key

    if since is not None and memory is not None:
        raise click.UsageError("--since and --remember do not go together: the remembered checkpoint is the older one")
    key = parse_verifier_key(vkey)
    try:
        if memory is not None:
            return memory.recall(key)
        if since is None:
            return None
        older = read_text(since)
        open_checkpoint(older, key)
    except NatsuinError as error:
        click.echo(f"cannot tell: the older checkpoint is unusable: {error.message}", err=True)
        context.exit(2)
    return Known(older)


def _verify(location: str, vkey: str, known: "Known | None", memory: "LogMemory | None") -> "LogReport":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from natsuin.errors import Refused
    from natsuin.signing_log import verify_log

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    following: tuple[str, ChainReader] | None = None
    due = time.monotonic() + _KEPT_EACH_SECONDS
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task("Checking entries", total=None, completed=known.entries if known else 0)

        def begun(note: str, chains: "ChainReader") -> None:
            nonlocal following
            following = note, chains

        def progress(verified: int, total: int) -> None:
            nonlocal due
            bar.update(task, completed=verified, total=total)
            began = time.monotonic()
            if memory is not None and following is not None and began > due:
                memory.keep_part(*following)
                # The more keys there are, the longer it takes to keep their places, and the less often it is done.
                due = time.monotonic() + max(_KEPT_EACH_SECONDS, 20 * (time.monotonic() - began))

        try:
            report = verify_log(location, vkey, since=known, progress=progress, begun=begun)
        except Refused:
            # Going on behind what does not hold would call the same log valid.
            if memory is not None:
                memory.forget_part()
            raise
        except BaseException:
            # What was verified stays verified, whether the network broke off or the user.
            if memory is not None and following is not None:
                memory.keep_part(*following)
            raise
    if memory is not None and following is not None:
        memory.keep(*following)
    return report


def _print(report: "LogReport") -> None:
    known = f" ({report.known} known before and not read again)" if report.known else ""
    click.echo(
        f"valid: {report.origin}\n{_counted(report.entries, 'entry', 'entries')}{known} in "
        f"{_counted(report.bundles, 'bundle', 'bundles')}, {_counted(report.tiles, 'tile', 'tiles')}\n"
        f"root {report.root.hex()}"
    )
    if report.chains_from:
        # A chain that was broken across the place where reading began would not show.
        click.echo(
            f"the chains of keys were followed from entry {report.chains_from} on only; "
            "--full follows them from the first"
        )


def _print_json(report: "LogReport") -> None:
    import json

    told = {
        "valid": True,
        "origin": report.origin,
        "entries": report.entries,
        "known": report.known,
        "chains_from": report.chains_from,
        "root": report.root.hex(),
        "checkpoint": report.checkpoint,
    }
    click.echo(json.dumps(told, ensure_ascii=False, indent=1))


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
