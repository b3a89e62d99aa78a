"""From the section [vault] of the configuration to open vaults."""

import os
import sys
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from natsuin.config import Config
from natsuin.errors import NatsuinError
from natsuin.key_management import (
    KeyRing,
    MasterKey,
    PINSource,
    PKCS11Vault,
    ServiceKeys,
    SoftwareVault,
    TokenSettings,
    Vaults,
    WorkerCommand,
    WrappingKeys,
    make_wrapping_key,
)

WORKER = (sys.executable, "-m", "natsuin.sam.vault_worker")
REFUSED_PIN = "refused-pin"
"""File beside the log's state that remembers a PIN which the token refused."""


def open_vaults(
    config: Config, master: MasterKey, stop: Callable[[NatsuinError], None], *, ring: KeyRing | None = None
) -> Vaults:
    """The vaults of this installation. With a token this logs in to it, once.

    `stop` is called later, from any thread, when the token does not take its PIN any more. Without a `ring` there is
    the wrapping key alone that the configuration names.
    """
    software = SoftwareVault(master)
    if config.vault.kind == "software":
        return Vaults(software)
    return Vaults(software, PKCS11Vault(master, token_settings(config, master, ring=ring), stop))


def make_proofs(vaults: Vaults, record: WrappingKeys, own: ServiceKeys) -> None:
    """For each wrapping key that has none yet, make what it is known by; durable on return.

    That is at the first start with a token, and after a database from before a ceremony was put back. What the token
    holds then is believed, if nobody's key lies under it and the service's own keys there open.

    Raises:
        Tampered: signers' keys lie under a wrapping key without proof.
        VaultUnavailable: the token does not use the service's own keys.
    """
    if vaults.token is None:
        return
    ring = record.ring()
    for identifier in ring.opening:
        if identifier in ring.proofs:
            continue
        record.require_unused(identifier)
        for purpose in own.under(identifier)[:1]:
            own.load(purpose).elliptic.sign(os.urandom(32), ec.ECDSA(SHA256()))
        record.keep_proof(identifier, vaults.token.make_proof(bytes.fromhex(identifier)))


def make_vaults(config: Config, master: MasterKey) -> Vaults:
    """As `open_vaults`, for a new installation: the wrapping key is made first. Raises `Conflict` if there is one."""
    if config.vault.kind == "pkcs11":
        make_wrapping_key(token_settings(config, master))
    return open_vaults(config, master, lambda _: None)


def token_settings(config: Config, master: MasterKey, *, ring: KeyRing | None = None) -> TokenSettings:
    """What the vault needs to know of its token."""
    vault = config.vault
    present, former = (ring.present, ring.former) if ring is not None else (vault.wrapping_key, ())
    return TokenSettings(
        command=WorkerCommand(WORKER, dict(vault.environment)),
        module=str(vault.module),
        parameters=vault.parameters,
        label=vault.token,
        pin=PINSource(
            lambda: vault.pin_file, config.sam.log_state.with_name(REFUSED_PIN), master.derive("refused-pin")
        ),
        wrapping_key=bytes.fromhex(present),
        sessions=vault.sessions,
        deadline_seconds=vault.deadline_seconds,
        allow_weak_token=vault.allow_weak_token,
        former=tuple(bytes.fromhex(identifier) for identifier in former),
        proofs=ring.proofs if ring is not None else {},
    )
