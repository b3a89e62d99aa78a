"""RFC 3161 from the client's side, bytes in and bytes out: requests are written, responses checked."""

import hashlib
import secrets
from dataclasses import dataclass

from asn1crypto import cms as asn1_cms
from asn1crypto import tsp
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, validate_sig_integrity

from natsuin.documents import der
from natsuin.documents.cms import HASH_OIDS
from natsuin.documents.errors import TimeStampFailed

_HASH = "sha256"
_AGAIN = "Ask again in a moment; nothing was embedded and the signature is kept."


@dataclass(frozen=True)
class TimeStampRequest:
    """One request: its DER, and what the answer must repeat."""

    encoded: bytes
    imprint: bytes
    nonce: int


def request_for(signature: bytes) -> TimeStampRequest:
    """A request for a token over the SHA-256 of `signature`, with a fresh 64-bit nonce."""
    imprint = hashlib.new(_HASH, signature).digest()
    nonce = secrets.randbits(64)
    encoded = der.sequence(
        der.integer(1),
        der.sequence(der.algorithm(HASH_OIDS[_HASH]), der.octets(imprint)),
        der.integer(nonce),
        der.TRUE,
    )
    return TimeStampRequest(encoded, imprint, nonce)


def token_from(response: bytes, request: TimeStampRequest) -> bytes:
    """The DER of the TimeStampToken in `response` to `request`.

    Checked: status, imprint, nonce, the token's own signature by the certificate it carries, and that this
    certificate is for time-stamping (RFC 3161 section 2.3). Whether that certificate is trusted is the validator's
    question. Raises `TimeStampFailed`.
    """
    try:
        return _checked(response, request)
    except TimeStampFailed:
        raise
    except Exception as error:  # An ASN.1 parser on foreign bytes raises nearly anything.
        raise _failed("its answer cannot be read") from error


def _checked(response: bytes, request: TimeStampRequest) -> bytes:
    answer = tsp.TimeStampResp.load(response, strict=True)
    status = answer["status"]["status"].native
    if status not in ("granted", "granted_with_mods"):
        raise _failed(f"it answered '{status}'")
    token = answer["time_stamp_token"]
    if not isinstance(token, asn1_cms.ContentInfo) or token["content_type"].native != "signed_data":
        raise _failed("its answer holds no token")
    signed = token["content"]
    content = signed["encap_content_info"]
    if content["content_type"].native != "tst_info":
        raise _failed("its answer holds no token")
    info = content["content"].parsed
    imprint = info["message_imprint"]
    if imprint["hash_algorithm"]["algorithm"].native != _HASH or imprint["hashed_message"].native != request.imprint:
        raise _failed("the token is for something else")
    if info["nonce"].native != request.nonce:
        raise _failed("the token answers another request")
    signer = extract_signer_info(signed)
    authority = extract_certs_for_validation(signed).signer_cert
    usage = authority.extended_key_usage_value
    if usage is None or list(usage.native) != ["time_stamping"]:
        raise _failed("the token's certificate is not for time-stamping")
    digest = hashlib.new(signer["digest_algorithm"]["algorithm"].native, bytes(content["content"])).digest()
    if validate_sig_integrity(signer, authority, "tst_info", digest) != (True, True):
        raise _failed("the token's signature does not verify")
    return bytes(token.dump())


def slim(token: bytes) -> bytes:
    """`token` with no certificate but its signer's: the set of certificates is not signed, so the token stays good."""
    info = asn1_cms.ContentInfo.load(token)
    signer = extract_certs_for_validation(info["content"]).signer_cert
    info["content"]["certificates"] = asn1_cms.CertificateSet([asn1_cms.CertificateChoices("certificate", signer)])
    return bytes(info.dump(force=True))


def _failed(cause: str) -> TimeStampFailed:
    return TimeStampFailed(f"The time-stamp authority gave no good time-stamp: {cause}.", hint=_AGAIN)
