"""What two security officers can decide about openings, which are what entries of the log commit to: disclose some of
them to an auditor or a court, and erase those about a person whose account has ended before their years are over.

The ground stands in the record that both passkeys sign, and the entry commits to it: who was told what, and why, can be
shown later to whoever may know.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from natsuin.errors import Conflict, Malformed, NotFound, TooLarge
from natsuin.key_management.erasing import AT_ONCE, erase_openings
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_creation import ENDED_PERSON
from natsuin.key_management.officer_decisions import Approval
from natsuin.key_management.officer_roles import Duty
from natsuin.key_management.retention import openings_about
from natsuin.key_management.tables import enrolment, log_opening
from natsuin.sam.protocol import OfficerActStep, ProposeOfficerAct
from natsuin.signing_log import disclose

DISCLOSURE_FORMAT: Final = "natsuin-disclosure/v1"
MOST_DISCLOSED: Final = 200
"""Entries in one disclosure that officers decide: a file that travels in one answer."""
_MOST_FIELDS: Final = 50
_TX: Final = re.compile(r"[0-9a-f]{32}")
_FIELD: Final = re.compile(r"[a-z0-9_]{1,60}")


@dataclass(frozen=True)
class DiscloseEntries:
    """A file that opens named fields of named entries, or of all about a person, told to the second officer."""

    duty: ClassVar[Duty] = Duty.OPEN_LOG
    alone: ClassVar[bool] = False
    named: ClassVar[bool] = False
    grounded: ClassVar[bool] = True
    foundation: Foundation
    vkeys: Callable[[], tuple[str, ...]]
    """Of every shard of the log, the newest first."""

    def require_possible(self, connection: sa.Connection, wish: ProposeOfficerAct) -> None:
        """Raise `NotFound` for an entry that commits to nothing or was erased and for a field that none has,
        `TooLarge` for too many."""
        if not wish.fields or len(wish.fields) > _MOST_FIELDS or not all(map(_FIELD.fullmatch, wish.fields)):
            raise Malformed(f"name 1 to {_MOST_FIELDS} fields", hint="Write their names as docs/log.md has them.")
        if bool(wish.entries) == bool(wish.user_id) or not all(map(_TX.fullmatch, wish.entries)):
            raise Malformed("name entries by their tx, or one person", hint="One of the two, and not both.")
        open_fields(connection, self._names(connection, wish), wish.fields)

    def fields(self, wish: ProposeOfficerAct) -> Mapping[str, Any]:
        """Which entries or whose, and which of their fields."""
        return {"user": wish.user_id, "entries": list(wish.entries), "fields": list(wish.fields)}

    def carry_out(self, wish: ProposeOfficerAct, approval: Approval) -> OfficerActStep:
        """Make the file. It is in the answer and nowhere else."""
        foundation = self.foundation
        with foundation.database.write() as connection:
            names = self._names(connection, wish)
            told = open_fields(connection, names, wish.fields)
            approval.spend(foundation, connection)
        private = {
            "ground": wish.note,
            "entries": sorted(names),
            "fields": sorted(wish.fields),
            "act": approval.act["act_id"],
            "officers": approval.officers,
        }
        foundation.journal.record("log-disclosed", public={"count": len(told)}, private=private)
        return OfficerActStep(waiting=False, act=approval.act["kind"], disclosure=disclosure(self.vkeys(), told))

    def _names(self, connection: sa.Connection, wish: ProposeOfficerAct) -> list[str]:
        names = list(dict.fromkeys(wish.entries))
        if wish.user_id:
            names = [each.tx for each in openings_about(connection, wish.user_id)]
        if not names:
            raise NotFound("nothing that the log commits to is about this person", hint="It may have been erased.")
        if len(names) > MOST_DISCLOSED:
            raise TooLarge(
                f"{len(names)} entries are more than the {MOST_DISCLOSED} of one disclosure",
                hint="Name entries, some at a time.",
            )
        return names


@dataclass(frozen=True)
class EraseOpenings:
    """What the log commits to about a person whose account has ended cannot be told any more, by anybody."""

    duty: ClassVar[Duty] = Duty.OPEN_LOG
    alone: ClassVar[bool] = False
    named: ClassVar[bool] = False
    grounded: ClassVar[bool] = True
    foundation: Foundation

    def require_possible(self, connection: sa.Connection, wish: ProposeOfficerAct) -> None:
        """Raise `Conflict` while the account has not ended, `NotFound` where nothing is left."""
        person = self.foundation.find(connection, enrolment, user_id=wish.user_id)
        if person is None:
            raise NotFound("there is no such person", hint="Look the person up again.")
        if person["state"] != ENDED_PERSON:
            raise Conflict("this account has not ended", hint="A registration officer ends it first.")
        if not openings_about(connection, wish.user_id):
            raise NotFound("nothing that the log commits to is about this person", hint="It may have been erased.")

    def fields(self, wish: ProposeOfficerAct) -> Mapping[str, Any]:
        """Whom it is about."""
        return {"user": wish.user_id}

    def carry_out(self, wish: ProposeOfficerAct, approval: Approval) -> OfficerActStep:
        """Erase, some hundred at a time; what a crash leaves is erased at the next start, as far as the log says it."""
        foundation = self.foundation
        with foundation.database.write() as connection:
            self.require_possible(connection, wish)
            names = [each.tx for each in openings_about(connection, wish.user_id)]
            approval.spend(foundation, connection)
        private = _private(wish, approval)
        for start in range(0, len(names), AT_ONCE):
            erase_openings(foundation, names[start : start + AT_ONCE], ground="officers", private=private)
        return OfficerActStep(waiting=False, act=approval.act["kind"])


def _private(wish: ProposeOfficerAct, approval: Approval) -> dict[str, Any]:
    """What the entry of an erasure commits to. Not the person: that would itself be kept for years."""
    return {"note": wish.note, "act": approval.act["act_id"], "officers": approval.officers}


def open_fields(connection: sa.Connection, names: Sequence[str], fields: Collection[str]) -> list[dict[str, Any]]:
    """The openings of these entries, by their `tx`, with `fields` disclosed and of the others the hashes.

    Raises `NotFound` for an entry that commits to nothing or was erased, and for a field that none of them has.
    """
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


def disclosure(vkeys: Sequence[str], told: list[dict[str, Any]]) -> bytes:
    """The file that holds these openings, JSON, with the verifier keys of the log's shards, the newest first."""
    document = {
        "format": DISCLOSURE_FORMAT,
        "log_vkey": vkeys[0],
        "earlier_log_vkeys": list(vkeys[1:]),
        "openings": told,
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
