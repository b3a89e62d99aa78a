"""What existing clients of the CSC API send, step by step, and what each insists on in the answers.

The shapes are written anew from what these clients were seen to do; none of their code is here.
"""

import base64
import hashlib
import json
import re
import secrets
from typing import Any

import pytest

from natsuin.authentication.oauth import AuthMethod, Switch
from natsuin.cli.demo.visitor import Visitor
from rigs.applications import CALLBACK, SHA256, App, answer_in, base64url
from rigs.portal import Portal
from rigs.web_side import ORIGIN

RAR = "https://cloudsignatureconsortium.org/2025/credential"
ECDSA_OR_RSA = re.compile(r"^1\.2\.840\.(10045\.4\.3\.[234]|113549\.1\.1\.1[123])$")
MOMENT = re.compile(r"^\d{14}Z$")
HEX = re.compile(r"^[0-9A-Fa-f]+$")


def without_null(value: Any) -> Any:
    """The value, if no null is in it anywhere."""
    text = json.dumps(value)
    assert "null" not in text, text
    return value


def check_certificate(told: dict[str, Any]) -> None:
    """What clients parse of `cert`: names, dates, number, and DER in base64 of one line, the leaf first."""
    assert {"certificates", "issuerDN", "subjectDN", "serialNumber", "validFrom", "validTo", "status"} <= told.keys()
    assert MOMENT.match(told["validFrom"])
    assert MOMENT.match(told["validTo"])
    assert HEX.match(told["serialNumber"])
    assert told["status"] in ("valid", "expired", "revoked", "suspended")
    for certificate in told["certificates"]:
        assert base64.b64encode(base64.b64decode(certificate, validate=True)).decode() == certificate


def check_key(told: dict[str, Any]) -> None:
    """`algo` begins with an identifier that names the hash, too; lengths are numbers; curves are identifiers."""
    assert ECDSA_OR_RSA.match(told["algo"][0])
    assert type(told["len"]) is int
    assert told["status"] in ("enabled", "disabled")
    assert re.match(r"^[\d.]+$", told.get("curve", "1"))


@pytest.fixture
def digest() -> bytes:
    return secrets.token_bytes(32)


def test_a_wallets_library_of_the_second_generation(portal: Portal, alice: Visitor, digest: bytes) -> None:
    """EUDI's Kotlin library: info with an empty object; PAR with prompt and state, then only client, request and state;
    nulls in bodies; the credential token as bearer, without SAD."""
    app = App.register(portal, auth_method=AuthMethod.NONE)
    info = without_null(app.http.post("/csc/v2/info", json={}).json())
    assert info["specs"] == "2.2.0.0"
    for name in ("name", "logo", "region", "lang", "description", "authType", "methods", "conformance_levels"):
        assert name in info
    assert all(isinstance(one, str) for one in info["signAlgorithms"]["algoParams"])
    assert len(info["signAlgorithms"]["algos"]) == len(info["signAlgorithms"]["algoParams"])
    assert ("oauth2" in info) != ("oauth2Issuer" in info)

    def pushed(parameters: dict[str, str]) -> dict[str, Any]:
        answer = app.post("/oauth2/pushed_authorize", parameters | {"prompt": "login"})
        assert type(answer.json()["expires_in"]) is int
        address = app.address(
            {"client_id": app.client_id, "request_uri": answer.json()["request_uri"], "state": "state-1"}
        )
        code = answer_in(alice.authorize(address))["code"]
        told = app.exchange(code, authorization_details=parameters.get("authorization_details")).json()
        assert told["token_type"] == "Bearer"
        return dict(told)

    service = pushed(app.asking(scope="service"))["access_token"]
    switches = {"credentialInfo": True, "certInfo": True, "authInfo": True, "onlyValid": True}
    asked = {**switches, "certificates": "chain", "lang": None, "clientData": None}
    bearer = {"authorization": f"Bearer {service}"}
    listed = without_null(app.http.post("/csc/v2/credentials/list", json=asked, headers=bearer).json())
    [one] = listed["credentialInfos"]
    check_key(one["key"])
    check_certificate(one["cert"])
    assert one["auth"]["objects"] == []
    details = {
        "type": RAR,
        "credentialID": one["credentialID"],
        "numSignatures": 1,
        "documentDigests": [{"hash": base64.b64encode(digest).decode(), "label": "A contract", "hashType": "DTBSR"}],
        "hashAlgorithmOID": SHA256,
    }
    told = pushed(app.asking(authorization_details=json.dumps([details])))
    [granted] = told["authorization_details"]
    assert granted["documentDigests"][0]["hashType"] == "DTBSR"
    assert {"credentialID", "numSignatures", "hashAlgorithmOID", "type"} <= granted.keys()
    body = {
        "credentialID": one["credentialID"],
        "hashes": [base64.b64encode(digest).decode()],
        "hashAlgorithmOID": SHA256,
        "signAlgo": one["key"]["algo"][0],
        "signAlgoParams": None,
        "operationMode": "S",
    }
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    made = without_null(app.http.post("/csc/v2/signatures/signHash", json=body, headers=bearer).json())
    assert len(made["signatures"]) == 1


