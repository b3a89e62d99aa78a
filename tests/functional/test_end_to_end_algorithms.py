"""A signer for each algorithm, through HTTP, and what other people's programs say of their documents."""

import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin.cli.demo.visitor import Visitor
from rigs import outside_judges
from rigs.document_workshop import sample_pdf
from rigs.invariants import check_invariants
from rigs.outside_judges import signatures_in
from rigs.whole_server import WholeServer, sign_document

OIDS = {
    "rsa-3072": "1.2.840.113549.1.1.11",
    "p-256": "1.2.840.10045.4.3.2",
    "p-384": "1.2.840.10045.4.3.3",
    "p-521": "1.2.840.10045.4.3.4",
    "ed25519": "1.3.101.112",
}


@pytest.mark.parametrize("algorithm", list(OIDS))
def test_a_signer_with(whole_server: WholeServer, whole_officer: Visitor, tmp_path: Path, algorithm: str) -> None:
    signer = whole_server.enrol(whole_officer, algorithm=algorithm)
    pdf, receipt, _ = sign_document(signer, sample_pdf(pages=2))
    root = x509.load_der_x509_certificate(signer.download("/pki/root.cer")).public_bytes(Encoding.PEM)
    vkey = signer.get("/api/service")["log_vkey"]
    signer.close()

    (signature,) = signatures_in(pdf)
    info = signature.signed_data["signer_infos"][0]
    assert info["signature_algorithm"]["algorithm"].dotted == OIDS[algorithm]
    (status,) = outside_judges.pyhanko(pdf, root)
    assert status.bottom_line, status.pretty_print_details()
    assert outside_judges.openssl_time_stamp(signature, tmp_path / "ts", root).returncode == 0
    assert outside_judges.qpdf_check(pdf, tmp_path / "qpdf").returncode == 0
    if algorithm == "ed25519":
        # NSS, by which pdfsig verifies, and `openssl cms` of OpenSSL 3.0 know no Ed25519 over signed attributes
        # (RFC 8419): OpenSSL judges the signature and hashlib the content.
        done = outside_judges.openssl_signature(signature, tmp_path / "raw")
        assert done.returncode == 0, done.stdout + done.stderr
        assert signature.message_digest == hashlib.sha512(signature.content).digest()
    else:
        done = outside_judges.openssl_cms(signature, tmp_path / "cms", root)
        assert done.returncode == 0, done.stderr
        # Without -no-ocsp: pdfsig finds the responder in the certificate and asks it, here the running server.
        said = outside_judges.pdfsig(pdf, tmp_path / "nss", root=root)
        assert "Signature is Valid" in said
        assert "Certificate is Trusted" in said, said
    entries = check_invariants(whole_server.config.sam.log_folder, vkey, ())
    assert entries[-1]["type"] == "outcome"
    assert "index" in receipt
