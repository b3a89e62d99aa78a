"""What a ceremony does to the token's wrapping keys: make another one, which is the present one from then on; destroy
a former one that nothing lies under any more.

The plan names the key by its CKA_ID, so that the same plan, run again after it was broken off, goes on with the same
key, and does nothing when all is done; another plan that names the key goes on as well. The order is: the log tells of
the ceremony, by its plan's hash; the record says that the key is being made, or retired; the token makes it and proves
it, or destroys it; the log tells; the record follows. Whatever is missing after a crash, the next run does, and what
the log told already, every start does (`natsuin.signing.recovery`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from natsuin import faults
from natsuin.clock import Clock
from natsuin.config import Config
from natsuin.errors import Conflict, NotFound, Refused, Unavailable
from natsuin.key_backup import kept_under
from natsuin.key_management import (
    VAULT,
    PKCS11Vault,
    ProviderSecrets,
    RowSealer,
    ServiceKeys,
    WrappingKey,
    WrappingKeys,
    WrappingKeyState,
)
from natsuin.key_management import make_wrapping_key as make_token_key
from natsuin.sam.ceremonies import Held, holding_sam, present_master
from natsuin.sam.hardening import harden
from natsuin.sam.permissions import check_permissions
from natsuin.sam.vaults import token_settings
from natsuin.storage import check_schema, open_database


def make_wrapping_key(held: Held, identifier: str, *, plan_sha256: str, tell: Callable[[], None]) -> str:
    """Make the wrapping key `identifier` the present one; answers with the one that it replaced, empty if it was done
    before. Durable on return. `tell` is called before anything is changed, and not for what is refused.

    Raises:
        Conflict: there is no token, or it has a key of this name that this installation did not begin to make.
        VaultRefused: the token makes none that is as it must be; nothing was changed.
    """
    keys, token = _record(held), _token(held)
    ring = keys.ring()
    state = ring.state_of(identifier)
    if state is WrappingKeyState.PRESENT:
        tell()
        return ""
    if state is None and token.has_wrapping_key(bytes.fromhex(identifier)):
        # Before the record says that it is being made, because from then on a key of this name is taken for the
        # remains of this ceremony, and destroyed.
        raise Conflict(
            f"the token holds a wrapping key with the id {identifier} that is not on record here",
            hint="It may be another installation's. `natsuin ceremony plan --kind wrapping` names a new id.",
        )
    keys.require_unmade(identifier)
    tell()
    keys.begin(identifier)
    faults.point("wrapping.after_row")
    if state is WrappingKeyState.MAKING:
        # The log does not tell that it was made (`WrappingKeys.settled`), so nothing lies under it, and one that was
        # made whole, in this ceremony, is worth more than one found.
        with suppress(NotFound):
            token.destroy_wrapping_key(bytes.fromhex(identifier))
    try:
        with _to_be_run_again():
            token.make_wrapping_key(bytes.fromhex(identifier))
    except Refused as refusal:
        if not isinstance(refusal, Conflict):
            with suppress(NotFound):
                token.destroy_wrapping_key(bytes.fromhex(identifier))
        keys.forget(identifier)
        raise
    faults.point("wrapping.after_token")
    with _to_be_run_again():
        keys.keep_proof(identifier, token.make_proof(bytes.fromhex(identifier)))
    public = {"wrapping_key": identifier, "replaced": ring.present, "plan_sha256": plan_sha256}
    held.sam.journal.record("wrapping-key-made", public=public, private={})
    faults.point("wrapping.after_entry")
    keys.replace(ring.present, identifier)
    faults.point("wrapping.after_replaced")
    return ring.present


def make_first_wrapping_key(config: Config) -> str:
    """Make the wrapping key that the configuration names, for an installation that had no token until now; answers
    with its id. Durable on return. It is on record from the next start, as after `natsuin init`.

    Raises:
        Conflict: sam is running, the configuration has no token, anything lies under that key or another one (what
            a token lost comes back from the token's backup), or the token has a key of this name.
        VaultRefused, PINRefused: the token makes none that is as it must be, or refuses its PIN.
    """
    if config.vault.kind == "software":
        raise Conflict("the configuration has no token", hint="Write section [vault] first; see docs/hsm.md.")
    harden()
    check_permissions(config)
    software = config.model_copy(update={"vault": config.vault.model_copy(update={"kind": "software"})})
    with holding_sam(software) as held:
        keys, wanted = _record(held), config.vault.wrapping_key
        ring = keys.ring().keys
        # A start that looked for the key in vain has put it on record already.
        if [key.identifier for key in ring] not in ([], [wanted]):
            raise Conflict(
                "this installation has other wrapping keys on record",
                hint="`natsuin ceremony wrapping-keys` lists them; vault.wrapping_key names the first one for ever.",
            )
        _require_empty(held, keys, wanted)
        foundation = held.sam.handlers.keys.foundation
        provider = ProviderSecrets(foundation.database, present_master(config), foundation.clock)
        make_token_key(token_settings(config, provider.load(VAULT)))
    return config.vault.wrapping_key


def retire_wrapping_key(held: Held, identifier: str, *, plan_sha256: str, tell: Callable[[], None]) -> bool:
    """Destroy a former wrapping key in the token; answers whether it was still there for this run to destroy. Durable
    on return. `tell` is called before anything is changed, and not for what is refused.

    Raises:
        Conflict: there is no token, the key is not a former one, or something still lies under it.
        Tampered: what lies under it cannot be said.
    """
    keys, token = _record(held), _token(held)
    state = keys.ring().state_of(identifier)
    if state is WrappingKeyState.DESTROYED:
        tell()
        return False
    if state not in (WrappingKeyState.FORMER, WrappingKeyState.RETIRING):
        raise Conflict(
            f"the wrapping key {identifier} is {state.value if state else 'not on record'}, and only a former one ends",
            hint="`natsuin ceremony wrapping-keys` lists them. Make another one first, by a ceremony `wrapping`.",
        )
    _require_empty(held, keys, identifier)
    tell()
    keys.retire(identifier)
    faults.point("wrapping.after_retiring")
    with suppress(NotFound), _to_be_run_again():
        token.destroy_wrapping_key(bytes.fromhex(identifier))
    faults.point("wrapping.after_destruction")
    public = {"wrapping_key": identifier, "plan_sha256": plan_sha256}
    held.sam.journal.record("wrapping-key-destroyed", public=public, private={})
    faults.point("wrapping.after_retired_entry")
    keys.destroyed(identifier)
    return True


def unfinished_wrapping_key(config: Config, clock: Clock) -> str:
    """The wrapping key whose ceremony was broken off (CKA_ID in hexadecimal), empty without one. Raises as
    `wrapping_keys_on_record`."""
    if config.vault.kind == "software":
        return ""
    half = (WrappingKeyState.MAKING, WrappingKeyState.RETIRING)
    return next((key.identifier for key, _ in wrapping_keys_on_record(config, clock) if key.state in half), "")


def wrapping_keys_on_record(config: Config, clock: Clock) -> list[tuple[WrappingKey, int]]:
    """Each wrapping key with the number of signers' living keys under it, oldest first; sam may run, or not start.

    Raises `Conflict` if there is no token, `MasterKeyMissing`, `Tampered`.
    """
    if config.vault.kind == "software":
        raise Conflict("this server keeps its keys in software, under no wrapping key")
    master = present_master(config)
    database = open_database(config.sam.database, name="sam")
    try:
        check_schema(database, "sam")
        record = WrappingKeys(database, RowSealer.from_master(master), clock)
        counts = record.living_under()
        return [(key, counts.get(key.identifier, 0)) for key in record.ring().keys]
    finally:
        database.close()


def _require_empty(held: Held, keys: WrappingKeys, identifier: str) -> None:
    """Raise `Conflict` while anything lies under it that somebody may want to open."""
    foundation = held.sam.handlers.keys.foundation
    own = ServiceKeys(
        foundation.database, held.sam.vaults, foundation.sealer, foundation.provider, foundation.clock
    ).under(identifier)
    if own:
        raise Conflict(
            f"keys of the service itself lie under it: {', '.join(own)}",
            hint="They cannot be put under another one. This wrapping key stays as long as the installation.",
        )
    living = keys.living_under().get(identifier, 0)
    forgotten = held.sam.handlers.backup_acts.archives.forgotten_under(identifier)
    archives = kept_under(foundation, identifier) + forgotten
    if living or archives:
        raise Conflict(
            f"{living} living keys of signers and {archives} archives lie under the wrapping key {identifier}",
            hint="Have their owners renew them, or end them; their archives end with them. Then run the plan again."
            + (_FORGOTTEN.format(forgotten) if forgotten else ""),
        )


@contextmanager
def _to_be_run_again() -> Iterator[None]:
    """Tell whoever stands before a token that fails what has become of the ceremony."""
    try:
        yield
    except Unavailable as error:
        hint = "The ceremony is not finished, and sam does not start before it is: run the same plan again."
        raise type(error)(error.message, hint=hint) from error


_FORGOTTEN = (
    " Of {} archives there are only files in sam.archive_folder, because the database was put back: restore those "
    "keys, or carry away the files of those that are given up."
)


def _record(held: Held) -> WrappingKeys:
    foundation = held.sam.handlers.keys.foundation
    return WrappingKeys(foundation.database, foundation.sealer, foundation.clock)


def _token(held: Held) -> PKCS11Vault:
    token = held.sam.vaults.token
    if token is None:
        raise Conflict("this server keeps its keys in software, under no wrapping key", hint="Nothing was done.")
    return token
