"""Every error that may leave a function of Natsuin.

    NatsuinError                      root; carries code, message, hint
    ├── Refused                       a rule says no; asking again unchanged is pointless
    │   ├── Malformed                 the input is not what it claims to be
    │   ├── NotFound                  no such thing, or not the caller's
    │   ├── Unauthenticated           the caller is not signed in
    │   ├── Forbidden                 the caller may not do this
    │   ├── ApprovalRefused           the approval does not prove what it must
    │   ├── WrongSecret               PIN or recovery code does not open the key
    │   ├── Locked                    too many failures; closed until recovered
    │   ├── Expired                   it was good once
    │   ├── AlreadyUsed               single use, and used
    │   ├── Conflict                  the present state does not allow this
    │   ├── TooLarge                  above a stated limit
    │   └── Tampered                  a stored record does not carry its seal
    └── Unavailable                   something failed; asking again later may succeed
        ├── Busy                      full; try after a moment
        ├── Indeterminate             the answer did not come in time: ask again with the same request
        └── StorageFailed             a durable write failed; nothing was acknowledged

Subclasses in the functions refine these. Messages are for people and never contain a secret or a traceback; those that
can reach the network name no path either (what refuses a start names the file that must be mended).
Status codes are decided in `natsuin.web.problems` alone.
"""

from typing import ClassVar


class NatsuinError(Exception):
    """Root. `code` is stable and machine-readable, `message` names the cause, `hint` the next step for a person."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(NatsuinError):
    """A rule says no."""

    code = "refused"


class Malformed(Refused):
    """The input is not what it claims to be."""

    code = "malformed"


class NotFound(Refused):
    """No such thing, or it is not the caller's: both are told in the same words."""

    code = "not_found"


class Unauthenticated(Refused):
    """The caller is not signed in."""

    code = "unauthenticated"


class Forbidden(Refused):
    """The caller may not do this."""

    code = "forbidden"


class ApprovalRefused(Refused):
    """An approval does not prove what it must: wrong passkey, wrong challenge, no user verification."""

    code = "approval_refused"


class WrongSecret(Refused):
    """The PIN or the recovery code does not open the key."""

    code = "wrong_secret"


class Locked(Refused):
    """Too many failures; closed until recovered another way."""

    code = "locked"


class Expired(Refused):
    """It was good once, and its time is over."""

    code = "expired"


class AlreadyUsed(Refused):
    """Good for one use, which is past."""

    code = "already_used"


class Conflict(Refused):
    """The present state does not allow this."""

    code = "conflict"


class TooLarge(Refused):
    """Above a stated limit."""

    code = "too_large"


class Tampered(Refused):
    """A stored record was changed by somebody without the key that seals it."""

    code = "tampered"


class Unavailable(NatsuinError):
    """Something failed; asking again later may succeed."""

    code = "unavailable"


class Busy(Unavailable):
    """Full for the moment."""

    code = "busy"


class Indeterminate(Unavailable):
    """The answer did not come in time, so the result is unknown: ask again with the same request."""

    code = "indeterminate"


class StorageFailed(Unavailable):
    """A durable write failed and nothing was acknowledged. After a step that others rely on, the process stops."""

    code = "storage_failed"


def by_code() -> dict[str, type[NatsuinError]]:
    """Every error class that is loaded, by its `code`: for raising here what a child process refused with."""
    found: dict[str, type[NatsuinError]] = {}
    waiting: list[type[NatsuinError]] = [NatsuinError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return found
