"""What the host's custodian does with openings while sam is stopped: disclose some to an auditor or a court, see that
those about one person are erased. The signing log tells of both."""

import json
from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa

from natsuin.config import Config
from natsuin.errors import NotFound
from natsuin.key_management import Foundation, log_opening
from natsuin.sam.hardening import harden
from natsuin.sam.permissions import check_permissions
from natsuin.sam.process import open_sam
from natsuin.signing_log import disclose

DISCLOSURE_FORMAT: Final = "natsuin-disclosure/v1"


def erase_person(config: Config, user_id: str) -> None:
    """Return if every opening about a person is erased. Needs the host, as `invite_officer` does. Raises
    `StillKept`."""
    harden()
    check_permissions(config)
    sam = open_sam(config)
    try:
        sam.housekeeping.erasing.erase_person(user_id)
    finally:
        sam.close()


def disclose_openings(config: Config, names: Collection[str], fields: Collection[str], *, ground: str) -> bytes:
    """A file, JSON, that opens `fields` of the entries with these `tx`, and no other field.

    The log tells that it was made before it is there; the ground is committed to. Needs the host, as `invite_officer`
    does. Raises `NotFound` for an entry that commits to nothing or was erased, and for a field that none has.
    """
    harden()
    check_permissions(config)
    sam = open_sam(config)
    try:
        foundation = sam.handlers.keys.foundation
        told = _openings(foundation, names, fields)
        private = {"ground": ground, "entries": sorted(names), "fields": sorted(fields)}
        foundation.journal.record("log-disclosed", public={"count": len(told)}, private=private)
        document = {"format": DISCLOSURE_FORMAT, "log_vkey": sam.log.vkey, "openings": told}
        return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
    finally:
        sam.close()


def _openings(foundation: Foundation, names: Collection[str], fields: Collection[str]) -> list[dict[str, Any]]:
    with foundation.database.read() as connection:
        query = sa.select(log_opening).where(log_opening.c.tx.in_(names))
        rows = {row["tx"]: row for row in connection.execute(query).mappings()}
    missing = [tx for tx in names if tx not in rows]
    if missing:
        raise NotFound(
            f"there is no opening of {missing[0]}",
            hint="It was erased, which the log says (natsuin log find --tx), or it was never there.",
        )
    told = [disclose(tx, rows[tx]["salt"], rows[tx]["fields"], fields) for tx in names]
    opened = {name for each in told for name, part in each["fields"].items() if "value" in part}
    unknown = sorted(set(fields) - opened)
    if unknown:
        raise NotFound(f"none of these entries commits to a field {unknown[0]}")
    return told
