"""Keys that live in the token: made, listed, used, destroyed by their identifier."""

import hashlib

import pytest

from natsuin.algorithms import DEFAULT_SCHEME, FACTS, KeyAlgorithm, SignatureScheme
from natsuin.errors import Conflict, NotFound, Tampered
from natsuin.key_management import AlgorithmNotOffered, PKCS11Vault
from natsuin.key_management.hsm.messages import Resident, Residents
from natsuin.key_management.hsm.refusals import ResidentKeyMissing
from natsuin.key_management.vaults import load_public_key, verify_signature
from rigs.tokens import MASTER, in_token

SCHEME = SignatureScheme.ECDSA_SHA256
DIGEST = bytes(32)
CLUTTER = """
for item in session.get_objects({Attribute.ID: b"halved", Attribute.CLASS: ObjectClass.PRIVATE_KEY}):
    item.destroy()
session.generate_keypair(KeyType.RSA, 2048, id=b"small", label="natsuin resident key", store=True)
"""
SEALS = {f"seal {algorithm.value}": algorithm for algorithm in (KeyAlgorithm.P_256, KeyAlgorithm.P_521)}


def test_a_seal_lives_in_the_token_until_it_is_destroyed(token_vault: PKCS11Vault) -> None:
    before = token_vault.count_objects()
    made = {name: make(token_vault, name, algorithm) for name, algorithm in SEALS.items()}
    rsa = make(token_vault, "角印", KeyAlgorithm.RSA_3072)
    assert token_vault.count_objects() == before + 6
    listed = {key.identifier: key for key in token_vault.resident_keys().keys}
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
    assert again.resident_keys() == Residents(())
    assert again.count_objects() == before
    again.close()


def test_identifiers_are_unique_and_known(token_vault: PKCS11Vault) -> None:
    make(token_vault, "twice", KeyAlgorithm.P_256)
    try:
        with pytest.raises(Conflict, match="already"):
            make(token_vault, "twice", KeyAlgorithm.P_384)
    finally:
        token_vault.destroy_resident("twice")
    with pytest.raises(NotFound):
        token_vault.destroy_resident("twice")
    gone = Resident("twice", "p-256", b"")
    with pytest.raises(ResidentKeyMissing, match="holds 0"), token_vault.open_resident(gone) as opened:
        opened.sign(bytes(32), SignatureScheme.ECDSA_SHA256)


def test_what_is_not_offered_is_not_made(token_vault: PKCS11Vault) -> None:
    with pytest.raises(AlgorithmNotOffered):
        make(token_vault, "ed", KeyAlgorithm.ED25519)


def test_a_key_that_is_not_wanted_in_the_end_does_not_stay(token_vault: PKCS11Vault) -> None:
    before = token_vault.count_objects()
    with pytest.raises(ZeroDivisionError), token_vault.generate_resident(KeyAlgorithm.P_256, "unwanted"):
        raise ZeroDivisionError
    assert token_vault.count_objects() == before


def test_a_reference_opens_under_its_own_names_alone_and_as_nothing_else(token_vault: PKCS11Vault) -> None:
    with token_vault.generate_resident(KeyAlgorithm.P_256, "seal") as fresh:
        reference = fresh.seal(b"alice")
    try:
        moved = token_vault.rebind(reference, b"alice", b"alice, new passkey")
        with token_vault.open(moved, b"alice, new passkey") as opened:
            verify_signature(load_public_key(fresh.public_key), DIGEST, opened.sign(DIGEST, SCHEME), SCHEME)
        flipped = bytes([*reference[:-1], reference[-1] ^ 1])
        as_wrapped = b"natsuin/token/v1\0" + reference[len(b"natsuin/resident/v1\0") :]
        for forged, binding in ((reference, b"bob"), (flipped, b"alice"), (as_wrapped, b"alice"), (moved, b"alice")):
            with pytest.raises(Tampered), token_vault.open(forged, binding):
                pass
    finally:
        token_vault.destroy_resident("seal")


def test_objects_that_nobody_can_read_do_not_hide_the_others(token_vault: PKCS11Vault) -> None:
    """Somebody with the PIN leaves a key of a size that is not made here, and one half of another."""
    make(token_vault, "good", KeyAlgorithm.P_256)
    make(token_vault, "halved", KeyAlgorithm.P_256)
    try:
        in_token(token_vault._line._settings, CLUTTER)
        found = token_vault.resident_keys()
        assert [key.identifier for key in found.keys] == ["good"]
        assert set(found.halves) == {"halved", "small"}
    finally:
        for name in ("good", "halved", "small"):
            token_vault.destroy_resident(name)


def make(vault: PKCS11Vault, identifier: str, algorithm: KeyAlgorithm) -> bytes:
    with vault.generate_resident(algorithm, identifier) as fresh:
        return fresh.public_key
