"""The addresses of a service, and what is asked there. Every answer is checked for what is used of it."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from natsuin.errors import Malformed, Refused, Unavailable

CLIENT_ID = "natsuin-sign"
"""The name under which operators register this program: a public client whose answers go to http://127.0.0.1/callback."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LARGEST = 8 * 1024 * 1024


class ServiceRefused(Refused):
    """The service answered no; the message is its own."""

    code = "service_refused"


@dataclass(frozen=True)
class Credential:
    """A key that signs for the person. Certificates are DER, the issuer's first in the chain; `algorithms` are object
    identifiers, the usual one first."""

    credential_id: str
    certificate: bytes
    chain: tuple[bytes, ...]
    algorithms: tuple[str, ...]


class Service:
    """One service, by its origin. Not safe from several threads. Nothing is retried.

    Raises `Malformed` for an origin that is neither https nor this machine; its methods raise `ServiceRefused` and
    `Unavailable`.
    """

    def __init__(self, origin: str, *, client_id: str = CLIENT_ID, http: httpx2.Client | None = None) -> None:
        parts = urlsplit(origin)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise Malformed("the server is not an https address", hint="Write it as https://HOST.")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.client_id = client_id
        self._http = http or httpx2.Client(timeout=60, follow_redirects=False)

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def authorization_address(self, parameters: Mapping[str, str]) -> str:
        """Where the person's browser goes to allow or approve."""
        asked = {"response_type": "code", "client_id": self.client_id, **parameters}
        return f"{self.origin}/oauth2/authorize?{urlencode(asked)}"

    def token(self, code: str, *, verifier: str, redirect_uri: str) -> str:
        """The access token for a code."""
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        return _text(self._ask("/oauth2/token", data=form), "access_token")

    def credential(self, token: str, credential_id: str = "") -> Credential:
        """The person's credential of this id, or the first that can sign."""
        if not credential_id:
            ids = self._call(token, "credentials/list", {"onlyValid": True}).get("credentialIDs")
            if not isinstance(ids, list) or not ids:
                raise ServiceRefused(
                    "the person has no key there that signs", hint="See My keys on the service's page."
                )
            credential_id = str(ids[0])
        told = self._call(token, "credentials/info", {"credentialID": credential_id, "certificates": "chain"})
        try:
            certificates = [base64.b64decode(text, validate=True) for text in told["cert"]["certificates"]]
            algorithms = tuple(str(oid) for oid in told["key"]["algo"])
            return Credential(credential_id, certificates[0], tuple(certificates[1:]), algorithms)
        except (KeyError, IndexError, TypeError, ValueError) as cause:
            raise _unexpected() from cause

    def sign_hash(self, token: str, credential_id: str, digest: bytes, *, hash_oid: str, algorithm: str) -> bytes:
        """The signature over an approved digest."""
        members = {
            "credentialID": credential_id,
            "hashes": [base64.b64encode(digest).decode()],
            "hashAlgorithmOID": hash_oid,
            "signAlgo": algorithm,
        }
        made = self._call(token, "signatures/signHash", members).get("signatures")
        try:
            [text] = made if isinstance(made, list) else []
            return base64.b64decode(text, validate=True)
        except (ValueError, TypeError, binascii.Error) as cause:
            raise _unexpected() from cause

    def time_stamp(self, request: bytes) -> bytes:
        """The service's RFC 3161 answer, DER in and out."""
        headers = {"content-type": "application/timestamp-query"}
        return self._send("/tsa", content=request, headers=headers).content

    def _call(self, token: str, method: str, members: dict[str, Any]) -> dict[str, Any]:
        return self._ask(f"/csc/v2/{method}", json=members, headers={"authorization": f"Bearer {token}"})

    def _ask(self, path: str, **rest: Any) -> dict[str, Any]:
        try:
            told = self._send(path, **rest).json()
        except ValueError as cause:
            raise _unexpected() from cause
        if not isinstance(told, dict):
            raise _unexpected()
        return told

    def _send(self, path: str, **rest: Any) -> httpx2.Response:
        try:
            answer = self._http.post(self.origin + path, **rest)
        except httpx2.HTTPError as cause:
            raise Unavailable(f"{self.origin} does not answer", hint="Is the address right?") from cause
        if len(answer.content) > _LARGEST:
            raise _unexpected()
        if answer.status_code in (429, 503):
            raise Unavailable(f"{self.origin} is busy", hint="Try again after a moment.")
        if answer.status_code != 200:
            raise ServiceRefused(f"{self.origin} refused: {_reason(answer)}")
        return answer


def _reason(answer: httpx2.Response) -> str:
    """What the service says, as far as it can be printed."""
    try:
        told = answer.json()
        words = str(told.get("error_description") or told.get("detail") or told.get("error") or "")
    except (ValueError, AttributeError):
        words = ""
    printable = "".join(character for character in words if character.isprintable())
    return printable[:300] or f"status {answer.status_code}"


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise _unexpected()
    return value


def _unexpected() -> Unavailable:
    return Unavailable("the service answered something that is not of this API", hint="Is it a Natsuin service?")
