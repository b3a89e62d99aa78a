"""The outermost layer: a number for each request, one log line for each answer, and the last resort for what nobody
caught.

A log line holds the route's pattern and never the path itself: no token, identifier, name, query or body reaches a
log. Of the sender it holds what the bounds count by: an IPv4 address or an IPv6 network.
"""

import secrets
import time
import traceback

import structlog
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from natsuin.errors import NatsuinError
from natsuin.web.answers import problem_answer
from natsuin.web.requests import sender
from natsuin.web.view import ServiceView

_log = structlog.get_logger("natsuin.web")


class RequestLog:
    """Numbers and logs requests. Put it around everything else."""

    def __init__(self, app: ASGIApp, *, service: ServiceView) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["service"] = self._service
        status = 0
        begun = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            status = 499
        except Exception as error:
            if not isinstance(error, NatsuinError):
                _log_fault(error, request_id)
            if status:
                # The answer has begun: it cannot be changed any more, only broken off.
                raise
            await problem_answer(error, scope)(scope, receive, send_and_note)
        finally:
            _log.info(
                "request",
                request_id=request_id,
                source=sender(HTTPConnection(scope)),
                method=scope["method"] if scope["method"].isalpha() else "?",
                route=_pattern(scope),
                status=status,
                milliseconds=round((time.perf_counter() - begun) * 1000, 2),
            )


def _pattern(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "-"))


def _log_fault(error: BaseException, request_id: str) -> None:
    """Where an unforeseen exception came from. Its message is left out: it may quote what a person typed."""
    frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
    _log.error("fault", request_id=request_id, kind=type(error).__name__, frames=frames)
