"""Requests for authorization: every spelling that clients use means the same, and nothing else gets through."""

import base64
import hashlib
import json
from urllib.parse import quote, urlencode, urlsplit

import pytest
import sqlalchemy as sa

from natsuin.authentication.oauth import AuthMethod, Switch
from natsuin.authentication.oauth.secrets import secret_hash
from natsuin.authentication.oauth.tables import oauth_request
from natsuin.sam import protocol
from rigs.applications import CALLBACK, SHA256, App, answer_in, base64url

DIGEST = hashlib.sha256(b"\xff\xfe of a spelling with both strange letters 4").digest()
OTHER = hashlib.sha256(b"other").digest()
RAR = "https://cloudsignatureconsortium.org/2025/credential"


@pytest.fixture(scope="session")
def app(portal):
    return App.register(portal)


@pytest.fixture
def key_id(alice):
    return alice.get("/api/keys")["keys"][0]["key_id"]


def instructed(portal) -> protocol.Instruct:
    return [message for message in portal.sam.seen if isinstance(message, protocol.Instruct)][-1]


def shown(person, address: str) -> dict:
    page = person._http.get(address).headers["location"]
    return person.get(f"/api/access-requests/{urlsplit(page).path.rpartition('/')[2]}")


@pytest.mark.parametrize(
    "spell",
    [
        lambda digests: ",".join(base64url(digest) for digest in digests),
        lambda digests: ",".join(base64.urlsafe_b64encode(digest).decode() for digest in digests),
        lambda digests: ",".join(base64.b64encode(digest).decode() for digest in digests),
        lambda digests: ";".join(quote(base64.b64encode(digest).decode(), safe="") for digest in digests),
        lambda digests: ",".join(base64.b64encode(digest).decode().replace("+", " ") for digest in digests),
    ],
    ids=["base64url", "padded base64url", "base64", "encoded once more", "plus as blank"],
)
def test_every_spelling_of_hashes_is_the_same_approval(app, alice, key_id, spell):
    parameters = app.for_hashes(key_id, DIGEST, OTHER) | {"hashes": spell((DIGEST, OTHER))}
    assert shown(alice, app.address(parameters))["digests"] == [base64url(DIGEST), base64url(OTHER)]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"credentialID": None}, "invalid_request"),
        ({"credentialID": "no such/../key"}, "invalid_request"),
        ({"hashes": None}, "invalid_request"),
        ({"hashes": "not base64!"}, "invalid_request"),
        ({"hashes": base64url(b"short")}, "invalid_request"),
        ({"numSignatures": "2"}, "invalid_request"),
        ({"numSignatures": "0"}, "invalid_request"),
        ({"numSignatures": "-1"}, "invalid_request"),
        ({"hashAlgorithmOID": "1.3.14.3.2.26"}, "invalid_request"),
        ({"description": "x" * 501}, "invalid_request"),
        ({"description": "reversed \u202e text"}, "invalid_request"),
        ({"authorization_details": "['single']"}, "invalid_authorization_details"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"authorization_details": '[{"type":"payment"}]'}, "invalid_authorization_details"),
        ({"authorization_details": "[" * 5000}, "invalid_authorization_details"),
    ],
)
def test_a_wrong_request_goes_back_with_its_cause(app, alice, key_id, change, error):
    parameters = {**app.for_hashes(key_id, DIGEST), **{k: v for k, v in change.items() if v is not None}}
    for name in [name for name, value in change.items() if value is None]:
        parameters.pop(name)
    refused = app.http.get(app.address(parameters))
    assert refused.status_code == 302
    assert refused.headers["location"].startswith(CALLBACK + "?")
    told = answer_in(refused.headers["location"])
    assert (told["error"], told["state"]) == (error, "state-1")


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://app.example/callback/"},
        {"redirect_uri": "https://app.example.evil/callback"},
        {"redirect_uri": "https://app.example/callback?x=1"},
        {"redirect_uri": "https://APP.example/callback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:unknown"},
        {"request_uri": "https://attacker.example/request"},
    ],
)
def test_a_browser_is_never_sent_where_nobody_registered(app, change):
    """RFC 9700, 4.1 and 4.11: no open redirect. The person gets a page that says so."""
    refused = app.http.get(app.address({**app.asking(), **change}), headers={"accept": "text/html"})
    assert refused.status_code == 400
    assert "location" not in refused.headers
    assert "This application gets no answer" in refused.text


def test_a_parameter_twice_is_refused(app):
    refused = app.http.get(app.address(app.asking()) + "&scope=service&scope=credential")
    assert refused.status_code == 400
    assert "location" not in refused.headers


def test_a_pushed_request_is_good_once_and_for_its_client_only(portal, app, alice, key_id):
    pushed = app.post("/oauth2/pushed_authorize", app.for_hashes(key_id, DIGEST))
    assert (pushed.status_code, pushed.json()["expires_in"]) == (201, 90)
    uri = pushed.json()["request_uri"]
    other = App.register(portal)
    brought = {"client_id": other.client_id, "request_uri": uri}
    assert other.http.get(other.address(brought)).status_code == 400
    address = app.address({"client_id": app.client_id, "request_uri": uri})
    assert shown(alice, address)["digests"] == [base64url(DIGEST)]
    assert app.http.get(address).status_code == 400


