"""How often sign-in may fail, so that one stranger behind an address that many share locks nobody else out."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from natsuin.authentication.throttling import MAX_SOURCES, Throttle

FAILURES_PER_PASSKEY = 10
FAILURES_PER_SOURCE = 200


class SignInLimits:
    """Bounds on failures of one passkey from one source, and, much larger, of all passkeys from it. Thread safe.

    A passkey that signed in from a source before is not held to the second bound, which others there may have used up.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._of_passkey = Throttle(FAILURES_PER_PASSKEY, seconds=6, timer=timer)
        self._of_source = Throttle(FAILURES_PER_SOURCE, seconds=1, timer=timer)
        self._lock = threading.Lock()
        self._known: OrderedDict[str, None] = OrderedDict()

    def check(self, source: str, credential_id: bytes) -> None:
        """Raise `TooManyAttempts` if this passkey failed here too often, or a passkey unknown here is one of many."""
        both = _both(source, credential_id)
        self._of_passkey.check(both)
        with self._lock:
            known = both in self._known
        if not known:
            self._of_source.check(source)

    def failed(self, source: str, credential_id: bytes) -> None:
        """Count a failure. Raises `TooManyAttempts` if others used up the last try at the same moment."""
        self._of_passkey.take(_both(source, credential_id))
        with self._lock:
            known = _both(source, credential_id) in self._known
        if not known:
            self._of_source.take(source)

    def succeeded(self, source: str, credential_id: bytes) -> None:
        """Forget this passkey's failures here, and remember that it is known here."""
        both = _both(source, credential_id)
        self._of_passkey.forget(both)
        with self._lock:
            self._known[both] = None
            self._known.move_to_end(both)
            while len(self._known) > MAX_SOURCES:
                self._known.popitem(last=False)


def _both(source: str, credential_id: bytes) -> str:
    return f"{source} {hashlib.sha256(credential_id).hexdigest()}"
