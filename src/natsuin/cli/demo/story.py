"""The demonstration as a list of steps: from an empty folder to a signed document that anybody can check."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from rich.console import Console

from natsuin.cli.demo import guest, sandbox
from natsuin.cli.demo.tokens import make_trial_token
from natsuin.cli.demo.visitor import Visitor
from natsuin.cli.init import make_installation
from natsuin.errors import Conflict, NotFound, Unavailable

MARK = ".natsuin-demo"
PERSON = {
    "common_name": "山田 太郎",
    "email": "taro@example.jp",
    "country": "JP",
    "organization": "例示株式会社",
    "algorithm": "rsa-3072",
    "evidence": {"kind": "demo", "reference": "no real person", "level": 1},
}
GUEST = {**PERSON, "common_name": "お試し 花子", "email": "hanako@example.jp", "algorithm": "p-256"}
PIN = "seal-demo-51"
PLACEMENT = {"page": 0, "x": 435.0, "y": 394.0, "width": 82.0, "height": 82.0}
"""Where the example has the dotted circle of its first party, on the last page; points from the lower left."""
_START_SECONDS = 60


@dataclass
class Demonstration:
    """One installation made for showing. `say` prints a line for people."""

    folder: Path
    origin: str
    say: Callable[[str], None]
    vault: str = "software"
    """Or a kind of token of `tokens.KINDS`, which is made in the folder as well."""

    def require_free_port(self) -> None:
        """Raise `Conflict` if another program listens where the portal should: it must not be sent our secrets."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = urlsplit(self.origin).port or 80
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise Conflict(
                    f"port {port} is in use by another program",
                    hint="Stop it (perhaps an earlier `make run`).",
                ) from error

    def is_running(self) -> bool:
        """Whether the server of this very folder answers where the portal should be."""
        with suppress(OSError, ValueError, KeyError), urlopen(f"{self.origin}/api/service", timeout=5) as answer:  # noqa: S310  # loopback
            return bool(json.load(answer)["log_vkey"] == (self.folder / "log.vkey").read_text().strip())
        return False

    def prepare(self) -> str:
        """Make the installation; answers with the officer's one-time token."""
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / MARK).exists():
                raise Conflict(
                    f"{self.folder} is not empty and was not made by a demonstration", hint="Choose another folder."
                )
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        vault = None if self.vault == "software" else self._make_token
        token = make_installation(self.folder, origin=self.origin, demo=True, vault=vault)
        (self.folder / MARK).touch()
        return token

    def _make_token(self) -> dict[str, Any]:
        return make_trial_token(self.vault, self.folder / "token").vault_section()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start `natsuin serve` and wait until it answers."""
        command = [sys.executable, "-m", "natsuin.cli", "serve", "--config", str(self.folder / "config.toml")]
        output = (self.folder / "serve.log").open("ab")
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603  # our own program
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise Unavailable(
                    f"the server stopped with exit code {server.returncode}",
                    hint=f"Its last words are in {self.folder / 'serve.log'}.",
                )
            with suppress(OSError), urlopen(f"{self.origin}/readyz", timeout=2) as answer:  # noqa: S310  # loopback
                if answer.status == 200:
                    self._require_ours(server)
                    return server
            time.sleep(0.1)
        server.terminate()
        raise Unavailable("the server did not become ready", hint=f"See {self.folder / 'serve.log'}.")

    def _require_ours(self, server: "subprocess.Popen[bytes]") -> None:
        with urlopen(f"{self.origin}/api/service", timeout=5) as answer:  # noqa: S310  # loopback
            vkey = json.load(answer)["log_vkey"]
        if server.poll() is not None or vkey != (self.folder / "log.vkey").read_text().strip():
            raise Conflict(f"another program answers at {self.origin}", hint="Stop it and try again.")

    def run(self, token: str, document: Path) -> None:
        """Enrol, sign, fetch, and keep an invitation that a real person may use."""
        # 1. An officer exists because somebody with access to the host handed over the one-time link.
        officer = Visitor(self.origin)
        officer.register_as_officer(token)
        officer.sign_in()
        self.say("1. a registration officer registered a passkey with the one-time link")
        # 2. The officer registers a person; sam verifies the officer's passkey over the record.
        invitation = officer.invite(PERSON)
        self.say(f"2. the officer registered {PERSON['common_name']} and approved it with the passkey")
        # 3. The person enrols: passkey, PIN, recovery code; the key is made in sam and certified.
        signer = Visitor(self.origin)
        signer.enrol(invitation, PIN)
        # What the service says of the key, not what the demonstration was asked for.
        backend = signer.get("/api/keys")["keys"][0]["backend"]
        vault = "software" if backend == "software" else f"{backend}: {self.vault}"
        self.say(
            f"3. {PERSON['common_name']} enrolled: passkey, PIN, a key ({PERSON['algorithm']}, vault {vault}) and its "
            "certificate"
        )
        # 4. The person uploads the contract and approves exactly this document with passkey and PIN.
        uploaded = signer.upload(document)
        placement = {**PLACEMENT, "page": len(uploaded["pages"]) - 1}
        signer.sign(uploaded["id"], placement)
        self.say(
            f"4. they approved {document.name} ({uploaded['size']} bytes), and the server signed it with their key"
        )
        # 5. What anybody can check.
        self._fetch(signer, uploaded["id"])
        self.say("5. fetched the signed document, its receipt, the evidence and the statement of the key")
        # 6. What an outside application is tried with: a registered client, and the signer's passkey.
        sandbox.keep_client(self.folder, self.origin, signer.get("/api/keys")["keys"][0]["key_id"])
        sandbox.keep_signer(self.folder, signer)
        guest.keep(self.folder, officer.invite(GUEST))
        for visitor in (officer, signer):
            visitor.close()

    def _fetch(self, signer: Visitor, document_id: str) -> None:
        base = f"/api/documents/{document_id}"
        files = {
            "signed.pdf": signer.download(f"{base}/signed"),
            "signed.pdf.tlog-proof": signer.download(f"{base}/receipt"),
            "evidence.json": signer.download(f"{base}/evidence"),
            "statement.json": signer.statement(signer.get("/api/keys")["keys"][0]["key_id"]),
            "root.crl": signer.download("/pki/root.crl"),
            "issuing.crl": signer.download("/pki/issuing.crl"),
        }
        for name, content in files.items():
            (self.folder / name).write_bytes(content)

    def verify(self, console: Console) -> int:
        """Check what was fetched with `natsuin verify` and `natsuin log verify`; answers with the worse exit code."""
        vkey = (self.folder / "log.vkey").read_text().strip()
        signed = [
            *("verify", str(self.folder / "signed.pdf"), "--trust", str(self.folder / "ca.pem")),
            *("--crl", str(self.folder / "root.crl"), "--crl", str(self.folder / "issuing.crl")),
            *("--receipt", str(self.folder / "signed.pdf.tlog-proof"), "--log-vkey", vkey),
        ]
        codes = []
        for arguments in (signed, ["log", "verify", str(self.folder / "log"), "--vkey", vkey]):
            console.print()
            command = [sys.executable, "-m", "natsuin.cli", *arguments]
            codes.append(subprocess.run(command, check=False).returncode)  # noqa: S603  # our own program
        return max(codes)


def sample_contract() -> Path:
    """The example that comes with the project: a real contract of several pages in Japanese."""
    here = Path(__file__).resolve()
    for folder in (here.parents[4] / "examples", here.parents[2] / "examples"):
        found = sorted(folder.glob("*.pdf"))
        if found:
            return found[0]
    raise NotFound("the example contract is not installed", hint="Give a PDF with --document FILE.")


def free_port() -> int:
    """A port of the loopback address that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
