"""Checkpoints: the signed statement of a log's size and root (C2SP tlog-checkpoint v1.0.0)."""

from dataclasses import dataclass

from natsuin.signing_log.encoding import decode_base64, decode_decimal, encode_base64
from natsuin.signing_log.merkle import EMPTY_ROOT, HASH_SIZE
from natsuin.signing_log.notes import LogKey, VerifierKey, open_note, sign_note
from natsuin.signing_log.refusals import BadCheckpoint, BadEmptyRoot, BadEncoding, UntrustedNote


@dataclass(frozen=True)
class Checkpoint:
    """`size` entries have the root hash `root` (32 bytes) in the log called `origin`."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint's note. Raises `BadCheckpoint`. Extension lines are allowed and ignored."""
    lines = text.split("\n")
    if len(lines) < 4 or not all(lines[:-1]) or lines[-1]:
        raise BadCheckpoint("a checkpoint has an origin, a size and a root, each on a line")
    try:
        size, root = decode_decimal(lines[1]), decode_base64(lines[2])
    except BadEncoding as error:
        raise BadCheckpoint("the size or the root of this checkpoint is not in its canonical form") from error
    if len(root) != HASH_SIZE:
        raise BadCheckpoint("the root of this checkpoint is not a SHA-256 hash")
    if size == 0 and root != EMPTY_ROOT:
        raise BadEmptyRoot("the root of an empty log is the hash of nothing")
    return Checkpoint(lines[0], size, root)


def open_checkpoint(unverified: str | bytes, key: VerifierKey) -> Checkpoint:
    """The checkpoint in a note that `key` signed and whose origin is that key's name.

    Raises `BadNote`, `BadCheckpoint` or `UntrustedNote`.
    """
    note = unverified if isinstance(unverified, bytes) else unverified.encode(errors="surrogatepass")
    text, _ = open_note(note, [key])
    checkpoint = parse_checkpoint(text)
    if checkpoint.origin != key.name:
        raise UntrustedNote("this checkpoint is of another log")
    return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, key: LogKey) -> str:
    """The checkpoint as a note, signed and checked. Raises `UntrustedNote` when the signature does not verify."""
    return sign_note(str(checkpoint), checkpoint.origin, key)
