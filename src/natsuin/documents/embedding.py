"""Second phase of a PAdES signature: the CMS with the signature value and its time-stamp goes into the empty place."""

from collections.abc import Callable

from natsuin.documents import cms
from natsuin.documents.errors import SignatureMismatch, TimeStampFailed
from natsuin.documents.state import Prepared
from natsuin.documents.time_stamp import request_for, slim, token_from
from natsuin.errors import Malformed

TimeStamper = Callable[[bytes], bytes]
"""Carries the DER of a TimeStampReq to an authority and brings the DER of its TimeStampResp; may raise anything."""


def embed(prepared: Prepared, signature: bytes, *, time_stamper: TimeStamper | None) -> bytes:
    """The signed PDF: PAdES B-T with a time-stamp from `time_stamper`, B-B when it is None.

    `signature` is the value over `prepared.dtbs` (ECDSA: DER). It is verified before anything is written. The
    time-stamper is called once, without retries, which are the caller's; a time-stamp that fails in any way raises
    `TimeStampFailed`, and the level is never lowered. Raises `SignatureMismatch` too, and `Malformed` when `prepared`
    does not fit together. Thread safe.
    """
    if (
        prepared.pdf[prepared.start : prepared.start + 1] != b"<"
        or prepared.pdf[prepared.end - 1 : prepared.end] != b">"
    ):
        raise Malformed("The stored state of a prepared document does not fit.", hint="Prepare it again.")
    certificate = cms.SigningCertificate.parse(prepared.certificate)
    if cms.signed_attributes(certificate, prepared.scheme, prepared.document_digest) != prepared.dtbs:
        raise SignatureMismatch("The document was changed after it was prepared.", hint="Prepare and approve it again.")
    cms.verify_value(prepared.certificate, prepared.scheme, message=prepared.dtbs, signature=signature)
    token = time_stamp(signature, time_stamper) if time_stamper is not None else None
    room = (prepared.end - prepared.start - 2) // 2
    content = _content(prepared, certificate, signature, token)
    if len(content) > room and token is not None:
        content = _content(prepared, certificate, signature, slim(token))
    if len(content) > room:
        raise TimeStampFailed(
            f"The time-stamp does not fit: {len(content) - room} bytes more than were kept free.",
            hint="Prepare the document with more room (time_stamp_bytes), or use another time-stamp authority.",
        )
    padded = content.hex().upper().encode("ascii").ljust(2 * room, b"0")
    return b"".join((prepared.pdf[: prepared.start + 1], padded, prepared.pdf[prepared.end - 1 :]))


def _content(prepared: Prepared, certificate: cms.SigningCertificate, signature: bytes, token: bytes | None) -> bytes:
    return cms.signed_data(
        certificate,
        prepared.chain,
        prepared.scheme,
        attributes=prepared.dtbs,
        signature=signature,
        time_stamp=token,
    )


def time_stamp(signature: bytes, time_stamper: TimeStamper) -> bytes:
    """DER of a TimeStampToken over `signature`. Raises `TimeStampFailed`."""
    request = request_for(signature)
    try:
        response = time_stamper(request.encoded)
    except Exception as error:  # Whatever carries the request may fail in its own ways.
        raise TimeStampFailed(
            "The time-stamp authority could not be reached.",
            hint="Ask again in a moment; nothing was embedded and the signature is kept.",
        ) from error
    return token_from(response, request)
