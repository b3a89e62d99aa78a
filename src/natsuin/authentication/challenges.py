"""Challenges for sign-in that are kept nowhere until they are answered.

Anybody may ask for a challenge, as often as they like, so nothing is stored for it: a challenge carries the time at
which it was made and proves by an HMAC that it was made here. What is remembered is only which ones were redeemed by a
verified sign-in, until they would expire anyway; a stranger cannot make that grow.

The key is made at start and never leaves this object. A restart makes every challenge worthless, the redeemed ones too,
so single use holds across it, and whoever reads the database can make none.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

CHALLENGE_LIFE_SECONDS = 300
_NONCE_BYTES = 16
_TIME_BYTES = 8
_TAG_BYTES = 32


class Challenges:
    """Makes and redeems challenges. Thread safe; never blocks. Times come from `timer`, which nobody can set back."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._redeemed: dict[bytes, int] = {}
        """By nonce, when it was redeemed (in milliseconds), the earliest first."""

    def make(self) -> bytes:
        """A new challenge: 16 random bytes, the time in milliseconds (8 bytes), and a tag of 32 bytes over both."""
        told = secrets.token_bytes(_NONCE_BYTES) + self._now().to_bytes(_TIME_BYTES)
        return told + self._tag(told)

    def is_open(self, challenge: bytes) -> bool:
        """Whether it was made here less than five minutes ago and is not redeemed."""
        told, tag = challenge[:-_TAG_BYTES], challenge[-_TAG_BYTES:]
        if len(told) != _NONCE_BYTES + _TIME_BYTES or not hmac.compare_digest(tag, self._tag(told)):
            return False
        with self._lock:
            return told[:_NONCE_BYTES] not in self._redeemed and not self._is_over(_made_at(told))

    def redeem(self, challenge: bytes) -> bool:
        """Use an open challenge up. False if it is not open, or somebody else was faster."""
        with self._lock:
            nonce = challenge[:_NONCE_BYTES]
            if nonce in self._redeemed or self._is_over(_made_at(challenge)):
                return False
            while self._redeemed and self._is_over(self._redeemed[next(iter(self._redeemed))]):
                # So long after it was redeemed it is over for certain.
                del self._redeemed[next(iter(self._redeemed))]
            self._redeemed[nonce] = self._now()
            return True

    def _is_over(self, made_at: int) -> bool:
        return self._now() - made_at >= CHALLENGE_LIFE_SECONDS * 1000

    def _now(self) -> int:
        return int(self._timer() * 1000)

    def _tag(self, told: bytes) -> bytes:
        return hmac.digest(self._key, b"natsuin/login/v1\0" + told, hashlib.sha256)


def _made_at(challenge: bytes) -> int:
    return int.from_bytes(challenge[_NONCE_BYTES : _NONCE_BYTES + _TIME_BYTES])
