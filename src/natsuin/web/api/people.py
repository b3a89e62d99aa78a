"""`/api/officer/people`: finding people, one person's record, and what is corrected in it."""

from dataclasses import asdict
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Query

from natsuin.user_management import PersonRecords, Register, RegisteredPerson
from natsuin.web.api.fields import Body
from natsuin.web.api.officers import Reading, register_texts
from natsuin.web.callers import Access
from natsuin.web.officer_keys import OfficerKeys
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn

LONGEST_QUESTION = 100
_OF_ONE_PERSON = {"evidence_reference", "checked_at", "approved_at"}
"""Members that a list leaves out, because nobody needs them of many people at once."""


class RecordBody(Body):
    """All that can be corrected, as it is to be from now on."""

    name_kana: Reading
    name_romanised: Reading
    job_title: Reading


class PeopleAPI:
    """Officers only."""

    def __init__(self, records: PersonRecords, *, register: Register, keys: OfficerKeys) -> None:
        self._records = records
        self._register = register
        self._keys = keys

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("GET", "/api/officer/people", self.people, access=Access.KEYHOLDING)
        routes.add("GET", "/api/officer/people/{user_id}", self.person, access=Access.KEYHOLDING)
        routes.add("POST", "/api/officer/people/{user_id}/record", self.correct, access=Access.REGISTRAR)

    async def people(
        self, caller: SignedIn, words: Annotated[str, Query(max_length=LONGEST_QUESTION)] = ""
    ) -> dict[str, Any]:
        """Who is found by these words, by name; without words the newest of the register."""
        if not words:
            return {"people": [_line(one) for one in await to_thread.run_sync(self._register.people)]}
        found = await to_thread.run_sync(self._records.find, words)
        return {"people": [_line(one) for one in found.people], "complete": found.complete}

    async def person(self, user_id: Identifier, caller: SignedIn) -> dict[str, Any]:
        """The whole record, its history, newest first, and the keys."""
        person = await to_thread.run_sync(self._records.require, user_id)
        history = await to_thread.run_sync(self._records.history, user_id)
        keys = await self._keys.of(user_id)
        return {
            "person": asdict(person),
            "history": [asdict(event) for event in history],
            "keys": [key.as_json() for key in keys],
        }

    async def correct(self, user_id: Identifier, body: RecordBody, caller: SignedIn) -> dict[str, Any]:
        """Correct what stands in no certificate; what it was before stays in the history."""
        fields = register_texts(body.name_kana, body.name_romanised, body.job_title)
        person = await to_thread.run_sync(lambda: self._records.correct(user_id, fields, by_user_id=caller.user_id))
        return {"person": asdict(person)}


def _line(person: RegisteredPerson) -> dict[str, Any]:
    return {name: value for name, value in asdict(person).items() if name not in _OF_ONE_PERSON}
