"""What security officers see of each other and decide together. sam has the record; here are names and the portal's own
copy of who is an officer, which follows sam's."""

from dataclasses import dataclass
from typing import Any

from anyio import to_thread

from natsuin.authentication import Sessions
from natsuin.sam.protocol import (
    ListOfficers,
    ListOutsideRevocations,
    OfficerActWaiting,
    OfficerList,
    OutsideRevocations,
)
from natsuin.storage import Database
from natsuin.user_management import every_officer, names_of, take_offices
from natsuin.web.callers import Callers
from natsuin.web.sam_calls import Sam, ask


@dataclass(frozen=True)
class Board:
    """Lists of members for templates and the JSON API; times are milliseconds, ids stand beside names."""

    officers: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    stops: list[dict[str, Any]]
    revocations: list[dict[str, Any]]
    """Of certificates whose outside authority was not told yet, at most 100."""


class OfficerBoard:
    """Reads it. Safe from several tasks; asks sam each time."""

    def __init__(self, sam: Sam, database: Database, callers: Callers) -> None:
        self._sam = sam
        self._database = database
        self._callers = callers

    @property
    def _sessions(self) -> Sessions:
        return self._callers.sessions

    async def look(self, officer_id: str) -> Board:
        """Officers, what waits, what is stopped. Who is an officer here and not at sam is one no more."""
        found = await ask(self._sam, ListOfficers(officer_id=officer_id), OfficerList)
        known = {one.user_id for one in found.officers}
        for user_id in await to_thread.run_sync(self._officers_besides, known):
            await self.forget(user_id)
        untold = await ask(self._sam, ListOutsideRevocations(), OutsideRevocations)
        names = await to_thread.run_sync(self._names, found)
        return Board(
            officers=[
                {
                    "user_id": one.user_id,
                    "display_name": one.display_name,
                    "roles": list(one.roles),
                    "since": one.since,
                }
                for one in found.officers
            ],
            waiting=[_waiting(one, names) for one in found.waiting],
            stops=[
                {
                    "user_id": one.user_id,
                    "name": names.get(one.user_id, ""),
                    "by": names.get(one.officer_id, one.officer_id),
                    "note": one.note,
                    "since": one.stopped_at,
                }
                for one in found.stops
            ],
            revocations=[
                {
                    "serial": one.serial,
                    "key_id": one.key_id,
                    "issuer": one.issuer,
                    "reason": one.reason,
                    "revoked_at": one.revoked_at,
                }
                for one in untold.revocations
            ],
        )

    async def forget(self, user_id: str) -> None:
        """Let the portal know that somebody is no officer any more, and sign them out."""
        await to_thread.run_sync(self._forget, user_id)
        self._sessions.forget_others(user_id, besides=None)
        self._callers.forget(user_id)

    async def name_of(self, user_id: str) -> str:
        """The name of an account; empty if there is none."""

        def look_up() -> str:
            with self._database.read() as connection:
                return names_of(connection, {user_id}).get(user_id, "")

        return await to_thread.run_sync(look_up)

    def _forget(self, user_id: str) -> None:
        with self._database.write() as connection:
            take_offices(connection, user_id)
            self._sessions.close_others(connection, user_id, besides=None)

    def _officers_besides(self, known: set[str]) -> list[str]:
        with self._database.read() as connection:
            return [one.user_id for one in every_officer(connection) if one.user_id not in known]

    def _names(self, found: OfficerList) -> dict[str, str]:
        wanted = {one.user_id for one in found.stops} | {one.officer_id for one in found.stops}
        wanted |= {name for one in found.waiting for name in (one.proposed_by, one.user_id)}
        with self._database.read() as connection:
            return names_of(connection, wanted)


def _waiting(one: OfficerActWaiting, names: dict[str, str]) -> dict[str, Any]:
    return {
        "act_id": one.act_id,
        "act": one.act,
        "proposed_by": names.get(one.proposed_by, one.proposed_by),
        "name": one.name or names.get(one.user_id, ""),
        "roles": list(one.roles),
        "user_id": one.user_id,
        "note": one.note,
        "entries": list(one.entries),
        "fields": list(one.fields),
        "expires_at": one.expires_at,
        "mine": one.mine,
    }
