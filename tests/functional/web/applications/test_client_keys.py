"""Clients that prove themselves with a key that they registered (private_key_jwt, RFC 7523), over HTTP."""

import base64
import hmac
import json
import secrets
import time
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from natsuin.authentication.oauth import ASSERTION_TYPE, AuthMethod
from natsuin.errors import Malformed
from rigs.applications import App, answer_in
from rigs.portal import Portal
from rigs.proofs import Prover, base64url
from rigs.web_side import ORIGIN

PUSH, TOKEN, INTROSPECT = "/oauth2/pushed_authorize", "/oauth2/token", "/oauth2/introspect"


@pytest.fixture(scope="session")
def key() -> Prover:
    return Prover()


@pytest.fixture(scope="session")
def app(portal: Portal, key: Prover) -> App:
    keys = {"keys": [Prover().jwk, key.jwk | {"kid": "one", "use": "sig"}]}
    return App.register(portal, auth_method=AuthMethod.PRIVATE_KEY, keys=keys)


def assertion(app: App, key: Prover, header: Any = None, **claims: Any) -> str:
    now = int(time.time())
    body = {"iss": app.client_id, "sub": app.client_id, "aud": ORIGIN, "exp": now + 60, "jti": secrets.token_hex(8)}
    body = {name: value for name, value in (body | claims).items() if value is not None}
    return key.signed(json.dumps({"alg": key.algorithm} | (header or {})), json.dumps(body))


def pushed(app: App, signed: str, **more: str) -> httpx2.Response:
    proved = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
    return app.post(PUSH, app.asking(**(proved | more)))


def refused(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    assert answer.json()["error_description"] == "the client is not known, or did not prove itself by its method"


def test_a_client_with_a_key_gets_tokens_without_a_secret(app, alice, key):
    assert app.secret == ""
    uri = pushed(app, assertion(app, key, {"kid": "one"})).json()["request_uri"]
    asked = {"client_id": app.client_id, "request_uri": uri}
    code = answer_in(alice.authorize(app.address(asked)))["code"]
    proved = {"client_assertion_type": ASSERTION_TYPE}
    got = app.exchange(code, **proved, client_assertion=assertion(app, key, aud=ORIGIN + TOKEN), client_id=None)
    assert got.status_code == 200, got.text
    members = proved | {"token": got.json()["access_token"]}
    told = app.post(INTROSPECT, members | {"client_assertion": assertion(app, key, aud=[ORIGIN + INTROSPECT])})
    assert told.json()["active"] is True


def test_the_metadata_names_the_method_and_its_algorithms(app):
    told = app.http.get("/.well-known/oauth-authorization-server").json()
    for endpoint in ("token", "revocation", "introspection"):
        assert "private_key_jwt" in told[f"{endpoint}_endpoint_auth_methods_supported"]
        known = told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert known == ["ES256", "ES384", "PS256", "Ed25519"]


def test_an_assertion_is_good_once_over_all_web_processes(portal, app, key):
    signed = assertion(app, key)
    assert pushed(app, signed).status_code == 201
    refused(pushed(app, signed))
    second = portal.another()
    try:
        refused(pushed(App(second, app.client_id, ""), signed))
    finally:
        second.stop_web()


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": None},
        {"iss": "another"},
        {"sub": "another"},
        {"sub": None},
        {"sub": 7},
        {"aud": None},
        {"aud": "https://elsewhere.example"},
        {"aud": ORIGIN + "/"},
        {"aud": []},
        {"aud": [ORIGIN, "https://elsewhere.example"]},
        {"exp": None},
        {"exp": 1},
        {"exp": 10**300},
        {"jti": None},
        {"jti": ""},
        {"jti": "j" * 257},
    ],
    ids=str,
)
def test_an_assertion_about_something_else_is_refused(app, key, claims):
    refused(pushed(app, assertion(app, key, **claims)))


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_an_assertion_of_tomorrow_is_refused(app, key, claim):
    refused(pushed(app, assertion(app, key, **{claim: int(time.time()) + 86_400})))


def test_only_the_registered_keys_sign(app, key):
    thief = Prover()
    refused(pushed(app, assertion(app, thief)))
    refused(pushed(app, assertion(app, thief, {"kid": "one", "jwk": thief.jwk})))
    refused(pushed(app, assertion(app, key, {"kid": "two"})))
    for header in ({"alg": "none"}, {"alg": "ES384"}, {"alg": "RS256"}, {"crit": ["exp"]}):
        refused(pushed(app, assertion(app, key, header)))
    other = Prover("PS256", rsa.generate_private_key(65537, 2048))
    refused(pushed(app, assertion(app, other)))


def test_the_public_key_is_no_password(app, key):
    head, body, _ = assertion(app, key, {"alg": "HS256"}).split(".")
    for secret in (json.dumps(key.jwk).encode(), base64.urlsafe_b64decode(key.jwk["x"] + "=")):
        tag = base64url(hmac.new(secret, f"{head}.{body}".encode(), "sha256").digest())
        refused(pushed(app, f"{head}.{body}.{tag}"))
    empty = base64url(b'{"alg":"none"}')
    for signed in (f"{empty}.{body}.", f"{empty}.{body}.AAAA", "x", "..", f"{head}.{body}.é"):
        refused(pushed(app, signed))


def test_a_client_proves_itself_by_its_own_method_alone(portal, app, key):
    refused(app.post(PUSH, app.asking()))
    refused(app.http.post(PUSH, data=app.asking(), auth=(app.client_id, "")))
    refused(app.post(PUSH, app.asking(client_secret="x")))
    wrong = app.post(PUSH, app.asking(client_assertion=assertion(app, key)))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    for more in ({"client_secret": "x"},):
        assert pushed(app, assertion(app, key), **more).json()["error"] == "invalid_request"
    other = App.register(portal)
    refused(
        app.post(
            PUSH,
            app.asking(
                client_id=other.client_id, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion(app, key)
            ),
        )
    )
    secretive = App(portal, other.client_id, "")
    refused(pushed(secretive, assertion(secretive, key)))


def test_each_kind_of_key_can_be_registered_and_no_other(portal):
    for prover in (
        Prover("ES384", ec.generate_private_key(ec.SECP384R1())),
        Prover("PS256", rsa.generate_private_key(65537, 2048)),
        Prover("Ed25519", ed25519.Ed25519PrivateKey.generate()),
    ):
        made = App.register(portal, auth_method=AuthMethod.PRIVATE_KEY, keys={"keys": [prover.jwk]})
        assert pushed(made, assertion(made, prover)).status_code == 201
    good = Prover().jwk
    weak = Prover("PS256", rsa.generate_private_key(65537, 1024)).jwk  # noqa: S505
    for keys in (
        None,
        [],
        {},
        {"keys": []},
        {"keys": [good] * 11},
        {"keys": ["x"]},
        {"keys": [good | {"d": "AAAA"}]},
        {"keys": [{"kty": "oct", "k": "AAAA"}]},
        {"keys": [good | {"x": "AAAA"}]},
        {"keys": [weak]},
    ):
        with pytest.raises(Malformed):
            App.register(portal, auth_method=AuthMethod.PRIVATE_KEY, keys=keys)
    with pytest.raises(Malformed):
        App.register(portal, keys={"keys": [good]})
