"""What may be signed with, and until when: a table with dates, from CRYPTREC's settings of algorithm and key length.

Source: CRYPTREC LS-0003-2022 as published by the accredited CAs' conference: 112-bit strength makes no new signatures
from
2031, 128-bit none from 2051, 192-bit and above have no end yet.
"""

from datetime import UTC, datetime

from natsuin.algorithms import FACTS, SCHEMES_OF, KeyAlgorithm, SignatureScheme
from natsuin.errors import Malformed, Refused

STRENGTH_BITS: dict[KeyAlgorithm, int] = {
    KeyAlgorithm.RSA_3072: 128,
    KeyAlgorithm.RSA_4096: 128,
    KeyAlgorithm.P_256: 128,
    KeyAlgorithm.P_384: 192,
    KeyAlgorithm.P_521: 256,
    KeyAlgorithm.ED25519: 128,
}
LAST_USE: dict[int, datetime] = {
    112: datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC),
    128: datetime(2050, 12, 31, 23, 59, 59, tzinfo=UTC),
}
"""Strengths that are not named have no end."""


class AlgorithmRefused(Refused):
    """Policy does not allow this algorithm, or not any more."""

    code = "algorithm_refused"


def require_usable(algorithm: KeyAlgorithm, at: datetime) -> None:
    """Raise `AlgorithmRefused` if keys of `algorithm` may not sign at the time `at`."""
    last = LAST_USE.get(STRENGTH_BITS[algorithm])
    if last is not None and at > last:
        raise AlgorithmRefused(
            f"{algorithm.value} makes no new signatures after {last:%Y-%m-%d}",
            hint="Renew the key with a stronger one.",
        )


def scheme_for(name: str, algorithm: KeyAlgorithm) -> SignatureScheme:
    """The scheme called `name`, if keys of `algorithm` can use it. Raises `AlgorithmRefused`."""
    allowed = SCHEMES_OF[algorithm]
    try:
        scheme = SignatureScheme(name)
    except ValueError:
        scheme = None
    if scheme is None or scheme not in allowed:
        raise AlgorithmRefused(
            f"a {algorithm.value} key does not sign with this scheme",
            hint=f"It signs with {', '.join(sorted(s.value for s in allowed))}.",
        )
    return scheme


def require_digests(digests: tuple[bytes, ...], scheme: SignatureScheme, limit: int) -> None:
    """Raise `Malformed` unless there are 1 to `limit` digests, each of the scheme's length."""
    if not 1 <= len(digests) <= limit:
        raise Malformed(
            f"an instruction names 1 to {limit} digests", hint="Split the documents into several approvals."
        )
    size = FACTS[scheme].digest_bytes
    if any(len(digest) != size for digest in digests):
        raise Malformed(f"a digest for {scheme.value} has {size} bytes", hint=f"Hash with {FACTS[scheme].hash_name}.")
