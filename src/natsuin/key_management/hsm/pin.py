"""The token's PIN, and the memory of one that was refused: it is never given to a token again, not by a restart
either."""

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from natsuin.key_management.hsm.refusals import PINRefused, VaultRefused


@dataclass(frozen=True)
class PINSource:
    """Reads the PIN each time it is needed. `mark` is the file that remembers a refused PIN, by a hash under `key`."""

    file: Callable[[], Path]
    mark: Path
    key: bytes = field(repr=False)

    def read(self) -> str:
        """The PIN: the first line of the file. Raises `VaultRefused`, and `PINRefused` for one that was refused."""
        file = self.file()
        try:
            pin = file.read_text(encoding="utf-8").split("\n", 1)[0]
        except (OSError, UnicodeDecodeError) as error:
            raise VaultRefused(f"the token's PIN cannot be read from {file}", hint="See vault.pin.") from error
        if not pin:
            raise VaultRefused(f"the file {file} holds no PIN", hint="Put the token's PIN into its first line.")
        if self.mark.exists() and hmac.compare_digest(self.mark.read_text(), self._fingerprint(pin)):
            raise PINRefused(
                "the token refused this PIN before, so it was not tried again",
                hint=f"Put the right PIN where vault.pin says. If it is right now, remove {self.mark}.",
            )
        return pin

    def remember_refused(self, pin: str) -> None:
        """Never give this PIN to a token again. Durable on return."""
        descriptor = os.open(self.mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(self._fingerprint(pin))
            stream.flush()
            os.fsync(stream.fileno())

    def _fingerprint(self, pin: str) -> str:
        return hmac.digest(self.key, pin.encode(), hashlib.sha256).hex()
