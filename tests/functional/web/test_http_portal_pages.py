"""The portal's pages as a browser gets them: what they say, to whom, and where they lead."""

import re

import pytest

from natsuin.cli.demo.visitor import Visitor
from rigs.portal import PDF, PERSON, Portal

HTML = {"Accept": "text/html"}


def test_a_page_for_the_signed_in_leads_to_signing_in_and_back(portal: Portal) -> None:
    with portal.client() as stranger:
        answer = stranger.get("/history", headers=HTML)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?next=/history")
        page = stranger.get("/?next=/history", headers=HTML).text
        assert 'data-next="/history"' in page
        assert "lang=ja&amp;next=/history" in page


@pytest.mark.parametrize(
    "next_page", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_way_back_leads_nowhere_else(portal: Portal, next_page: str) -> None:
    with portal.client() as stranger:
        page = stranger.get("/", params={"next": next_page}, headers=HTML).text
    assert 'data-next="/"' in page
    assert "evil.example" not in page
    assert "alert(1)" not in page


def test_the_history_is_paged_and_names_documents(portal: Portal, officer: Visitor, bob: Visitor) -> None:
    signer = portal.enrol(officer, common_name="Historia", email="historia@example.jp")
    for number in range(14):
        signer.sign(signer.post_bytes(PDF, f"paper {number}.pdf")["id"])
    first = signer._http.get("/history", headers=HTML).text
    assert "paper 13.pdf" in first
    assert "paper 0.pdf" not in first
    assert signer.get("/api/keys")["keys"][0]["key_id"] in first, "which key it was"
    older = re.search(r'href="(/history\?before=\d+)"', first)
    assert older is not None
    second = signer._http.get(older[1], headers=HTML).text
    assert "paper 0.pdf" in second
    assert "Registered by an officer" in second
    for nonsense in ("-1", "x", "9" * 40, "1;2"):
        assert signer._http.get("/history", params={"before": nonsense}, headers=HTML).status_code == 200
    assert "paper" not in bob._http.get("/history", headers=HTML).text


def test_the_history_survives_the_removal_of_a_document_by_its_name(portal: Portal, officer: Visitor) -> None:
    signer = portal.enrol(officer, common_name="Remover", email="remover@example.jp")
    document_id = signer.post_bytes(PDF, "gone.pdf")["id"]
    signer.sign(document_id)
    assert signer._http.delete(f"/api/documents/{document_id}").status_code == 204
    page = signer._http.get("/history", headers=HTML).text
    assert document_id not in page
    assert "Signed" in page


def test_everybody_finds_what_to_check_with(portal: Portal) -> None:
    with portal.client() as stranger:
        page = stranger.get("/help/check", headers=HTML).text
        vkey = stranger.get("/api/service").json()["log_vkey"]
        assert stranger.get("/", headers=HTML).text.count('href="/help/check"') == 1
    assert vkey.replace("+", "&#43;") in page or vkey in page


def test_each_link_that_does_not_open_says_why(portal: Portal, officer: Visitor) -> None:
    """That an expired one says so is shown in test_bad_input_approvals.py, where the clock can be turned."""
    token = officer.invite({**PERSON, "email": "used@example.jp"}).partition("#")[2]
    portal.visitor().enrol(f"http://localhost/enrol#{token}", "correct horse 7")
    with portal.client() as anybody:
        used = anybody.post("/api/enrol/open", json={"token": token})
        unknown = anybody.post("/api/enrol/open", json={"token": "x" * 43})
        officers = anybody.post("/api/officer/invitation", json={"token": portal.sam.rig.token})
    assert (used.status_code, used.json()["code"]) == (409, "invitation_used")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "invitation_unknown")
    assert (officers.status_code, officers.json()["code"]) == (409, "invitation_used")
