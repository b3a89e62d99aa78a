"""Does the signature value belong to these bytes and this certificate, by methods that still protect something?"""

from asn1crypto import cms, core, x509
from cryptography.hazmat.primitives import hashes
from pyhanko.sign.general import extract_signer_info, find_unique_cms_attribute
from pyhanko.sign.validation.generic_cms import (
    extract_certs_for_validation,
    get_signing_cert_attr,
    validate_sig_integrity,
)
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from natsuin.validation.evidence import DETACHED, TIME_STAMP, Found
from natsuin.validation.report import Line
from natsuin.validation.wording import line

STRONG_HASHES = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"})
_SMALLEST_RSA = 2048
_SMALLEST_CURVE = 256


def integrity_of(found: Found, pdf: bytes) -> Line:
    """The verdict on integrity of a signature or document time-stamp. Hostile input may make it raise anything."""
    signature = found.signature
    if signature is None:
        return line("unreadable", detail=found.fault) if found.fault else line("unsupported", detail=found.kind or "?")
    if found.kind == TIME_STAMP:
        return check_token(signature.signed_data, _digest(signature, pdf, imprint_hash(signature.signed_data)))
    signed = signature.signed_data
    if not isinstance(signed["encap_content_info"]["content"], core.Void) and (
        signed["encap_content_info"]["content"].native is not None
    ):
        return line("unreadable", detail="it carries content of its own")
    weakness = weakness_of(signed)
    if weakness:
        return line("weak_algorithm", detail=weakness)
    if found.kind == DETACHED[1] and get_signing_cert_attr(signature.signer_info["signed_attrs"]) is None:
        return line("unreadable", detail="it does not name its certificate")
    return _verdict(signed, "data", _digest(signature, pdf, signature.md_algorithm))


def check_token(token: cms.SignedData, imprint: bytes) -> Line:
    """Check a time-stamp token (RFC 3161): its own signature, and that it is over `imprint`."""
    weakness = weakness_of(token)
    if weakness:
        return line("weak_algorithm", detail=weakness)
    content = token["encap_content_info"]["content"]
    if content.parsed["message_imprint"]["hashed_message"].native != imprint:
        return line("altered")
    name = extract_signer_info(token)["digest_algorithm"]["algorithm"].native
    return _verdict(token, "tst_info", digest(name, bytes(content)))


def imprint_hash(token: cms.SignedData) -> str:
    """The name of the hash function of a token's imprint."""
    information = token["encap_content_info"]["content"].parsed
    return str(information["message_imprint"]["hash_algorithm"]["algorithm"].native)


def weakness_of(signed: cms.SignedData) -> str:
    """The name of the weak algorithm a signature rests on; empty when there is none."""
    information = extract_signer_info(signed)
    name = information["digest_algorithm"]["algorithm"].native
    if name not in STRONG_HASHES:
        return str(name)
    mechanism = information["signature_algorithm"]
    try:
        inner = mechanism.hash_algo
    except ValueError:
        inner = name  # "rsaEncryption" and EdDSA name no hash of their own.
    if inner not in STRONG_HASHES and mechanism["algorithm"].native not in ("ed448",):
        return str(inner)
    certificate: x509.Certificate = extract_certs_for_validation(signed).signer_cert
    key = certificate.public_key
    if key.algorithm in ("rsa", "rsassa_pss") and key.bit_size < _SMALLEST_RSA:
        return f"RSA {key.bit_size}"
    if key.algorithm == "ec" and key.bit_size < _SMALLEST_CURVE:
        return f"EC {key.bit_size}"
    return "DSA" if key.algorithm == "dsa" else ""


def digest(name: str, *parts: bytes | memoryview) -> bytes:
    """The hash of `parts` joined; `name` is one of `STRONG_HASHES`, else `ValueError`."""
    if name not in STRONG_HASHES:
        raise ValueError("a weak hash function")
    kind: hashes.HashAlgorithm = getattr(hashes, name.upper())()
    state = hashes.Hash(kind)
    for part in parts:
        state.update(part)
    return state.finalize()


def _digest(signature: EmbeddedPdfSignature, pdf: bytes, name: str) -> bytes:
    if name not in STRONG_HASHES:
        return b""
    first, before, after, length = (int(number) for number in signature.byte_range)
    if min(first, before, after, length) < 0 or max(first + before, after + length) > len(pdf):
        raise ValueError("the byte range does not fit the file")
    view = memoryview(pdf)
    return digest(name, view[first : first + before], view[after : after + length])


def _verdict(signed: cms.SignedData, content_type: str, actual: bytes) -> Line:
    information = extract_signer_info(signed)
    attributes = information["signed_attrs"]
    if isinstance(attributes, core.Void) or not len(attributes):
        return line("unreadable", detail="it has no signed attributes")
    find_unique_cms_attribute(attributes, "message_digest")
    certificate = extract_certs_for_validation(signed).signer_cert
    intact, valid = validate_sig_integrity(information, certificate, content_type, actual)
    if not valid:
        return line("wrong_signature")
    return line("intact") if intact else line("altered")