def test_a_document_service_of_the_first_generation(portal: Portal, alice: Visitor) -> None:
    """Documenso: OAuth twice with Basic and PKCE, the first credential of the list, one batch, no null in anything, the
    second token of the type SAD."""
    app = App.register(portal)
    info = without_null(app.http.post("/csc/v1/info", json={}).json())
    assert {"specs", "name", "logo", "region", "lang", "description", "authType", "methods", "oauth2"} <= info.keys()
    mount = info["oauth2"].removeprefix(ORIGIN)
    service = app.granted(alice, app.asking(scope="service"), mount=mount)
    assert service["token_type"] == "Bearer"
    assert type(service["expires_in"]) is int
    bearer = {"authorization": f"Bearer {service['access_token']}"}
    listed = without_null(app.http.post("/csc/v1/credentials/list", json={}, headers=bearer).json())
    credential_id = listed["credentialIDs"][0]
    described = without_null(
        app.http.post(
            "/csc/v1/credentials/info",
            json={"credentialID": credential_id, "certificates": "chain", "certInfo": True},
            headers=bearer,
        ).json()
    )
    check_key(described["key"])
    check_certificate(described["cert"])
    assert described["authMode"] in ("implicit", "explicit", "oauth2code")
    assert (described["SCAL"], type(described["multisign"])) == ("2", int)
    digests = [secrets.token_bytes(32) for _ in range(3)]
    asked = app.asking(
        scope="credential",
        credentialID=credential_id,
        numSignatures="3",
        hash=",".join(map(base64url, digests)),
    )
    sad = app.granted(alice, asked, mount=mount)
    assert sad["token_type"] == "SAD"
    body = {
        "credentialID": credential_id,
        "SAD": sad["access_token"],
        "hash": [base64.b64encode(one).decode() for one in digests],
        "signAlgo": described["key"]["algo"][0],
        "hashAlgo": SHA256,
    }
    made = without_null(app.http.post("/csc/v1/signatures/signHash", json=body, headers=bearer).json())
    assert len(made["signatures"]) == 3


def test_a_back_end_that_fetches_the_redirect_itself(portal: Portal, alice: Visitor, digest: bytes) -> None:
    """EUDI's signing services: authorize is fetched by the back end with redirects off and must answer 302 without any
    cookie; hashes in base64, encoded once more, divided by semicolons; token parameters in the query; a short number as
    verifier. Each of the last two needs the client's switch."""
    app = App.register(portal, switches=frozenset({Switch.QUERY_PARAMETERS, Switch.SHORT_VERIFIER}))
    app.verifier = "1234567890"
    key_id = alice.get("/api/keys")["keys"][0]["key_id"]
    parameters = app.for_hashes(key_id, digest)
    parameters["hashes"] = base64.b64encode(digest).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    answer = app.http.get(app.address(parameters), follow_redirects=False)
    assert answer.status_code == 302
    assert "set-cookie" not in answer.headers
    code = answer_in(alice.authorize(answer.headers["location"].removeprefix(ORIGIN)))["code"]
    query = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": app.client_id,
        "redirect_uri": CALLBACK,
        "code_verifier": app.verifier,
    }
    told = app.http.post("/oauth2/token", params=query, auth=(app.client_id, app.secret)).json()
    assert told["scope"] == "credential"


def test_a_client_that_extends_before_it_signs(portal: Portal, alice: Visitor, digest: bytes) -> None:
    """Sign8's flow: hashes in padded base64url; the credential token as SAD of extendTransaction; the SAD that comes of
    it as bearer."""
    app = App.register(portal)
    key_id = alice.get("/api/keys")["keys"][0]["key_id"]
    parameters = app.for_hashes(key_id, digest) | {"hashes": base64.urlsafe_b64encode(digest).decode()}
    token = app.granted(alice, parameters)
    assert token["credentialID"] == key_id
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    hashes = [base64.b64encode(digest).decode()]
    body = {"SAD": token["access_token"], "credentialID": key_id, "hashes": hashes, "hashAlgorithmOID": SHA256}
    extended = app.http.post("/csc/v2/credentials/extendTransaction", json=body, headers=bearer).json()
    bearer = {"authorization": f"Bearer {extended['SAD']}"}
    body = {"credentialID": key_id, "hashes": hashes, "signAlgo": "1.2.840.10045.4.3.2"}
    assert app.http.post("/csc/v2/signatures/signHash", json=body, headers=bearer).status_code == 200


def test_a_client_that_pages_on_the_second_generation(portal: Portal, alice: Visitor) -> None:
    """siros sends the first generation's members to the second: they are passed over."""
    app = App.register(portal)
    token = app.granted(alice, app.asking())["access_token"]
    body = {"maxResults": 20, "pageToken": "x", "credentialStatus": "enabled", "user_id": "x", "auth_info": True}
    told = app.http.post("/csc/v2/credentials/list", json=body, headers={"authorization": f"Bearer {token}"})
    assert told.status_code == 200
    assert without_null(told.json())["credentialIDs"]


def test_a_digest_of_another_length_than_the_key_signs_is_told_to_the_person(portal: Portal, alice: Visitor) -> None:
    app = App.register(portal)
    key_id = alice.get("/api/keys")["keys"][0]["key_id"]
    wide = hashlib.sha512(b"").digest()
    asked = app.for_hashes(key_id, wide) | {"hashAlgorithmOID": "2.16.840.1.101.3.4.2.3"}
    page = alice._http.get(app.address(asked)).headers["location"].removeprefix(ORIGIN)
    answer = alice._http.get(f"/api/access-requests/{page.rpartition('/')[2]}")
    assert (answer.status_code, answer.json()["code"]) == (409, "credential_refused")
