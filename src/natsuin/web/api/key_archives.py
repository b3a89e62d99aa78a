"""Copies of keys: officers list, make and restore them, two together; owners approve what brings their key back."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from natsuin.sam.protocol import Act, ApproveKeyBackup, KeyBackupStep, ProposeKeyArchive, ProposeKeyRestore
from natsuin.web.api.fields import AssertionCredential, Body, Sealed
from natsuin.web.callers import Access
from natsuin.web.keys import OwnKeys
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask
from natsuin.web.shared_acts import PAGE, SharedActs

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
KeyName = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.:-]{0,127})?$")]


class ArchiveBody(Body):
    """Which key, empty for every one that has no archive as it is now; and the officer who is to approve, too."""

    second_officer: Name
    key_id: KeyName = ""


class RestoreBody(Body):
    """The officer who is to approve, too."""

    second_officer: Name


class OfficersApprovalBody(Body):
    """An officer's approval of the record."""

    credential: AssertionCredential


class OwnersApprovalBody(Body):
    """The owner's approval, and the PIN sealed to sam."""

    credential: AssertionCredential
    sealed_secrets: Sealed


class KeyArchiveAPI:
    """What two officers do."""

    def __init__(self, sam: Sam, *, shared: SharedActs, keys: OwnKeys) -> None:
        self._sam = sam
        self._shared = shared
        self._keys = keys

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("GET", "/api/officer/colleagues", self.colleagues, access=Access.SECURITY)
        routes.add("GET", "/api/officer/waiting", self.waiting, access=Access.SECURITY)
        routes.add("GET", "/api/officer/waiting/{act_id}", self.review, access=Access.SECURITY)
        routes.add("GET", "/api/officer/archives", self.page, access=Access.SECURITY)
        routes.add("POST", "/api/officer/archives", self.propose, access=Access.SECURITY)
        routes.add("POST", "/api/officer/archives/{archive_id}/restore", self.propose_restore, access=Access.SECURITY)
        routes.add("POST", "/api/officer/backup-acts/{act_id}", self.approve, access=Access.SECURITY)
        routes.add("GET", "/api/archives", self.own, access=Access.SIGNER)
        routes.add("GET", "/api/waiting", self.own_waiting, access=Access.SIGNER)
        routes.add("GET", "/api/waiting/{act_id}", self.own_review, access=Access.SIGNER)
        routes.add("POST", "/api/restores/{act_id}", self.approve_as_owner, access=Access.SIGNER)

    async def colleagues(self, caller: SignedIn) -> dict[str, Any]:
        """The other registration officers."""
        found = await self._shared.colleagues(caller.user_id)
        return {"officers": [{"user_id": one.user_id, "display_name": one.display_name} for one in found]}

    async def waiting(self, caller: SignedIn) -> dict[str, Any]:
        """Every open act of several people."""
        return {"waiting": [one.as_json() for one in await self._shared.for_officer(caller.user_id)]}

    async def review(self, act_id: Identifier, caller: SignedIn) -> dict[str, Any]:
        """One of them with its record; who looks approves it if it is their turn."""
        view, act = await self._shared.of_officer(caller.user_id, act_id)
        return act | view.as_json()

    async def page(
        self,
        caller: SignedIn,
        after: Annotated[str, Query(max_length=128)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
        key_id: Annotated[str, Query(max_length=128)] = "",
    ) -> dict[str, Any]:
        """A page of the archives, of one key or of all."""
        found, following = await self._shared.archives(after=after, limit=limit, key_id=key_id)
        return {"archives": [one.as_json() for one in found], "next": following}

    async def propose(self, body: ArchiveBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the act that both officers approve, this one first or last."""
        names = (caller.user_id, body.second_officer)
        act = await ask(self._sam, ProposeKeyArchive(officer_ids=names, key_id=body.key_id), Act)
        return await self._for(caller.user_id, act)

    async def propose_restore(self, archive_id: Identifier, body: RestoreBody, caller: SignedIn) -> dict[str, Any]:
        """The same for a restoration, which the owner approves after both."""
        archive = await self._shared.archive(archive_id)
        names = (caller.user_id, body.second_officer)
        message = ProposeKeyRestore(officer_ids=names, archive_id=archive_id, user_id=archive.user_id)
        return await self._for(caller.user_id, await ask(self._sam, message, Act))

    async def approve(self, act_id: Identifier, body: OfficersApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass this officer's approval to sam, which then does it if it was the last."""
        message = ApproveKeyBackup(act_id=act_id, assertion=body.credential.message(), by=caller.user_id)
        step = await ask(self._sam, message, KeyBackupStep)
        return {
            "waiting_for": await self._shared.names(step.waiting_for),
            "archives": [one.as_json() for one in await self._shared.views(step.archives)],
        }

    async def own(self, caller: SignedIn) -> dict[str, Any]:
        """The archives of the caller's keys."""
        return {"archives": [one.as_json() for one in await self._shared.archives_of(caller.user_id)]}

    async def own_waiting(self, caller: SignedIn) -> dict[str, Any]:
        """What waits for the caller's own approval."""
        return {"waiting": [one.as_json() for one in await self._shared.for_owner(caller.user_id)]}

    async def own_review(self, act_id: Identifier, caller: SignedIn) -> dict[str, Any]:
        """One of them with its record."""
        view, act = await self._shared.of_owner(caller.user_id, act_id)
        return act | view.as_json()

    async def approve_as_owner(self, act_id: Identifier, body: OwnersApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass the owner's approval and the sealed PIN to sam, which then brings the key back."""
        message = ApproveKeyBackup(
            act_id=act_id, assertion=body.credential.message(), sealed_pin=body.sealed_secrets, by=caller.user_id
        )
        step = await ask(self._sam, message, KeyBackupStep)
        return {"key": self._keys.view(step.key).as_json() if step.key is not None else None}

    async def _for(self, officer_id: str, act: Act) -> dict[str, Any]:
        """The act with the passkey of this officer alone."""
        view, answer = await self._shared.of_officer(officer_id, act.act_id, mine=True)
        return answer | view.as_json()
