"""Every route of the portal, found by asking the application itself, under every kind of caller."""

import itertools
import re
from typing import Any

import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.web.callers import Access
from rigs.applications import App
from rigs.portal import PDF, Portal
from rigs.routes import routes_of, send

PUBLIC = {
    ("POST", "/api/login/options"),
    ("POST", "/api/login"),
    ("POST", "/api/officer/invitation"),
    ("POST", "/api/officer/register"),
    ("POST", "/api/enrol/open"),
    ("POST", "/api/enrol/complete"),
    ("POST", "/api/replace/open"),
    ("POST", "/api/replace/complete"),
    ("GET", "/api/service"),
    ("POST", "/api/verify"),
    ("GET", "/"),
    ("GET", "/enrol"),
    ("GET", "/officer/enrol"),
    ("GET", "/replace"),
    ("GET", "/verify"),
    ("GET", "/help/check"),
    ("GET", "/help/limits"),
    ("GET", "/pki/root.cer"),
    ("GET", "/pki/issuing.cer"),
    ("GET", "/pki/root.crl"),
    ("GET", "/pki/issuing.crl"),
    ("POST", "/ocsp"),
    ("GET", "/ocsp/{request:path}"),
    ("POST", "/tsa"),
    ("GET", "/log/{name:path}"),
    ("GET", "/oauth2/authorize"),
    ("POST", "/oauth2/pushed_authorize"),
    ("POST", "/oauth2/token"),
    ("POST", "/oauth2/revoke"),
    ("POST", "/oauth2/revocation"),
    ("POST", "/oauth2/introspect"),
    ("GET", "/csc/v1/oauth2/authorize"),
    ("POST", "/csc/v1/oauth2/token"),
    ("POST", "/csc/v1/oauth2/revoke"),
    ("GET", "/csc/v1/info"),
    ("POST", "/csc/v1/info"),
    ("POST", "/csc/v1/auth/revoke"),
    ("POST", "/csc/v1/credentials/list"),
    ("POST", "/csc/v1/credentials/info"),
    ("POST", "/csc/v1/credentials/extendTransaction"),
    ("POST", "/csc/v1/signatures/signHash"),
    ("POST", "/csc/v1/signatures/timestamp"),
    ("GET", "/csc/v1/{name:path}"),
    ("POST", "/csc/v1/{name:path}"),
    ("GET", "/csc/v2/info"),
    ("POST", "/csc/v2/info"),
    ("POST", "/csc/v2/auth/revoke"),
    ("POST", "/csc/v2/credentials/list"),
    ("POST", "/csc/v2/credentials/info"),
    ("POST", "/csc/v2/credentials/extendTransaction"),
    ("POST", "/csc/v2/documents"),
    ("POST", "/csc/v2/credentials/authorize"),
    ("POST", "/csc/v2/credentials/authorizeCheck"),
    ("POST", "/csc/v2/signatures/signHash"),
    ("POST", "/csc/v2/signatures/signDoc"),
    ("POST", "/csc/v2/signatures/signPolling"),
    ("POST", "/csc/v2/signatures/timestamp"),
    ("GET", "/csc/v2/{name:path}"),
    ("POST", "/csc/v2/{name:path}"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/authorize/{handle}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
}
"""The only routes that answer somebody who is not signed in. A new one is added here on purpose or not at all."""


WAITING = {"/waiting/{act_id}", "/api/waiting/{act_id}"}
"""Acts that officers began and an owner ends: `shared_acts` has them, with those of others."""
OVER_A_DOCUMENT = {"/api/access-requests/{handle}/document"}
"""Alice's access request is over digests; `test_whole_documents` has those over a document, with those of others."""


@pytest.fixture(scope="session")
def routes(portal: Portal) -> list[tuple[str, str, Access]]:
    found = list(routes_of(portal.app.routes))
    assert len(found) > 40
    return found


@pytest.fixture(scope="session")
def alices(portal: Portal, alice: Visitor) -> dict[str, str]:
    """Ids of things that are Alice's."""
    document_id = alice.post_bytes(PDF + b"alices", "alice.pdf")["id"]
    signed = alice.post_bytes(PDF + b"alices signed", "alice2.pdf")["id"]
    alice.sign(signed)
    key_id = alice.get("/api/keys")["keys"][0]["key_id"]
    made = alice.post(f"/api/documents/{document_id}/instruction", {})
    act = alice.post(f"/api/keys/{key_id}/pin-reset", {})
    app = App.register(portal)
    page = alice._http.get(app.address(app.asking())).headers["location"]
    handle = page.rpartition("/")[2]
    alice.get(f"/api/access-requests/{handle}")
    return {
        "document_id": signed,
        "key_id": key_id,
        "instruction_id": made["instruction_id"],
        "act_id": act["act_id"],
        "act": "suspend",
        "archive_id": "0" * 32,
        "session_id": "0" * 32,
        "user_id": "u-1",
        "request": "MAA",
        "handle": handle,
        "client_id": app.client_id,
        "name": "checkpoint",
        "form": "csv",
    }


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(?::path)?}", lambda found: ids[found[1]], path)


