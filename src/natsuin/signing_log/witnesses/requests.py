"""What a log and a witness say to each other (C2SP tlog-witness v1.0.0, `add-checkpoint`). Bytes in, values out."""

import re
from dataclasses import dataclass
from typing import Final

from natsuin.signing_log.encoding import decode_base64, decode_decimal, encode_base64
from natsuin.signing_log.merkle import HASH_SIZE, MAX_PROOF
from natsuin.signing_log.notes import NoteSignature, parse_signature
from natsuin.signing_log.refusals import BadEncoding, BadNote, BadWitnessRequest, WitnessFailed

MAX_REQUEST: Final = 64 * 1024
"""Bytes: 63 hashes take 2,835 of them, the rest is for a checkpoint with all its signatures."""
MAX_ANSWER: Final = 16 * 1024
"""Bytes. A signature line takes about 200."""
SIZE_TYPE: Final = "text/x.tlog.size"
"""Content type of an answer that tells the size a witness knows."""
_OLD: Final = "old "
_MOST_LINES: Final = 32
_SIZE_ANSWER: Final = re.compile(rb"(?:0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True)
class AddCheckpoint:
    """The request to cosign `checkpoint`, a signed note, by who has seen `old` entries. `proof` are hashes of 32 bytes.

    Nothing in it has been checked but its form.
    """

    old: int
    proof: tuple[bytes, ...]
    checkpoint: str


def encode_request(request: AddCheckpoint) -> bytes:
    """The body of the request."""
    hashes = "".join(f"{encode_base64(item)}\n" for item in request.proof)
    return f"{_OLD}{request.old}\n{hashes}\n{request.checkpoint}".encode()


def parse_request(body: bytes) -> AddCheckpoint:
    """Take the body of a request apart without believing it. Raises `BadWitnessRequest`."""
    if len(body) > MAX_REQUEST:
        raise BadWitnessRequest("this request is too long")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadWitnessRequest("a request is UTF-8 text") from error
    head, separator, checkpoint = text.partition("\n\n")
    first, *hashes = head.split("\n")
    if not separator or not first.startswith(_OLD):
        raise BadWitnessRequest("a request begins with the old size and ends with a checkpoint")
    try:
        old = decode_decimal(first.removeprefix(_OLD))
        proof = tuple(map(decode_base64, hashes))
    except BadEncoding as error:
        raise BadWitnessRequest("a line of this request is not in its canonical form") from error
    if len(proof) > MAX_PROOF or any(len(item) != HASH_SIZE for item in proof):
        raise BadWitnessRequest("the proof is not a list of hashes of possible length")
    return AddCheckpoint(old, proof, checkpoint)


def parse_size(body: bytes) -> int:
    """The size that a witness says it knows (status 409). Raises `WitnessFailed` for anything else."""
    if not _SIZE_ANSWER.fullmatch(body):
        raise WitnessFailed("the witness told no size that it knows")
    try:
        return decode_decimal(body[:-1].decode())
    except BadEncoding as error:
        raise WitnessFailed("the witness told a size that no log has") from error


def parse_lines(body: bytes) -> tuple[NoteSignature, ...]:
    """The signature lines of an answer (status 200), unchecked. Raises `WitnessFailed` for anything else."""
    try:
        text = body.decode()
        lines = text[:-1].split("\n")
        if len(body) > MAX_ANSWER or not text.endswith("\n") or len(lines) > _MOST_LINES:
            raise WitnessFailed("the witness did not answer with signature lines")
        return tuple(map(parse_signature, lines))
    except (UnicodeDecodeError, BadNote) as error:
        raise WitnessFailed("the witness did not answer with signature lines") from error
