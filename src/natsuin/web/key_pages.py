"""The pages about keys: the owner's own, and everybody's for officers."""

from collections import Counter

from starlette.requests import Request

from natsuin.errors import NotFound, Tampered
from natsuin.web.callers import Access, Callers
from natsuin.web.keys import KeyView, OwnKeys, PasskeyView
from natsuin.web.officer_keys import STATES, OfficerKeys
from natsuin.web.pages import Context, Page
from natsuin.web.sam_calls import ServiceFacts
from natsuin.web.shared_acts import SharedActs
from natsuin.web.sign_in_passkeys import SignInPasskeys

_LONGEST_FILTER = 100


class KeyPages:
    """Makes them."""

    def __init__(
        self,
        keys: OwnKeys,
        *,
        passkeys: SignInPasskeys,
        callers: Callers,
        officer_keys: OfficerKeys,
        facts: ServiceFacts,
        shared: SharedActs,
    ) -> None:
        self._shared = shared
        self._keys = keys
        self._passkeys = passkeys
        self._callers = callers
        self._officer_keys = officer_keys
        self._facts = facts

    def pages(self) -> tuple[Page, ...]:
        """All of them."""
        return (
            Page("/keys", "keys", Access.SIGNER, self._own),
            Page("/keys/{key_id}/pin", "pin_reset", Access.SIGNER, self._pin_reset),
            Page("/keys/{key_id}/{act}", "key_act", Access.SIGNER, self._act),
            Page("/officer/keys", "officer_keys", Access.KEYHOLDING, self._everybodys),
            Page("/officer/keys/{key_id}", "officer_key", Access.KEYHOLDING, self._one),
        )

    async def _own(self, request: Request) -> Context:
        user_id = request.state.caller.user_id
        views, damaged = list[KeyView](), False
        try:
            kept = await self._passkeys.settle(user_id, besides=None)
            views = [self._keys.view(key, kept) for key in await self._keys.of(user_id)]
        except Tampered:
            # A key that was damaged in DB-2 is what an archive is for, and this page leads to its owner's approval.
            damaged = True
        return {
            # What still lives comes first, the newest of it on top.
            "keys": sorted(views, key=lambda view: (not view.acts, -view.created_at)),
            "damaged": damaged,
            "waiting": await self._shared.for_owner(user_id),
            "copies": Counter(one.key_id for one in await self._shared.archives_of(user_id) if one.state == "kept"),
        }

    async def _pin_reset(self, request: Request) -> Context:
        key = await self._keys.require(request.state.caller.user_id, request.path_params["key_id"])
        if key.state != "active":
            raise NotFound("there is no such active key")
        return {"key": self._keys.view(key)}

    async def _act(self, request: Request) -> Context:
        user_id, act = request.state.caller.user_id, request.path_params["act"]
        kept = await self._passkeys.settle(user_id, besides=None)
        view = self._keys.view(await self._keys.require(user_id, request.path_params["key_id"]), kept)
        if act not in view.acts:
            raise NotFound("this cannot be done with the key as it is now", hint="See My keys.")
        passkey = _named_passkey(view, request.query_params.get("passkey", "")) if act == "remove-passkey" else None
        return {
            "key": view,
            "act": act,
            "passkey": passkey,
            "key_algorithms": (await self._facts.get()).algorithms,
            "kept": f"&passkey={passkey.credential_id}" if passkey else "",
        }

    async def _everybodys(self, request: Request) -> Context:
        query = request.query_params
        name = query.get("name", "")[:_LONGEST_FILTER].strip()
        state = query.get("state", "") if query.get("state", "") in STATES else ""
        page = await self._officer_keys.page(after=query.get("after", "")[:128], name=name, state=state)
        return {
            "keys": page.keys,
            "following": page.following,
            "name": name,
            "state": state,
            "states": STATES,
            "first": not query.get("after"),
        }

    async def _one(self, request: Request) -> Context:
        key = await self._officer_keys.require(request.path_params["key_id"])
        return {"key": await self._officer_keys.view(key)}


def _named_passkey(view: KeyView, name: str) -> PasskeyView:
    """The passkey of the key that the address names. Raises `NotFound`."""
    for passkey in view.passkeys:
        if passkey.credential_id == name:
            return passkey
    raise NotFound("there is no such passkey")
