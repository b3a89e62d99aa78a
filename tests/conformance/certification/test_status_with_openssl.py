"""`openssl ocsp` asks our answers over HTTP on the loopback, and checks nonce, signature, delegation and dates."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from natsuin.certification import Responder, Standing, answer_ocsp


@pytest.fixture
def installation(served: Any) -> Any:
    return served[0]


@pytest.fixture
def address(served: Any) -> str:
    return served[1]


def _ask(installation: Any, address: str, *questions: str) -> Any:
    return installation.run(
        "openssl", "ocsp", "-issuer", "issuing.pem", *questions, "-url", address, "-CAfile", "root.pem", "-resp_text"
    )


def test_good(installation: Any, address: str) -> None:
    result = _ask(installation, address, "-cert", "good.pem")
    assert b"Response verify OK" in result.stderr, result.stderr
    assert b"good.pem: good" in result.stdout
    assert b"WARNING" not in result.stderr, "the nonce came back"


def test_revoked_with_reason(installation: Any, address: str) -> None:
    result = _ask(installation, address, "-cert", "revoked.pem")
    assert b"Response verify OK" in result.stderr, result.stderr
    assert b"revoked.pem: revoked" in result.stdout
    assert b"Reason: keyCompromise" in result.stdout


def test_never_issued(installation: Any, address: str) -> None:
    result = _ask(installation, address, "-serial", "0x1234")
    assert b"Response verify OK" in result.stderr, result.stderr
    assert b"0x1234: unknown" in result.stdout


def test_several_at_once_also_by_sha256(installation: Any, address: str) -> None:
    result = _ask(installation, address, "-cert", "good.pem", "-sha256", "-cert", "revoked.pem", "-cert", "tsa.pem")
    assert b"Response verify OK" in result.stderr, result.stderr
    assert b"good.pem: good" in result.stdout
    assert b"revoked.pem: revoked" in result.stdout
    assert b"tsa.pem: unknown" in result.stdout


def test_a_foreign_issuer_is_told_that_this_is_the_wrong_place(installation: Any, address: str) -> None:
    result = installation.run(
        "openssl", "ocsp", "-issuer", "root.pem", "-cert", "issuing.pem", "-url", address, "-CAfile", "root.pem"
    )
    assert b"unauthorized" in result.stdout + result.stderr


def _check(installation: Any, answer: bytes) -> Any:
    (installation.folder / "answer.der").write_bytes(answer)
    files = ("-issuer", "issuing.pem", "-cert", "good.pem", "-respin", "answer.der", "-CAfile", "root.pem")
    return installation.run("openssl", "ocsp", *files)


def _answer(installation: Any, responder: Responder) -> bytes:
    builder = ocsp.OCSPRequestBuilder()
    builder = builder.add_certificate(installation.good, installation.issuing.certificate, hashes.SHA256())
    request = builder.build().public_bytes(Encoding.DER)
    return answer_ocsp(request, responder, standing_of=lambda serial: Standing.GOOD, at=datetime.now(UTC))


def test_a_changed_answer_is_not_believed(installation: Any) -> None:
    answer = _answer(installation, installation.responder)
    assert b"Response verify OK" in _check(installation, answer).stderr
    signature = ocsp.load_der_ocsp_response(answer).signature
    changed = answer.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))
    assert b"Response Verify Failure" in _check(installation, changed).stderr


def test_a_certificate_for_another_purpose_cannot_answer(installation: Any) -> None:
    tsa = installation.tsa
    responder = Responder(tsa.certificate, tsa.key, installation.issuing.certificate)
    assert b"Response Verify Failure" in _check(installation, _answer(installation, responder)).stderr