def valid_body(method: str, path: str, portal: Portal, attacker: Visitor) -> dict[str, Any]:
    """A body of the right shape, so that the refusal is about the caller and not about the form."""
    options = {"rpId": "localhost", "challenge": "AAAA"}
    credential = attacker.device.get(options)
    sealed = "A" * 200
    bodies: dict[str, Any] = {
        "/api/keys/{key_id}/pin-reset/{act_id}": {"credential": credential, "sealed_secrets": sealed},
        "/api/instructions/{instruction_id}/approval": {"credential": credential, "sealed_pin": sealed},
        "/api/instructions/{instruction_id}/activation": {"credential": credential, "sealed_pin": sealed},
        "/api/keys/{key_id}/acts": {"act": "suspend"},
        "/api/keys/{key_id}/acts/{act_id}": {"credential": credential, "sealed_secrets": sealed},
        "/api/restores/{act_id}": {"credential": credential, "sealed_secrets": sealed},
        "/api/imports/{act_id}": {"credential": credential, "sealed_secrets": sealed},
        "/api/officer/people/{act_id}/approve": {"credential": credential},
        "/api/access-requests/{handle}/approval": {"credential": credential, "sealed_pin": sealed},
        "/api/signatures": {"sad": "A" * 43, "digests": ["A" * 43]},
    }
    return bodies.get(path, {})


def test_only_the_listed_routes_are_public(routes):
    assert {(method, path) for method, path, access in routes if access is Access.PUBLIC} == PUBLIC


def test_nobody_signed_in_gets_nothing(portal, routes, alices):
    """Deny by default: every other route, and an address that no route has, tells a stranger only to sign in."""
    with portal.client() as stranger:
        for method, path, access in routes:
            if access is Access.PUBLIC:
                continue
            answer = send(stranger, method, filled(path, alices), json={} if method == "POST" else None)
            expected = 401 if path.startswith("/api/") else 303
            assert answer.status_code == expected, (method, path)
            if expected == 303:
                assert answer.headers["location"] == f"/?next={filled(path, alices)}"


def test_a_signer_reaches_nothing_of_another_signer(portal, routes, alices, bob):
    """Bob has Alice's ids and his own session: each route that names something says that there is no such thing."""
    tried = 0
    for method, path, access in routes:
        if access is not Access.SIGNER or "{" not in path:
            continue
        body = valid_body(method, path, portal, bob) if method == "POST" else None
        answer = send(bob._http, method, filled(path, alices), json=body)
        assert answer.status_code == 404, (method, path, answer.text)
        tried += 1
    assert tried >= 15


def test_alices_things_are_there_for_alice(portal, routes, alices, alice):
    """The counterpart: the same addresses answer their owner, so the refusals above are about the caller."""
    for method, path, access in routes:
        if access is Access.SIGNER and "{" in path and method == "GET" and path not in WAITING | OVER_A_DOCUMENT:
            answer = send(alice._http, method, filled(path, alices))
            assert answer.status_code == 200, (path, answer.text)


