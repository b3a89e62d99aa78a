"""The wish for a key that lives in the token is taken only where there is one; the rest is in
`tests/functional/test_resident_keys.py`."""

from natsuin.cli.demo.visitor import Visitor
from rigs.portal import PERSON


def test_a_server_without_a_token_neither_offers_nor_takes_the_wish(officer: Visitor) -> None:
    assert 'id="resident"' not in officer._http.get("/officer").text
    refused = officer._http.post("/api/officer/people", json={**PERSON, "resident": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "resident_not_offered")


def test_without_the_wish_the_record_says_so(officer: Visitor) -> None:
    assert '"resident":false' in officer.post("/api/officer/people", PERSON)["record"]
