"""`natsuin log uses`: how often the log says that people's keys were used, by day, to be held against what an HSM
counted itself (docs/hsm.md)."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_find import TIME, milliseconds_of
from natsuin.cli.log_reading import of_a_log, verdicts
from natsuin.cli.progress import progress_bars

_STEP = 256


@dataclass
class Uses:
    """Of one day, UTC: signatures that were released, that the log says may have been made (`unknown`), and that
    failed; keys that were made, each of which signed its certificate request; and keys taken in."""

    day: str
    signed: int = 0
    unknown: int = 0
    failed: int = 0
    keys_made: int = 0
    keys_imported: int = 0

    @property
    def most(self) -> int:
        """Private-key operations that the log accounts for. What failed or is unknown may have been none."""
        return self.signed + self.unknown + self.failed + self.keys_made + self.keys_imported


@click.command()
@of_a_log
@click.option("--backend", help="Only keys that were made in this vault: software or pkcs11.")
@click.option("--after", type=TIME, help="Uses from this time on (UTC).")
@click.option("--before", type=TIME, help="Uses before this time (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def uses(context: click.Context, /, location: str, vkey: str, **options: Any) -> None:
    """Count the uses of people's keys that the log tells of, day by day.

    Compare them with the audit log of the HSM: a use there that is not here was made past this service.

    Exit status: 0 counted, 1 the log does not hold, 2 that cannot be told.
    """
    from natsuin.signing_log import WholeLog

    after, before = milliseconds_of(options["after"]), milliseconds_of(options["before"])
    with verdicts(context):
        with WholeLog.open(location, verifier_key(vkey)) as log, progress_bars() as show:
            counting = Counting(backend=options["backend"], after=after, before=before)
            for place, content in log.entries():
                if place % _STEP == 0:
                    show("Reading the log", place, log.size)
                counting.read(content)
        days = counting.days()
        if options["as_json"]:
            click.echo(json.dumps({"days": [asdict(day) | {"most": day.most} for day in days]}, indent=1))
        else:
            _print(days)


class Counting:
    """Counts over entries in their order. `after` and `before` are milliseconds, UTC.

    A use counts on the day of its outcome; one that has none yet counts as unknown on the day of its intent.
    """

    def __init__(self, *, backend: str | None = None, after: int | None = None, before: int | None = None) -> None:
        self._backend, self._after, self._before = backend, after, before
        self._days: dict[str, Uses] = {}
        self._backends: dict[str, str] = {}
        self._open: dict[str, tuple[int, str, int]] = {}

    def read(self, content: bytes) -> None:
        """Take the next entry. Raises `BadEntry` for one of these types that is not as it must be."""
        from natsuin.signing_log import BadEntry

        try:
            self._read(json.loads(content))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise BadEntry("an entry about a use of a key is not as it must be") from error

    def days(self) -> list[Uses]:
        """What was counted, in order."""
        for moment, key, count in self._open.values():
            self._add("unknown", moment, key, count)
        self._open.clear()
        return [self._days[day] for day in sorted(self._days)]

    def _read(self, entry: dict[str, Any]) -> None:
        kind = entry["type"]
        if kind in ("key-created", "key-imported"):
            self._backends[entry["key"]] = entry["backend"]
            self._add("keys_made" if kind == "key-created" else "keys_imported", entry["time"], entry["key"], 1)
        elif kind == "intent":
            self._open[entry["tx"]] = (entry["time"], entry["key"], entry["count"])
        elif kind == "outcome" and entry["tx"] in self._open:
            _, key, count = self._open.pop(entry["tx"])
            self._add(
                {"signed": "signed", "failed": "failed"}.get(entry["result"], "unknown"), entry["time"], key, count
            )

    def _add(self, what: str, moment: int, key: str, count: int) -> None:
        if type(moment) is not int or type(count) is not int or count < 0:
            raise TypeError
        fits = (self._after is None or moment >= self._after) and (self._before is None or moment < self._before)
        if fits and (self._backend is None or self._backends.get(key) == self._backend):
            day = f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"
            found = self._days.setdefault(day, Uses(day))
            setattr(found, what, getattr(found, what) + count)


def _print(days: list[Uses]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not days:
        click.echo("the log tells of no use of a person's key there")
        return
    table = Table("day (UTC)", "signed", "unknown", "failed", "keys made", "imported", "at most")
    for day in days:
        row = (day.signed, day.unknown, day.failed, day.keys_made, day.keys_imported, day.most)
        table.add_row(day.day, *map(str, row))
    Console(highlight=False, markup=False).print(table)
