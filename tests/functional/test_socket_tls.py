"""web and sam over mutual TLS: the same messages, and nobody in between or beside."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from natsuin.errors import Indeterminate, NatsuinError, Unavailable
from natsuin.sam import protocol
from natsuin.sam.client import SamClient
from natsuin.sam.connection import Listening
from natsuin.sam.frames import encode_request
from natsuin.sam.server import Server
from natsuin.sam.transport import TLSFiles, TransportRefused, client_context, server_context
from rigs.asking_sam import ask_sam


@dataclass
class Authority:
    """A certification authority of the test's own."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.folder.name)])
        certificate = self._sign(self.name, self.key.public_key(), x509.BasicConstraints(True, None))
        self.file = self.folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, trusting: "Authority | None" = None, names: tuple[str, ...] = ()) -> TLSFiles:
        """Files of one side named `name`, which trusts `trusting` (default: this authority) and lets in `names`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), x509.SubjectAlternativeName([x509.DNSName(name)]))
        certificate_file, key_file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return TLSFiles(certificate_file, key_file, (trusting or self).file, names)

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: Any) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "theirs")


def handled(message: protocol.Request) -> protocol.Response:
    if isinstance(message, protocol.Sign):
        return protocol.Signed(signatures=message.dtbs, receipt="")
    return protocol.Cancelled(unused=7)


def with_server(files: TLSFiles, test: Callable[[int], Any], *, awaited: str = "") -> list[dict[str, Any]]:
    """What the server logs during `test`, and after it until the event `awaited`, for ten seconds at most."""

    async def main() -> list[dict[str, Any]]:
        server = Server(handled, Listening("tls:localhost:0", tls=files))
        await server.start()
        try:
            with structlog.testing.capture_logs() as logs:
                await asyncio.wait_for(test(server.port), 30)
                for _ in range(200 if awaited else 1):
                    await asyncio.sleep(0.05)
                    if awaited in {log["event"] for log in logs}:
                        break
            return [dict(log) for log in logs]
        finally:
            await server.stop()

    return asyncio.run(main())


def test_same_messages_as_on_the_unix_socket(authority: Authority) -> None:
    async def test(port: int) -> None:
        client = SamClient(f"tls:localhost:{port}", authority.issue("web"), connections=2)
        messages = [protocol.Sign(sad=b"", dtbs=(bytes(100_000), bytes([number]))) for number in range(20)]
        answers = await asyncio.gather(*(client.call(message) for message in messages))
        assert [answer.signatures for answer in answers] == [message.dtbs for message in messages]
        await client.close()
        asked = await asyncio.to_thread(ask_sam, f"tls:localhost:{port}", protocol.Hello(), tls=authority.issue("tool"))
        assert asked == protocol.Cancelled(unused=7)

    with_server(authority.issue("localhost", names=("web", "tool")), test)


def refused(port: int, files: TLSFiles) -> Any:
    async def ask() -> NatsuinError:
        client = SamClient(f"tls:localhost:{port}", files)
        try:
            with pytest.raises(Unavailable) as caught:
                await client.call(protocol.Hello(), deadline=5)
            return caught.value
        finally:
            await client.close()

    return ask()


def test_client_of_another_authority_is_kept_out(authority: Authority, stranger: Authority) -> None:
    async def test(port: int) -> None:
        await refused(port, stranger.issue("web", trusting=authority))

    with_server(authority.issue("localhost", names=("web", "tool")), test)


def test_client_without_certificate_is_kept_out(authority: Authority) -> None:
    async def test(port: int) -> None:
        context = ssl.create_default_context(cafile=authority.file)
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
        writer.write(encode_request(1, 5000, protocol.Hello()))
        try:
            answer = await reader.read()
        except (ssl.SSLError, ConnectionError):
            answer = b""
        assert answer == b""
        writer.close()

    with_server(authority.issue("localhost", names=("web", "tool")), test)


def test_server_of_another_authority_is_not_spoken_to(authority: Authority, stranger: Authority) -> None:
    async def test(port: int) -> None:
        error = await refused(port, authority.issue("web"))
        assert not isinstance(error, Indeterminate)
        assert "TLS" in error.hint

    with_server(stranger.issue("localhost", trusting=authority, names=("web",)), test)


def test_server_with_another_name_is_not_spoken_to(authority: Authority) -> None:
    async def test(port: int) -> None:
        await refused(port, authority.issue("web"))

    with_server(authority.issue("elsewhere.example", names=("web",)), test)


def test_only_named_clients(authority: Authority) -> None:
    async def test(port: int) -> None:
        client = SamClient(f"tls:localhost:{port}", authority.issue("web1.example"))
        assert await client.call(protocol.Hello()) == protocol.Cancelled(unused=7)
        await client.close()
        await refused(port, authority.issue("web2.example"))

    logs = with_server(authority.issue("localhost", names=("web1.example",)), test, awaited="sam.connection_closed")
    assert [log["reason"] for log in logs if log["event"] == "sam.connection_closed"]


def test_without_names_nobody_is_let_in(authority: Authority) -> None:
    async def test(port: int) -> None:
        await refused(port, authority.issue("web"))

    with_server(authority.issue("localhost"), test)


def test_older_tls_is_not_spoken(authority: Authority) -> None:
    files = authority.issue("localhost")
    for context in (server_context(files), client_context(files)):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_3
        assert context.verify_mode == ssl.CERT_REQUIRED
    assert client_context(files).check_hostname

    async def test(port: int) -> None:
        old = client_context(authority.issue("web"))
        old.minimum_version = ssl.TLSVersion.TLSv1_2
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("localhost", port, ssl=old)

    with_server(files, test)


def test_files_that_do_not_fit_are_refused_by_name(authority: Authority, tmp_path: Path) -> None:
    one, other = authority.issue("one"), authority.issue("other")
    with pytest.raises(TransportRefused, match=r"one\.pem"):
        server_context(TLSFiles(one.certificate, other.key, one.authority))
    with pytest.raises(TransportRefused, match="key file does not exist"):
        client_context(TLSFiles(one.certificate, tmp_path / "missing.key", one.authority))
    with pytest.raises(NatsuinError):
        SamClient("tls:localhost:1")
    with pytest.raises(TransportRefused):
        SamClient("http://localhost")
