"""Taking approved digests for one use, so that no digest is ever taken twice, and keeping the answer for whoever asks
again.

A request must name the next digests of the approved list, in its order. The identical request again gets the recorded
answer. All checks of a group happen inside one write transaction; on PostgreSQL the instruction rows are locked as they
are read.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.errors import AlreadyUsed, Busy, Conflict, NatsuinError, NotFound, Refused
from natsuin.key_management import Foundation, Opening, StoredKey, log_opening, new_opening, sha256, signing_key
from natsuin.sam.protocol import Sign, Signed
from natsuin.signing.activation import require_state, sad_hash
from natsuin.signing.instructing import APPROVED, require_valid_certificate
from natsuin.signing.policy import require_usable
from natsuin.signing.tables import instruction, use

RESERVED, CONSUMED, RELEASED = "reserved", "consumed", "released"


class NotApproved(Refused):
    """The digests are not the next ones of those that the signer approved."""

    code = "not_approved"


@dataclass(frozen=True)
class Reserved:
    """What one request may now do: rows as they stand in DB-2 (instruction as it was before this use)."""

    use: dict[str, Any]
    instruction: dict[str, Any]
    key: StoredKey
    opening: Opening


@dataclass(frozen=True)
class Reservations:
    """Reserves and records uses. Safe from several threads and processes; durable on return."""

    foundation: Foundation

    def reserve(self, messages: Sequence[Sign]) -> list[Reserved | Signed | NatsuinError]:
        """For each message, in order: a reservation, the answer recorded earlier, or why not. Raises
        `StorageFailed`."""
        results = self.foundation.database.run_grouped(lambda connection: self._reserve(connection, messages))
        for message, result in zip(messages, results, strict=True):
            if isinstance(result, Refused) and not isinstance(result, NotFound):
                self._log_refusal(message, result)
        return results

    def record(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what became of reserved uses."""
        if not rows:
            return
        sealed = [
            {f"new_{name}": value for name, value in self.foundation.sealer.sealed(use, row).items()} for row in rows
        ]
        self.foundation.database.run_grouped(lambda connection: connection.execute(_RECORD, sealed))

    def _reserve(self, connection: sa.Connection, messages: Sequence[Sign]) -> list[Reserved | Signed | NatsuinError]:
        found = self._find(connection, messages)
        results: list[Reserved | Signed | NatsuinError] = []
        taken: set[tuple[str, bytes]] = set()
        for message in messages:
            try:
                results.append(self._reserve_one(connection, message, found, taken))
            except NatsuinError as error:
                results.append(error)
        self._write(connection, [result for result in results if isinstance(result, Reserved)], found)
        return results

    def _find(self, connection: sa.Connection, messages: Sequence[Sign]) -> dict[bytes, dict[str, Any]]:
        hashes = {sad_hash(message.sad) for message in messages}
        rows = connection.execute(_FIND, {"hashes": list(hashes)}).mappings()
        return {row["sad_hash"]: dict(row) for row in rows}

    def _reserve_one(
        self,
        connection: sa.Connection,
        message: Sign,
        found: dict[bytes, dict[str, Any]],
        taken: set[tuple[str, bytes]],
    ) -> Reserved | Signed:
        row = found.get(sad_hash(message.sad))
        if row is None:
            raise NotFound("the signature activation data is not known", hint="Approve the document again.")
        self.foundation.sealer.check(instruction, row)
        request_hash = hashlib.sha256(msgspec.msgpack.encode(message.dtbs)).digest()
        if (row["instruction_id"], request_hash) in taken:
            raise being_signed()
        if row["used"]:
            earlier = self._earlier(connection, row, request_hash)
            if earlier is not None:
                return earlier
        require_state(row, APPROVED, self.foundation.now())
        _require_next(row, message)
        key = self._usable_key(connection, row)
        before = dict(row)
        fresh = {
            "instruction_id": row["instruction_id"],
            "first": row["used"],
            "count": len(message.dtbs),
            "request_hash": request_hash,
            "state": RESERVED,
            "intent_index": -1,
            "signatures": b"",
            "receipt": "",
        }
        opening = new_opening(_private(row, fresh))
        fresh["tx"] = opening.tx
        row["used"] += len(message.dtbs)
        if row["used"] == row["count"]:
            # Nothing is left to sign, so nothing shall be left to open.
            row["sealed_signer_key"] = b""
        row["seal"] = self.foundation.sealer.seal(instruction, row)
        taken.add((row["instruction_id"], request_hash))
        return Reserved(fresh, before, key, opening)

    def _usable_key(self, connection: sa.Connection, row: dict[str, Any]) -> StoredKey:
        key_row = self.foundation.find(connection, signing_key, key_id=row["key_id"])
        if key_row is None or key_row["user_id"] != row["user_id"]:
            raise NotFound("the key of this approval does not exist any more")
        key = StoredKey(key_row)
        key.require_active()
        require_usable(key.algorithm, self.foundation.clock.now())
        require_valid_certificate(key, self.foundation)
        return key

    def _earlier(self, connection: sa.Connection, row: dict[str, Any], request_hash: bytes) -> Signed | None:
        earlier = self.foundation.find(connection, use, instruction_id=row["instruction_id"], request_hash=request_hash)
        if earlier is None:
            return None
        if earlier["state"] == RELEASED:
            signatures = msgspec.msgpack.decode(earlier["signatures"], type=tuple[bytes, ...])
            return Signed(signatures=signatures, receipt=earlier["receipt"])
        if earlier["state"] == RESERVED:
            raise being_signed()
        raise Conflict(
            "signing these digests was interrupted and nothing was released", hint="Approve the document again."
        )

    def _write(self, connection: sa.Connection, reserved: list[Reserved], found: dict[bytes, dict[str, Any]]) -> None:
        if not reserved:
            return
        changed = {item.instruction["instruction_id"] for item in reserved}
        connection.execute(
            _TAKE,
            [
                {
                    "row": row["instruction_id"],
                    "now_used": row["used"],
                    "now_key": row["sealed_signer_key"],
                    "now_seal": row["seal"],
                }
                for row in found.values()
                if row["instruction_id"] in changed
            ],
        )
        connection.execute(use.insert(), [self.foundation.sealer.sealed(use, item.use) for item in reserved])
        connection.execute(
            log_opening.insert(),
            [{"tx": i.opening.tx, "salt": i.opening.salt, "fields": i.opening.fields} for i in reserved],
        )

    def _log_refusal(self, message: Sign, refusal: Refused) -> None:
        self.foundation.journal.record(
            "signing-refused", public={"reason": refusal.code}, private={"sad_hash": sad_hash(message.sad).hex()}
        )


