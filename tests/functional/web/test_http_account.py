"""The account page: what signs a person in, where they are signed in, and ending that, over HTTP."""

import pytest

from natsuin.cli.demo.visitor import Visitor
from rigs.portal import Portal, cookie_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
HTML = {"Accept": "text/html"}


def at_another_browser(portal: Portal, person: Visitor, user_agent: str) -> Visitor:
    visitor = portal.visitor()
    visitor.device = person.device
    visitor._http.headers["user-agent"] = user_agent
    visitor.sign_in()
    return visitor


@pytest.fixture(scope="module")
def carols(portal: Portal, officer: Visitor) -> Visitor:
    """Somebody who enrolled: one person for all tests here, since enrolments are throttled."""
    return portal.enrol(officer, common_name="Accounta", email="accounta@example.jp")


@pytest.fixture
def carol(portal: Portal, carols: Visitor) -> Visitor:
    """The same person, signed in at one browser only."""
    visitor = at_another_browser(portal, carols, "natsuin-test")
    assert visitor._http.post("/api/account/end-other-sessions", json={}).status_code == 204
    return visitor


def status_of(visitor: Visitor, path: str, body: dict) -> int:
    return visitor._http.post(path, json=body).status_code


def test_a_person_sees_passkeys_and_sessions(portal: Portal, carol: Visitor) -> None:
    other = at_another_browser(portal, carol, FIREFOX)
    account = other.get("/api/account")
    (passkey,) = account["passkeys"]
    assert (passkey["level"], passkey["synced"], passkey["name"]) == (3, False, "")
    assert passkey["added_at"] <= passkey["last_used_at"]
    newest, first = account["sessions"]
    assert (newest["browser"], newest["address"], newest["mine"]) == ("Firefox, Linux", "127.0.0.1", True)
    assert first["mine"] is False
    assert newest["created_at"] < newest["expires_at"]
    page = other._http.get("/account", headers=HTML).text
    assert "Firefox, Linux" in page
    assert "127.0.0.1" in page
    assert cookie_of(other) not in page


def test_every_role_has_an_account_page(officer: Visitor, auditor: Visitor, alice: Visitor) -> None:
    for visitor in (officer, auditor, alice):
        assert "this browser" in visitor._http.get("/account", headers=HTML).text
        assert len(visitor.get("/api/account")["passkeys"]) == 1


def test_what_a_browser_says_of_itself_is_not_repeated(portal: Portal, carol: Visitor) -> None:
    crafted = at_another_browser(portal, carol, "<script>Edg Windows</script>" * 40)
    assert crafted.get("/api/account")["sessions"][0]["browser"] == "Edge, Windows"
    unknown = at_another_browser(portal, carol, "curl/8")
    assert unknown.get("/api/account")["sessions"][0]["browser"] == ""


def test_ending_one_session_ends_it_at_once(portal: Portal, carol: Visitor) -> None:
    other = at_another_browser(portal, carol, EDGE)
    assert other.get("/api/me")["display_name"] == "Accounta"
    (theirs,) = [one for one in carol.get("/api/account")["sessions"] if not one["mine"]]
    assert status_of(carol, f"/api/account/sessions/{theirs['session_id']}/end", {}) == 204
    assert other._http.get("/api/me").status_code == 401
    assert status_of(carol, f"/api/account/sessions/{theirs['session_id']}/end", {}) == 404
    assert carol.get("/api/me")["display_name"] == "Accounta"


def test_ending_all_others_leaves_the_one_that_asks(portal: Portal, carol: Visitor, bob: Visitor) -> None:
    others = [at_another_browser(portal, carol, EDGE) for _ in range(3)]
    assert [one.get("/api/me")["level"] for one in others] == [3, 3, 3]
    assert status_of(carol, "/api/account/end-other-sessions", {}) == 204
    assert [one._http.get("/api/me").status_code for one in others] == [401, 401, 401]
    assert [one["mine"] for one in carol.get("/api/account")["sessions"]] == [True]
    assert bob.get("/api/me")["display_name"] == "Bob"


def test_ending_ones_own_session_signs_out(carol: Visitor) -> None:
    (mine,) = carol.get("/api/account")["sessions"]
    answer = carol._http.post(f"/api/account/sessions/{mine['session_id']}/end", json={})
    assert answer.status_code == 204
    assert "natsuin_session=" in answer.headers["set-cookie"]
    assert carol._http.get("/api/me").status_code == 401


def test_nobody_ends_or_names_what_is_somebody_elses(carol: Visitor, bob: Visitor) -> None:
    account = carol.get("/api/account")
    session_id, passkey = account["sessions"][0]["session_id"], account["passkeys"][0]["credential_id"]
    assert status_of(bob, f"/api/account/sessions/{session_id}/end", {}) == 404
    assert status_of(bob, "/api/account/passkey-name", {"credential_id": passkey, "name": "mine"}) == 404
    assert carol.get("/api/account")["passkeys"][0]["name"] == ""


def test_a_passkey_gets_a_name(carol: Visitor) -> None:
    passkey = carol.get("/api/account")["passkeys"][0]["credential_id"]
    named = {"credential_id": passkey, "name": " 仕事用 <b>鍵</b> "}
    assert carol.post("/api/account/passkey-name", named) == {"name": "仕事用 <b>鍵</b>"}
    page = carol._http.get("/account", headers=HTML).text
    assert "仕事用 &lt;b&gt;鍵&lt;/b&gt;" in page
    assert "<b>" not in page
    for wrong in ("x" * 61, "a\nb", "a\u202eb", "a\u0000"):
        assert status_of(carol, "/api/account/passkey-name", {"credential_id": passkey, "name": wrong}) in (400, 422)


def test_the_sessions_id_opens_nothing(portal: Portal, carol: Visitor) -> None:
    session_id = carol.get("/api/account")["sessions"][0]["session_id"]
    with portal.client(Cookie=f"natsuin_session={session_id}") as thief:
        assert thief.get("/api/me").status_code == 401


def test_a_signer_chooses_what_to_be_told_of(carol: Visitor, officer: Visitor) -> None:
    assert carol.get("/api/account")["notices"] == {"told": False, "use_can_be_told": True, "of_use": True}
    assert carol.post("/api/account/notices", {"of_use": False}) == {"of_use": False}
    assert carol.get("/api/account")["notices"]["of_use"] is False
    assert carol.post("/api/account/notices", {"of_use": True}) == {"of_use": True}
    assert carol.get("/api/account")["notices"]["of_use"] is True
    assert "This service sends no notices." in carol._http.get("/account", headers=HTML).text
    assert status_of(carol, "/api/account/notices", {"of_use": "no"}) == 400
    assert status_of(officer, "/api/account/notices", {"of_use": False}) == 403
