"""The pages about lost passkeys: the officers' queue, one replacement, the person's own, and behind the link."""

from typing import Any

from anyio import to_thread
from starlette.requests import Request

from natsuin.errors import NotFound
from natsuin.storage import Database
from natsuin.user_management import Person, find_person
from natsuin.web.callers import Access
from natsuin.web.notices import ReplacementNotices
from natsuin.web.pages import Context, Page
from natsuin.web.replacements import Replacements


class ReplacementPages:
    """Makes them."""

    def __init__(self, replacements: Replacements, *, notices: ReplacementNotices, database: Database) -> None:
        self._replacements = replacements
        self._notices = notices
        self._database = database

    def pages(self) -> tuple[Page, ...]:
        """All of them."""
        return (
            Page("/replace", "replace", Access.PUBLIC, _nothing),
            Page("/replacement", "replacement", Access.SIGNER, self._own),
            Page("/officer/replacements", "officer_replacements", Access.REGISTRAR, self._queue),
            Page("/officer/replacements/new/{user_id}", "officer_replacement", Access.REGISTRAR, self._new),
            Page("/officer/replacements/{act_id}", "officer_replacement", Access.REGISTRAR, self._one),
        )

    async def _own(self, request: Request) -> Context:
        running = await self._notices.banner(request.state.caller.user_id)
        if running is None:
            return {"one": None}
        return {"one": await self._replacements.view(running)}

    async def _queue(self, request: Request) -> Context:
        found, following = await self._replacements.page(after=request.query_params.get("after", "")[:128])
        return {"replacements": found, "following": following}

    async def _new(self, request: Request) -> Context:
        person = await to_thread.run_sync(self._find, request.path_params["user_id"])
        if person is None or not person.is_signer:
            raise NotFound("there is no such person")
        return {"one": None, "person": person, "by_mail": self._notices.by_mail}

    async def _one(self, request: Request) -> Context:
        one = await self._replacements.require(request.path_params["act_id"])
        person = Person(one.user_id, one.name or one.user_id, one.email, ())
        mine = request.state.caller.user_id in one.officer_ids
        return {"one": one, "person": person, "by_mail": self._notices.by_mail, "mine": mine}

    def _find(self, user_id: str) -> Any:
        with self._database.read() as connection:
            return find_person(connection, user_id)


async def _nothing(request: Request) -> Context:
    return {}
