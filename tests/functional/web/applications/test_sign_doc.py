"""signatures/signDoc over HTTP: PDFs prepared elsewhere get their signature object, and no attribute is signed that was
not approved."""

import base64
import hashlib
import io
import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from natsuin import base64url, documents
from natsuin.cli.demo.visitor import Visitor
from natsuin.sam import protocol
from rigs.applications import SHA256, App
from rigs.portal import Portal
from rigs.prepared_pdf import PreparedPDF

ECDSA_SHA256 = "1.2.840.10045.4.3.2"
RSA_SHA256 = "1.2.840.113549.1.1.11"
RSASSA_PSS = "1.2.840.113549.1.1.10"
NOT_AUTHORIZED = "documentDigests or documents are not authorized by the SAD"
CONTRADICTION = "String parameter hashAlgorithmOID contradicts with signAlgo parameter"
OTHER_HASH = "Document or documentDigest does not match authorized hash"


@pytest.fixture(scope="module")
def app(portal: Portal) -> App:
    return App.register(portal)


@pytest.fixture(scope="module")
def key_id(alice: Visitor) -> str:
    return str(alice.get("/api/keys")["keys"][0]["key_id"])


@pytest.fixture(scope="module")
def rsa(portal: Portal, officer: Visitor) -> Visitor:
    return portal.enrol(officer, common_name="Dora", email="dora@example.jp", algorithm="rsa-3072")


def details(key_id: str, *digests: bytes, kind: str | None = "sdr") -> str:
    listed = [{"hash": base64.b64encode(digest).decode(), "hashType": kind, "label": "契約書"} for digest in digests]
    entry = {"type": "credential", "credentialID": key_id, "documentDigests": listed, "hashAlgorithmOID": SHA256}
    return json.dumps([entry])


def approved(app: App, person: Visitor, key_id: str, *digests: bytes, kind: str | None = "sdr") -> str:
    asked = app.asking(scope="credential", authorization_details=details(key_id, *digests, kind=kind))
    return str(app.granted(person, asked)["access_token"])


def call(app: App, token: str, method: str, members: Any) -> httpx2.Response:
    return app.http.post(f"/csc/v2/{method}", json=members, headers={"authorization": f"Bearer {token}"})


def wish(*digests: bytes, **more: Any) -> dict[str, Any]:
    hashes = [base64.b64encode(digest).decode() for digest in digests]
    members = {"hashes": hashes, "hashAlgorithmOID": SHA256, "signature_format": "P", "signAlgo": ECDSA_SHA256, **more}
    return {name: value for name, value in members.items() if value is not ...}


def sign_doc(app: App, token: str, key_id: str, *items: dict[str, Any]) -> httpx2.Response:
    return call(app, token, "signatures/signDoc", {"credentialID": key_id, "documentDigests": list(items)})


def objects(answer: httpx2.Response) -> list[bytes]:
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"SignatureObject"}
    return [base64.b64decode(one) for one in answer.json()["SignatureObject"]]


