"""A lost passkey over HTTP: what officers, the person and everybody else can do by the portal."""

from typing import Any

import pytest
import sqlalchemy as sa

from natsuin.authentication.tables import passkey
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from rigs.key_acts import refusal
from rigs.passkey_office import EVIDENCE, Office, approve, begin, cancel, completion, propose, token_of
from rigs.portal import PDF
from rigs.web_side import PIN

BANNER = "data-replacement-banner"


def test_the_whole_way(office: Office) -> None:
    person = office.person()
    old = person.browser.device
    step = begin(office, person)
    assert step["replacement"]["state"] == "waiting"
    waiting = person.browser.post("/api/replace/open", {"token": token_of(step["link"])})
    assert (waiting["waited"], waiting["challenge"], waiting["publicKey"]) == (False, "", None)
    office.wait()
    stays = office.portal.visitor()
    stays.device = old
    stays.sign_in()
    guest = office.portal.visitor()
    guest.pin = PIN
    done = guest.post("/api/replace/complete", completion(guest, step["link"]))
    assert [key["state"] for key in done["keys"]] == ["active"]
    # Every session ended, the lost passkey signs nobody in, the new one does and signs.
    with pytest.raises(ServerRefused):
        stays.get("/api/me")
    with pytest.raises(ServerRefused):
        stays.sign_in()
    guest.sign_in()
    guest.sign(guest.post_bytes(PDF + b"again", "a.pdf")["id"])
    assert refusal(office.portal.client(), "/api/replace/open", {"token": token_of(step["link"])}) == (
        409,
        "replacement_over",
    )


def test_the_same_completion_again_changes_nothing(office: Office) -> None:
    person = office.person()
    step = begin(office, person)
    office.wait()
    guest = office.portal.visitor()
    body = completion(guest, step["link"])
    first = guest.post("/api/replace/complete", body)
    assert guest.post("/api/replace/complete", body) == first
    with office.portal.database.read() as connection:
        kept = sa.select(sa.func.count()).where(passkey.c.user_id == first["user_id"])
        assert connection.execute(kept).scalar() == 1


def test_the_banner_is_on_every_page_until_it_is_cancelled(office: Office) -> None:
    person = office.person()
    pages = ("/", "/keys", "/documents", "/history", "/help/limits", "/verify")
    assert not any(BANNER in person.browser.download(page).decode() for page in pages)
    step = begin(office, person)
    for page in pages:
        assert BANNER in person.browser.download(page).decode(), page
    assert BANNER not in office.officers[0].download("/officer").decode()
    own = person.browser.download("/replacement").decode()
    assert step["replacement"]["act_id"] in own
    assert cancel(person.browser, step["replacement"]["act_id"]) == {"state": "cancelled"}
    assert not any(BANNER in person.browser.download(page).decode() for page in pages)
    office.wait()
    assert refusal(office.portal.client(), "/api/replace/open", {"token": token_of(step["link"])})[0] == 409


def test_any_officer_cancels_and_a_stranger_finds_nothing(office: Office) -> None:
    person, stranger = office.person(), office.person()
    act_id = begin(office, person)["replacement"]["act_id"]
    for path in (f"/api/replacements/{act_id}/cancel", f"/api/replacements/{act_id}/cancellation"):
        body = {} if path.endswith("cancel") else {"credential": assertion_for(stranger.browser)}
        assert refusal(stranger.browser._http, path, body) == (404, "not_found")
    # Nor does it help to bring a stranger's answer by the person's own session.
    assert refusal(
        person.browser._http,
        f"/api/replacements/{act_id}/cancellation",
        {"credential": assertion_for(stranger.browser)},
    ) == (403, "approval_refused")
    assert cancel(office.officers[1], act_id) == {"state": "cancelled"}


def test_the_queue_names_who_waits_for_whom(office: Office) -> None:
    person = office.person()
    act = propose(office.officers[0], person.user_id)
    queue = office.officers[1].get("/api/officer/replacements")["replacements"]
    assert act["act_id"] not in {one["act_id"] for one in queue}
    approve(office.officers[0], act)
    (one,) = (
        one
        for one in office.officers[1].get("/api/officer/replacements")["replacements"]
        if one["act_id"] == act["act_id"]
    )
    assert (one["state"], one["email"], one["evidence_reference"]) == ("proposed", person.email, EVIDENCE["reference"])
    assert "data-review" in office.officers[1].download(f"/officer/replacements/{act['act_id']}").decode()
    assert "data-review" not in office.officers[0].download(f"/officer/replacements/{act['act_id']}").decode()
    approve(office.officers[1], office.officers[1].post(f"/api/officer/replacements/{act['act_id']}/review", {}))
    page = office.officers[1].download("/officer/replacements").decode()
    assert "3 days" in page


def test_one_officer_is_not_two(office: Office) -> None:
    person = office.person()
    act = propose(office.officers[0], person.user_id)
    approve(office.officers[0], act)
    with pytest.raises(ServerRefused):
        approve(office.officers[0], act)
    assert refusal(office.officers[0]._http, f"/api/officer/replacements/{act['act_id']}/review", {})[0] == 403


def test_a_web_that_claims_the_time_is_over_gains_nothing(office: Office) -> None:
    """Everything that DB-1 knows of it, and the browser's own clock, count for nothing."""
    person = office.person()
    step = begin(office, person)
    guest = office.portal.visitor()
    opened = guest.post("/api/replace/open", {"token": token_of(step["link"])})
    with office.portal.database.write() as connection:
        connection.execute(sa.text("UPDATE notice_delivery SET moment = 1, event = 'replacement-ready', next_at = 1"))
    office.wait(3600)
    again = guest.post("/api/replace/open", {"token": token_of(step["link"])})
    assert (again["waited"], again["ends_waiting_at"]) == (False, opened["ends_waiting_at"])


def test_links_are_guessed_slowly(office: Office) -> None:
    with office.portal.client(X_Forwarded_For="198.51.100.9") as guesser:
        answers = {refusal(guesser, "/api/replace/open", {"token": f"{number:043d}"}) for number in range(40)}
    assert answers == {(404, "replacement_unknown"), (429, "too_many_attempts")}


def assertion_for(visitor: Visitor) -> dict[str, Any]:
    """An answer of this person's passkey to something else."""
    return visitor.device.get({"rpId": "localhost", "challenge": "A" * 43})
