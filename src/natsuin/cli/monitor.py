"""`natsuin monitor`: follow signing logs and raise alarms, from a host of one's own."""

import signal
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.progress import progress_bars

if TYPE_CHECKING:
    from rich.table import Table

    from natsuin.monitor import Monitor, Verdict

_config = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("monitor.toml"),
    show_default=True,
    help="The monitor's settings.",
)
_WORDS: Final = {"holds": "valid", "refused": "NOT VALID", "unreachable": "cannot tell"}


@click.group(invoke_without_command=True)
@_config
@click.option("--once", is_flag=True, help="Visit every log once, tell what was found, and end: for cron.")
@click.pass_context
def monitor(context: click.Context, file: Path, once: bool) -> None:
    """Follow signing logs, check that they stay what they were, and raise alarms.

    It needs the public files of a log and its verifier key, nothing else. Alarms are JSON lines on the standard output,
    webhooks and mails. It works until SIGTERM or Ctrl-C.

    Exit status with --once: 0 all logs hold, 1 one does not, 2 that cannot be told of one.
    """
    if context.invoked_subcommand is not None:
        return
    from natsuin.clock import SystemClock
    from natsuin.logs import configure_logs
    from natsuin.monitor import Monitor, load_settings

    settings = load_settings(file)
    configure_logs()
    watching = Monitor(settings, SystemClock())
    try:
        if once:
            context.exit(_once(watching))
        _run(watching)
    finally:
        watching.close()


@monitor.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where monitor.toml is written; the present folder by default.",
)
@click.option("--log", "location", required=True, help="The log: a folder, or its http(s) address.")
@click.option("--vkey", required=True, help="The log's verifier key, or a file that holds it.")
def init(folder: Path, location: str, vkey: str) -> None:
    """Write settings for one log, with everything else explained in comments."""
    from natsuin.monitor import write_example

    # A folder is named as seen from here, and the settings may lie elsewhere.
    place = location if "://" in location else str(Path(location).absolute())
    write_example(folder / "monitor.toml", location=place, vkey=verifier_key(vkey))
    click.echo(f"wrote {folder / 'monitor.toml'}; now: natsuin monitor --config {folder / 'monitor.toml'} --once")


@monitor.command()
@_config
@click.option("--alarms", type=click.IntRange(0, 10_000), default=20, show_default=True, help="How many to list.")
@click.option("--lang", type=click.Choice(["en", "ja"]), default="en", show_default=True, help="Language of the texts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(file: Path, alarms: int, lang: str, as_json: bool) -> None:
    """Show what the monitor knows: logs, lasting states, the newest alarms, receivers. It may run meanwhile."""
    import json

    from natsuin.monitor import Memory, load_settings, standing_of

    memory = Memory.look(load_settings(file).state)
    try:
        standing = standing_of(memory, alarms=alarms)
    finally:
        memory.close()
    if as_json:
        click.echo(json.dumps(standing, indent=1))
    else:
        _print(standing, lang)


def _once(watching: "Monitor") -> int:
    with progress_bars() as show:
        verdicts = watching.once(lambda name: partial(show, name))
    for name, verdict in verdicts.items():
        click.echo(f"{_WORDS[verdict.value]}: {name}", err=True)
    return _worst(verdicts)


def _worst(verdicts: "dict[str, Verdict]") -> int:
    found = {verdict.value for verdict in verdicts.values()}
    return 1 if "refused" in found else 2 if "unreachable" in found else 0


def _run(watching: "Monitor") -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watching.stop())
    watching.run(lambda port: click.echo(f"metrics at port {port}", err=True))


def _print(standing: dict[str, Any], lang: str) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    # Few columns of several lines each, so that 80 characters are enough.
    console.print(_table("Logs", ("name", "state"), map(_log_cells, standing["logs"])))
    rows = (_alarm_cells(alarm, lang) for alarm in standing["alarms"])
    console.print(_table("Newest alarms", ("found", "alarm", "what"), rows))
    numbers = ("name", "told", "waiting", "given_up", "error")
    console.print(_table("Receivers", numbers, ([row[name] for name in numbers] for row in standing["receivers"])))


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column in ("found", "alarm", "name"))
    for row in rows:
        # As plain text: nothing that a log says is taken for markup.
        table.add_row(*(Text(_shown(cell)) for cell in row))
    return table


def _log_cells(log: dict[str, Any]) -> list[Any]:
    wrong = ", ".join([*log["conditions"], *filter(None, [log["error"]])])
    return [
        log["name"],
        f"{wrong or 'holds'}\n{log['read']} of {log['entries']} entries read\n"
        f"found good {_shown(log['visited'])}\ngrown {_shown(log['grown'])}",
    ]


def _alarm_cells(alarm: dict[str, Any], lang: str) -> list[Any]:
    facts = "".join(f"\n{name} {value}" for name, value in alarm["facts"].items())
    found = alarm["found"][:19].replace("T", "\n")
    count = f"{alarm['count']} before the first reading" if alarm["past"] else f"count {alarm['count']}"
    kind = f"{alarm['severity']}\n{alarm['kind']}"
    where = f"{alarm['log']}, entry {_shown(alarm['entry'])}, {count}"
    return [found, kind, f"{where}\n{alarm['text'][lang]}{facts}"]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "-" if value is None else str(value)
