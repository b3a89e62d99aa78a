"""Names of key algorithms and signature schemes, and the plain facts about each.

What may be used when is decided in `natsuin.algorithm_policy`; here are only names, hash functions and sizes, so that
both processes speak of the same things.
"""

from dataclasses import dataclass
from enum import StrEnum


class KeyAlgorithm(StrEnum):
    """Kinds of signing key."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    P_256 = "p-256"
    P_384 = "p-384"
    P_521 = "p-521"
    ED25519 = "ed25519"
    ML_DSA_65 = "ml-dsa-65-experimental"
    """FIPS 204. The name says everywhere, in keys, records and log, that nothing may rest on it yet."""


class SignatureScheme(StrEnum):
    """Ways to sign with a key: padding or curve scheme, with the hash function of what is signed."""

    RSA_PKCS1_SHA256 = "rsa-pkcs1-sha256"
    RSA_PKCS1_SHA384 = "rsa-pkcs1-sha384"
    RSA_PKCS1_SHA512 = "rsa-pkcs1-sha512"
    RSA_PSS_SHA256 = "rsa-pss-sha256"
    RSA_PSS_SHA384 = "rsa-pss-sha384"
    RSA_PSS_SHA512 = "rsa-pss-sha512"
    ECDSA_SHA256 = "ecdsa-sha256"
    ECDSA_SHA384 = "ecdsa-sha384"
    ECDSA_SHA512 = "ecdsa-sha512"
    ED25519 = "ed25519"
    ML_DSA_65 = "ml-dsa-65-experimental"
    """Pure ML-DSA with an empty context (FIPS 204, algorithm 2)."""


class SchemeFamily(StrEnum):
    """What an approval may name instead of a scheme: any RSA padding over digests of one hash function.

    The CSC API has the signer approve digests before the application says how they are padded. The digests are what
    is approved; the padding is chosen when they are signed, and the log says which.
    """

    RSA_SHA256 = "rsa-any-sha256"
    RSA_SHA384 = "rsa-any-sha384"
    RSA_SHA512 = "rsa-any-sha512"


@dataclass(frozen=True)
class SchemeFacts:
    """`hash_name` as hashlib knows it; `digest_bytes` its length; `prehashed` is False where the key signs the message
    itself."""

    hash_name: str
    digest_bytes: int
    prehashed: bool = True


_BY_HASH = {
    "sha256": SchemeFacts("sha256", 32),
    "sha384": SchemeFacts("sha384", 48),
    "sha512": SchemeFacts("sha512", 64),
}

SIGNS_MESSAGES = frozenset({SignatureScheme.ED25519, SignatureScheme.ML_DSA_65})
"""Schemes whose keys sign the message itself, not its digest."""

FACTS: dict[SignatureScheme, SchemeFacts] = {
    scheme: SchemeFacts("sha512", 64, prehashed=False)
    if scheme in SIGNS_MESSAGES
    else _BY_HASH[scheme.value.rsplit("-", 1)[1]]
    for scheme in SignatureScheme
}
"""For Ed25519 and ML-DSA the approved digest is SHA-512 of the message, and the message itself is handed over for
signing (RFC 8032; FIPS 204 with RFC 9882, section 3.3, which names SHA-512 for CMS)."""

MEMBERS: dict[SchemeFamily, frozenset[SignatureScheme]] = {
    family: frozenset(
        scheme
        for scheme in SignatureScheme
        if scheme.value.startswith("rsa") and scheme.value.endswith(family.value.rsplit("-", 1)[1])
    )
    for family in SchemeFamily
}


def allowed_by(name: str) -> frozenset[SignatureScheme]:
    """The schemes under which an approval that names `name`, a scheme or a family, may be used."""
    if name in MEMBERS:
        return MEMBERS[SchemeFamily(name)]
    return frozenset({SignatureScheme(name)})


def facts_of(name: str) -> SchemeFacts:
    """Hash function and digest length of an approval that names `name`, a scheme or a family."""
    return FACTS[next(iter(allowed_by(name)))]


DEFAULT_SCHEME: dict[KeyAlgorithm, SignatureScheme] = {
    KeyAlgorithm.RSA_2048: SignatureScheme.RSA_PKCS1_SHA256,
    KeyAlgorithm.RSA_3072: SignatureScheme.RSA_PKCS1_SHA256,
    KeyAlgorithm.RSA_4096: SignatureScheme.RSA_PKCS1_SHA256,
    KeyAlgorithm.P_256: SignatureScheme.ECDSA_SHA256,
    KeyAlgorithm.P_384: SignatureScheme.ECDSA_SHA384,
    KeyAlgorithm.P_521: SignatureScheme.ECDSA_SHA512,
    KeyAlgorithm.ED25519: SignatureScheme.ED25519,
    KeyAlgorithm.ML_DSA_65: SignatureScheme.ML_DSA_65,
}

_RSA = frozenset(s for s in SignatureScheme if s.value.startswith("rsa"))

SCHEMES_OF: dict[KeyAlgorithm, frozenset[SignatureScheme]] = {
    KeyAlgorithm.RSA_2048: _RSA,
    KeyAlgorithm.RSA_3072: _RSA,
    KeyAlgorithm.RSA_4096: _RSA,
    KeyAlgorithm.P_256: frozenset({SignatureScheme.ECDSA_SHA256}),
    KeyAlgorithm.P_384: frozenset({SignatureScheme.ECDSA_SHA384}),
    KeyAlgorithm.P_521: frozenset({SignatureScheme.ECDSA_SHA512}),
    KeyAlgorithm.ED25519: frozenset({SignatureScheme.ED25519}),
    KeyAlgorithm.ML_DSA_65: frozenset({SignatureScheme.ML_DSA_65}),
}
