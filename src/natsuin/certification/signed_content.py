"""Content that an outside authority signed for one purpose: CMS SignedData (RFC 5652) that carries what it signs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from natsuin.certification.outside import CERTIFICATES_LIMIT, find_path
from natsuin.certification.public_keys import algorithm_of
from natsuin.certification.refusals import SignerNotAccepted
from natsuin.errors import NatsuinError

KEY_IMPORT_PURPOSE: Final = "2.25.63111218656235884811503927576502635180"
"""Extended key usage of a certificate that may sign key envelopes (docs/key-import.md). An arc of its own (ITU-T
X.667), so that no certificate for anything else, such as that of an authority's other customers, has it."""
SIGNED_LIMIT: Final = 256 * 1024
"""Bytes of a CMS structure with what it signs."""
_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True)
class SignedContent:
    """What was signed, by whom, and the anchor above: DER, all checked."""

    content: bytes
    signer: bytes
    anchor: bytes


def check_signed_content(signed: bytes, *, purpose: str, roots: Sequence[bytes], at: datetime) -> SignedContent:
    """The content of `signed` (DER), if one signer signed it whose certificate is for `purpose` and nothing else, is no
    authority's own, is valid `at` this time, and leads to one of `roots` (DER; RFC 5280, section 6).

    Raises:
        SignerNotAccepted: anything else, whatever the bytes.
    """
    if len(signed) > SIGNED_LIMIT:
        raise SignerNotAccepted("the signed file is larger than any honest one")
    try:
        return _checked(signed, purpose, roots, at)
    except NatsuinError as error:
        # Also what is said of keys and paths is told as one kind of refusal.
        raise SignerNotAccepted(error.message, hint=error.hint) from error
    except Exception as error:
        # The libraries raise errors of many kinds for hostile DER.
        raise SignerNotAccepted("what was given is not signed as it must be", hint="See docs/key-import.md.") from error


def _checked(signed: bytes, purpose: str, roots: Sequence[bytes], at: datetime) -> SignedContent:
    # Loading it takes a second and many megabytes, and most installations never need it.
    from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, validate_sig_integrity

    information = cms.ContentInfo.load(signed, strict=True)
    if information["content_type"].native != "signed_data":
        raise SignerNotAccepted("what was given is not signed", hint="Give CMS SignedData in DER.")
    data = information["content"]
    content, signer_info = _content_and_signer(data)
    found = extract_certs_for_validation(data)
    others = [bytes(certificate.dump()) for certificate in found.other_certs]
    if len(others) >= CERTIFICATES_LIMIT:
        raise SignerNotAccepted("there are too many certificates with the signature")
    signer = bytes(found.signer_cert.dump())
    require_purpose(x509.load_der_x509_certificate(signer), purpose)
    digest = hashes.Hash(_HASHES[_require_strong(signer_info)])
    digest.update(content)
    if validate_sig_integrity(signer_info, found.signer_cert, "data", digest.finalize()) != (True, True):
        raise SignerNotAccepted("the signature is not one over this content")
    path = asyncio.run(find_path([signer, *others], roots, at))
    return SignedContent(content, signer, bytes(path.first.dump()))


def _content_and_signer(data: cms.SignedData) -> tuple[bytes, Any]:
    if len(data["signer_infos"]) != 1:
        raise SignerNotAccepted("exactly one signature is wanted")
    signer_info = data["signer_infos"][0]
    attributes = signer_info["signed_attrs"]
    # Without signed attributes a signature over attributes could be passed off as one over content.
    if isinstance(attributes, core.Void) or not len(attributes):
        raise SignerNotAccepted("the signature has no signed attributes")
    inside = data["encap_content_info"]
    if inside["content_type"].native != "data" or isinstance(inside["content"], core.Void):
        raise SignerNotAccepted("the signature does not carry what it signs", hint="Sign with the content inside.")
    return bytes(inside["content"]), signer_info


def _require_strong(signer_info: Any) -> str:
    """The name of the hash function of a signature that rests on nothing weak."""
    name = str(signer_info["digest_algorithm"]["algorithm"].native)
    mechanism = signer_info["signature_algorithm"]
    try:
        inner = mechanism.hash_algo
    except ValueError:
        # rsaEncryption and Ed25519 name no hash function of their own.
        inner = name
    if name not in _HASHES or inner not in _HASHES:
        raise SignerNotAccepted("the signature rests on a weak hash function", hint="Use SHA-256 or a longer one.")
    return name


def require_purpose(signer: x509.Certificate, purpose: str) -> None:
    """Raises `SignerNotAccepted` unless the certificate `signer` is for digital signatures for `purpose` (an extended
    key usage, dotted) and nothing else, and is no authority's own; `NatsuinError` for a kind of key that is unknown."""
    algorithm_of(signer.public_key())
    found = {type(extension.value): extension.value for extension in signer.extensions}
    usage, purposes = found.get(x509.KeyUsage), found.get(x509.ExtendedKeyUsage)
    constraints = found.get(x509.BasicConstraints)
    if (
        not (isinstance(usage, x509.KeyUsage) and usage.digital_signature)
        or not isinstance(purposes, x509.ExtendedKeyUsage)
        or [each.dotted_string for each in purposes] != [purpose]
        or (isinstance(constraints, x509.BasicConstraints) and constraints.ca)
    ):
        raise SignerNotAccepted(
            "the certificate of who signed is not one for this purpose",
            hint=f"It needs the key usage digitalSignature and {purpose} as its only extended key usage.",
        )
