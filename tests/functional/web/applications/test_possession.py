"""DPoP (RFC 9449) over HTTP: a token that is bound to a key opens nothing without a fresh proof of that key."""

import base64
import hmac
import json
import secrets
import time
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from natsuin.authentication.oauth import ALGORITHMS, PROOF_SECONDS, AuthMethod, Proofs, Switch
from natsuin.authentication.oauth.tables import oauth_used_proof
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import FixedClock, SystemClock
from rigs.applications import CALLBACK, SHA256, App, answer_in
from rigs.portal import Portal
from rigs.proofs import Prover, base64url
from rigs.web_side import ORIGIN

TOKEN, PUSH, LIST, SIGN = (
    "/oauth2/token",
    "/oauth2/pushed_authorize",
    "/csc/v2/credentials/list",
    "/csc/v2/signatures/signHash",
)
ECDSA_SHA256 = "1.2.840.10045.4.3.2"


@pytest.fixture(scope="session")
def app(portal: Portal) -> App:
    return App.register(portal)


@pytest.fixture(scope="session")
def public(portal: Portal) -> App:
    return App.register(portal, auth_method=AuthMethod.NONE)


@pytest.fixture(scope="session")
def key() -> Prover:
    return Prover()


@pytest.fixture(scope="session")
def key_id(alice: Visitor) -> str:
    return str(alice.get("/api/keys")["keys"][0]["key_id"])


@pytest.fixture(scope="session")
def bound(app: App, alice: Visitor, key: Prover) -> str:
    """A service token that is bound to `key`."""
    return str(tokens(app, code_for(app, alice, app.asking()), key.proof(TOKEN)).json()["access_token"])


def code_for(app: App, person: Visitor, parameters: dict[str, str]) -> str:
    return answer_in(person.authorize(app.address(parameters)))["code"]


def posted(app: App, path: str, members: dict[str, str], *proofs: str) -> httpx2.Response:
    auth = (app.client_id, app.secret) if app.secret else None
    return app.http.post(path, data=members, auth=auth, headers=[("DPoP", proof) for proof in proofs])


def tokens(app: App, code: str, *proofs: str) -> httpx2.Response:
    members = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": app.client_id,
        "code_verifier": app.verifier,
    }
    return posted(app, TOKEN, members, *proofs)


def refreshed(app: App, token: str, *proofs: str) -> httpx2.Response:
    members = {"grant_type": "refresh_token", "refresh_token": token, "client_id": app.client_id}
    return posted(app, TOKEN, members, *proofs)


def call(
    app: App, path: str, token: str, *proofs: str, scheme: str = "DPoP", members: dict[str, Any] | None = None
) -> httpx2.Response:
    headers = [("authorization", f"{scheme} {token}"), *(("DPoP", proof) for proof in proofs)]
    return app.http.post(path, json=members or {}, headers=headers)


def refused(answer: httpx2.Response, error: str = "invalid_dpop_proof", status: int = 401) -> str:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    return str(answer.json()["error_description"])


def test_a_token_is_bound_to_the_key_that_was_proved(app, alice, key, bound):
    answer = call(app, LIST, bound, key.proof(LIST, token=bound))
    assert answer.status_code == 200
    assert answer.json()["credentialIDs"]
    told = app.post("/oauth2/introspect", {"token": bound}).json()
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": key.thumbprint})


def test_the_metadata_says_which_algorithms_prove(app):
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        told = app.http.get(path).json()
        assert told["dpop_signing_alg_values_supported"] == ["ES256", "ES384", "PS256", "Ed25519"]


def test_each_algorithm_of_the_metadata_proves(app, alice, portal):
    provers = {
        "ES256": Prover(),
        "ES384": Prover("ES384", ec.generate_private_key(ec.SECP384R1())),
        "PS256": Prover("PS256", rsa.generate_private_key(65537, 2048)),
        "Ed25519": Prover("Ed25519", ed25519.Ed25519PrivateKey.generate()),
    }
    assert tuple(provers) == ALGORITHMS
    code = code_for(app, alice, app.asking())
    token = tokens(app, code, provers["ES256"].proof(TOKEN)).json()["refresh_token"]
    for prover in provers.values():
        answer = refreshed(app, token, prover.proof(TOKEN))
        assert answer.status_code == 200, answer.text
        assert answer.json()["token_type"] == "DPoP"
        access, token = answer.json()["access_token"], answer.json()["refresh_token"]
        assert call(app, LIST, access, prover.proof(LIST, token=access)).status_code == 200


