"""A document signed with ML-DSA-65, through HTTP, on a server whose operator asked for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin.validation import Overall, validate_pdf
from rigs import outside_judges
from rigs.document_workshop import sample_pdf
from rigs.outside_judges import signatures_in
from rigs.whole_server import WholeServer, sign_document


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WholeServer]:
    made = WholeServer.make(tmp_path / "n")
    with (made.folder / "config.toml").open("a") as config:
        config.write('\n[algorithms]\nexperimental = ["ML-DSA-65"]\n')
    yield made.start()
    made.stop()


def test_a_document_signed_with_ml_dsa_is_valid_and_named_experimental(server: WholeServer) -> None:
    officer = server.enrol_officer()
    assert "ml-dsa-65-experimental" in officer.get("/api/service")["algorithms"]
    signer = server.enrol(officer, algorithm="ml-dsa-65-experimental")
    (key,) = signer.get("/api/keys")["keys"]
    assert (key["algorithm"], key["algorithm_notice"]) == ("ml-dsa-65-experimental", "experimental")
    pdf, *_ = sign_document(signer, sample_pdf(pages=1))
    root = signer.download("/pki/root.cer")
    assert validate_pdf(pdf, trust=[root]).overall is Overall.VALID
    (status,) = outside_judges.pyhanko(pdf, x509.load_der_x509_certificate(root).public_bytes(Encoding.PEM))
    assert status.bottom_line, status.pretty_print_details()
    (signature,) = signatures_in(pdf)
    info = signature.signed_data["signer_infos"][0]
    assert info["signature_algorithm"]["algorithm"].dotted == "2.16.840.1.101.3.4.3.18"
    assert len(info["signature"].native) == 3309
