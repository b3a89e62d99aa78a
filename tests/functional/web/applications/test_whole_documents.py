"""Whole documents of applications over HTTP: brought before the approval, read and signed in the portal, given back
signed, and to nobody else."""

import base64
import hashlib
import json
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from natsuin.authentication.oauth import SERVICE
from natsuin.cli.demo.story import sample_contract
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.clock import SystemClock
from natsuin.sam import protocol
from natsuin.web.csc.uploads import KEPT, MOST_UNSIGNED
from natsuin.web.document_work import DocumentWork
from natsuin.web.tables import csc_upload
from rigs.applications import CALLBACK, SHA256, App, answer_in
from rigs.portal import Portal

ECDSA_SHA256 = "1.2.840.10045.4.3.2"
NOT_AUTHORIZED = (400, "invalid_request", "documentDigests or documents are not authorized by the SAD")
OTHER_HASH = (403, "invalid_hash", "Document or documentDigest does not match authorized hash")


@pytest.fixture(scope="module")
def app(portal: Portal) -> App:
    return App.register(portal)


@pytest.fixture(scope="module")
def key_id(alice: Visitor) -> str:
    return str(alice.get("/api/keys")["keys"][0]["key_id"])


@pytest.fixture(scope="module")
def service(app: App, alice: Visitor) -> str:
    return str(app.granted(alice, app.asking())["access_token"])


def pdf() -> bytes:
    return b"%PDF-1.7\n" + secrets.token_hex(16).encode()


def brought(app: App, token: str, content: bytes, *, name: str = "contract.pdf", **headers: str) -> httpx2.Response:
    usual = {"content-type": "application/pdf", "x-document-name": name, "authorization": f"Bearer {token}"}
    return app.http.post("/csc/v2/documents", content=content, headers=usual | headers)


def asking(app: App, key_id: str, content: bytes) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    entry = {"type": "credential", "credentialID": key_id, "hashAlgorithmOID": SHA256}
    details = [{**entry, "documentDigests": [{"hash": digest, "hashType": "sodr"}]}]
    return app.asking(scope="credential", authorization_details=json.dumps(details))


def page_of(app: App, asked: dict[str, str]) -> str:
    """The API's address of the request's document."""
    page = app.http.get(app.address(asked)).headers["location"].rpartition("/")[2]
    return f"/api/access-requests/{page}/document"


def signed_token(app: App, person: Visitor, key_id: str, content: bytes) -> str:
    """What the person's reading, signing and giving back ends in."""
    page = page_of(app, asking(app, key_id, content))
    shown = person.get(page)
    if shown["state"] != "signed":
        person.sign(shown["document_id"])
    answer = answer_in(person.post(page, {})["redirect"])
    assert answer["state"] == "state-1"
    return str(app.exchange(answer["code"]).json()["access_token"])


def item(content: bytes, **more: Any) -> dict[str, Any]:
    document = base64.b64encode(content).decode()
    members = {"document": document, "signature_format": "P", "signAlgo": ECDSA_SHA256, **more}
    return {name: value for name, value in members.items() if value is not ...}


def sign_doc(app: App, token: str, key_id: str, *items: dict[str, Any], **more: Any) -> httpx2.Response:
    members = {"credentialID": key_id, "documents": list(items), **more}
    return app.http.post("/csc/v2/signatures/signDoc", json=members, headers={"authorization": f"Bearer {token}"})


