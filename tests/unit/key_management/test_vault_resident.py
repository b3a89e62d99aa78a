"""Keys that live in the token: made, listed, used, destroyed by their identifier."""

import hashlib

import pytest

from natsuin.algorithms import DEFAULT_SCHEME, FACTS, KeyAlgorithm, SignatureScheme
from natsuin.errors import Conflict, NotFound
from natsuin.key_management import AlgorithmNotOffered, PKCS11Vault
from natsuin.key_management.hsm.messages import Resident
from natsuin.key_management.vaults import load_public_key, verify_signature
from rigs.tokens import MASTER

SEALS = {f"seal {algorithm.value}": algorithm for algorithm in (KeyAlgorithm.P_256, KeyAlgorithm.P_521)}


def test_a_seal_lives_in_the_token_until_it_is_destroyed(token_vault: PKCS11Vault) -> None:
    before = token_vault.count_objects()
    made = {name: token_vault.make_resident(name, algorithm) for name, algorithm in SEALS.items()}
    rsa = token_vault.make_resident("角印", KeyAlgorithm.RSA_3072)
    assert token_vault.count_objects() == before + 6
    listed = {key.identifier: key for key in token_vault.resident_keys()}
    assert {name: key.public_key for name, key in listed.items()} == {**made, "角印": rsa}
    assert {name: listed[name].algorithm for name in SEALS} == {name: a.value for name, a in SEALS.items()}
    # Another process, another login: the keys are in the token, not in the vault.
    again = PKCS11Vault(MASTER, token_vault._line._settings, lambda _: None)
    for key in listed.values():
        scheme = DEFAULT_SCHEME[KeyAlgorithm(key.algorithm)]
        dtbs = hashlib.new(FACTS[scheme].hash_name, b"invoice").digest()
        with again.open_resident(key) as opened:
            for signature in opened.sign_all([dtbs, dtbs], scheme):
                verify_signature(load_public_key(key.public_key), dtbs, signature, scheme)
    for name in listed:
        again.destroy_resident(name)
    assert again.resident_keys() == ()
    assert again.count_objects() == before
    again.close()


def test_identifiers_are_unique_and_known(token_vault: PKCS11Vault) -> None:
    token_vault.make_resident("twice", KeyAlgorithm.P_256)
    try:
        with pytest.raises(Conflict, match="already"):
            token_vault.make_resident("twice", KeyAlgorithm.P_384)
    finally:
        token_vault.destroy_resident("twice")
    with pytest.raises(NotFound):
        token_vault.destroy_resident("twice")
    gone = Resident("twice", "p-256", b"")
    with pytest.raises(NotFound), token_vault.open_resident(gone) as opened:
        opened.sign(bytes(32), SignatureScheme.ECDSA_SHA256)


def test_what_is_not_offered_is_not_made(token_vault: PKCS11Vault) -> None:
    with pytest.raises(AlgorithmNotOffered):
        token_vault.make_resident("ed", KeyAlgorithm.ED25519)
