"""Algorithms end on their day."""

from datetime import UTC, datetime

import pytest

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.errors import Malformed
from natsuin.signing.policy import AlgorithmRefused, require_digests, require_usable, scheme_for


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_every_algorithm_may_be_used_today(algorithm: KeyAlgorithm) -> None:
    require_usable(algorithm, datetime(2026, 11, 22, tzinfo=UTC))
    assert scheme_for(next(iter(sorted(algorithm_schemes(algorithm)))), algorithm)


def algorithm_schemes(algorithm: KeyAlgorithm) -> list[str]:
    from natsuin.algorithms import SCHEMES_OF

    return [scheme.value for scheme in SCHEMES_OF[algorithm]]


@pytest.mark.parametrize(
    ("algorithm", "ends"),
    [
        (KeyAlgorithm.RSA_3072, True),
        (KeyAlgorithm.P_256, True),
        (KeyAlgorithm.ED25519, True),
        (KeyAlgorithm.P_384, False),
        (KeyAlgorithm.P_521, False),
    ],
)
def test_128_bit_strength_ends_with_2050(algorithm: KeyAlgorithm, ends: bool) -> None:
    require_usable(algorithm, datetime(2050, 12, 31, 23, 59, tzinfo=UTC))
    after = datetime(2051, 1, 1, tzinfo=UTC)
    if ends:
        with pytest.raises(AlgorithmRefused):
            require_usable(algorithm, after)
    else:
        require_usable(algorithm, after)


@pytest.mark.parametrize("name", ["", "rsa-pkcs1-sha1", "ecdsa-sha256", "md5", "RSA-PKCS1-SHA256"])
def test_a_scheme_of_another_key_is_refused(name: str) -> None:
    with pytest.raises(AlgorithmRefused):
        scheme_for(name, KeyAlgorithm.RSA_3072)


def test_digests_have_the_length_of_their_hash() -> None:
    require_digests((bytes(32),), SignatureScheme.ECDSA_SHA256, 10)
    for digests in ((), (bytes(31),), (bytes(32), bytes(48)), (bytes(32),) * 11):
        with pytest.raises(Malformed):
            require_digests(digests, SignatureScheme.ECDSA_SHA256, 10)
