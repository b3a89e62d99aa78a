"""Taking approved digests for one use, so that no digest is ever taken twice, and keeping the answer for whoever asks
again.

A request must name the next digests of the approved list, in its order. The identical request again gets the recorded
answer. All checks of a group happen inside one write transaction; on PostgreSQL the instruction rows are locked as they
are read.
"""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.algorithms import SignatureScheme, facts_of
from natsuin.errors import AlreadyUsed, Busy, Conflict, NatsuinError, NotFound, Refused
from natsuin.key_management import Foundation, Opening, Stops, StoredKey, log_opening, new_opening, signing_key
from natsuin.sam.protocol import Sign, Signed
from natsuin.signing.activation import require_state, sad_hash
from natsuin.signing.instructing import APPROVED, content_missing, require_valid_certificate
from natsuin.signing.parked import hashed
from natsuin.signing.schemes import require_salt, scheme_of
from natsuin.signing.tables import RELEASED, RESERVED, instruction, instruction_content, use
from natsuin.storage import Prepared

_RECORD_TRIES = 3


class NotApproved(Refused):
    """The digests are not the next ones of those that the signer approved."""

    code = "not_approved"


@dataclass(frozen=True)
class Reserved:
    """What one request may now do: rows as they stand in DB-2 (instruction as it was before this use)."""

    use: dict[str, Any]
    instruction: dict[str, Any]
    record: bytes
    """What was approved."""
    key: StoredKey
    opening: Opening


@dataclass(frozen=True)
class RefusedUse:
    """Why a request gets no signature. `opening` belongs to the entry that says so; None where nobody's key was
    meant."""

    error: NatsuinError
    opening: Opening | None


