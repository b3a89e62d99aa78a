"""A person at a browser, played by a program: the same HTTP requests, cookies, ceremonies and sealing as the portal's
pages."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from natsuin import base64url
from natsuin.cli.demo.authenticator import SoftwareAuthenticator
from natsuin.cli.demo.encoding import challenge_of, new_recovery_code, seal
from natsuin.errors import Refused, Unavailable

_ENROL, _APPROVE = b"natsuin/enrol/v1\0", b"natsuin/approve/v1\0"


class ServerRefused(Refused):
    """The server answered with a problem; message and hint are the server's."""

    code = "server_refused"


@dataclass
class Visitor:
    """One person with one browser and one software authenticator. Not safe from several threads."""

    origin: str
    language: str = "en"
    pin: str = ""
    _http: httpx2.Client = field(init=False)
    device: SoftwareAuthenticator = field(init=False)

    def __post_init__(self) -> None:
        headers = {"X-Natsuin": "1", "Origin": self.origin, "Accept-Language": self.language}
        self._http = httpx2.Client(base_url=self.origin, headers=headers, timeout=60)
        self.device = SoftwareAuthenticator(self.origin)

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def register_as_officer(self, token: str) -> None:
        """Open an officer's one-time invitation and register the passkey."""
        offer = self.post("/api/officer/invitation", {"token": token})
        self.post("/api/officer/register", {"token": token, "credential": self.device.create(offer["publicKey"])})

    def sign_in(self) -> None:
        """Sign in with the passkey."""
        options = self.post("/api/login/options", {})
        self.post("/api/login", {"credential": self.device.get(options["publicKey"])})

    def invite(self, person: dict[str, Any]) -> str:
        """As an officer: register `person` and approve it with the passkey. Answers with the invitation's address."""
        act = self.post("/api/officer/people", person)
        _require_honest(act["record"], act["publicKey"])
        approval = {"credential": self.device.get(act["publicKey"])}
        answer = self.post(f"/api/officer/people/{act['act_id']}/approve", approval)
        return str(answer["invitation_url"])

    def enrol(self, invitation_url: str, pin: str) -> str:
        """Open the invitation, register the passkey, set PIN and recovery code. Answers with the recovery code."""
        token = urlsplit(invitation_url).fragment
        opened = self.post("/api/enrol/open", {"token": token})
        recovery_code = new_recovery_code()
        sealed = seal(
            base64url.decode(opened["hpke_public_key"]),
            _ENROL + base64url.decode(opened["challenge"]),
            {"pin": pin, "recovery_code": recovery_code},
        )
        credential = self.device.create(opened["publicKey"])
        self.post(
            "/api/enrol/complete",
            {"token": token, "credential": credential, "sealed_secrets": base64url.encode(sealed)},
        )
        self.pin = pin
        return recovery_code

    def upload(self, file: Path) -> dict[str, Any]:
        """Upload a PDF. Answers with what the server says of it."""
        return self.post_bytes(file.read_bytes(), file.name)

    def post_bytes(self, content: bytes, name: str) -> dict[str, Any]:
        """Upload PDF bytes under a name."""
        headers = {"Content-Type": "application/pdf", "X-Document-Name": quote(name)}
        return _answer(self._send("POST", "/api/documents", content=content, headers=headers))

    def sign(self, document_id: str, placement: dict[str, float] | None = None) -> dict[str, Any]:
        """Ask for the signature, approve the record with passkey and PIN. Answers when the document is signed."""
        wishes: dict[str, Any] = {} if placement is None else {"placement": placement}
        instruction = self.post(f"/api/documents/{document_id}/instruction", wishes)
        return self.approve(instruction, f"/api/instructions/{instruction['instruction_id']}/approval")

    def approve(self, instruction: dict[str, Any], path: str) -> dict[str, Any]:
        """Approve an instruction with passkey and sealed PIN."""
        challenge = _require_honest(instruction["record"], instruction["publicKey"])
        sealed = seal(base64url.decode(instruction["hpke_public_key"]), _APPROVE + challenge, {"pin": self.pin})
        credential = self.device.get(instruction["publicKey"])
        return self.post(path, {"credential": credential, "sealed_pin": base64url.encode(sealed)})

    def authorize(self, address: str) -> str:
        """Answer an application's authorization request with yes: follow its address to the page, and approve there
        what it asks. Answers with the address of the application that the browser is sent to."""
        page = address
        if not urlsplit(address).path.startswith("/authorize/"):
            page = self._send("GET", address).headers.get("location", "")
        base = f"/api/access-requests/{urlsplit(page).path.rpartition('/')[2]}"
        if not urlsplit(page).path.startswith("/authorize/"):
            raise Refused("the service does not offer this request to anybody", hint=f"It answers with {page or 'no'}.")
        asked = self.get(base)
        if asked["scope"] != "credential":
            return str(self.post(f"{base}/consent", {})["redirect"])
        instruction = self.post(f"{base}/instruction", {"key_id": asked["key_id"]})
        return str(self.approve(instruction, f"{base}/approval")["redirect"])

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST JSON. Raises `ServerRefused` with the server's own words."""
        return _answer(self._send("POST", path, json=body))

    def get(self, path: str) -> dict[str, Any]:
        """GET JSON."""
        return _answer(self._send("GET", path))

    def download(self, path: str) -> bytes:
        """GET bytes."""
        return self._bytes("GET", path)

    def statement(self, key_id: str) -> bytes:
        """Have the statement of a key made."""
        return self._bytes("POST", f"/api/keys/{key_id}/statement")

    def _bytes(self, method: str, path: str) -> bytes:
        response = self._send(method, path)
        if response.status_code != 200:
            _answer(response)
        return response.content

    def _send(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        try:
            return self._http.request(method, path, **rest)
        except httpx2.HTTPError as error:
            raise Unavailable(
                f"the server at {self.origin} does not answer", hint="Is it running? See its output above."
            ) from error


def _answer(response: httpx2.Response) -> dict[str, Any]:
    content: dict[str, Any] = response.json() if response.content else {}
    if response.status_code >= 400:
        message = content.get("detail") or content.get("title") or f"status {response.status_code}"
        raise ServerRefused(message, hint=content.get("hint", ""))
    return content


def _require_honest(record: str, options: dict[str, Any]) -> bytes:
    """The challenge, after seeing for oneself that it is the one of this record."""
    challenge = challenge_of(record.encode())
    if base64url.decode(options["challenge"]) != challenge:
        raise Refused(
            "the server asks to approve something else than it shows", hint="Do not approve; tell the operator."
        )
    return challenge
