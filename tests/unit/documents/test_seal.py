"""The seal mark: where characters go, text that can be extracted, no character drawn as an empty box."""

import io
import math

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsuin.documents import MissingCharacters, Placement, SealAppearance, SealStyle, prepare
from natsuin.documents.seal import columns_of, compose
from natsuin.documents.typeface import seal_typeface
from rigs.document_workshop import sample_pdf


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("林", ["林"]),
        ("山田", ["山田"]),
        ("佐々木", ["佐々木"]),
        ("山田太郎", ["山田", "太郎"]),
        ("山田 太郎", ["山田", "太郎"]),
        ("林 太郎", ["林", "太郎"]),
        ("五十嵐 健", ["五十嵐", "健"]),
        ("ジョン・スミス", ["ジョン", "スミス"]),
        ("株式会社捺印之印", ["株式会", "社捺印", "之印"]),
        ("株式会社鈴木製作所代表取締役", ["株式会社", "鈴木製作", "所代表", "取締役"]),
        ("葛\U000e0100城", ["葛\U000e0100城"]),
    ],
)
def test_columns_from_right_to_left(name, columns):
    assert ["".join(column) for column in columns_of(name)] == columns


NAMES = [
    "林",
    "山田",
    "佐々木",
    "山田 太郎",
    "長谷川 伊知郎",
    "ジョン・スミス",
    "John Smith",
    "Ng",
    "Aleksander Grigorievich",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", SealStyle)
def test_every_character_stands_inside_the_frame(name, style):
    drawing = compose(SealAppearance(name, style=style), seal_typeface(), width=100, height=100)
    ring = drawing.ring
    assert ring.radius == 50
    assert drawing.settings
    for setting in drawing.settings:
        middle = setting.x + setting.run.advance / 2000 * setting.wide, setting.y + 0.38 * setting.high
        across, up = abs(middle[0] - ring.x), abs(middle[1] - ring.y)
        reach = math.hypot(across, up) if style is SealStyle.ROUND else max(across, up)
        assert reach < ring.radius - ring.line - 0.2 * min(setting.high, setting.wide)


@given(
    st.text(alphabet="山田太郎佐藤花子ー・ アイウabcXYZ 0123", max_size=40), st.integers(10, 400), st.integers(10, 400)
)
def test_any_name_fits_any_box(name, width, height):
    appearance = SealAppearance(name, caption=("電子署名", name))
    drawing = compose(appearance, seal_typeface(), width=width, height=height)
    for setting in drawing.settings:
        assert setting.wide > 0
        assert setting.high > 0
        assert -0.02 * width <= setting.x
        assert setting.x + setting.run.advance / 1000 * setting.wide <= width * 1.02


def test_name_and_caption_are_text(workshop):
    appearance = SealAppearance("髙橋 花子", ("電子署名 / Digitally signed", "2026-11-22 20:30 JST"))
    request = workshop.request(workshop.signer(), placement=Placement(0, 100, 100, 220, 70), appearance=appearance)
    signed = prepare(sample_pdf(), request).pdf
    # A viewer flattens the mark into the page when it prints; then its text is the page's.
    document = pypdfium2.PdfDocument(signed)
    document.init_forms()
    page = document[0]
    assert page.flatten() == 1
    out = io.BytesIO()
    document.save(out)
    text = pypdfium2.PdfDocument(out.getvalue())[0].get_textpage().get_text_bounded()
    assert set("髙橋花子") <= set(text)
    assert "2026-11-22 20:30 JST" in text
    assert "電子署名 / Digitally signed" in text


def test_a_character_without_shape_is_named_and_nothing_is_drawn(workshop):
    request = workshop.request(
        workshop.signer(), placement=Placement(0, 100, 100, 90, 90), appearance=SealAppearance("山\U0003106c")
    )
    with pytest.raises(MissingCharacters, match=r"U\+3106C") as caught:
        prepare(sample_pdf(), request)
    assert caught.value.hint


def test_only_the_glyphs_that_are_drawn_are_embedded(workshop):
    plain = len(prepare(sample_pdf(), workshop.request(workshop.signer())).pdf)
    request = workshop.request(
        workshop.signer(), placement=Placement(0, 100, 100, 90, 90), appearance=SealAppearance("山田 太郎")
    )
    assert len(prepare(sample_pdf(), request).pdf) - plain < 8000
