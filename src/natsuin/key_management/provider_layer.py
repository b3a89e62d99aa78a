"""The outermost layer around a stored key, the provider's: closed by the master key, without any signer's secret.

Because it lies outside the signer's layer, a new master key can be put to use without the signers: a ceremony opens
this layer with the old master key and closes it with the new one, key by key (`natsuin.key_management.rotation`). From
then on a stolen copy of the old master key opens nothing that is stored.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag

from natsuin.errors import Tampered
from natsuin.key_management.master_key import MasterKey
from natsuin.key_management.wrapping import decrypt, encrypt


@dataclass(frozen=True)
class ProviderLayer:
    """AES-256-GCM under a key derived from the master key, with the key's binding as associated data. Safe from several
    threads."""

    key: bytes = field(repr=False)

    @classmethod
    def from_master(cls, master: MasterKey) -> "ProviderLayer":
        """The layer that only holders of the master key can open."""
        return cls(master.derive("provider-layer"))

    def close(self, blob: bytes, binding: bytes) -> bytes:
        """What goes into the column `key_blob`."""
        return encrypt(self.key, blob, binding)

    def open(self, closed: bytes, binding: bytes) -> bytes:
        """What the signer's layer made of the key. Raises `Tampered` if it or its binding changed."""
        try:
            return decrypt(self.key, closed, binding)
        except InvalidTag as error:
            raise Tampered(
                "a key's record does not match the key it is stored with",
                hint="Tell the security officer: owner, public key or passkey of a key were changed in the database.",
            ) from error
