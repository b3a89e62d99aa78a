"""The person's browser: sent to the service, and awaited on the loopback (RFC 8252, 7.3; RFC 7636)."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from natsuin.client.service import Service, ServiceRefused
from natsuin.errors import Expired

_PATH = "/callback"
_DONE = (
    "<!doctype html><meta charset=utf-8><title>Natsuin</title><p>You can close this page and go back to the program."
    "<p lang=ja>このページを閉じて、プログラムに戻ってください。"
)


@dataclass(frozen=True)
class InBrowser:
    """Asks the person. `open_address` gets the address to visit, and returns at once; `seconds` is the patience for one
    answer."""

    open_address: Callable[[str], object]
    seconds: float = 900

    def ask(self, service: Service, parameters: dict[str, str]) -> str:
        """The access token for what the person allows or approves.

        Raises `ServiceRefused` if they deny it, `Expired` if no answer comes, and what the service refuses.
        """
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        with _Listener() as listener:
            asked = {
                **parameters,
                "redirect_uri": listener.address,
                "state": state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
            self.open_address(service.authorization_address(asked))
            answer = listener.wait(state, self.seconds)
            if answer.get("iss", service.origin) != service.origin:
                # RFC 9207: an answer that another server gave must not be brought to this one.
                raise ServiceRefused("the browser came back from another server than was asked")
            if "code" not in answer:
                raise ServiceRefused(f"the service sent the browser back with: {answer.get('error', 'nothing')}")
            return service.token(answer["code"], verifier=verifier, redirect_uri=listener.address)


class _Listener(HTTPServer):
    """Waits for one request to the callback that carries the state; everything else is told that it is wrong here."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[dict[str, str]] = []
        self.address = f"http://127.0.0.1:{self.server_port}{_PATH}"

    def wait(self, state: str, seconds: float) -> dict[str, str]:
        """The answer that carries `state`. Raises `Expired`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.timeout = min(left, 1.0)
            self.handle_request()
            while self.answers:
                answer = self.answers.pop()
                if hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
                    return answer
        raise Expired("no answer came from the browser", hint="Begin again.")


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Listener

    def do_GET(self) -> None:
        """Take the answer out of the address."""
        parts = urlsplit(self.path)
        good = parts.path == _PATH
        if good:
            self.server.answers.append(dict(parse_qsl(parts.query)))
        body = _DONE.encode() if good else b""
        self.send_response(200 if good else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.send_header("referrer-policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the address holds a code."""
