"""The provider's master key and its file. It is one half of what opens a signing key; the other is the signer's own
secret."""

import fcntl
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from natsuin import faults
from natsuin.errors import Conflict, Refused

MASTER_KEY_BYTES = 32


class MasterKeyMissing(Refused):
    """There is no master key, or it is not one."""

    code = "master_key_missing"


@dataclass(frozen=True)
class MasterKey:
    """32 secret bytes that are never used themselves: every purpose has a key of its own, derived from them."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != MASTER_KEY_BYTES:
            raise MasterKeyMissing(
                "the master key is not 32 bytes long", hint="Give the file that `natsuin init` or the ceremony made."
            )

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one `purpose` (HKDF-SHA256, RFC 5869), the same each time."""
        info = b"natsuin/master/v1\0" + purpose.encode()
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(self.secret)


def create_master_key(file: Path) -> MasterKey:
    """Make a new master key in a new file, mode 0600. Durable on return.

    Raises:
        Conflict: the file is there already; it was not touched.
    """
    master = MasterKey(secrets.token_bytes(MASTER_KEY_BYTES))
    keep_master_key(file, master)
    return master


def keep_master_key(file: Path, master: MasterKey) -> None:
    """Write a master key into a new file, mode 0600, whole or not there. Durable on return.

    Raises:
        Conflict: the file is there already, or is being made by somebody else; it was not touched.
    """
    # Written aside: half a key, left by a crash, would be taken for a key that there is.
    aside = file.with_name(f"{file.name}.unfinished")
    _require_free(file)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("somebody else is making this master key", hint="Nothing was changed.") from error
        # Whoever held the lock until now has made the file, and this may be it.
        _require_free(file)
        os.fchmod(opened.fileno(), 0o600)
        opened.truncate(0)
        opened.write(master.secret)
        opened.flush()
        faults.point("rotation.key_written")
        os.fsync(opened.fileno())
        aside.rename(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _require_free(file: Path) -> None:
    if os.path.lexists(file):
        raise Conflict("there is a master key already", hint="A master key is made once; nothing was changed.")


def next_key_file(file: Path) -> Path:
    """Where a ceremony keeps the key that is to follow the one in `file`, until everything is under it."""
    return file.with_name(f"{file.name}.next")


def require_settled(file: Path) -> None:
    """Raise `Conflict` while a change of the master key in `file` is under way: half of what is stored is under the
    next one."""
    if next_key_file(file).exists():
        raise Conflict(
            "a change of the master key is not finished",
            hint="Run the same `natsuin ceremony run` again; it goes on where it stopped. If its plan or its "
            "custodians are lost, a plan of the kind `abandon` takes it back; see docs/ceremonies.md.",
        )


def read_master_key(file: Path) -> MasterKey:
    """The master key that a file holds.

    Raises:
        MasterKeyMissing: the file is missing, cannot be read, or holds something else.
    """
    try:
        return MasterKey(file.read_bytes())
    except OSError as error:
        raise MasterKeyMissing(
            f"the master key cannot be read: {error.strerror}",
            hint="Put it where sam.master_key says, or restore it from the custodians' copies.",
        ) from error
