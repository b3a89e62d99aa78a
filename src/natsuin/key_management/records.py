"""Canonical records: what an approval approves, byte for byte, and the challenge that a passkey signs for it.

The record is RFC 8785 JSON made by sam. The challenge is SHA-256 over a domain tag and the record, so the assertion of
a passkey over it is evidence of approval of exactly this record (Web Authentication Level 3, section 7.2).
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import rfc8785

from natsuin.clock import Clock, milliseconds
from natsuin.errors import Malformed

_APPROVAL_TAG = b"natsuin/approval/v1\0"


@dataclass(frozen=True)
class Record:
    """`content` is RFC 8785 JSON, UTF-8; `expires_at` milliseconds."""

    identifier: str
    content: bytes
    expires_at: int

    @property
    def challenge(self) -> bytes:
        """32 bytes."""
        return challenge_of(self.content)


def challenge_of(record: bytes) -> bytes:
    """What the passkey must sign to approve `record`."""
    return hashlib.sha256(_APPROVAL_TAG + record).digest()


def new_identifier() -> str:
    """128 random bits as 32 lower-case hexadecimal digits."""
    return secrets.token_hex(16)


def make_record(act: str, service: str, fields: Mapping[str, Any], *, clock: Clock, life: timedelta) -> Record:
    """A record of `act` with identifier, times and nonce. `service` is the relying party id."""
    now = clock.now()
    identifier = new_identifier()
    expires_at = milliseconds(now + life)
    content = {
        "v": 1,
        "act": act,
        "service": service,
        "id": identifier,
        **fields,
        "not_before": milliseconds(now),
        "expires": expires_at,
        "nonce": secrets.token_hex(16),
    }
    try:
        return Record(identifier, rfc8785.dumps(content), expires_at)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise Malformed("a text in the request has characters that cannot be recorded") from error
