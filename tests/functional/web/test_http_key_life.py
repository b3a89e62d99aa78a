"""The life of a key over HTTP: what its owner and an officer can do, and what strangers to it try."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import base64url
from natsuin.authentication import SessionLimits, Sessions, SignInFailed
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import challenge_of, new_recovery_code, seal
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.clock import SystemClock
from natsuin.sam import protocol
from natsuin.sam.process import open_sam
from rigs.outside_authority import OutsideAuthority
from rigs.portal import PDF, PERSON, Portal, cookie_of
from rigs.web_side import ORIGIN, PIN

CHANGE, RENEW = protocol.HPKE_INFO_CHANGE, protocol.HPKE_INFO_RENEW
NEW_PIN = "battery staple 9"
_addresses = itertools.count(1)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal behind a proxy, so that each of the many who enrol here has an address of their own."""
    running = Portal.start(tmp_path_factory.mktemp("keys"), proxies=("127.0.0.1/32",))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def officer(portal: Portal) -> Visitor:
    return portal.enrol_officer()


@pytest.fixture(scope="module")
def bob(portal: Portal, officer: Visitor) -> Visitor:
    return portal.enrol(officer, common_name="Bob", email="bob@example.jp")


@pytest.fixture(scope="module")
def carol(portal: Portal, officer: Visitor) -> Visitor:
    """Whose key nothing happens to."""
    return portal.enrol(officer, common_name="Caroline", email="caroline@example.jp")


@pytest.fixture
def person(portal: Portal, officer: Visitor) -> Visitor:
    """Somebody with a key of their own for each test, because keys end here."""
    signer = portal.visitor()
    signer._http.headers["X-Forwarded-For"] = f"203.0.113.{next(_addresses)}"
    signer.enrol(officer.invite({**PERSON, "common_name": "Carol", "email": "carol@example.jp"}), PIN)
    return signer


def keys_of(visitor: Visitor) -> list[dict[str, Any]]:
    return list(visitor.get("/api/keys")["keys"])


def key_of(visitor: Visitor) -> dict[str, Any]:
    return keys_of(visitor)[-1]


def acts_of(visitor: Visitor) -> str:
    return f"/api/keys/{key_of(visitor)['key_id']}/acts"


def for_officers(visitor: Visitor) -> str:
    return f"/api/officer{acts_of(visitor).removeprefix('/api')}"


def approval(
    act: dict[str, Any], device: SoftwareAuthenticator, *, info: bytes = b"", **secrets: str
) -> dict[str, Any]:
    """What the browser sends once the record is seen to be the one of the challenge."""
    challenge = challenge_of(act["record"].encode())
    assert base64url.decode(act["publicKey"]["challenge"]) == challenge == base64url.decode(act["challenge"])
    body: dict[str, Any] = {"credential": device.get(act["publicKey"])}
    if secrets:
        sealed = seal(base64url.decode(act["hpke_public_key"]), info + challenge, secrets)
        body["sealed_secrets"] = base64url.encode(sealed)
    return body


def do(visitor: Visitor, act: str, *, by: SoftwareAuthenticator | None = None, **rest: Any) -> dict[str, Any]:
    """Propose an act on the visitor's newest key, and approve it."""
    secrets = rest.pop("secrets", {})
    path = rest.pop("path", None) or acts_of(visitor)
    info = RENEW if act in {"renew", "one-time"} else CHANGE
    proposed = visitor.post(path, {"act": act, **rest})
    return visitor.post(f"{path}/{proposed['act_id']}", approval(proposed, by or visitor.device, info=info, **secrets))


def add_passkey(visitor: Visitor) -> SoftwareAuthenticator:
    offer = visitor.post(acts_of(visitor).replace("/acts", "/passkey-offer"), {})
    device = SoftwareAuthenticator(ORIGIN)
    do(
        visitor,
        "add-passkey",
        offer_id=offer["offer_id"],
        credential=device.create(offer["publicKey"]),
        secrets={"pin": PIN, "recovery_code": new_recovery_code()},
    )
    return device


def remove_passkey(visitor: Visitor, credential_id: str, by: SoftwareAuthenticator) -> None:
    secrets = {"pin": PIN, "recovery_code": new_recovery_code()}
    do(visitor, "remove-passkey", by=by, credential_id=credential_id, secrets=secrets)


