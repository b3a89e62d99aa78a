"""Uses that wait for witnesses: their intent or their outcome is in the log, and too few witnesses have seen it.

Nothing of them is released. The same request again goes on where it stood, with the SAD that it brings: none is kept
here, and what is kept opens nothing without one. A process that ends forgets them, and its next start closes their uses
as after a crash.
"""

import hashlib
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from natsuin.sam.protocol import Sign
from natsuin.signing.activation import sad_hash

if TYPE_CHECKING:
    from natsuin.signing.sign import SignRequest, Use


class Parked:
    """The uses that wait, by their requests. Safe from several threads; each use is given out once."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._uses: dict[tuple[bytes, bytes], Use] = {}

    @property
    def waits(self) -> bool:
        """Whether any use waits."""
        return bool(self._uses)

    def keep(self, uses: "Iterable[Use]") -> None:
        """Let these wait. Their secrets are forgotten."""
        with self._turn:
            for use in uses:
                message = use.request.message
                self._uses[use.instruction["sad_hash"], hashed(message)] = use
                use.request.message = msgspec.structs.replace(message, sad=b"")

    def take(self, requests: "Iterable[SignRequest]") -> "tuple[list[Use], list[SignRequest]]":
        """Those that `requests` ask for again, now with these requests; and the requests that are new."""
        again: list[Use] = []
        new: list[SignRequest] = []
        with self._turn:
            for request in requests:
                message = request.message
                use = self._uses.pop((sad_hash(message.sad), hashed(message)), None) if self._uses else None
                if use is None:
                    new.append(request)
                else:
                    use.request = request
                    again.append(use)
        return again, new

    def overdue(self, now: int) -> "list[Use]":
        """Those whose approval has ended (`now` in milliseconds), to be brought to their end: nobody may ask again."""
        with self._turn:
            over = [name for name, use in self._uses.items() if use.instruction["expires_at"] < now]
            return [self._uses.pop(name) for name in over]


def hashed(message: Sign) -> bytes:
    """What tells two requests under one approval apart."""
    return hashlib.sha256(msgspec.msgpack.encode((message.dtbs, message.scheme, message.salt_bytes))).digest()
