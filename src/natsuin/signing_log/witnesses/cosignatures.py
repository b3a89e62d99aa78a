"""Cosignatures: what a witness puts under a checkpoint (C2SP tlog-cosignature v1.0.1, Ed25519, type 0x04).

It says: as of this time, the largest tree that I have seen of this log has this root, and contains all that I saw
before. The name of the witness is not among the signed bytes, so a key belongs to one name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from natsuin.signing_log.encoding import encode_base64
from natsuin.signing_log.notes import (
    DASH,
    KeyKind,
    LogKey,
    NoteSignature,
    UnverifiedNote,
    VerifierKey,
    make_verifier_key,
    parse_note,
)
from natsuin.signing_log.refusals import BadNote

SIGNATURE_BYTES: Final = 72
"""A time of 8 bytes and a signature of 64."""
LATEST: Final = 2**63 - 1
"""The largest time that a cosignature may state."""


@dataclass(frozen=True)
class Cosignature:
    """A verified statement of `witness` about a checkpoint, made at `time` (seconds since 1970, by its own clock)."""

    witness: VerifierKey
    time: int
    signature: bytes
    """Time and signature, without the key id."""

    @property
    def line(self) -> str:
        """The signature line of a note, with its line feed."""
        return f"{DASH}{self.witness.name} {encode_base64(self.witness.key_id + self.signature)}\n"


def cosign(text: str, name: str, key: LogKey, *, seconds: int) -> Cosignature:
    """The cosignature of `key` under `name` over a checkpoint's `text`, checked with the public key.

    `seconds` is the time since 1970. Raises `UntrustedNote` when the key does not do what it should.
    """
    witness = make_verifier_key(name, key.public, kind=KeyKind.COSIGNATURE)
    signature = seconds.to_bytes(8, "big") + key.sign(b"cosignature/v1\ntime %d\n" % seconds + text.encode())
    witness.verify(text, signature)
    return Cosignature(witness, seconds, signature)


def verify_line(text: str, line: NoteSignature, witness: VerifierKey) -> Cosignature:
    """What a signature line of `witness` says of the checkpoint's `text`. Raises `BadNote`, `UntrustedNote`."""
    if len(line.signature) != SIGNATURE_BYTES:
        raise BadNote("a cosignature is a time and an Ed25519 signature")
    seconds = int.from_bytes(line.signature[:8], "big")
    if seconds > LATEST:
        raise BadNote("the time of a cosignature is below 2^63")
    witness.verify(text, line.signature)
    return Cosignature(witness, seconds, line.signature)


def cosignatures_of(note: UnverifiedNote, witnesses: Sequence[VerifierKey]) -> tuple[Cosignature, ...]:
    """Those of `witnesses` that cosigned `note`, each once, in their order; lines of anybody else are ignored.

    Raises `BadNote` or `UntrustedNote` when a line of a known witness does not verify.
    """
    found: dict[tuple[str, bytes], Cosignature] = {}
    known = {(key.name, key.key_id): key for key in witnesses}
    for line in note.signatures:
        name = (line.name, line.key_id)
        if name in known and name not in found:
            found[name] = verify_line(note.text, line, known[name])
    return tuple(found[key.name, key.key_id] for key in witnesses if (key.name, key.key_id) in found)


def with_cosignatures(note: str, cosignatures: Sequence[Cosignature]) -> str:
    """The note with these lines after its own, and without older ones of the same witnesses."""
    opened = parse_note(note.encode())
    theirs = {(each.witness.name, each.witness.key_id) for each in cosignatures}
    kept = [line for line in opened.signatures if (line.name, line.key_id) not in theirs]
    own = "".join(f"{DASH}{line.name} {encode_base64(line.key_id + line.signature)}\n" for line in kept)
    return f"{opened.text}\n{own}" + "".join(each.line for each in cosignatures)


Cosigner = Callable[[str], Cosignature]
"""From a checkpoint's text to a cosignature of now."""
