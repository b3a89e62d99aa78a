"""Time-stamp authorities for tests: OpenSSL's (`openssl ts`) and any function, both behind HTTP."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIGURATION = """
[tsa]
default_tsa = own
[own]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
certs = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[stamping]
extendedKeyUsage = critical, timeStamping
[req]
distinguished_name = name
[name]
"""


class OpenSSLAuthority:
    """A root and an authority below it, made and run by OpenSSL in `folder`. `root` is the PEM file to trust."""

    def __init__(self, folder: Path, *, days: int = 400) -> None:
        folder.mkdir(parents=True)
        self.folder, self.root = folder, folder / "root.pem"
        (folder / "tsa.cnf").write_text(_CONFIGURATION.format(folder=folder))
        (folder / "serial").write_text("01\n")
        key = ["-newkey", "rsa:3072", "-nodes", "-config", "tsa.cnf", "-sha256"]
        self._run("req", "-x509", *key, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Outside root",
                  "-days", "3650", "-extensions", "root")  # fmt: skip
        self._run("req", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Outside authority")
        self.certify(days)

    def certify(self, days: int) -> None:
        """Give the authority a certificate of so many days, as at a renewal."""
        self._run("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
                  "-out", "tsa.pem", "-days", str(days), "-extfile", "tsa.cnf", "-extensions", "stamping")  # fmt: skip

    def answer(self, request: bytes) -> bytes:
        """The DER response to a DER request."""
        (self.folder / "request.tsq").write_bytes(request)
        self._run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq", "-out", "answer.tsr")
        return (self.folder / "answer.tsr").read_bytes()

    def verify(self, token: bytes, data: bytes) -> str:
        """What `openssl ts -verify` says of a token over `data`."""
        (self.folder / "token").write_bytes(token)
        (self.folder / "data").write_bytes(data)
        return self._run("ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", "root.pem")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def over_http(
    answer: Callable[[bytes], bytes],
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """The address at which `answer` answers POST requests, with this status and these further headers; https with
    `tls`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            content = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
