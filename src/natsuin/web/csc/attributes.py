"""What is signed for the digest of a PDF: the same bytes before the approval and at signatures/signDoc."""

import hashlib

from anyio import to_thread

from natsuin import documents
from natsuin.sam.protocol import KeyInformation


async def attributes_over(key: KeyInformation, hash_name: str, digests: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """DER of the signed attributes over each of these document digests. Raises `CertificateUnusable`."""

    def make() -> tuple[bytes, ...]:
        made = {digest: documents.attributes_over(key.certificate, hash_name, digest) for digest in set(digests)}
        return tuple(made[digest] for digest in digests)

    return await to_thread.run_sync(make)


def digests_of(attributes: tuple[bytes, ...], hash_name: str) -> tuple[bytes, ...]:
    """What sam records and signs (DTBS/R)."""
    return tuple(hashlib.new(hash_name, one).digest() for one in attributes)
