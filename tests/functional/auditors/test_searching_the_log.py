"""What an auditor finds in the signing log and is told of it, and that the log tells of each reading."""

import json
from datetime import timedelta
from typing import Any

import pytest

from natsuin.clock import milliseconds
from natsuin.errors import (
    Busy,
    Malformed,
    NotFound,
    Tampered,
    WrongSecret,
)
from natsuin.key_management import log_opening
from natsuin.sam import log_index
from rigs.auditors import Auditor, Hands, committed, entries_of, sign_once, told
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, digests

DAY = 86_400_000


# --- Searching -------------------------------------------------------------------------------------------------------


def test_entries_are_found_by_type_key_time_person_result_and_reason(
    sam: SamRig, web: WebSide, officer: Officer, alice: Signer, auditor: Auditor, clock: Hands
) -> None:
    bob = web.enrol(web.invite(officer, name="Bob"))
    clock.shown += timedelta(days=2)
    since = milliseconds(clock.shown)
    sign_once(web, alice)
    clock.shown += timedelta(hours=1)
    until = milliseconds(clock.shown)
    with pytest.raises(WrongSecret):
        web.activate(bob, web.instruct(bob, digests(1)), pin="not the PIN 1")
    auditor.begin()

    def kinds(**query: Any) -> list[str]:
        return [entry["type"] for entry in told(auditor.search(**query))]

    assert kinds(kinds=("outcome", "intent")) == ["outcome", "intent"]
    assert kinds(key_id=bob.key.key_id) == ["approval-refused", "secret-refused", "key-created"]
    assert kinds(since=since, until=until) == ["outcome", "intent", "approved"]
    assert kinds(said="signed") == ["outcome"]
    assert kinds(said="wrong_secret") == ["approval-refused"]
    assert kinds(user_ids=(alice.user_id,)) == ["outcome", "intent", "approved", "key-created", "enrolment-approved"]
    # What an officer did is found by the commitments, for people without keys as well.
    assert kinds(user_ids=(officer.user_id,)) == [
        "enrolment-approved",
        "enrolment-approved",
        "officer-registered",
        "officer-invited",
    ]
    assert set(kinds(user_ids=(auditor.who.user_id,))) == {
        "audit-read",
        "audit-begun",
        "officer-registered",
        "officer-invited",
    }
    assert kinds(user_ids=(bob.user_id,), kinds=("approval-refused",)) == ["approval-refused"]
    assert kinds(kinds=("no-such-type",)) == kinds(key_id="0" * 32) == kinds(said="x") == []
    assert {"outcome", "audit-read", "genesis"} <= set(auditor.search(limit=1).kinds)
    assert {"signed", "wrong_secret"} <= set(auditor.search(limit=1).said)


def test_pages_join_without_gap_though_each_page_adds_an_entry(web: WebSide, alice: Signer, auditor: Auditor) -> None:
    for _ in range(4):
        sign_once(web, alice)
    auditor.begin()
    whole = [entry.index for entry in auditor.search(limit=100).entries]
    seen, before = list[int](), whole[0] + 1
    while True:
        page = auditor.search(before=before, limit=7)
        seen += [entry.index for entry in page.entries]
        before = seen[-1]
        if not page.more:
            break
    assert seen == whole


def test_each_answer_is_one_entry_that_commits_to_the_query(sam: SamRig, alice: Signer, auditor: Auditor) -> None:
    auditor.begin()
    auditor.search(key_id=alice.key.key_id, limit=5)
    auditor.search(file="csv", limit=10_000, said="signed")
    auditor.activity(20_000, 366)
    auditor.open(0, 1)
    read = [entry for entry in entries_of(sam) if entry["type"] == "audit-read"]
    assert [entry["reading"] for entry in read] == ["search", "csv", "activity", "open"]
    queries = [committed(sam, entry)["query"] for entry in read]
    assert queries[0] == {"key_id": alice.key.key_id}
    assert queries[1] == {"said": "signed"}
    assert queries[3] == {"entries": [0, 1]}
    for entry in read:
        assert set(entry) == {"v", "type", "time", "reading", "tx", "commitment"}


HOSTILE = [
    {"limit": 0},
    {"limit": 101},
    {"limit": 10_001, "file": "csv"},
    {"file": "xlsx"},
    {"before": -1},
    {"since": -1},
    {"until": 2**62},
    {"kinds": ("x",) * 51},
    {"user_ids": ("x",) * 101},
    {"key_id": "x" * 129},
    {"said": "x\0y"},
    {"said": "\u202ex"},
    {"kinds": ("a\n",)},
    {"user_ids": ("\ud800",)},
]


@pytest.mark.parametrize("query", HOSTILE, ids=lambda query: next(iter(query)))
def test_hostile_queries_are_refused_and_count_for_nothing(
    sam: SamRig, auditor: Auditor, query: dict[str, Any]
) -> None:
    auditor.begin()
    size = sam.sam.log.size
    with pytest.raises((Malformed, UnicodeEncodeError)):
        auditor.search(**query)
    assert sam.sam.log.size == size


@pytest.mark.parametrize("text", ["' OR 1=1 --", '"', "%", "x') UNION SELECT text FROM word --", "[1,2]"])
def test_a_query_is_never_more_than_a_value(auditor: Auditor, text: str) -> None:
    auditor.begin()
    assert auditor.search(said=text).entries == ()
    assert auditor.search(key_id=text).entries == ()
    assert auditor.search(kinds=(text,)).entries == ()
    assert auditor.search(user_ids=(text,)).entries == ()


