"""The DER writer and reader against asn1crypto, which was written by others."""

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from natsuin.documents import der


@given(st.integers(min_value=0, max_value=2**200))
def test_integers(value):
    assert der.integer(value) == core.Integer(value).dump()


@given(st.binary(max_size=70000))
def test_octet_strings_of_any_length(value):
    assert der.octets(value) == core.OctetString(value).dump()


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**40), max_size=8))
def test_object_identifiers(first, second, rest):
    dotted = ".".join(map(str, (first, second, *rest)))
    assert core.ObjectIdentifier.load(der.identifier(dotted)).dotted == dotted


def test_a_set_is_sorted_by_its_encodings():
    parts = [der.octets(b"b"), der.integer(5), der.octets(b"a"), der.octets(b"")]
    assert [e.whole for e in der.read(der.set_of(*parts)).children()] == sorted(parts)


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_what_is_written_is_read(values):
    element = der.read(der.sequence(*map(der.octets, values)))
    assert [child.body for child in element.children()] == values
    assert element.tag == der.SEQUENCE


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x80\x00\x00", b"\x1f\x81\x00\x00", b"\x30\x05\x02", b"\x30\x85\x01\x01\x01\x01\x01"]
)
def test_what_is_no_der_is_refused(data):
    with pytest.raises(ValueError, match="DER"):
        der.read(data)


def test_children_must_fill_their_parent():
    with pytest.raises(ValueError, match="middle"):
        list(der.read(b"\x30\x03\x02\x05\x01").children())


def elements_of(data):
    try:
        element = der.read(data)
        return [element, *element.children()]
    except ValueError:
        return []


@given(st.binary(max_size=60))
def test_garbage_gives_only_value_errors(data):
    for element in elements_of(data):
        assert data[element.start : element.end] == element.whole
