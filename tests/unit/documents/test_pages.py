"""Places on pages as displayed: whatever the page's turn, crop and unit, the mark stands where it was put, upright."""

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageStat

from natsuin.documents import Placement, PlacementRefused, SealAppearance, inspect, prepare
from rigs.document_workshop import sample_pdf

SCALE = 2.0
SEAL = SealAppearance("上下")


def red_pixels(pdf):
    """A black and white picture of the first page: white is where it is red."""
    document = pypdfium2.PdfDocument(pdf)
    document.init_forms()
    picture = document[0].render(scale=SCALE, may_draw_forms=True).to_pil().convert("RGB")
    red, green, _ = picture.split()
    return ImageChops.subtract(red, green).point(lambda value: 255 if value > 80 else 0)


def share(picture):
    """How much of it is white."""
    return ImageStat.Stat(picture).sum[0] / 255


@pytest.fixture(scope="module")
def upright(workshop):
    """The mark's pixels on a plain page, which the others must repeat."""
    return marked(workshop, sample_pdf(), Placement(0, 60, 80, 90, 90))


def marked(workshop, pdf, place):
    """Red pixels of the rectangle where the mark should be; there may be none elsewhere."""
    prepared = prepare(pdf, workshop.request(workshop.signer(), placement=place, appearance=SEAL))
    red = red_pixels(prepared.pdf)
    top = red.height - round((place.y + place.height) * SCALE)
    left, size = round(place.x * SCALE), round(place.width * SCALE)
    inside = red.crop((left, top, left + size, top + size))
    assert share(inside) == share(red)
    return inside


@pytest.mark.parametrize("rotate", [0, 90, 180, 270, -90, 450])
@pytest.mark.parametrize(
    "boxes", [{}, {"media": (100, -50, 700, 800)}, {"crop": (20, 30, 500, 600)}, {"media": (0, 0, 400, 900)}], ids=str
)
def test_the_mark_stands_upright_where_it_was_put(workshop, upright, rotate, boxes):
    pdf = sample_pdf(rotate=rotate, **boxes)
    found = marked(workshop, pdf, Placement(0, 60, 80, 90, 90))
    assert share(found) > 3000
    # Antialiasing may differ by a pixel at the edges of the strokes.
    assert share(ImageChops.difference(found, upright)) < 0.25 * share(upright)
    upside_down = upright.transpose(Image.Transpose.ROTATE_180)
    assert share(ImageChops.difference(found, upside_down)) > 0.25 * share(upright)


def test_the_size_is_that_of_the_page_as_displayed():
    facts = inspect(sample_pdf(pages=2, rotate=90, media=(0, 0, 300, 500)))
    assert [(p.width, p.height) for p in facts.pages] == [(500, 300), (500, 300)]
    cropped = inspect(sample_pdf(crop=(10, 20, 110, 320)))
    assert [(p.width, p.height) for p in cropped.pages] == [(100, 300)]
    scaled = inspect(sample_pdf(media=(0, 0, 100, 200), unit=3))
    assert [(p.width, p.height) for p in scaled.pages] == [(300, 600)]


@pytest.mark.parametrize(
    "place",
    [
        Placement(0, -5, 0, 50, 50),
        Placement(0, 560, 0, 50, 50),
        Placement(0, 0, 800, 50, 50),
        Placement(0, 0, 0, 0, 50),
        Placement(1, 0, 0, 50, 50),
        Placement(-1, 0, 0, 50, 50),
        Placement(0, float("nan"), 0, 50, 50),
        Placement(0, 0, 0, float("inf"), 50),
    ],
    ids=str,
)
def test_a_place_outside_the_page_is_refused(workshop, place):
    with pytest.raises(PlacementRefused) as caught:
        prepare(sample_pdf(), workshop.request(workshop.signer(), placement=place, appearance=SEAL))
    assert caught.value.hint
