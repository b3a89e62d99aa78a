"""Authorization by OAuth 2.0 over HTTP: what a person allows an application, and every way around it that is closed.

RFC 9700 names the attacks; each has its test here or in `test_oauth_requests.py`.
"""

import hashlib
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from natsuin.authentication.oauth.secrets import open_sad, secret_hash
from natsuin.authentication.oauth.tables import oauth_token
from natsuin.cli.demo.visitor import ServerRefused
from natsuin.errors import Tampered
from natsuin.sam import protocol
from rigs.applications import CALLBACK, App, answer_in
from rigs.portal import approval_of
from rigs.web_side import ORIGIN

DIGEST = hashlib.sha256(b"a document that the application shows").digest()
OTHER = hashlib.sha256(b"another one").digest()


@pytest.fixture(scope="session")
def app(portal):
    return App.register(portal)


@pytest.fixture
def key_id(alice):
    return alice.get("/api/keys")["keys"][0]["key_id"]


def test_a_person_lets_an_application_see_their_keys(portal, app, alice):
    address = app.address(app.asking(scope="service"))
    answer = answer_in(alice.authorize(address))
    assert (answer["state"], answer["iss"]) == ("state-1", ORIGIN)
    token = app.exchange(answer["code"])
    members = token.json()
    assert token.headers["cache-control"] == "no-store"
    assert (members["token_type"], members["scope"]) == ("Bearer", "service")
    assert 3000 < members["expires_in"] <= 3600
    told = app.post("/oauth2/introspect", {"token": members["access_token"]}).json()
    assert (told["active"], told["scope"], told["acr"]) == (True, "service", "3")
    fresh = app.post("/oauth2/token", {"grant_type": "refresh_token", "refresh_token": members["refresh_token"]}).json()
    assert fresh["access_token"] != members["access_token"]
    assert fresh["refresh_token"] != members["refresh_token"]


def test_a_token_for_a_credential_holds_the_activation_that_the_person_approved(portal, app, alice, key_id):
    members = app.granted(alice, app.for_hashes(key_id, DIGEST, OTHER, description="two contracts"))
    assert members["scope"] == "credential"
    assert members["credentialID"] == key_id
    assert 0 < members["expires_in"] <= 600
    assert "refresh_token" not in members
    instructed = [message for message in portal.sam.seen if isinstance(message, protocol.Instruct)][-1]
    assert (instructed.digests, instructed.client, instructed.purpose) == (
        (DIGEST, OTHER),
        app.client_id,
        "two contracts",
    )


def test_the_database_holds_no_secret_that_was_given_out(portal, app, alice, key_id):
    """P3: neither a code nor a token nor the SAD is in DB-1 in clear, so whoever steals it signs nothing."""
    before = len([m for m in portal.sam.seen if isinstance(m, protocol.Activate)])
    members = app.granted(alice, app.for_hashes(key_id, DIGEST))
    assert len([m for m in portal.sam.seen if isinstance(m, protocol.Activate)]) == before + 1
    with portal.database.read() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(oauth_token))]
    kept = repr(rows)
    assert members["access_token"] not in kept
    assert any(row for row in rows)
    with portal.database.read() as connection:
        row = connection.execute(
            sa.select(oauth_token).where(oauth_token.c.secret_hash == secret_hash(members["access_token"]))
        ).one()
    assert len(open_sad(row.sealed_sad, members["access_token"], row.grant_id)) == 32
    with pytest.raises(Tampered):
        open_sad(row.sealed_sad, members["access_token"] + "x", row.grant_id)


def test_a_code_is_good_once_and_ends_everything_when_it_comes_again(app, alice):
    """RFC 9700, 4.5: whoever replays a code finds that what came of it is over, too."""
    code = answer_in(alice.authorize(app.address(app.asking())))["code"]
    first = app.exchange(code).json()
    again = app.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert app.post("/oauth2/introspect", {"token": first["access_token"]}).json() == {"active": False}
    spent = app.post("/oauth2/token", {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})
    assert spent.json()["error"] == "invalid_grant"


def test_a_refresh_token_that_comes_twice_ends_the_grant(app, alice):
    """RFC 9700, 4.14.2."""
    first = app.granted(alice, app.asking())
    body = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = app.post("/oauth2/token", body).json()
    assert app.post("/oauth2/token", body).json()["error"] == "invalid_grant"
    assert app.post("/oauth2/introspect", {"token": second["access_token"]}).json() == {"active": False}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"redirect_uri": "https://app.example/other"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code": "nonsense"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
    ],
)
def test_a_code_is_of_no_use_to_who_does_not_know_the_rest(app, alice, wrong, error):
    code = answer_in(alice.authorize(app.address(app.asking())))["code"]
    refused = app.exchange(code, **wrong)
    assert (refused.status_code, refused.json()["error"]) == (400, error)


def test_another_client_cannot_use_a_code(portal, app, alice):
    other = App.register(portal)
    code = answer_in(alice.authorize(app.address(app.asking())))["code"]
    other.verifier = app.verifier
    assert other.exchange(code).json()["error"] == "invalid_grant"
    assert app.exchange(code).status_code == 200


def test_a_client_that_does_not_prove_itself_gets_nothing(portal, app, alice):
    code = answer_in(alice.authorize(app.address(app.asking())))["code"]
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": app.client_id}
    for more, proof in (({}, None), ({"client_secret": "wrong"}, None), ({}, (app.client_id, "wrong"))):
        refused = app.http.post("/oauth2/token", data=body | more, auth=proof)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert refused.headers["www-authenticate"].startswith("Basic")
    twice = app.http.post("/oauth2/token", data=body | {"client_secret": app.secret}, auth=(app.client_id, app.secret))
    assert twice.json()["error"] == "invalid_request"


