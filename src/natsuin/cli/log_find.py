"""`natsuin log find`: entries of a log by what they say in the open, and for those who were given the openings by what
they commit to."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_reading import FILE, of_a_log, read_text, verdicts

if TYPE_CHECKING:
    from natsuin.signing_log import Disclosed

_YEAR_10000 = 253_402_300_800_000
TIME = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"])


@dataclass
class Openings:
    """What some commitments stand for, by the commitment as it is written in entries."""

    given: dict[str, "Disclosed"] = field(default_factory=dict)
    records: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Digests (base64url) of the records that came with them, by the record's SHA-256 (hexadecimal)."""

    def add(self, told: Any) -> None:
        """Take every opening, which is an object with `tx` and `fields`, and every record in `told`: evidence, a
        disclosure or any JSON that holds such objects. Raises `Malformed` or `ValueError` for a broken one."""
        from natsuin.signing_log import Disclosed

        if isinstance(told, list):
            for item in told:
                self.add(item)
        elif isinstance(told, dict):
            record = told.get("record")
            if isinstance(told.get("tx"), str) and isinstance(told.get("fields"), dict):
                disclosed = Disclosed.parse(told)
                earlier = self.given.get(disclosed.commitment)
                # Two disclosures of one entry may open different fields of it.
                self.given[disclosed.commitment] = disclosed if earlier is None else disclosed.with_more(earlier)
                return
            if isinstance(record, str):
                content = json.loads(record)
                digests = content.get("digests") if isinstance(content, dict) else None
                name = hashlib.sha256(record.encode()).hexdigest()
                self.records[name] = tuple(map(str, digests)) if isinstance(digests, list) else ()
            for item in told.values():
                if isinstance(item, dict | list):
                    self.add(item)


@dataclass(frozen=True)
class Wanted:
    """Which entries are looked for; what is None does not matter."""

    key: str | None
    kind: str | None
    tx: str | None
    instruction: str | None
    digest: str | None
    after: int | None
    before: int | None

    def fits(self, entry: dict[str, Any], opened: "Disclosed | None", records: dict[str, tuple[str, ...]]) -> bool:
        """Whether `entry`, with the committed fields that are known of it, is one."""
        moment = entry.get("time")
        if self.after is not None and not (isinstance(moment, int) and moment >= self.after):
            return False
        if self.before is not None and not (isinstance(moment, int) and moment < self.before):
            return False
        for name, value in (("key", self.key), ("type", self.kind)):
            if value is not None and entry.get(name) != value:
                return False
        erased = entry.get("openings")
        # An entry that tells of the erasure of this one's opening belongs to it.
        if self.tx is not None and entry.get("tx") != self.tx and not (isinstance(erased, list) and self.tx in erased):
            return False
        known = {} if opened is None else opened.fields
        if self.instruction is not None and known.get("instruction") != self.instruction:
            return False
        return self.digest is None or self.digest in records.get(str(known.get("record_sha256")), ())


@click.command()
@of_a_log
@click.option("--key", help="Entries about this key id.")
@click.option("--type", "kind", help="Entries of this type, such as outcome.")
@click.option("--tx", help="Entries with this tx, and the one that tells of its opening's erasure.")
@click.option("--after", type=TIME, help="Entries from this time on (UTC).")
@click.option("--before", type=TIME, help="Entries before this time (UTC).")
@click.option("--instruction", help="Entries whose opening names this instruction.")
@click.option("--digest", help="Entries whose opening names a record with this digest (base64url or hexadecimal).")
@click.option("--openings", type=FILE, multiple=True, help="Evidence or disclosures; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def find(context: click.Context, /, location: str, vkey: str, **options: Any) -> None:
    """Search a log. What is committed to (instruction, digest) is found only with the openings.

    Every entry that is shown was led back to the signed checkpoint; entries that are not shown were too.

    Exit status: 0 searched, 1 the log does not hold, 2 that cannot be told.
    """
    from natsuin.signing_log import WholeLog

    if (options["instruction"] or options["digest"]) and not options["openings"]:
        raise click.UsageError("--instruction and --digest need --openings")
    with verdicts(context):
        openings = Openings()
        for path in options["openings"]:
            _read_openings(path, openings)
        wanted = Wanted(
            options["key"],
            options["kind"],
            options["tx"],
            options["instruction"],
            _digest(options["digest"]),
            milliseconds_of(options["after"]),
            milliseconds_of(options["before"]),
        )
        with WholeLog.open(location, verifier_key(vkey)) as log:
            count = 0
            for place, entry, opened in _matches(log.entries(), wanted, openings):
                count += 1
                shard, index = log.locate(place)
                click.echo(_line(index, entry, opened, shard=shard.name, as_json=options["as_json"]))
            click.echo(f"{count} of {log.size} entries", err=True)
            if not count and wanted.kind is not None:
                _tell_types(wanted.kind)


def _tell_types(kind: str) -> None:
    """That no type is called so, unless one is: another version's log may have others, so that is no error."""
    from natsuin.monitor import CATALOGUE

    if kind not in CATALOGUE:
        click.echo(f"This version knows no entries of type {kind!a}. It knows: {', '.join(CATALOGUE)}.", err=True)


def _matches(
    entries: Iterator[tuple[int, bytes]], wanted: Wanted, openings: Openings
) -> Iterator[tuple[int, dict[str, Any], "Disclosed | None"]]:
    for index, leaf in entries:
        try:
            entry = json.loads(leaf)
        except (ValueError, RecursionError):
            # Nothing obliges another log to hold JSON.
            continue
        if isinstance(entry, dict):
            opened = openings.given.get(str(entry.get("commitment")))
            if opened is not None and opened.tx != entry.get("tx"):
                opened = None
            if wanted.fits(entry, opened, openings.records):
                yield index, entry, opened


def _read_openings(path: Path, openings: Openings) -> None:
    from natsuin.errors import Malformed

    try:
        openings.add(json.loads(read_text(path)))
    except (RecursionError, Malformed) as error:
        raise ValueError(f"{path.name} holds no openings that can be read") from error


def _digest(value: str | None) -> str | None:
    """In the form that records have; raises `ValueError` for what is neither form."""
    from natsuin import base64url

    if value is None or len(value) not in (64, 96, 128):
        return value
    return base64url.encode(bytes.fromhex(value))


def milliseconds_of(moment: datetime | None) -> int | None:
    """As times stand in entries; without a zone it is UTC."""
    if moment is None:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _line(index: int, entry: dict[str, Any], disclosed: "Disclosed | None", *, shard: str, as_json: bool) -> str:
    opened = {} if disclosed is None else {"opened": disclosed.fields, "withheld": disclosed.withheld}
    if as_json:
        told = {"index": index, "entry": entry, **opened} | ({"shard": shard} if shard else {})
        # ASCII here as well: terminals obey more than JSON escapes, and not every text can be printed.
        return json.dumps(told, sort_keys=True)
    moment = entry.get("time")
    when = "?"
    if isinstance(moment, int) and 0 <= moment < _YEAR_10000:
        when = datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    rest = {name: value for name, value in entry.items() if name not in ("type", "time", "v", "commitment")}
    told = rest | opened
    # ASCII only, so that no entry of a hostile log can play with the terminal.
    place = f"{shard}:{index}" if shard else str(index)
    return f"{place}  {when}  {ascii(entry.get('type')).strip(chr(39))}  {json.dumps(told, sort_keys=True)}"
