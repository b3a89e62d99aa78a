"""What stands on the pages already is found where it is displayed, so that a new mark can keep clear of it."""

import io

import pikepdf
import pytest

from natsuin.documents import Placement, SealAppearance, inspect, prepare
from natsuin.documents.marks import MOST_MARKS
from rigs.document_workshop import sample_pdf

# pikepdf warns of fields outside of the form, which is what some of these are.
pytestmark = pytest.mark.filterwarnings("ignore:This document has")
PLACE = Placement(0, 380, 100, 80, 70)


def with_annotations(*annotations: dict[str, object], pdf: bytes | None = None) -> bytes:
    with pikepdf.open(io.BytesIO(pdf or sample_pdf())) as opened:
        made = [opened.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Annot, **each)) for each in annotations]
        opened.pages[0].Annots = pikepdf.Array(made)
        out = io.BytesIO()
        opened.save(out)
    return out.getvalue()


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (20, 30, 560, 800)])
@pytest.mark.parametrize("unit", [None, 1.5])
def test_a_mark_is_found_where_it_was_put(workshop, rotate, crop, unit):
    """Whatever the page's turn, crop and unit: what was placed as displayed is found as displayed."""
    pdf = sample_pdf(rotate=rotate, crop=crop, unit=unit)
    request = workshop.request(workshop.signer(), placement=PLACE, appearance=SealAppearance("山田"))
    (found,) = inspect(prepare(pdf, request).pdf).marks
    for name in ("page", "x", "y", "width", "height"):
        assert getattr(found, name) == pytest.approx(getattr(PLACE, name), abs=0.01), name


def test_an_empty_signature_field_and_a_stamp_are_marks():
    name, rectangle = pikepdf.Name, [100, 200, 180, 260]
    pdf = with_annotations(
        {"Subtype": name.Widget, "FT": name.Sig, "T": "sign here", "Rect": rectangle},
        {"Subtype": name.Stamp, "Rect": [300, 10, 320, 20]},
    )
    assert inspect(pdf).marks == (Placement(0, 100, 200, 80, 60), Placement(0, 300, 10, 20, 10))


@pytest.mark.parametrize(
    "annotation",
    [
        {"Subtype": pikepdf.Name.Link, "Rect": [0, 0, 100, 100]},
        {"Subtype": pikepdf.Name.Widget, "FT": pikepdf.Name.Tx, "Rect": [0, 0, 100, 100]},
        {"Subtype": pikepdf.Name.Stamp, "Rect": [0, 0, 100, 100], "F": 2},
        {"Subtype": pikepdf.Name.Stamp, "Rect": [0, 0, 0, 0]},
        {"Subtype": pikepdf.Name.Stamp, "Rect": [9000, 9000, 9100, 9100]},
        {"Subtype": pikepdf.Name.Stamp, "Rect": [0, 0, 100]},
        {"Subtype": pikepdf.Name.Stamp, "Rect": "nonsense"},
        {"Subtype": pikepdf.Name.Stamp},
    ],
)
def test_what_is_not_seen_or_makes_no_sense_is_no_mark(annotation):
    assert inspect(with_annotations(annotation)).marks == ()


def test_a_field_that_is_its_own_parent_ends_the_search():
    with pikepdf.open(io.BytesIO(sample_pdf())) as opened:
        field = opened.make_indirect(pikepdf.Dictionary(Subtype=pikepdf.Name.Widget, Rect=[0, 0, 50, 50]))
        field.Parent = field
        opened.pages[0].Annots = pikepdf.Array([field])
        out = io.BytesIO()
        opened.save(out)
    assert inspect(out.getvalue()).marks == ()


def test_no_document_makes_a_list_without_end():
    stamp = {"Subtype": pikepdf.Name.Stamp, "Rect": [10, 10, 50, 50]}
    assert len(inspect(with_annotations(*[stamp] * (MOST_MARKS + 50))).marks) == MOST_MARKS