def test_a_bound_token_is_no_bearer_and_a_bearer_needs_no_proof(app, alice, key, bound):
    stolen = call(app, LIST, bound, scheme="Bearer")
    refused(stolen, "invalid_token")
    refused(call(app, LIST, bound, key.proof(LIST, token=bound), scheme="Bearer"), "invalid_token")
    bearer = app.granted(alice, app.asking())["access_token"]
    refused(call(app, LIST, bearer, key.proof(LIST, token=bearer)), "invalid_token")
    assert call(app, LIST, bearer, scheme="Bearer").status_code == 200


def test_a_stolen_token_is_refused_without_its_key(app, key, bound):
    thief = Prover()
    for answer in (
        call(app, LIST, bound),
        call(app, LIST, bound, thief.proof(LIST, token=bound)),
        call(app, LIST, bound, thief.proof(LIST, token=bound, header={"jwk": key.jwk})),
        call(app, LIST, bound, key.proof(LIST, token=bound), key.proof(LIST, token=bound)),
    ):
        refused(answer)
        told = answer.headers["www-authenticate"]
        assert told.startswith('DPoP realm="natsuin", error="invalid_dpop_proof", algs="ES256 ')


@pytest.mark.parametrize(
    "claims",
    [
        {"htm": "GET"},
        {"htm": "post"},
        {"htm": None},
        {"htu": ORIGIN + SIGN},
        {"htu": ORIGIN + LIST + "/"},
        {"htu": "https://elsewhere.example" + LIST},
        {"htu": ORIGIN.replace("://", "://x@") + LIST},
        {"htu": "http://[::1" + LIST},
        {"htu": None},
        {"htu": 7},
        {"iat": None},
        {"iat": "now"},
        {"iat": True},
        {"iat": 10**300},
        {"iat": -1},
        {"jti": None},
        {"jti": ""},
        {"jti": "j" * 257},
        {"ath": None},
        {"ath": ""},
        {"ath": base64url(bytes(32))},
        {"ath": "ü"},
    ],
    ids=str,
)
def test_a_proof_for_something_else_is_refused(app, key, bound, claims):
    refused(call(app, LIST, bound, key.proof(LIST, token=bound, claims=claims)))


def test_the_moment_of_a_proof_may_differ_by_a_minute(app, key, bound):
    now = int(time.time())
    for away, status in ((-PROOF_SECONDS + 20, 200), (PROOF_SECONDS - 20, 200), (-PROOF_SECONDS - 5, 401), (90, 401)):
        answer = call(app, LIST, bound, key.proof(LIST, token=bound, claims={"iat": now + away}))
        assert answer.status_code == status, away


def test_the_address_is_compared_as_rfc_9449_has_it(app, key, bound):
    for written in (ORIGIN.upper() + LIST, ORIGIN + LIST + "?a=b", ORIGIN + LIST + "#c"):
        assert call(app, LIST, bound, key.proof(LIST, token=bound, claims={"htu": written})).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "EdDSA"},
        {"alg": "ES384"},
        {"alg": None},
        {"alg": ["ES256"]},
        {"jwk": None},
        {"jwk": "text"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": base64url(bytes(32)), "y": base64url(bytes(32))}},
        {"crit": ["exp"], "exp": 1},
        {"b64": False},
    ],
    ids=str,
)
def test_a_proof_with_a_strange_header_is_refused(app, key, bound, header):
    refused(call(app, LIST, bound, key.proof(LIST, token=bound, header=header)))


def test_a_proof_never_carries_a_private_key(app, key, bound):
    for name in ("d", "p", "k", "oth"):
        proof = key.proof(LIST, token=bound, header={"jwk": key.jwk | {name: "AAAA"}})
        assert "private key" in refused(call(app, LIST, bound, proof))


