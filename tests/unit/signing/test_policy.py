"""Digests fit their scheme."""

import pytest

from natsuin.algorithms import SignatureScheme
from natsuin.errors import Malformed
from natsuin.signing.policy import require_digests


def test_digests_have_the_length_of_their_hash() -> None:
    require_digests((bytes(32),), SignatureScheme.ECDSA_SHA256, 10)
    for digests in ((), (bytes(31),), (bytes(32), bytes(48)), (bytes(32),) * 11):
        with pytest.raises(Malformed):
            require_digests(digests, SignatureScheme.ECDSA_SHA256, 10)
