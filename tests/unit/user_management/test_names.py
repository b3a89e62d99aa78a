"""Names as people write them are kept; what deceives the eye is refused (I09)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsuin.errors import Malformed
from natsuin.user_management import clean_name


@pytest.mark.parametrize(
    "name", ["山田 太郎", "𠮷野 家", "髙橋", "O'Brien-Müller", "葛\U000e0100城", "ｶﾅ ﾊﾝｶｸ", "株式会社 例示"]
)
def test_real_names_are_kept_as_they_are(name):
    assert clean_name(name, most=64, what="name") == name


def test_composed_and_decomposed_are_the_same_name():
    assert clean_name("か\u3099", most=64, what="name") == clean_name("が", most=64, what="name") == "が"


@pytest.mark.parametrize(
    "name",
    [
        "a\u202eb",
        "a\u200bb",
        "a\u2066b",
        "a\x00b",
        "a\nb",
        "a\ufeffb",
        "\ue000",
        "a\u2028b",
        "a\ud800b",
        "",
        " \u3000 ",
    ],
)
def test_what_cannot_be_seen_is_refused(name):
    with pytest.raises(Malformed):
        clean_name(name, most=64, what="name")


def test_length_is_bounded():
    assert clean_name("あ" * 64, most=64, what="name")
    with pytest.raises(Malformed):
        clean_name("あ" * 65, most=64, what="name")


@given(st.text(max_size=80))
def test_a_cleaned_name_is_clean(text):
    try:
        cleaned = clean_name(text, most=64, what="name")
    except Malformed:
        return
    assert clean_name(cleaned, most=64, what="name") == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
