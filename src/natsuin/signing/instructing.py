"""署名指示: taking a sign instruction, making its canonical record, and cancelling it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography import x509

from natsuin import base64url
from natsuin.errors import Conflict, Malformed, NotFound, Refused, Tampered
from natsuin.key_management import Foundation, Keys, Record, Stops, StoredKey, make_record
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import MAX_DIGESTS, Cancel, Cancelled, DocumentLabel, Instruct, Instruction
from natsuin.signing.policy import require_digests
from natsuin.signing.tables import instruction, instruction_content

WAITING, APPROVED, CANCELLED = "waiting", "approved", "cancelled"
_LONGEST_LIFE = 3600


class CertificateRefused(Refused):
    """The key's certificate may not sign now."""

    code = "certificate_refused"


@dataclass(frozen=True)
class Instructing:
    """Stores instructions. Safe from several threads; durable on return."""

    foundation: Foundation
    keys: Keys
    stops: Stops

    def instruct(self, message: Instruct) -> Instruction:
        """Check policy, key and certificate; store the record and answer with its challenge."""
        if not 1 <= message.life_seconds <= _LONGEST_LIFE:
            raise Malformed("an approval lives 1 to 3600 seconds", hint="Ask for a shorter life.")
        foundation = self.foundation
        self.stops.require_going(message.user_id)
        with foundation.database.read() as connection:
            key = self.keys.get(connection, message.key_id, message.user_id)
        key.require_active()
        foundation.policy.require_choice(message.scheme, key.algorithm, foundation.clock.now())
        require_digests(message.digests, message.scheme, MAX_DIGESTS)
        require_valid_certificate(key, foundation)
        record = self._record(message, key)
        row = {
            "instruction_id": record.identifier,
            "key_id": key.key_id,
            "user_id": key.user_id,
            "scheme": message.scheme,
            "client": message.client,
            "count": len(message.digests),
            "state": WAITING,
            "created_at": foundation.now(),
            "expires_at": record.expires_at,
            "approval": b"",
            "approved_at": 0,
            "sad_hash": None,
            "sealed_signer_key": b"",
            "used": 0,
            "refusals": 0,
            "last_assertion": b"",
        }
        content = {
            "instruction_id": record.identifier,
            "record": record.content,
            "digests": b"".join(message.digests),
        }
        with foundation.database.write() as connection:
            foundation.insert(connection, instruction, row)
            foundation.insert(connection, instruction_content, content)
        return Instruction(
            instruction_id=record.identifier,
            record=record.content,
            challenge=record.challenge,
            credential_ids=key.credential_ids,
            expires_at=record.expires_at,
        )

    def cancel(self, message: Cancel) -> Cancelled:
        """Stop an instruction: what is not signed yet never will be. Raises `NotFound`, `Conflict` if it was just
        used."""
        foundation = self.foundation
        with foundation.database.write() as connection:
            row = foundation.find(connection, instruction, instruction_id=message.instruction_id)
            if row is None or row["user_id"] != message.user_id:
                raise NotFound("there is no such instruction")
            if not foundation.update(
                connection, instruction, row, state=CANCELLED, sealed_signer_key=b"", sad_hash=row["sad_hash"]
            ):
                raise Conflict("the instruction is in use at this moment", hint="Try again.")
        foundation.journal.record(
            "instruction-cancelled", public={"key": row["key_id"]}, private={"instruction": row["instruction_id"]}
        )
        return Cancelled(unused=row["count"] - row["used"])

    def _record(self, message: Instruct, key: StoredKey) -> Record:
        foundation = self.foundation
        fields: dict[str, Any] = {
            "user": key.user_id,
            "key": key.key_id,
            "certificate_sha256": base64url.encode(hashlib.sha256(key.row["certificate"]).digest()),
            "algorithm": key.algorithm.value,
            "scheme": message.scheme,
            "digests": [base64url.encode(digest) for digest in message.digests],
            "count": len(message.digests),
            "documents": _labels(message.documents, len(message.digests)),
            "client": plain_text(message.client, "the client"),
            "purpose": plain_text(message.purpose, "the purpose"),
        }
        life = timedelta(seconds=message.life_seconds)
        return make_record("sign", foundation.relying_party.rp_id, fields, clock=foundation.clock, life=life)


def record_of(foundation: Foundation, connection: sa.Connection, instruction_id: str) -> bytes:
    """The canonical record that was, or is to be, approved. Raises `Tampered` if it is not as it was stored."""
    content = foundation.find(connection, instruction_content, instruction_id=instruction_id)
    if content is None:
        raise content_missing()
    return bytes(content["record"])


def content_missing() -> Tampered:
    """What is raised for an instruction whose content somebody has removed."""
    return Tampered(
        "the content of an instruction is missing from the database",
        hint="Tell the security officer: somebody wrote to the database of the signature activation module.",
    )


def cancel_approvals(foundation: Foundation) -> Callable[[sa.Connection, str], None]:
    """What cancels, in a transaction, every instruction of a key that is not over: their approvals count no more."""

    def cancel(connection: sa.Connection, key_id: str) -> None:
        query = sa.select(instruction).where(
            instruction.c.key_id == key_id,
            instruction.c.state.in_((WAITING, APPROVED)),
            instruction.c.expires_at >= foundation.now(),
        )
        for row in connection.execute(query.with_for_update()).mappings().all():
            foundation.update(
                connection, instruction, foundation.checked(instruction, row), state=CANCELLED, sealed_signer_key=b""
            )

    return cancel


def cancel_every_approval(foundation: Foundation) -> int:
    """End every instruction that is not over, since its time cannot be told any more. Answers with how many."""
    query = sa.select(instruction).where(
        instruction.c.state.in_((WAITING, APPROVED)), instruction.c.expires_at >= foundation.now()
    )
    with foundation.database.write() as connection:
        rows = connection.execute(query.with_for_update()).mappings().all()
        for row in rows:
            foundation.update(
                connection, instruction, foundation.checked(instruction, row), state=CANCELLED, sealed_signer_key=b""
            )
    return len(rows)


def require_valid_certificate(key: StoredKey, foundation: Foundation) -> None:
    """Raise `CertificateRefused` unless the key's certificate is valid at this time."""
    begins, ends = _validity(key.row["certificate"])
    if not begins <= foundation.clock.now() <= ends:
        raise CertificateRefused(
            f"the key's certificate is valid only from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}",
            hint="Ask your registration officer for a renewal.",
        )


@lru_cache(maxsize=1024)
def _validity(certificate: bytes) -> tuple[datetime, datetime]:
    # Reading a certificate costs more than all other checks of a use together, and its bytes never change.
    parsed = x509.load_der_x509_certificate(certificate)
    return parsed.not_valid_before_utc, parsed.not_valid_after_utc


def _labels(documents: tuple[DocumentLabel, ...], digests: int) -> list[dict[str, Any]]:
    if documents and len(documents) != digests:
        raise Malformed("there must be one document for each digest, or none")
    labels: list[dict[str, Any]] = []
    for document in documents:
        if len(document.sha256) != 32 or not 0 <= document.size < 2**53:
            raise Malformed("a document's size or hash is not one")
        label = msgspec.structs.asdict(document)
        label["name"] = plain_text(document.name, "the document's name", required=True)
        label["sha256"] = base64url.encode(document.sha256)
        labels.append(label)
    return labels
