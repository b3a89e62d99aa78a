import hashlib
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from natsuin.certification import (
    TIME_STAMP_REQUEST_LIMIT,
    TimeStampAuthority,
    Validity,
    answer_time_stamp,
    issue_time_stamping_certificate,
    service_subject,
)
from natsuin.certification.structures import AlgorithmIdentifier, Extension, MessageImprint, TimeStampReq, TimeStampResp

OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3_256": "2.16.840.1.101.3.4.2.8",
}


def _request(hash_name: str = "sha256", **changes: Any) -> bytes:
    algorithm = AlgorithmIdentifier(algorithm=x509.ObjectIdentifier(OIDS[hash_name]), parameters=asn1.Null())
    digest = changes.pop("digest", hashlib.new(hash_name, b"document").digest())
    fields = {
        "version": 1,
        "message_imprint": MessageImprint(hash_algorithm=algorithm, hashed_message=digest),
        "req_policy": None,
        "nonce": 2**63 + 5,
        "cert_req": True,
        "extensions": None,
    } | changes
    return asn1.encode_der(TimeStampReq(**fields))


def _granted(world: Any, request: bytes, **changes: Any) -> tuple[Any, Any]:
    """TSTInfo and SignedData, read by asn1crypto, which had no part in writing them."""
    der = answer_time_stamp(request, changes.pop("authority", world.tsa), at=changes.pop("at", world.now))
    answer = tsp.TimeStampResp.load(der, strict=True)
    assert answer["status"]["status"].native == "granted"
    signed: cms.SignedData = answer["time_stamp_token"]["content"]
    return signed["encap_content_info"]["content"].parsed, signed


def _failure(world: Any, request: bytes, at: datetime | None = None) -> int:
    answer = asn1.decode_der(TimeStampResp, answer_time_stamp(request, world.tsa, at=at or world.now))
    assert answer.status.status == 2
    assert answer.time_stamp_token is None
    assert answer.status.status_string
    assert answer.status.fail_info is not None
    bits, padding = answer.status.fail_info.as_bytes(), answer.status.fail_info.padding_bits()
    number = int.from_bytes(bits, "big") >> padding
    assert number == 1, "exactly one bit, the last"
    return len(bits) * 8 - padding - 1


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_a_time_stamp_says_when_and_what(world: Any, hash_name: str) -> None:
    info, _ = _granted(world, _request(hash_name))
    assert info["version"].native == "v1"
    assert info["policy"].native == world.tsa.policy
    assert info["message_imprint"]["hash_algorithm"]["algorithm"].native == hash_name
    assert info["message_imprint"]["hashed_message"].native == hashlib.new(hash_name, b"document").digest()
    assert info["gen_time"].native == world.now.replace(microsecond=123000)
    assert info["accuracy"]["seconds"].native == 1
    assert info["accuracy"]["millis"].native is None
    assert info["ordering"].native is False
    assert info["nonce"].native == 2**63 + 5


def test_the_imprint_comes_back_byte_for_byte(world: Any) -> None:
    algorithm = AlgorithmIdentifier(algorithm=x509.ObjectIdentifier(OIDS["sha256"]), parameters=None)
    imprint = MessageImprint(hash_algorithm=algorithm, hashed_message=bytes(32))
    info, _ = _granted(world, _request(message_imprint=imprint))
    assert info["message_imprint"].dump() == asn1.encode_der(imprint)


def test_the_signature_names_its_certificate(world: Any) -> None:
    info, signed = _granted(world, _request())
    (signer,) = signed["signer_infos"]
    attributes = {a["type"].native: a["values"][0] for a in signer["signed_attrs"]}
    assert attributes["content_type"].native == "tst_info"
    assert attributes["message_digest"].native == hashlib.sha256(info.dump()).digest()
    named = attributes["signing_certificate_v2"]["certs"][0]
    der = world.tsa.certificate.public_bytes(serialization.Encoding.DER)
    assert named["cert_hash"].native == hashlib.sha256(der).digest()
    assert named["issuer_serial"]["serial_number"].native == world.tsa.certificate.serial_number
    assert signer["sid"].chosen["serial_number"].native == world.tsa.certificate.serial_number


def test_certificates_come_only_when_asked_for(world: Any) -> None:
    _, signed = _granted(world, _request(cert_req=True))
    sent = {c.chosen.serial_number for c in signed["certificates"]}
    assert sent == {world.tsa.certificate.serial_number, world.issuing.certificate.serial_number}
    _, signed = _granted(world, _request(cert_req=False))
    assert signed["certificates"].native is None


@pytest.mark.parametrize("nonce", [None, 0, 1, -1, 2**64, 2**2000])
def test_any_nonce_comes_back(world: Any, nonce: int | None) -> None:
    assert _granted(world, _request(nonce=nonce))[0]["nonce"].native == nonce


