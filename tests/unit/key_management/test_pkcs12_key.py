"""PKCS#12 from outside: one key with its certificate, and nothing else, whatever the bytes."""

import pytest
from asn1crypto import pkcs12
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from natsuin.errors import NatsuinError, TooLarge
from natsuin.key_management import BadPKCS12
from natsuin.key_management.pkcs12_key import read_pkcs12
from rigs.key_envelopes import PASSWORD, ImportingAuthority, der, key_file, many_rounds

KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = ImportingAuthority()
CERTIFICATE = AUTHORITY.certify(KEY.public_key())
FILE = key_file(KEY, CERTIFICATE, [AUTHORITY.certificate])


def test_the_keys_own_certificate_comes_first() -> None:
    found = read_pkcs12(FILE, PASSWORD)
    assert found.certificates == (der(CERTIFICATE), der(AUTHORITY.certificate))
    assert "private_key" not in repr(found)


def test_the_work_that_a_file_asks_for_is_bounded() -> None:
    for rounds, refused in ((1_000_000, False), (1_000_001, True), (2_000_000_000, True)):
        file = pkcs12.Pfx.load(many_rounds(KEY, CERTIFICATE, 2))
        file["mac_data"]["iterations"] = rounds
        with pytest.raises(TooLarge if refused else BadPKCS12):
            read_pkcs12(file.dump(force=True), PASSWORD)
    for rounds in (1, 100_000):
        assert read_pkcs12(many_rounds(KEY, CERTIFICATE, rounds), PASSWORD).certificates


def test_a_file_that_its_password_does_not_protect_is_refused() -> None:
    file = pkcs12.Pfx.load(FILE)
    file["mac_data"] = None
    with pytest.raises(BadPKCS12, match="protected"):
        read_pkcs12(file.dump(force=True), PASSWORD)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda at, put: FILE[: at % len(FILE)] + put + FILE[at % len(FILE) + len(put) :],
            st.integers(0, 5000),
            st.binary(min_size=1, max_size=6),
        ),
        st.builds(lambda end: FILE[: end % len(FILE)], st.integers(0, 5000)),
        st.builds(lambda more: FILE + more, st.binary(min_size=1, max_size=8)),
    )
)
def test_hostile_bytes_end_in_the_projects_own_errors(data: bytes) -> None:
    try:
        found = read_pkcs12(data, PASSWORD)
    except NatsuinError:
        return
    assert found.certificates[0] == der(CERTIFICATE)


@settings(max_examples=50, deadline=None)
@example("\0")
@example("a" * 201)
@given(st.text(max_size=250))
def test_no_other_password_opens_it(password: str) -> None:
    try:
        read_pkcs12(FILE, password)
    except NatsuinError:
        return
    assert password == PASSWORD
