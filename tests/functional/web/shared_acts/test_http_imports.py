"""Keys made elsewhere over HTTP: the officer's part, the owner's part, and what is refused to both."""

from typing import Any

import pytest

from natsuin import base64url
from natsuin.cli.demo.visitor import Visitor
from rigs.key_acts import do, key_of, keys_of, refusal
from rigs.key_envelopes import ImportingAuthority
from rigs.portal import PDF, Portal
from rigs.shared_acts import by_officer, envelope_for, import_body, me

NOT_FOUND, NOT_APPROVED = (404, "not_found"), (403, "approval_refused")


@pytest.fixture
def envelope(portal: Portal, authority: ImportingAuthority, alice: Visitor) -> bytes:
    return envelope_for(authority, portal.sam.rig.web.info, me(alice), "Alice")


def address(owner: Visitor) -> str:
    return f"/api/officer/keys/{key_of(owner)['key_id']}/import"


def propose(officer: Visitor, owner: Visitor, envelope: bytes) -> dict[str, Any]:
    return officer.post(address(owner), {"envelope": base64url.encode(envelope)})


def approved(officer: Visitor, owner: Visitor, envelope: bytes) -> dict[str, Any]:
    """The officer approved; what the owner is asked."""
    act = propose(officer, owner, envelope)
    officer.post(f"/api/officer/imports/{act['act_id']}", by_officer(act, officer))
    return owner.get(f"/api/waiting/{act['act_id']}")


def test_a_key_is_taken_in_and_says_where_it_comes_from(
    officer: Visitor, second: Visitor, alice: Visitor, envelope: bytes
) -> None:
    act = propose(officer, alice, envelope)
    assert alice.get("/api/waiting")["waiting"] == []
    answer = officer.post(f"/api/officer/imports/{act['act_id']}", by_officer(act, officer))
    assert answer == {"waiting_for": ["Alice"]}
    (seen,) = [one for one in second.get("/api/officer/waiting")["waiting"] if one["act_id"] == act["act_id"]]
    assert (seen["kind"], seen["mine"], seen["waiting_for"]) == ("import", False, ["Alice"])
    assert act["act_id"] in alice.download("/keys").decode()
    shown = alice.get(f"/api/waiting/{act['act_id']}")
    assert (shown["kind"], shown["record"]) == ("import", act["record"])
    key = alice.post(f"/api/imports/{act['act_id']}", import_body(shown, alice))["key"]
    assert key["origin"] == "imported"
    assert [one["origin"] for one in keys_of(alice)] == ["generated", "imported"]
    told = officer.get("/api/officer/keys?name=alice@&limit=500")["keys"]
    assert {one["key_id"]: one["origin"] for one in told}[key["key_id"]] == "imported"
    assert "Imported from CN=Outside CA" in alice.download("/keys").decode()
    assert "Imported from CN=Outside CA" in officer.download(f"/officer/keys/{key['key_id']}").decode()
    alice.sign(alice.post_bytes(PDF + b"imported", "i.pdf")["id"])


def test_nobody_does_anothers_part(
    officer: Visitor, second: Visitor, alice: Visitor, bob: Visitor, envelope: bytes
) -> None:
    assert refusal(alice._http, address(alice), {"envelope": base64url.encode(envelope)}) == (403, "forbidden")
    act = propose(officer, alice, envelope)
    path, own = f"/api/officer/imports/{act['act_id']}", f"/api/imports/{act['act_id']}"
    officers = by_officer(act, officer)
    assert refusal(second._http, path, officers) == NOT_FOUND
    assert refusal(alice._http, path, officers) == (403, "forbidden")
    early = import_body({**act, "publicKey": {**act["publicKey"], "allowCredentials": []}}, alice)
    assert refusal(alice._http, own, early) == (403, "forbidden")
    assert refusal(alice._http, own, {**early, **officers}) == NOT_APPROVED
    officer.post(path, officers)
    assert refusal(officer._http, path, officers) == (409, "already_used")
    body = import_body(alice.get(f"/api/waiting/{act['act_id']}"), alice)
    assert refusal(officer._http, path, {"credential": body["credential"]}) == NOT_APPROVED
    for stolen in (body, {**body, "credential": bob.device.get({**act["publicKey"], "allowCredentials": []})}) * 3:
        assert refusal(bob._http, own, stolen) == NOT_FOUND
    assert bob._http.get(f"/api/waiting/{act['act_id']}").status_code == 404
    assert len(keys_of(alice)) == 1
    assert alice.post(own, body)["key"]["origin"] == "imported"


def test_an_envelope_and_an_approval_are_good_once(officer: Visitor, alice: Visitor, envelope: bytes) -> None:
    acts = [approved(officer, alice, envelope) for _ in range(2)]
    body = import_body(acts[0], alice)
    alice.post(f"/api/imports/{acts[0]['act_id']}", body)
    assert refusal(alice._http, f"/api/imports/{acts[0]['act_id']}", body) == (409, "already_used")
    assert refusal(alice._http, f"/api/imports/{acts[1]['act_id']}", body) == NOT_APPROVED
    late = import_body(acts[1], alice)
    assert refusal(alice._http, f"/api/imports/{acts[1]['act_id']}", late) == (409, "already_used")
    again = {"envelope": base64url.encode(envelope)}
    assert refusal(officer._http, address(alice), again) == (409, "already_used")
    assert len(keys_of(alice)) == 2


def test_envelopes_that_are_not_right(
    portal: Portal, officer: Visitor, alice: Visitor, bob: Visitor, envelope: bytes
) -> None:
    stranger = envelope_for(ImportingAuthority(), portal.sam.rig.web.info, me(alice), "Alice")
    flipped = envelope[:-10] + bytes([envelope[-10] ^ 1]) + envelope[-9:]
    for content in (b"nothing", flipped, stranger):
        status, _ = refusal(officer._http, address(alice), {"envelope": base64url.encode(content)})
        assert status in (400, 422)
    # Made for Alice, brought for Bob.
    wish = {"envelope": base64url.encode(envelope)}
    assert refusal(officer._http, address(bob), wish) == (422, "key_envelope_refused")
    assert refusal(officer._http, f"/api/officer/keys/{'0' * 32}/import", wish) == NOT_FOUND
    too_large = {"envelope": base64url.encode(bytes(300_000))}
    assert refusal(officer._http, address(alice), too_large) == (400, "malformed")
    assert officer.get("/api/officer/keys?name=bob@")["keys"] != []


def test_a_wrong_pin_ends_the_act_and_not_the_envelope(officer: Visitor, alice: Visitor, envelope: bytes) -> None:
    act = approved(officer, alice, envelope)
    path = f"/api/imports/{act['act_id']}"
    assert refusal(alice._http, path, import_body(act, alice, pin="wrong horse 7")) == (403, "wrong_secret")
    assert refusal(alice._http, path, import_body(act, alice)) == (409, "already_used")
    again = approved(officer, alice, envelope)
    alice.post(f"/api/imports/{again['act_id']}", import_body(again, alice))


def test_a_key_that_was_revoked_meanwhile_takes_none_in(officer: Visitor, alice: Visitor, envelope: bytes) -> None:
    act = approved(officer, alice, envelope)
    do(alice, "revoke", reason="unspecified")
    status, _ = refusal(alice._http, f"/api/imports/{act['act_id']}", import_body(act, alice))
    assert status == 409
    assert [key["state"] for key in keys_of(alice)] == ["revoked"]
