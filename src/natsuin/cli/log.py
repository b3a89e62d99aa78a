"""`natsuin log`: what anybody can do with a signing log's public files."""

from pathlib import Path

import click

from natsuin.cli.arguments import verifier_key


@click.group()
def log() -> None:
    """Look at a signing log (署名生成ログ)."""


@log.command()
@click.argument("location", metavar="PATH-OR-URL")
@click.option("--vkey", required=True, help="The log's verifier key, or a file that holds it.")
@click.option(
    "--since",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An older checkpoint that the log must still contain.",
)
@click.pass_context
def verify(context: click.Context, location: str, vkey: str, since: Path | None) -> None:
    """Check every entry and every hash of a log against its signed checkpoint.

    Exit status: 0 the log is valid, 1 it is not, 2 that cannot be told.
    """
    from rich.console import Console
    from rich.progress import Progress

    from natsuin.errors import NatsuinError, Refused
    from natsuin.signing_log import BadKey, open_checkpoint, parse_verifier_key, verify_log

    output, messages = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        vkey = verifier_key(vkey)
        key = parse_verifier_key(vkey)
        older = None if since is None else since.read_text("utf-8")
        if older is not None:
            open_checkpoint(older, key)
    except (NatsuinError, OSError, ValueError) as error:
        messages.print(f"cannot tell: the verifier key or the older checkpoint is unusable: {error}", markup=False)
        context.exit(2)
    try:
        with Progress(console=messages, transient=True) as bar:
            task = bar.add_task("Checking entries", total=None)
            report = verify_log(
                location,
                vkey,
                since=older,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    except (Refused, NatsuinError) as error:
        refused = isinstance(error, Refused) and not isinstance(error, BadKey)
        messages.print(f"{'NOT VALID' if refused else 'cannot tell'}: {error.message}", markup=False)
        if error.hint:
            messages.print(error.hint, markup=False)
        context.exit(1 if refused else 2)
    output.print(
        f"valid: {report.origin}\n{_counted(report.entries, 'entry', 'entries')} in "
        f"{_counted(report.bundles, 'bundle', 'bundles')}, {_counted(report.tiles, 'tile', 'tiles')}\n"
        f"root {report.root.hex()}",
        markup=False,
        soft_wrap=True,
    )


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
