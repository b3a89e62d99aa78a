"""The life of a key over HTTP: what strangers to it try."""

from datetime import timedelta
from typing import Any

import pytest

from natsuin import base64url
from natsuin.authentication import SessionLimits, Sessions, SignInFailed
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.clock import SystemClock
from natsuin.sam import protocol
from rigs.key_acts import (
    acts_of,
    add_passkey,
    approval,
    do,
    for_officers,
    key_of,
    refusal,
    remove_passkey,
)
from rigs.portal import Portal, cookie_of


def test_anothers_key_is_no_key(carol: Visitor, bob: Visitor) -> None:
    """The same answer for Carol's key and for one that never was."""
    device = bob.device.get({"rpId": "localhost", "challenge": "AAAA"})
    for key_id in (key_of(carol)["key_id"], "0" * 32):
        base = f"/api/keys/{key_id}"
        assert refusal(bob._http, f"{base}/acts", {"act": "destroy"}) == (404, "not_found")
        assert refusal(bob._http, f"{base}/acts/{'0' * 32}", {"credential": device}) == (404, "not_found")
        assert refusal(bob._http, f"{base}/passkey-offer", {}) == (404, "not_found")
        assert bob._http.get(f"/keys/{key_id}/destroy").status_code == 404
    assert key_of(carol)["state"] == "active"


def test_an_act_on_another_key_is_not_found_under_ones_own(carol: Visitor, bob: Visitor) -> None:
    act = carol.post(acts_of(carol), {"act": "destroy"})
    own = {"credential": bob.device.get({**act["publicKey"], "allowCredentials": []})}
    stolen = approval(act, carol.device)
    for body in (own, stolen):
        assert refusal(bob._http, f"{acts_of(bob)}/{act['act_id']}", body) == (404, "not_found")
    assert refusal(carol._http, f"{acts_of(carol)}/{act['act_id']}", own) == (403, "approval_refused")
    assert key_of(carol)["state"] == "active"


def test_signers_are_no_officers_and_officers_no_owners(carol: Visitor, officer: Visitor) -> None:
    path = for_officers(carol)
    device = carol.device.get({"rpId": "localhost", "challenge": "AAAA"})
    assert refusal(carol._http, path, {"act": "suspend"}) == (403, "forbidden")
    assert refusal(carol._http, f"{path}/{'0' * 32}", {"credential": device}) == (403, "forbidden")
    assert carol._http.get("/api/officer/keys").status_code == 403
    assert carol._http.get("/officer/keys").status_code == 403
    assert refusal(officer._http, acts_of(carol), {"act": "destroy"}) == (403, "forbidden")
    for act in ("destroy", "renew", "change-pin", "add-passkey", "remove-passkey", "one-time"):
        assert refusal(officer._http, path, {"act": act}) == (400, "malformed")
    assert refusal(officer._http, path, {"act": "suspend", "user_id": "u-1"}) == (400, "malformed")
    assert refusal(officer._http, path, {"act": "suspend", "officer_id": "o-1"}) == (400, "malformed")


def test_an_officer_does_nothing_without_their_own_passkey(carol: Visitor, officer: Visitor, bob: Visitor) -> None:
    path = for_officers(carol)
    act = officer.post(path, {"act": "revoke", "reason": "unspecified"})
    assert refusal(officer._http, f"{path}/{act['act_id']}", {}) == (400, "malformed")
    for device in (carol.device, bob.device):
        body = {"credential": device.get({**act["publicKey"], "allowCredentials": []})}
        assert refusal(officer._http, f"{path}/{act['act_id']}", body) == (403, "approval_refused")
    other = for_officers(bob)
    assert refusal(officer._http, f"{other}/{act['act_id']}", approval(act, officer.device)) == (404, "not_found")
    assert key_of(carol)["state"] == "active"


def test_an_approval_counts_once(person: Visitor) -> None:
    path = acts_of(person)
    act = person.post(path, {"act": "suspend"})
    body = approval(act, person.device)
    assert person.post(f"{path}/{act['act_id']}", body)["key"]["state"] == "suspended"
    do(person, "resume")
    assert refusal(person._http, f"{path}/{act['act_id']}", body) == (404, "not_found")
    # Nor is it an approval of another act, of which it never saw the record.
    second = person.post(path, {"act": "suspend"})
    assert refusal(person._http, f"{path}/{second['act_id']}", body) == (403, "approval_refused")
    assert key_of(person)["state"] == "active"


def test_requests_from_other_sites_do_nothing(portal: Portal, carol: Visitor, officer: Visitor) -> None:
    for visitor, path in ((carol, acts_of(carol)), (officer, for_officers(carol))):
        jar = {"natsuin_session": cookie_of(visitor)}
        for headers in ({"X-Natsuin": ""}, {"Origin": "https://evil.example"}):
            with portal.client() as client:
                client.headers.update(headers)
                client.cookies.update(jar)
                answer = client.post(path, json={"act": "suspend"})
                assert (answer.status_code, answer.json()["code"]) == (403, "foreign_request")


