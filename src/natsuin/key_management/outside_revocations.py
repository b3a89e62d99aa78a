"""Revoked certificates of outside authorities: what is remembered until the authority knows of it.

A row is written in the transaction that revokes the certificate, so none is forgotten. Telling is repeated until it was
taken; an authority knows a message that it has seen by its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from natsuin.errors import Conflict, Malformed, NotFound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.officer_decisions import Approval
from natsuin.key_management.officer_roles import Duty
from natsuin.key_management.tables import outside_revocation
from natsuin.sam.protocol import ListOutsideRevocations, OfficerActStep, OutsideRevocation, ProposeOfficerAct
from natsuin.sam.protocol import OutsideRevocations as OutsideRevocationPage

WEBHOOK: Final = "webhook"
"""Who told it, where that was this service itself."""
_LONGEST_PAGE: Final = 500
_LONGEST_ISSUER: Final = 1000


@dataclass(frozen=True)
class OutsideRevocations:
    """Reads and settles them. Safe from several threads; durable on return."""

    foundation: Foundation

    def owe_in(self, connection: sa.Connection, revoked: dict[str, Any]) -> None:
        """Remember, in the caller's transaction, a row of the table `certificate` that was just revoked."""
        if self.foundation.find(connection, outside_revocation, serial=revoked["serial"]) is not None:
            return
        leaf = x509.load_der_x509_certificate(revoked["der"])
        row = {
            "serial": revoked["serial"],
            "key_id": revoked["key_id"],
            "issuer": leaf.issuer.rfc4514_string()[:_LONGEST_ISSUER],
            "certificate_sha256": leaf.fingerprint(hashes.SHA256()).hex(),
            "reason": revoked["reason"],
            "revoked_at": revoked["revoked_at"],
            "told_at": 0,
            "told_by": "",
        }
        self.foundation.insert(connection, outside_revocation, row)

    def page(self, message: ListOutsideRevocations) -> tuple[OutsideRevocation, ...]:
        """In the order of serial numbers. Raises `Malformed`, `Tampered`."""
        if not 1 <= message.limit <= _LONGEST_PAGE:
            raise Malformed("a page has 1 to 500 revocations")
        query = sa.select(outside_revocation).where(outside_revocation.c.serial > message.after)
        if message.untold:
            query = query.where(outside_revocation.c.told_at == 0)
        query = query.order_by(outside_revocation.c.serial).limit(message.limit)
        with self.foundation.database.read() as connection:
            rows = connection.execute(query).mappings().all()
            return tuple(_information(self.foundation.checked(outside_revocation, row)) for row in rows)

    def answer(self, message: ListOutsideRevocations) -> OutsideRevocationPage:
        """As `page`, as it goes to web."""
        return OutsideRevocationPage(revocations=self.page(message))

    def untold_serials(self) -> tuple[str, ...]:
        """Serial numbers of those that the authority does not know of, the oldest revocation first."""
        query = sa.select(outside_revocation.c.serial).where(outside_revocation.c.told_at == 0)
        query = query.order_by(outside_revocation.c.revoked_at, outside_revocation.c.serial)
        with self.foundation.database.read() as connection:
            return tuple(connection.execute(query).scalars())

    def untold_since(self) -> int:
        """When the oldest of those was revoked, in milliseconds; 0 if there is none."""
        query = sa.select(sa.func.min(outside_revocation.c.revoked_at)).where(outside_revocation.c.told_at == 0)
        with self.foundation.database.read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def untold(self, serial: str) -> OutsideRevocation | None:
        """One that is not told yet, its seal checked, or None. Raises `Tampered`."""
        with self.foundation.database.read() as connection:
            row = self.foundation.find(connection, outside_revocation, serial=serial)
        return None if row is None or row["told_at"] else _information(row)

    def require_untold(self, connection: sa.Connection, serial: str) -> dict[str, Any]:
        """The row. Raises `NotFound`, and `Conflict` if the authority was told already."""
        row = self.foundation.find(connection, outside_revocation, lock=True, serial=serial)
        if row is None:
            raise NotFound("no such certificate of an outside authority was revoked", hint="Look at the list again.")
        if row["told_at"]:
            raise Conflict("the authority was told of this one already", hint="Look at the list again.")
        return row

    def settle_in(self, connection: sa.Connection, serial: str, told_by: str) -> None:
        """Note that the authority knows it now: by `WEBHOOK`, or an officer's id. Its entry is in the log already."""
        row = self.require_untold(connection, serial)
        self.foundation.update(connection, outside_revocation, row, told_at=self.foundation.now(), told_by=told_by)

    def taken(self, one: OutsideRevocation) -> None:
        """The authority's server took it: in the log, then in the row. Told by hand meanwhile, it stays so."""
        private = {"key_id": one.key_id, "serial": one.serial, "issuer": one.issuer}
        self.foundation.journal.record("revocation-told", public={"way": WEBHOOK}, private=private)
        with self.foundation.database.write() as connection:
            row = self.foundation.find(connection, outside_revocation, lock=True, serial=one.serial)
            if row is not None and not row["told_at"]:
                self.settle_in(connection, one.serial, WEBHOOK)


@dataclass(frozen=True)
class RevocationTold:
    """A security officer says that the authority was told by hand, at once and alone."""

    duty: ClassVar[Duty] = Duty.HOLD_KEYS
    alone: ClassVar[bool] = True
    named: ClassVar[bool] = False
    grounded: ClassVar[bool] = False
    foundation: Foundation

    def require_possible(self, connection: sa.Connection, wish: ProposeOfficerAct) -> None:
        """Raise `NotFound`, and `Conflict` where the authority knows it."""
        OutsideRevocations(self.foundation).require_untold(connection, wish.serial)

    def fields(self, wish: ProposeOfficerAct) -> Mapping[str, Any]:
        """Which certificate."""
        return {"serial": wish.serial}

    def carry_out(self, wish: ProposeOfficerAct, approval: Approval) -> OfficerActStep:
        """Note it: in the log, then in the row."""
        foundation, revocations = self.foundation, OutsideRevocations(self.foundation)
        with foundation.database.read() as connection:
            row = revocations.require_untold(connection, wish.serial)
        private = {
            "key_id": row["key_id"],
            "serial": wish.serial,
            "issuer": row["issuer"],
            "act": approval.act["act_id"],
            "officers": approval.officers,
            "note": wish.note,
        }
        foundation.journal.record("revocation-told", public={"way": "hand"}, private=private)
        with foundation.database.write() as connection:
            approval.spend(foundation, connection)
            revocations.settle_in(connection, wish.serial, wish.officer_id)
        return OfficerActStep(waiting=False, act=approval.act["kind"])


def _information(row: dict[str, Any]) -> OutsideRevocation:
    return OutsideRevocation(
        serial=row["serial"],
        key_id=row["key_id"],
        issuer=row["issuer"],
        certificate_sha256=row["certificate_sha256"],
        reason=row["reason"],
        revoked_at=row["revoked_at"],
        told_at=row["told_at"],
        told_by=row["told_by"],
    )
