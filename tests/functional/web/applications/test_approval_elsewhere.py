"""credentials/authorize and authorizeCheck over HTTP: the request waits in the portal, the person approves it there as
any other, and only the client that asked comes by a SAD, over the hashes that it named."""

import base64
import secrets
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from natsuin.authentication.oauth import SERVICE, Switch
from natsuin.authentication.oauth.elsewhere import MOST_WAITING
from natsuin.authentication.oauth.tables import oauth_request, oauth_token
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.sam import protocol
from rigs.applications import SHA256, App
from rigs.portal import Portal

ECDSA_SHA256 = "1.2.840.10045.4.3.2"
ELSEWHERE: dict[str, Any] = {"scopes": (SERVICE,), "switches": frozenset({Switch.APPROVAL_ELSEWHERE})}
BAD_AUTHENTICATION = "The authentication data is invalid"
UNKNOWN = (400, "invalid_request", "Invalid parameter handle")


@pytest.fixture(scope="module")
def app(portal: Portal) -> App:
    return App.register(portal, **ELSEWHERE)


@pytest.fixture(scope="module")
def key_id(alice: Visitor) -> str:
    return str(alice.get("/api/keys")["keys"][0]["key_id"])


@pytest.fixture(scope="module")
def service(app: App, alice: Visitor) -> str:
    return str(app.granted(alice, app.asking())["access_token"])


def call(app: App, token: str, method: str, members: dict[str, Any], mount: str = "/csc/v2") -> httpx2.Response:
    return app.http.post(f"{mount}/{method}", json=members, headers={"authorization": f"Bearer {token}"})


