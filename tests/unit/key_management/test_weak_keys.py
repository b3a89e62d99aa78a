"""Public keys from outside: everything weak, known or malformed is refused, by no other error than the project's."""

import math
import random

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, rsa, x25519
from hypothesis import given, settings
from hypothesis import strategies as st

from natsuin.algorithms import KeyAlgorithm
from natsuin.errors import Malformed, NatsuinError
from natsuin.key_management import KeyKnown, WeakKey, check_strength
from natsuin.key_management.vaults.operations import generate_private_key
from natsuin.key_management.weak_keys import modulus_of

P_256 = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
ED25519 = bytes.fromhex("300506032b6570")
RSA = bytes.fromhex("300d06092a864886f70d0101010500")


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def integer(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def spki(identifier: bytes, bits: bytes) -> bytes:
    return der(0x30, identifier, der(3, b"\0" + bits))


def rsa_spki(modulus: int, exponent: int = 65537) -> bytes:
    return spki(RSA, der(0x30, integer(modulus), integer(exponent)))


def exported(key: object) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def probable_prime(start: int) -> int:
    small = math.prod(p for p in range(3, 2000, 2) if all(p % q for q in range(3, math.isqrt(p) + 1, 2)))
    candidate = start | 1
    while math.gcd(candidate, small) != 1 or pow(2, candidate - 1, candidate) != 1:
        candidate += 2
    return candidate


@pytest.fixture(scope="module")
def primes() -> tuple[int, int, int]:
    """Three primes of 1024 bits, any two of which make a modulus of 2048."""
    chosen = random.Random(20261122)  # noqa: S311  # the same primes in every run
    return tuple(probable_prime(chosen.getrandbits(1021) | 7 << 1021) for _ in range(3))


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_sound_key_passes(algorithm: KeyAlgorithm, primes: tuple[int, int, int]) -> None:
    others = [exported(generate_private_key(other).public_key()) for other in KeyAlgorithm]
    key = exported(generate_private_key(algorithm).public_key())
    sound = check_strength(key, others=others)
    assert (sound.spki, sound.algorithm) == (key, algorithm)
    assert check_strength(rsa_spki(primes[0] * primes[1]), others=others).algorithm is KeyAlgorithm.RSA_2048


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  # weak on purpose
        lambda: rsa.generate_private_key(65537, 2056),
        lambda: rsa.generate_private_key(3, 2048),
        lambda: ec.generate_private_key(ec.SECP224R1()),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
        lambda: ed448.Ed448PrivateKey.generate(),
        lambda: x25519.X25519PrivateKey.generate(),
        lambda: mldsa.MLDSA44PrivateKey.generate(),
        lambda: dsa.generate_private_key(1024),  # noqa: S505  # weak on purpose
    ],
    ids=["rsa-1024", "rsa-2056", "exponent-3", "p-224", "k1", "brainpool", "ed448", "x25519", "ml-dsa-44", "dsa"],
)
def test_other_kinds_are_refused(make: object) -> None:
    with pytest.raises(WeakKey):
        check_strength(exported(make().public_key()), others=())


def test_a_monstrous_modulus_is_refused_before_any_arithmetic() -> None:
    with pytest.raises(Malformed):
        check_strength(rsa_spki(2**200_000 + 1), others=())
    with pytest.raises(WeakKey):
        check_strength(rsa_spki(2**20_000 + 1), others=())


@pytest.mark.parametrize("exponent", [1, 3, 17, 65536, 65538, 2**256 + 1])
def test_bad_exponents_are_refused(exponent: int, primes: tuple[int, int, int]) -> None:
    with pytest.raises((WeakKey, Malformed)):
        check_strength(rsa_spki(primes[0] * primes[1], exponent), others=())


