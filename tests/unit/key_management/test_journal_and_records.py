"""Openings and canonical records, byte for byte."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from natsuin.clock import FixedClock
from natsuin.key_management.journal import new_opening
from natsuin.key_management.records import challenge_of, make_record

CLOCK = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))


def test_openings_hide_equal_fields() -> None:
    first, second = (new_opening({"user": "u"}, key_id="k", made_at=5) for _ in range(2))
    assert first.fields == second.fields == b'{"user":"u"}'
    assert first.commitment != second.commitment
    assert first.tx != second.tx
    assert (first.row["key_id"], first.row["kept_since"]) == ("k", 5)


def test_a_record_is_canonical_and_its_challenge_is_tagged() -> None:
    record = make_record("sign", "localhost", {"b": 1, "a": "é"}, clock=CLOCK, life=timedelta(minutes=5))
    content = json.loads(record.content)
    assert list(content) == sorted(content)
    assert (content["act"], content["service"], content["v"]) == ("sign", "localhost", 1)
    assert content["expires"] - content["not_before"] == 300_000
    assert b" " not in record.content
    assert challenge_of(record.content) == hashlib.sha256(b"natsuin/approval/v1\0" + record.content).digest()


def test_two_records_never_share_a_challenge() -> None:
    made = {make_record("sign", "s", {}, clock=CLOCK, life=timedelta(1)).challenge for _ in range(50)}
    assert len(made) == 50