def test_an_approval_belongs_to_the_person_who_looked_first(app, alice, bob):
    page = alice._http.get(app.address(app.asking())).headers["location"]
    base = f"/api/access-requests/{urlsplit(page).path.rpartition('/')[2]}"
    assert alice.get(base)["client"]["client_id"] == app.client_id
    assert bob._http.get(base).status_code == 404
    assert bob._http.post(f"{base}/consent", json={}).status_code == 404
    assert answer_in(alice.post(f"{base}/consent", {})["redirect"])["code"]
    assert alice._http.post(f"{base}/consent", json={}).status_code == 404


def test_a_click_is_not_enough_for_a_signature(app, alice, key_id):
    page = alice._http.get(app.address(app.for_hashes(key_id, DIGEST))).headers["location"]
    base = f"/api/access-requests/{urlsplit(page).path.rpartition('/')[2]}"
    assert alice._http.post(f"{base}/consent", json={}).status_code == 409


def test_a_wrong_pin_gives_no_code_and_counts(app, alice, key_id):
    page = alice._http.get(app.address(app.for_hashes(key_id, DIGEST))).headers["location"]
    base = f"/api/access-requests/{urlsplit(page).path.rpartition('/')[2]}"
    made = alice.post(f"{base}/instruction", {})
    before = alice.get("/api/keys")["keys"][0]["pin_tries_left"]
    refused = alice._http.post(f"{base}/approval", json=approval_of(alice, made, pin="wrong-pin-77"))
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_secret")
    assert alice.get("/api/keys")["keys"][0]["pin_tries_left"] == before - 1
    again = alice.post(f"{base}/instruction", {})
    assert alice.post(f"{base}/approval", approval_of(alice, again))["redirect"].startswith(CALLBACK)


def test_somebody_elses_key_is_refused_without_telling_whose_it_is(app, bob, key_id):
    with pytest.raises(ServerRefused, match="not yours"):
        bob.authorize(app.address(app.for_hashes(key_id, DIGEST)))
    with pytest.raises(ServerRefused, match="not yours"):
        bob.authorize(app.address(app.for_hashes("key-that-nobody-has", DIGEST)))


def test_a_person_who_says_no_sends_the_application_away(app, alice):
    page = alice._http.get(app.address(app.asking())).headers["location"]
    base = f"/api/access-requests/{urlsplit(page).path.rpartition('/')[2]}"
    answer = answer_in(alice.post(f"{base}/denial", {})["redirect"])
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "state-1", ORIGIN)


def test_ending_an_application_ends_its_tokens(portal, alice):
    app = App.register(portal, name="To be ended")
    members = app.granted(alice, app.asking())
    listed = alice.get("/api/applications")["applications"]
    assert "To be ended" in [one["name"] for one in listed]
    assert "To be ended" in alice._http.get("/applications").text
    assert alice.post(f"/api/applications/{app.client_id}/unlink", {})["ended"] == 1
    assert app.post("/oauth2/introspect", {"token": members["access_token"]}).json() == {"active": False}
    assert alice._http.post(f"/api/applications/{app.client_id}/unlink", json={}).status_code == 404


def test_revoking_answers_both_ways(app, alice):
    """204 as the CSC API has it, 200 as RFC 7009; a token that nobody knows is revoked, too (RFC 7009, 2.2)."""
    for address, status in (("/oauth2/revoke", 204), ("/csc/v1/oauth2/revoke", 204), ("/oauth2/revocation", 200)):
        members = app.granted(alice, app.asking())
        assert app.post(address, {"token": members["access_token"]}).status_code == status
        assert app.post(address, {"token": "unknown"}).status_code == status
        assert app.post("/oauth2/introspect", {"token": members["access_token"]}).json() == {"active": False}
        refresh = {"grant_type": "refresh_token", "refresh_token": members["refresh_token"]}
        fresh = app.post("/oauth2/token", refresh).json()
        assert app.post(address, {"token": fresh["refresh_token"]}).status_code == status
        assert app.post("/oauth2/introspect", {"token": fresh["access_token"]}).json() == {"active": False}


def test_another_client_learns_and_revokes_nothing(portal, app, alice):
    other = App.register(portal)
    members = app.granted(alice, app.asking())
    assert other.post("/oauth2/introspect", {"token": members["access_token"]}).json() == {"active": False}
    assert other.post("/oauth2/revoke", {"token": members["access_token"]}).status_code == 204
    assert app.post("/oauth2/introspect", {"token": members["access_token"]}).json()["active"] is True


def test_the_first_generation_calls_such_a_token_sad(app, alice, key_id):
    parameters = app.for_hashes(key_id, DIGEST)
    parameters["hash"] = parameters.pop("hashes")
    assert app.granted(alice, parameters, mount="/csc/v1")["token_type"] == "SAD"
    assert app.granted(alice, app.for_hashes(key_id, DIGEST))["token_type"] == "Bearer"


def test_the_metadata_names_what_is_there(portal):
    with portal.client() as client:
        told = client.get("/.well-known/oauth-authorization-server").json()
        assert told == client.get("/.well-known/openid-configuration").json()
        assert told["issuer"] == ORIGIN
        assert told["code_challenge_methods_supported"] == ["S256"]
        for name, address in told.items():
            if name.endswith("_endpoint"):
                method = "GET" if name == "authorization_endpoint" else "POST"
                assert client.request(method, address.removeprefix(ORIGIN)).status_code in (400, 401), name
