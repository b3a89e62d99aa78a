"""Acts that need several people, as officers and owners see them: copies of keys, their restoration, and imports.

What is listed is sam's record with names from the register. Whose turn it is, sam decides by the passkey.
"""

from dataclasses import asdict, dataclass
from typing import Any

from anyio import to_thread

from natsuin.errors import NotFound
from natsuin.sam.protocol import (
    Act,
    KeyArchiveInformation,
    KeyArchives,
    ListKeyArchives,
    ListWaitingActs,
    WaitingAct,
    WaitingActs,
)
from natsuin.storage import Database
from natsuin.user_management import Person, Role, names_of, officers
from natsuin.web.act_answers import ActAnswers
from natsuin.web.sam_calls import Sam, ask

PAGE = 100
_LARGEST_PAGE = 500


@dataclass(frozen=True)
class ArchiveView:
    """One archive. `sha256` is hexadecimal, of the file; `created_at` milliseconds."""

    archive_id: str
    key_id: str
    user_id: str
    owner: str
    copy: int
    state: str
    sha256: str
    officers: tuple[str, ...]
    created_at: int
    here: bool

    def as_json(self) -> dict[str, object]:
        """For the JSON API."""
        return asdict(self)


@dataclass(frozen=True)
class WaitingView:
    """An act that waits. `waiting_for` are names; `mine` says that it waits for who looks; `expires_at`
    milliseconds."""

    act_id: str
    kind: str
    key_id: str
    user_id: str
    owner: str
    officers: tuple[str, ...]
    approved_by: tuple[str, ...]
    waiting_for: tuple[str, ...]
    mine: bool
    expires_at: int

    def as_json(self) -> dict[str, object]:
        """For the JSON API."""
        return asdict(self)


class SharedActs:
    """Reads them. Safe from several tasks; asks sam and the register each time."""

    def __init__(self, sam: Sam, *, database: Database, answers: ActAnswers) -> None:
        self._sam = sam
        self._database = database
        self._answers = answers

    async def archives(self, *, after: str = "", limit: int = PAGE, key_id: str = "") -> tuple[list[ArchiveView], str]:
        """A page of everybody's archives, and what the next one is asked with, or empty."""
        asked = ListKeyArchives(after=after, limit=limit, key_id=key_id)
        found = (await ask(self._sam, asked, KeyArchives)).archives
        return await self.views(found), found[-1].archive_id if len(found) == limit else ""

    async def archives_of(self, user_id: str) -> list[ArchiveView]:
        """The archives of one person's keys."""
        asked = ListKeyArchives(limit=_LARGEST_PAGE, user_id=user_id)
        found = (await ask(self._sam, asked, KeyArchives)).archives
        return await self.views(tuple(one for one in found if one.user_id == user_id))

    async def archive(self, archive_id: str) -> ArchiveView:
        """One archive. Raises `NotFound`."""
        for one in (await ask(self._sam, ListKeyArchives(archive_id=archive_id), KeyArchives)).archives:
            if one.archive_id == archive_id:
                return (await self.views((one,)))[0]
        raise NotFound("there is no such archive")

    async def views(self, archives: tuple[KeyArchiveInformation, ...]) -> list[ArchiveView]:
        """With names."""
        names = await self._names({name for one in archives for name in (one.user_id, *one.officers)})
        return [
            ArchiveView(
                archive_id=one.archive_id,
                key_id=one.key_id,
                user_id=one.user_id,
                owner=names.get(one.user_id, ""),
                copy=one.copy,
                state=one.state,
                sha256=one.sha256.hex(),
                officers=tuple(names.get(name, name) for name in one.officers),
                created_at=one.created_at,
                here=one.here,
            )
            for one in archives
        ]

    async def for_officer(self, officer_id: str) -> list[WaitingView]:
        """Every open act that somebody approved; those first that wait for this officer. What nobody approved was
        looked at and left."""
        found = await self._waiting(ListWaitingActs(officer_id=officer_id))
        views = await self._views(tuple(one for one in found if one.approved_by))
        return sorted(views, key=lambda view: not view.mine)

    async def for_owner(self, user_id: str) -> list[WaitingView]:
        """The acts that wait for this person's own approval."""
        return await self._views(await self._owners(user_id))

    async def of_officer(
        self, officer_id: str, act_id: str, *, mine: bool = False
    ) -> tuple[WaitingView, dict[str, Any]]:
        """One open act, and what this officer's browser needs to approve it; with `mine` only if it is their turn.

        Raises `NotFound`.
        """
        found = await self._waiting(ListWaitingActs(officer_id=officer_id, act_id=act_id))
        return await self._one(found, act_id, mine=mine)

    async def of_owner(self, user_id: str, act_id: str) -> tuple[WaitingView, dict[str, Any]]:
        """The same for an act that waits for its owner. Raises `NotFound`, alike for another's."""
        return await self._one(await self._owners(user_id, act_id), act_id, mine=True)

    async def colleagues(self, officer_id: str) -> list[Person]:
        """The other security officers."""

        def look_up() -> list[Person]:
            with self._database.read() as connection:
                return [one for one in officers(connection, Role.SECURITY_OFFICER) if one.user_id != officer_id]

        return await to_thread.run_sync(look_up)

    async def names(self, user_ids: tuple[str, ...]) -> list[str]:
        """The names of these people, in their order."""
        known = await self._names(set(user_ids))
        return [known.get(name, name) for name in user_ids]

    async def _owners(self, user_id: str, act_id: str = "") -> tuple[WaitingAct, ...]:
        found = await self._waiting(ListWaitingActs(user_id=user_id, act_id=act_id))
        return tuple(one for one in found if one.user_id == user_id)

    async def _waiting(self, message: ListWaitingActs) -> tuple[WaitingAct, ...]:
        return (await ask(self._sam, message, WaitingActs)).acts

    async def _one(
        self, acts: tuple[WaitingAct, ...], act_id: str, *, mine: bool
    ) -> tuple[WaitingView, dict[str, Any]]:
        for one in acts:
            if one.act_id == act_id and (one.credential_ids or not mine):
                act = Act(
                    act_id=one.act_id,
                    record=one.record,
                    challenge=one.challenge,
                    credential_ids=one.credential_ids,
                    expires_at=one.expires_at,
                )
                return (await self._views((one,)))[0], await self._answers.of(act)
        raise NotFound("there is no such act to approve", hint="Begin again.")

    async def _views(self, acts: tuple[WaitingAct, ...]) -> list[WaitingView]:
        names = await self._names({name for one in acts for name in (one.user_id, *one.officers)})
        return [_view(one, names) for one in acts]

    async def _names(self, user_ids: set[str]) -> dict[str, str]:
        def look_up() -> dict[str, str]:
            with self._database.read() as connection:
                return names_of(connection, user_ids)

        return await to_thread.run_sync(look_up)


def _view(one: WaitingAct, names: dict[str, str]) -> WaitingView:
    open_officers = [name for name in one.officers if name not in one.approved_by]
    next_ones = open_officers or ([one.user_id] if one.user_id else [])
    return WaitingView(
        act_id=one.act_id,
        kind=one.kind,
        key_id=one.key_id,
        user_id=one.user_id,
        owner=names.get(one.user_id, ""),
        officers=tuple(names.get(name, name) for name in one.officers),
        approved_by=tuple(names.get(name, name) for name in one.approved_by),
        waiting_for=tuple(names.get(name, name) for name in next_ones),
        mine=bool(one.credential_ids),
        expires_at=one.expires_at,
    )