def test_an_officer_can_never_sign(portal, routes, alices, officer):
    """Operator roles have no way into anything of a signer (A15)."""
    for method, path, access in routes:
        if access is not Access.SIGNER:
            continue
        answer = send(officer._http, method, filled(path, alices), json={} if method == "POST" else None)
        assert answer.status_code == 403, (method, path)


def test_a_signer_is_no_officer(portal, routes, alices, bob):
    for method, path, access in routes:
        if access in (Access.REGISTRAR, Access.SECURITY, Access.KEYHOLDING, Access.OFFICER):
            answer = send(bob._http, method, filled(path, alices), json={} if method == "POST" else None)
            assert answer.status_code == 403, (method, path)


def test_an_auditor_can_do_nothing_but_read(portal, routes, alices, auditor):
    """The role excludes every other one: what is not public and not its own tells who one is, is about one's own
    account or sign-in, or signs out."""
    own = {("POST", "/api/logout"), ("GET", "/api/me")}
    mine = own | {(method, path) for method, path, _ in routes if {"account", "step-up"} & set(path.split("/"))}
    size, tried = portal.sam.rig.sam.log.size, 0
    for method, path, access in routes:
        if access in (Access.PUBLIC, Access.AUDITOR) or (method, path) in mine:
            continue
        answer = send(auditor._http, method, filled(path, alices), json={} if method == "POST" else None)
        assert answer.status_code == 403, (method, path)
        tried += 1
    assert tried > 40
    assert portal.sam.rig.sam.log.size == size


def test_what_an_auditor_may_call_changes_nothing_but_the_log(routes):
    """A new route for auditors is added here on purpose or not at all."""
    assert {(method, path) for method, path, access in routes if access is Access.AUDITOR} == {
        ("GET", "/auditor"),
        ("GET", "/auditor/log"),
        ("GET", "/auditor/activity"),
        ("GET", "/api/auditor/entries.{form}"),
        ("POST", "/api/auditor/readings"),
        ("POST", "/api/auditor/readings/end"),
        ("POST", "/api/auditor/readings/{act_id}"),
        ("POST", "/api/auditor/openings"),
    }


def test_nobody_else_is_an_auditor(portal, routes, alices, officer, bob):
    for visitor in (officer, bob):
        for method, path, access in routes:
            if access is Access.AUDITOR:
                answer = send(visitor._http, method, filled(path, alices), json={} if method == "POST" else None)
                assert answer.status_code == 403, (method, path)


def test_bobs_session_signs_nothing_with_alices_activation(portal, alice, bob):
    """A SAD that was given to Alice is of no use in Bob's session, although sam would accept it."""
    from natsuin import base64url

    key_id = alice.get("/api/keys")["keys"][0]["key_id"]
    digest = base64url.encode(bytes(32))
    made = alice.post("/api/instructions", {"key_id": key_id, "scheme": "ecdsa-sha256", "digests": [digest]})
    sad = alice.approve(made, f"/api/instructions/{made['instruction_id']}/activation")["sad"]
    stolen = send(bob._http, "POST", "/api/signatures", json={"sad": sad, "digests": [digest]})
    assert stolen.status_code == 404
    own = send(alice._http, "POST", "/api/signatures", json={"sad": sad, "digests": [digest]})
    again = send(alice._http, "POST", "/api/signatures", json={"sad": sad, "digests": [digest]})
    assert own.status_code == 200
    assert own.json() == again.json()


@pytest.mark.parametrize(
    ("kind", "body"),
    list(
        itertools.product(
            ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""),
            (b"{}", b'{"token":"' + b"A" * 40 + b'"}'),
        )
    ),
)
def test_only_json_is_json(portal, kind, body):
    with portal.client() as client:
        answer = client.post("/api/enrol/open", content=body, headers={"content-type": kind})
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"
