"""One instruction's evidence: that the owner approved exactly this, how, and what the log says came of it.

A JSON document that a third party can check without this server: record, assertion and passkey show the approval;
entries, openings and proofs show the log; certificates show whose key it was.
"""

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin import base64url
from natsuin.errors import NotFound
from natsuin.key_management import Foundation, Keys, challenge_of, log_opening
from natsuin.sam.protocol import Evidence, EvidenceBundle, Recall, Recalled, Signed
from natsuin.signing.activation import StoredApproval
from natsuin.signing.instructing import record_of
from natsuin.signing.tables import RELEASED, RESERVED, instruction, use
from natsuin.signing_log import SigningLog, disclose, parse_receipt

FORMAT = "natsuin-evidence/v1"


@dataclass(frozen=True)
class EvidenceRoom:
    """Puts evidence together. Reads only; safe from several threads."""

    foundation: Foundation
    keys: Keys
    log: SigningLog
    anchor: Callable[[int], tuple[bytes, bytes] | None] | None = None
    """The first time anchor over the entry at a place: its receipt under the anchored checkpoint, and the evidence
    record over that."""

    def evidence(self, message: Evidence) -> EvidenceBundle:
        """The bundle for the owner of the instruction. Raises `NotFound` for anybody else's."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            row, uses = self._find(connection, message)
            record = record_of(foundation, connection, row["instruction_id"])
            key = self.keys.get(connection, row["key_id"], row["user_id"])
            told = [self._use(connection, each) for each in uses]
            approved_entry = self._approved_entry(connection, row)
        party = foundation.relying_party
        document = {
            "format": FORMAT,
            "record": record.decode(),
            "challenge": base64url.encode(challenge_of(record)),
            "approved_at": row["approved_at"],
            **_approval(row),
            "approved_entry": approved_entry,
            "relying_party": {"id": party.rp_id, "origin": party.origin},
            "key": {
                "id": key.key_id,
                "algorithm": key.algorithm.value,
                "backend": key.row["backend"],
                "origin": key.row["origin"],
            },
            "certificates": [b64encode(der).decode() for der in (key.row["certificate"], *self.keys.chain_of(key))],
            "log_vkey": self.log.vkey_of(_place(row)),
            "uses": told,
        }
        return EvidenceBundle(document=json.dumps(document, ensure_ascii=False, indent=1).encode())

    def recall(self, message: Recall) -> Recalled:
        """What was released to web before, for the owner of the instruction: signs nothing, and needs no SAD, because
        web was given it once already. Raises `NotFound` for anybody else's."""
        with self.foundation.database.read() as connection:
            _, uses = self._find(connection, message)
        released = [
            Signed(
                signatures=msgspec.msgpack.decode(each["signatures"], type=tuple[bytes, ...]), receipt=each["receipt"]
            )
            for each in uses
            if each["state"] == RELEASED
        ]
        return Recalled(released=tuple(released), under_way=any(each["state"] == RESERVED for each in uses))

    def _find(
        self, connection: sa.Connection, message: Evidence | Recall
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The instruction and its uses, in order, with their seals checked."""
        row = self.foundation.find(connection, instruction, instruction_id=message.instruction_id)
        if row is None or row["user_id"] != message.user_id:
            raise NotFound("there is no such instruction")
        query = sa.select(use).where(use.c.instruction_id == row["instruction_id"]).order_by(use.c.first)
        return row, [self.foundation.checked(use, each) for each in connection.execute(query).mappings().all()]

    def _use(self, connection: sa.Connection, row: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {"first": row["first"], "count": row["count"], "state": row["state"]}
        opening = _opening(connection, row["tx"])
        if opening is not None:
            told["opening"] = opening
        if row["intent_index"] >= 0:
            told["intent"] = self.log.receipt(row["intent_index"]).tlog_proof()
        if row["receipt"]:
            told["outcome"] = row["receipt"]
            self._add_anchor(told, row)
        if row["state"] == RELEASED:
            signatures = msgspec.msgpack.decode(row["signatures"], type=tuple[bytes, ...])
            told["signatures"] = [base64url.encode(each) for each in signatures]
        return told

    def _add_anchor(self, told: dict[str, Any], row: dict[str, Any]) -> None:
        if self.anchor is None:
            return
        outcome = parse_receipt(row["receipt"]).index
        found = self.anchor(row["intent_index"] - self.log.index_of(row["intent_index"]) + outcome)
        if found is not None:
            told["anchor"] = {"receipt": found[0].decode(), "record": b64encode(found[1]).decode()}

    def _approved_entry(self, connection: sa.Connection, row: dict[str, Any]) -> dict[str, Any] | None:
        """The entry about the approval, with its opening as long as that is not erased."""
        if not row["approval"]:
            return None
        receipt = self.log.receipt(msgspec.json.decode(row["approval"], type=StoredApproval).entry)
        tx = json.loads(receipt.leaf)["tx"]
        return {"receipt": receipt.tlog_proof(), "opening": _opening(connection, tx)}


def _place(row: dict[str, Any]) -> int:
    """Where an instruction's approval stands in the log, in whose shard its uses are, too."""
    return msgspec.json.decode(row["approval"], type=StoredApproval).entry if row["approval"] else sys.maxsize


def _opening(connection: sa.Connection, tx: str) -> dict[str, Any] | None:
    found = connection.execute(sa.select(log_opening).where(log_opening.c.tx == tx)).mappings().one_or_none()
    if found is None:
        return None
    return disclose(tx, found["salt"], found["fields"])


def _approval(row: dict[str, Any]) -> dict[str, dict[str, str | None] | None]:
    if not row["approval"]:
        return {"approval": None, "passkey": None}
    approval = msgspec.json.decode(row["approval"], type=StoredApproval)
    assertion = approval.assertion
    return {
        "approval": {
            "authenticator_data": base64url.encode(assertion.authenticator_data),
            "client_data_json": base64url.encode(assertion.client_data_json),
            "signature": base64url.encode(assertion.signature),
            "user_handle": None if assertion.user_handle is None else base64url.encode(assertion.user_handle),
        },
        "passkey": {
            "credential_id": base64url.encode(assertion.credential_id),
            "public_key": base64url.encode(approval.public_key),
        },
    }
