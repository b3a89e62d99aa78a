"""The pages on which officers find people and see one of them."""

from anyio import to_thread
from starlette.requests import Request

from natsuin.user_management import CORRECTABLE, MOST_LINES, FoundPeople, PersonRecords
from natsuin.web.api.people import LONGEST_QUESTION
from natsuin.web.callers import Access
from natsuin.web.officer_keys import OfficerKeys
from natsuin.web.pages import Context, Page


class PeoplePages:
    """Makes them."""

    def __init__(self, records: PersonRecords, *, keys: OfficerKeys) -> None:
        self._records = records
        self._keys = keys

    def pages(self) -> tuple[Page, ...]:
        """Each with its access."""
        return (
            Page("/officer/people", "people", Access.KEYHOLDING, self._search),
            Page("/officer/people-file", "people_file", Access.REGISTRAR, _file),
            Page("/officer/people/{user_id}", "person", Access.KEYHOLDING, self._person),
            Page("/officer/people/{user_id}/withdraw-invitation", "person_act", Access.REGISTRAR, self._act),
            Page("/officer/people/{user_id}/end-person", "person_act", Access.REGISTRAR, self._act),
            Page("/officer/people/{user_id}/erase", "person_act", Access.REGISTRAR, self._act),
        )

    async def _search(self, request: Request) -> Context:
        words = request.query_params.get("words", "")[:LONGEST_QUESTION].strip()
        found = await to_thread.run_sync(self._records.find, words) if words else FoundPeople((), complete=True)
        return {"words": words, "people": found.people, "complete": found.complete}

    async def _person(self, request: Request) -> Context:
        user_id = request.path_params["user_id"]
        person = await to_thread.run_sync(self._records.require, user_id)
        history = await to_thread.run_sync(self._records.history, user_id)
        officers = {event.by_user_id: event.by_name for event in history}
        return {
            "person": person,
            "checked_by": officers.get(person.officer_id) or person.officer_id,
            "history": history,
            "keys": await self._keys.of(user_id),
            "correctable": CORRECTABLE,
        }

    async def _act(self, request: Request) -> Context:
        person = await to_thread.run_sync(self._records.require, request.path_params["user_id"])
        return {"person": person, "act": request.url.path.rpartition("/")[2]}


async def _file(request: Request) -> Context:
    return {"most_lines": MOST_LINES}
