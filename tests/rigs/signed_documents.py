"""The test's own certification authority, and PDFs signed with it, as fixtures."""

import pytest

from rigs.document_workshop import PLACE, SEAL, Workshop, sample_pdf


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    """Root, issuing authority, signers, time-stamp authority."""
    return Workshop()


@pytest.fixture(scope="session")
def plain_pdf() -> bytes:
    """Two pages, not signed."""
    return sample_pdf(pages=2)


@pytest.fixture(scope="session")
def signed_pdf(workshop: Workshop, plain_pdf: bytes) -> bytes:
    """PAdES B-T with a visible mark."""
    return workshop.signed(plain_pdf, placement=PLACE, appearance=SEAL, reason="承認")