def test_the_roca_generator_is_recognised() -> None:
    # Its primes are k * M + (65537 ** a mod M); M is the product of the first 126 primes for keys of 2048 bits.
    product = math.prod(p for p in range(2, 702) if all(p % q for q in range(2, p)))
    chosen = random.Random(2017)  # noqa: S311  # the same primes in every run

    def weak_prime() -> int:
        while True:
            factor = chosen.randrange((3 << 1022) // product + 1, (1 << 1024) // product)
            candidate = factor * product + pow(65537, chosen.getrandbits(200), product)
            if pow(2, candidate - 1, candidate) == 1:
                return candidate

    modulus = weak_prime() * weak_prime()
    assert modulus.bit_length() == 2048
    with pytest.raises(WeakKey, match="ROCA"):
        check_strength(rsa_spki(modulus), others=())


def test_close_primes_are_recognised(primes: tuple[int, int, int]) -> None:
    close = probable_prime(primes[0] + 2**500)
    for modulus in (primes[0] * close, primes[0] ** 2):
        with pytest.raises(WeakKey, match="close"):
            check_strength(rsa_spki(modulus), others=())


def test_a_modulus_that_is_prime_or_has_a_small_factor_is_refused(primes: tuple[int, int, int]) -> None:
    with pytest.raises(WeakKey, match="prime"):
        check_strength(rsa_spki(probable_prime(primes[0] * primes[1])), others=())
    with pytest.raises(WeakKey, match="small factor"):
        check_strength(rsa_spki((2**2048 - 2**1024) // 9973 * 9973), others=())


def test_a_shared_prime_is_found_among_many(primes: tuple[int, int, int]) -> None:
    first, second, third = primes
    strangers = [exported(generate_private_key(KeyAlgorithm.RSA_2048).public_key()) for _ in range(3)]
    elliptic = exported(generate_private_key(KeyAlgorithm.P_256).public_key())
    shared = rsa_spki(second * third)
    for others in ([shared], [*strangers, shared, elliptic], [elliptic, shared, *strangers]):
        with pytest.raises(WeakKey, match="shares a prime"):
            check_strength(rsa_spki(first * second), others=others)
    # Both primes from two different keys: the product of the others vanishes modulo the new one.
    with pytest.raises(WeakKey, match="shares a prime"):
        check_strength(rsa_spki(first * second), others=[rsa_spki(first * third), shared])
    assert check_strength(rsa_spki(first * second), others=[*strangers, elliptic])


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_key_that_is_here_is_refused(algorithm: KeyAlgorithm) -> None:
    key = exported(generate_private_key(algorithm).public_key())
    with pytest.raises(KeyKnown):
        check_strength(key, others=[key])


def test_the_same_modulus_under_another_exponent_is_refused(primes: tuple[int, int, int]) -> None:
    modulus = primes[0] * primes[1]
    with pytest.raises(KeyKnown):
        check_strength(rsa_spki(modulus, 65539), others=[rsa_spki(modulus)])


def test_points_that_are_none_are_refused() -> None:
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    x, y = point.public_numbers().x.to_bytes(32, "big"), point.public_numbers().y
    field = 2**256 - 2**224 + 2**192 + 2**96 - 1
    for bits in (
        b"\0",
        b"\x04" + bytes(64),
        b"\x04" + x + (y ^ 1).to_bytes(32, "big"),
        b"\x04" + x + y.to_bytes(32, "big")[:-1],
        b"\x04" + field.to_bytes(32, "big") + y.to_bytes(32, "big"),
        bytes([2 + y % 2]) + x,
        bytes([6 + y % 2]) + x + y.to_bytes(32, "big"),
        b"",
    ):
        with pytest.raises((Malformed, WeakKey)):
            check_strength(spki(P_256, bits), others=())
    assert check_strength(spki(P_256, b"\x04" + x + y.to_bytes(32, "big")), others=())


# Points of order 1, 2, 4, 4, 8 and 8, then a number that is not below 2^255 - 19.
@pytest.mark.parametrize(
    "point",
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0200000000000000000000000000000000000000000000000000000000000000",
    ],
)
def test_unsound_edwards_points_are_refused(point: str) -> None:
    with pytest.raises(WeakKey, match="point"):
        check_strength(spki(ED25519, bytes.fromhex(point)), others=())


def test_every_edwards_key_that_is_made_here_is_sound() -> None:
    for _ in range(50):
        assert check_strength(exported(ed25519.Ed25519PrivateKey.generate().public_key()), others=())


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_other_encodings_of_a_good_key_are_refused(algorithm: KeyAlgorithm) -> None:
    good = exported(generate_private_key(algorithm).public_key())
    content = good[4:] if good[1] == 0x82 else good[3:] if good[1] == 0x81 else good[2:]
    longer = b"\x30\x83" + len(content).to_bytes(3, "big") + content
    for other in (longer, good + b"\0", good[:-1], b"\x30\x80" + content + b"\0\0", b"\0" + good, good.hex().encode()):
        with pytest.raises(Malformed):
            check_strength(other, others=())


GOOD = [
    exported(generate_private_key(algorithm).public_key())
    for algorithm in (KeyAlgorithm.RSA_2048, KeyAlgorithm.P_256, KeyAlgorithm.ED25519, KeyAlgorithm.ML_DSA_65)
]


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.builds(
            lambda key, at, put: key[: at % len(key)] + put + key[at % len(key) + len(put) :],
            st.sampled_from(GOOD),
            st.integers(0, 4000),
            st.binary(min_size=1, max_size=6),
        ),
        st.builds(lambda key, end: key[: end % len(key)], st.sampled_from(GOOD), st.integers(0, 4000)),
    )
)
def test_hostile_bytes_end_in_the_projects_own_errors(data: bytes) -> None:
    try:
        sound = check_strength(data, others=GOOD)
    except NatsuinError:
        return
    assert sound.spki == data


def test_moduli_are_read_as_the_library_reads_them() -> None:
    for algorithm in KeyAlgorithm:
        key = generate_private_key(algorithm).public_key()
        expected = key.public_numbers().n if isinstance(key, rsa.RSAPublicKey) else 0
        assert modulus_of(exported(key)) == expected
