"""Documents that are not what they should be, over real HTTP: a cause and a next step, in the reader's language, and
nothing lost."""

import http.client
import io
import re
from pathlib import Path
from typing import Any

import httpx2
import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin.cli.demo.visitor import Visitor
from rigs import outside_judges
from rigs.document_workshop import Workshop, sample_pdf
from rigs.telling import assert_tells_nothing_inside
from rigs.whole_server import PLACEMENT, WholeServer, sign_document

MEBIBYTE = 1024 * 1024


def encrypted(**passwords: str) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(sample_pdf())) as opened:
        opened.save(out, encryption=pikepdf.Encryption(R=6, **passwords))
    return out.getvalue()


def without_root() -> bytes:
    return re.sub(rb"/Root \d+ 0 R", lambda found: b" " * len(found[0]), sample_pdf())


def endless_pages() -> bytes:
    """The tree of pages is its own child."""
    body = (
        b"%PDF-1.7\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[2 0 R]/Count 1>> endobj\n"
    )
    return body + b"trailer <</Root 1 0 R/Size 3>>\nstartxref\n0\n%%EOF\n"


BAD = {
    "not a PDF": (b"PK\x03\x04 a spreadsheet" * 100, "not_a_pdf"),
    "a web page": (b"<!doctype html><script>alert(1)</script>", "not_a_pdf"),
    "empty": (b"", "not_a_pdf"),
    "a header and nothing": (b"%PDF-1.7\n%%EOF\n", "broken_document"),
    "encrypted with a password": (encrypted(user="secret", owner="owner"), "encrypted_document"),
    "encrypted for rights": (encrypted(owner="owner"), "encrypted_document"),
    "cut in half": (sample_pdf()[: len(sample_pdf()) // 2], "broken_document"),
    "without a catalogue": (without_root(), "broken_document"),
    "pages without end": (endless_pages(), "broken_document"),
}


def post(signer: Visitor, content: bytes, **headers: str) -> httpx2.Response:
    usual = {"Content-Type": "application/pdf", "X-Document-Name": "x.pdf"}
    return signer._http.post("/api/documents", content=content, headers=usual | headers)


@pytest.mark.parametrize("name", list(BAD))
def test_it_is_refused_in_words(whole_signer: Visitor, name: str) -> None:
    content, code = BAD[name]
    before = whole_signer.get("/api/documents")["documents"]
    told: dict[str, dict[str, Any]] = {}
    for language in ("en", "ja"):
        answer = post(whole_signer, content, **{"Accept-Language": language})
        assert answer.status_code in (400, 422), answer.text
        assert_tells_nothing_inside(answer)
        told[language] = answer.json()
        assert told[language]["code"] == code, told
    assert re.search("[ぁ-ん一-龠]", told["ja"]["title"] + told["ja"]["hint"])
    assert told["en"]["hint"].isascii()
    assert whole_signer.get("/api/documents")["documents"] == before


def test_two_hundred_megabytes_are_refused_before_they_are_read(
    whole_server: WholeServer, whole_signer: Visitor
) -> None:
    """Once with its length told, once without; web's memory stays small and it goes on serving."""
    limit = whole_server.config.web.max_document_bytes
    process = whole_server.process_of("web")
    reset_peak(process)
    before = peak_of(process)
    sent, status, body = stream(whole_server, cookie_header(whole_signer), 200 * MEBIBYTE, tell_length=True)
    assert status == 413, body
    assert sent < 8 * MEBIBYTE, "it was refused by its head"
    assert peak_of(process) - before < 20 * MEBIBYTE
    sent, status, body = stream(whole_server, cookie_header(whole_signer), 200 * MEBIBYTE, tell_length=False)
    assert status == 413, body
    assert b'"too_large"' in body
    assert sent < limit + 16 * MEBIBYTE
    assert peak_of(process) - before < limit + 100 * MEBIBYTE
    assert whole_signer.get("/api/me")["user_id"]


def test_a_stranger_s_two_hundred_megabytes_are_not_even_read(whole_server: WholeServer) -> None:
    process = whole_server.process_of("web")
    reset_peak(process)
    before = peak_of(process)
    sent, status, body = stream(whole_server, "", 200 * MEBIBYTE, tell_length=False)
    assert status == 401, body
    assert sent < 16 * MEBIBYTE
    assert peak_of(process) - before < 20 * MEBIBYTE


def test_a_document_signed_by_others_stays_valid(whole_signer: Visitor, tmp_path: Path) -> None:
    """Two organisations sign one contract: theirs first, then ours. Both are valid afterwards, and nothing moved."""
    theirs = Workshop("相手方")
    first = theirs.signed(sample_pdf(pages=2))
    signed, _, uploaded = sign_document(whole_signer, first, "signed-by-them.pdf")
    assert uploaded["existing_signatures"] == 1
    assert signed.startswith(first)
    ours = x509.load_der_x509_certificate(whole_signer.download("/pki/root.cer")).public_bytes(Encoding.PEM)
    statuses = outside_judges.pyhanko(signed, theirs.root.pem, ours)
    assert len(statuses) == 2
    for status in statuses:
        assert status.bottom_line, status.pretty_print_details()
    assert outside_judges.pdfsig(signed, tmp_path, "-no-ocsp", root=None).count("Signature is Valid") == 2
    assert outside_judges.qpdf_check(signed, tmp_path).returncode == 0


def test_a_document_that_forbids_changes_is_not_changed(whole_signer: Visitor) -> None:
    """Certified with "no changes" (DocMDP P=1): another signature would break theirs, so ours is refused in words."""
    theirs = Workshop("認証者")
    certified = certify(theirs, sample_pdf())
    answer = post(whole_signer, certified)
    if answer.status_code == 201:
        path = f"/api/documents/{answer.json()['id']}/instruction"
        answer = whole_signer._http.post(path, json={"placement": PLACEMENT})
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "changes_forbidden"
    assert_tells_nothing_inside(answer)


def certify(workshop: Workshop, pdf: bytes) -> bytes:
    """A certification signature with P=1, made by pyHanko."""
    from asn1crypto import keys as asn1_keys
    from asn1crypto import x509 as asn1_x509
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    person = workshop.signer()
    key = person.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(person.der),
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=SimpleCertificateStore(),
    )
    metadata = signers.PdfSignatureMetadata(
        field_name="Certified", certify=True, docmdp_permissions=fields.MDPPerm.NO_CHANGES, md_algorithm="sha256"
    )
    out = signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False), metadata, signer=signer)
    return bytes(out.getvalue())


def cookie_header(signer: Visitor) -> str:
    return f"natsuin_session={signer._http.cookies['natsuin_session']}"


def stream(server: WholeServer, cookie: str, size: int, *, tell_length: bool) -> tuple[int, int, bytes]:
    """Send zeros until the server answers or everything is sent: how much was sent, the status, the answer."""
    connection = http.client.HTTPConnection(server.origin.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/api/documents")
    headers = {"Content-Type": "application/pdf", "X-Document-Name": "x.pdf", "Cookie": cookie}
    headers |= {"X-Natsuin": "1", "Origin": server.origin}
    headers |= {"Content-Length": str(size)} if tell_length else {"Transfer-Encoding": "chunked"}
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    piece, sent = bytes(256 * 1024), 0
    try:
        while sent < size:
            connection.send(piece if tell_length else b"%x\r\n%s\r\n" % (len(piece), piece))
            sent += len(piece)
    except OSError:
        # The server answered and hung up; its answer is what has arrived.
        assert sent < size
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return sent, answer.status, body


def reset_peak(process: int) -> None:
    """Forget the highest memory use so far (proc(5), clear_refs)."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


def peak_of(process: int) -> int:
    """The highest memory use since then, bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