def test_weak_and_foreign_keys_do_not_prove(app, alice):
    weak = Prover("PS256", rsa.generate_private_key(65537, 1024))  # noqa: S505
    other = Prover("ES256", ec.generate_private_key(ec.SECP384R1()))
    for prover in (weak, other):
        refused(tokens(app, code_for(app, alice, app.asking()), prover.proof(TOKEN)), status=400)


def test_a_proof_signed_with_the_public_key_as_a_password_is_refused(app, key, bound):
    head, body, _ = key.proof(LIST, token=bound, header={"alg": "HS256"}).split(".")
    secret = json.dumps(key.jwk).encode()
    tag = base64url(hmac.new(secret, f"{head}.{body}".encode(), "sha256").digest())
    refused(call(app, LIST, bound, f"{head}.{body}.{tag}"))


def test_what_is_no_proof_at_all_is_refused(app, key, bound):
    head, body, tag = key.proof(LIST, token=bound).split(".")
    twice = '{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256","jwk":' + json.dumps(key.jwk) + "}"
    plain = base64.urlsafe_b64decode(body + "===").decode()
    for proof in (
        "x",
        "..",
        f"{head}.{body}.",
        f"{head}.{body}.{tag}=",
        f"{head}.{body}.{tag}.{tag}",
        f"{head}.{body}.{tag[:-4]}AAAA",
        f"{head}!.{body}.{tag}",
        base64url(b"[" * 4000) + f".{body}.{tag}",
        "A" * 9000 + f".{body}.{tag}",
        key.signed(twice, plain),
        key.signed(json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk}), plain[:-1] + ',"jti":"again"}'),
        key.signed(json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk}), "[]"),
    ):
        refused(call(app, LIST, bound, proof))


def test_a_proof_is_good_once_over_all_web_processes(portal, app, key, bound):
    proof = key.proof(LIST, token=bound)
    assert call(app, LIST, bound, proof).status_code == 200
    assert "used before" in refused(call(app, LIST, bound, proof))
    second = portal.another()
    try:
        elsewhere = App(second, app.client_id, app.secret)
        assert "used before" in refused(call(elsewhere, LIST, bound, proof))
        fresh = key.proof(LIST, token=bound)
        assert call(elsewhere, LIST, bound, fresh).status_code == 200
        assert "used before" in refused(call(app, LIST, bound, fresh))
    finally:
        second.stop_web()


def test_a_used_proof_is_forgotten_when_it_is_too_old_to_be_taken(portal, app, key, bound):
    proof = key.proof(LIST, token=bound)
    assert call(app, LIST, bound, proof).status_code == 200
    Proofs(portal.database, SystemClock()).purge()
    assert "used before" in refused(call(app, LIST, bound, proof))
    late = FixedClock(SystemClock().now() + timedelta(seconds=2 * PROOF_SECONDS + 2))
    assert Proofs(portal.database, late).purge() > 0
    with portal.database.read() as connection:
        assert connection.execute(sa.select(oauth_used_proof)).all() == []


def test_the_key_named_when_asking_is_the_key_that_gets_the_token(app, alice, key):
    thief = Prover()
    asked = app.asking(dpop_jkt=key.thumbprint)
    refused(tokens(app, code_for(app, alice, asked), thief.proof(TOKEN)), status=400)
    refused(tokens(app, code_for(app, alice, asked)), status=400)
    assert tokens(app, code_for(app, alice, asked), key.proof(TOKEN)).json()["token_type"] == "DPoP"


def test_a_pushed_request_binds_its_code(app, alice, key):
    refused(posted(app, PUSH, app.asking(), key.proof(TOKEN)), status=400)
    refused(posted(app, PUSH, app.asking(dpop_jkt=Prover().thumbprint), key.proof(PUSH)), status=400)
    refused(posted(app, PUSH, app.asking(dpop_jkt="short")), "invalid_request", 400)
    for more in ({}, {"dpop_jkt": key.thumbprint}):
        pushed = posted(app, PUSH, app.asking(**more), key.proof(PUSH)).json()
        asked = {"client_id": app.client_id, "request_uri": pushed["request_uri"]}
        code = code_for(app, alice, asked)
        assert tokens(app, code, key.proof(TOKEN)).status_code == 200
    pushed = posted(app, PUSH, app.asking(), key.proof(PUSH)).json()
    code = code_for(app, alice, {"client_id": app.client_id, "request_uri": pushed["request_uri"]})
    refused(tokens(app, code, Prover().proof(TOKEN)), status=400)


