"""Object identifiers of the CSC API, and which of Natsuin's schemes they mean (RFC 8017, RFC 5758, RFC 4055)."""

import base64
import binascii
from dataclasses import dataclass

from asn1crypto import algos

from natsuin.algorithms import FACTS, KeyAlgorithm, SignatureScheme
from natsuin.authentication.oauth import HASH_OF_OID
from natsuin.web.csc.bodies import Members, refused

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"

SCHEME_OF_OID = {
    "1.2.840.113549.1.1.11": SignatureScheme.RSA_PKCS1_SHA256,
    "1.2.840.113549.1.1.12": SignatureScheme.RSA_PKCS1_SHA384,
    "1.2.840.113549.1.1.13": SignatureScheme.RSA_PKCS1_SHA512,
    "1.2.840.10045.4.3.2": SignatureScheme.ECDSA_SHA256,
    "1.2.840.10045.4.3.3": SignatureScheme.ECDSA_SHA384,
    "1.2.840.10045.4.3.4": SignatureScheme.ECDSA_SHA512,
}
"""Identifiers that name the hash function as well: those that clients understand best."""

_OID_OF_SCHEME = {scheme: oid for oid, scheme in SCHEME_OF_OID.items()}
_BARE = {RSA_ENCRYPTION: "rsa-pkcs1-", EC_PUBLIC_KEY: "ecdsa-"}
CURVES = {
    KeyAlgorithm.P_256: "1.2.840.10045.3.1.7",
    KeyAlgorithm.P_384: "1.3.132.0.34",
    KeyAlgorithm.P_521: "1.3.132.0.35",
}
BITS = {
    KeyAlgorithm.RSA_2048: 2048,
    KeyAlgorithm.RSA_3072: 3072,
    KeyAlgorithm.RSA_4096: 4096,
    KeyAlgorithm.P_256: 256,
    KeyAlgorithm.P_384: 384,
    KeyAlgorithm.P_521: 521,
}
"""Kinds of key that sign digests, with their length. Ed25519 and ML-DSA sign messages, which this API cannot bring."""

_LARGEST_PARAMETERS = 1024


@dataclass(frozen=True)
class Wanted:
    """How digests are to be signed. `salt_bytes` counts for PSS; None is the length of the hash."""

    scheme: SignatureScheme
    salt_bytes: int | None = None

    @property
    def hash_name(self) -> str:
        """The hash function of the digests, as hashlib knows it."""
        return FACTS[self.scheme].hash_name


def identifiers_of(schemes: tuple[str, ...]) -> list[str]:
    """What a key with these schemes offers: identifiers with a hash first, the usual one before all, then bare ones."""
    known = [SignatureScheme(name) for name in schemes]
    combined = [_OID_OF_SCHEME[scheme] for scheme in known if scheme in _OID_OF_SCHEME]
    pss = [RSASSA_PSS] if any("pss" in name for name in schemes) else []
    rsa = [RSA_ENCRYPTION] if any("pkcs1" in name for name in schemes) else []
    return [*combined, *pss, *rsa]


def read_wanted(members: Members, *, contradiction: str = "Invalid parameter hashAlgorithmOID") -> Wanted:
    """What `signAlgo`, `signAlgoParams` and the hash algorithm say together. Raises `OAuthRefused`; with the words of
    `contradiction` if they differ."""
    oid = members.required("signAlgo")
    hash_oid = members.text("hashAlgorithmOID", "hashAlgo")
    if hash_oid and hash_oid not in HASH_OF_OID:
        raise refused("Invalid parameter hashAlgorithmOID")
    named = HASH_OF_OID.get(hash_oid, "")
    if oid == RSASSA_PSS:
        wanted = _read_pss(members.text("signAlgoParams"), named)
    elif oid in _BARE:
        if not named:
            raise refused("Missing (or invalid type) string parameter hashAlgorithmOID")
        wanted = Wanted(SignatureScheme(_BARE[oid] + named))
    elif oid in SCHEME_OF_OID:
        wanted = Wanted(SCHEME_OF_OID[oid])
    else:
        raise refused("Invalid parameter signAlgo")
    if named and named != wanted.hash_name:
        raise refused(contradiction)
    return wanted


def _read_pss(text: str, named: str) -> Wanted:
    """RSASSA-PSS-params (RFC 4055, 3.1), DER in base64. Without them the salt is as long as the hash."""
    if not text:
        if not named:
            raise refused("Missing (or invalid type) string parameter signAlgoParams")
        return Wanted(SignatureScheme(f"rsa-pss-{named}"))
    try:
        if len(text) > _LARGEST_PARAMETERS:
            raise ValueError("too long")
        der = base64.b64decode(text, validate=True)
        parameters = algos.RSASSAPSSParams.load(der, strict=True)
        hash_name = parameters["hash_algorithm"]["algorithm"].native
        mask = parameters["mask_gen_algorithm"]
        mask_hash = mask["parameters"]["algorithm"].native
        salt, trailer = parameters["salt_length"].native, parameters["trailer_field"].native
        generator = mask["algorithm"].native
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError) as cause:
        raise refused("Invalid parameter signAlgoParams") from cause
    good = generator == "mgf1" and mask_hash == hash_name and trailer in (1, "trailer_field_bc")
    if not good or hash_name not in HASH_OF_OID.values() or not isinstance(salt, int) or salt < 0:
        raise refused("Invalid parameter signAlgoParams")
    return Wanted(SignatureScheme(f"rsa-pss-{hash_name}"), salt)
