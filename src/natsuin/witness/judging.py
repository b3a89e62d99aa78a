"""The one decision of a witness: whether to cosign a checkpoint. Bytes in, a status and bytes out, in the order of
checks of C2SP tlog-witness v1.0.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from natsuin import faults
from natsuin.clock import Clock
from natsuin.errors import Malformed, Refused
from natsuin.signing_log import (
    EMPTY_ROOT,
    SIZE_TYPE,
    AddCheckpoint,
    BadEmptyRoot,
    BadNote,
    Checkpoint,
    LogKey,
    UntrustedNote,
    VerifierKey,
    cosign,
    open_note,
    parse_checkpoint,
    parse_note,
    parse_request,
    verify_consistency,
    with_cosignatures,
)
from natsuin.witness.state import Seen, WitnessState

WITNESS_FAULT_POINTS: Final = ("witness.before_store", "witness.after_store")
"""Places of `natsuin.faults`: before what was seen is durable, and before the cosignature leaves."""
_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """What is answered over HTTP."""

    status: int
    body: bytes
    content_type: str = _TEXT


@dataclass(frozen=True)
class Witness:
    """A witness with its name, its key, and the logs it was told to witness, by their origins.

    Safe from several threads. What is durable when `add_checkpoint` answers with 200 is what it answers.
    """

    name: str
    key: LogKey = field(repr=False)
    logs: Mapping[str, VerifierKey]
    state: WitnessState
    clock: Clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """Judge a request. Raises `StorageFailed` when what was seen cannot be kept: then the process must end."""
        try:
            request = parse_request(body)
            note = parse_note(request.checkpoint.encode())
        except Malformed as error:
            return _refusal(400, error)
        origin = note.text.partition("\n")[0]
        key = self.logs.get(origin)
        if key is None:
            return Answer(404, b"this log is not known here\n")
        try:
            open_note(request.checkpoint.encode(), [key])
        except UntrustedNote as error:
            return _refusal(403, error)
        except BadNote as error:
            return _refusal(400, error)
        try:
            checkpoint = parse_checkpoint(note.text)
        except BadEmptyRoot:
            checkpoint = Checkpoint(origin, 0, b"")
        except Malformed as error:
            return _refusal(400, error)
        if request.old > checkpoint.size:
            return Answer(400, b"the old size is larger than the checkpoint\n")
        with self.state.held():
            return self._judge(request, checkpoint, key)

    def checkpoint(self, origin_hash: str) -> Answer:
        """The newest checkpoint of the log whose origin has this SHA-256, hexadecimal, with the cosignature given."""
        for origin in self.logs:
            if sha256(origin.encode()).hexdigest() == origin_hash:
                with self.state.held():
                    seen = self.state.seen(origin)
                if seen is not None:
                    return Answer(200, seen.note.encode())
        return Answer(404, b"nothing of that log was seen here\n")

    def _judge(self, request: AddCheckpoint, checkpoint: Checkpoint, key: VerifierKey) -> Answer:
        seen = self.state.seen(checkpoint.origin)
        known = 0 if seen is None else seen.size
        if request.old != known:
            return Answer(409, b"%d\n" % known, SIZE_TYPE)
        reason = _contradiction(request, checkpoint, seen)
        if reason:
            return Answer(422, reason)
        text = parse_note(request.checkpoint.encode()).text
        cosignature = cosign(text, self.name, self.key, seconds=int(self.clock.now().timestamp()))
        faults.point("witness.before_store")
        kept = with_cosignatures(_signed_by(request.checkpoint, key), [cosignature])
        self.state.replace(checkpoint.origin, seen, Seen(checkpoint.size, checkpoint.root, kept))
        faults.point("witness.after_store")
        return Answer(200, cosignature.line.encode())


def _contradiction(request: AddCheckpoint, checkpoint: Checkpoint, seen: Seen | None) -> bytes:
    """Why the checkpoint does not go on from what was seen; nothing if it does."""
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        return b"an empty log has another root\n"
    if request.old == 0:
        return b"nothing needs no proof\n" if request.proof else b""
    root = b"" if seen is None else seen.root
    try:
        verify_consistency(request.old, checkpoint.size, root, new_root=checkpoint.root, proof=request.proof)
    except Refused as error:
        return error.message.encode() + b"\n"
    return b""


def _signed_by(checkpoint: str, key: VerifierKey) -> str:
    """The note with the log's own line alone: what others put there was not looked at."""
    text, _, lines = checkpoint.rpartition("\n\n")
    own = [
        line
        for line, parsed in zip(lines.split("\n"), parse_note(checkpoint.encode()).signatures, strict=False)
        if (parsed.name, parsed.key_id) == (key.name, key.key_id)
    ]
    return f"{text}\n\n{own[0]}\n"


def _refusal(status: int, error: Refused) -> Answer:
    return Answer(status, error.message.encode() + b"\n")
