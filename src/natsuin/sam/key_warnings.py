"""What the owner of a key, and the operator, should be told of it in good time. Pure; for web and the command line."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from natsuin.clock import milliseconds
from natsuin.sam.protocol import KeyInformation

CERTIFICATE_DAYS = (7, 30, 60)
"""People are told when so few days of the certificate are left, in stronger words each time."""
FEW_TRIES = 5
_DAY_MS = 24 * 3600 * 1000
_ENDED = frozenset({"revoked", "destroyed"})


@dataclass(frozen=True)
class KeyWarning:
    """One thing to know. `grave` is True where the key does not sign, or soon will not; `days` are whole days left and
    `count` tries left, where the kind has such."""

    kind: str
    """certificate_awaited, certificate_ended, certificate_ends, algorithm_ended, algorithm_ending,
    algorithm_transition, algorithm_experimental, pin_locked, pin_tries_low or one_passkey."""
    grave: bool = False
    days: int = 0
    count: int = 0


def warnings_of(key: KeyInformation, now: datetime) -> tuple[KeyWarning, ...]:
    """What there is to be told now, the gravest first. Nothing of a key that has ended, or ends by itself."""
    if key.state in _ENDED or key.one_time:
        return ()
    found = [*_of_certificate(key, milliseconds(now)), *_of_algorithm(key), *_of_secrets(key)]
    return tuple(sorted(found, key=lambda warning: not warning.grave))


def why_it_cannot_sign(key: KeyInformation, now: datetime) -> str:
    """The state that is not active, `certificate_ended`, `algorithm_ended` or `pin_locked`; empty if it can sign."""
    if key.state != "active":
        return key.state
    reasons = {"certificate_ended", "algorithm_ended", "pin_locked"}
    kinds = [*_of_certificate(key, milliseconds(now)), *_of_algorithm(key), *_of_secrets(key)]
    return next((warning.kind for warning in kinds if warning.kind in reasons), "")


def certificate_end(key: KeyInformation) -> int:
    """Milliseconds, or 0 while there is no certificate."""
    if not key.certificate:
        return 0
    return milliseconds(x509.load_der_x509_certificate(key.certificate).not_valid_after_utc)


def _of_certificate(key: KeyInformation, now: int) -> list[KeyWarning]:
    end = certificate_end(key)
    if not end:
        return [KeyWarning("certificate_awaited")]
    left = (end - now) // _DAY_MS
    if end <= now:
        return [KeyWarning("certificate_ended", grave=True)]
    if left >= CERTIFICATE_DAYS[-1]:
        return []
    return [KeyWarning("certificate_ends", grave=left < CERTIFICATE_DAYS[0], days=left)]


def _of_algorithm(key: KeyInformation) -> list[KeyWarning]:
    if not key.algorithm_notice:
        return []
    return [KeyWarning(f"algorithm_{key.algorithm_notice}", grave=key.algorithm_notice == "ended")]


def _of_secrets(key: KeyInformation) -> list[KeyWarning]:
    found = []
    if key.pin_tries_left == 0:
        found.append(KeyWarning("pin_locked", grave=True))
    elif key.pin_tries_left <= FEW_TRIES:
        found.append(KeyWarning("pin_tries_low", count=key.pin_tries_left))
    if len(key.passkeys) == 1:
        found.append(KeyWarning("one_passkey"))
    return found
