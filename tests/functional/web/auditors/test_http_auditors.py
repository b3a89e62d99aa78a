"""The auditor's pages and API: for auditors alone, with a reading alone, and each answer is an entry of the log."""

import csv
import io
import json
import re
import time
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from natsuin.cli.demo.visitor import Visitor
from natsuin.sam import protocol as p
from natsuin.signing_log import LogDamaged
from natsuin.user_management.tables import person
from rigs.auditors import committed
from rigs.portal import Portal

PAGES = ("/auditor/log", "/auditor/activity")
FILES = ("/api/auditor/entries.csv", "/api/auditor/entries.jsonl")
BODIES: dict[str, dict[str, Any]] = {
    "/api/auditor/readings": {"purpose": "x"},
    "/api/auditor/readings/end": {},
    "/api/auditor/openings": {"indices": [0]},
}


def page_of(visitor: Visitor, path: str, status: int = 200) -> str:
    answer = visitor._http.get(path, headers={"accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == status, answer.text
    return answer.text


def entries(portal: Portal) -> list[dict[str, Any]]:
    return [json.loads(leaf) for _, leaf in portal.sam.rig.sam.log.entries()]


def indices_of(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'<th scope="row" class="number"><span class="figures">(\d+)<', text)]


# --- Who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/auditor", *PAGES, *FILES])
def test_only_an_auditor_gets_a_page_or_a_file(
    portal: Portal, officer: Visitor, alice: Visitor, hanako: Visitor, path: str
) -> None:
    for visitor in (officer, alice):
        assert visitor._http.get(path).status_code == 403
    with portal.client() as stranger:
        assert stranger.get(path, follow_redirects=False).status_code == (401 if path.startswith("/api/") else 303)
    # What an auditor gets without a reading is in the tests below.
    assert hanako._http.get("/auditor").status_code == 200


@pytest.mark.parametrize("path", BODIES)
def test_only_an_auditor_asks_for_a_reading_or_an_opening(
    portal: Portal, officer: Visitor, alice: Visitor, path: str
) -> None:
    size = portal.sam.rig.sam.log.size
    for visitor in (officer, alice):
        assert visitor._http.post(path, json=BODIES[path]).status_code == 403
    assert portal.sam.rig.sam.log.size == size


def test_an_account_with_another_role_beside_is_nobody(portal: Portal, auditor: Visitor) -> None:
    """Who edits web's database gets no role that sam did not give, and an auditor no second one."""
    user_id = auditor.get("/api/me")["user_id"]

    def roles(*names: str) -> None:
        with portal.database.write() as connection:
            connection.execute(sa.update(person).where(person.c.user_id == user_id).values(roles=list(names)))
        time.sleep(2.1)

    try:
        roles("auditor", "signer", "registration-officer")
        for path in (
            "/auditor/log",
            "/documents",
            "/officer",
            "/officer/keys",
            "/api/keys",
            "/api/auditor/entries.csv",
        ):
            assert auditor._http.get(path).status_code == 403, path
    finally:
        roles("auditor")
    assert auditor._http.get("/auditor/log").status_code == 200


def test_somebody_whom_web_calls_an_auditor_reads_nothing(portal: Portal, alice: Visitor, auditor: Visitor) -> None:
    """With the whole of web's database and an auditor's cookie: sam knows who Alice is not."""
    user_id = alice.get("/api/me")["user_id"]
    secret = auditor._http.cookies["natsuin_reading"]
    size = portal.sam.rig.sam.log.size

    def set_roles(*names: str) -> None:
        with portal.database.write() as connection:
            connection.execute(sa.update(person).where(person.c.user_id == user_id).values(roles=list(names)))
        time.sleep(2.1)

    set_roles("auditor")
    alice._http.cookies.set("natsuin_reading", secret)
    try:
        assert alice._http.post("/api/auditor/readings", json={"purpose": "x"}).status_code == 403
        assert alice._http.post("/api/auditor/openings", json={"indices": [0]}).status_code == 403
        for path in (*PAGES, *FILES):
            assert alice._http.get(path).status_code == 403, path
        assert portal.sam.rig.sam.log.size == size
    finally:
        alice._http.cookies.delete("natsuin_reading")
        set_roles("signer")


# --- With a reading, and without -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cookie", ["", "A" * 43, "not base64url!", "=" * 9, "é"])
def test_without_a_reading_there_is_the_page_that_begins_one(portal: Portal, hanako: Visitor, cookie: str) -> None:
    size = portal.sam.rig.sam.log.size
    with portal.client(
        Cookie=f"natsuin_session={hanako._http.cookies['natsuin_session']}; natsuin_reading={cookie}".encode()
    ) as client:  # type: ignore[arg-type]
        for path in PAGES:
            answer = client.get(path, headers={"accept": "text/html"})
            assert answer.status_code == 200
            assert "Begin a reading" in answer.text
            assert f'data-next="{path}' in answer.text
        for path in FILES:
            assert client.get(path).json()["code"] == "reading_over"
        answer = client.post("/api/auditor/openings", json={"indices": [0]})
        assert (answer.status_code, answer.json()["code"]) == (403, "reading_over")
    assert portal.sam.rig.sam.log.size == size


def test_a_page_is_one_entry_and_shows_the_log(portal: Portal, auditor: Visitor) -> None:
    size = portal.sam.rig.sam.log.size
    text = page_of(auditor, "/auditor/log")
    assert portal.sam.rig.sam.log.size == size + 1
    assert indices_of(text) == list(range(size - 1, max(-1, size - 51), -1))
    newest = entries(portal)[-1]
    assert (newest["type"], newest["reading"]) == ("audit-read", "search")
    assert f"Entry {size} of the log tells of this page." in text
    assert "Alice" not in text


def test_a_person_is_found_by_name_and_nothing_names_them(portal: Portal, alice: Visitor, auditor: Visitor) -> None:
    text = page_of(auditor, "/auditor/log?person=alice")
    kinds = re.findall(r'<span class="small soft">([a-z-]+)</span></td>', text)
    assert {"outcome", "intent", "approved", "key-created", "enrolment-approved"} == set(kinds)
    user_id = alice.get("/api/me")["user_id"]
    assert user_id not in text
    assert committed(portal.sam.rig, entries(portal)[-1])["query"]["user_ids"] == [user_id, "alice"]
    assert indices_of(page_of(auditor, f"/auditor/log?person={user_id}")) == indices_of(text)
    nobody = page_of(auditor, "/auditor/log?person=%E8%AA%B0%E3%82%82%E3%81%84%E3%81%AA%E3%81%84")
    assert "Nobody is known by this name." in nobody
    newest = committed(portal.sam.rig, entries(portal)[-1])
    assert (newest["query"], newest["count"]) == ({"user_ids": ["(no account of that name)"]}, 0)


def test_what_is_committed_to_comes_by_an_act_that_is_logged(portal: Portal, alice: Visitor, auditor: Visitor) -> None:
    created = next(index for index, entry in enumerate(entries(portal)) if entry["type"] == "key-created")
    answer = auditor.post("/api/auditor/openings", {"indices": [created]})
    (opening,) = answer["openings"]
    assert opening["fields"]["user"] == alice.get("/api/me")["user_id"]
    newest = entries(portal)[answer["noted"]]
    assert (newest["type"], newest["reading"]) == ("audit-read", "open")
    assert committed(portal.sam.rig, newest)["query"] == {"entries": [created]}


@pytest.mark.parametrize("indices", [[], [-1], [0] * 51, ["0"], [1.5], [2**60], None, {}])
def test_hostile_openings_are_refused(portal: Portal, auditor: Visitor, indices: Any) -> None:
    size = portal.sam.rig.sam.log.size
    assert auditor._http.post("/api/auditor/openings", json={"indices": indices}).status_code == 400
    assert portal.sam.rig.sam.log.size == size


@pytest.mark.parametrize(
    "query",
    [
        "first=9999-99-99&last=x&before=-1",
        "before=" + "9" * 400,
        "first=9999-12-31&last=9999-12-31",
        "first=0001-01-01",
        "kind=%00&key=%E2%80%AE&said=%0d%0aX-Evil:1",
        "kind=' OR 1=1 --&key=\")%3B DROP TABLE entry",
        "person=%25&said=" + "x" * 5000,
        "person=%ff%fe%00",
        "kind=a&kind=b&unknown=1&first=２０２６-０１-０１",
    ],
)
def test_hostile_addresses_give_a_page(auditor: Visitor, query: str) -> None:
    answer = auditor._http.get(f"/auditor/log?{query}", headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
    assert "Only entries below number" in answer.text
    assert auditor._http.get(f"/api/auditor/entries.csv?{query}").status_code in (200, 404)


def test_signing_out_takes_the_reading_along_and_ending_closes_it(portal: Portal, auditor: Visitor) -> None:
    secret = auditor._http.cookies["natsuin_reading"]
    auditor.post("/api/auditor/readings/end", {})
    auditor._http.cookies.set("natsuin_reading", secret)
    assert auditor._http.get(FILES[0]).json()["code"] == "reading_over"
    other = portal.visitor()
    other.device = auditor.device
    other.sign_in()
    other._http.cookies.set("natsuin_reading", "A" * 43)
    answer = other._http.post("/api/logout", json={})
    assert any(value.startswith('natsuin_reading="";') for value in answer.headers.get_list("set-cookie"))


def test_the_cookie_is_kept_from_scripts_and_other_sites(hanako: Visitor) -> None:
    act = hanako.post("/api/auditor/readings", {"purpose": "x"})
    answer = hanako._http.post(
        f"/api/auditor/readings/{act['act_id']}", json={"credential": hanako.device.get(act["publicKey"])}
    )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("natsuin_reading=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert set(answer.json()) == {"expires_at"}


# --- Files -----------------------------------------------------------------------------------------------------------


def test_a_file_has_what_was_found_and_is_logged(portal: Portal, auditor: Visitor) -> None:
    before = entries(portal)
    answer = auditor._http.get("/api/auditor/entries.jsonl?kind=outcome")
    assert answer.headers["content-disposition"].startswith("attachment;")
    lines = [json.loads(line) for line in answer.content.splitlines()]
    assert [line["entry"] for line in lines] == [entry for entry in before if entry["type"] == "outcome"][::-1]
    newest = entries(portal)[-1]
    assert (newest["type"], newest["reading"]) == ("audit-read", "jsonl")
    told = auditor._http.get("/api/auditor/entries.csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(told)))
    assert [json.loads(row["entry"]) for row in rows] == [*before, newest][::-1]
    assert rows[-1]["type"] == "genesis"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", rows[-1]["time"])
    assert auditor._http.get("/api/auditor/entries.xlsx").status_code == 404


# --- Hostile entries, a damaged log, a long log -----------------------------------------------------------------------


def test_hostile_text_in_an_entry_is_shown_as_text(portal: Portal, auditor: Visitor) -> None:
    hostile = {
        "v": 1,
        "type": "=cmd|' /C calc'!A1",
        "time": 1,
        "key": "<script>alert(1)</script>",
        "reason": "+1\u202etxt",
        "result": "@SUM(A1)",
        "tx": "\t=1",
        "commitment": "－1",
    }
    leaf = json.dumps(hostile, ensure_ascii=False).encode()

    real = portal.sam.call

    async def answered(message: Any, *, deadline: float = 30.0) -> Any:
        answer = await real(message, deadline=deadline)
        if isinstance(answer, p.LogFound):
            odd = tuple(p.LogEntry(index=7 + n, leaf=text) for n, text in enumerate((leaf, b"\xff\xfe", b"[1]")))
            return msgspec.structs.replace(answer, entries=odd)
        return answer

    portal.sam.call = answered  # type: ignore[method-assign]
    try:
        text = page_of(auditor, "/auditor/log")
        told = auditor._http.get("/api/auditor/entries.csv").content.decode("utf-8-sig")
    finally:
        portal.sam.call = real  # type: ignore[method-assign]
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert(1)" in text
    rows = list(csv.DictReader(io.StringIO(told)))
    assert len(rows) == 3
    for name in ("type", "reason", "result", "tx", "commitment"):
        assert rows[0][name] == f"'{hostile[name]}"
    for row in rows:
        assert not any(cell.strip(" ").startswith(("=", "+", "-", "@", "\t", "－")) for cell in row.values())


def test_a_log_that_does_not_hold_is_told_and_not_shown(portal: Portal, auditor: Visitor) -> None:
    def damaged(message: Any) -> None:
        if isinstance(message, p.SearchLog):
            raise LogDamaged("entries do not give the root")

    portal.sam.before = damaged
    text = page_of(auditor, "/auditor/log")
    assert "The log does not hold" in text
    assert not indices_of(text)


def test_older_entries_are_on_the_next_page(portal: Portal, auditor: Visitor) -> None:
    for _ in range(60):
        page_of(auditor, "/auditor/log?kind=genesis")
    first = page_of(auditor, "/auditor/log")
    older = re.search(r'href="/auditor/log\?(before=\d+)">Older', first)
    assert older is not None
    shown = indices_of(first)
    assert len(shown) == 50
    assert indices_of(page_of(auditor, f"/auditor/log?{older[1]}"))[0] == shown[-1] - 1


# --- Activity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "rows"), [("30", 30), ("90", 90), ("364", 52), ("", 30), ("1e9", 30), ("-1", 30)])
def test_activity_has_a_plot_and_the_same_numbers_as_a_table(
    portal: Portal, auditor: Visitor, days: str, rows: int
) -> None:
    size = portal.sam.rig.sam.log.size
    text = page_of(auditor, f"/auditor/activity?days={days}")
    assert entries(portal)[-1]["reading"] == "activity"
    assert portal.sam.rig.sam.log.size == size + 1
    assert text.count("<svg ") == 5
    bars = [int(number) for number in re.findall(r'<rect class="bar all"[^>]*><title>[\d-]+: (\d+)</title>', text)]
    assert sum(bars) == size
    assert f"The log has {size} entries." in text
    signed = re.findall(r'<rect class="bar signed"[^>]*><title>[\d-]+: (\d+)</title>', text)
    assert signed == [str(sum(entry.get("result") == "signed" for entry in entries(portal)))]
