"""The CSC API over HTTP: what is offered works in both generations, and nothing is signed but what was approved."""

import base64
import hashlib
import io
import itertools
import secrets
from typing import Any

import httpx2
import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from PIL import Image

from natsuin.authentication.oauth import Clients
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import SystemClock
from natsuin.sam import protocol
from natsuin.web.csc.methods import METHODS, METHODS_2, NOT_OFFERED
from rigs.applications import SHA256, App, base64url
from rigs.portal import Portal
from rigs.web_side import ORIGIN

ECDSA_SHA256 = "1.2.840.10045.4.3.2"
P_256 = "1.2.840.10045.3.1.7"
MOUNTS = ("/csc/v1", "/csc/v2")


@pytest.fixture(scope="session")
def app(portal: Portal) -> App:
    return App.register(portal)


@pytest.fixture(scope="session")
def key_id(alice: Visitor) -> str:
    return str(alice.get("/api/keys")["keys"][0]["key_id"])


@pytest.fixture(scope="session")
def service(app: App, alice: Visitor) -> str:
    return str(app.granted(alice, app.asking())["access_token"])


def call(app: App, token: str | None, path: str, members: Any = None) -> httpx2.Response:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return app.http.post(path, json={} if members is None else members, headers=headers)


def digests(count: int) -> tuple[bytes, ...]:
    return tuple(secrets.token_bytes(32) for _ in range(count))


def written(values: tuple[bytes, ...]) -> list[str]:
    return [base64.b64encode(value).decode() for value in values]


def approved(app: App, person: Visitor, key_id: str, wanted: tuple[bytes, ...]) -> str:
    return str(app.granted(person, app.for_hashes(key_id, *wanted))["access_token"])


def signing(key_id: str, wanted: tuple[bytes, ...], **more: Any) -> dict[str, Any]:
    members = {"credentialID": key_id, "hashes": written(wanted), "signAlgo": ECDSA_SHA256, "hashAlgorithmOID": SHA256}
    return {name: value for name, value in {**members, **more}.items() if value is not ...}


def no_null(value: Any) -> bool:
    if isinstance(value, dict):
        return all(no_null(member) for member in value.values())
    return all(no_null(item) for item in value) if isinstance(value, list) else value is not None


def verify(certificate: str, digest: bytes, signature: str) -> None:
    key = x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(base64.b64decode(signature), digest, ec.ECDSA(Prehashed(hashes.SHA256())))


