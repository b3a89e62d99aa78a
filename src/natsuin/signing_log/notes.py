"""Signed notes and verifier keys (C2SP signed-note v1.0.0), with timestamped cosignatures (C2SP tlog-cosignature
v1.0.1).

A note is text that ends with a line feed, an empty line, and signature lines `— name base64(key id || signature)`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from natsuin.signing_log.encoding import decode_base64, encode_base64
from natsuin.signing_log.refusals import BadEncoding, BadKey, BadNote, UntrustedNote

MAX_NOTE: Final = 1_000_000
"""Bytes; the bound of the Go library, too."""
MAX_SIGNATURES: Final = 100
DASH: Final = "\u2014 "
"""What a signature line begins with."""
_CONTROL: Final = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}", re.ASCII)
_KEY_ID_SIZE: Final = 4
_TIME_SIZE: Final = 8


class KeyKind(IntEnum):
    """Signature types of C2SP signed-note that this code can verify."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True)
class LogKey:
    """The log's own Ed25519 key: `public` is 32 raw bytes, `sign` gives the 64 bytes for a message (RFC 8032).

    `sign` is called by the one writer thread, may block, and must be durable in nothing. Whatever it raises stops the
    log.
    """

    public: bytes
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True)
class VerifierKey:
    """A key that notes are checked with. `key_id` is 4 bytes, `public` 32 raw bytes."""

    name: str
    key_id: bytes
    kind: KeyKind
    public: bytes

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.public)}"

    def verify(self, text: str, signature: bytes) -> None:
        """Return if `signature`, without its key id, is this key's over the note's `text`; else `UntrustedNote`."""
        message = text.encode()
        if self.kind is KeyKind.COSIGNATURE:
            seconds = int.from_bytes(signature[:_TIME_SIZE], "big")
            message = b"cosignature/v1\ntime %d\n" % seconds + message
            signature = signature[_TIME_SIZE:]
        try:
            _load(self.public).verify(signature, message)
        except InvalidSignature as error:
            raise UntrustedNote("the signature of a known key does not verify") from error


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: whose, which key (4 bytes), and the signature itself. Unchecked."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class UnverifiedNote:
    """A note of the right form. Its `text` ends with a line feed; nothing is known about who signed it."""

    text: str
    signatures: tuple[NoteSignature, ...]


@lru_cache(maxsize=16)
def _load(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


@lru_cache(maxsize=16)
def make_verifier_key(name: str, public: bytes, *, kind: KeyKind = KeyKind.ED25519) -> VerifierKey:
    """The verifier key of 32 raw public bytes under `name`. Raises `BadKey` for an unusable name or length."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError as error:
        raise BadKey("a key name is valid Unicode text") from error
    if not _is_name(name) or _CONTROL.search(encoded):
        raise BadKey("a key name must not be empty nor hold blanks, control characters or a plus sign")
    if len(public) != 32:
        raise BadKey("an Ed25519 public key has 32 bytes")
    identity = sha256(encoded + b"\n" + bytes([kind]) + public).digest()[:_KEY_ID_SIZE]
    return VerifierKey(name, identity, kind, public)


def parse_verifier_key(vkey: str) -> VerifierKey:
    """Read `name+id+base64`. Raises `BadKey` for another form, an unknown type or a key id that does not fit."""
    parts = vkey.split("+", 2)
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise BadKey("a verifier key has the form name+id+key")
    try:
        material = decode_base64(parts[2])
        kind = KeyKind(material[0])
    except (BadEncoding, IndexError, ValueError) as error:
        raise BadKey("this verifier key is of no known type") from error
    key = make_verifier_key(parts[0], material[1:], kind=kind)
    if key.key_id.hex() != parts[1]:
        raise BadKey("the id in this verifier key does not belong to its key")
    return key


def parse_signature(line: str) -> NoteSignature:
    """Take one signature line, without its line feed, apart. Raises `BadNote`."""
    name, blank, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not blank or not _is_name(name):
        raise BadNote("a signature line does not have the form of one")
    try:
        decoded = decode_base64(encoded)
    except BadEncoding as error:
        raise BadNote("a signature line is not base64") from error
    if len(decoded) <= _KEY_ID_SIZE:
        raise BadNote("a signature line holds no signature")
    return NoteSignature(name, decoded[:_KEY_ID_SIZE], decoded[_KEY_ID_SIZE:])


def parse_note(unverified: bytes) -> UnverifiedNote:
    """Take a note apart without believing it. Raises `BadNote`."""
    if len(unverified) > MAX_NOTE:
        raise BadNote("this note is too long")
    if _CONTROL.search(unverified):
        raise BadNote("a note holds no control characters but line feeds")
    try:
        content = unverified.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadNote("a note is UTF-8 text") from error
    split = content.rfind("\n\n")
    if split < 0 or not content.endswith("\n") or split + 2 == len(content):
        raise BadNote("a note has a text, an empty line and signature lines")
    lines = content[split + 2 : -1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise BadNote("this note has too many signatures")
    return UnverifiedNote(content[: split + 1], tuple(parse_signature(line) for line in lines))


def open_note(unverified: bytes, keys: Iterable[VerifierKey]) -> tuple[str, tuple[VerifierKey, ...]]:
    """The text of a note that at least one of `keys` signed, and which of them did.

    Lines of unknown keys are ignored. Raises `BadNote` for another form, `UntrustedNote` when a known key's signature
    does not verify or no known key signed.
    """
    note = parse_note(unverified)
    known = {(key.name, key.key_id): key for key in keys}
    signers: dict[VerifierKey, None] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is not None and key not in signers:
            key.verify(note.text, line.signature)
            signers[key] = None
    if not signers:
        raise UntrustedNote("no known key signed this note")
    return note.text, tuple(signers)


def sign_note(text: str, name: str, key: LogKey) -> str:
    """`text`, which must end with a line feed, as a note signed by `key` under `name`, checked with the public key.

    Raises `UntrustedNote` when what `key.sign` gave does not verify: a wrong or failing key must not publish anything.
    """
    verifier = make_verifier_key(name, key.public)
    signature = key.sign(text.encode())
    verifier.verify(text, signature)
    return f"{text}\n{DASH}{name} {encode_base64(verifier.key_id + signature)}\n"
