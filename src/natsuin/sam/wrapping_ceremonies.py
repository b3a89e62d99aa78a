"""What a ceremony does to the token's wrapping keys: make another one, which is the present one from then on.

The plan names the key by its CKA_ID, so that the same plan, run again after it was broken off, goes on with the same
key, and makes nothing when all is done. The order is: the record says that the key is being made; the token makes it
and proves it; the log tells; the record follows. Whatever is missing after a crash, the next run does, and what the log
told already, every start does (`natsuin.signing.recovery`).
"""

from contextlib import suppress

from natsuin import faults
from natsuin.errors import Conflict, NotFound, Refused
from natsuin.key_management import PKCS11Vault, WrappingKeys, WrappingKeyState
from natsuin.sam.ceremonies import Held


def make_wrapping_key(held: Held, identifier: str, *, plan_sha256: str) -> str:
    """Make the wrapping key `identifier` the present one; answers with the one that it replaced, empty if the same
    plan had done it before. Durable on return.

    Raises:
        Conflict: there is no token, or the key was made by another ceremony.
        VaultRefused: the token makes none that is as it must be; nothing was changed.
    """
    keys, token = _record(held), _token(held)
    ring = keys.ring()
    state = ring.state_of(identifier)
    if state is WrappingKeyState.PRESENT:
        return ""
    keys.begin(identifier)
    faults.point("wrapping.after_row")
    if state is WrappingKeyState.MAKING:
        # Nothing lies under it yet, and one that was made whole, in this ceremony, is worth more than one found.
        with suppress(NotFound):
            token.destroy_wrapping_key(bytes.fromhex(identifier))
    try:
        token.make_wrapping_key(bytes.fromhex(identifier))
    except Refused as refusal:
        if not isinstance(refusal, Conflict):
            with suppress(NotFound):
                token.destroy_wrapping_key(bytes.fromhex(identifier))
        keys.forget(identifier)
        raise
    faults.point("wrapping.after_token")
    public = {"wrapping_key": identifier, "replaced": ring.present, "plan_sha256": plan_sha256}
    held.sam.journal.record("wrapping-key-made", public=public, private={})
    faults.point("wrapping.after_entry")
    keys.replace(ring.present, identifier)
    faults.point("wrapping.after_replaced")
    return ring.present


def _record(held: Held) -> WrappingKeys:
    foundation = held.sam.handlers.keys.foundation
    return WrappingKeys(foundation.database, foundation.sealer, foundation.clock)


def _token(held: Held) -> PKCS11Vault:
    token = held.sam.vaults.token
    if token is None:
        raise Conflict("this server keeps its keys in software, under no wrapping key", hint="Nothing was done.")
    return token
