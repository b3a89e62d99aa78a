"""One value, one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsuin import base64url
from natsuin.errors import Malformed


@given(st.binary(max_size=80))
def test_there_and_back(value):
    assert base64url.decode(base64url.encode(value)) == value


def test_the_alphabet_is_that_of_rfc_4648_section_5():
    assert base64url.encode(b"\xfb\xff\xbf\x00") == "-_-_AA"


@pytest.mark.parametrize(
    "text", ["AQ==", "AQ=", "A", "A+", "A/", "++++", "////", "AQ ", "AQ\n", "AR", "é", "AQ\u0000", "AAAA" * 3 + "="]
)
def test_other_spellings_are_refused(text):
    with pytest.raises(Malformed):
        base64url.decode(text)


@given(st.text(max_size=20))
def test_any_text_is_one_value_or_refused(text):
    try:
        value = base64url.decode(text)
    except Malformed:
        return
    assert base64url.encode(value) == text
