"""A real PDF through the real work on documents: prepared and read in child processes, signed, time-stamped,
verified."""

import io
from collections.abc import Iterator

import httpx2
import pikepdf
import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.web.document_work import DocumentWork
from rigs.portal import Portal


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Portal.start(tmp_path_factory.mktemp("real"), work=DocumentWork())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def signer(real: Portal) -> Visitor:
    return real.enrol(real.enrol_officer(), algorithm="p-256")


@pytest.fixture(scope="module")
def two_pages() -> bytes:
    document = pikepdf.new()
    document.add_blank_page(page_size=(595, 842))
    document.add_blank_page(page_size=(842, 595))
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


@pytest.fixture(scope="module")
def signed(signer: Visitor, two_pages: bytes) -> tuple[bytes, bytes]:
    """A signed document and its receipt."""
    uploaded = signer.post_bytes(two_pages, "契約書.pdf")
    assert uploaded["pages"] == [{"width": 595, "height": 842}, {"width": 842, "height": 595}]
    assert uploaded["existing_signatures"] == 0
    signer.sign(uploaded["id"], {"page": 1, "x": 400, "y": 60, "width": 80, "height": 80})
    base = f"/api/documents/{uploaded['id']}"
    return signer.download(f"{base}/signed"), signer.download(f"{base}/receipt")


def verify(real: Portal, **files: bytes) -> httpx2.Response:
    with real.client() as anybody:
        sent = {name: (f"{name}.bin", content, "application/octet-stream") for name, content in files.items()}
        return anybody.post("/api/verify", files=sent)


def test_the_signed_document_keeps_every_byte_it_had(signed, two_pages):
    assert signed[0].startswith(two_pages)


def test_anybody_may_verify_it(real, signed):
    report = verify(real, pdf=signed[0], receipt=signed[1]).json()
    assert report["overall"] == "valid", report
    (signature,) = report["signatures"]
    assert signature["level"] == "B-T"
    assert "山田 太郎" in signature["signer"]
    assert {line["aspect"]: line["status"] for line in signature["lines"]} == dict.fromkeys(
        ("integrity", "coverage", "trust", "revocation", "time", "log"), "good"
    )
    assert signature["proven_at"] <= report["checked_at"]


def test_a_changed_byte_is_seen(real, signed):
    changed = bytearray(signed[0])
    changed[len(changed) // 3] ^= 1
    assert verify(real, pdf=bytes(changed)).json().get("overall") in ("not_valid", None)


def test_without_a_receipt_the_log_line_alone_is_unknown(real, signed):
    report = verify(real, pdf=signed[0]).json()
    lines = {line["aspect"]: line["status"] for line in report["signatures"][0]["lines"]}
    assert lines.pop("log") == "unknown"
    assert set(lines.values()) == {"good"}


def test_the_portal_knows_where_an_earlier_mark_stands(real, signer, signed):
    document_id = signer.post_bytes(signed[0], "marked.pdf")["id"]
    page = signer._http.get(f"/documents/{document_id}").text
    assert "&#34;page&#34;: 1" in page
    assert "&#34;x&#34;: 400" in page


def test_a_signed_document_can_be_signed_again(real, signer, signed):
    uploaded = signer.post_bytes(signed[0], "again.pdf")
    assert uploaded["existing_signatures"] == 1
    signer.sign(uploaded["id"])
    twice = signer.download(f"/api/documents/{uploaded['id']}/signed")
    assert len(verify(real, pdf=twice).json()["signatures"]) == 2


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({}, 400),
        ({"receipt": b"x"}, 400),
        ({"pdf": b"no pdf"}, 400),
        ({"pdf": b""}, 400),
        ({"pdf": b"%PDF-1.7", "receipt": b"\xff"}, 400),
        ({"pdf": b"%PDF-1.7", "other": b"x"}, 400),
    ],
)
def test_what_cannot_be_verified_is_refused_in_words(real, files, status):
    answer = verify(real, **files) if files else verify(real, nothing=b"")
    assert answer.status_code in (status, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text


def test_a_mark_outside_the_page_is_refused(signer, two_pages):
    document_id = signer.post_bytes(two_pages, "x.pdf")["id"]
    for placement in ({"page": 2, "x": 0, "y": 0}, {"page": 0, "x": 590, "y": 0}):
        body = {"placement": {**placement, "width": 60, "height": 60}}
        answer = signer._http.post(f"/api/documents/{document_id}/instruction", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "placement_refused")
