"""Where a key was made, and who takes one in: software does, a token does not, and nobody in its place."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from natsuin.algorithms import SignatureScheme
from natsuin.key_management import ImportNotOffered, MasterKey, PKCS11Vault, SoftwareVault, Vaults
from natsuin.key_management.vaults import load_public_key, verify_signature

MASTER = MasterKey(bytes(range(32)))
KEY = ec.generate_private_key(ec.SECP256R1())


def test_a_key_that_was_taken_in_is_sealed_like_any_other() -> None:
    vault = Vaults(SoftwareVault(MASTER))
    with vault.import_key(KEY) as fresh:
        assert fresh.backend == "software"
        public_key, sealed = fresh.public_key, fresh.seal(b"binding")
    with vault.open(sealed, b"binding") as opened:
        signature = opened.sign(bytes(32), SignatureScheme.ECDSA_SHA256)
    verify_signature(load_public_key(public_key), bytes(32), signature, SignatureScheme.ECDSA_SHA256)


def test_beside_a_token_no_key_is_taken_into_software() -> None:
    token = object.__new__(PKCS11Vault)
    with pytest.raises(ImportNotOffered, match="kept in software"):
        Vaults(SoftwareVault(MASTER), token).import_key(KEY)
