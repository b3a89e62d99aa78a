"""Auditors: beginning and ending a reading of the signing log, opening entries, taking files along."""

import json
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.responses import Response

from natsuin.errors import NotFound
from natsuin.sam.protocol import (
    Act,
    BeginReading,
    EndReading,
    EntriesOpened,
    OpenEntries,
    ProposeReading,
    ReadingBegun,
    ReadingEnded,
)
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.fields import AssertionCredential, Body, Empty
from natsuin.web.callers import Access, Callers
from natsuin.web.downloads import download
from natsuin.web.log_downloads import MEDIA_TYPES, as_file
from natsuin.web.log_reading import LARGEST_FILE, LogReading, Wish
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask

_LARGEST_INDEX = 2**53 - 1


class PurposeBody(Body):
    """Why the auditor reads."""

    purpose: Annotated[str, Field(min_length=1, max_length=200)]


class BeginBody(Body):
    """The auditor's approval."""

    credential: AssertionCredential


class OpenBody(Body):
    """Which entries are to be opened."""

    indices: Annotated[list[Annotated[int, Field(ge=0, le=_LARGEST_INDEX)]], Field(min_length=1, max_length=50)]


class AuditAPI:
    """`/api/auditor/...`. The secret of a reading is in the auditor's browser alone, as a cookie."""

    def __init__(self, sam: Sam, *, log: LogReading, answers: ActAnswers, callers: Callers) -> None:
        self._sam = sam
        self._log = log
        self._answers = answers
        self._callers = callers

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("POST", "/api/auditor/readings", self.propose, access=Access.AUDITOR)
        routes.add("POST", "/api/auditor/readings/end", self.end, access=Access.AUDITOR)
        routes.add("POST", "/api/auditor/readings/{act_id}", self.begin, access=Access.AUDITOR)
        routes.add("POST", "/api/auditor/openings", self.open, access=Access.AUDITOR)
        routes.add("GET", "/api/auditor/entries.{form}", self.file, access=Access.AUDITOR)

    async def propose(self, body: PurposeBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the act that the auditor's passkey is to approve."""
        message = ProposeReading(auditor_id=caller.user_id, purpose=body.purpose)
        return await self._answers.of(await ask(self._sam, message, Act))

    async def begin(self, act_id: Identifier, body: BeginBody, caller: SignedIn) -> Response:
        """Pass the approval to sam and give the browser what it opened."""
        message = BeginReading(act_id=act_id, assertion=body.credential.message())
        begun = await ask(self._sam, message, ReadingBegun)
        answer = JSONResponse({"expires_at": begun.expires_at})
        self._callers.set_reading(answer, begun.reading)
        return answer

    async def end(self, request: Request, caller: SignedIn, body: Empty | None = None) -> Response:
        """Close the reading."""
        message = EndReading(auditor_id=caller.user_id, reading=self._callers.reading_of(request))
        await ask(self._sam, message, ReadingEnded)
        answer = Response(status_code=204)
        self._callers.clear_reading(answer)
        return answer

    async def open(self, request: Request, body: OpenBody, caller: SignedIn) -> dict[str, Any]:
        """What entries commit to."""
        message = OpenEntries(
            auditor_id=caller.user_id, reading=self._callers.reading_of(request), indices=tuple(body.indices)
        )
        answer = await ask(self._sam, message, EntriesOpened)
        opened: list[dict[str, Any]] = [
            {"index": one.index, "state": one.state, "fields": json.loads(one.fields) if one.fields else None}
            for one in answer.openings
        ]
        names = await self._log.names(one["fields"] for one in opened)
        return {"openings": opened, "names": names, "noted": answer.noted}

    async def file(
        self, request: Request, form: Annotated[Literal["csv", "jsonl"], Path()], caller: SignedIn
    ) -> Response:
        """The newest entries that fit, at most 10,000, as a file; asked like the page of the search."""
        wish = Wish.read(request.query_params)
        reading = self._callers.reading_of(request)
        found = await self._log.search(caller.user_id, reading, wish, limit=LARGEST_FILE, file=form)
        if found is None:
            raise NotFound("nobody is known by this name")
        newest = found.entries[0].index if found.entries else 0
        oldest = found.entries[-1].index if found.entries else 0
        name = f"natsuin-log-{newest}-{oldest}.{form}"
        return download(as_file(form, found.entries), name=name, media_type=MEDIA_TYPES[form])
