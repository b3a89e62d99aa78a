"""The provider's master key: one half of what opens a signing key (the other is the signer's own secret)."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from natsuin.errors import Refused

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
