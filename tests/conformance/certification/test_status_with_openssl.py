"""`openssl ocsp` asks our answers over HTTP on the loopback, and checks nonce, signature, delegation and dates."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from natsuin.certification import Revocation, Standing, answer_ocsp


@pytest.fixture(scope="module")
def address(installation: Any) -> Iterator[str]:
    issued = {
        installation.good.serial_number: Standing.GOOD,
        installation.revoked.serial_number: installation.revocation,
    }

    def standing_of(serial: int) -> Revocation | Standing:
        return issued.get(serial, Standing.UNKNOWN)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = answer_ocsp(body, installation.responder, standing_of=standing_of, at=datetime.now(UTC))
            self.send_response(200)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/ocsp"
    server.shutdown()
    server.server_close()


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


def test_another_responder_of_the_same_authority_is_not_believed(installation: Any, address: str) -> None:
    installation.run(
        "openssl", "ocsp", "-issuer", "issuing.pem", "-cert", "good.pem", "-url", address, "-respout", "answer.der",
        "-no_nonce", "-noverify",
    )  # fmt: skip
    answer = bytearray((installation.folder / "answer.der").read_bytes())
    place = bytes(answer).rindex(installation.responder.certificate.tbs_certificate_bytes) - 80
    answer[place] ^= 1
    (installation.folder / "forged.der").write_bytes(answer)
    result = installation.run(
        "openssl", "ocsp", "-issuer", "issuing.pem", "-cert", "good.pem", "-respin", "forged.der", "-CAfile", "root.pem"
    )
    assert b"Response verify OK" not in result.stderr
