from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from natsuin.certification import (
    OCSP_REQUEST_LIMIT,
    Responder,
    Revocation,
    RevocationReason,
    Standing,
    Validity,
    answer_ocsp,
    issue_responder_certificate,
    service_subject,
)
from natsuin.certification.online_status import OCSP_QUESTIONS_LIMIT
from natsuin.certification.public_keys import builder_hash
from natsuin.certification.structures import (
    AlgorithmIdentifier,
    CertID,
    Extension,
    OCSPRequest,
    Request,
    TBSRequest,
    tlv,
)
from natsuin.errors import StorageFailed

NONCE = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.2")
OTHER = x509.ObjectIdentifier("1.2.3.4.5")
Status = ocsp.OCSPResponseStatus


def _ask(world: Any, *, algorithm: hashes.HashAlgorithm, nonce: bytes | None = None) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(world.signer, world.issuing.certificate, algorithm)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(serialization.Encoding.DER)


def _answer(world: Any, request: bytes, standing: Any = Standing.GOOD) -> ocsp.OCSPResponse:
    der = answer_ocsp(request, world.responder, standing_of=lambda serial: standing, at=world.now)
    return ocsp.load_der_ocsp_response(der)


def _query(world: Any, *questions: Request, extensions: list[Extension] | None = None, version: int = 0) -> bytes:
    body = TBSRequest(version=version, requestor_name=None, request_list=list(questions), request_extensions=extensions)
    return asn1.encode_der(OCSPRequest(tbs_request=body, optional_signature=None))


def _question(world: Any, serial: int = 5, *, ours: bool = True, oid: str = "1.3.14.3.2.26") -> Request:
    name, key = world.responder.issuer_hashes["sha1"]
    return Request(
        req_cert=CertID(
            hash_algorithm=AlgorithmIdentifier(algorithm=x509.ObjectIdentifier(oid), parameters=asn1.Null()),
            issuer_name_hash=name,
            issuer_key_hash=key if ours else bytes(20),
            serial_number=serial,
        ),
        single_request_extensions=None,
    )


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()])  # noqa: S303
def test_a_good_certificate(world: Any, algorithm: hashes.HashAlgorithm) -> None:
    answer = _answer(world, _ask(world, algorithm=algorithm))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.serial_number == world.signer.serial_number
    assert answer.hash_algorithm.name == algorithm.name
    assert answer.this_update_utc == answer.produced_at_utc == world.now.replace(microsecond=0)
    assert answer.next_update_utc == world.now.replace(microsecond=0) + timedelta(hours=12)


def test_the_answer_is_signed_and_names_the_responder_by_its_key(world: Any) -> None:
    answer = _answer(world, _ask(world, algorithm=hashes.SHA256()))
    assert answer.responder_name is None
    key = world.responder.key.public_key()
    assert answer.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(key).digest
    assert answer.certificates == [world.responder.certificate]
    key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(answer.signature_hash_algorithm))


@pytest.mark.parametrize("reason", RevocationReason)
def test_a_revoked_certificate(world: Any, reason: RevocationReason) -> None:
    fact = Revocation(world.signer.serial_number, world.now - timedelta(days=3), reason)
    answer = _answer(world, _ask(world, algorithm=hashes.SHA256()), fact)
    assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert answer.revocation_time_utc == fact.at.replace(microsecond=0)
    if reason is RevocationReason.UNSPECIFIED:
        assert answer.revocation_reason is None
    else:
        assert answer.revocation_reason is not None
        assert answer.revocation_reason.value == reason.value


def test_a_certificate_never_issued_is_unknown_not_good(world: Any) -> None:
    answer = _answer(world, _ask(world, algorithm=hashes.SHA256()), Standing.UNKNOWN)
    assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


@pytest.mark.parametrize("length", [1, 16, 32, 128])
def test_a_nonce_comes_back(world: Any, length: int) -> None:
    nonce = bytes(range(length))
    answer = _answer(world, _ask(world, algorithm=hashes.SHA256(), nonce=nonce))
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce


def test_without_nonce_none_comes_back(world: Any) -> None:
    assert len(_answer(world, _ask(world, algorithm=hashes.SHA256())).extensions) == 0


@pytest.mark.parametrize("value", [b"\x04\x00", b"\x04\x81\x81" + bytes(129), b"raw", b"", b"\x02\x01\x05"])
def test_a_nonce_of_wrong_length_or_form_is_malformed(world: Any, value: bytes) -> None:
    extension = Extension(extn_id=NONCE, critical=False, extn_value=value)
    answer = _answer(world, _query(world, _question(world), extensions=[extension]))
    assert answer.response_status is Status.MALFORMED_REQUEST


def test_two_nonces_are_malformed(world: Any) -> None:
    extension = Extension(extn_id=NONCE, critical=False, extn_value=b"\x04\x01\x00")
    answer = _answer(world, _query(world, _question(world), extensions=[extension, extension]))
    assert answer.response_status is Status.MALFORMED_REQUEST