def test_a_removed_passkey_signs_nobody_in_and_its_sessions_end(portal: Portal, person: Visitor) -> None:
    """The device was lost while it was signed in: both ways in are closed before the removal is answered."""
    second = add_passkey(person)
    thief = portal.visitor()
    thief.device = person.device
    thief.sign_in()
    assert thief.get("/api/me")["roles"] == ["signer"]
    lost = next(one["credential_id"] for one in key_of(person)["passkeys"])
    remove_passkey(person, lost, second)
    assert thief._http.get("/api/me").status_code == 401
    with pytest.raises(ServerRefused, match="could not be verified"):
        thief.sign_in()
    assert person.get("/api/me")["roles"] == ["signer"]
    owner = portal.visitor()
    owner.device = second
    owner.sign_in()
    assert [one["credential_id"] for one in key_of(owner)["passkeys"]] != [lost]


def test_a_sign_in_that_overtakes_the_removal_opens_no_session(portal: Portal, person: Visitor) -> None:
    """The passkey is verified, then removed, then the session would be opened."""
    second = add_passkey(person)
    lost = key_of(person)["passkeys"][0]["credential_id"]
    user_id = person.get("/api/me")["user_id"]
    limits = SessionLimits(absolute=timedelta(hours=1), idle=timedelta(hours=1))
    sessions = Sessions(portal.database, SystemClock(), limits=limits)
    assert sessions.open(user_id, by=base64url.decode(lost))
    remove_passkey(person, lost, second)
    with pytest.raises(SignInFailed):
        sessions.open(user_id, by=base64url.decode(lost))


def test_a_crash_between_sam_and_the_portal_leaves_no_way_in(portal: Portal, person: Visitor) -> None:
    """sam removed the passkey and the answer was lost: the next look at the keys makes it good."""
    second = add_passkey(person)
    lost = key_of(person)["passkeys"][0]["credential_id"]

    def lose(message: Any) -> None:
        if isinstance(message, protocol.ApproveKeyAct):
            raise RuntimeError("web dies here")

    portal.sam.after = lose
    with pytest.raises(ServerRefused):
        remove_passkey(person, lost, second)
    portal.sam.after = None
    person.download("/keys")
    thief = portal.visitor()
    thief.device = person.device
    with pytest.raises(ServerRefused, match="could not be verified"):
        thief.sign_in()


GARBAGE: list[Any] = [
    {"act": "explode"},
    {"act": "suspend", "x": 1},
    {"act": ["suspend"]},
    {"act": "revoke", "reason": "cACompromise"},
    {"act": "suspend", "note": "a" * 201},
    {"act": "renew", "algorithm": "rot13"},
    {"act": "remove-passkey", "credential_id": "*"},
    {"act": "add-passkey", "offer_id": "x", "credential": {"id": "AAAA"}},
    {"act": "install-certificate", "certificates": "AAAA"},
    {"act": "install-certificate", "certificates": ["AAAA"] * 11},
    {},
]


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_refused_as_garbage(carol: Visitor, officer: Visitor, body: dict[str, Any]) -> None:
    for visitor, path in ((carol, acts_of(carol)), (officer, for_officers(carol))):
        assert refusal(visitor._http, path, body) == (400, "malformed")


def test_broken_bodies_are_refused_by_every_new_address(carol: Visitor, officer: Visitor) -> None:
    own, theirs = acts_of(carol), for_officers(carol)
    nobody = "0" * 32
    offer = own.replace("/acts", "/passkey-offer")
    for visitor, path in (
        (carol, own),
        (carol, f"{own}/{nobody}"),
        (carol, offer),
        (officer, theirs),
        (officer, f"{theirs}/{nobody}"),
    ):
        for content in (b"{", b"[]", b'{"act":"suspend","act":"destroy"}', b"\xff", b'"act"', b"null"):
            answer = visitor._http.post(path, content=content, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), (path, content)


@pytest.mark.parametrize(
    "wish",
    [
        {"act": "revoke"},
        {"act": "suspend", "reason": "superseded"},
        {"act": "suspend", "note": "a\u202eb"},
        {"act": "add-passkey"},
        {"act": "remove-passkey"},
    ],
)
def test_what_does_not_fit_the_act_is_refused_by_sam(carol: Visitor, wish: dict[str, Any]) -> None:
    answer = carol._http.post(acts_of(carol), json=wish)
    assert answer.status_code in {400, 403, 404, 409, 422}, answer.text
    assert key_of(carol)["state"] == "active"


@pytest.mark.parametrize(
    "content", [b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\x30\x00"]
)
def test_a_file_that_is_no_certificate_is_told_so(carol: Visitor, officer: Visitor, content: bytes) -> None:
    wish = {"act": "install-certificate", "certificates": [base64url.encode(content)]}
    assert refusal(officer._http, for_officers(carol), wish) == (400, "certificate_unreadable")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "state=gone", "after=" + "a" * 129, "name=" + "a" * 101]
)
def test_a_list_that_cannot_be_asked_for(officer: Visitor, query: str) -> None:
    assert officer._http.get(f"/api/officer/keys?{query}").status_code == 400


def test_a_suspended_key_signs_no_digests_either(person: Visitor) -> None:
    key_id = key_of(person)["key_id"]
    do(person, "suspend")
    wish = {"key_id": key_id, "scheme": "ecdsa-sha256", "digests": [base64url.encode(bytes(32))]}
    assert refusal(person._http, "/api/instructions", wish) == (409, "key_cannot_sign")
