"""Weaknesses that an RSA public key shows by itself.

ROCA: M. Nemec, M. Sys, P. Svenda, D. Klinec, V. Matyas, "The Return of Coppersmith's Attack", ACM CCS 2017, section 3
(CVE-2017-15361). Close primes: Fermat's factoring method, as it broke keys in the field in 2022 (CVE-2022-26320).
"""

import math
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from natsuin.certification.refusals import KeyNotAllowed

_SMALLEST_EXPONENT = 65537
_ROCA_GENERATOR = 65537
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
_SMALL_FACTORS_BELOW = 10_000
_FERMAT_ROUNDS = 100
"""Keys with independent primes would need far more than 2^200; those in the field fell in the first rounds."""
_NEW_KEY = "Make a new key with another program."


def check_rsa_numbers(numbers: rsa.RSAPublicNumbers) -> None:
    """Refuse a key whose numbers alone show a weakness. Takes about a millisecond for 4096 bits.

    Raises:
        KeyNotAllowed: the exponent is even, below 65537 or not below 2^256 (FIPS 186-5, A.1.1); the modulus has a
            factor below 10,000, the fingerprint of ROCA, or primes that lie close together.
    """
    exponent, modulus = numbers.e, numbers.n
    if exponent < _SMALLEST_EXPONENT or exponent % 2 == 0 or exponent >= 2**256:
        raise KeyNotAllowed(
            "The public exponent of this RSA key is not allowed.", hint="Make a key with exponent 65537."
        )
    if math.gcd(modulus, _small_primes_product()) != 1:
        raise KeyNotAllowed("The modulus of this RSA key has a small factor.", hint=_NEW_KEY)
    # A modulus made by the faulty generator is a power of 65537 modulo each of these primes; chance alone
    # gives that about once in 2^27.
    if all(modulus % prime in _powers(prime) for prime in _ROCA_PRIMES):
        raise KeyNotAllowed("This RSA key was made by a generator known to be weak (ROCA).", hint=_NEW_KEY)
    if _close_primes(modulus):
        raise KeyNotAllowed("The primes of this RSA key are too close together, which is weak.", hint=_NEW_KEY)


def _close_primes(modulus: int) -> bool:
    """Whether Fermat's method factors it at once: n = a^2 - b^2, beginning with the smallest possible a."""
    middle = math.isqrt(modulus - 1) + 1
    for candidate in range(middle, middle + _FERMAT_ROUNDS):
        rest = candidate * candidate - modulus
        if math.isqrt(rest) ** 2 == rest:
            return True
    return False


@cache
def _small_primes_product() -> int:
    sieve = bytearray([1]) * _SMALL_FACTORS_BELOW
    product = 1
    for number in range(2, _SMALL_FACTORS_BELOW):
        if sieve[number]:
            product *= number
            sieve[number::number] = bytes(len(range(number, _SMALL_FACTORS_BELOW, number)))
    return product


@cache
def _powers(prime: int) -> frozenset[int]:
    found, value = set(), 1
    while value not in found:
        found.add(value)
        value = value * _ROCA_GENERATOR % prime
    return frozenset(found)
