"""Signing and verifying with key objects of `cryptography`, scheme by scheme (RFC 8017, FIPS 186-5, RFC 8032, FIPS
204)."""

from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.errors import Refused, Tampered

PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | mldsa.MLDSA65PrivateKey
)
PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | mldsa.MLDSA65PublicKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.P_256: ec.SECP256R1(),
    KeyAlgorithm.P_384: ec.SECP384R1(),
    KeyAlgorithm.P_521: ec.SECP521R1(),
}
_RSA_BITS: dict[KeyAlgorithm, int] = {
    KeyAlgorithm.RSA_2048: 2048,
    KeyAlgorithm.RSA_3072: 3072,
    KeyAlgorithm.RSA_4096: 4096,
}


class WrongSignature(Refused):
    """A signature does not verify with the public key of the key that should have made it."""

    code = "wrong_signature"


class ImportNotOffered(Refused):
    """This vault takes in no private keys that were made elsewhere."""

    code = "import_not_offered"


def load_public_key(spki: bytes) -> PublicKey:
    """A public key from SubjectPublicKeyInfo, DER, as sam stored it. Raises `Tampered`."""
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Tampered("a stored public key is not one") from error
    if not isinstance(key, PublicKey):
        raise Tampered("a stored public key is of a kind that is never made here")
    return key


def generate_private_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """A new key pair from OpenSSL's random number generator."""
    if algorithm in _RSA_BITS:
        return rsa.generate_private_key(65537, _RSA_BITS[algorithm])
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm is KeyAlgorithm.ML_DSA_65:
        return mldsa.MLDSA65PrivateKey.generate()
    return ed25519.Ed25519PrivateKey.generate()


def sign_with(key: PrivateKey, dtbs: bytes, scheme: SignatureScheme, salt_bytes: int | None = None) -> bytes:
    """Sign `dtbs`: a digest of the scheme's hash, or the message itself for Ed25519 and ML-DSA. A salt of PSS is as
    long as the hash where `salt_bytes` does not say otherwise."""
    if isinstance(key, ed25519.Ed25519PrivateKey | mldsa.MLDSA65PrivateKey):
        return key.sign(dtbs)
    prehashed = Prehashed(_hash_of(scheme))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(dtbs, ec.ECDSA(prehashed))
    return key.sign(dtbs, _padding_of(scheme, salt_bytes), prehashed)


def verify_signature(
    key: PublicKey, dtbs: bytes, signature: bytes, scheme: SignatureScheme, salt_bytes: int | None = None
) -> None:
    """Raise `WrongSignature` unless `signature` is one over `dtbs` by the private half of `key`."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey | mldsa.MLDSA65PublicKey):
            key.verify(signature, dtbs)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, dtbs, ec.ECDSA(Prehashed(_hash_of(scheme))))
        else:
            key.verify(signature, dtbs, _padding_of(scheme, salt_bytes), Prehashed(_hash_of(scheme)))
    except InvalidSignature as error:
        raise WrongSignature("the signature does not verify with the key's public half") from error


def _hash_of(scheme: SignatureScheme) -> hashes.HashAlgorithm:
    return _HASHES[scheme.value.rsplit("-", 1)[1]]


def _padding_of(scheme: SignatureScheme, salt_bytes: int | None) -> padding.AsymmetricPadding:
    if "pss" not in scheme.value:
        return padding.PKCS1v15()
    algorithm = _hash_of(scheme)
    return padding.PSS(padding.MGF1(algorithm), algorithm.digest_size if salt_bytes is None else salt_bytes)
