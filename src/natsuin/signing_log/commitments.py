"""Commitments: what stands in an entry for fields that could name somebody, and how single fields are disclosed.

Every field has a hash of its own, HMAC-SHA256 (RFC 2104) under a salt of its own, which HKDF (RFC 5869) derives from
the one random salt of the entry. The commitment is SHA-256 over the entry's `tx` and all names and hashes. So a field
is disclosed with its own salt and the hashes of the others, which tell nothing; who erases the entry's salt erases all.
docs/log.md says it byte by byte.

Salts have one length only, because HMAC fills shorter keys up with zero bytes: a salt and the same salt with a zero
byte after it would open the same hash.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from natsuin import base64url
from natsuin.errors import Malformed

SALT_BYTES: Final = 32
_DERIVING: Final = b"natsuin/commitment/salt/v1\0"
_OF_FIELD: Final = b"natsuin/commitment/field/v1\0"
_OF_ENTRY: Final = b"natsuin/commitment/entry/v1\0"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TX: Final = re.compile(r"[0-9a-f]{32}")
_fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def commitment_to(tx: str, salt: bytes, fields: bytes) -> str:
    """The commitment of the entry `tx` to canonical JSON `fields`, in base64url without padding as it stands there.

    Raises `ValueError` when the salt has not 32 bytes, or `tx` or a name not its form.
    """
    key = _extracted(salt)
    hashed = {name: _field_hash(_field_salt(key, name), name, value) for name, value in _fields_of(fields).items()}
    return _commitment(tx, hashed)


def disclose(tx: str, salt: bytes, fields: bytes, names: Collection[str] | None = None) -> dict[str, Any]:
    """The opening of an entry for somebody: the fields in `names` (None: all) with their salts, of the others the
    hashes. A JSON object as docs/log.md has it. Raises `ValueError` as `commitment_to`.
    """
    key = _extracted(salt)
    told: dict[str, dict[str, str]] = {}
    for name, value in _fields_of(fields).items():
        own = _field_salt(key, name)
        if names is None or name in names:
            told[name] = {"salt": base64url.encode(own), "value": bytes(value).decode()}
        else:
            told[name] = {"hash": base64url.encode(_field_hash(own, name, value))}
    return {"tx": tx, "fields": told}


def withhold(opening: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The same opening with less in it: the fields in `names` are closed. Raises `Malformed` for no opening."""
    found = Disclosed.parse(opening)
    told = dict(opening["fields"])
    for name in names:
        if name in told:
            told[name] = {"hash": base64url.encode(found.hashes[name])}
    return {"tx": opening["tx"], "fields": told}


@dataclass(frozen=True)
class Disclosed:
    """An opening as somebody was given it. It says nothing until `commitment` is compared with the entry's."""

    tx: str
    hashes: Mapping[str, bytes]
    """Of every field."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The values that were disclosed."""

    @property
    def commitment(self) -> str:
        """What the entry must hold."""
        return _commitment(self.tx, self.hashes)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Names of fields that were not disclosed, in order."""
        return tuple(sorted(self.hashes.keys() - self.fields.keys()))

    def with_more(self, other: "Disclosed") -> "Disclosed":
        """This, and the fields that `other` discloses of the same entry. Raises `ValueError` for another entry."""
        if self.commitment != other.commitment:
            raise ValueError("these are openings of different entries")
        return Disclosed(self.tx, self.hashes, {**other.fields, **self.fields})

    @classmethod
    def parse(cls, told: object) -> "Disclosed":
        """Read what `disclose` made. Raises `Malformed` for anything else."""
        if not isinstance(told, dict) or not isinstance(told.get("fields"), dict):
            raise _malformed()
        hashed: dict[str, bytes] = {}
        fields: dict[str, Any] = {}
        for name, part in told["fields"].items():
            match part:
                case {"hash": str(closed)} if len(part) == 1:
                    hashed[name] = _bytes_32(closed)
                case {"salt": str(salt), "value": str(value)} if len(part) == 2:
                    hashed[name] = _field_hash(_bytes_32(salt), name, value.encode("utf-8", "surrogatepass"))
                    fields[name] = _value(value)
                case _:
                    raise _malformed()
        tx = told.get("tx")
        if not isinstance(tx, str) or not _TX.fullmatch(tx) or not all(map(_NAME.fullmatch, hashed)):
            raise _malformed()
        return cls(tx, hashed, fields)


def _extracted(salt: bytes) -> bytes:
    """The first half of HKDF, once for all fields (RFC 5869, 2.2, without a salt of its own)."""
    if len(salt) != SALT_BYTES:
        raise ValueError("the salt of a commitment has 32 bytes")
    return hmac.digest(bytes(32), salt, "sha256")


def _field_salt(key: bytes, name: str) -> bytes:
    return HKDFExpand(hashes.SHA256(), SALT_BYTES, _DERIVING + name.encode()).derive(key)


def _field_hash(salt: bytes, name: str, value: "bytes | msgspec.Raw") -> bytes:
    return hmac.digest(salt, _OF_FIELD + name.encode() + b"\0" + bytes(value), "sha256")


def _commitment(tx: str, hashed: Mapping[str, bytes]) -> str:
    # No name has a zero byte, and hashes have one length, so that no other fields give the same bytes.
    if not _TX.fullmatch(tx) or not all(map(_NAME.fullmatch, hashed)):
        raise ValueError("a tx is 32 hexadecimal digits, a name lower-case letters, digits and underscores")
    parts = (name.encode() + b"\0" + hashed[name] for name in sorted(hashed))
    return base64url.encode(hashlib.sha256(_OF_ENTRY + tx.encode() + b"".join(parts)).digest())


def _bytes_32(text: str) -> bytes:
    content = base64url.decode(text)
    if len(content) != SALT_BYTES:
        raise _malformed()
    return content


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
        canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise _malformed() from error
    if canonical != text:
        raise _malformed()
    return value


def _malformed() -> Malformed:
    return Malformed("this is no opening of a commitment")
