"""Signing in and out: the ceremony, the cookie, and what an attacker tries with either."""

import re

import pytest

from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.visitor import Visitor
from natsuin.errors import Refused
from rigs.portal import cookie_of
from rigs.web_side import ORIGIN


def sign_in(visitor: Visitor, credential: object) -> "object":
    return visitor._http.post("/api/login", json={"credential": credential})


@pytest.fixture
def returning(portal, alice) -> Visitor:
    """Alice's device at a browser that is not signed in."""
    visitor = portal.visitor()
    visitor.device = alice.device
    return visitor


def test_a_passkey_signs_in(returning):
    options = returning.post("/api/login/options", {})["publicKey"]
    assert options["userVerification"] == "required"
    assert options["allowCredentials"] == []
    answer = sign_in(returning, returning.device.get(options))
    assert answer.json()["display_name"] == "Alice"
    assert answer.json()["roles"] == ["signer"]
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"natsuin_session=[\w-]{43}; HttpOnly; Path=/; SameSite=strict", cookie)
    assert returning.get("/api/me")["level"] == 3


def test_a_challenge_is_good_once(returning):
    options = returning.post("/api/login/options", {})["publicKey"]
    credential = returning.device.get(options)
    assert sign_in(returning, credential).status_code == 200
    assert sign_in(returning, credential).status_code == 401
    assert sign_in(returning, returning.device.get(options)).status_code == 401


def test_begun_sign_ins_are_kept_nowhere(portal, returning, monkeypatch):
    """Begun and never finished, which costs a stranger nothing: nothing is written, so nothing can fill up."""

    def written(*_):
        raise AssertionError("a begun sign-in was written down")

    with monkeypatch.context() as patched:
        patched.setattr(portal.database, "write", written)
        given = {returning.post("/api/login/options", {})["publicKey"]["challenge"] for _ in range(400)}
        options = returning.post("/api/login/options", {})["publicKey"]
    assert len(given) == 400
    assert sign_in(returning, returning.device.get(options)).status_code == 200