def refusal(client: httpx2.Client, path: str, body: dict[str, Any]) -> tuple[int, str]:
    answer = client.post(path, json=body)
    return answer.status_code, answer.json()["code"]


# --- What they are for -----------------------------------------------------------------------------------------------


def test_an_owner_suspends_and_resumes(person: Visitor) -> None:
    document = person.post_bytes(PDF + b"while suspended", "a.pdf")["id"]
    assert do(person, "suspend")["key"]["state"] == "suspended"
    key = key_of(person)
    assert (key["suspended_by"], key["cannot_sign"]) == ("owner", "suspended")
    assert key["acts"] == ["resume", "revoke", "destroy"]
    told = refusal(person._http, f"/api/documents/{document}/instruction", {})
    assert told == (409, "key_cannot_sign")
    page = person.download(f"/documents/{document}").decode()
    assert "is suspended" in page
    assert "data-place " not in page
    assert do(person, "resume")["key"]["state"] == "active"
    person.sign(document)


def test_last_use_is_told_to_owner_and_officer(person: Visitor, officer: Visitor) -> None:
    assert key_of(person)["last_used_at"] == 0
    document = person.post_bytes(PDF + b"used", "a.pdf")["id"]
    waiting = person.post_bytes(PDF + b"only approved", "b.pdf")["id"]
    person.sign(document)
    used = key_of(person)["last_used_at"]
    assert used >= key_of(person)["created_at"]
    person.post(f"/api/documents/{waiting}/instruction", {})
    assert key_of(person)["last_used_at"] == used
    found = officer.get("/api/officer/keys?name=carol@&limit=500")["keys"]
    assert used in {key["last_used_at"] for key in found}


@pytest.mark.parametrize(
    ("act", "wish", "state"), [("revoke", {"reason": "keyCompromise"}, "revoked"), ("destroy", {}, "destroyed")]
)
def test_an_owner_ends_a_key(person: Visitor, act: str, wish: dict[str, str], state: str) -> None:
    assert do(person, act, **wish)["key"]["state"] == state
    assert key_of(person)["acts"] == []
    assert refusal(person._http, acts_of(person), {"act": "suspend"}) == (409, "illegal_move")
    # A person without a living key still sees what was signed.
    person.sign_in()
    assert person.get("/api/me")["roles"] == ["signer"]


def test_renewal_needs_pin_and_gives_another_key(person: Visitor) -> None:
    old = key_of(person)["key_id"]
    secrets = {"pin": PIN, "recovery_code": new_recovery_code()}
    done = do(person, "renew", algorithm="p-384", secrets=secrets)
    assert (done["key"]["state"], done["made"]["algorithm"], done["made"]["predecessor"]) == ("destroyed", "p-384", old)
    document = person.post_bytes(PDF + b"renewed", "a.pdf")["id"]
    person.sign(document)


def test_a_key_for_one_instruction_is_never_chosen_by_itself(person: Visitor) -> None:
    lasting = key_of(person)["key_id"]
    made = do(person, "one-time", secrets={"pin": PIN})["made"]
    assert made["one_time"]
    document = person.post_bytes(PDF + b"chosen", "a.pdf")["id"]
    instruction = person.post(f"/api/documents/{document}/instruction", {})
    assert f'"key":"{lasting}"' in instruction["record"]


def test_a_wrong_pin_is_counted_and_a_right_one_changes_it(person: Visitor) -> None:
    with pytest.raises(ServerRefused, match="9 tries"):
        do(person, "change-pin", secrets={"pin": "wrong horse 7", "new_pin": NEW_PIN})
    do(person, "change-pin", secrets={"pin": PIN, "new_pin": NEW_PIN})
    assert key_of(person)["pin_tries_left"] == 10
    person.pin = NEW_PIN
    person.sign(person.post_bytes(PDF + b"new PIN", "a.pdf")["id"])


def test_a_second_passkey_signs_in_and_approves(portal: Portal, person: Visitor) -> None:
    known = key_of(person)["passkeys"]
    assert [(one["signs_in"], one["synced"]) for one in known] == [(True, False)]
    assert "one_passkey" in {warning["kind"] for warning in key_of(person)["warnings"]}
    second = add_passkey(person)
    assert "one_passkey" not in {warning["kind"] for warning in key_of(person)["warnings"]}
    other = portal.visitor()
    other.device, other.pin = second, PIN
    other.sign_in()
    other.sign(other.post_bytes(PDF + b"second passkey", "a.pdf")["id"])


