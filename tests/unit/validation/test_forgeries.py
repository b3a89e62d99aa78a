"""Forged documents: by every class of attack known for PDF signatures, none may be told to be valid."""

import pytest

from natsuin.errors import NatsuinError
from natsuin.validation import Overall, Status, validate_pdf
from rigs.forgeries import FORGERIES

BROKEN = {"signed_part_moved_back"}
"""Those that no reader with strict rules opens at all."""


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forgery_is_valid(workshop, signed_pdf, name):
    forged = FORGERIES[name](signed_pdf)
    assert forged != signed_pdf
    if name in BROKEN:
        with pytest.raises(NatsuinError):
            validate_pdf(forged, trust=[workshop.root.der])
        return
    report = validate_pdf(forged, trust=[workshop.root.der])
    assert report.overall is not Overall.VALID
    known_unsupported = name in ("no_subfilter", "other_subfilter")
    assert report.overall is (Overall.CANNOT_TELL if known_unsupported else Overall.NOT_VALID)


DEAD_BYTES = {"bytes_after_the_end", "update_without_cross_references", "old_end_repeated"}
"""Bytes that nothing refers to: the second signature covers them, and no reader shows them."""


@pytest.mark.parametrize("name", [name for name in FORGERIES if name not in DEAD_BYTES])
def test_no_forgery_hides_behind_a_second_signature(workshop, signed_pdf, name):
    """The document is judged, not its last signature: signing a forgery does not heal it."""
    second = "第二 署名者"
    try:
        again = workshop.signed(FORGERIES[name](signed_pdf), workshop.signer(second))
    except NatsuinError as refusal:
        # A document that is broken so far is not signed in the first place.
        assert refusal.hint  # noqa: PT017
        return
    report = validate_pdf(again, trust=[workshop.root.der])
    if any(verdict.signer != second for verdict in report.signatures):
        assert report.overall is not Overall.VALID
    else:
        # Nothing of the first signature is left to be seen, and nobody is told that there was one.
        assert [verdict.signer for verdict in report.signatures] == [second]


def test_there_are_enough_of_them():
    assert len(FORGERIES) >= 30


def test_the_genuine_document_is_valid(workshop, signed_pdf):
    report = validate_pdf(signed_pdf, trust=[workshop.root.der])
    assert report.overall is Overall.VALID
    # Nobody gave a receipt or a revocation list.
    unknown = [name for name, entry in report.signatures[0].lines if entry.status is not Status.GOOD]
    assert unknown == ["revocation", "log"]
