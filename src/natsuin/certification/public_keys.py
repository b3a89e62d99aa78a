"""Which public keys may be certified, and how a certification or time-stamping key signs.

Everything here follows from the key alone, so that no caller can pair a key with a hash function that does not suit it.
"""

from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from natsuin.algorithms import DEFAULT_SCHEME, FACTS, KeyAlgorithm
from natsuin.certification.refusals import KeyNotAllowed

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
"""Public keys that may stand in certificates made here."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
"""Keys that sign here. They may live in a token: only `public_key` and `sign` are ever called."""

_CURVES = {
    "secp256r1": KeyAlgorithm.P_256,
    "secp384r1": KeyAlgorithm.P_384,
    "secp521r1": KeyAlgorithm.P_521,
}
_RSA_SIZES = {3072: KeyAlgorithm.RSA_3072, 4096: KeyAlgorithm.RSA_4096}
_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}

_ROCA_GENERATOR = 65537
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


@dataclass(frozen=True)
class SigningMethod:
    """How a key signs: the hash function by hashlib's name, and the DER AlgorithmIdentifiers of hash and signature.

    `signature` is the identifier for certificates, OCSP answers and CMS alike (RFC 5480, RFC 4055, RFC 8410, RFC 8419).
    """

    hash_name: str
    digest: bytes
    signature: bytes


def _identifier(oid: str, null: bool = False) -> bytes:
    body = bytes.fromhex(oid) + (b"\x05\x00" if null else b"")
    return b"\x30" + bytes([len(body)]) + body


# Object identifiers in DER. The hash functions stand without parameters (RFC 5754, section 2).
_DIGEST_IDENTIFIERS = {
    "sha256": _identifier("0609608648016503040201"),
    "sha384": _identifier("0609608648016503040202"),
    "sha512": _identifier("0609608648016503040203"),
}
_ECDSA_IDENTIFIERS = {
    "sha256": _identifier("06082a8648ce3d040302"),
    "sha384": _identifier("06082a8648ce3d040303"),
    "sha512": _identifier("06082a8648ce3d040304"),
}
_RSA_IDENTIFIERS = {
    "sha256": _identifier("06092a864886f70d01010b", null=True),
    "sha384": _identifier("06092a864886f70d01010c", null=True),
    "sha512": _identifier("06092a864886f70d01010d", null=True),
}
_ED25519_IDENTIFIER = _identifier("06032b6570")


def algorithm_of(public_key: object) -> KeyAlgorithm:
    """The kind of `public_key`.

    Raises KeyNotAllowed for every key that is not one of `natsuin.algorithms.KeyAlgorithm`, for an RSA exponent below
    65537 or even, and for RSA moduli with the fingerprint of the ROCA weakness (CVE-2017-15361).
    """
    match public_key:
        case ec.EllipticCurvePublicKey() if public_key.curve.name in _CURVES:
            return _CURVES[public_key.curve.name]
        case rsa.RSAPublicKey() if public_key.key_size in _RSA_SIZES:
            _check_rsa(public_key.public_numbers())
            return _RSA_SIZES[public_key.key_size]
        case ed25519.Ed25519PublicKey():
            return KeyAlgorithm.ED25519
    raise KeyNotAllowed(
        "This kind or size of public key is not certified here.",
        hint="Use RSA with 3072 or 4096 bits, ECDSA on P-256, P-384 or P-521, or Ed25519.",
    )


def _check_rsa(numbers: rsa.RSAPublicNumbers) -> None:
    if numbers.e < 65537 or numbers.e % 2 == 0 or numbers.e >= 2**256:
        raise KeyNotAllowed(
            "The public exponent of this RSA key is not allowed.", hint="Make a key with exponent 65537."
        )
    # A modulus made by the faulty generator is a power of 65537 modulo each of these primes; chance alone
    # gives that about once in 2^27.
    if numbers.n % 2 == 0 or all(numbers.n % p in _powers(p) for p in _ROCA_PRIMES):
        raise KeyNotAllowed("This RSA key was made by a generator known to be weak.", hint="Make a new key.")


@cache
def _powers(prime: int) -> frozenset[int]:
    found, value = set(), 1
    while value not in found:
        found.add(value)
        value = value * _ROCA_GENERATOR % prime
    return frozenset(found)


def builder_hash(public_key: PublicKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """What the builders of `cryptography.x509` want beside a private key: its hash function, None for Ed25519."""
    algorithm = algorithm_of(public_key)
    if algorithm is KeyAlgorithm.ED25519:
        return None
    return _HASHES[FACTS[DEFAULT_SCHEME[algorithm]].hash_name]()


def signing_method(public_key: PublicKey) -> SigningMethod:
    """How the private half of `public_key` signs. Raises KeyNotAllowed as `algorithm_of` does."""
    hash_name = FACTS[DEFAULT_SCHEME[algorithm_of(public_key)]].hash_name
    match public_key:
        case ec.EllipticCurvePublicKey():
            signature = _ECDSA_IDENTIFIERS[hash_name]
        case rsa.RSAPublicKey():
            signature = _RSA_IDENTIFIERS[hash_name]
        case _:
            signature = _ED25519_IDENTIFIER
    return SigningMethod(hash_name, _DIGEST_IDENTIFIERS[hash_name], signature)


def sign(key: PrivateKey, method: SigningMethod, data: bytes) -> bytes:
    """The signature over `data`, made by `key` in the way of `method`. Thread safe if the key is."""
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(data, ec.ECDSA(_HASHES[method.hash_name]()))
        case rsa.RSAPrivateKey():
            return key.sign(data, padding.PKCS1v15(), _HASHES[method.hash_name]())
        case _:
            return key.sign(data)


def key_bits(public_key: PublicKey) -> bytes:
    """What key identifiers are made from: the content of subjectPublicKey, without tag, length and unused bits."""
    match public_key:
        case ec.EllipticCurvePublicKey():
            return public_key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        case rsa.RSAPublicKey():
            return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        case _:
            return public_key.public_bytes_raw()


def same_key(first: PublicKey, second: object) -> bool:
    """Whether two public keys are one, the second perhaps of a kind that is never certified here."""
    return isinstance(second, PublicKey) and first == second
