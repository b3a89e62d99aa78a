"""pyHanko's own client of the CSC API signs PDFs here, with every kind of key and padding, and others verify them."""

import asyncio
import base64
import hashlib
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationInfo,
    CSCAuthorizationManager,
    CSCServiceSessionInfo,
    CSCSigner,
    fetch_certs_in_csc_credential,
)
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from natsuin.cli.demo.story import sample_contract
from natsuin.cli.demo.visitor import Visitor
from rigs.applications import App
from rigs.portal import Portal


@pytest.fixture(scope="module")
def app(portal: Portal) -> App:
    return App.register(portal)


@pytest.fixture(scope="module")
def rsa(portal: Portal, officer: Visitor) -> Visitor:
    return portal.enrol(officer, common_name="Carol", email="carol@example.jp", algorithm="rsa-3072")


class ByApproval(CSCAuthorizationManager):
    """Has the person approve exactly the hashes that pyHanko is about to have signed."""

    def __init__(self, session: Any, info: Any, app: App, person: Visitor, mount: str) -> None:
        super().__init__(session, info)
        self.app, self.person, self.mount = app, person, mount

    async def authorize_signature(self, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        digests = [base64.b64decode(text) for text in hash_b64s]
        key_id = self.csc_session_info.credential_id
        asked = self.app.for_hashes(key_id, *digests)
        token = await asyncio.to_thread(self.app.granted, self.person, asked, mount=self.mount)
        return CSCAuthorizationInfo(sad=token["access_token"])


class SecondGeneration(CSCSigner):
    """The twenty lines that pyHanko lacks for the second generation: other names for two members."""

    async def format_csc_signing_req(self, tbs_hashes: list[str], digest_algorithm: str) -> dict[str, Any]:
        request = await super().format_csc_signing_req(tbs_hashes, digest_algorithm)
        request["hashes"] = request.pop("hash")
        request["hashAlgorithmOID"] = request.pop("hashAlgo")
        return dict(request)


async def sign(
    portal: Portal, app: App, person: Visitor, *, mount: str, count: int = 1, pss: bool = False
) -> list[bytes]:
    service = app.granted(person, app.asking())["access_token"]
    key_id = person.get("/api/keys")["keys"][0]["key_id"]
    base = f"http://127.0.0.1:{portal.port}"
    info = CSCServiceSessionInfo(base, key_id, oauth_token=service, api_ver=mount.rpartition("/")[2])
    content = sample_contract().read_bytes()
    async with aiohttp.ClientSession(headers={"Host": "localhost:8710"}) as session:
        credential = await fetch_certs_in_csc_credential(session, info)
        manager = ByApproval(info, credential, app, person, "/csc/v1" if mount == "/csc/v1" else "")
        kind = CSCSigner if mount == "/csc/v1" else SecondGeneration
        signer = kind(session, auth_manager=manager, sign_timeout=60, prefer_pss=pss, batch_size=count)

        async def one(number: int) -> bytes:
            metadata = signers.PdfSignatureMetadata(field_name=f"Signature{number}", md_algorithm="sha256")
            made = await signers.async_sign_pdf(
                IncrementalPdfFileWriter(io.BytesIO(content)), metadata, signer=signer, bytes_reserved=32_768
            )
            return bytes(made.getbuffer())

        return list(await asyncio.gather(*(one(number) for number in range(count))))


@pytest.fixture
def root(portal: Portal) -> Iterator[bytes]:
    with portal.client() as client:
        yield client.get("/pki/root.cer").content


def validate(content: bytes, root: bytes) -> None:
    [embedded] = PdfFileReader(io.BytesIO(content)).embedded_signatures
    [anchor] = load_certs_from_pemder_data(root)
    status = validate_pdf_signature(embedded, ValidationContext(trust_roots=[anchor], allow_fetching=False))
    assert status.intact
    assert status.valid
    assert status.trusted


@pytest.mark.parametrize("mount", ["/csc/v1", "/csc/v2"])
def test_pyhanko_signs_with_an_elliptic_curve(portal, app, alice, root, tmp_path, mount) -> None:
    [made] = asyncio.run(sign(portal, app, alice, mount=mount))
    validate(made, root)
    (tmp_path / "made.pdf").write_bytes(made)
    told = subprocess.run(["pdfsig", tmp_path / "made.pdf"], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in told


@pytest.mark.parametrize(
    ("mount", "pss"), [("/csc/v1", False), ("/csc/v1", True), ("/csc/v2", False), ("/csc/v2", True)]
)
def test_pyhanko_signs_with_rsa_in_both_paddings(portal, app, rsa, root, tmp_path, mount, pss) -> None:
    """pyHanko asks for the longest salt there is, which a server that ignores the parameters gets wrong."""
    [made] = asyncio.run(sign(portal, app, rsa, mount=mount, pss=pss))
    validate(made, root)
    check_with_openssl(made, root, tmp_path)


def test_pyhanko_signs_a_batch_with_one_approval(portal, app, alice, root) -> None:
    made = asyncio.run(sign(portal, app, alice, mount="/csc/v1", count=20))
    assert len({hashlib.sha256(one).digest() for one in made}) == 20
    for one in made:
        validate(one, root)


def check_with_openssl(content: bytes, root: bytes, folder: Path) -> None:
    [embedded] = PdfFileReader(io.BytesIO(content)).embedded_signatures
    start, first, second, length = embedded.byte_range
    files = {
        "signed": content[start : start + first] + content[second : second + length],
        "cms": embedded.pkcs7_content,
        "root.pem": x509.load_der_x509_certificate(root).public_bytes(Encoding.PEM),
    }
    for name, written in files.items():
        (folder / name).write_bytes(written)
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-content", "signed"]
    command += ["-CAfile", "root.pem", "-purpose", "any", "-out", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
