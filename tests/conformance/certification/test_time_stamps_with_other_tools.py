"""Time-stamps asked for and checked by `openssl ts` and by rfc3161-client."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client.errors import VerificationError

from natsuin.certification import answer_time_stamp


def _stamped(installation: Any, *options: str) -> None:
    (installation.folder / "document").write_bytes(b"contract")
    query = installation.run("openssl", "ts", "-query", "-data", "document", *options, "-out", "q.tsq")
    assert query.returncode == 0, query.stderr
    request = (installation.folder / "q.tsq").read_bytes()
    answer = answer_time_stamp(request, installation.tsa, at=datetime.now(UTC))
    (installation.folder / "q.tsr").write_bytes(answer)


def _verify(installation: Any, *options: str) -> Any:
    return installation.run(
        "openssl", "ts", "-verify", "-in", "q.tsr", *options, "-CAfile", "root.pem", "-untrusted", "issuing.pem"
    )


@pytest.mark.parametrize("hash_name", ["-sha256", "-sha384", "-sha512"])
def test_openssl_accepts_a_time_stamp(any_installation: Any, hash_name: str) -> None:
    _stamped(any_installation, hash_name, "-cert")
    for against in (("-queryfile", "q.tsq"), ("-data", "document")):
        result = _verify(any_installation, *against)
        assert b"Verification: OK" in result.stdout, result.stderr


def test_openssl_accepts_one_without_certificates(installation: Any) -> None:
    _stamped(installation, "-sha256")
    both = installation.run("cat", "tsa.pem", "issuing.pem").stdout
    (installation.folder / "both.pem").write_bytes(both)
    result = installation.run(
        "openssl",
        "ts",
        "-verify",
        "-in",
        "q.tsr",
        "-queryfile",
        "q.tsq",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "both.pem",
    )
    assert b"Verification: OK" in result.stdout, result.stderr


def test_openssl_refuses_it_for_another_document(installation: Any) -> None:
    _stamped(installation, "-sha256", "-cert")
    (installation.folder / "document").write_bytes(b"another contract")
    assert b"message imprint mismatch" in _verify(installation, "-data", "document").stderr


def test_openssl_reads_a_rejection(installation: Any) -> None:
    _stamped(installation, "-sha1", "-cert")
    text = installation.run("openssl", "ts", "-reply", "-in", "q.tsr", "-text").stdout
    assert b"Status: Rejected." in text
    assert b"unrecognized or unsupported algorithm identifier" in text
    _stamped(installation, "-sha256", "-tspolicy", "1.2.3.4")
    text = installation.run("openssl", "ts", "-reply", "-in", "q.tsr", "-text").stdout
    assert b"the requested TSA policy is not supported" in text


@pytest.mark.parametrize("algorithm", [HashAlgorithm.SHA256, HashAlgorithm.SHA512])
def test_the_strict_rust_client_accepts_a_time_stamp(installation: Any, algorithm: HashAlgorithm) -> None:
    request = TimestampRequestBuilder().data(b"contract").hash_algorithm(algorithm).build()
    moment = datetime.now(UTC)
    answer = decode_timestamp_response(answer_time_stamp(request.as_bytes(), installation.tsa, at=moment))
    assert abs((answer.tst_info.gen_time - moment).total_seconds()) <= 1
    builder = VerifierBuilder(roots=[installation.root.certificate], nonce=request.nonce)
    verifier = builder.policy_id(answer.tst_info.policy).tsa_certificate(installation.tsa.certificate).build()
    assert verifier.verify_message(answer, b"contract")
    with pytest.raises(VerificationError):
        verifier.verify_message(answer, b"another contract")


def test_openssl_sees_the_digest_it_asked_for(installation: Any) -> None:
    _stamped(installation, "-sha384", "-cert")
    (installation.folder / "q.token.txt").write_bytes(
        installation.run("openssl", "ts", "-reply", "-in", "q.tsr", "-text").stdout
    )
    text = (installation.folder / "q.token.txt").read_text()
    assert "Accuracy: 0x01 seconds" in text
    assert "Policy OID: 1.3.6.1.4.1.99999.2.1" in text
    assert hashlib.sha384(b"contract").hexdigest()[:4] in text.replace(" ", "").replace("-", "")
