"""The two layers around a key, each bound to every name of the key."""

import pytest

from natsuin.algorithms import FACTS, SCHEMES_OF, KeyAlgorithm
from natsuin.errors import Tampered, WrongSecret
from natsuin.key_management.bound_passkeys import BoundPasskey, encode_passkeys
from natsuin.key_management.keys import key_binding
from natsuin.key_management.master_key import MasterKey, MasterKeyMissing
from natsuin.key_management.vaults import WrongSignature, load_public_key, verify_signature
from natsuin.key_management.vaults.software import SoftwareVault, wipe
from natsuin.key_management.wrapping import close_slot, new_signer_key, open_slot, unwrap_for_signer, wrap_for_signer

VAULT = SoftwareVault(MasterKey(bytes(range(32))))
ROW = {
    "version": 1,
    "key_id": "k",
    "user_id": "u",
    "algorithm": "p-256",
    "public_key": b"p",
    "origin": "generated",
    "wrapping_key": "a1",
    "passkeys": encode_passkeys((BoundPasskey(b"c", b"q", "", False, (), 0),)),
}


@pytest.mark.parametrize("algorithm", [a for a in KeyAlgorithm if a is not KeyAlgorithm.RSA_4096])
def test_a_key_signs_after_both_layers_in_every_scheme(algorithm: KeyAlgorithm) -> None:
    with VAULT.generate(algorithm) as fresh:
        public_key, inner = load_public_key(fresh.public_key), fresh.seal(b"binding")
    signer_key = new_signer_key()
    blob = wrap_for_signer(inner, signer_key, b"binding")
    for scheme in SCHEMES_OF[algorithm]:
        dtbs = bytes(FACTS[scheme].digest_bytes)
        with VAULT.open(unwrap_for_signer(blob, signer_key, b"binding"), b"binding") as key:
            signature = key.sign(dtbs, scheme)
        verify_signature(public_key, dtbs, signature, scheme)
        with pytest.raises(WrongSignature):
            verify_signature(public_key, bytes(len(dtbs) - 1) + b"\1", signature, scheme)


def test_no_layer_opens_under_other_names_or_with_another_key() -> None:
    with VAULT.generate(KeyAlgorithm.ED25519) as fresh:
        inner = fresh.seal(b"binding")
    signer_key = new_signer_key()
    blob = wrap_for_signer(inner, signer_key, b"binding")
    with pytest.raises(Tampered):
        unwrap_for_signer(blob, signer_key, b"other")
    with pytest.raises(Tampered):
        unwrap_for_signer(blob, new_signer_key(), b"binding")
    changed = inner[:-1] + bytes([inner[-1] ^ 1])
    for sealed, binding in ((inner, b"other"), (changed, b"binding"), (b"", b"binding"), (blob, b"binding")):
        with pytest.raises(Tampered), VAULT.open(sealed, binding):
            pass
    with pytest.raises(Tampered), SoftwareVault(MasterKey(bytes(32))).open(inner, b"binding"):
        pass


@pytest.mark.parametrize("column", [name for name in ROW if name not in ("version", "passkeys")])
def test_every_name_is_in_the_binding(column: str) -> None:
    changed = {**ROW, column: ROW[column] + ROW[column]}  # type: ignore[operator]  # text and bytes both add
    assert key_binding(changed) != key_binding(ROW)
    assert key_binding({**ROW, "version": 2}) != key_binding(ROW)


@pytest.mark.parametrize(
    "passkey", [BoundPasskey(b"d", b"q", "", False, (), 0), BoundPasskey(b"c", b"r", "", False, (), 0)]
)
def test_every_passkey_is_in_the_binding(passkey: BoundPasskey) -> None:
    assert key_binding({**ROW, "passkeys": encode_passkeys((passkey,))}) != key_binding(ROW)


def test_a_slot_opens_with_its_secret_name_and_binding() -> None:
    signer_key = new_signer_key()
    slot = close_slot("pin", "secret", signer_key, b"binding")
    assert open_slot("pin", slot, "secret", b"binding") == signer_key
    for name, secret, binding in (
        ("recovery", "secret", b"binding"),
        ("pin", "Secret", b"binding"),
        ("pin", "secret", b"other"),
    ):
        with pytest.raises(WrongSecret):
            open_slot(name, slot, secret, binding)


def test_equal_secrets_make_different_slots() -> None:
    signer_key = new_signer_key()
    first, second = (close_slot("pin", "secret", signer_key, b"b") for _ in range(2))
    assert first.salt != second.salt
    assert first.wrapped != second.wrapped


def test_a_master_key_has_32_bytes_and_does_not_show_them() -> None:
    with pytest.raises(MasterKeyMissing):
        MasterKey(bytes(31))
    assert "\\x00" not in repr(MasterKey(bytes(32)))
    assert MasterKey(bytes(32)).derive("a") != MasterKey(bytes(32)).derive("b")


def test_wiping_leaves_zeros() -> None:
    buffer = bytearray(b"secret")
    wipe(buffer)
    assert buffer == bytes(6)
