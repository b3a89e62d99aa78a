"""Openings before the stand-alone checker, of entries that a dishonest log made: nothing is read in two ways, and
nothing that is committed to by one entry speaks for another."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from natsuin import base64url
from natsuin.validation.check_evidence import Logged, Verdict

TX, OTHER = "0" * 32, "1" * 32
SALT = bytes(range(32))


def field(value: str, salt: bytes = SALT) -> dict[str, str]:
    return {"salt": base64url.encode(salt), "value": value}


def hash_of(name: str, part: dict[str, str]) -> bytes:
    tagged = b"natsuin/commitment/field/v1\0" + name.encode() + b"\0" + part["value"].encode()
    return hmac.digest(base64url.decode(part["salt"]), tagged, "sha256")


def logged(tx: str, fields: dict[str, dict[str, str]], *, committed_as: str = TX) -> Logged:
    """An entry with this `tx`, and a commitment that was made for the entry `committed_as`."""
    told = b"".join(name.encode() + b"\0" + hash_of(name, part) for name, part in sorted(fields.items()))
    commitment = hashlib.sha256(b"natsuin/commitment/entry/v1\0" + committed_as.encode() + told).digest()
    entry = {"commitment": base64url.encode(commitment), "key_number": 0, "key_previous": None, "tx": tx}
    return Logged(0, json.dumps(entry, separators=(",", ":"), sort_keys=True).encode(), (), "")


def code_of(entry: Logged, opening: Any) -> str:
    with pytest.raises(Verdict) as refused:
        entry.opened(opening)
    return refused.value.code


def test_an_opening_as_it_should_be() -> None:
    fields = {"user": field('"u-1"'), "count": field("2")}
    opened = logged(TX, fields).opened({"tx": TX, "fields": fields})
    assert (opened.get("user"), opened.get("count"), opened.get("client")) == ("u-1", 2, None)


def test_a_withheld_field_is_asked_for() -> None:
    fields = {"user": field('"u-1"'), "count": field("2")}
    closed = {**fields, "user": {"hash": base64url.encode(hash_of("user", fields["user"]))}}
    opened = logged(TX, fields).opened({"tx": TX, "fields": closed})
    assert opened.get("count") == 2
    with pytest.raises(Verdict) as withheld:
        opened.get("user")
    assert (withheld.value.status, withheld.value.told) == ("unknown", {"name": "user"})


def test_a_commitment_that_was_copied_into_another_entry_opens_nothing() -> None:
    fields = {"user": field('"u-1"')}
    copied = logged(OTHER, fields)
    assert code_of(copied, {"tx": TX, "fields": fields}) == "opening_wrong"
    assert code_of(copied, {"tx": OTHER, "fields": fields}) == "opening_wrong"


@pytest.mark.parametrize("value", ['1,"x":2', "1 ", "01", '"\\u0075"', '{"b":1,"a":2}', '{"a":1,"a":1}', "1.0", "NaN"])
def test_a_value_that_can_be_read_in_two_ways_is_refused(value: str) -> None:
    """Though the log itself committed to it."""
    fields = {"user": field(value)}
    with pytest.raises((Verdict, ValueError)):
        logged(TX, fields).opened({"tx": TX, "fields": fields})


@pytest.mark.parametrize("name", ["", "User", "a b", "用", "a\0b", "a" * 65])
def test_a_name_has_one_form(name: str) -> None:
    fields = {name: field("1")}
    assert code_of(logged(TX, fields), {"tx": TX, "fields": fields}) == "opening_wrong"


@pytest.mark.parametrize("salt", [b"", SALT[:31], SALT + b"\0"])
def test_a_salt_has_one_length(salt: bytes) -> None:
    fields = {"user": field("1", salt)}
    assert code_of(logged(TX, fields), {"tx": TX, "fields": fields}) == "opening_wrong"


@pytest.mark.parametrize("opening", [{}, {"tx": TX}, {"fields": {}}, {"tx": 1, "fields": {}}, [], "", 5])
def test_what_is_no_opening(opening: Any) -> None:
    assert code_of(logged(TX, {"user": field("1")}), opening) in ("malformed", "opening_wrong")