@pytest.mark.parametrize("mount", MOUNTS)
def test_info_tells_the_truth(app: App, mount: str) -> None:
    for answer in (
        app.http.get(f"{mount}/info"),
        app.http.post(f"{mount}/info"),
        app.http.post(f"{mount}/info", json={"lang": "ja", "unknown": None}),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json;charset=UTF-8"
        told = answer.json()
        assert no_null(told)
        assert told["specs"] == ("1.0.4.0" if mount == "/csc/v1" else "2.2.0.0")
        logo = app.http.get(told["logo"].removeprefix(ORIGIN))
        assert max(Image.open(io.BytesIO(logo.content)).size) <= 256
        for name in told["methods"]:
            path = told["oauth2"].removeprefix(ORIGIN) + f"/{name}" if name.startswith("oauth2") else f"{mount}/{name}"
            method = "GET" if name == "oauth2/authorize" else "POST"
            assert app.http.request(method, path).status_code in (200, 400, 401), name
        for name in set(NOT_OFFERED) - set(told["methods"]):
            refused = app.http.post(f"{mount}/{name}", json={})
            assert (refused.status_code, refused.json()["error"]) == (501, "not_implemented")
        assert {name for name in told["methods"] if not name.startswith("oauth2")} == set(
            METHODS if mount == "/csc/v1" else METHODS_2
        )


@pytest.mark.parametrize("mount", MOUNTS)
def test_an_unknown_method_is_told_in_the_apis_words(app: App, mount: str) -> None:
    for name in ("nothing", "signatures/signEverything", "../../api/keys", "credentials/"):
        refused = app.http.post(f"{mount}/{name}", json={})
        assert refused.status_code in (404, 403)
    assert app.http.get(f"{mount}/credentials/list").json()["error"] == "invalid_request"


def test_credentials_are_listed_and_described_whole(app: App, alice: Visitor, service: str, key_id: str) -> None:
    asked = {"credentialInfo": True, "certificates": "chain", "onlyValid": True, "lang": None, "clientData": None}
    told = call(app, service, "/csc/v2/credentials/list", asked).json()
    assert no_null(told)
    assert told["onlyValid"] is True
    assert told["credentialIDs"] == [one["credentialID"] for one in told["credentialInfos"]]
    info = call(app, service, "/csc/v2/credentials/info", {"credentialID": key_id, "certificates": "chain"}).json()
    assert {"credentialID": key_id, **info} in told["credentialInfos"]
    assert info["key"] == {"status": "enabled", "algo": [ECDSA_SHA256], "len": 256, "curve": P_256}
    assert info["auth"] == {"mode": "oauth2code", "objects": []}
    assert (info["SCAL"], type(info["multisign"])) == ("2", int)
    certificates = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in info["cert"]["certificates"]]
    assert len(certificates) == 3
    for issued, issuer in itertools.pairwise(certificates):
        issued.verify_directly_issued_by(issuer)
    assert info["cert"]["validTo"] == f"{certificates[0].not_valid_after_utc:%Y%m%d%H%M%SZ}"
    assert int(info["cert"]["serialNumber"], 16) == certificates[0].serial_number


@pytest.mark.parametrize(("which", "count"), [("none", 0), ("single", 1), ("chain", 3), (None, 1)])
def test_as_many_certificates_as_were_asked_for(app: App, service: str, key_id: str, which: Any, count: int) -> None:
    told = call(app, service, "/csc/v1/credentials/info", {"credentialID": key_id, "certificates": which}).json()
    assert len(told["cert"].get("certificates", [])) == count
    assert told["authMode"] == "oauth2code"
    assert "auth" not in told


def test_the_first_generation_lists_page_by_page(app: App, service: str, alice: Visitor) -> None:
    every = call(app, service, "/csc/v1/credentials/list").json()
    assert "nextPageToken" not in every
    found, token = [], None
    while True:
        page = call(app, service, "/csc/v1/credentials/list", {"maxResults": 1, "pageToken": token}).json()
        found += page["credentialIDs"]
        token = page.get("nextPageToken")
        if token is None:
            break
    assert found == every["credentialIDs"]
    refused = call(app, service, "/csc/v1/credentials/list", {"pageToken": "nothing"}).json()
    assert refused["error_description"] == "Invalid parameter pageToken"


def test_nobody_sees_another_persons_credential(app: App, alice: Visitor, bob: Visitor, service: str) -> None:
    his = bob.get("/api/keys")["keys"][0]["key_id"]
    assert his not in call(app, service, "/csc/v2/credentials/list").json()["credentialIDs"]
    foreign = call(app, service, "/csc/v2/credentials/info", {"credentialID": his})
    unknown = call(app, service, "/csc/v2/credentials/info", {"credentialID": "nobody"})
    assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json())
    refused = call(app, service, "/csc/v2/credentials/list", {"userID": "somebody"}).json()
    assert refused["error_description"] == "userID parameter MUST be null"


@pytest.mark.parametrize("mount", MOUNTS)
def test_an_approved_hash_is_signed_with_the_token_alone(app: App, alice: Visitor, key_id: str, mount: str) -> None:
    wanted = digests(1)
    token = approved(app, alice, key_id, wanted)
    made = call(app, token, f"{mount}/signatures/signHash", signing(key_id, wanted))
    assert made.status_code == 200, made.text
    info = call(app, token, f"{mount}/credentials/info", {"credentialID": key_id}).json()
    verify(info["cert"]["certificates"][0], wanted[0], made.json()["signatures"][0])


