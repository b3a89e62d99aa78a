"""Signing a PDF as a person does it through the portal, step by step.

What happens inside the approval's one request cannot be seen from outside, so its parts are also measured alone: the
activation (passkey, PIN with Argon2id, SAD), one signature, and embedding with a time-stamp.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import httpx2
import msgspec
import pikepdf

from bench.installation import Installation, Signer
from natsuin import base64url, documents
from natsuin.algorithms import SignatureScheme
from natsuin.cli.demo.story import PERSON, sample_contract

_MARK = documents.Placement(page=0, x=430.0, y=92.0, width=64.0, height=64.0)


class DocumentResult(msgspec.Struct, frozen=True):
    """Medians in milliseconds, one document after the other."""

    pages: int
    bytes: int
    upload: float
    """Sending, inspecting in a child process, storing."""
    instruct: float
    """Placing the mark, preparing the PDF in a child process, the record at sam, its challenge."""
    approve: float
    """Everything else: passkey, PIN, signature, time-stamp, embedding, storing."""
    total: float
    alone: dict[str, float]
    """Parts of the above, measured by themselves."""


def measure(installation: Installation, *, quick: bool) -> Iterator[DocumentResult]:
    """One page, then a hundred."""
    signer = installation.enrol("rsa-3072")
    for pages in (1, 100):
        yield _measure(installation, signer, _contract(pages), pages=pages, times=1 if quick else 9)


def _measure(installation: Installation, signer: Signer, pdf: bytes, *, pages: int, times: int) -> DocumentResult:
    steps: dict[str, list[float]] = {"upload": [], "instruct": [], "approve": []}
    for number in range(times + 1):
        visitor = signer.visitor
        begun = perf_counter()
        document = visitor.post_bytes(pdf, f"{number}.pdf")
        uploaded = perf_counter()
        instruction = visitor.post(f"/api/documents/{document['id']}/instruction", {"placement": asdict(_MARK)})
        instructed = perf_counter()
        visitor.approve(instruction, f"/api/instructions/{instruction['instruction_id']}/approval")
        approved = perf_counter()
        if number:  # the first one warms up
            steps["upload"].append(uploaded - begun)
            steps["instruct"].append(instructed - uploaded)
            steps["approve"].append(approved - instructed)
    medians = {name: median(values) * 1e3 for name, values in steps.items()}
    return DocumentResult(
        pages=pages,
        bytes=len(pdf),
        **medians,
        total=sum(medians.values()),
        alone=_alone(installation, signer, pdf, times),
    )


def _alone(installation: Installation, signer: Signer, pdf: bytes, times: int) -> dict[str, float]:
    """What the parts cost by themselves, in milliseconds."""
    visitor = signer.visitor
    certificate = installation.certificate(signer)
    request = documents.PrepareRequest(
        certificate=certificate,
        chain=(visitor.download("/pki/issuing.cer"),),
        scheme=SignatureScheme.RSA_PKCS1_SHA256,
        signing_time=datetime.now(UTC),
        placement=_MARK,
        appearance=documents.SealAppearance(name=str(PERSON["common_name"])),
        reason="",
        name=str(PERSON["common_name"]),
    )
    approval = signer.approve(times)
    prepared = documents.prepare(pdf, request)
    signature = _sign(signer, _digest(prepared))

    with httpx2.Client(base_url=installation.origin, timeout=60) as http:

        def time_stamp(query: bytes) -> bytes:
            answer = http.post("/tsa", content=query, headers={"Content-Type": "application/timestamp-query"})
            answer.raise_for_status()
            return answer.content

        parts: dict[str, Callable[[], object]] = {
            "inspect": lambda: documents.inspect(pdf),
            "prepare": lambda: documents.prepare(pdf, request),
            "instruct and activate one digest (two requests)": lambda: signer.approve(1),
            "sign one digest": lambda: visitor.post("/api/signatures", msgspec.json.decode(approval.body(1))),
            "embed without time-stamp": lambda: documents.embed(prepared, signature, time_stamper=None),
            "embed with time-stamp": lambda: documents.embed(prepared, signature, time_stamper=time_stamp),
        }
        return {name: _median(work, times) for name, work in parts.items()}


def _digest(prepared: documents.Prepared) -> bytes:
    """What is approved for a prepared document."""
    return hashlib.sha256(prepared.dtbs).digest()


def _sign(signer: Signer, digest: bytes) -> bytes:
    """A genuine signature over one digest, because `embed` verifies what it is given."""
    visitor = signer.visitor
    wish = {"key_id": signer.key_id, "scheme": signer.scheme, "digests": [base64url.encode(digest)]}
    instruction = visitor.post("/api/instructions", wish)
    sad = visitor.approve(instruction, f"/api/instructions/{instruction['instruction_id']}/activation")["sad"]
    return base64url.decode(
        visitor.post("/api/signatures", {"sad": sad, "digests": [base64url.encode(digest)]})["signatures"][0]
    )


def _median(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        begun = perf_counter()
        work()
        taken.append(perf_counter() - begun)
    return median(taken) * 1e3


def _contract(pages: int) -> bytes:
    """The example contract, shortened or repeated to so many pages."""
    with pikepdf.open(sample_contract()) as source, pikepdf.new() as made:
        while len(made.pages) < pages:
            made.pages.extend(source.pages[: pages - len(made.pages)])
        kept = io.BytesIO()
        made.save(kept)
        return kept.getvalue()
