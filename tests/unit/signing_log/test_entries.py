"""Entries are canonical JSON, and what has no canonical form is refused."""

import enum

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from natsuin.signing_log import BadEntry, EntryTooLarge, encode_entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(NAMES, inner),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_the_same_bytes_as_a_general_implementation(entry: dict):
    assert encode_entry(entry) == rfc8785.dumps(entry)


class Kind(enum.StrEnum):
    INTENT = "intent"


def test_an_example():
    entry = {"type": Kind.INTENT, "b": [1, None, True], "a": '捺印\u2028\x1f"\\/'}
    assert encode_entry(entry) == '{"a":"捺印\u2028\\u001f\\"\\\\/","b":[1,null,true],"type":"intent"}'.encode()


def nested(depth: int) -> dict:
    entry: dict = {}
    for _ in range(depth):
        entry = {"a": entry}
    return entry


@pytest.mark.parametrize(
    "entry",
    [
        {"a": 1.5}, {"a": float("nan")}, {"a": 2**53}, {"a": -(2**53)}, {"a": b"bytes"}, {"a": object()}, {"a": {1: 2}},
        {"é": 1}, {1: 2}, {"a": "\ud800"}, {"a": {1, 2}}, nested(17), {"a": nested(5000)},
    ],
)  # fmt: skip
def test_what_has_no_canonical_form_is_refused(entry):
    with pytest.raises(BadEntry):
        encode_entry(entry)


def test_the_limit_is_that_of_a_bundle():
    assert len(encode_entry({"a": "x" * 65_527})) == 65_535
    with pytest.raises(EntryTooLarge):
        encode_entry({"a": "x" * 65_528})
