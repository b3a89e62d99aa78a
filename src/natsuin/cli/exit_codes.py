"""Exit codes of every command and process: the one table. Numbers are those of sysexits.h where it has one.

A supervisor restarts a process that ended with a code outside `REFUSING`; one inside means that starting again
unchanged would end the same way.
"""

from typing import Final

from natsuin.errors import (
    Busy,
    Conflict,
    Malformed,
    NatsuinError,
    Refused,
    StorageFailed,
    Tampered,
    Unavailable,
)

DATA_REFUSED: Final = 65
"""EX_DATAERR: the signing log or a database is damaged, was changed, or is not what sam remembers."""
MISSING: Final = 66
"""EX_NOINPUT: a database, the log or the master key is not there."""
UNAVAILABLE: Final = 69
"""EX_UNAVAILABLE: something that is needed does not answer."""
UNEXPECTED: Final = 70
"""EX_SOFTWARE: a mistake in the program."""
EXISTS: Final = 73
"""EX_CANTCREAT: something is there already: files to be made, or another process in this one's place."""
STORAGE_FAILED: Final = 74
"""EX_IOERR: a durable write failed; only a new start can tell what is true."""
BUSY: Final = 75
"""EX_TEMPFAIL: full for the moment."""
PERMISSIONS: Final = 77
"""EX_NOPERM: others could read or change sam's files, or the process cannot protect itself."""
CONFIGURATION: Final = 78
"""EX_CONFIG: the configuration, or anything else that a rule refuses."""
TOKEN_REFUSED: Final = 79
"""The token took not its PIN, or cannot be used as it is: trying again could lock it. Not of sysexits.h."""
WITNESS_REFUSED: Final = 80
"""A witness has seen a later or another state of the signing log than there is here. Not of sysexits.h."""

REFUSING: Final = frozenset({DATA_REFUSED, MISSING, EXISTS, PERMISSIONS, CONFIGURATION, TOKEN_REFUSED, WITNESS_REFUSED})

_BY_CODE: Final = {
    "account": PERMISSIONS,
    "database_corrupt": DATA_REFUSED,
    "database_missing": MISSING,
    "hardening": PERMISSIONS,
    "log_exists": EXISTS,
    "log_locked": EXISTS,
    "log_loose_permissions": PERMISSIONS,
    "log_missing": MISSING,
    "log_rotation_unfinished": CONFIGURATION,
    "log_state_missing": MISSING,
    "log_unreachable": UNAVAILABLE,
    "log_witness_refused": WITNESS_REFUSED,
    "master_key_missing": MISSING,
    "permissions": PERMISSIONS,
    "vault_pin_not_tried": TOKEN_REFUSED,
    "vault_pin_refused": TOKEN_REFUSED,
    "vault_refused": TOKEN_REFUSED,
    "vault_wrapping_key_missing": TOKEN_REFUSED,
    "witness_state_missing": MISSING,
}

_BY_CLASS: Final[tuple[tuple[type[NatsuinError], int], ...]] = (
    (StorageFailed, STORAGE_FAILED),
    (Busy, BUSY),
    (Unavailable, UNAVAILABLE),
    (Tampered, DATA_REFUSED),
    (Malformed, DATA_REFUSED),
    (Conflict, EXISTS),
    (Refused, CONFIGURATION),
)


def exit_code_of(error: NatsuinError) -> int:
    """The code that a process ends with because of `error`."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if error.code.startswith("log_") and isinstance(error, Refused):
        return DATA_REFUSED
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), UNEXPECTED)