@dataclass(frozen=True)
class Reservations:
    """Reserves and records uses. Safe from several threads and processes; durable on return."""

    foundation: Foundation
    stops: Stops

    def reserve(self, messages: Sequence[Sign]) -> list[Reserved | Signed | RefusedUse]:
        """For each message, in order: a reservation, the answer recorded earlier, or why not.

        Raises `Busy`, and then nothing is reserved; `Unavailable` or `StorageFailed`, and then a reservation may have
        become durable all the same, which the next start closes.
        """
        return self.foundation.database.run_grouped(lambda connection: self._reserve(connection, messages))

    def record(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what became of reserved uses."""
        if not rows:
            return
        sealed = [
            {f"new_{name}": value for name, value in self.foundation.sealer.sealed(use, row).items()} for row in rows
        ]
        for left in reversed(range(_RECORD_TRIES)):
            try:
                self.foundation.database.run_grouped(lambda connection: _RECORD.run(connection, sealed))
            except Busy:
                # Somebody holds the database, such as a backup. Recording twice changes nothing, so it is tried again.
                if not left:
                    raise
            else:
                return

    def check_again(self, instruction_id: str, key_id: str, scheme: SignatureScheme) -> None:
        """Raise what stands against signing now by `scheme` under an approval whose digests were taken before: it is
        over or was cancelled, or the key or its certificate is not good any more."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            row = foundation.find(connection, instruction, instruction_id=instruction_id)
            key_row = foundation.find(connection, signing_key, key_id=key_id)
        if row is None or key_row is None:
            raise NotFound("the key of this approval does not exist any more")
        require_state(row, APPROVED, foundation.now())
        self.stops.require_going(row["user_id"])
        key = StoredKey(key_row)
        key.require_active()
        foundation.policy.require_signing(key.algorithm, scheme, foundation.clock.now())
        require_valid_certificate(key, foundation)

    def _reserve(self, connection: sa.Connection, messages: Sequence[Sign]) -> list[Reserved | Signed | RefusedUse]:
        found = self._find(connection, messages)
        results: list[Reserved | Signed | RefusedUse] = []
        for message in messages:
            try:
                results.append(self._reserve_one(connection, message, found))
            except NatsuinError as error:
                results.append(RefusedUse(error, self._opening_of_refusal(message, error)))
        self._write(connection, [result for result in results if isinstance(result, Reserved)], found)
        openings = [result.opening for result in results if not isinstance(result, Signed) and result.opening]
        _ADD_OPENING.run(connection, [opening.row for opening in openings])
        return results

    def _find(self, connection: sa.Connection, messages: Sequence[Sign]) -> "_Found":
        rows = _rows_with(
            connection, instruction.c.sad_hash, {sad_hash(message.sad) for message in messages}, lock=True
        )
        contents = _rows_with(connection, instruction_content.c.instruction_id, {row["instruction_id"] for row in rows})
        keys = _rows_with(connection, signing_key.c.key_id, {row["key_id"] for row in rows})
        return _Found(
            {row["sad_hash"]: row for row in rows},
            {row["instruction_id"]: row for row in contents},
            {row["key_id"]: row for row in keys},
        )

    def _reserve_one(self, connection: sa.Connection, message: Sign, found: "_Found") -> Reserved | Signed:
        row = found.instructions.get(sad_hash(message.sad))
        if row is None:
            raise NotFound("the signature activation data is not known", hint="Approve the document again.")
        content = found.contents.get(row["instruction_id"])
        if content is None:
            raise content_missing()
        if row["instruction_id"] not in found.changed:
            # A row that this group changes was checked by the first who changed it, and is sealed when it is written.
            self.foundation.sealer.check(instruction, row)
            self.foundation.sealer.check(instruction_content, content)
        request_hash = hashed(message)
        if (row["instruction_id"], request_hash) in found.taken:
            raise being_signed()
        earlier = self._earlier(connection, row, _places_used(row, content["digests"], message), request_hash)
        if earlier is not None:
            return earlier
        require_state(row, APPROVED, self.foundation.now())
        self.stops.require_going(row["user_id"])
        _require_next(row, content["digests"], message)
        key = self._usable_key(row, message, found)
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
        private = _private(row, content["record"], fresh)
        opening = new_opening(private, key_id=row["key_id"], made_at=self.foundation.now())
        fresh["tx"] = opening.tx
        row["used"] += len(message.dtbs)
        if row["used"] == row["count"]:
            # Nothing is left to sign, so nothing shall be left to open.
            row["sealed_signer_key"] = b""
        found.taken.add((row["instruction_id"], request_hash))
        found.changed.add(row["instruction_id"])
        return Reserved(fresh, before, content["record"], key, opening)

    def _opening_of_refusal(self, message: Sign, error: NatsuinError) -> Opening | None:
        # A SAD that nobody was given, and a retry that comes too early, are no refusal of anybody's approval; entries
        # for them would let anybody grow the log.
        if isinstance(error, NotFound) or not isinstance(error, Refused):
            return None
        return new_opening(_private_of_refusal(message), key_id="", made_at=self.foundation.now())

    def _usable_key(self, row: dict[str, Any], message: Sign, found: "_Found") -> StoredKey:
        key_row = found.keys.get(row["key_id"])
        if key_row is not None:
            self.foundation.sealer.check(signing_key, key_row)
        if key_row is None or key_row["user_id"] != row["user_id"]:
            raise NotFound("the key of this approval does not exist any more")
        key = StoredKey(key_row)
        key.require_active()
        scheme = scheme_of(row, message)
        require_salt(key.algorithm, scheme, message.salt_bytes)
        self.foundation.policy.require_signing(key.algorithm, scheme, self.foundation.clock.now())
        require_valid_certificate(key, self.foundation)
        return key

    def _earlier(
        self, connection: sa.Connection, row: dict[str, Any], places: list[int], request_hash: bytes
    ) -> Signed | None:
        if not places:
            # Nothing that was taken before has these digests, which is the ordinary case and needs no query.
            return None
        query = {"row": row["instruction_id"], "places": places, "hash": request_hash}
        stored = connection.execute(_FIND_USE, query).mappings().one_or_none()
        if stored is None:
            return None
        earlier = self.foundation.checked(use, stored)
        if earlier["state"] == RELEASED:
            signatures = msgspec.msgpack.decode(earlier["signatures"], type=tuple[bytes, ...])
            return Signed(signatures=signatures, receipt=earlier["receipt"])
        if earlier["state"] == RESERVED:
            raise being_signed()
        raise Conflict(
            "signing these digests was interrupted and nothing was released", hint="Approve the document again."
        )

    def _write(self, connection: sa.Connection, reserved: list[Reserved], found: "_Found") -> None:
        if not reserved:
            return
        _TAKE.run(
            connection,
            [
                {
                    "row": row["instruction_id"],
                    "now_used": row["used"],
                    "now_key": row["sealed_signer_key"],
                    "now_seal": self.foundation.sealer.seal(instruction, row),
                }
                for row in found.instructions.values()
                if row["instruction_id"] in found.changed
            ],
        )
        _ADD_USE.run(connection, [self.foundation.sealer.sealed(use, item.use) for item in reserved])


@dataclass(frozen=True)
class _Found:
    """The rows that a group of requests is about, and what the group has taken so far."""

    instructions: dict[bytes, dict[str, Any]]
    """By the hash of their SAD; `used` and `sealed_signer_key` go along with what is taken."""
    contents: dict[str, dict[str, Any]]
    keys: dict[str, dict[str, Any]]
    taken: set[tuple[str, bytes]] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)


