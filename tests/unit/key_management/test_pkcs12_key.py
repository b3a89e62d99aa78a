"""PKCS#12 from outside: one key with its certificate, and nothing else, whatever the bytes."""

import subprocess
from pathlib import Path

import pytest
from asn1crypto import pkcs12
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from natsuin.errors import NatsuinError, TooLarge
from natsuin.key_management import BadPKCS12
from natsuin.key_management.pkcs12_key import read_pkcs12
from rigs.key_envelopes import PASSWORD, ImportingAuthority, der, key_file, many_rounds
from rigs.pkcs12_bombs import hidden_rounds, many_parts, nested_rounds

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


def test_no_work_is_hidden_where_only_the_password_leads() -> None:
    """Two thousand million rounds take minutes of a core, and one file has room for hundreds of such keys."""
    for hidden, refused in ((hidden_rounds(2_000_000_000), TooLarge), (nested_rounds(2_000_000_000), BadPKCS12)):
        with pytest.raises(refused):
            read_pkcs12(hidden, PASSWORD)
    with pytest.raises(BadPKCS12, match="does not open"):
        read_pkcs12(hidden_rounds(2), PASSWORD)
    for parts, rounds in ((33, 1), (5, 1_000_000)):
        with pytest.raises(TooLarge):
            read_pkcs12(many_parts(parts, rounds), PASSWORD)


@pytest.mark.parametrize(
    "method", ["-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES", "-certpbe NONE -keypbe AES-256-CBC", ""]
)
def test_files_as_openssl_writes_them(tmp_path: Path, method: str) -> None:
    (tmp_path / "key.pem").write_bytes(
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + CERTIFICATE.public_bytes(Encoding.PEM)
    )
    command = ["openssl", "pkcs12", "-export", "-in", "key.pem", "-out", "key.p12", "-passout", f"pass:{PASSWORD}"]
    subprocess.run([*command, *method.split()], cwd=tmp_path, check=True, capture_output=True)
    content = (tmp_path / "key.p12").read_bytes()
    if "3DES" not in method:
        assert read_pkcs12(content, PASSWORD).certificates == (der(CERTIFICATE),)
        return
    with pytest.raises(BadPKCS12, match="before PBES2"):
        read_pkcs12(content, PASSWORD)


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