def test_or_with_the_token_as_sad_beside_a_service_token(app: App, alice: Visitor, key_id: str, service: str) -> None:
    """The first generation's way (Documenso, pyHanko)."""
    wanted = digests(2)
    sad = approved(app, alice, key_id, wanted)
    body = {
        "credentialID": key_id,
        "SAD": sad,
        "hash": written(wanted),
        "hashAlgo": SHA256,
        "signAlgo": ECDSA_SHA256,
        "clientData": "x",
    }
    made = call(app, service, "/csc/v1/signatures/signHash", body)
    assert len(made.json()["signatures"]) == 2


def test_the_identical_request_gives_the_recorded_signatures(
    portal: Portal, app: App, alice: Visitor, key_id: str
) -> None:
    """P5."""
    wanted = digests(1)
    token = approved(app, alice, key_id, wanted)
    first = call(app, token, "/csc/v2/signatures/signHash", signing(key_id, wanted)).json()
    assert call(app, token, "/csc/v2/signatures/signHash", signing(key_id, wanted)).json() == first
    assert first["signatures"]


def test_approved_hashes_come_in_any_order_and_in_parts(app: App, alice: Visitor, key_id: str) -> None:
    wanted = digests(5)
    token = approved(app, alice, key_id, wanted)
    info = call(app, token, "/csc/v2/credentials/info", {"credentialID": key_id}).json()
    for part in ((wanted[2], wanted[0], wanted[1]), (wanted[4], wanted[3])):
        made = call(app, token, "/csc/v2/signatures/signHash", signing(key_id, part)).json()
        for digest, signature in zip(part, made["signatures"], strict=True):
            verify(info["cert"]["certificates"][0], digest, signature)


@pytest.mark.parametrize(
    ("change", "error", "description"),
    [
        ({"credentialID": ...}, "invalid_request", "Missing (or invalid type) string parameter credentialID"),
        ({"credentialID": 5}, "invalid_request", "Missing (or invalid type) string parameter credentialID"),
        ({"credentialID": "other"}, "invalid_request", "Invalid parameter credentialID"),
        ({"SAD": "another"}, "invalid_request", "Invalid parameter SAD"),
        ({"hashes": ...}, "invalid_request", "Missing (or invalid type) array parameter hash"),
        ({"hashes": "text"}, "invalid_request", "Missing (or invalid type) array parameter hash"),
        ({"hashes": []}, "invalid_request", "Empty hash array"),
        ({"hashes": ["!!!"]}, "invalid_request", "Invalid Base64 hash string parameter"),
        ({"hashes": written((bytes(20),))}, "invalid_request", "Invalid digest value length"),
        ({"hashes": written((bytes(32),))}, "invalid_request", "Hash is not authorized by the SAD"),
        ({"signAlgo": ...}, "invalid_request", "Missing (or invalid type) string parameter signAlgo"),
        ({"signAlgo": "1.2.3"}, "invalid_request", "Invalid parameter signAlgo"),
        ({"signAlgo": "1.2.840.113549.1.1.11"}, "invalid_request", "Invalid parameter signAlgo"),
        (
            {"signAlgo": "1.2.840.10045.2.1", "hashAlgorithmOID": ...},
            "invalid_request",
            "Missing (or invalid type) string parameter hashAlgorithmOID",
        ),
        ({"hashAlgorithmOID": "1.3.14.3.2.26"}, "invalid_request", "Invalid parameter hashAlgorithmOID"),
        ({"hashAlgorithmOID": "2.16.840.1.101.3.4.2.3"}, "invalid_request", "Invalid parameter hashAlgorithmOID"),
        ({"operationMode": "B"}, "invalid_request", "Invalid parameter operationMode"),
    ],
)
def test_a_bad_request_is_told_exactly_and_costs_nothing(
    portal: Portal, app: App, alice: Visitor, key_id: str, change: Any, error: str, description: str
) -> None:
    """No key is used and the approval is not consumed (issue's bad input; csc.md 8.1)."""
    wanted = digests(1)
    token = approved(app, alice, key_id, wanted)
    portal.sam.seen.clear()
    refused = call(app, token, "/csc/v2/signatures/signHash", signing(key_id, wanted, **change))
    assert (refused.status_code, refused.json()["error"]) == (400, error)
    assert refused.json()["error_description"] == description
    assert portal.sam.count(protocol.Sign) == 0
    assert call(app, token, "/csc/v2/signatures/signHash", signing(key_id, wanted)).status_code == 200


