"""Withdrawn invitations, ended accounts and erased data, by HTTP and in DB-1."""

import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from natsuin import base64url
from natsuin.cli.demo.encoding import challenge_of
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from rigs.portal import PDF, PERSON, PIN, Portal

URL = "/api/officer/people"
LEFT = {"act": "end-person", "reason": "affiliationChanged", "note": "left in spring"}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One of this file's own: so many enrolments from one address would leave the other tests none."""
    started = Portal.start(tmp_path_factory.mktemp("leaving"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def officer(portal: Portal) -> Visitor:
    return portal.enrol_officer()


def approve(officer: Visitor, act: dict[str, Any]) -> dict[str, Any]:
    assert base64url.decode(act["publicKey"]["challenge"]) == challenge_of(act["record"].encode())
    path = f"/api/officer/person-acts/{act['act_id']}/approval"
    return officer.post(path, {"credential": officer.device.get(act["publicKey"])})


def decide(officer: Visitor, user_id: str, **wish: Any) -> dict[str, Any]:
    return approve(officer, officer.post(f"{URL}/{user_id}/acts", wish))


def refusal(visitor: Visitor, path: str, body: dict[str, Any]) -> tuple[int, str]:
    answer = visitor._http.post(path, json=body)
    return answer.status_code, answer.json()["code"]


def a_name() -> str:
    """A name that no other test has; letters only, so that it is one word."""
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:20])


def found(officer: Visitor, words: str) -> list[str]:
    return [one["user_id"] for one in officer._http.get(URL, params={"words": words}).json()["people"]]


def rows(portal: Portal) -> sqlite3.Connection:
    return sqlite3.connect(portal.config.web.database.removeprefix("sqlite:///"))


def signer_of(portal: Portal, officer: Visitor, **wishes: Any) -> tuple[Visitor, str]:
    signer = portal.enrol(officer, **{"common_name": a_name(), **wishes})
    signer.sign_in()
    return signer, signer.get("/api/me")["user_id"]


def state_of(officer: Visitor, user_id: str) -> str:
    return str(officer.get(f"{URL}/{user_id}")["person"]["state"])


def test_a_withdrawn_link_says_so_and_the_page_offers_to_erase(portal: Portal, officer: Visitor) -> None:
    name = a_name()
    link = officer.invite({**PERSON, "common_name": name})
    (user_id,) = found(officer, name)
    assert "Withdraw the invitation" in officer._http.get(f"/officer/people/{user_id}").text
    assert officer._http.get(f"/officer/people/{user_id}/withdraw-invitation").status_code == 200
    decide(officer, user_id, act="withdraw-invitation")
    assert state_of(officer, user_id) == "withdrawn"
    opening = {"token": link.partition("#")[2]}
    assert refusal(portal.visitor(), "/api/enrol/open", opening) == (410, "invitation_withdrawn")
    with pytest.raises(ServerRefused, match="withdrawn"):
        portal.visitor().enrol(link, PIN)
    page = officer._http.get(f"/officer/people/{user_id}").text
    assert "Erase the personal data" in page
    assert "Withdraw the invitation</a>" not in page


def test_who_left_is_out_at_once_and_does_not_come_back(portal: Portal, officer: Visitor) -> None:
    signer, user_id = signer_of(portal, officer)
    assert decide(officer, user_id, **LEFT)["ended_keys"]
    assert signer._http.get("/api/me").status_code == 401
    with pytest.raises(ServerRefused):
        signer.sign_in()
    told = officer.get(f"{URL}/{user_id}")
    assert told["person"]["state"] == "ended"
    assert [key["state"] for key in told["keys"]] == ["revoked"]
    newest = told["history"][0]
    assert (newest["kind"], newest["by_user_id"]) == ("ended", officer.get("/api/me")["user_id"])
    assert refusal(officer, f"{URL}/{user_id}/acts", LEFT) == (409, "person_ended")


