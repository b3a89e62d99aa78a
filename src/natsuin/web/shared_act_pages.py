"""The pages about what several people approve: copies of keys, their restoration, and imports."""

from typing import Any

from anyio import to_thread
from starlette.requests import Request

from natsuin.web.api.key_imports import LARGEST_ENVELOPE
from natsuin.web.backup_times import BackupTimes
from natsuin.web.callers import Access
from natsuin.web.officer_keys import OfficerKeys
from natsuin.web.pages import Context, Page
from natsuin.web.sam_calls import ServiceFacts
from natsuin.web.shared_acts import SharedActs


class SharedActPages:
    """Makes them."""

    def __init__(self, shared: SharedActs, *, keys: OfficerKeys, times: BackupTimes, facts: ServiceFacts) -> None:
        self._shared = shared
        self._keys = keys
        self._times = times
        self._facts = facts

    def pages(self) -> tuple[Page, ...]:
        """All of them."""
        return (
            Page("/officer/archives", "officer_archives", Access.SECURITY, self._archives),
            Page("/officer/archives/new", "officer_act", Access.SECURITY, self._new),
            Page("/officer/archives/{archive_id}", "officer_act", Access.SECURITY, self._restore),
            Page("/officer/keys/{key_id}/import", "officer_act", Access.SECURITY, self._import),
            Page("/officer/waiting/{act_id}", "officer_act", Access.SECURITY, self._review),
            Page("/waiting/{act_id}", "owner_act", Access.SIGNER, self._owners),
        )

    async def _archives(self, request: Request) -> Context:
        query = request.query_params
        key_id = query.get("key", "")[:128]
        archives, following = await self._shared.archives(after=query.get("after", "")[:128], key_id=key_id)
        return {
            "waiting": await self._shared.for_officer(request.state.caller.user_id),
            "archives": archives,
            "following": following,
            "first": not query.get("after"),
            "key_id": key_id,
            "times": await to_thread.run_sync(self._times.read),
        }

    async def _new(self, request: Request) -> Context:
        key_id = request.query_params.get("key", "")[:128]
        key = await self._keys.view(await self._keys.require(key_id)) if key_id else None
        return await self._officers(request, "archive", key=key)

    async def _restore(self, request: Request) -> Context:
        return await self._officers(
            request, "restore", archive=await self._shared.archive(request.path_params["archive_id"])
        )

    async def _import(self, request: Request) -> Context:
        key = await self._keys.view(await self._keys.require(request.path_params["key_id"]))
        return await self._officers(request, "import", key=key)

    async def _review(self, request: Request) -> Context:
        view, _ = await self._shared.of_officer(request.state.caller.user_id, request.path_params["act_id"])
        return await self._officers(request, "review", one=view)

    async def _officers(self, request: Request, mode: str, **about: Any) -> Context:
        return {
            "mode": mode,
            "key": None,
            "archive": None,
            "one": None,
            "colleagues": await self._shared.colleagues(request.state.caller.user_id),
            "takes_imports": bool((await self._facts.get()).import_key),
            "most_bytes": LARGEST_ENVELOPE,
            **about,
        }

    async def _owners(self, request: Request) -> Context:
        view, _ = await self._shared.of_owner(request.state.caller.user_id, request.path_params["act_id"])
        return {"one": view}
