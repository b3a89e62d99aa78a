"""Pieces of bodies: strict, canonical, bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from natsuin.errors import Malformed
from natsuin.web.api.fields import AssertionCredential
from natsuin.web.api.instructions import DigestInstructionBody, DocumentInstructionBody
from natsuin.web.downloads import content_disposition, renamed
from natsuin.web.receipts import log_index

CREDENTIAL = {
    "id": "AQ",
    "rawId": "AQ",
    "type": "public-key",
    "authenticatorAttachment": "platform",
    "clientExtensionResults": {},
    "response": {"clientDataJSON": "AQ", "authenticatorData": "AQ", "signature": "AQ", "userHandle": None, "new": 1},
}


def test_members_of_later_browsers_are_passed_over():
    message = AssertionCredential.model_validate(CREDENTIAL).message()
    assert (message.credential_id, message.user_handle) == (b"\x01", None)


@pytest.mark.parametrize(
    "change",
    [
        {"id": 1},
        {"type": "password"},
        {"rawId": None},
        {"response": {}},
        {"response": []},
        {"id": "A" * 2000, "rawId": "A" * 2000},
    ],
)
def test_credentials_of_the_wrong_shape_are_refused(change):
    with pytest.raises(ValidationError):
        AssertionCredential.model_validate(CREDENTIAL | change)


def test_two_ids_in_one_credential_are_refused():
    with pytest.raises(Malformed):
        AssertionCredential.model_validate(CREDENTIAL | {"rawId": "Ag"}).message()


@pytest.mark.parametrize(
    "placement",
    [
        {"page": 0, "x": 0, "y": 0, "width": 0, "height": 10},
        {"page": -1, "x": 0, "y": 0, "width": 10, "height": 10},
        {"page": 0.5, "x": 0, "y": 0, "width": 10, "height": 10},
        {"page": "0", "x": 0, "y": 0, "width": 10, "height": 10},
        {"page": True, "x": 0, "y": 0, "width": 10, "height": 10},
        {"page": 0, "x": 1e9, "y": 0, "width": 10, "height": 10},
        {"page": 0, "x": 0, "y": 0, "width": 10},
        {"page": 0, "x": 0, "y": 0, "width": 10, "height": 10, "rotate": 1},
    ],
)
def test_placements_that_cannot_be_are_refused(placement):
    with pytest.raises(ValidationError):
        DocumentInstructionBody.model_validate({"placement": placement})


@pytest.mark.parametrize("digests", [[], ["AQ"], ["A" * 43] * 1001, "A" * 43, ["A" * 43 + "="], [None], ["A" * 200]])
def test_digests_that_cannot_be_are_refused(digests):
    with pytest.raises(ValidationError):
        DigestInstructionBody.model_validate({"key_id": "k", "scheme": "ecdsa-sha256", "digests": digests})


@given(st.text(max_size=60))
def test_no_name_breaks_out_of_its_header(name):
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert header.count(";") == 2


def test_names_of_what_was_signed():
    assert renamed("契約書.PDF", suffix="-signed.pdf") == "契約書-signed.pdf"
    assert renamed("契約書", suffix="-signed.pdf") == "契約書-signed.pdf"


@pytest.mark.parametrize(
    ("receipt", "index"),
    [
        ("c2sp.org/tlog-proof@v1\nextra AA\nindex 12\n", 12),
        ("c2sp.org/tlog-proof@v1\nindex x\n", None),
        ("", None),
        (None, None),
    ],
)
def test_the_entry_is_read_out_of_the_receipt(receipt, index):
    assert log_index(receipt) == index
