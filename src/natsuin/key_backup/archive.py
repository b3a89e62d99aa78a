"""The file of one key: what both layers already close, closed once more by a key that only the provider can derive.

    magic, version      "natsuin-key-archive", a zero byte, one byte: 1
    length              of the header, four bytes, big end first
    header              RFC 8785 JSON: every name that must not change
    nonce, ciphertext   AES-256-GCM; everything before it is the associated data

The archive key comes from the master key by HKDF, for this one archive, and takes the place of the provider's layer in
DB-2. Inside are the key under the signer's layer and the slots of PIN and recovery code, so a file opens only with the
provider's key and the signer's secret together. A changed bit anywhere is refused.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from natsuin import base64url
from natsuin.errors import Malformed, Tampered
from natsuin.key_management import MasterKey, Slot, StoredKey, decrypt, encrypt
from natsuin.signing_log import encode_entry

MAGIC: Final = b"natsuin-key-archive\0"
VERSION: Final = 1
LARGEST: Final = 256 * 1024
"""Bytes of an archive; its header is a log entry's size at most."""

TEXTS: Final = (
    "key_id",
    "user_id",
    "algorithm",
    "state",
    "suspended_by",
    "predecessor",
    "backend",
    "wrapping_key",
    "origin",
)
NUMBERS: Final = ("one_time", "version", "created_at")
BINARIES: Final = ("public_key", "passkeys", "certificate_request", "certificate", "chain")
NOT_IN_THE_HEADER: Final = ("key_blob", "sign_counts", "seal")
"""Columns of `signing_key`: the encrypted key is inside; how often passkeys were used, and the row's seal, are made
anew."""


class BadArchive(Malformed):
    """The bytes are not a key archive of this version."""

    code = "bad_archive"


class ArchiveTampered(Tampered):
    """An archive is not as it was made, or was made with another master key."""

    code = "archive_tampered"


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    archive: str
    copy: int
    archived_at: int
    log_size: int
    provider: str
    key: dict[str, str | int]


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    blob: bytes
    slots: dict[str, tuple[bytes, bytes]]


@dataclass(frozen=True)
class Archive:
    """One key as it was. `row` is of `signing_key`, without what is not archived; `blob` the key under the signer's
    layer alone; `log_size` the size of the log when it was read, so entries from there on are news to the archive."""

    archive_id: str
    copy: int
    archived_at: int
    log_size: int
    row: Mapping[str, Any] = field(repr=False)
    blob: bytes = field(repr=False)
    slots: Mapping[str, Slot] = field(repr=False)

    @property
    def key(self) -> StoredKey:
        """The key, without its encrypted self and without counts of its passkeys."""
        return StoredKey({**self.row, "key_blob": b"", "sign_counts": b"{}"})

    @property
    def holds(self) -> bytes:
        """SHA-256 over the encrypted key and its slots: changes with PIN, recovery code and passkeys."""
        return content_hash(self.blob, self.slots)


def content_hash(blob: bytes, slots: Mapping[str, Slot]) -> bytes:
    """See `Archive.holds`."""
    return hashlib.sha256(msgspec.msgpack.encode(_content(blob, slots))).digest()


@dataclass(frozen=True)
class ArchiveSeal:
    """Closes and opens archives. Safe from several threads."""

    secret: bytes = field(repr=False)
    provider: str
    """A public name of the master key, so that a file of another one is told from a damaged one."""

    @classmethod
    def from_master(cls, master: MasterKey) -> "ArchiveSeal":
        """What only holders of the master key can make."""
        return cls(master.derive("key-archive"), master.derive("key-archive-name")[:16].hex())

    def close(self, archive: Archive) -> bytes:
        """The file of `archive`."""
        key: dict[str, Any] = {name: archive.row[name] for name in (*TEXTS, *NUMBERS)}
        key |= {name: base64url.encode(archive.row[name]) for name in BINARIES}
        header = encode_entry(
            {
                "archive": archive.archive_id,
                "copy": archive.copy,
                "archived_at": archive.archived_at,
                "log_size": archive.log_size,
                "provider": self.provider,
                "key": key,
            }
        )
        bound = MAGIC + bytes([VERSION]) + len(header).to_bytes(4, "big") + header
        content = msgspec.msgpack.encode(_content(archive.blob, archive.slots))
        return bound + encrypt(self._key_of(archive.archive_id), content, bound)

    def open(self, unverified: bytes) -> Archive:
        """The archive in a file. Raises `BadArchive`, `ArchiveTampered`."""
        header, end = _split(unverified)
        if header.provider != self.provider:
            raise ArchiveTampered(
                "the archive was made with another master key", hint="Bring the master key of that time."
            )
        try:
            clear = decrypt(self._key_of(header.archive), unverified[end:], unverified[:end])
        except InvalidTag as error:
            raise ArchiveTampered(
                "the archive is not as it was made", hint="Use another copy; tell the security officer."
            ) from error
        content = msgspec.msgpack.decode(clear, type=_Content)
        row: dict[str, Any] = dict(header.key)
        row |= {name: base64url.decode(str(header.key[name])) for name in BINARIES}
        slots = {name: Slot(*parts) for name, parts in content.slots.items()}
        return Archive(header.archive, header.copy, header.archived_at, header.log_size, row, content.blob, slots)

    def _key_of(self, archive_id: str) -> bytes:
        # A key for each archive keeps random nonces apart for ever, however many archives are made.
        info = b"natsuin/key-archive/v1\0" + archive_id.encode()
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(self.secret)


def _content(blob: bytes, slots: Mapping[str, Slot]) -> _Content:
    return _Content(blob, {name: (slots[name].salt, slots[name].wrapped) for name in sorted(slots)})


def _split(unverified: bytes) -> tuple[_Header, int]:
    """The header, still to be authenticated, and where it ends."""
    start = len(MAGIC) + 5
    if len(unverified) > LARGEST or not unverified.startswith(MAGIC) or len(unverified) < start:
        raise BadArchive("this is not a key archive")
    if unverified[len(MAGIC)] != VERSION:
        raise BadArchive("the archive is of another version", hint="Use the version of Natsuin that made it, or later.")
    end = start + int.from_bytes(unverified[start - 4 : start], "big")
    try:
        header = msgspec.json.decode(unverified[start:end], type=_Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadArchive("the header of the archive cannot be read") from error
    return header, end