_FIND = (
    sa.select(instruction).where(instruction.c.sad_hash.in_(sa.bindparam("hashes", expanding=True))).with_for_update()
)
_TAKE = (
    instruction.update()
    .where(instruction.c.instruction_id == sa.bindparam("row"))
    .values(used=sa.bindparam("now_used"), sealed_signer_key=sa.bindparam("now_key"), seal=sa.bindparam("now_seal"))
)
_RECORD = (
    use.update()
    .where(
        use.c.instruction_id == sa.bindparam("new_instruction_id"),
        use.c.first == sa.bindparam("new_first"),
        use.c.state == RESERVED,
    )
    .values(
        state=sa.bindparam("new_state"),
        intent_index=sa.bindparam("new_intent_index"),
        signatures=sa.bindparam("new_signatures"),
        receipt=sa.bindparam("new_receipt"),
        seal=sa.bindparam("new_seal"),
    )
)


def being_signed() -> Busy:
    """What somebody is told who asks for what is on its way."""
    return Busy("these digests are being signed at this moment", hint="Ask again with the same request.")


def _require_next(row: dict[str, Any], message: Sign) -> None:
    facts = FACTS[SignatureScheme(row["scheme"])]
    first, count = row["used"], len(message.dtbs)
    if count < 1:
        raise NotApproved("the request names no digest")
    if first >= row["count"]:
        raise AlreadyUsed("everything that was approved is signed", hint="A new signature needs a new approval.")
    given = message.dtbs if facts.prehashed else tuple(hashlib.sha512(dtbs).digest() for dtbs in message.dtbs)
    size = facts.digest_bytes
    approved = row["digests"][first * size : (first + count) * size]
    if any(len(digest) != size for digest in given) or not hmac.compare_digest(b"".join(given), approved):
        raise NotApproved(
            "these are not the next digests that the signer approved",
            hint="Send the approved digests, unchanged and in the approved order; or ask for a new approval.",
        )


def _private(row: dict[str, Any], fresh: dict[str, Any]) -> dict[str, Any]:
    return {
        "instruction": row["instruction_id"],
        "user": row["user_id"],
        "client": row["client"],
        "record_sha256": sha256(row["record"]).hex(),
        "first": fresh["first"],
        "count": fresh["count"],
    }
