"""How many digests of what length an instruction may name. Which algorithms, and until when, is decided in
`natsuin.algorithm_policy`."""

from natsuin.algorithms import facts_of
from natsuin.errors import Malformed


def require_digests(digests: tuple[bytes, ...], scheme: str, limit: int) -> None:
    """Raise `Malformed` unless there are 1 to `limit` digests, each of the scheme's length."""
    if not 1 <= len(digests) <= limit:
        raise Malformed(
            f"an instruction names 1 to {limit} digests", hint="Split the documents into several approvals."
        )
    size = facts_of(scheme).digest_bytes
    if any(len(digest) != size for digest in digests):
        raise Malformed(f"a digest for {scheme} has {size} bytes", hint=f"Hash with {facts_of(scheme).hash_name}.")