def test_a_hash_is_signed_once_and_no_more_than_approved(app: App, alice: Visitor, key_id: str) -> None:
    wanted = digests(2)
    token = approved(app, alice, key_id, wanted)
    assert call(app, token, "/csc/v2/signatures/signHash", signing(key_id, wanted)).status_code == 200
    for part in (wanted[:1], wanted[1:], (wanted[1], wanted[0], wanted[1])):
        refused = call(app, token, "/csc/v2/signatures/signHash", signing(key_id, part))
        assert (refused.status_code, refused.json()["error_description"]) == (400, "Hash is not authorized by the SAD")


def test_tokens_cannot_be_mixed_between_people_and_applications(
    portal: Portal, app: App, alice: Visitor, bob: Visitor, key_id: str, service: str
) -> None:
    wanted = digests(1)
    sad = approved(app, alice, key_id, wanted)
    other = App.register(portal)
    for who, token in ((app, app.granted(bob, app.asking())), (other, other.granted(alice, other.asking()))):
        refused = call(who, token["access_token"], "/csc/v1/signatures/signHash", signing(key_id, wanted, SAD=sad))
        assert refused.status_code == 400
        assert refused.json()["error_description"] in ("Invalid parameter SAD", "Invalid parameter credentialID")
    alone = call(app, service, "/csc/v2/signatures/signHash", signing(key_id, wanted))
    assert alone.json()["error_description"] == "Missing (or invalid type) string parameter SAD"
    as_sad = call(app, service, "/csc/v2/signatures/signHash", signing(key_id, wanted, SAD=service))
    assert as_sad.json()["error_description"] == "Invalid parameter SAD"


@pytest.mark.parametrize("mount", MOUNTS)
def test_a_transaction_is_extended_and_keeps_its_total(app: App, alice: Visitor, key_id: str, mount: str) -> None:
    wanted = digests(2)
    first = approved(app, alice, key_id, wanted)
    assert call(app, first, f"{mount}/signatures/signHash", signing(key_id, wanted[:1])).status_code == 200
    body = {"credentialID": key_id, "SAD": first, "hashes": written(wanted[1:]), "hashAlgorithmOID": SHA256}
    bad = call(app, first, f"{mount}/credentials/extendTransaction", body | {"hashes": written(digests(1))})
    assert bad.json()["error_description"] == "Hash is not authorized by the SAD"
    extended = call(app, first, f"{mount}/credentials/extendTransaction", body).json()
    assert extended["expiresIn"] > 0
    over = call(app, first, f"{mount}/signatures/signHash", signing(key_id, wanted[1:]))
    assert (over.status_code, over.json()["error"]) == (401, "expired_token")
    made = call(app, extended["SAD"], f"{mount}/signatures/signHash", signing(key_id, wanted[1:]))
    assert len(made.json()["signatures"]) == 1
    more = call(app, extended["SAD"], f"{mount}/signatures/signHash", signing(key_id, digests(1)))
    assert more.json()["error_description"] == "Hash is not authorized by the SAD"


