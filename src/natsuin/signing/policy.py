"""How many digests of what length an instruction may name. Which algorithms, and until when, is decided in
`natsuin.algorithm_policy`."""

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.errors import Malformed


def require_digests(digests: tuple[bytes, ...], scheme: SignatureScheme, limit: int) -> None:
    """Raise `Malformed` unless there are 1 to `limit` digests, each of the scheme's length."""
    if not 1 <= len(digests) <= limit:
        raise Malformed(
            f"an instruction names 1 to {limit} digests", hint="Split the documents into several approvals."
        )
    size = FACTS[scheme].digest_bytes
    if any(len(digest) != size for digest in digests):
        raise Malformed(f"a digest for {scheme.value} has {size} bytes", hint=f"Hash with {FACTS[scheme].hash_name}.")
