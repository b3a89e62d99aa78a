"""Encrypted backups: the age format (age-encryption.org/v1) for one or more recipients.

A recipient is public, so a host that makes backups cannot open those it made, nor can whoever takes it over later; and
any age tool opens them where there is no Natsuin. The library is pyrage, the binding of rage.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyrage

from natsuin.errors import Conflict, Malformed, NotFound, Refused, Tampered

SUFFIX = ".age"
_IDENTITY: Final = "Give the file that `natsuin backup key` made; it begins with «# public key: age1»."


class IdentityNeeded(Refused):
    """The backup is encrypted and no identity was given that opens it."""

    code = "identity_needed"


def parse_recipients(texts: Sequence[str]) -> "list[pyrage.x25519.Recipient]":
    """Public keys as `age-keygen` writes them, `age1...`. Raises `Malformed`."""
    try:
        return [pyrage.x25519.Recipient.from_str(text) for text in texts]
    except pyrage.RecipientError as error:
        raise Malformed("a recipient is a text that begins with age1", hint="See `natsuin backup key`.") from error


def read_identity(file: Path | None) -> "list[pyrage.x25519.Identity]":
    """The secret keys in a file as `age-keygen` writes it; none without a file. Raises `NotFound`, `Malformed`."""
    if file is None:
        return []
    try:
        lines = file.read_text("utf-8").split()
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-1")]
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"{file} cannot be read as an age identity", hint=_IDENTITY) from error
    except pyrage.IdentityError as error:
        raise Malformed(f"{file} holds no age identity", hint=_IDENTITY) from error
    if not found:
        raise Malformed(f"{file} holds no age identity", hint=_IDENTITY)
    return found


def make_identity(file: Path) -> str:
    """A new identity in a new file, mode 0600; answers with its recipient. Raises `Conflict`."""
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{file} exists already; nothing was changed.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(f"# public key: {recipient}\n{identity}\n")
        opened.flush()
        os.fsync(opened.fileno())
    return recipient


def encrypt_file(source: Path, target: Path, recipients: "Sequence[pyrage.x25519.Recipient]") -> None:
    """Write `source`, encrypted, as `target`."""
    pyrage.encrypt_file(str(source), str(target), list(recipients))


def decrypt_file(source: Path, target: Path, identities: "Sequence[pyrage.x25519.Identity]") -> None:
    """Write `source`, opened, as `target`. Raises `IdentityNeeded`, `Tampered`."""
    if not identities:
        raise IdentityNeeded("the backup is encrypted", hint="Give the file with the secret key: --identity FILE.")
    try:
        pyrage.decrypt_file(str(source), str(target), list(identities))
    except pyrage.DecryptError as error:
        raise Tampered(
            f"{source.name} does not open with this identity, or was changed", hint="Is it the right identity?"
        ) from error
