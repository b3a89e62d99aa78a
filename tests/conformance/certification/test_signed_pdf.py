"""A PDF signed with a signer's certificate and stamped by our time-stamp authority, judged by pdfsig and by pyHanko."""

import asyncio
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import keys as asn1_keys
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers, timestamps
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import InsufficientRevinfoError, RevokedError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from natsuin.certification import Responder, Revocation, Standing, answer_ocsp, answer_time_stamp


def _one_page() -> bytes:
    document = pypdfium2.PdfDocument.new()
    document.new_page(595, 842)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


class OurStamps(timestamps.TimeStamper):
    """pyHanko's client, with our answer in place of the network."""

    def __init__(self, installation: Any) -> None:
        super().__init__()
        self._installation = installation

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        answer = answer_time_stamp(req.dump(), self._installation.tsa, at=datetime.now(UTC))
        return tsp.TimeStampResp.load(answer)


def _sign(installation: Any, certificate: x509.Certificate, private: Any) -> bytes:
    registry = SimpleCertificateStore()
    registry.register_multiple([_asn1(installation.issuing.certificate)])
    key = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=_asn1(certificate),
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=registry,
    )
    metadata = signers.PdfSignatureMetadata(
        field_name="Signature", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
    )
    out = signers.sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(_one_page()), strict=False),
        metadata,
        signer=signer,
        timestamper=OurStamps(installation),
    )
    return bytes(out.getvalue())


def _pdfsig(installation: Any, pdf: bytes, folder: Path, *options: str, trust: bool = True) -> str:
    """What pdfsig says with an NSS database in `folder` that trusts our root for signatures, or does not."""
    (folder / "signed.pdf").write_bytes(pdf)
    database = f"sql:{folder}"
    assert installation.run("certutil", "-N", "-d", database, "--empty-password").returncode == 0
    if trust:
        added = installation.run("certutil", "-A", "-d", database, "-n", "root", "-t", ",C,", "-i", "root.pem")
        assert added.returncode == 0, added.stderr
    result = installation.run("pdfsig", "-nssdir", database, *options, str(folder / "signed.pdf"))
    assert "Signature is Valid." in result.stdout.decode(), result.stdout
    return result.stdout.decode()


@pytest.fixture(scope="module")
def signed(installation: Any) -> bytes:
    return _sign(installation, installation.good, installation.good_key)


def test_pdfsig_trusts_the_signer(installation: Any, signed: bytes, tmp_path: Path) -> None:
    text = _pdfsig(installation, signed, tmp_path, "-no-ocsp")
    assert "Certificate is Trusted." in text, text
    assert "山田 太郎" in text


def test_pdfsig_does_not_trust_without_the_root(installation: Any, signed: bytes, tmp_path: Path) -> None:
    assert "Certificate is Trusted." not in _pdfsig(installation, signed, tmp_path, "-no-ocsp", trust=False)


def test_pdfsig_asks_our_responder_and_trusts(served: Any, tmp_path: Path) -> None:
    installation = served[0]
    pdf = _sign(installation, installation.good, installation.good_key)
    assert "Certificate is Trusted." in _pdfsig(installation, pdf, tmp_path)


def test_pdfsig_asks_our_responder_and_hears_of_the_revocation(served: Any, tmp_path: Path) -> None:
    installation = served[0]
    pdf = _sign(installation, installation.revoked, installation.revoked_key)
    assert "Certificate has been Revoked." in _pdfsig(installation, pdf, tmp_path)


def _context(installation: Any, **evidence: Any) -> ValidationContext:
    return ValidationContext(
        trust_roots=[_asn1(installation.root.certificate)],
        other_certs=[_asn1(installation.issuing.certificate)],
        allow_fetching=False,
        **evidence,
    )


def _lists(installation: Any, *names: str) -> dict[str, Any]:
    return {"crls": [asn1_crl.CertificateList.load((installation.folder / name).read_bytes()) for name in names]}


def _answers(installation: Any, certificate: x509.Certificate, standing: Revocation | Standing) -> dict[str, Any]:
    responder: Responder = installation.responder
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, installation.issuing.certificate, hashes.SHA256())
    request = builder.build().public_bytes(Encoding.DER)
    answer = answer_ocsp(request, responder, standing_of=lambda serial: standing, at=datetime.now(UTC))
    return {"ocsps": [asn1_ocsp.OCSPResponse.load(answer)]} | _lists(installation, "root.crl")


def test_pyhanko_finds_signature_time_and_revocation_in_order(installation: Any, signed: bytes) -> None:
    context = _context(installation, revocation_mode="require", **_lists(installation, "root.crl", "issuing.crl"))
    signature = PdfFileReader(io.BytesIO(signed), strict=False).embedded_signatures[0]
    status = validate_pdf_signature(signature, signer_validation_context=context, ts_validation_context=context)
    assert status.bottom_line, status.pretty_print_details()
    assert status.trusted
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.trusted


def _validate(installation: Any, certificate: x509.Certificate, evidence: dict[str, Any]) -> int:
    """The length of the path, revocation being required to be known."""
    context = _context(installation, revocation_mode="require", **evidence)
    validator = CertificateValidator(_asn1(certificate), validation_context=context)
    return len(asyncio.run(validator.async_validate_usage({"non_repudiation"})))


def test_pyhanko_validates_the_path_with_lists_or_answers(installation: Any) -> None:
    good = installation.good
    assert _validate(installation, good, _lists(installation, "root.crl", "issuing.crl")) == 3
    assert _validate(installation, good, _answers(installation, good, Standing.GOOD)) == 3


def test_pyhanko_cannot_tell_without_either(installation: Any) -> None:
    with pytest.raises(InsufficientRevinfoError):
        _validate(installation, installation.good, _lists(installation, "root.crl"))


def test_pyhanko_sees_a_revoked_certificate(installation: Any) -> None:
    revoked = installation.revoked
    with pytest.raises(RevokedError):
        _validate(installation, revoked, _lists(installation, "root.crl", "issuing.crl"))
    with pytest.raises(RevokedError):
        _validate(installation, revoked, _answers(installation, revoked, installation.revocation))
