"""Our signed PDFs before programs that nobody here wrote: poppler (NSS), OpenSSL, qpdf, and pyHanko's own validator."""

import io
import re
import subprocess
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from natsuin.algorithms import SignatureScheme
from natsuin.documents import Placement, SealAppearance
from rigs.document_workshop import PLACE, SEAL, sample_pdf

EXAMPLE = Path(__file__).parents[3] / "examples/gyomu-itaku-keiyakusho.pdf"
# The NSS library of the poppler at hand and OpenSSL 3.0's CMS know no Ed25519; pyHanko checks it below.
COMMON = [
    scheme for scheme in SignatureScheme if scheme is not SignatureScheme.ED25519 and "experimental" not in scheme.value
]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def trusting(workshop, tmp_path_factory):
    """A folder with an NSS data base that trusts our root, and the root as PEM."""
    folder = tmp_path_factory.mktemp("nss")
    (folder / "ca.pem").write_bytes(workshop.root.pem)
    for arguments in (["-N", "--empty-password"], ["-A", "-n", "root", "-t", "CT,C,C", "-i", folder / "ca.pem"]):
        done = run("certutil", *arguments, "-d", f"sql:{folder}")
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(params=COMMON)
def signed(request, workshop, tmp_path):
    pdf = workshop.signed(sample_pdf(pages=2), scheme=request.param, placement=PLACE, appearance=SEAL, reason="承認")
    path = tmp_path / "signed.pdf"
    path.write_bytes(pdf)
    return path


def test_poppler_says_valid_and_trusted(signed, trusting):
    told = run("pdfsig", "-nssdir", f"sql:{trusting}", signed).stdout
    assert "Signature is Valid." in told
    assert "Certificate is Trusted." in told
    assert "Total document signed" in told
    assert "ETSI.CAdES.detached" in told
    assert "山田 太郎" in told


def test_poppler_sees_a_change(signed, trusting):
    signed.write_bytes(signed.read_bytes().replace(b"(Contract text 1)", b"(Contract text 7)", 1))
    told = run("pdfsig", "-nssdir", f"sql:{trusting}", signed).stdout
    assert "Signature is Valid." not in told
    assert "Digest Mismatch" in told


def test_openssl_verifies_the_cms(signed, trusting, tmp_path):
    pdf = signed.read_bytes()
    first, before, after, length = map(int, re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)", pdf).groups())
    (tmp_path / "cms.der").write_bytes(bytes.fromhex(pdf[before + 1 : after - 1].decode()))
    (tmp_path / "content").write_bytes(pdf[first:before] + pdf[after : after + length])
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "cms.der", "-purpose", "any"]
    done = run(*command, "-content", tmp_path / "content", "-CAfile", trusting / "ca.pem", "-out", tmp_path / "out")
    assert "CMS Verification successful" in done.stderr
    assert (tmp_path / "out").read_bytes() == (tmp_path / "content").read_bytes()
    (tmp_path / "content").write_bytes(b"other")
    done = run(*command, "-content", tmp_path / "content", "-CAfile", trusting / "ca.pem", "-out", tmp_path / "out")
    assert done.returncode != 0


def test_qpdf_finds_nothing_wrong(signed):
    done = run("qpdf", "--check", signed)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("scheme", SignatureScheme)
def test_pyhanko_says_all_is_well(workshop, scheme):
    from asn1crypto import x509

    pdf = workshop.signed(sample_pdf(), scheme=scheme, placement=PLACE, appearance=SEAL)
    roots = [x509.Certificate.load(workshop.root.der)]
    context = ValidationContext(trust_roots=roots, allow_fetching=False)
    signature = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[0]
    status = validate_pdf_signature(signature, context, context)
    assert status.bottom_line
    assert status.timestamp_validity.trusted
    assert status.coverage.name == "ENTIRE_FILE"


def test_openssl_verifies_the_time_stamp(workshop, tmp_path):
    pdf = workshop.signed(sample_pdf())
    signer = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[0].signer_info
    token = next(a["values"][0] for a in signer["unsigned_attrs"] if a["type"].native == "signature_time_stamp_token")
    (tmp_path / "token").write_bytes(token.dump())
    (tmp_path / "value").write_bytes(signer["signature"].native)
    (tmp_path / "ca.pem").write_bytes(workshop.root.pem)
    names = [tmp_path / "value", "-token_in", "-in", tmp_path / "token", "-CAfile", tmp_path / "ca.pem"]
    done = run("openssl", "ts", "-verify", "-data", *names)
    assert "Verification: OK" in done.stdout, done.stderr


def test_the_contract_signed_by_both_sides(workshop, trusting, tmp_path):
    first = workshop.signed(
        EXAMPLE.read_bytes(), placement=Placement(3, 435, 394, 82, 82), appearance=SealAppearance("山田 太郎")
    )
    second = workshop.signed(
        first,
        workshop.signer("佐藤 花子"),
        name="佐藤 花子",
        placement=Placement(3, 435, 277, 82, 82),
        appearance=SealAppearance("佐藤 花子"),
    )
    path = tmp_path / "contract.pdf"
    path.write_bytes(second)
    told = run("pdfsig", "-nssdir", f"sql:{trusting}", path).stdout
    assert told.count("Signature is Valid.") == 2
    assert told.count("Certificate is Trusted.") == 2
    assert run("qpdf", "--check", path).returncode == 0
    text = run("pdftotext", "-f", "4", "-l", "4", path, "-").stdout
    assert text.count("山田 太郎") == 2
    assert text.count("佐藤 花子") == 2


def test_all_fonts_of_the_contract_and_the_mark_are_embedded(workshop, tmp_path):
    path = tmp_path / "contract.pdf"
    signed = workshop.signed(EXAMPLE.read_bytes(), placement=Placement(3, 435, 394, 82, 82), appearance=SEAL)
    path.write_bytes(signed)
    lines = run("pdffonts", path).stdout.splitlines()[2:]
    assert len(lines) == 3
    # The columns are: embedded, subset, with a map to Unicode.
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in lines)


def test_the_contract_is_text(tmp_path):
    text = run("pdftotext", EXAMPLE, "-").stdout
    for part in ("業務委託契約書", "委託料", "秘密保持", "山田 太郎", "佐藤 花子"):
        assert part in text