@pytest.mark.parametrize("indices", [(), (0, 0), tuple(range(51)), (-1,)])
def test_only_a_few_entries_are_opened_at_once(auditor: Auditor, indices: tuple[int, ...]) -> None:
    auditor.begin()
    with pytest.raises(Malformed):
        auditor.open(*indices)


def test_nothing_beyond_the_end_is_opened(sam: SamRig, auditor: Auditor) -> None:
    auditor.begin()
    with pytest.raises(NotFound):
        auditor.open(sam.sam.log.size)


def test_an_entry_that_was_changed_on_the_disk_is_not_shown(sam: SamRig, auditor: Auditor) -> None:
    auditor.begin()
    assert auditor.search().entries
    sam.sam.log.publish()
    bundle = max(sam.config.sam.log_folder.glob("tile/entries/000.p/*"), key=lambda path: int(path.name))
    content = bytearray(bundle.read_bytes())
    content[content.index(b"genesis")] ^= 1
    bundle.write_bytes(content)
    size = sam.sam.log.size
    with pytest.raises(Tampered):
        auditor.search(said="signed")
    # What was asked for and could not be answered is an entry as well.
    assert sam.sam.log.size == size + 1
    with sam.sam.database.read() as connection:
        openings = [json.loads(row.fields) for row in connection.execute(log_opening.select())]
    (failed,) = [one["query"] for one in openings if "failed" in one.get("query", {})]
    assert failed == {"said": "signed", "failed": "log_damaged"}


def test_after_a_start_of_a_long_log_people_ask_again(
    sam: SamRig, web: WebSide, alice: Signer, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor.begin()
    monkeypatch.setattr(log_index, "MOST_AT_ONCE", 3)
    asked = 0
    while True:
        asked += 1
        try:
            found = auditor.search()
            break
        except Busy:
            assert asked < 50
    assert asked > 2
    assert [entry.index for entry in found.entries] == list(range(found.noted))[::-1]


# --- What is committed to --------------------------------------------------------------------------------------------


def test_what_an_entry_commits_to_is_told_entry_by_entry(sam: SamRig, alice: Signer, auditor: Auditor) -> None:
    auditor.begin()
    entries = auditor.search(user_ids=(alice.user_id,)).entries
    created = next(entry.index for entry in entries if b'"key-created"' in entry.leaf)
    assert all(alice.user_id.encode() not in entry.leaf for entry in entries)
    (opening,) = auditor.open(created).openings
    assert opening.state == "opened"
    assert json.loads(opening.fields)["user"] == alice.user_id
    assert committed(sam, entries_of(sam)[-1])["query"] == {"entries": [created]}


def test_an_opening_that_is_gone_or_does_not_fit_is_not_told(
    sam: SamRig, web: WebSide, alice: Signer, auditor: Auditor
) -> None:
    sign_once(web, alice)
    entries = entries_of(sam)
    created, approved, outcome = (
        next(index for index, entry in enumerate(entries) if entry["type"] == kind)
        for kind in ("key-created", "approved", "outcome")
    )
    with sam.sam.database.write() as connection:
        connection.execute(log_opening.delete().where(log_opening.c.tx == entries[created]["tx"]))
        connection.execute(
            log_opening.update()
            .where(log_opening.c.tx == entries[approved]["tx"])
            .values(fields=b'{"user":"somebody else"}')
        )
    auditor.begin()
    answer = auditor.open(created, approved, outcome)
    assert [(one.index, one.state, one.fields) for one in answer.openings] == [
        (created, "gone", b""),
        (approved, "gone", b""),
        (outcome, "none", b""),
    ]
    # Nor are entries found by what cannot be opened.
    assert auditor.search(user_ids=("somebody else",)).entries == ()


def test_after_an_erasure_the_index_does_not_know_either(sam: SamRig, officer: Officer, auditor: Auditor) -> None:
    auditor.begin()
    (found, *_) = auditor.search(user_ids=(officer.user_id,)).entries
    entry = json.loads(found.leaf)
    with sam.sam.database.write() as connection:
        connection.execute(log_opening.delete().where(log_opening.c.tx == entry["tx"]))
    # As an erasure tells of it in the log.
    sam.sam.log.add({"v": 1, "type": "erasure", "time": entry["time"], "openings": [entry["tx"]]})
    later = auditor.search(user_ids=(officer.user_id,))
    assert found.index not in [one.index for one in later.entries]
    assert later.entries


# --- Activity --------------------------------------------------------------------------------------------------------


def test_activity_counts_each_day_by_type_and_result(
    sam: SamRig, web: WebSide, alice: Signer, auditor: Auditor, clock: Hands
) -> None:
    clock.shown += timedelta(days=3)
    sign_once(web, alice)
    sign_once(web, alice)
    auditor.begin()
    today = milliseconds(clock.shown) // DAY
    counts = auditor.activity(today - 5, 6).counts
    assert {(one.kind, one.result): one.count for one in counts if one.day == today} == {
        ("approved", ""): 2,
        ("intent", ""): 2,
        ("outcome", "signed"): 2,
        ("audit-begun", ""): 1,
    }
    assert {one.day for one in counts} == {today - 3, today}
    assert auditor.activity(today + 1, 5).counts == ()
    for first, days in ((-1, 5), (today, 0), (today, 367), (2**60, 5)):
        with pytest.raises(Malformed):
            auditor.activity(first, days)
