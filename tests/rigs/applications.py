"""Applications that ask people for authorization, played by a program: what a client of the CSC API sends over HTTP."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from natsuin.authentication.oauth import Clients, NewClient
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import SystemClock
from rigs.portal import Portal

CALLBACK = "https://app.example/callback"
SHA256 = "2.16.840.1.101.3.4.2.1"


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def answer_in(address: str) -> dict[str, str]:
    """The parameters of an answer that the browser brought to the callback."""
    return dict(parse_qsl(urlsplit(address).query))


@dataclass
class App:
    """One registered client with the state of one run through the endpoints."""

    portal: Portal
    client_id: str
    secret: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.portal.client()
        for name in ("Origin", "X-Natsuin"):
            del self.http.headers[name]

    @classmethod
    def register(cls, portal: Portal, **wishes: Any) -> "App":
        wanted = NewClient(**{"name": "Test application", "redirect_uris": (CALLBACK,), **wishes})
        made = Clients(portal.database, SystemClock()).register(wanted)
        return cls(portal, made.client.client_id, made.secret)

    def asking(self, **parameters: str | None) -> dict[str, str]:
        """The parameters of an authorization request. One that is None is left out."""
        challenge = base64url(hashlib.sha256(self.verifier.encode()).digest())
        usual: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "state": "state-1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**usual, **parameters}.items() if value is not None}

    def for_hashes(self, key_id: str, *digests: bytes, **more: str | None) -> dict[str, str]:
        return self.asking(
            scope="credential",
            credentialID=key_id,
            numSignatures=str(len(digests)),
            hashes=",".join(map(base64url, digests)),
            hashAlgorithmOID=SHA256,
            **more,
        )

    def address(self, parameters: dict[str, str], mount: str = "") -> str:
        return f"{mount}/oauth2/authorize?{urlencode(parameters)}"

    def post(self, path: str, members: dict[str, str], *, proof: bool = True) -> httpx2.Response:
        return self.http.post(path, data=members, auth=(self.client_id, self.secret) if proof and self.secret else None)

    def exchange(self, code: str, /, *, mount: str = "", **parameters: str | None) -> httpx2.Response:
        usual: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
        }
        members = {name: value for name, value in {**usual, **parameters}.items() if value is not None}
        return self.post(f"{mount}/oauth2/token", members)

    def granted(self, person: Visitor, parameters: dict[str, str], *, mount: str = "") -> dict[str, Any]:
        """The token answer for a request that the person allows or approves."""
        answer = answer_in(person.authorize(self.address(parameters, mount)))
        token = self.exchange(answer["code"], mount=mount)
        assert token.status_code == 200, token.text
        members: dict[str, Any] = token.json()
        return members
