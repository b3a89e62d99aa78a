"""A long batch goes to a token in pieces, so that the deadline of a call tells a slow token from one that hangs."""

import hashlib
from collections.abc import Sequence

import pytest

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.errors import NatsuinError
from natsuin.key_management.hsm import messages
from natsuin.key_management.hsm.refusals import VaultInterrupted, VaultUnavailable
from natsuin.key_management.vaults import load_public_key, verify_signature
from natsuin.key_management.vaults.pkcs11 import PKCS11Vault, _Open

DIGESTS = [hashlib.sha256(bytes([n])).digest() for n in range(123)]
SCHEME = SignatureScheme.ECDSA_SHA256


class LeavingToken:
    """Answers a number of calls and is gone then."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.asked: list[int] = []

    def use(self, method: messages.Method, dtbs: Sequence[bytes]) -> tuple[bytes, ...]:
        self.asked.append(len(dtbs))
        if not self.left:
            raise VaultUnavailable("the token is gone", hint="Put it back.")
        self.left -= 1
        return tuple(b"\1" * 64 for _ in dtbs)


def test_a_real_token_signs_a_long_batch_in_its_order(token_vault: PKCS11Vault) -> None:
    with token_vault.generate(KeyAlgorithm.P_256) as key:
        signatures = key.sign_all(DIGESTS, SCHEME)
        public_key = load_public_key(key.public_key)
    assert len(signatures) == len(DIGESTS)
    for digest, signature in zip(DIGESTS, signatures, strict=True):
        verify_signature(public_key, digest, signature, SCHEME)


def test_no_call_is_longer_than_a_deadline_is_made_for() -> None:
    token = LeavingToken(10)
    assert len(_Open(b"", token.use).sign_all(DIGESTS, SCHEME)) == 123
    assert token.asked == [50, 50, 23]


@pytest.mark.parametrize(("calls", "error"), [(0, VaultUnavailable), (1, VaultInterrupted), (2, VaultInterrupted)])
def test_a_token_that_leaves_in_the_middle_has_used_the_key(calls: int, error: type[NatsuinError]) -> None:
    with pytest.raises(error) as caught:
        _Open(b"", LeavingToken(calls).use).sign_all(DIGESTS, SCHEME)
    assert type(caught.value) is error
    assert caught.value.hint == "Put it back."
