"""Verdicts on signed documents, for anyone. The file is examined and forgotten."""

import hashlib
import re
from dataclasses import asdict
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from natsuin.authentication import Throttle
from natsuin.clock import milliseconds
from natsuin.errors import Malformed
from natsuin.sam.protocol import ServiceInformation
from natsuin.validation import Line, Report, SignatureVerdict
from natsuin.web.callers import Access
from natsuin.web.document_work import DocumentWork, Yardstick
from natsuin.web.problems import UnsupportedMediaType
from natsuin.web.requests import media_type, sender
from natsuin.web.revocation_lists import RevocationLists
from natsuin.web.routing import ApiRoutes
from natsuin.web.sam_calls import ServiceFacts
from natsuin.web.settings import WebSettings

_MAX_RECEIPT_BYTES = 256 * 1024
_MAX_ROOTS_BYTES = 64 * 1024
_MOST_ROOTS = 16
_LONGEST_KEY = 400
_VERIFIER_KEY = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+")


class VerificationAPI:
    """`/api/verify`."""

    def __init__(
        self, settings: WebSettings, *, facts: ServiceFacts, revocation_lists: RevocationLists, work: DocumentWork
    ) -> None:
        self._settings = settings
        self._facts = facts
        self._revocation_lists = revocation_lists
        self._work = work
        self._requests = Throttle(10, seconds=3)

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the route."""
        routes.add_plain("POST", "/api/verify", self.verify, access=Access.PUBLIC)

    async def verify(self, request: Request) -> Response:
        """Verify an uploaded PDF, and its receipt if there is one, against this service's own root, revocation lists
        and log, or the log and the further roots that the visitor names."""
        self._requests.take(sender(request))
        if media_type(request) != "multipart/form-data":
            raise UnsupportedMediaType("the body must be multipart/form-data")
        form = await self._form(request)
        try:
            content = await _file(form, "pdf")
            receipt = await _file(form, "receipt")
            roots = await _file(form, "trust")
            log_vkey = _field(form, "log_vkey")
        finally:
            await form.close()
        if content is None:
            raise Malformed("there is no file in the field pdf")
        facts = await self._facts.get()
        yardstick = Yardstick(
            trust=(facts.root_certificate, *_certificates(roots)),
            intermediates=(facts.issuing_certificate,),
            revocation_lists=await self._revocation_lists.all(),
            receipt=_text(receipt),
            log_vkey=_key_for(_text(receipt), log_vkey, facts),
        )
        report = await self._work.validate(sender(request), content, yardstick)
        return JSONResponse(report_json(report) | {"sha256": hashlib.sha256(content).hexdigest()})

    async def _form(self, request: Request) -> FormData:
        try:
            return await request.form(max_files=3, max_fields=1, max_part_size=self._settings.max_document_bytes)
        except HTTPException as cause:
            raise Malformed("the body is not a form with files pdf, receipt, trust and a field log_vkey") from cause


def _key_for(receipt: str | None, wanted: str, facts: ServiceInformation) -> str:
    """The key that the visitor named; where that is none, or the newest, which the page proposes: that of the shard of
    our log which the receipt says it is of."""
    if wanted not in ("", facts.log_vkey):
        return wanted
    origin = (receipt or "").partition("\n\n")[2].partition("\n")[0]
    return next((vkey for vkey in facts.earlier_log_vkeys if vkey.partition("+")[0] == origin), facts.log_vkey)


async def _file(form: FormData, name: str) -> bytes | None:
    found = form.getlist(name)
    if not found:
        return None
    if len(found) != 1 or not isinstance(found[0], UploadFile):
        raise Malformed(f"the field {name} must be one file")
    return await found[0].read()


def _field(form: FormData, name: str) -> str:
    found = form.getlist(name)
    if not found:
        return ""
    if len(found) != 1 or not isinstance(found[0], str) or len(found[0]) > _LONGEST_KEY:
        raise Malformed(f"the field {name} must be one short text")
    text = found[0].strip()
    if text and not _VERIFIER_KEY.fullmatch(text):
        raise Malformed(
            "what stands in place of the log's verifier key is none",
            hint="It has the form name+8 hexadecimal digits+base64, in one line.",
        )
    return text


def _certificates(content: bytes | None) -> tuple[bytes, ...]:
    """Roots that the visitor trusts, PEM or DER, as DER. Raises `Malformed`."""
    if not content:
        return ()
    try:
        if len(content) > _MAX_ROOTS_BYTES:
            raise ValueError("too large")
        if b"-----BEGIN" in content:
            found = x509.load_pem_x509_certificates(content)
        else:
            found = [x509.load_der_x509_certificate(content)]
    except ValueError as cause:
        raise Malformed(
            "the file of trusted roots holds no X.509 certificates", hint="Give certificates as PEM or DER."
        ) from cause
    return tuple(one.public_bytes(Encoding.DER) for one in found[:_MOST_ROOTS])


def _text(receipt: bytes | None) -> str | None:
    if not receipt:
        return None
    if len(receipt) > _MAX_RECEIPT_BYTES:
        raise Malformed("the receipt is too large to be one")
    try:
        return receipt.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise Malformed("the receipt is not text") from cause


def report_json(report: Report) -> dict[str, Any]:
    """A report as the API tells it: every line with its words in both languages; times in milliseconds."""
    return {
        "overall": report.overall.value,
        "summary": _line_json(report.summary),
        "checked_at": milliseconds(report.checked_at),
        "signatures": [_signature_json(verdict) for verdict in report.signatures],
    }


def _signature_json(verdict: SignatureVerdict) -> dict[str, Any]:
    shown = verdict.proven_time or verdict.claimed_time
    return {
        "field": verdict.field,
        "level": verdict.level,
        "signer": verdict.signer,
        "issuer": verdict.issuer,
        "certificate_sha256": verdict.certificate_sha256,
        "reason": verdict.reason,
        "signed_at": milliseconds(shown) if shown else None,
        "claimed_at": milliseconds(verdict.claimed_time) if verdict.claimed_time else None,
        "proven_at": milliseconds(verdict.proven_time) if verdict.proven_time else None,
        "lines": [{"aspect": aspect} | _line_json(line) for aspect, line in verdict.lines],
    }


def _line_json(line: Line) -> dict[str, Any]:
    return asdict(line) | {"status": line.status.value}
