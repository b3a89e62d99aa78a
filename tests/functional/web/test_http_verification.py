"""What a visitor may add to the verification of a document: the key of another log, and roots that they trust."""

import secrets
from collections.abc import Iterator

import httpx2
import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.signing_log.notes import make_verifier_key
from natsuin.web.document_work import DocumentWork
from rigs.document_workshop import Workshop, sample_pdf
from rigs.portal import Portal


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Portal.start(tmp_path_factory.mktemp("verification"), work=DocumentWork())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def signer(real: Portal) -> Visitor:
    return real.enrol(real.enrol_officer(), algorithm="p-256")


@pytest.fixture(scope="module")
def signed(signer: Visitor) -> tuple[bytes, bytes]:
    """A signed document and its receipt."""
    base = f"/api/documents/{signer.post_bytes(sample_pdf(), 'x.pdf')['id']}"
    signer.sign(base.rpartition("/")[2])
    return signer.download(f"{base}/signed"), signer.download(f"{base}/receipt")


def verify(real: Portal, fields: dict[str, str] | None = None, **files: bytes) -> httpx2.Response:
    with real.client() as anybody:
        sent = {name: (f"{name}.bin", content, "application/octet-stream") for name, content in files.items()}
        return anybody.post("/api/verify", files=sent, data=fields or {})


def test_a_receipt_is_checked_with_the_key_that_the_visitor_names(real, signed):
    own = real.sam.rig.sam.log.vkey
    report = verify(real, {"log_vkey": f" {own} "}, pdf=signed[0], receipt=signed[1]).json()
    assert report["overall"] == "valid"
    foreign = make_verifier_key("elsewhere.example/log", secrets.token_bytes(32))
    report = verify(real, {"log_vkey": str(foreign)}, pdf=signed[0], receipt=signed[1]).json()
    lines = {line["aspect"]: line["code"] for line in report["signatures"][0]["lines"]}
    assert (lines["log"], report["overall"]) == ("bad_receipt", "not_valid")


def test_a_root_that_the_visitor_trusts_is_trusted_too_and_its_revocation_is_not_claimed(real, elsewhere):
    pdf, root = elsewhere
    report = verify(real, pdf=pdf).json()
    assert report["overall"] == "cannot_tell"
    report = verify(real, pdf=pdf, trust=root).json()
    lines = {line["aspect"]: line["code"] for line in report["signatures"][0]["lines"]}
    assert (lines["trust"], lines["revocation"]) == ("trusted", "revocation_not_checked")
    assert report["summary"]["code"] == "valid_unless_revoked"
    assert (
        verify(real, pdf=pdf, trust=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").status_code == 400
    )


@pytest.fixture(scope="module")
def elsewhere() -> tuple[bytes, bytes]:
    """A document that somebody signed with a certificate of another authority, and that authority's root (PEM)."""
    workshop = Workshop("よそ")
    return workshop.signed(sample_pdf()), workshop.root.pem


@pytest.mark.parametrize("fields", [{"log_vkey": "x" * 500}, {"log_vkey": "no key"}, {"other": "x"}])
def test_a_key_that_is_none_is_refused_in_words(real, signed, fields):
    answer = verify(real, fields, pdf=signed[0], receipt=signed[1])
    assert answer.headers["content-type"] in ("application/problem+json", "application/json")
    assert "Traceback" not in answer.text
    assert fields == {"other": "x"} or answer.status_code == 400