def told(answer: httpx2.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


def attributes_in(made: bytes) -> bytes:
    [signer] = asn1_cms.ContentInfo.load(made)["content"]["signer_infos"]
    return bytes(signer["signed_attrs"].untag().dump())


def validate(content: bytes, portal: Portal, *, stamped: bool) -> None:
    with portal.client() as client:
        [anchor] = load_certs_from_pemder_data(client.get("/pki/root.cer").content)
    [embedded] = PdfFileReader(io.BytesIO(content)).embedded_signatures
    context = ValidationContext(trust_roots=[anchor], allow_fetching=False)
    status = validate_pdf_signature(embedded, context, ts_validation_context=context)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    assert (status.timestamp_validity is not None) == stamped
    if stamped:
        assert status.timestamp_validity.valid


@pytest.mark.parametrize("level", [None, "Ades-B-B", "AdES-B-T"])
def test_the_signature_object_fits_into_the_pdf(
    portal: Portal, app: App, alice: Visitor, key_id: str, tmp_path: Path, level: str | None
) -> None:
    pdf = PreparedPDF.make()
    token = approved(app, alice, key_id, pdf.digest)
    [made] = objects(sign_doc(app, token, key_id, wish(pdf.digest, conformance_level=level)))
    validate(pdf.embed(made), portal, stamped=level == "AdES-B-T")
    check_with_openssl(portal, pdf.signed_range(), made, tmp_path)


@pytest.mark.parametrize("algorithm", [RSA_SHA256, RSASSA_PSS])
def test_with_rsa_the_application_chooses_the_padding(
    portal: Portal, app: App, rsa: Visitor, tmp_path: Path, algorithm: str
) -> None:
    key_id = rsa.get("/api/keys")["keys"][0]["key_id"]
    pdf = PreparedPDF.make()
    token = approved(app, rsa, key_id, pdf.digest, kind="SDR")
    longest = "MDWgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIEAgIA3g=="
    if algorithm == RSASSA_PSS:
        refused = sign_doc(app, token, key_id, wish(pdf.digest, signAlgo=algorithm, signAlgoParams=longest))
        assert told(refused) == (400, "invalid_request", "Invalid parameter signAlgoParams")
    [made] = objects(sign_doc(app, token, key_id, wish(pdf.digest, signAlgo=algorithm)))
    validate(pdf.embed(made), portal, stamped=False)
    check_with_openssl(portal, pdf.signed_range(), made, tmp_path)


def test_the_record_is_over_the_attributes_and_nothing_else_is_signed(
    portal: Portal, app: App, alice: Visitor, key_id: str
) -> None:
    """What the passkey signs is the digest of the very attributes that stand in the signature object (P1)."""
    digest = secrets.token_bytes(32)
    asked = app.asking(scope="credential", authorization_details=details(key_id, digest))
    page = app.http.get(app.address(asked)).headers["location"].rpartition("/")[2]
    base = f"/api/access-requests/{page}"
    assert alice.get(base)["hash_kind"] == "sdr"
    instruction = alice.post(f"{base}/instruction", {"key_id": key_id})
    record = json.loads(instruction["record"])
    [attributes] = map(base64url.decode, instruction["signed_attributes"])
    assert record["digests"] == [base64url.encode(hashlib.sha256(attributes).digest())]
    answer = dict(httpx2.URL(alice.approve(instruction, f"{base}/approval")["redirect"]).params)
    token = app.exchange(answer["code"]).json()["access_token"]
    portal.sam.seen.clear()
    [made] = objects(sign_doc(app, token, key_id, wish(digest)))
    assert attributes_in(made) == attributes
    assert portal.sam.count(protocol.Sign) == 1
    named = {one["type"].native: one["values"].native for one in asn1_cms.CMSAttributes.load(attributes)}
    assert named["message_digest"] == [digest]
    assert "signing_time" not in named


def test_many_documents_in_any_order_and_levels_and_again(app: App, alice: Visitor, key_id: str) -> None:
    one, two, three = (secrets.token_bytes(32) for _ in range(3))
    token = approved(app, alice, key_id, one, two, three, one)
    items = wish(three, one, signed_envelope_property="Revision"), wish(two, one, conformance_level="adES-b-t")
    made = objects(sign_doc(app, token, key_id, *items))
    for digest, signed in zip((three, one, two, one), made, strict=True):
        attributes = asn1_cms.CMSAttributes.load(attributes_in(signed))
        assert [a["values"].native for a in attributes if a["type"].native == "message_digest"] == [[digest]]
    again = objects(sign_doc(app, token, key_id, *items))
    assert again[:2] == made[:2]
    assert [values(signed) for signed in again] == [values(signed) for signed in made]
    refused = told(sign_doc(app, token, key_id, wish(one)))
    assert refused == (400, "invalid_request", NOT_AUTHORIZED)


def values(made: bytes) -> bytes:
    [signer] = asn1_cms.ContentInfo.load(made)["content"]["signer_infos"]
    return bytes(signer["signature"].native)


def test_an_extended_transaction_signs_as_bearer(app: App, alice: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    sad = approved(app, alice, key_id, digest)
    extended = call(app, sad, "credentials/extendTransaction", {"credentialID": key_id, "SAD": sad}).json()["SAD"]
    assert len(objects(sign_doc(app, extended, key_id, wish(digest)))) == 1


def test_an_approval_of_one_kind_signs_nothing_of_the_other(
    portal: Portal, app: App, alice: Visitor, key_id: str
) -> None:
    """Neither the document's digest, nor that of its attributes, comes out as a bare signature; nor does an approved
    digest of data become a document's."""
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    info = call(app, token, "credentials/info", {"credentialID": key_id}).json()
    certificate = base64.b64decode(info["cert"]["certificates"][0])
    attributes = documents.attributes_over(certificate, "sha256", digest)
    portal.sam.seen.clear()
    for bare in (digest, hashlib.sha256(attributes).digest()):
        wanted = {"credentialID": key_id, "hashes": [base64.b64encode(bare).decode()], "signAlgo": ECDSA_SHA256}
        refused = told(call(app, token, "signatures/signHash", wanted))
        assert refused == (400, "invalid_request", "Hash is not authorized by the SAD")
    for kind in (None, "DTBSR"):
        as_data = approved(app, alice, key_id, digest, kind=kind)
        assert told(sign_doc(app, as_data, key_id, wish(digest))) == (400, "invalid_request", NOT_AUTHORIZED)
    assert portal.sam.count(protocol.Sign) == 0
    assert len(objects(sign_doc(app, token, key_id, wish(digest)))) == 1


@pytest.mark.parametrize(
    ("change", "description"),
    [
        ({"hashes": ...}, "Invalid object parameter documentDigests"),
        ({"hashes": []}, "Invalid object parameter documentDigests"),
        ({"hashes": [5]}, "Invalid object parameter documentDigests"),
        ({"hashes": ["!!!"]}, "Invalid Base64 hashes string parameter"),
        ({"hashes": ["AAAA"]}, "Invalid digest value length"),
        ({"hashAlgorithmOID": "2.16.840.1.101.3.4.2.3"}, CONTRADICTION),
        ({"hashAlgorithmOID": "1.2.3"}, "Invalid parameter hashAlgorithmOID"),
        ({"signature_format": ...}, "Missing (or invalid type) string parameter signature_format"),
        ({"signature_format": "C"}, "Invalid parameter signature_format"),
        ({"conformance_level": "AdES-B-LT"}, "Invalid parameter conformance_level"),
        ({"signed_envelope_property": "Attached"}, "Invalid parameter signed_envelope_property"),
        ({"signed_props": [{"attribute_name": "Reason"}]}, "Invalid parameter signed_props (Reason)"),
        ({"signed_props": "Reason"}, "Invalid parameter signed_props"),
        ({"signAlgo": ...}, "Missing (or invalid type) string parameter signAlgo"),
        ({"signAlgo": RSA_SHA256}, "Invalid parameter signAlgo"),
    ],
)
def test_a_bad_item_is_told_exactly(
    app: App, bad: tuple[str, bytes], key_id: str, change: Any, description: str
) -> None:
    token, digest = bad
    assert told(sign_doc(app, token, key_id, wish(digest, **change))) == (400, "invalid_request", description)


@pytest.fixture(scope="module")
def bad(portal: Portal, app: App, alice: Visitor, key_id: str) -> Any:
    """One approval for all bad requests. It is good at the end, so none of them consumed it or used the key."""
    digest = secrets.token_bytes(32)
    token = approved(app, alice, key_id, digest)
    yield token, digest
    assert len(objects(sign_doc(app, token, key_id, wish(digest, hashes=base64.b64encode(digest).decode())))) == 1


@pytest.mark.parametrize(
    ("members", "description"),
    [
        ({}, "Empty documentDigests and documents objects"),
        ({"documentDigests": []}, "Empty documentDigests and documents objects"),
        ({"documentDigests": ["x"]}, "Invalid object parameter documentDigests"),
        ({"documents": "x"}, "Invalid array parameter documents"),
        ({"documents": [{"document": "JVBERi0="}]}, NOT_AUTHORIZED),
        ({"documents": [], "documentDigests": []}, "Both documentDigests and documents parameters passed"),
        ({"operationMode": "B"}, "Invalid parameter operationMode"),
        ({"returnValidationInfo": "yes"}, "Invalid parameter returnValidationInfo"),
        ({"SAD": "another"}, "Invalid parameter SAD"),
        ({"credentialID": "another"}, "Invalid parameter credentialID"),
    ],
)
def test_a_bad_request_is_told_exactly(
    app: App, bad: tuple[str, bytes], key_id: str, members: dict[str, Any], description: str
) -> None:
    refused = call(app, bad[0], "signatures/signDoc", {"credentialID": key_id, **members})
    assert told(refused) == (400, "invalid_request", description)


def test_another_document_is_not_signed(app: App, bad: tuple[str, bytes], key_id: str) -> None:
    for digests in ([secrets.token_bytes(32)], [bad[1], bad[1]]):
        assert told(sign_doc(app, bad[0], key_id, wish(*digests))) == (403, "invalid_hash", OTHER_HASH)


@pytest.mark.parametrize("kinds", [("sdr", "dtbsr"), ("sodr", "sodr"), ("x", "x")])
def test_a_request_of_mixed_or_unknown_kinds_is_sent_back(app: App, key_id: str, kinds: tuple[str, str]) -> None:
    listed = [{"hash": base64.b64encode(bytes(32)).decode(), "hashType": kind} for kind in kinds]
    entry = {"type": "credential", "credentialID": key_id, "documentDigests": listed, "hashAlgorithmOID": SHA256}
    asked = app.asking(scope="credential", authorization_details=json.dumps([entry]))
    sent = httpx2.URL(app.http.get(app.address(asked)).headers["location"]).params
    assert sent["error"] in ("invalid_authorization_details", "invalid_request")
    assert "hashType" in sent["error_description"]


def test_the_token_request_cannot_change_the_kind(app: App, alice: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    asked = app.asking(scope="credential", authorization_details=details(key_id, digest))
    code = httpx2.URL(alice.authorize(app.address(asked))).params["code"]
    refused = app.exchange(code, authorization_details=details(key_id, digest, kind="dtbsr"))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_plain_parameters_name_the_kind_too(app: App, alice: Visitor, key_id: str) -> None:
    digest = secrets.token_bytes(32)
    token = app.granted(alice, app.for_hashes(key_id, digest, hashType="sdr"))["access_token"]
    assert len(objects(sign_doc(app, token, key_id, wish(digest)))) == 1


def test_the_first_generation_has_no_such_method(app: App, bad: tuple[str, bytes]) -> None:
    refused = app.http.post("/csc/v1/signatures/signDoc", json={}, headers={"authorization": f"Bearer {bad[0]}"})
    assert (refused.status_code, refused.json()["error"]) == (501, "not_implemented")


def check_with_openssl(portal: Portal, signed: bytes, made: bytes, folder: Path) -> None:
    with portal.client() as client:
        root = x509.load_der_x509_certificate(client.get("/pki/root.cer").content)
    files = {"signed": signed, "cms": made, "root.pem": root.public_bytes(Encoding.PEM)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-content", "signed"]
    command += ["-CAfile", "root.pem", "-purpose", "any", "-out", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
