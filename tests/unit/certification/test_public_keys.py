import math

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, mldsa, rsa, x25519

from natsuin.algorithms import KeyAlgorithm
from natsuin.certification import KeyNotAllowed, PrivateKey, algorithm_of
from natsuin.certification.public_keys import key_bits, sign, signing_method


def test_every_kind_of_signing_key_is_known(keys: dict[KeyAlgorithm, PrivateKey]) -> None:
    assert {algorithm_of(key.public_key()) for key in keys.values()} == set(KeyAlgorithm)


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  # weak on purpose
        lambda: mldsa.MLDSA44PrivateKey.generate(),
        lambda: rsa.RSAPublicNumbers(65537, 1 << 20000 | 1),
        lambda: rsa.RSAPublicNumbers(65537, 1 << 3072 | 1),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.SECP224R1()),
        lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
        lambda: x25519.X25519PrivateKey.generate(),
        lambda: ed448.Ed448PrivateKey.generate(),
    ],
    ids=["rsa-1024", "ml-dsa-44", "rsa-20001", "rsa-3073", "p-256k1", "p-224", "brainpool", "x25519", "ed448"],
)
def test_other_keys_are_refused(make: object) -> None:
    key = make()
    with pytest.raises(KeyNotAllowed):
        algorithm_of(key.public_key())


def test_a_dsa_key_is_refused() -> None:
    numbers = dsa.DSAParameterNumbers(p=1 << 3071 | 1, q=1 << 255 | 1, g=2)
    with pytest.raises(KeyNotAllowed):
        algorithm_of(dsa.DSAPublicNumbers(y=5, parameter_numbers=numbers))


@pytest.mark.parametrize("exponent", [3, 17, 65539 * 2**256 + 1])
def test_bad_rsa_exponents_are_refused(exponent: int, keys: dict[KeyAlgorithm, PrivateKey]) -> None:
    good = keys[KeyAlgorithm.RSA_3072].public_key()
    assert isinstance(good, rsa.RSAPublicKey)
    with pytest.raises(KeyNotAllowed):
        algorithm_of(_public(exponent, good.public_numbers().n))


def test_the_roca_weakness_is_seen() -> None:
    # The faulty generator makes primes k * M + (65537 ** a mod M), with M the product of the first primes.
    product = math.prod(p for p in range(2, 168) if all(p % q for q in range(2, p)))
    modulus = pow(65537, 12345, product) + (1 << 3071) // product * product + product
    assert modulus.bit_length() == 3072
    with pytest.raises(KeyNotAllowed, match="weak"):
        algorithm_of(_public(65537, modulus))


def _public(exponent: int, modulus: int) -> object:
    class Numbers(rsa.RSAPublicKey):
        key_size = modulus.bit_length()

        def public_numbers(self) -> rsa.RSAPublicNumbers:
            return rsa.RSAPublicNumbers(exponent, modulus)

        def encrypt(self, plaintext, padding): ...
        def public_bytes(self, encoding, form): ...
        def verify(self, signature, data, padding, algorithm): ...
        def recover_data_from_signature(self, signature, padding, algorithm): ...
        def __copy__(self): ...
        def __deepcopy__(self, memo): ...
        def __eq__(self, other): ...

    return Numbers()


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_each_kind_of_key_signs_and_names_its_method(
    algorithm: KeyAlgorithm, keys: dict[KeyAlgorithm, PrivateKey]
) -> None:
    key = keys[algorithm]
    method = signing_method(key.public_key())
    assert sign(key, method, b"data")
    assert key_bits(key.public_key())
    assert method.digest[0] == method.signature[0] == 0x30