def test_a_challenge_stays_good_after_a_wrong_answer(returning):
    """A wrong answer proves nothing, so a stranger who guesses or sees a challenge cannot spoil it."""
    options = returning.post("/api/login/options", {})["publicKey"]
    stranger = SoftwareAuthenticator(ORIGIN)
    stranger.create({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"})
    assert sign_in(returning, stranger.get(options)).status_code == 401
    assert sign_in(returning, returning.device.get(options)).status_code == 200
    assert sign_in(returning, returning.device.get(options)).status_code == 401


def test_every_failure_looks_the_same(returning):
    """Unknown passkey, other origin, no user verification, altered signature, made-up challenge: one answer."""
    stranger = SoftwareAuthenticator(ORIGIN)
    stranger.create({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"})

    def options() -> dict:
        return returning.post("/api/login/options", {})["publicKey"]

    elsewhere = SoftwareAuthenticator("https://evil.example", _held=returning.device._held)
    careless = SoftwareAuthenticator(ORIGIN, user_verified=False, _held=returning.device._held)
    altered = returning.device.get(options())
    altered["response"] = {**altered["response"], "signature": stranger.get(options())["response"]["signature"]}
    failures = [
        stranger.get(options()),
        elsewhere.get(options()),
        careless.get(options()),
        altered,
        returning.device.get({"rpId": "localhost", "challenge": "A" * 43}),
    ]
    told = []
    for credential in failures:
        answer = sign_in(returning, credential)
        problem = answer.json()
        problem.pop("request_id")
        told.append((answer.status_code, problem, "set-cookie" in answer.headers))
    assert all(one == told[0] for one in told)
    assert told[0][0] == 401
    assert told[0][1]["code"] == "sign_in_failed"


def test_a_session_is_never_adopted(portal, returning):
    """Fixation: a cookie that was there before signing in stays worthless, and an earlier session ends."""
    returning._http.cookies.set("natsuin_session", "F" * 43, domain="127.0.0.1")
    options = returning.post("/api/login/options", {})["publicKey"]
    assert sign_in(returning, returning.device.get(options)).status_code == 200
    first = [cookie.value for cookie in returning._http.cookies.jar if cookie.value != "F" * 43][-1]
    with portal.client(Cookie="natsuin_session=" + "F" * 43) as attacker:
        assert attacker.get("/api/me").status_code == 401
    again = portal.visitor()
    again.device = returning.device
    again._http.cookies.set("natsuin_session", first, domain="127.0.0.1")
    options = again.post("/api/login/options", {})["publicKey"]
    assert sign_in(again, again.device.get(options)).status_code == 200
    with portal.client(Cookie=f"natsuin_session={first}") as old:
        assert old.get("/api/me").status_code == 401


def test_signing_out_ends_the_session_at_once(portal, returning):
    returning.sign_in()
    cookie = cookie_of(returning)
    assert returning.get("/api/me")["display_name"] == "Alice"
    answer = returning._http.post("/api/logout", json={})
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    with portal.client(Cookie=f"natsuin_session={cookie}") as thief:
        assert thief.get("/api/me").status_code == 401


def test_a_stolen_cookie_signs_nothing(portal, alice):
    """R16: a session may ask for an instruction; without passkey and PIN there is no signature."""
    from rigs.portal import PDF, approval_of

    document_id = alice.post_bytes(PDF + b"stolen", "stolen.pdf")["id"]
    thief = portal.visitor()
    thief._http.cookies.set("natsuin_session", cookie_of(alice), domain="127.0.0.1")
    thief.pin = "123-guess"
    thief.device.create({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"})
    made = thief.post(f"/api/documents/{document_id}/instruction", {})
    made["publicKey"]["allowCredentials"] = []
    answer = thief._http.post(f"/api/instructions/{made['instruction_id']}/approval", json=approval_of(thief, made))
    assert answer.status_code == 403
    assert answer.json()["code"] == "approval_refused"
    assert alice.get(f"/api/documents/{document_id}")["state"] == "waiting"


def test_a_repeated_enrolment_opens_no_session(portal, officer):
    """Whoever saw the request and sends it again is not signed in; the person is, by the passkey."""
    from rigs.portal import PERSON

    visitor, sent = portal.visitor(), []
    post = visitor.post

    def remembering(path, body):
        sent.append((path, body))
        return post(path, body)

    visitor.post = remembering
    visitor.enrol(officer.invite({**PERSON, "common_name": "Erin"}), "erin-pin-77")
    path, body = sent[-1]
    with portal.client() as thief:
        answer = thief.post(path, json=body)
        assert (answer.status_code, answer.json()["signed_in"]) == (200, False)
        assert "set-cookie" not in answer.headers
        assert thief.get("/api/me").status_code == 401
    visitor.sign_in()
    assert visitor.get("/api/me")["display_name"] == "Erin"


def test_failures_of_one_passkey_do_not_lock_out_others_at_the_same_address(portal, returning):
    stranger = SoftwareAuthenticator(ORIGIN)
    stranger.create({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"})
    answers = []
    for _ in range(11):
        credential = stranger.get({"rpId": "localhost", "challenge": "A" * 43})
        answers.append(sign_in(returning, credential).status_code)
    assert answers == [401] * 10 + [429]
    returning.sign_in()
    assert returning.get("/api/me")["display_name"] == "Alice"


def test_the_officers_link_is_good_once(portal, officer):
    visitor = portal.visitor()
    with pytest.raises(Refused):
        visitor.register_as_officer(portal.sam.rig.token)


def test_names_that_deceive_the_eye_are_refused(officer):
    """I09: overrides and invisible characters are refused; rare kanji are kept as they are."""
    from rigs.portal import PERSON

    for name in ("Ali\u202ece", "Ali\u200bce", "Ali\u0000ce", "\ue000", "  "):
        answer = officer._http.post("/api/officer/people", json={**PERSON, "common_name": name})
        assert answer.status_code == 400, name
    act = officer.post("/api/officer/people", {**PERSON, "common_name": "𠮷野 花子"})
    assert "𠮷野 花子" in act["record"]


def test_the_register_shows_each_state(portal, officer, alice):
    from rigs.portal import PERSON

    officer.post("/api/officer/people", {**PERSON, "common_name": "Carol"})
    officer.invite({**PERSON, "common_name": "Dave"})
    listed = {person["common_name"]: person["state"] for person in officer.get("/api/officer/people")["people"]}
    assert (listed["Alice"], listed["Carol"], listed["Dave"]) == ("enrolled", "proposed", "invited")
    assert "Dave" in officer._http.get("/officer").text


def test_nothing_secret_is_logged(portal, officer, logged):
    """A06: tokens, cookies, names and PINs of a whole enrolment and signature, searched in what the process wrote."""
    from rigs.portal import PDF, PERSON

    url = officer.invite({**PERSON, "common_name": "Canary-Name", "email": "canary@example.jp"})
    visitor = portal.visitor()
    visitor.enrol(url, "canary-pin-77")
    visitor.sign(visitor.post_bytes(PDF + b"canary", "canary-file.pdf")["id"])
    written = logged()
    assert '"event": "request"' in written
    for secret in (url.split("#")[1], cookie_of(visitor), "Canary-Name", "canary@", "canary-pin", "canary-file"):
        assert secret not in written
