"""The token holds as many objects after any number of enrolments and signatures as before, keys that lived in it for a
time among them.

200 in the ordinary run; `make soak` does 10,000.
"""

import os
from collections.abc import Callable

import pytest

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.cli.demo.tokens import KINDS
from natsuin.key_management import PKCS11Vault
from natsuin.key_management.vaults import load_public_key, verify_signature

ONE_IN = 25
"""Of so many keys one lives in the token, signs there and is destroyed."""
ROUNDS = int(os.environ.get("NATSUIN_SOAK_ROUNDS", "200"))
SCHEME = SignatureScheme.ECDSA_SHA256


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", KINDS)
def test_the_token_does_not_fill_up(tokens: Callable[[str], PKCS11Vault], kind: str) -> None:
    vault = tokens(kind)
    before, worker = vault.count_objects(), vault.worker_pid
    assert before >= 1
    for number in range(ROUNDS):
        binding, digest = number.to_bytes(4), number.to_bytes(32)
        with vault.generate(KeyAlgorithm.P_256) as fresh:
            sealed, public_key = fresh.seal(binding), fresh.public_key
        with vault.open(sealed, binding) as key:
            verify_signature(load_public_key(public_key), digest, key.sign(digest, SCHEME), SCHEME)
        if number % ONE_IN == 0:
            _live_and_die(vault, f"seal {number}", digest)
            assert vault.count_objects() == before
    assert vault.count_objects() == before
    assert vault.worker_pid == worker, "session objects went with no process"


def _live_and_die(vault: PKCS11Vault, name: str, digest: bytes) -> None:
    with vault.generate_resident(KeyAlgorithm.P_256, name) as fresh:
        sealed, public_key = fresh.seal(name.encode()), fresh.public_key
    assert [key.identifier for key in vault.resident_keys().keys] == [name]
    with vault.open(sealed, name.encode()) as key:
        verify_signature(load_public_key(public_key), digest, key.sign(digest, SCHEME), SCHEME)
    vault.destroy_resident(name)
