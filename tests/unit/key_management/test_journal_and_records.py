"""Commitments and canonical records, byte for byte."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from natsuin import base64url
from natsuin.clock import FixedClock
from natsuin.key_management.journal import new_opening
from natsuin.key_management.records import challenge_of, make_record
from natsuin.signing_log import commitment_to

CLOCK = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))


def test_the_published_commitment_vector() -> None:
    salt = bytes(range(0x40, 0x60))
    fields = b'{"signer":"U-00042","sub":"taro@example.jp"}'
    expected = bytes.fromhex("084e50a619036265807212c74bd1e07bbd332a3d677bd22e738cb2c9967f1731")
    assert commitment_to(salt, fields) == base64url.encode(expected)


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_salt_has_one_length(salt: bytes) -> None:
    """HMAC fills keys up with zero bytes, so otherwise several salts would open one commitment."""
    with pytest.raises(ValueError, match="32 bytes"):
        commitment_to(salt, b"{}")


def test_openings_hide_equal_fields() -> None:
    first, second = new_opening({"user": "u"}), new_opening({"user": "u"})
    assert first.fields == second.fields == b'{"user":"u"}'
    assert first.commitment != second.commitment
    assert first.tx != second.tx


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
