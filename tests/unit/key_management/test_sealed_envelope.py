"""The envelope of a key: nothing but a genuine one opens, and hostile bytes end in the project's own errors."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from natsuin.errors import NatsuinError
from natsuin.key_management import EnvelopeContent, EnvelopeHeader, EnvelopeOpener, seal_content
from rigs.key_envelopes import PASSWORD, ImportingAuthority, der, key_file

AUTHORITY = ImportingAuthority()
KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = AUTHORITY.certify(KEY.public_key())
IMPORT_KEY = ec.generate_private_key(ec.SECP256R1())
POINT = IMPORT_KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
OPENER = EnvelopeOpener(IMPORT_KEY, (der(AUTHORITY.certificate),), "https://sign.example", "log")
HEADER = EnvelopeHeader(**AUTHORITY.header(origin="https://sign.example", log="log", user="someone"))
CONTENT = seal_content(HEADER, EnvelopeContent(key_file(KEY, CERTIFICATE), PASSWORD), POINT)
ENVELOPE = AUTHORITY.sign(CONTENT)
NOW = datetime.now(UTC)


def test_a_genuine_one_opens() -> None:
    opened = OPENER.open(ENVELOPE, "someone", NOW)
    assert (opened.header, opened.anchor) == (HEADER, der(AUTHORITY.certificate))
    assert opened.key.certificates == (der(CERTIFICATE),)
    assert "KeyFile" not in repr(opened)
    assert "PrivateKey" not in repr(OPENER)


def test_the_same_number_from_another_authority_is_another_envelope() -> None:
    second = ImportingAuthority("Another CA")
    both = EnvelopeOpener(IMPORT_KEY, (*OPENER.authorities, der(second.certificate)), OPENER.origin, OPENER.log)
    header = EnvelopeHeader(
        **second.header(origin="https://sign.example", log="log", user="someone", envelope=HEADER.envelope)
    )
    theirs = second.sign(seal_content(header, EnvelopeContent(key_file(KEY, CERTIFICATE), PASSWORD), POINT))
    opened = both.open(theirs, "someone", datetime.now(UTC))
    assert opened.anchor == der(second.certificate)
    assert opened.name != both.open(ENVELOPE, "someone", NOW).name


def test_it_ends_with_its_time_and_with_its_signers() -> None:
    for later in (timedelta(days=2), timedelta(days=11), timedelta(days=200)):
        with pytest.raises(NatsuinError):
            OPENER.open(ENVELOPE, "someone", NOW + later)
    with pytest.raises(NatsuinError):
        OPENER.open(ENVELOPE, "someone", NOW - timedelta(hours=1))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda at, put: ENVELOPE[: at % len(ENVELOPE)] + put + ENVELOPE[at % len(ENVELOPE) + len(put) :],
            st.integers(0, 9000),
            st.binary(min_size=1, max_size=6),
        ),
        st.builds(lambda end: ENVELOPE[: end % len(ENVELOPE)], st.integers(0, 9000)),
    )
)
def test_hostile_bytes_end_in_the_projects_own_errors(data: bytes) -> None:
    try:
        opened = OPENER.open(data, "someone", NOW)
    except NatsuinError:
        return
    assert opened.key.certificates == (der(CERTIFICATE),)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=100),
        st.builds(lambda tail: CONTENT[:22] + tail, st.binary(max_size=60)),
        st.builds(lambda end: CONTENT[: end % len(CONTENT)], st.integers(0, 5000)),
        st.builds(
            lambda at, put: CONTENT[: at % len(CONTENT)] + put + CONTENT[at % len(CONTENT) + len(put) :],
            st.integers(0, 5000),
            st.binary(min_size=1, max_size=4),
        ),
    )
)
def test_what_a_careless_authority_signs_ends_so_too(content: bytes) -> None:
    try:
        opened = OPENER.open(AUTHORITY.sign(content), "someone", NOW)
    except NatsuinError:
        return
    assert content == CONTENT
    assert opened.header == HEADER
