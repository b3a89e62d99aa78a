"""`natsuin keys`: everybody's keys, for those who run the host."""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natsuin.cli.supervised import config_option

if TYPE_CHECKING:
    from natsuin.config import Config
    from natsuin.sam.protocol import KeyInformation, OutsideRevocation

_PAGE = 500


@click.group()
def keys() -> None:
    """Look at the signers' keys."""


@keys.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each key and line.")
@click.option(
    "--ending",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Only keys that still live and whose certificate or algorithm ends within so many days.",
)
def list_keys(file: Path, as_json: bool, ending: int | None) -> None:
    """List all keys: state, vault, origin, algorithm, owner's id, end of the certificate, last use and warnings.

    It asks sam, which must run. Times are UTC. Nothing secret is shown.
    """
    from natsuin.cli.supervised import take_place
    from natsuin.clock import SystemClock
    from natsuin.config import load

    config = load(file)
    # The socket is there for web's user.
    take_place("web", config)
    now = SystemClock().now()
    rows = [_row(key, now) for key in asyncio.run(_all(config))]
    if ending is not None:
        rows = [row for row in rows if _ends_by(row, now + timedelta(days=ending))]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    for line in _table(rows):
        click.echo(line)


@keys.command()
@config_option
@click.option("--all", "everything", is_flag=True, help="Also those that the authority knows of.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each certificate and line.")
def revocations(file: Path, everything: bool, as_json: bool) -> None:
    """List revoked certificates of outside authorities that these are still to be told of.

    It asks sam, which must run. Times are UTC.
    """
    from natsuin.cli.supervised import take_place
    from natsuin.config import load

    config = load(file)
    take_place("web", config)
    rows = [_owed(one) for one in asyncio.run(_revocations(config, untold=not everything))]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        click.echo("Nothing is owed." if not everything else "Nothing was revoked.")
    for row in rows:
        told = f"told {row['told']} by {row['told_by']}" if row["told"] else "NOT TOLD"
        click.echo(f"{row['serial']}  {row['revoked']}  {row['reason']}  {told}\n    {row['issuer']}")


async def _revocations(config: "Config", *, untold: bool) -> "list[OutsideRevocation]":
    from natsuin.errors import Unavailable
    from natsuin.sam.client import SamClient
    from natsuin.sam.protocol import ListOutsideRevocations, OutsideRevocations
    from natsuin.sam.transport import TLSFiles

    client = SamClient(config.sam.address, TLSFiles.of(config.sam.client_tls))
    found: list[OutsideRevocation] = []
    try:
        while True:
            after = found[-1].serial if found else ""
            answer = await client.call(ListOutsideRevocations(after=after, limit=_PAGE, untold=untold))
            if not isinstance(answer, OutsideRevocations):
                raise Unavailable("sam answered something else than was asked", hint="Do both run the same version?")
            found += answer.revocations
            if len(answer.revocations) < _PAGE:
                return found
    finally:
        await client.close()


def _owed(one: "OutsideRevocation") -> dict[str, Any]:
    return {
        "serial": one.serial,
        "key_id": one.key_id,
        "issuer": one.issuer,
        "certificate_sha256": one.certificate_sha256,
        "reason": one.reason,
        "revoked": _moment(one.revoked_at),
        "told": _moment(one.told_at),
        "told_by": one.told_by or None,
    }


async def _all(config: "Config") -> "list[KeyInformation]":
    from natsuin.errors import Unavailable
    from natsuin.sam.client import SamClient
    from natsuin.sam.protocol import Keys, ListAllKeys
    from natsuin.sam.transport import TLSFiles

    client = SamClient(config.sam.address, TLSFiles.of(config.sam.client_tls))
    found: list[KeyInformation] = []
    try:
        while True:
            after = found[-1].key_id if found else ""
            answer = await client.call(ListAllKeys(after=after, limit=_PAGE))
            if not isinstance(answer, Keys):
                raise Unavailable("sam answered something else than was asked", hint="Do both run the same version?")
            found += answer.keys
            if len(answer.keys) < _PAGE:
                return found
    finally:
        await client.close()


def _row(key: "KeyInformation", now: datetime) -> dict[str, Any]:
    from natsuin.sam.key_warnings import certificate_end, warnings_of

    return {
        "key_id": key.key_id,
        "user_id": key.user_id,
        "state": key.state,
        "backend": key.backend,
        "algorithm": key.algorithm,
        "one_time": key.one_time,
        "origin": key.origin,
        "created": _moment(key.created_at),
        "certificate_end": _moment(certificate_end(key)),
        "algorithm_last_day": key.algorithm_last_day or None,
        "last_used": _moment(key.last_used_at),
        "warnings": [warning.kind for warning in warnings_of(key, now)],
    }


def _moment(milliseconds: int) -> str | None:
    """As ISO 8601 in UTC; None for what was not yet."""
    if not milliseconds:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ends_by(row: dict[str, Any], limit: datetime) -> bool:
    if row["state"] in {"revoked", "destroyed"} or row["one_time"]:
        return False
    end, day = row["certificate_end"], row["algorithm_last_day"]
    return (end is not None and end <= limit.strftime("%Y-%m-%dT%H:%M:%SZ")) or (
        day is not None and day <= limit.strftime("%Y-%m-%d")
    )


def _table(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Columns as wide as they must be; every line can be cut with standard tools, for nothing in a cell has blanks."""
    head = ("KEY", "OWNER", "STATE", "VAULT", "ORIGIN", "ALGORITHM", "CERTIFICATE-END", "LAST-USED", "WARNINGS")
    names = ("key_id", "user_id", "state", "backend", "origin", "algorithm", "certificate_end", "last_used")
    lines = [head, *((*(row[name] or "-" for name in names), ",".join(row["warnings"]) or "-") for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