def test_a_register_that_missed_the_end_follows_when_it_is_asked_again(portal: Portal, officer: Visitor) -> None:
    """web died between sam's answer and its own row."""
    signer, user_id = signer_of(portal, officer)
    with rows(portal) as database:
        kept = database.execute("SELECT * FROM passkey WHERE user_id = ?", (user_id,)).fetchall()
    decide(officer, user_id, **LEFT)
    with rows(portal) as database:
        database.execute("UPDATE registration SET state = 'enrolled' WHERE user_id = ?", (user_id,))
        database.executemany("INSERT INTO passkey VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", kept)
    signer.sign_in()
    with pytest.raises(ServerRefused):
        officer.post(f"{URL}/{user_id}/acts", LEFT)
    assert state_of(officer, user_id) == "ended"
    assert signer._http.get("/api/me").status_code == 401


def test_erasing_leaves_no_word_of_the_person_in_the_database(portal: Portal, officer: Visitor) -> None:
    name, kana, reference = a_name(), a_name(), a_name()
    evidence = {"kind": "passport", "reference": reference, "level": 2}
    wishes = {"common_name": name, "name_kana": kana, "email": f"{name}@example.jp", "evidence": evidence}
    signer, user_id = signer_of(portal, officer, **wishes)
    signer.post_bytes(PDF, f"contract of {name}.pdf")
    assert refusal(officer, f"{URL}/{user_id}/erasure", {})[0] == 409
    decide(officer, user_id, **LEFT)
    officer.post(f"{URL}/{user_id}/erasure", {})
    told = officer.get(f"{URL}/{user_id}")
    assert told["person"]["state"] == "erased"
    assert (told["person"]["evidence_level"], told["history"][0]["kind"]) == (2, "erased")
    assert found(officer, name) == []
    assert name not in officer._http.get(f"/officer/people/{user_id}").text
    with rows(portal) as database:
        dump = "\n".join(database.iterdump())
    for word in (name, kana, reference):
        assert word not in dump
        assert word.encode().hex() not in dump.lower()
    assert refusal(officer, f"{URL}/{user_id}/erasure", {})[0] == 409


def test_only_the_proposers_passkey_decides(portal: Portal, officer: Visitor) -> None:
    signer, user_id = signer_of(portal, officer)
    act = officer.post(f"{URL}/{user_id}/acts", LEFT)
    act["publicKey"].pop("allowCredentials")
    path, body = (
        f"/api/officer/person-acts/{act['act_id']}/approval",
        {"credential": signer.device.get(act["publicKey"])},
    )
    assert refusal(officer, path, body) == (403, "approval_refused")
    assert state_of(officer, user_id) == "enrolled"
    for path in (f"{URL}/{user_id}/acts", f"{URL}/{user_id}/erasure"):
        assert signer._http.post(path, json=LEFT).status_code == 403


@pytest.mark.parametrize(
    "wish",
    [
        {"act": "end-person"},
        {"act": "end-person", "reason": "certificateHold"},
        {"act": "erase"},
        {"act": "withdraw-invitation", "reason": "unspecified"},
        {"act": "end-person", "reason": "unspecified", "note": "\N{RIGHT-TO-LEFT OVERRIDE}"},
        {"act": "end-person", "reason": "unspecified", "more": 1},
    ],
)
def test_bad_wishes_change_nothing(officer: Visitor, wish: dict[str, Any]) -> None:
    name = a_name()
    officer.invite({**PERSON, "common_name": name})
    (user_id,) = found(officer, name)
    assert officer._http.post(f"{URL}/{user_id}/acts", json=wish).status_code == 400
    assert state_of(officer, user_id) == "invited"


def test_nobody_is_no_person(officer: Visitor) -> None:
    assert officer._http.post(f"{URL}/nobody/acts", json=LEFT).status_code == 404
    assert officer._http.post(f"{URL}/nobody/erasure", json={}).status_code == 404
    assert officer._http.get("/officer/people/nobody/erase").status_code == 404