@pytest.mark.parametrize("mount", MOUNTS)
def test_time_stamps(app: App, service: str, mount: str) -> None:
    digest = hashlib.sha256(b"to be dated").digest()
    body = {"hash": base64.b64encode(digest).decode(), "hashAlgo": SHA256, "nonce": "1A2B3C"}
    told = call(app, service, f"{mount}/signatures/timestamp", body).json()["timestamp"]
    token = tsp.ContentInfo.load(base64.b64decode(told))
    content = token["content"]["encap_content_info"]["content"].parsed
    assert content["message_imprint"]["hashed_message"].native == digest
    assert content["nonce"].native == 0x1A2B3C
    for change, description in (
        ({"hash": None}, "Missing (or invalid type) string parameter hash"),
        ({"hash": ""}, "Empty hash parameter"),
        ({"hash": "!!"}, "Invalid Base64 hash string parameter"),
        ({"hash": "AAAA"}, "Invalid digest value length"),
        ({"hashAlgo": None}, "Missing (or invalid type) string parameter hashAlgo"),
        ({"hashAlgo": "1.2.3"}, "Invalid parameter hashAlgo"),
        ({"nonce": "xyz"}, "Invalid parameter nonce"),
    ):
        refused = call(app, service, f"{mount}/signatures/timestamp", body | change)
        assert (refused.status_code, refused.json()["error_description"]) == (400, description)


def test_a_revoked_token_is_of_no_more_use(app: App, alice: Visitor, key_id: str, service: str) -> None:
    wanted = digests(1)
    token = approved(app, alice, key_id, wanted)
    assert call(app, service, "/csc/v2/auth/revoke", {"token": token}).status_code == 204
    over = call(app, token, "/csc/v2/signatures/signHash", signing(key_id, wanted))
    assert (over.status_code, over.json()["error"]) == (401, "expired_token")
    assert over.headers["www-authenticate"].startswith("Bearer")
    assert call(app, service, "/csc/v2/auth/revoke", {}).json()["error_description"].startswith("Missing")
    assert call(app, service, "/csc/v2/auth/revoke", {"token": "x"}).json()["error_description"].startswith("Invalid")


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"authorization": "Basic YTpi"}, 400, "invalid_request"),
        ({"authorization": "Bearer"}, 400, "invalid_request"),
        ({"authorization": "Bearer nonsense"}, 401, "invalid_token"),
    ],
)
def test_without_a_token_there_is_nothing(app: App, headers: dict[str, str], status: int, error: str) -> None:
    for name in METHODS_2[1:]:
        refused = app.http.post(f"/csc/v2/{name}", json={}, headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (status, error), name


def test_a_session_of_the_portal_is_no_token(app: App, alice: Visitor) -> None:
    """A page that makes a browser post here brings the cookie along, and gets nothing by it (CSRF)."""
    assert alice._http.post("/csc/v2/credentials/list", json={}).status_code == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"a":1,"a":2}', b"\xff\xfe", b'"text"', b"[" * 9000])
def test_junk_is_refused_in_words(app: App, service: str, body: bytes) -> None:
    headers = {"authorization": f"Bearer {service}", "content-type": "application/json"}
    refused = app.http.post("/csc/v2/credentials/list", content=body, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def test_a_stopped_application_is_stopped_at_once(portal: Portal, alice: Visitor) -> None:
    app = App.register(portal)
    token = app.granted(alice, app.asking())["access_token"]
    assert call(app, token, "/csc/v2/credentials/list").status_code == 200
    Clients(portal.database, SystemClock()).set_state(app.client_id, active=False)
    assert call(app, token, "/csc/v2/credentials/list").json()["error"] == "unauthorized_client"
    assert app.http.get(app.address(app.asking())).status_code == 400


def test_hashes_are_one_thing_however_they_are_written(app: App, alice: Visitor, key_id: str) -> None:
    """What was approved in base64url may be signed in base64, with the other generation's names."""
    wanted = digests(1)
    token = approved(app, alice, key_id, wanted)
    body = {"credentialID": key_id, "hash": [base64url(wanted[0])], "hashAlgo": SHA256, "signAlgo": ECDSA_SHA256}
    assert call(app, token, "/csc/v2/signatures/signHash", body).status_code == 200
