import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from natsuin.algorithms import KeyAlgorithm
from natsuin.certification import (
    REQUEST_LIMIT,
    KeyNotAllowed,
    PrivateKey,
    RequestMalformed,
    RequestTooLarge,
    SubjectDiffers,
    Validity,
    check_request,
    issue_signer_certificate,
    make_request,
)
from natsuin.errors import NatsuinError
from natsuin.sam.protocol import Subject

SUBJECT = Subject(common_name="山田 太郎", country="JP", organization="株式会社捺印")
KEY = ec.generate_private_key(ec.SECP256R1())
REQUEST = make_request(KEY, SUBJECT)


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_request_of_every_kind_of_key_passes(algorithm: KeyAlgorithm, keys: dict[KeyAlgorithm, PrivateKey]) -> None:
    checked = check_request(make_request(keys[algorithm], SUBJECT), SUBJECT)
    assert checked.algorithm is algorithm
    assert checked.public_key == keys[algorithm].public_key()
    assert checked.subject == SUBJECT


@pytest.mark.parametrize(
    "other",
    [
        Subject(common_name="山田 花子", country="JP", organization="株式会社捺印"),
        Subject(common_name="山田 太郎", country="US", organization="株式会社捺印"),
        Subject(common_name="山田 太郎", country="JP"),
        Subject(common_name="山田 太郎", country="JP", organization="別会社"),
        Subject(common_name="山田　太郎", country="JP", organization="株式会社捺印"),
    ],
)
def test_a_request_for_somebody_else_is_refused(other: Subject) -> None:
    with pytest.raises(SubjectDiffers):
        check_request(REQUEST, other)
    with pytest.raises(SubjectDiffers):
        check_request(make_request(KEY, other), SUBJECT)


def _request(*attributes: tuple[x509.ObjectIdentifier, str]) -> bytes:
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


COUNTRY, COMMON, ORGANIZATION = NameOID.COUNTRY_NAME, NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME


def test_the_order_of_the_names_parts_does_not_matter() -> None:
    der = _request((COMMON, "山田 太郎"), (ORGANIZATION, "株式会社捺印"), (COUNTRY, "JP"))
    assert check_request(der, SUBJECT).subject == SUBJECT


@pytest.mark.parametrize(
    "extra", [(COMMON, "鈴木"), (NameOID.EMAIL_ADDRESS, "a@b.test"), (NameOID.SERIAL_NUMBER, "1"), (COUNTRY, "JP")]
)
def test_a_name_with_more_parts_is_refused(extra: tuple[x509.ObjectIdentifier, str]) -> None:
    parts = [(COUNTRY, "JP"), (ORGANIZATION, "株式会社捺印"), (COMMON, "山田 太郎")]
    with pytest.raises(SubjectDiffers):
        check_request(_request(*parts, extra), SUBJECT)


def test_a_broken_signature_is_refused() -> None:
    with pytest.raises(RequestMalformed, match="does not verify"):
        check_request(REQUEST[:-1] + bytes([REQUEST[-1] ^ 1]), SUBJECT)


def test_another_persons_public_key_put_into_a_request_is_refused() -> None:
    victim = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    forged = REQUEST.replace(KEY.public_key().public_bytes(*point), victim.public_bytes(*point))
    assert forged != REQUEST
    with pytest.raises(RequestMalformed, match="does not verify"):
        check_request(forged, SUBJECT)


def test_a_weak_key_is_refused_before_its_signature_is_looked_at() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  # weak on purpose
    name = x509.Name([x509.NameAttribute(COMMON, "A")])
    der = x509.CertificateSigningRequestBuilder().subject_name(name).sign(weak, hashes.SHA256())
    with pytest.raises(KeyNotAllowed):
        check_request(der.public_bytes(serialization.Encoding.DER), Subject(common_name="A"))


def test_a_request_signed_over_sha1_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key.write_bytes(KEY.private_bytes(*pem))
    command = ["openssl", "req", "-new", "-sha1", "-key", key, "-subj", "/C=JP/CN=A", "-outform", "DER"]
    der = subprocess.run(command, check=True, capture_output=True).stdout
    with pytest.raises(RequestMalformed, match="no longer safe"):
        check_request(der, Subject(common_name="A"))


def test_a_request_signed_with_pss_passes(keys: dict[KeyAlgorithm, PrivateKey]) -> None:
    key = keys[KeyAlgorithm.RSA_3072]
    name = x509.Name([x509.NameAttribute(COUNTRY, "JP"), x509.NameAttribute(COMMON, "A")])
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256(), rsa_padding=pss)
    der = request.public_bytes(serialization.Encoding.DER)
    assert check_request(der, Subject(common_name="A")).algorithm is KeyAlgorithm.RSA_3072


def test_extensions_asked_for_are_not_granted(world: Any) -> None:
    name = x509.Name([x509.NameAttribute(COUNTRY, "JP"), x509.NameAttribute(COMMON, "A")])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(KEY, hashes.SHA256())
    )
    checked = check_request(request.public_bytes(serialization.Encoding.DER), Subject(common_name="A"))
    validity = Validity.starting(world.now, timedelta(days=1))
    certificate = issue_signer_certificate(
        world.issuing, checked, person_reference="p", validity=validity, rules=world.rules
    )
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_huge_request_is_not_even_parsed() -> None:
    with pytest.raises(RequestTooLarge):
        check_request(b"\x30" * (REQUEST_LIMIT + 1), SUBJECT)


@pytest.mark.parametrize("junk", [b"", b"\x30\x80\x00\x00", REQUEST + b"\x00", REQUEST[:-1], b"-----BEGIN"])
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(RequestMalformed):
        check_request(junk, SUBJECT)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(REQUEST) - 1), st.integers(0, 255), st.integers(0, 40))
def test_a_damaged_request_never_passes_and_never_surprises(place: int, value: int, removed: int) -> None:
    damaged = REQUEST[:place] + bytes([value]) + REQUEST[place + 1 + removed :]
    if damaged == REQUEST:
        return
    with pytest.raises(NatsuinError):
        check_request(damaged, SUBJECT)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(junk: bytes) -> None:
    with pytest.raises(NatsuinError):
        check_request(junk, SUBJECT)
