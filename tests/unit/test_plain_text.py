"""Text that people see: kept as they write it, refused where it deceives the eye, and the same everywhere (I09)."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from natsuin.certification import SubjectNotAllowed, check_subject
from natsuin.errors import Malformed
from natsuin.key_management.enrolment import _plain_subject
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import DocumentLabel, Subject
from natsuin.signing.instructing import _labels
from natsuin.web.api.documents import document_name

KEPT = [
    "山田 太郎",
    "山田\u3000太郎",
    "契約書\u3000最終.pdf",
    "𠮷野 家",
    "髙橋",
    "O'Brien-Müller",
    "葛\U000e0100城",
    "辻\ufe00",
    "ｶﾅ ﾊﾝｶｸ",
    "株式会社 例示",
    "Nguyễn Văn A",
    "q\u0323\u0302",
    "見積✅",
    "☎\ufe0f",
    "👍🏽",
    "محمد",
]
REFUSED = [
    "a\u202eb",
    "a\u202db",
    "a\u2066b",
    "a\u2069b",
    "a\u200eb",
    "a\u200bb",
    "a\u200db",
    "a\u00adb",
    "a\u2060b",
    "a\ufeffb",
    "a\x00b",
    "a\nb",
    "a\n",
    "\ta",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "a\ud800b",
    "\ue000",
    "\U000f0000",
    "a\u0378b",
    "a\U000e0041b",
    "a\u034fb",
    "\u3164",
    "\uffa0",
    "",
    " \u3000 ",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_people_write_is_kept_as_it_is(text):
    assert plain_text(text, "the name", required=True) == text


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_seen_is_refused(text):
    with pytest.raises(Malformed):
        plain_text(text, "the name", required=True)


def test_composed_and_decomposed_are_the_same_name():
    assert plain_text("か\u3099", "the name") == plain_text("が", "the name") == "が"


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u2009", "\u202f", "\u205f"])
def test_other_spaces_become_ordinary_ones(space):
    """Spaces that look the same are the same; macOS puts such a one into the names of screen shots."""
    assert plain_text(f"9.41{space}AM.png", "the name") == "9.41 AM.png"


def test_length_is_bounded_in_characters_as_shown():
    assert plain_text("が" * 64, "the name", most=64)
    assert plain_text("か\u3099" * 64, "the name", most=64) == "が" * 64
    for text in ("あ" * 65, "a" + "\u0301\u0316" * 1_000_000, " " * 10_000_000):
        with pytest.raises(Malformed):
            plain_text(text, "the name", most=64)


def test_an_empty_text_is_refused_only_where_one_is_needed():
    assert plain_text(" ", "the reason") == ""
    with pytest.raises(Malformed) as refusal:
        plain_text(" ", "the name", required=True)
    assert refusal.value.hint


def test_a_refusal_does_not_repeat_what_it_refuses():
    """A message with an override of direction in it would itself mislead."""
    with pytest.raises(Malformed) as refusal:
        plain_text("a\u202eb", "the name")
    assert "U+202E" in refusal.value.message
    assert "\u202e" not in refusal.value.message + refusal.value.hint


@given(st.text(max_size=80))
def test_what_was_accepted_is_accepted_again_unchanged(text):
    try:
        plain = plain_text(text, "the name")
    except Malformed:
        return
    assert plain_text(plain, "the name") == plain
    assert unicodedata.is_normalized("NFC", plain)
    assert plain.encode().decode() == plain


def certified(name: str) -> bool:
    try:
        check_subject(Subject(common_name=name))
    except SubjectNotAllowed:
        return False
    return True


def named_by_sam(name: str) -> str:
    label = DocumentLabel(name=name, size=1, sha256=bytes(32))
    return str(_labels((label,), 1)[0]["name"])


@given(
    st.one_of(
        st.sampled_from(KEPT + REFUSED), st.text(max_size=16), st.text("山 \u3000が\u3099か\u202e\xa0é", max_size=9)
    )
)
def test_web_sam_and_certificates_agree(text):
    """What web accepts, sam and the certification authority take as it is; what it refuses, they refuse too."""
    try:
        accepted = plain_text(text, "the name", most=64, required=True)
    except Malformed:
        for refuses in (named_by_sam, lambda name: _plain_subject(Subject(common_name=name))):
            with pytest.raises(Malformed):
                refuses(text)
        assert not certified(text)
        return
    assume(len(accepted.encode()) <= 64)  # A certificate's own limit.
    assert named_by_sam(accepted) == accepted
    assert _plain_subject(Subject(common_name=accepted)).common_name == accepted
    assert certified(accepted)
    assert certified(text) == (text == accepted)


@pytest.mark.parametrize("name", [name for name in KEPT if "/" not in name])
def test_a_document_that_uploads_can_be_signed(name):
    from urllib.parse import quote

    assert named_by_sam(document_name(quote(name))) == name
