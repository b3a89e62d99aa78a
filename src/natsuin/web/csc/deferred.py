"""Operation mode "A": a method is checked and accepted at once, done in the background, and its answer fetched by
signatures/signPolling (CSC API 2, 11.12).

Nothing is signed by this that the synchronous call would not sign. If the process ends in between, the next question
for the answer goes on where it stood; sam gives the recorded signatures for what it has signed already (P5).
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import structlog
from anyio import to_thread

from natsuin.authentication.oauth import Access, OAuthRefused, Tokens
from natsuin.errors import NatsuinError, Unavailable
from natsuin.web.csc.bodies import Accepted, Members, refused
from natsuin.web.csc.call_backs import CallBacks
from natsuin.web.csc.responses import Responses, Work
from natsuin.web.oauth.answers import as_oauth

Prepared = Callable[[], Awaitable[dict[str, Any]]]
Prepare = Callable[[Access, str, Members], Awaitable[Prepared]]
"""Checks a request; what it gives does the work."""

USUAL_MS: Final = 600_000
LONGEST_MS: Final = 86_400_000
"""How long an answer is kept: ten minutes if the client says nothing, a day at most."""
_AT_ONCE: Final = 8
_PAUSES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each try, together less than the lease."""
_log = structlog.get_logger("natsuin.csc")


class Deferred:
    """The methods that can be done later, by name. Used from one event loop."""

    def __init__(
        self, responses: Responses, tokens: Tokens, call_backs: CallBacks, methods: Mapping[str, Prepare]
    ) -> None:
        self._responses = responses
        self._tokens = tokens
        self._call_backs = call_backs
        self._methods = methods
        self._running: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def call(self, method: str, access: Access, bearer: str, members: Members) -> dict[str, Any]:
        """The method's answer, or for `operationMode` "A" the id under which it can be fetched. Raises what the method
        refuses, in both modes, and `OAuthRefused`."""
        prepared = await self._methods[method](access, bearer, members)
        if members.text("operationMode") != "A":
            return await prepared()
        keep = _validity(members)
        if members.has("response_uri"):
            # Only where the operator said: this server posts nowhere else that a client names.
            uri = members.text("response_uri")
            if not await to_thread.run_sync(self._call_backs.webhooks.is_address_of, access.client_id, uri):
                raise refused("Invalid parameter response_uri")
        work = Work(method, members.without("SAD"), members.text("SAD") or bearer)
        response_id = await to_thread.run_sync(lambda: self._responses.accept(work, access, keep_ms=keep))
        self._go_on(response_id)
        return {"responseID": response_id}

    async def poll(self, access: Access, _: str, members: Members) -> dict[str, Any]:
        """signatures/signPolling: the answer, 202 while there is none. Raises `OAuthRefused`; what the method refused
        when its turn came is told as it would have been."""
        response_id = members.required("requestID")
        if members.has("userID"):
            raise refused("userID parameter SHALL be null")
        members.text("clientData")
        kept = await to_thread.run_sync(self._responses.look, response_id)
        if kept is None or (kept.client_id, kept.user_id) != (access.client_id, access.user_id):
            raise refused("Invalid parameter requestID")
        if kept.bound_to and not hmac.compare_digest(kept.bound_to, access.bound_to):
            raise refused("Invalid parameter requestID")
        if kept.state == "done":
            return kept.answer
        if kept.state == "refused":
            raise OAuthRefused(kept.answer["error"], kept.answer["error_description"])
        self._go_on(response_id)
        return Accepted(
            error="accepted_request",
            error_description="The previous async request has been accepted but not yet completed",
        )

    async def stop(self) -> None:
        """End what is going on here. What is not done is done at the next question for it."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _go_on(self, response_id: str) -> None:
        if response_id in self._running:
            return
        task = self._running[response_id] = asyncio.create_task(self._work(response_id))
        task.add_done_callback(lambda _: self._running.pop(response_id, None))

    async def _work(self, response_id: str) -> None:
        try:
            async with self._places:
                work = await to_thread.run_sync(self._responses.claim, response_id)
                if work is not None:
                    await self._try(response_id, work)
        except Exception as error:
            # Nobody waits for this task: the client asks again, and then another one begins.
            _log.warning("response-failed", code=type(error).__name__)

    async def _try(self, response_id: str, work: Work) -> None:
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            try:
                answer, done = await self._done(work), True
            except Unavailable:
                continue
            except NatsuinError as error:
                told = as_oauth(error)
                answer, done = {"error": told.error, "error_description": told.message}, False
            await to_thread.run_sync(partial(self._responses.finish, response_id, answer, done=done))
            if "response_uri" in work.members:
                await self._call_backs.round()
            return
        await to_thread.run_sync(self._responses.release, response_id)

    async def _done(self, work: Work) -> dict[str, Any]:
        access = await to_thread.run_sync(self._tokens.find, work.token)
        prepared = await self._methods[work.method](access, work.token, Members(work.members))
        return await prepared()


def _validity(members: Members) -> int:
    """How long the answer is to be kept, in milliseconds. Raises `OAuthRefused`."""
    if not members.has("validity_period"):
        return USUAL_MS
    try:
        wanted = members.integer("validity_period")
    except OAuthRefused as cause:
        raise refused("Invalid parameter validity_period") from cause
    if not 0 < wanted <= LONGEST_MS:
        raise refused("Out of bounds parameter validity_period")
    return wanted
