"""Which public keys may be certified, and how a certification or time-stamping key signs.

Everything here follows from the key alone, so that no caller can pair a key with a hash function that does not suit it.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa

from natsuin.algorithms import DEFAULT_SCHEME, FACTS, KeyAlgorithm
from natsuin.certification.refusals import KeyNotAllowed
from natsuin.certification.rsa_weaknesses import check_rsa_numbers

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | mldsa.MLDSA65PublicKey
"""Public keys that may stand in certificates made here."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | mldsa.MLDSA65PrivateKey
"""Keys that sign here. They may live in a token: only `public_key` and `sign` are ever called."""

_CURVES = {
    "secp256r1": KeyAlgorithm.P_256,
    "secp384r1": KeyAlgorithm.P_384,
    "secp521r1": KeyAlgorithm.P_521,
}
_RSA_SIZES = {2048: KeyAlgorithm.RSA_2048, 3072: KeyAlgorithm.RSA_3072, 4096: KeyAlgorithm.RSA_4096}
_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


@dataclass(frozen=True)
class SigningMethod:
    """How a key signs: the hash function by hashlib's name, and the DER AlgorithmIdentifiers of hash and signature.

    `signature` is the identifier for certificates, OCSP answers and CMS alike (RFC 5480, RFC 4055, RFC 8410, RFC 8419,
    RFC 9881).
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
_ML_DSA_65_IDENTIFIER = _identifier("0609608648016503040312")


def algorithm_of(public_key: object) -> KeyAlgorithm:
    """The kind of `public_key`.

    Raises KeyNotAllowed for every key that is not one of `natsuin.algorithms.KeyAlgorithm`, and for the RSA keys that
    `check_rsa_numbers` refuses. Until when a kind is certified is for the caller's policy to say.
    """
    match public_key:
        case ec.EllipticCurvePublicKey() if public_key.curve.name in _CURVES:
            return _CURVES[public_key.curve.name]
        case rsa.RSAPublicKey() if public_key.key_size in _RSA_SIZES:
            check_rsa_numbers(public_key.public_numbers())
            return _RSA_SIZES[public_key.key_size]
        case ed25519.Ed25519PublicKey():
            return KeyAlgorithm.ED25519
        case mldsa.MLDSA65PublicKey():
            return KeyAlgorithm.ML_DSA_65
    raise KeyNotAllowed(
        "This kind or size of public key is not certified here.",
        hint="Use RSA with 3072 or 4096 bits, ECDSA on P-256, P-384 or P-521, or Ed25519.",
    )


def builder_hash(public_key: PublicKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """What the builders of `cryptography.x509` want beside a private key: its hash, None for Ed25519 and ML-DSA."""
    facts = FACTS[DEFAULT_SCHEME[algorithm_of(public_key)]]
    return _HASHES[facts.hash_name]() if facts.prehashed else None


def signing_method(public_key: PublicKey) -> SigningMethod:
    """How the private half of `public_key` signs. Raises KeyNotAllowed as `algorithm_of` does."""
    hash_name = FACTS[DEFAULT_SCHEME[algorithm_of(public_key)]].hash_name
    match public_key:
        case ec.EllipticCurvePublicKey():
            signature = _ECDSA_IDENTIFIERS[hash_name]
        case rsa.RSAPublicKey():
            signature = _RSA_IDENTIFIERS[hash_name]
        case mldsa.MLDSA65PublicKey():
            signature = _ML_DSA_65_IDENTIFIER
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