def test_an_offer_excludes_what_is_known(person: Visitor) -> None:
    offer = person.post(acts_of(person).replace("/acts", "/passkey-offer"), {})
    excluded = [one["id"] for one in offer["publicKey"]["excludeCredentials"]]
    assert excluded == [passkey["credential_id"] for passkey in key_of(person)["passkeys"]]


def test_an_officer_suspends_resumes_and_revokes(person: Visitor, officer: Visitor) -> None:
    path = for_officers(person)
    done = do(officer, "suspend", path=path, note="書類を確認中")
    assert done["key"]["suspended_by"] == "officer"
    assert not {"passkeys", "pin_tries_left"} & set(done["key"])
    assert refusal(person._http, acts_of(person), {"act": "resume"}) == (409, "illegal_move")
    assert do(officer, "resume", path=path)["key"]["state"] == "active"
    assert do(officer, "revoke", path=path, reason="affiliationChanged")["key"]["state"] == "revoked"


def test_officers_find_keys_by_name_and_state_page_by_page(person: Visitor, officer: Visitor, bob: Visitor) -> None:
    key_id = key_of(person)["key_id"]
    do(person, "suspend")
    found = officer.get("/api/officer/keys?name=CAROL&state=suspended")["keys"]
    assert key_id in {key["key_id"] for key in found}
    assert {(key["owner"], key["state"]) for key in found} == {("Carol", "suspended")}
    assert officer.get("/api/officer/keys?name=%25")["keys"] == []
    seen: list[str] = []
    after = ""
    while True:
        page = officer.get(f"/api/officer/keys?limit=2&after={after}")
        seen += [key["key_id"] for key in page["keys"]]
        after = page["next"]
        if not after:
            break
    everybody = officer.get("/api/officer/keys?limit=500")
    assert seen == sorted(seen) == [key["key_id"] for key in everybody["keys"]]
    assert everybody["next"] == ""
    shown = officer.download(f"/officer/keys/{key_id}").decode()
    assert "Carol" in shown
    assert "resume" in shown


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[tuple[Portal, OutsideAuthority]]:
    """A portal whose signers get their certificates elsewhere."""
    made, authority = Portal.start(tmp_path), OutsideAuthority("Outside CA")
    rig = made.sam.rig
    rig.sam.close()
    (tmp_path / "anchors.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    ca = rig.config.ca.model_copy(update={"signers": "outside", "outside_anchors": tmp_path / "anchors.pem"})
    rig.config = rig.config.model_copy(update={"ca": ca})
    rig.sam = open_sam(rig.config, stop=rig.stopped.append)
    yield made, authority
    made.stop()


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_key_waits_everywhere_and_an_officer_installs_its_certificate(
    outside: tuple[Portal, OutsideAuthority], form: str
) -> None:
    portal, authority = outside
    officer = portal.enrol_officer()
    signer = portal.enrol(officer, common_name="Dora", email="dora@example.jp")
    key = key_of(signer)
    assert (key["state"], key["certificate"], key["acts"]) == ("pre-active", None, ["destroy"])
    request = x509.load_pem_x509_csr(key["certificate_request"].encode())
    document = signer.post_bytes(PDF + b"too early", "a.pdf")["id"]
    for path in ("/keys", f"/documents/{document}", f"/keys/{key['key_id']}/destroy"):
        assert signer.download(path)
    for path in ("/officer/keys", f"/officer/keys/{key['key_id']}"):
        assert "Dora" in officer.download(path).decode()
    issued = authority.issue(request.public_bytes(Encoding.DER))
    files = [authority.der, issued]
    if form == "pem":
        text = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in files]
        files = [b"Bag Attributes\n" + b"".join(text)]
    path = for_officers(signer)
    foreign = OutsideAuthority("Foreign CA").issue(request.public_bytes(Encoding.DER))
    wrong = {"act": "install-certificate", "certificates": [base64url.encode(foreign)]}
    assert refusal(officer._http, path, wrong) == (422, "certificate_not_accepted")
    done = do(officer, "install-certificate", path=path, certificates=[base64url.encode(content) for content in files])
    assert (done["key"]["state"], done["key"]["certificate"]["issuer"]) == ("active", "CN=Outside CA")
    signer.sign(document)


# --- What strangers try ----------------------------------------------------------------------------------------------


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
