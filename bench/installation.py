"""A real installation to measure: `natsuin serve` on the loopback, an officer, signers with approvals at hand."""

import os
import secrets
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from bench.cpu import named
from natsuin import base64url
from natsuin.cli.demo.story import PERSON, Demonstration, free_port
from natsuin.cli.demo.visitor import Visitor

PIN = "measured 51"
MOST_DIGESTS = 1000
"""Of one approval."""
SCHEMES = {"rsa-3072": "rsa-pkcs1-sha256", "p-256": "ecdsa-sha256"}


@dataclass
class Approval:
    """A SAD and the approved digests that are still to be used, in their order."""

    sad: str
    digests: list[str]
    approved_at: float = field(default_factory=monotonic)

    def body(self, count: int) -> bytes:
        """The body of a request for the next `count` signatures."""
        taken, self.digests = self.digests[:count], self.digests[count:]
        listed = ",".join(f'"{digest}"' for digest in taken)
        return f'{{"sad":"{self.sad}","digests":[{listed}]}}'.encode()


@dataclass
class Signer:
    """An enrolled person, their key, and their application's session."""

    visitor: Visitor
    algorithm: str
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        key = self.visitor.get("/api/keys")["keys"][0]
        self.key_id = key["key_id"]

    @property
    def scheme(self) -> str:
        """How this key signs here."""
        return SCHEMES[self.algorithm]

    def approve(self, count: int) -> Approval:
        """Approve `count` fresh digests with passkey and PIN, as before an application's batch."""
        digests = [base64url.encode(secrets.token_bytes(32)) for _ in range(count)]
        wish = {"key_id": self.key_id, "scheme": self.scheme, "digests": digests}
        instruction = self.visitor.post("/api/instructions", wish)
        answer = self.visitor.approve(instruction, f"/api/instructions/{instruction['instruction_id']}/activation")
        return Approval(answer["sad"], digests)

    @property
    def session(self) -> str:
        """The cookie."""
        return f"natsuin_session={self.visitor._http.cookies['natsuin_session']}"


@dataclass
class Installation:
    """A running one, with its processes."""

    folder: Path
    origin: str
    officer: Visitor
    web: int
    sam: int

    @property
    def port(self) -> int:
        """Where web listens."""
        return int(self.origin.rpartition(":")[2])

    def certificate(self, signer: Signer) -> bytes:
        """A signer's certificate, DER, as sam has it on record."""
        file = self.folder / "sam" / "db2.sqlite"
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            query = "SELECT certificate FROM signing_key WHERE key_id = ?"
            return bytes(connection.execute(query, (signer.key_id,)).fetchone()[0])
        finally:
            connection.close()

    def enrol(self, algorithm: str) -> Signer:
        """Another person with a key."""
        visitor = Visitor(self.origin)
        visitor.enrol(self.officer.invite({**PERSON, "algorithm": algorithm}), PIN)
        return Signer(visitor, algorithm)


@contextmanager
def running(
    folder: Path, vault: str = "software", *, made: Callable[[Path], None] = lambda _: None
) -> Iterator[Installation]:
    """Make and start an installation in `folder`; stop it in the end. `made` is called before the start."""
    shown = Demonstration(folder, f"http://localhost:{free_port()}", lambda _: None, vault)
    token = shown.prepare()
    made(folder)
    os.environ.pop("NATSUIN_FAULT_AT", None)
    server = shown.start()
    try:
        officer = Visitor(shown.origin)
        officer.register_as_officer(token)
        officer.sign_in()
        yield Installation(folder, shown.origin, officer, named(server.pid, "web"), named(server.pid, "sam"))
    finally:
        _stop(server)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(60)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