def test_serial_numbers_are_random_and_long(world: Any) -> None:
    serials = {_granted(world, _request())[0]["serial_number"].native for _ in range(30)}
    assert len(serials) == 30
    assert {serial.bit_length() for serial in serials} == {128}


def test_accuracy_and_policy_are_the_operators(world: Any) -> None:
    authority = TimeStampAuthority(
        world.tsa.certificate, world.tsa.key, "1.2.3.4", accuracy=timedelta(seconds=2, microseconds=3004)
    )
    policy = x509.ObjectIdentifier("1.2.3.4")
    info, _ = _granted(world, _request(req_policy=policy), authority=authority)
    assert info["accuracy"].native == {"seconds": 2, "millis": 3, "micros": 4}
    assert info["policy"].native == "1.2.3.4"


def test_whole_seconds_have_no_fraction(world: Any) -> None:
    request = _request()
    der = answer_time_stamp(request, world.tsa, at=world.now.replace(microsecond=0))
    assert b"20261122123015Z" in der
    der = answer_time_stamp(request, world.tsa, at=world.now.replace(microsecond=120999))
    assert b"20261122123015.12Z" in der


BAD_ALGORITHM, BAD_REQUEST, BAD_DATA, NO_TIME, BAD_POLICY, BAD_EXTENSION = 0, 2, 5, 14, 15, 16


@pytest.mark.parametrize(
    ("request_der", "bit"),
    [
        (_request("sha1"), BAD_ALGORITHM),
        (_request("sha3_256"), BAD_ALGORITHM),
        (_request(digest=bytes(31)), BAD_DATA),
        (_request(digest=bytes(64)), BAD_DATA),
        (_request(digest=b""), BAD_DATA),
        (_request(version=0), BAD_REQUEST),
        (_request(version=2), BAD_REQUEST),
        (_request(req_policy=x509.ObjectIdentifier("1.2.3")), BAD_POLICY),
        (_request(extensions=[Extension(extn_id=x509.ObjectIdentifier("1.2.3"), critical=False, extn_value=b"")]), 16),
        (_request() + b"\x00", BAD_DATA),
        (_request()[:-1], BAD_DATA),
        (b"", BAD_DATA),
        (b"\x30\x80\x00\x00", BAD_DATA),
        (b"\x30" * (TIME_STAMP_REQUEST_LIMIT + 1), BAD_DATA),
        (_request(nonce=1 << 8 * TIME_STAMP_REQUEST_LIMIT), BAD_DATA),
    ],
    ids=[
        "sha-1",
        "sha3-256",
        "digest-short",
        "digest-long",
        "digest-empty",
        "version-0",
        "version-2",
        "policy",
        "extension",
        "trailing-byte",
        "cut",
        "empty",
        "indefinite-length",
        "huge",
        "huge-nonce",
    ],
)
def test_bad_requests_are_told_why(world: Any, request_der: bytes, bit: int) -> None:
    assert _failure(world, request_der) == bit


@pytest.mark.parametrize("days", [-1, 400])
def test_outside_its_certificates_validity_it_stamps_nothing(world: Any, days: int) -> None:
    assert _failure(world, _request(), at=world.now + timedelta(days=days)) == NO_TIME


def test_every_kind_of_key_stamps(world: Any, keys: Any) -> None:
    for key in keys.values():
        certificate = issue_time_stamping_certificate(
            world.issuing,
            key.public_key(),
            subject=service_subject("TSA", demo=False),
            validity=Validity.starting(world.now, timedelta(days=9)),
            rules=world.rules,
        )
        info, _ = _granted(world, _request(), authority=TimeStampAuthority(certificate, key, "1.2.3"))
        assert info["nonce"].native == 2**63 + 5


def test_a_time_stamp_with_p256_takes_less_than_two_milliseconds(world: Any) -> None:
    request = _request()
    taken = []
    for _ in range(50):
        start = time.perf_counter()
        answer_time_stamp(request, world.tsa, at=world.now)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.002


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, 200), value=st.integers(0, 255), removed=st.integers(0, 30))
def test_damaged_requests_are_answered(world: Any, place: int, value: int, removed: int) -> None:
    whole = _request(req_policy=x509.ObjectIdentifier(world.tsa.policy))
    place %= len(whole)
    damaged = whole[:place] + bytes([value]) + whole[place + 1 + removed :]
    answer = asn1.decode_der(TimeStampResp, answer_time_stamp(damaged, world.tsa, at=world.now))
    assert (answer.status.status, answer.time_stamp_token is None) in {(0, False), (2, True)}


@settings(max_examples=300, deadline=None)
@given(junk=st.binary(max_size=200))
def test_junk_is_refused(world: Any, junk: bytes) -> None:
    assert _failure(world, junk) == BAD_DATA
