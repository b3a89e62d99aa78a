"""Frames: how one message after another travels over a byte stream between web and sam.

    frame    = length payload          length: 4 bytes, big-endian, of the payload; 1 to 16,777,216
    request  = [id, patience, body]    MessagePack array; id: unsigned, chosen by web, unique among those unanswered;
                                       patience: milliseconds that web will wait from now on
    answer   = [id, body]              in any order

`body` is a message of `natsuin.sam.protocol`. Patience is a duration and not a moment, so that the clocks of two hosts
need not agree. A frame that breaks these rules ends the connection, because nothing after it can be trusted to begin
where it seems to; a body that is no message is answered with `Failure` and the connection goes on.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from natsuin.errors import Malformed, TooLarge
from natsuin.sam.protocol import Request, Response

MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
LONGEST_PATIENCE_MS = 3_600_000
_LENGTH_BYTES = 4


class FrameRefused(Malformed):
    """The stream does not hold frames. The connection ends."""

    code = "frame_refused"


class _RequestFrame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    identifier: int
    patience_ms: int
    body: msgspec.Raw


class _AnswerFrame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    identifier: int
    body: Response


_encoder = msgspec.msgpack.Encoder()
_request_frames = msgspec.msgpack.Decoder(_RequestFrame)
_requests: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Request)
_answer_frames = msgspec.msgpack.Decoder(_AnswerFrame)


class FrameSplitter:
    """Cuts what arrives into payloads. For one connection and one thread."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def midway(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """The payloads that `data` completes, each readable until the next one is asked for.

        Raises:
            FrameRefused: a length of nothing, or beyond `MAX_PAYLOAD_BYTES`; it is found before the payload is kept.
        """
        held = self._held
        if held:
            held += data
            whole = memoryview(bytes(held)) if self._complete(held) else None
            if whole is None:
                return
        else:
            whole = memoryview(data)
        start, size = 0, len(whole)
        try:
            while size - start >= _LENGTH_BYTES:
                end = start + _LENGTH_BYTES + self._length(whole[start : start + _LENGTH_BYTES])
                if end > size:
                    break
                yield whole[start + _LENGTH_BYTES : end]
                start = end
        finally:
            self._held = bytearray(whole[start:])

    def _complete(self, held: bytearray) -> bool:
        return len(held) >= _LENGTH_BYTES and len(held) >= _LENGTH_BYTES + self._length(held[:_LENGTH_BYTES])

    @staticmethod
    def _length(field: "bytes | bytearray | memoryview") -> int:
        length = int.from_bytes(field, "big")
        if not 1 <= length <= MAX_PAYLOAD_BYTES:
            raise FrameRefused(f"a frame says that it holds {length} bytes")
        return length


def frame(payload: bytes) -> bytes:
    """`payload` with its length before it.

    Raises:
        TooLarge: beyond `MAX_PAYLOAD_BYTES`.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise TooLarge(f"a message of {len(payload)} bytes does not fit into a frame")
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


def encode_request(identifier: int, patience_ms: int, message: Request) -> bytes:
    """A whole frame. Raises `TooLarge`."""
    return frame(_encoder.encode((identifier, patience_ms, message)))


def decode_request_frame(payload: "bytes | memoryview") -> tuple[int, int, bytes]:
    """Identifier, patience in milliseconds, and the body still undecoded.

    Raises:
        FrameRefused: it is no request frame.
    """
    try:
        found = _request_frames.decode(payload)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FrameRefused("a frame holds no request") from error
    if not (0 <= found.identifier < 2**64 and 0 <= found.patience_ms <= LONGEST_PATIENCE_MS):
        raise FrameRefused("a frame's identifier or patience is out of range")
    return found.identifier, found.patience_ms, bytes(found.body)


def decode_request(body: bytes) -> Request:
    """The message in a request frame.

    Raises:
        Malformed: it is none that this sam knows; the reason names the field, never its value.
    """
    try:
        message: Request = _requests.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed("The request is no message that the key module knows.") from error
    return message


def encode_answer(identifier: int, message: Response) -> bytes:
    """A whole frame. Raises `TooLarge`."""
    return frame(_encoder.encode((identifier, message)))


def decode_answer(payload: "bytes | memoryview") -> tuple[int, Response]:
    """Identifier and message.

    Raises:
        FrameRefused: it is no answer.
    """
    try:
        found = _answer_frames.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise FrameRefused("a frame holds no answer") from error
    return found.identifier, found.body