def test_a_refresh_token_keeps_its_binding(public, app, alice, key):
    token = tokens(public, code_for(public, alice, public.asking()), key.proof(TOKEN)).json()["refresh_token"]
    refused(refreshed(public, token), status=400)
    refused(refreshed(public, token, Prover().proof(TOKEN)), status=400)
    assert refreshed(public, token, key.proof(TOKEN)).json()["token_type"] == "DPoP"
    # A client that proves itself may change its key, and not do without one.
    token = tokens(app, code_for(app, alice, app.asking()), key.proof(TOKEN)).json()["refresh_token"]
    refused(refreshed(app, token), status=400)
    assert refreshed(app, token, Prover().proof(TOKEN)).status_code == 200


def test_a_client_may_be_held_to_bound_tokens(portal, alice, key):
    held = App.register(portal, switches=frozenset({Switch.ONLY_BOUND}))
    code = code_for(held, alice, held.asking())
    refused(tokens(held, code), status=400)
    assert tokens(held, code, key.proof(TOKEN)).json()["token_type"] == "DPoP"


def signing(key_id: str, digest: bytes, **more: str) -> dict[str, Any]:
    hashes = [base64.b64encode(digest).decode()]
    asked = {"credentialID": key_id, "hashes": hashes, "signAlgo": ECDSA_SHA256, "hashAlgorithmOID": SHA256}
    return asked | more


def test_an_approval_is_spent_with_the_proof_only(app, alice, key, key_id):
    digest, thief = secrets.token_bytes(32), Prover()
    answer = tokens(app, code_for(app, alice, app.for_hashes(key_id, digest)), key.proof(TOKEN)).json()
    assert (answer["token_type"], answer["scope"]) == ("DPoP", "credential")
    sad, members = answer["access_token"], signing(key_id, digest)
    refused(call(app, SIGN, sad, scheme="Bearer", members=members), "invalid_token")
    refused(call(app, SIGN, sad, thief.proof(SIGN, token=sad), members=members))
    assert call(app, SIGN, sad, key.proof(SIGN, token=sad), members=members).json()["signatures"]


def test_a_bound_approval_beside_a_service_token_keeps_its_binding(app, alice, key, key_id, bound):
    digest, thief = secrets.token_bytes(32), Prover()
    code = code_for(app, alice, app.for_hashes(key_id, digest))
    sad = tokens(app, code, key.proof(TOKEN)).json()["access_token"]
    bearer = app.granted(alice, app.asking())["access_token"]
    foreign = tokens(app, code_for(app, alice, app.asking()), thief.proof(TOKEN)).json()["access_token"]
    members = signing(key_id, digest, SAD=sad)
    refused(call(app, SIGN, bearer, scheme="Bearer", members=members), "invalid_request", 400)
    refused(call(app, SIGN, foreign, thief.proof(SIGN, token=foreign), members=members), "invalid_request", 400)
    extend = "/csc/v2/credentials/extendTransaction"
    proof = key.proof(extend, token=bound)
    extended = call(app, extend, bound, proof, members={"credentialID": key_id, "SAD": sad}).json()["SAD"]
    members = signing(key_id, digest, SAD=extended)
    refused(call(app, SIGN, bearer, scheme="Bearer", members=members), "invalid_request", 400)
    refused(call(app, SIGN, extended, scheme="Bearer", members=signing(key_id, digest)), "invalid_token")
    assert call(app, SIGN, bound, key.proof(SIGN, token=bound), members=members).json()["signatures"]


def test_the_first_generation_binds_too(app, alice, key, key_id):
    digest, path = secrets.token_bytes(32), "/csc/v1/oauth2/token"
    asked = app.for_hashes(key_id, digest)
    code = answer_in(alice.authorize(app.address(asked, "/csc/v1")))["code"]
    members = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": app.verifier,
    }
    refused(posted(app, path, members, key.proof(TOKEN)), status=400)
    answer = posted(app, path, members, key.proof(path))
    assert answer.json()["token_type"] == "DPoP"
