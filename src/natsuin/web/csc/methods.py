"""The methods of the CSC API at their addresses: `/csc/v2/...` and `/csc/v1/...`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from natsuin.authentication.oauth import Access as Granted
from natsuin.authentication.oauth import OAuthRefused
from natsuin.errors import NatsuinError
from natsuin.web.callers import Access
from natsuin.web.csc.bodies import Accepted, Members, read_members, refused
from natsuin.web.csc.credentials import Credentials
from natsuin.web.csc.deferred import Deferred
from natsuin.web.csc.explicit import Explicit
from natsuin.web.csc.information import information
from natsuin.web.csc.signing import Signing
from natsuin.web.csc.timestamps import TimeStamps
from natsuin.web.csc.uploads import Uploads
from natsuin.web.oauth.answers import json_answer, refusal_answer, resource_refusal
from natsuin.web.oauth.possession import DPOP, TokenCheck, stated_scheme
from natsuin.web.routing import ApiRoutes
from natsuin.web.sam_calls import ServiceFacts
from natsuin.web.settings import WebSettings

METHODS = (
    "info",
    "auth/revoke",
    "credentials/list",
    "credentials/info",
    "credentials/extendTransaction",
    "signatures/signHash",
    "signatures/timestamp",
)
"""What is offered, in both generations."""

METHODS_2 = (
    *METHODS,
    "credentials/authorize",
    "credentials/authorizeCheck",
    "signatures/signDoc",
    "signatures/signPolling",
)
"""What is offered in the second."""

SIGN_HASH, SIGN_DOC = "signatures/signHash", "signatures/signDoc"

NOT_OFFERED = (
    "auth/login",
    "credentials/getChallenge",
    "credentials/sendOTP",
    "credentials/create",
    "credentials/delete",
)
"""What the API has and this service does not; each answers so. To the first generation all of the second's are such."""

_OFFERED = {1: METHODS, 2: METHODS_2}
_MOUNTS = {1: "/csc/v1", 2: "/csc/v2"}
_Work = Callable[[Granted, str, Members], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True)
class MethodParts:
    """What does the methods' work."""

    credentials: Credentials
    signing: Signing
    deferred: Deferred
    explicit: Explicit
    stamps: TimeStamps
    uploads: Uploads


class CSCMethods:
    """Both generations over one core."""

    def __init__(
        self,
        settings: WebSettings,
        *,
        facts: ServiceFacts,
        check: TokenCheck,
        parts: MethodParts,
    ) -> None:
        self._settings = settings
        self._facts = facts
        self._check = check
        self._parts = parts

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes. An address that the API does not have is answered in its words, too."""
        for generation, mount in _MOUNTS.items():
            for method in ("GET", "POST"):
                routes.add_plain(method, f"{mount}/info", self._info(generation), access=Access.PUBLIC)
            for name, work in self._works(generation).items():
                routes.add_plain("POST", f"{mount}/{name}", self._answering(work), access=Access.PUBLIC)
            if generation > 1:
                routes.add_plain("POST", f"{mount}/documents", self.upload, access=Access.PUBLIC)
            for method in ("GET", "POST"):
                routes.add_plain(method, mount + "/{name:path}", _unknown(generation), access=Access.PUBLIC)

    def _works(self, generation: int) -> dict[str, _Work]:
        async def listed(access: Granted, _: str, members: Members) -> dict[str, Any]:
            return await self._parts.credentials.list(access, members, generation)

        async def described(access: Granted, _: str, members: Members) -> dict[str, Any]:
            return await self._parts.credentials.info(access, members, generation)

        async def stamped(access: Granted, _: str, members: Members) -> dict[str, Any]:
            return await self._parts.stamps.stamp(members)

        works: dict[str, _Work] = {
            "auth/revoke": self._revoke,
            "credentials/list": listed,
            "credentials/info": described,
            "credentials/extendTransaction": self._parts.signing.extend,
            "signatures/signHash": self._parts.signing.sign_hash,
            "signatures/timestamp": stamped,
        }
        if generation == 1:
            return works
        return works | {
            "credentials/authorize": self._parts.explicit.authorize,
            "credentials/authorizeCheck": self._parts.explicit.check,
            "signatures/signHash": self._later(SIGN_HASH),
            "signatures/signDoc": self._later(SIGN_DOC),
            "signatures/signPolling": self._parts.deferred.poll,
        }

    def _later(self, method: str) -> _Work:
        async def work(access: Granted, bearer: str, members: Members) -> dict[str, Any]:
            return await self._parts.deferred.call(method, access, bearer, members)

        return work

    def _info(self, generation: int) -> Callable[[Request], Awaitable[Response]]:
        async def info(request: Request) -> Response:
            try:
                await read_members(request)
                facts = await self._facts.get()
            except NatsuinError as error:
                return refusal_answer(error)
            return json_answer(
                information(
                    self._settings, generation=generation, methods=_OFFERED[generation], offered=facts.algorithms
                )
            )

        return info

    def _answering(self, work: _Work) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                bearer, access = await self._granted(request)
                done = await work(access, bearer, await read_members(request))
            except NatsuinError as error:
                return resource_refusal(error, bound=stated_scheme(request) == DPOP)
            if done is None:
                return Response(status_code=204)
            return json_answer(done, 202 if isinstance(done, Accepted) else 200)

        return answer

    async def upload(self, request: Request) -> Response:
        """A document that a person is to be asked for; an addition to the API."""
        try:
            _, access = await self._granted(request)
            return json_answer(await self._parts.uploads.take(access, request), 201)
        except NatsuinError as error:
            return resource_refusal(error, bound=stated_scheme(request) == DPOP)

    async def _granted(self, request: Request) -> tuple[str, Granted]:
        bearer, access = await to_thread.run_sync(self._check.opened, request)
        client = await to_thread.run_sync(self._check.clients.find, access.client_id)
        if client is None:
            raise OAuthRefused("unauthorized_client", "The client is not authorized to use this method.")
        return bearer, access

    async def _revoke(self, access: Granted, bearer: str, members: Members) -> None:
        token = members.required("token")
        if members.text("token_type_hint") not in ("", "access_token", "refresh_token"):
            raise refused("Invalid string parameter token_type_hint")
        client = await to_thread.run_sync(self._check.clients.find, access.client_id)
        if client is None or not await to_thread.run_sync(self._check.tokens.revoke, client, token):
            raise refused("Invalid string parameter token")


def _unknown(generation: int) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        if name in _OFFERED[generation]:
            return json_answer({"error": "invalid_request", "error_description": "The method is called by POST"}, 405)
        if name in (*NOT_OFFERED, *METHODS_2):
            return json_answer({"error": "not_implemented", "error_description": "The method is not implemented"}, 501)
        return json_answer({"error": "invalid_request", "error_description": "There is no such method"}, 404)

    return answer