def test_a_pushed_request_cannot_be_changed_by_the_browser(app, alice, key_id):
    uri = app.post("/oauth2/pushed_authorize", app.for_hashes(key_id, DIGEST)).json()["request_uri"]
    more = {"request_uri": uri, "redirect_uri": "https://evil.example", "scope": "service", "hashes": base64url(OTHER)}
    assert shown(alice, app.address({"client_id": app.client_id, **more}))["digests"] == [base64url(DIGEST)]


def test_a_push_needs_the_clients_proof(app, key_id):
    refused = app.post("/oauth2/pushed_authorize", app.for_hashes(key_id, DIGEST), proof=False)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("kind", ["credential", RAR])
def test_rich_requests_are_granted_in_their_own_words(portal, app, alice, key_id, kind):
    details = [
        {
            "type": kind,
            "credentialID": key_id,
            "documentDigests": [
                {"hash": base64.b64encode(DIGEST).decode(), "label": "契約書", "hashType": "DTBSR"},
                {"hash": base64.b64encode(OTHER).decode(), "label": "Second"},
            ],
            "hashAlgorithmOID": SHA256,
            "locations": None,
        }
    ]
    parameters = app.asking(authorization_details=json.dumps(details))
    assert shown(alice, app.address(parameters))["labels"] == ["契約書", "Second"]
    answer = answer_in(alice.authorize(app.address(parameters)))
    told = app.exchange(answer["code"], authorization_details=json.dumps(details, indent=2)).json()
    [granted] = told["authorization_details"]
    assert (granted["type"], granted["credentialID"], granted["numSignatures"]) == (kind, key_id, 2)
    assert granted["documentDigests"] == details[0]["documentDigests"]
    assert None not in granted.values()
    assert instructed(portal).digests == (DIGEST, OTHER)


def test_a_token_request_with_other_details_is_refused(app, alice, key_id):
    details = {
        "type": "credential",
        "credentialID": key_id,
        "documentDigests": [{"hash": base64url(DIGEST)}],
        "hashAlgorithmOID": SHA256,
    }
    answer = answer_in(alice.authorize(app.address(app.asking(authorization_details=json.dumps([details])))))
    other = details | {"documentDigests": [{"hash": base64url(OTHER)}]}
    assert app.exchange(answer["code"], authorization_details=json.dumps([other])).json()["error"] == "invalid_grant"


def test_what_one_client_needs_is_off_for_the_others(portal, alice):
    """PKCE can be left out, or be plain, only by a client for which the operator allowed it (RFC 9700, 2.1.1)."""
    loose = App.register(portal, switches=frozenset({Switch.WITHOUT_PKCE, Switch.QUERY_PARAMETERS}))
    without = loose.asking(code_challenge=None, code_challenge_method=None)
    code = answer_in(alice.authorize(loose.address(without)))["code"]
    assert loose.exchange(code).json()["error"] == "invalid_grant"  # A verifier for no challenge: a downgrade.
    code = answer_in(alice.authorize(loose.address(without)))["code"]
    assert loose.exchange(code, code_verifier=None).status_code == 200
    plain = App.register(portal, switches=frozenset({Switch.PLAIN_PKCE, Switch.SHORT_VERIFIER}))
    plain.verifier = "12345"
    asked = plain.asking(code_challenge="12345", code_challenge_method="plain")
    assert plain.exchange(answer_in(alice.authorize(plain.address(asked)))["code"]).status_code == 200


def test_parameters_in_the_query_of_a_token_request_need_the_switch(portal, app, alice):
    loose = App.register(portal, switches=frozenset({Switch.QUERY_PARAMETERS}))
    for client, status in ((app, 400), (loose, 200)):
        code = answer_in(alice.authorize(client.address(client.asking())))["code"]
        members = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": client.client_id,
            "code_verifier": client.verifier,
        }
        answer = client.http.post(f"/oauth2/token?{urlencode(members)}", auth=(client.client_id, client.secret))
        assert answer.status_code == status, answer.text


def test_a_native_application_has_no_secret_and_any_loopback_port(portal, alice):
    native = App.register(portal, auth_method=AuthMethod.NONE, redirect_uris=("http://127.0.0.1/back",))
    redirect = "http://127.0.0.1:51234/back"
    code = answer_in(alice.authorize(native.address(native.asking(redirect_uri=redirect))))["code"]
    assert native.exchange(code, redirect_uri=redirect).status_code == 200
    for other in ("http://127.0.0.1:51234/other", "http://localhost:51234/back", "http://127.0.0.1:51234@evil/back"):
        assert native.http.get(native.address(native.asking(redirect_uri=other))).status_code == 400


def test_an_authorization_is_over_after_a_quarter_of_an_hour(portal, app, alice):
    page = alice._http.get(app.address(app.asking())).headers["location"]
    handle = urlsplit(page).path.rpartition("/")[2]
    row = oauth_request.c
    with portal.database.write() as connection:
        changed = sa.update(oauth_request).where(row.handle_hash == secret_hash(handle))
        connection.execute(changed.values(expires_at=1))
    assert alice._http.get(f"/api/access-requests/{handle}").status_code == 404