def told(answer: httpx2.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


def asking(key_id: str, *digests: bytes, **more: Any) -> dict[str, Any]:
    hashes = [base64.b64encode(digest).decode() for digest in digests]
    usual = {"credentialID": key_id, "numSignatures": len(digests), "hashes": hashes, "hashAlgorithmOID": SHA256}
    return {name: value for name, value in {**usual, **more}.items() if value is not ...}


def asked(app: App, token: str, key_id: str, *digests: bytes, **more: Any) -> str:
    answer = call(app, token, "credentials/authorize", asking(key_id, *digests, **more))
    assert (answer.status_code, answer.json().keys()) == (202, {"handle"}), answer.text
    return str(answer.json()["handle"])


def page_of(person: Visitor) -> str:
    """The address of the newest request that waits for a person."""
    return str(person.get("/api/applications")["requests"][-1]["page"])


def check(app: App, token: str, handle: str) -> httpx2.Response:
    return call(app, token, "credentials/authorizeCheck", {"handle": handle})


def sad_for(app: App, token: str, person: Visitor, key_id: str, *digests: bytes) -> tuple[str, str]:
    handle = asked(app, token, key_id, *digests)
    assert person.authorize(page_of(person)) == "/applications?answered"
    return handle, check(app, token, handle).json()["SAD"]


def signed(app: App, token: str, key_id: str, sad: str, *digests: bytes) -> httpx2.Response:
    hashes = [base64.b64encode(digest).decode() for digest in digests]
    members = {"credentialID": key_id, "SAD": sad, "hashes": hashes, "signAlgo": ECDSA_SHA256}
    return call(app, token, "signatures/signHash", members)


def test_the_person_approves_in_the_portal_and_the_client_signs(
    app: App, alice: Visitor, key_id: str, service: str
) -> None:
    one, two, other = (secrets.token_bytes(32) for _ in range(3))
    handle = asked(app, service, key_id, one, two, description="契約書 2 通", authData=[{"id": "PORTAL"}])
    waiting = check(app, service, handle)
    assert (waiting.status_code, waiting.json()) == (202, {"handle": handle})
    [request] = [one for one in alice.get("/api/applications")["requests"] if one["description"] == "契約書 2 通"]
    assert (request["count"], request["name"]) == (2, "Test application")
    assert handle not in str(request)
    assert alice.authorize(request["page"]) == "/applications?answered"
    given = check(app, service, handle)
    assert given.status_code == 200
    assert given.json().keys() == {"SAD", "expiresIn"}
    assert 0 < given.json()["expiresIn"] <= 600
    sad = given.json()["SAD"]
    assert told(signed(app, service, key_id, sad, other))[2] == "Hash is not authorized by the SAD"
    first = signed(app, service, key_id, sad, one)
    assert first.status_code == 200
    assert signed(app, service, key_id, sad, one).json() == first.json()
    assert check(app, service, handle).json()["SAD"] == sad
    extended = call(app, service, "credentials/extendTransaction", {"credentialID": key_id, "SAD": sad}).json()["SAD"]
    assert signed(app, service, key_id, extended, two).status_code == 200
    # The total stays what was approved, and the SAD before is over, also by the handle.
    assert told(signed(app, service, key_id, extended, two, one))[0] == 400
    assert told(signed(app, service, key_id, sad, two))[2] == "SAD expired"
    assert told(check(app, service, handle)) == UNKNOWN


def test_the_credential_says_how_it_is_approved(app: App, key_id: str, service: str) -> None:
    auth = call(app, service, "credentials/info", {"credentialID": key_id}).json()["auth"]
    assert (auth["mode"], auth["expression"]) == ("explicit", "PORTAL")
    assert [(one["id"], one["type"]) for one in auth["objects"]] == [("PORTAL", "ChallengeResponseOOB")]
    listed = call(app, service, "credentials/list", {"credentialInfo": True}).json()["credentialInfos"]
    assert listed[0]["auth"] == auth


def test_a_no_is_told_and_is_final(app: App, alice: Visitor, key_id: str, service: str) -> None:
    handle = asked(app, service, key_id, secrets.token_bytes(32))
    page = page_of(alice)
    base = f"/api/access-requests/{page.rpartition('/')[2]}"
    assert alice.post(f"{base}/denial", {})["redirect"] == "/applications?answered"
    for _ in range(2):
        assert told(check(app, service, handle)) == (400, "access_denied", "The user denied the request.")
    with pytest.raises(ServerRefused):
        alice.authorize(page)


def test_only_the_client_and_person_that_asked_get_the_sad(
    portal: Portal, app: App, alice: Visitor, officer: Visitor, key_id: str, service: str
) -> None:
    digest = secrets.token_bytes(32)
    handle = asked(app, service, key_id, digest)
    page = page_of(alice)
    erin = portal.enrol(officer, common_name="Erin", email="erin@example.jp")
    another = App.register(portal, **ELSEWHERE)
    strangers = (
        (another, another.granted(alice, another.asking())["access_token"]),
        (app, app.granted(erin, app.asking())["access_token"]),
    )
    for _ in range(2):
        for client, token in strangers:
            assert told(check(client, token, handle)) == UNKNOWN
        with pytest.raises(ServerRefused):
            erin.authorize(page)
        if check(app, service, handle).status_code == 202:
            alice.authorize(page)
    sad = check(app, service, handle).json()["SAD"]
    for client, token in strangers:
        assert told(check(client, token, handle)) == UNKNOWN
        assert signed(client, token, key_id, sad, digest).status_code == 400
    # The names of the page and of the handle are no handles.
    assert told(check(app, service, page.rpartition("/")[2])) == UNKNOWN
    assert told(check(app, service, sad)) == UNKNOWN
    assert signed(app, service, key_id, sad, digest).status_code == 200


def test_the_database_alone_opens_no_key(portal: Portal, app: App, alice: Visitor, key_id: str, service: str) -> None:
    """Whoever reads DB-1 between approval and collection has neither handle nor SAD, and no key to the activation."""
    handle = asked(app, service, key_id, secrets.token_bytes(32))
    alice.authorize(page_of(alice))
    with portal.database.read() as connection:
        rows = connection.execute(sa.select(oauth_token).where(oauth_token.c.kind == "apart")).all()
        kept = repr([rows, connection.execute(sa.select(oauth_request)).all()])
    assert len(rows) == 1
    sad = check(app, service, handle).json()["SAD"]
    assert handle not in kept
    assert sad not in kept


@pytest.mark.parametrize(
    ("change", "description"),
    [
        ({"credentialID": ...}, "Missing (or invalid type) string parameter credentialID"),
        ({"credentialID": "other"}, "Invalid parameter credentialID"),
        ({"numSignatures": ...}, "Missing (or invalid type) integer parameter numSignatures"),
        ({"numSignatures": "1"}, "Missing (or invalid type) integer parameter numSignatures"),
        ({"numSignatures": True}, "Missing (or invalid type) integer parameter numSignatures"),
        ({"numSignatures": 0}, "Invalid value for parameter numSignatures"),
        ({"numSignatures": 2}, "Invalid value for parameter numSignatures"),
        ({"numSignatures": 1001}, "Numbers of signatures is too high"),
        ({"hashes": ...}, "Missing (or invalid type) array parameter hash"),
        ({"hashes": []}, "Empty hash array"),
        ({"hashes": ["!"]}, "Invalid Base64 hash string parameter"),
        ({"hashes": ["AAAA"]}, "Invalid digest value length"),
        ({"hashAlgorithmOID": "1.2.3"}, "Invalid parameter hashAlgorithmOID"),
        ({"authData": "x"}, BAD_AUTHENTICATION),
        (
            {"authData": [{"id": "PIN", "value": "1"}]},
            BAD_AUTHENTICATION,
        ),
        (
            {"authData": [{"id": "PORTAL", "value": "1"}]},
            BAD_AUTHENTICATION,
        ),
        ({"PIN": "12345678"}, BAD_AUTHENTICATION),
        ({"description": "\u202e"}, "Invalid parameter description"),
    ],
)
def test_a_bad_request_is_told_exactly_and_nobody_is_asked(
    portal: Portal,
    app: App,
    alice: Visitor,
    key_id: str,
    service: str,
    change: dict[str, Any],
    description: str,
) -> None:
    before = alice.get("/api/applications")["requests"]
    portal.sam.seen.clear()
    answer = call(app, service, "credentials/authorize", asking(key_id, secrets.token_bytes(32), **change))
    error = "invalid_authentication_data" if description == BAD_AUTHENTICATION else "invalid_request"
    assert told(answer) == (400, error, description)
    assert alice.get("/api/applications")["requests"] == before
    assert portal.sam.count(protocol.Instruct) == 0


@pytest.mark.parametrize("handle", [..., 5, "", "unknown", "é" * 300])
def test_a_handle_that_is_none_is_told(app: App, service: str, handle: Any) -> None:
    members = {} if handle is ... else {"handle": handle}
    assert told(call(app, service, "credentials/authorizeCheck", members)) == UNKNOWN


def test_others_may_not_ask_so_and_these_not_otherwise(portal: Portal, app: App, alice: Visitor, key_id: str) -> None:
    usual = App.register(portal)
    for asked_for in (usual.asking(), usual.for_hashes(key_id, bytes(32))):
        token = usual.granted(alice, asked_for)["access_token"]
        for method in ("credentials/authorize", "credentials/authorizeCheck"):
            refused = call(usual, token, method, asking(key_id, bytes(32)))
            assert told(refused)[1] == "unauthorized_client"
    sent = httpx2.URL(app.http.get(app.address(app.for_hashes(key_id, bytes(32)))).headers["location"])
    assert sent.params["error"] == "invalid_scope"


def test_one_application_cannot_fill_the_page(portal: Portal, alice: Visitor, key_id: str) -> None:
    app = App.register(portal, **ELSEWHERE)
    token = app.granted(alice, app.asking())["access_token"]
    for _ in range(MOST_WAITING):
        asked(app, token, key_id, bytes(32))
    refused = call(app, token, "credentials/authorize", asking(key_id, bytes(32)))
    assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
    assert "retry-after" in refused.headers


def test_a_request_ends_and_so_does_a_removed_permission(portal: Portal, app: App, alice: Visitor, key_id: str) -> None:
    client = App.register(portal, **ELSEWHERE)
    token = client.granted(alice, client.asking())["access_token"]
    handle, sad = sad_for(client, token, alice, key_id, bytes(32))
    late = asked(client, token, key_id, bytes(32))
    with portal.database.write() as connection:
        of_it = sa.update(oauth_request).where(oauth_request.c.client_id == client.client_id)
        connection.execute(of_it.values(expires_at=1))
    assert told(check(client, token, late)) == UNKNOWN
    assert check(client, token, handle).json()["SAD"] == sad
    alice.post(f"/api/applications/{client.client_id}/unlink", {})
    fresh = client.granted(alice, client.asking())["access_token"]
    assert told(check(client, fresh, handle)) == UNKNOWN
    assert told(signed(client, fresh, key_id, sad, bytes(32)))[2] == "SAD expired"


def test_the_first_generation_has_neither(app: App, service: str) -> None:
    for method in ("credentials/authorize", "credentials/authorizeCheck"):
        assert call(app, service, method, {}, "/csc/v1").status_code == 501
