"""An authority made now, with its files laid out for command-line tools, which read the time of day themselves."""

import base64
import subprocess
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin.certification import (
    Authority,
    CertificatePolicy,
    IssuingRules,
    PrivateKey,
    Publication,
    Responder,
    Revocation,
    RevocationReason,
    Standing,
    TimeStampAuthority,
    Validity,
    answer_ocsp,
    check_request,
    issue_responder_certificate,
    issue_signer_certificate,
    issue_time_stamping_certificate,
    make_crl,
    make_issuing,
    make_request,
    make_root,
    service_subject,
)
from natsuin.sam.protocol import Subject

DAY = timedelta(days=1)
POLICY = "1.3.6.1.4.1.99999.1.1"
STAMP_POLICY = "1.3.6.1.4.1.99999.2.1"

ROOTS: dict[str, Callable[[], PrivateKey]] = {
    "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@dataclass(frozen=True)
class Installation:
    """Keys and certificates, and a folder with the certificates (`good.pem`) and lists (`issuing.crl.pem`) as files."""

    now: datetime
    folder: Path
    root: Authority
    issuing: Authority
    good: x509.Certificate
    good_key: PrivateKey
    revoked: x509.Certificate
    revoked_key: PrivateKey
    revocation: Revocation
    responder: Responder
    tsa: TimeStampAuthority

    def run(self, *command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a tool in the folder; its answer is for the test to judge."""
        return subprocess.run(command, cwd=self.folder, input=data, capture_output=True, check=False, timeout=60)


def _service_keys() -> list[ec.EllipticCurvePrivateKey]:
    return [ec.generate_private_key(ec.SECP256R1()) for _ in range(5)]


def build(folder: Path, root_key: PrivateKey, base: str = "http://127.0.0.1:9") -> Installation:
    """A whole installation whose root has the given key, and whose certificates say that it publishes under `base`."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    issuing_key, good_key, revoked_key, ocsp_key, tsa_key = _service_keys()
    validity = Validity.starting(now, 30 * DAY)
    root_subject = service_subject("Root CA", demo=True)
    root = Authority(make_root(root_key, root_subject, validity=Validity.starting(now, 3650 * DAY)), root_key)
    issuing = Authority(
        make_issuing(
            root,
            issuing_key.public_key(),
            subject=service_subject("Issuing CA", demo=True),
            validity=Validity.starting(now, 365 * DAY),
            publication=Publication(f"{base}/root.crl", f"{base}/root.cer"),
        ),
        issuing_key,
    )
    rules = IssuingRules(
        Publication(f"{base}/issuing.crl", f"{base}/issuing.cer", f"{base}/ocsp"),
        CertificatePolicy(POLICY, f"{base}/cps"),
        demo=True,
    )

    def person(name: str, key: PrivateKey) -> x509.Certificate:
        subject = Subject(common_name=name, organization="株式会社捺印")
        request = check_request(make_request(key, subject), subject)
        return issue_signer_certificate(issuing, request, person_reference="p-7f3a", validity=validity, rules=rules)

    def service(issue: Callable[..., x509.Certificate], role: str, key: PrivateKey) -> x509.Certificate:
        return issue(
            issuing, key.public_key(), subject=service_subject(role, demo=True), validity=validity, rules=rules
        )

    good, revoked = person("山田 太郎", good_key), person("鈴木 花子", revoked_key)
    revocation = Revocation(revoked.serial_number, now, RevocationReason.KEY_COMPROMISE)
    installation = Installation(
        now=now,
        folder=folder,
        root=root,
        issuing=issuing,
        good=good,
        good_key=good_key,
        revoked=revoked,
        revoked_key=revoked_key,
        revocation=revocation,
        responder=Responder(
            service(issue_responder_certificate, "OCSP Responder", ocsp_key), ocsp_key, issuing.certificate
        ),
        tsa=TimeStampAuthority(
            service(issue_time_stamping_certificate, "Time-Stamping Authority", tsa_key),
            tsa_key,
            STAMP_POLICY,
            chain=(issuing.certificate,),
        ),
    )
    _lay_out(installation)
    return installation


def _lay_out(made: Installation) -> None:
    certificates = {
        "root": made.root.certificate,
        "issuing": made.issuing.certificate,
        "good": made.good,
        "revoked": made.revoked,
        "ocsp": made.responder.certificate,
        "tsa": made.tsa.certificate,
    }
    for name, certificate in certificates.items():
        (made.folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    lists = {"root": (made.root, ()), "issuing": (made.issuing, (made.revocation,))}
    for name, (authority, revoked) in lists.items():
        der = make_crl(authority, revoked, number=1, this_update=made.now, next_update=made.now + DAY)
        (made.folder / f"{name}.crl").write_bytes(der)
        (made.folder / f"{name}.crl.pem").write_bytes(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM))


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return build(tmp_path_factory.mktemp("pki"), ROOTS["p-384"]())


@pytest.fixture(scope="session", params=ROOTS)
def any_installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One for each kind of root key."""
    return build(tmp_path_factory.mktemp("pki"), ROOTS[request.param]())


class StatusServer(ThreadingHTTPServer):
    """Answers OCSP on the loopback for an installation that is set after the port is known."""

    installation: Installation

    def answer(self, request: bytes) -> bytes:
        """What our function answers, with the facts of this installation."""
        made = self.installation
        issued: dict[int, Revocation | Standing] = {
            made.good.serial_number: Standing.GOOD,
            made.revoked.serial_number: made.revocation,
        }

        def standing_of(serial: int) -> Revocation | Standing:
            return issued.get(serial, Standing.UNKNOWN)

        return answer_ocsp(request, made.responder, standing_of=standing_of, at=datetime.now(UTC))


class StatusHandler(BaseHTTPRequestHandler):
    """POST, and GET with the request in the path (RFC 6960, appendix A)."""

    server: StatusServer

    def do_POST(self) -> None:
        self._send(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self) -> None:
        self._send(base64.b64decode(urllib.parse.unquote(self.path.removeprefix("/ocsp/"))))

    def _send(self, request: bytes) -> None:
        answer = self.server.answer(request)
        self.send_response(200)
        self.send_header("Content-Type", "application/ocsp-response")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, str]]:
    """An installation whose certificates name an OCSP responder that runs, and the responder's address."""
    server = StatusServer(("127.0.0.1", 0), StatusHandler)
    base = f"http://127.0.0.1:{server.server_port}"
    server.installation = build(tmp_path_factory.mktemp("pki"), ROOTS["p-384"](), base)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.installation, f"{base}/ocsp"
    server.shutdown()
    server.server_close()
