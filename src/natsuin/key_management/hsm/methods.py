"""Between the schemes of Natsuin and what a token takes and gives."""

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.key_management.hsm.messages import Method

ED25519 = Method("eddsa")


def method_of(scheme: SignatureScheme, salt_bytes: int | None = None) -> Method:
    """How a token signs by `scheme`. The salt of PSS is as long as the hash, if not said (RFC 8017, 9.1)."""
    if scheme is SignatureScheme.ED25519:
        return ED25519
    facts = FACTS[scheme]
    if scheme.value.startswith("ecdsa"):
        return Method("ecdsa", facts.hash_name)
    if "pss" in scheme.value:
        return Method("pss", facts.hash_name, facts.digest_bytes if salt_bytes is None else salt_bytes)
    return Method("pkcs1", facts.hash_name)


def finished(method: Method, raw: bytes) -> bytes:
    """A signature as certificates and documents have it: ECDSA in DER (RFC 3279, 2.2.3), the others as they are.

    What a token gave may be anything; whoever takes the signature verifies it.
    """
    if method.kind != "ecdsa":
        return raw
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
