"""Commitments: the published vector, made with nothing of ours, and every way to open one otherwise."""

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest

from natsuin import base64url
from natsuin.errors import Malformed
from natsuin.signing_log import Disclosed, commitment_to, disclose, encode_entry, withhold

TX = "00112233445566778899aabbccddeeff"
SALT = bytes(range(0x40, 0x60))
PRIVATE = {"count": 2, "note": "合意", "user": "U-00042"}
FIELDS = encode_entry(PRIVATE)
PAGE = (Path(__file__).parents[3] / "docs/log.md").read_text()


def by_hand(tx: str, salt: bytes, private: dict[str, Any]) -> str:
    """docs/log.md with the standard library alone; HKDF as RFC 5869, 2.2 and 2.3 write it."""
    key = hmac.digest(bytes(32), salt, "sha256")
    told = b""
    for name in sorted(private):
        own = hmac.digest(key, b"natsuin/commitment/salt/v1\0" + name.encode() + b"\1", "sha256")
        value = json.dumps(private[name], ensure_ascii=False).encode()
        told += name.encode() + b"\0"
        told += hmac.digest(own, b"natsuin/commitment/field/v1\0" + name.encode() + b"\0" + value, "sha256")
    return base64url.encode(hashlib.sha256(b"natsuin/commitment/entry/v1\0" + tx.encode() + told).digest())


def test_the_vector_of_the_docs() -> None:
    assert commitment_to(TX, SALT, FIELDS) == by_hand(TX, SALT, PRIVATE)
    published = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    assert published == {
        "tx": TX,
        "salt": SALT.hex(),
        "fields": PRIVATE,
        "commitment": commitment_to(TX, SALT, FIELDS),
        "disclosed": disclose(TX, SALT, FIELDS, {"user"}),
    }


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_salt_has_one_length(salt: bytes) -> None:
    """HMAC fills keys up with zero bytes, so otherwise several salts would open one commitment."""
    with pytest.raises(ValueError, match="32 bytes"):
        commitment_to(TX, salt, FIELDS)


@pytest.mark.parametrize("names", [None, set(), {"user"}, {"user", "count"}, {"none of them"}])
def test_every_choice_of_fields_opens_the_same_commitment(names: set[str] | None) -> None:
    opened = Disclosed.parse(json.loads(json.dumps(disclose(TX, SALT, FIELDS, names))))
    wanted = set(PRIVATE) if names is None else names & set(PRIVATE)
    assert opened.commitment == commitment_to(TX, SALT, FIELDS)
    assert opened.fields == {name: PRIVATE[name] for name in wanted}
    assert set(opened.withheld) == set(PRIVATE) - wanted


def test_one_field_tells_nothing_of_the_others() -> None:
    """Whoever has one field with its salt cannot try out what another one may be: nothing in it leads to that salt."""
    told = disclose(TX, SALT, FIELDS, {"count"})
    text = json.dumps(told)
    assert base64url.encode(SALT) not in text
    own = base64url.decode(told["fields"]["count"]["salt"])
    closed = base64url.decode(told["fields"]["user"]["hash"])
    message = b"natsuin/commitment/field/v1\0user\0" + b'"U-00042"'
    from_this = hmac.digest(hmac.digest(bytes(32), own, "sha256"), b"natsuin/commitment/salt/v1\0user\1", "sha256")
    for guess in (own, SALT, bytes(32), from_this):
        assert hmac.digest(guess, message, "sha256") != closed
    assert hashlib.sha256(message).digest() != closed


def test_other_entries_with_the_same_fields_have_other_hashes() -> None:
    one, two = disclose(TX, SALT, FIELDS, ()), disclose(TX, bytes(32), FIELDS, ())
    assert all(one["fields"][name] != two["fields"][name] for name in PRIVATE)


def _swap(told: dict[str, Any]) -> None:
    told["user"], told["note"] = told["note"], told["user"]


ATTACKS = {
    "another value": lambda told: told["user"].update(value='"U-00043"'),
    "another spelling": lambda told: told["note"].update(value='"\\u5408\\u610f"'),
    "a blank": lambda told: told["count"].update(value="2 "),
    "two values in one": lambda told: told["count"].update(value='2,"user":"x"'),
    "swapped": _swap,
    "renamed": lambda told: told.update(owner=told.pop("user")),
    "taken away": lambda told: told.pop("user"),
    "put in": lambda told: told.update(officer={"hash": base64url.encode(bytes(32))}),
    "another salt": lambda told: told["user"].update(salt=base64url.encode(bytes(32))),
    "a longer salt": lambda told: told["user"].update(
        salt=base64url.encode(base64url.decode(told["user"]["salt"]) + b"\0")
    ),
    "both open and closed": lambda told: told["user"].update(hash=base64url.encode(bytes(32))),
    "a short hash": lambda told: told.update(user={"hash": base64url.encode(bytes(31))}),
    "a name that holds the next": lambda told: told.update(
        {"count\0" + "x" * 32 + "note": told.pop("note"), "user": told["user"]}
    ),
    "no object": lambda told: told.update(user="U-00042"),
    "no JSON": lambda told: told["user"].update(value="U-00042"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_opens_it_otherwise(name: str) -> None:
    told = disclose(TX, SALT, FIELDS)
    ATTACKS[name](told["fields"])
    try:
        opened = Disclosed.parse(told)
    except Malformed:
        return
    assert opened.commitment != commitment_to(TX, SALT, FIELDS)


def test_an_opening_is_of_one_entry() -> None:
    told = disclose(TX, SALT, FIELDS)
    other = TX[::-1]
    assert Disclosed.parse({**told, "tx": other}).commitment != commitment_to(TX, SALT, FIELDS)
    for tx in (None, TX.upper(), TX[1:], TX + "0"):
        with pytest.raises(Malformed):
            Disclosed.parse({**told, "tx": tx})


def test_withholding_closes_what_was_open_and_nothing_else() -> None:
    less = withhold(disclose(TX, SALT, FIELDS), {"user", "none of them"})
    assert less == disclose(TX, SALT, FIELDS, {"count", "note"})
    assert withhold(less, {"user"}) == less


def test_two_disclosures_of_one_entry_make_one() -> None:
    first, second = (Disclosed.parse(disclose(TX, SALT, FIELDS, {name})) for name in ("user", "note"))
    assert first.with_more(second).fields == {"user": "U-00042", "note": "合意"}
    with pytest.raises(ValueError, match="different"):
        first.with_more(Disclosed.parse(disclose(TX, bytes(32), FIELDS)))


def test_guessing_every_employee_number_finds_none() -> None:
    """A54: who has the entry and knows all that could be in it, but not the salt, cannot tell which it was.

    A hundred thousand numbers are tried with no salt, and the nearest ones with what the entry itself shows.
    """
    number = "U-00042"
    fields = encode_entry({"user": number})
    commitment = commitment_to(TX, SALT, fields)
    shown = hashlib.sha256(TX.encode()).digest()
    for guess in range(100_000):
        assert commitment_to(TX, bytes(32), encode_entry({"user": f"U-{guess:05d}"})) != commitment
    for guess in range(1000):
        assert commitment_to(TX, shown, encode_entry({"user": f"U-{guess:05d}"})) != commitment
    assert commitment_to(TX, SALT, fields) == commitment
    # The same field in two entries commits to nothing that is alike.
    assert commitment_to(TX, bytes(range(32)), fields) != commitment