def told(answer: httpx2.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


def test_a_document_is_read_signed_and_given_back(
    portal: Portal, app: App, alice: Visitor, key_id: str, service: str
) -> None:
    content = pdf()
    answer = brought(app, service, content, name="%E5%A5%91%E7%B4%84%E6%9B%B8.pdf")
    assert answer.status_code == 201
    kept = answer.json()
    assert (kept["size"], base64.b64decode(kept["hash"])) == (len(content), hashlib.sha256(content).digest())
    assert brought(app, service, content).json() == kept
    asked = asking(app, key_id, content)
    page = page_of(app, asked)
    assert alice.get(page) == {"document_id": kept["documentID"], "name": "契約書.pdf", "state": "ready"}
    # What is shown is what was brought, and nothing is given before it is signed.
    assert alice.download(f"/api/documents/{kept['documentID']}/content") == content
    with pytest.raises(ServerRefused):
        alice.post(page, {})
    alice.sign(kept["documentID"])
    token = app.exchange(answer_in(alice.post(page, {})["redirect"])["code"]).json()["access_token"]
    portal.sam.seen.clear()
    done = sign_doc(app, token, key_id, item(content))
    assert done.status_code == 200
    [signed] = done.json()["DocumentWithSignature"]
    assert base64.b64decode(signed) == alice.download(f"/api/documents/{kept['documentID']}/signed")
    for again in (item(content, conformance_level="AdES-B-T"), item(b"", document=..., documentID=kept["documentID"])):
        assert sign_doc(app, token, key_id, again).json() == done.json()
    # It was signed once, when the person approved it on its page.
    assert portal.sam.count(protocol.Sign) == 0
    with pytest.raises(ServerRefused):
        alice.post(page, {})


def test_a_signed_document_is_a_good_pdf(tmp_path: Path) -> None:
    """With the real work on PDFs, on a portal of its own."""
    portal = Portal.start(tmp_path, work=DocumentWork())
    try:
        officer = portal.enrol_officer()
        person = portal.enrol(officer)
        app = App.register(portal)
        [key] = person.get("/api/keys")["keys"]
        service = app.granted(person, app.asking())["access_token"]
        content = sample_contract().read_bytes()
        assert brought(app, service, content).status_code == 201
        token = signed_token(app, person, key["key_id"], content)
        [signed] = sign_doc(app, token, key["key_id"], item(content)).json()["DocumentWithSignature"]
        verdict = person._http.post(
            "/api/verify", files={"pdf": ("a.pdf", base64.b64decode(signed), "application/pdf")}
        ).json()
        assert (verdict["overall"], verdict["signatures"][0]["level"]) == ("valid", "B-T"), verdict
    finally:
        portal.stop()


def test_only_the_document_that_was_approved(app: App, alice: Visitor, key_id: str, service: str) -> None:
    content, other = pdf(), pdf()
    for one in (content, other):
        assert brought(app, service, one).status_code == 201
    token = signed_token(app, alice, key_id, content)
    for wrong in (item(other), item(content + b"\n"), item(b"", document=..., documentID="d-other")):
        assert told(sign_doc(app, token, key_id, wrong)) == OTHER_HASH
    for wish, description in (
        ([item(content, document="!!")], "Invalid Base64 documents string parameter"),
        ([item(content, document=...)], "Missing (or invalid type) string parameter document"),
        ([item(content, signature_format="C")], "Invalid parameter signature_format"),
        ([item(content, conformance_level="AdES-B-LT")], "Invalid parameter conformance_level"),
        ([item(content, signAlgo="1.2.840.113549.1.1.11")], "Invalid parameter signAlgo"),
        ([item(content, signed_props=[{"attribute_name": "Reason"}])], "Invalid parameter signed_props (Reason)"),
        ([item(content), item(other)], NOT_AUTHORIZED[2]),
        ([], "Empty documentDigests and documents objects"),
        (["x"], "Invalid array parameter documents"),
    ):
        assert told(sign_doc(app, token, key_id, *wish)) == (400, "invalid_request", description)
    both = sign_doc(app, token, key_id, item(content), documentDigests=[])
    assert told(both)[2] == "Both documentDigests and documents parameters passed"
    # Its hash is no digest to be signed.
    hashes = [base64.b64encode(hashlib.sha256(content).digest()).decode()]
    bare = {"credentialID": key_id, "hashes": hashes, "signAlgo": ECDSA_SHA256}
    headers = {"authorization": f"Bearer {token}"}
    refused = app.http.post("/csc/v2/signatures/signHash", json=bare, headers=headers)
    assert told(refused)[2] == "Hash is not authorized by the SAD"
    assert sign_doc(app, token, key_id, item(content)).status_code == 200


def test_nobody_else_sees_or_gets_it(portal: Portal, app: App, alice: Visitor, officer: Visitor, service: str) -> None:
    """Neither another client that knows the hash, nor another person, nor this client about a document of the person's
    own that it never brought."""
    [key] = alice.get("/api/keys")["keys"][:1]
    content, own = pdf(), pdf()
    brought(app, service, content)
    another = App.register(portal)
    grace = portal.enrol(officer, common_name="Grace", email="grace@example.jp")
    alice.sign(alice.post_bytes(own, "own.pdf")["id"])
    for client, person, wanted in ((another, alice, content), (app, grace, content), (app, alice, own)):
        page = page_of(client, asking(client, key["key_id"], wanted))
        for call in (lambda: person.get(page), lambda: person.post(page, {})):  # noqa: B023
            with pytest.raises(ServerRefused, match="did not bring this document"):
                call()


def test_another_key_than_the_one_asked_for_is_not_given(
    portal: Portal, app: App, alice: Visitor, officer: Visitor, service: str
) -> None:
    content = pdf()
    kept = brought(app, service, content).json()
    page = page_of(app, asking(app, "k-another", content))
    alice.sign(kept["documentID"])
    with pytest.raises(ServerRefused):
        alice.post(page, {})


@pytest.mark.parametrize(
    ("headers", "content", "description"),
    [
        ({"content-type": "text/plain"}, b"%PDF-1.7", "the body must be application/pdf"),
        ({}, b"no PDF", "this is not a PDF"),
        ({"x-document-name": "a/b.pdf"}, b"%PDF-1.7 x", "Invalid header x-document-name: "),
        ({"x-document-name": "%ff"}, b"%PDF-1.7 y", "Invalid header x-document-name: "),
        ({"x-document-name": ""}, b"%PDF-1.7 z", "Invalid header x-document-name: "),
    ],
)
def test_a_bad_upload_is_told(
    app: App, service: str, headers: dict[str, str], content: bytes, description: str
) -> None:
    refused = brought(app, service, content, **headers)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert refused.json()["error_description"].startswith(description)


def test_an_upload_needs_a_service_token(app: App, alice: Visitor, key_id: str, service: str) -> None:
    credential = app.granted(alice, app.for_hashes(key_id, bytes(32)))["access_token"]
    assert told(brought(app, credential, pdf()))[1] == "unauthorized_client"
    assert brought(app, "nonsense", pdf()).status_code == 401
    assert app.http.post("/csc/v1/documents", content=b"").status_code == 404


def test_documents_are_bounded_in_number_and_time(portal: Portal, officer: Visitor) -> None:
    person = portal.enrol(officer, common_name="Heidi", email="heidi@example.jp")
    app = App.register(portal, scopes=(SERVICE,))
    service = app.granted(person, app.asking())["access_token"]
    kept = [brought(app, service, pdf()).json()["documentID"] for _ in range(MOST_UNSIGNED)]
    full = brought(app, service, pdf())
    assert (full.status_code, full.json()["error"]) == (503, "temporarily_unavailable")
    person.sign(kept[0])
    assert brought(app, service, pdf()).status_code == 201
    with portal.database.write() as connection:
        old = int((SystemClock().now() - KEPT - timedelta(seconds=1)).timestamp() * 1000)
        mine = sa.update(csc_upload).where(csc_upload.c.document_id.in_(kept))
        connection.execute(mine.values(created_at=old))
    assert purged(portal) == MOST_UNSIGNED - 1
    left = {one["id"] for one in person.get("/api/documents")["documents"]}
    assert left & set(kept) == {kept[0]}


def purged(portal: Portal) -> int:
    from natsuin.web.csc.uploads import Uploads
    from natsuin.web.document_store import DocumentStore

    store = DocumentStore(portal.database, SystemClock(), max_bytes_per_person=1)
    return Uploads(portal.database, SystemClock(), store, DocumentWork()).purge()


def test_a_request_is_over_one_document_with_sha_256(app: App, key_id: str) -> None:
    one = {"hash": base64.b64encode(bytes(32)).decode(), "hashType": "sodr"}
    long = {"hash": base64.b64encode(bytes(64)).decode(), "hashType": "sodr"}
    for listed, oid in (([one, one], SHA256), ([long], "2.16.840.1.101.3.4.2.3")):
        entry = {"type": "credential", "credentialID": key_id, "documentDigests": listed, "hashAlgorithmOID": oid}
        asked = app.asking(scope="credential", authorization_details=json.dumps([entry]))
        sent = answer_in(app.http.get(app.address(asked)).headers["location"])
        assert (sent["error"], CALLBACK) == ("invalid_request", CALLBACK)