@pytest.mark.parametrize(("critical", "status"), [(True, Status.MALFORMED_REQUEST), (False, Status.SUCCESSFUL)])
def test_unknown_extensions_are_refused_only_when_critical(world: Any, critical: bool, status: Status) -> None:
    extension = Extension(extn_id=OTHER, critical=critical, extn_value=b"x")
    assert _answer(world, _query(world, _question(world), extensions=[extension])).response_status is status
    question = _question(world)
    question.single_request_extensions = [extension]
    assert _answer(world, _query(world, question)).response_status is status


def test_several_questions_get_several_answers_in_order(world: Any) -> None:
    facts = {1: Standing.GOOD, 2: Revocation(2, world.now), 3: Standing.UNKNOWN, 4: Standing.GOOD}
    asked = []

    def standing_of(serial: int) -> Revocation | Standing:
        asked.append(serial)
        return facts[serial]

    questions = [_question(world, 1), _question(world, 2), _question(world, 3), _question(world, 4, ours=False)]
    der = answer_ocsp(_query(world, *questions), world.responder, standing_of=standing_of, at=world.now)
    answers = list(ocsp.load_der_ocsp_response(der).responses)
    assert [a.serial_number for a in answers] == [1, 2, 3, 4]
    assert [a.certificate_status.name for a in answers] == ["GOOD", "REVOKED", "UNKNOWN", "UNKNOWN"]
    assert asked == [1, 2, 3]


def test_a_question_about_another_issuer_is_not_ours(world: Any) -> None:
    assert _answer(world, _query(world, _question(world, ours=False))).response_status is Status.UNAUTHORIZED
    md5 = _question(world, oid="1.2.840.113549.2.5")
    assert _answer(world, _query(world, md5)).response_status is Status.UNAUTHORIZED


def test_facts_that_cannot_be_had_now_say_try_later(world: Any) -> None:
    def fail(serial: int) -> Standing:
        raise StorageFailed("disk")

    der = answer_ocsp(_query(world, _question(world)), world.responder, standing_of=fail, at=world.now)
    assert ocsp.load_der_ocsp_response(der).response_status is Status.TRY_LATER


def test_bounds(world: Any) -> None:
    most = [_question(world, serial) for serial in range(OCSP_QUESTIONS_LIMIT + 1)]
    assert _answer(world, _query(world, *most[:-1])).response_status is Status.SUCCESSFUL
    assert _answer(world, _query(world, *most)).response_status is Status.MALFORMED_REQUEST
    assert _answer(world, _query(world)).response_status is Status.MALFORMED_REQUEST
    assert _answer(world, _query(world, _question(world), version=1)).response_status is Status.MALFORMED_REQUEST
    assert _answer(world, b"\x30" * (OCSP_REQUEST_LIMIT + 1)).response_status is Status.MALFORMED_REQUEST


def test_a_requesters_name_and_signature_are_tolerated_and_not_read(world: Any) -> None:
    request = asn1.decode_der(OCSPRequest, _query(world, _question(world)))
    request.tbs_request.requestor_name = [tlv(b"\x86\x01a")]
    request.optional_signature = [tlv(b"\x30\x00")]
    assert _answer(world, asn1.encode_der(request)).response_status is Status.SUCCESSFUL


def test_serial_numbers_of_any_size_are_answered(world: Any) -> None:
    for serial in (0, -5, 2**159, 2**4000):
        answer = _answer(world, _query(world, _question(world, serial)), Standing.UNKNOWN)
        assert answer.serial_number == serial


def test_every_kind_of_responder_key_answers(world: Any, keys: Any) -> None:
    for key in keys.values():
        certificate = issue_responder_certificate(
            world.issuing,
            key.public_key(),
            subject=service_subject("OCSP", demo=False),
            validity=Validity.starting(world.now, timedelta(days=9)),
            rules=world.rules,
        )
        responder = Responder(certificate, key, world.issuing.certificate)
        request = _ask(world, algorithm=hashes.SHA256())
        der = answer_ocsp(request, responder, standing_of=lambda serial: Standing.GOOD, at=world.now)
        answer = ocsp.load_der_ocsp_response(der)
        assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
        assert answer.signature_algorithm_oid == _expected_oid(key)


def _expected_oid(key: Any) -> x509.ObjectIdentifier:
    name = x509.Name([])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, builder_hash(key.public_key())).signature_algorithm_oid


def _is_an_answer(der: bytes) -> bool:
    return ocsp.load_der_ocsp_response(der).response_status in set(Status)


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, 200), value=st.integers(0, 255), removed=st.integers(0, 30))
def test_damaged_questions_are_answered(world: Any, place: int, value: int, removed: int) -> None:
    whole = _ask(world, algorithm=hashes.SHA256(), nonce=bytes(32))
    place %= len(whole)
    damaged = whole[:place] + bytes([value]) + whole[place + 1 + removed :]
    der = answer_ocsp(damaged, world.responder, standing_of=lambda serial: Standing.GOOD, at=world.now)
    assert _is_an_answer(der)


@settings(max_examples=300, deadline=None)
@given(junk=st.binary(max_size=200))
def test_junk_is_answered(world: Any, junk: bytes) -> None:
    der = answer_ocsp(junk, world.responder, standing_of=lambda serial: Standing.GOOD, at=world.now)
    assert ocsp.load_der_ocsp_response(der).response_status is not Status.SUCCESSFUL