def _rows_with(
    connection: sa.Connection, column: "sa.Column[Any]", wanted: Collection[Any], *, lock: bool = False
) -> list[dict[str, Any]]:
    """The rows whose `column` is one of `wanted`."""
    if not wanted:
        return []
    values = {f"wanted_{number}": value for number, value in enumerate(wanted)}
    return _finder(column, len(values), lock).rows(connection, values)


@lru_cache(maxsize=256)
def _finder(column: "sa.Column[Any]", count: int, lock: bool) -> Prepared:
    places: list[sa.BindParameter[Any]] = [sa.bindparam(f"wanted_{number}") for number in range(count)]
    query = sa.select(column.table).where(column.in_(places))
    return Prepared(query.with_for_update() if lock else query)


_FIND_USE = sa.select(use).where(
    use.c.instruction_id == sa.bindparam("row"),
    use.c.first.in_(sa.bindparam("places", expanding=True)),
    use.c.request_hash == sa.bindparam("hash"),
)
_TAKE = Prepared(
    instruction.update()
    .where(instruction.c.instruction_id == sa.bindparam("row"))
    .values(used=sa.bindparam("now_used"), sealed_signer_key=sa.bindparam("now_key"), seal=sa.bindparam("now_seal"))
)
_ADD_USE, _ADD_OPENING = Prepared(use.insert()), Prepared(log_opening.insert())
_RECORD = Prepared(
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


def _private_of_refusal(message: Sign) -> dict[str, Any]:
    return {"sad_hash": sad_hash(message.sad).hex()}


def being_signed() -> Busy:
    """What somebody is told who asks for what is on its way."""
    return Busy("these digests are being signed at this moment", hint="Ask again with the same request.")


def _approved_digests(row: dict[str, Any], message: Sign) -> tuple[bytes, ...]:
    """What the signer would have approved for `message`: for Ed25519 the hashes of the messages themselves."""
    if facts_of(row["scheme"]).prehashed:
        return message.dtbs
    return tuple(hashlib.sha512(dtbs).digest() for dtbs in message.dtbs)


def _places_used(row: dict[str, Any], digests: bytes, message: Sign) -> list[int]:
    """Positions in the approved list, among those taken before, where the digests of `message` stand."""
    size = facts_of(row["scheme"]).digest_bytes
    wanted, end = b"".join(_approved_digests(row, message)), row["used"] * size
    places = []
    at = digests.find(wanted, 0, end) if wanted else -1
    while at >= 0:
        if at % size == 0:
            places.append(at // size)
        at = digests.find(wanted, at + 1, end)
    return places


def _require_next(row: dict[str, Any], digests: bytes, message: Sign) -> None:
    facts = facts_of(row["scheme"])
    first, count = row["used"], len(message.dtbs)
    if count < 1:
        raise NotApproved("the request names no digest")
    if first >= row["count"]:
        raise AlreadyUsed("everything that was approved is signed", hint="A new signature needs a new approval.")
    given = _approved_digests(row, message)
    size = facts.digest_bytes
    approved = digests[first * size : (first + count) * size]
    if any(len(digest) != size for digest in given) or not hmac.compare_digest(b"".join(given), approved):
        raise NotApproved(
            "these are not the next digests that the signer approved",
            hint="Send the approved digests, unchanged and in the approved order; or ask for a new approval.",
        )


def _private(row: dict[str, Any], record: bytes, fresh: dict[str, Any]) -> dict[str, Any]:
    return {
        "instruction": row["instruction_id"],
        "user": row["user_id"],
        "client": row["client"],
        "record_sha256": hashlib.sha256(record).hexdigest(),
        "first": fresh["first"],
        "count": fresh["count"],
    }
