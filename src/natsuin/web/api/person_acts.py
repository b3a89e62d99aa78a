"""What a registration officer does about a whole person: an invitation withdrawn, an account ended, data erased."""

from typing import Any, Literal

from anyio import to_thread
from sqlalchemy import Connection

from natsuin.authentication import passkeys_of, remove_passkeys
from natsuin.authentication.oauth import end_grants_of
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict
from natsuin.sam.protocol import Act, ApprovePersonAct, PersonActDone, ProposePersonAct
from natsuin.user_management import Leaving
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.fields import AssertionCredential, Body, Empty
from natsuin.web.api.key_acts import Note
from natsuin.web.callers import Access, Callers
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask

_DONE_BEFORE = {"invitation_withdrawn": "withdraw-invitation", "person_ended": "end-person"}


class PersonActBody(Body):
    """What the officer wants."""

    act: Literal["withdraw-invitation", "end-person"]
    reason: Literal[
        "",
        "unspecified",
        "keyCompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "privilegeWithdrawn",
    ] = ""
    note: Note = ""


class PersonApprovalBody(Body):
    """The officer's approval."""

    credential: AssertionCredential


class PersonActAPI:
    """`/api/officer/people/{user_id}/acts`, their approvals, and `/api/officer/people/{user_id}/erasure`."""

    def __init__(self, sam: Sam, clock: Clock, *, leaving: Leaving, answers: ActAnswers, callers: Callers) -> None:
        self._sam = sam
        self._clock = clock
        self._leaving = leaving
        self._answers = answers
        self._callers = callers

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        base = "/api/officer/people/{user_id}"
        routes.add("POST", base + "/acts", self.propose, access=Access.REGISTRAR)
        routes.add("POST", "/api/officer/person-acts/{act_id}/approval", self.approve, access=Access.REGISTRAR)
        routes.add("POST", base + "/erasure", self.erase, access=Access.REGISTRAR, fresh=True)

    async def propose(self, user_id: Identifier, body: PersonActBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the act. One that sam did before, and this register missed, is written down here now."""
        message = ProposePersonAct(
            officer_id=caller.user_id, user_id=user_id, act=body.act, reason=body.reason, note=body.note
        )
        try:
            return await self._answers.of(await ask(self._sam, message, Act))
        except Conflict as refusal:
            if refusal.code in _DONE_BEFORE:
                await self._follow(user_id, _DONE_BEFORE[refusal.code], caller.user_id, "page")
            raise

    async def approve(self, act_id: Identifier, body: PersonApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass the approval to sam, and let the register follow what it did."""
        message = ApprovePersonAct(act_id=act_id, assertion=body.credential.message())
        done = await ask(self._sam, message, PersonActDone)
        await self._follow(done.user_id, done.act, caller.user_id, act_id)
        return {"user_id": done.user_id, "act": done.act, "ended_keys": list(done.ended_keys)}

    async def erase(self, user_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """Erase the personal data of an account that has ended. Raises `NotFound`, `Conflict`."""
        await to_thread.run_sync(lambda: self._leaving.erase(user_id, by_user_id=caller.user_id))
        self._forget(user_id)
        return {"user_id": user_id}

    async def _follow(self, user_id: str, act: str, by_user_id: str, source: str) -> None:
        def write() -> None:
            if act == "withdraw-invitation":
                self._leaving.note_withdrawn(user_id, by_user_id=by_user_id, source=source)
            else:
                self._leaving.note_ended(
                    user_id,
                    by_user_id=by_user_id,
                    source=source,
                    end_access=lambda connection: self._end_access(connection, user_id),
                )

        await to_thread.run_sync(write)
        self._forget(user_id)

    def _end_access(self, connection: Connection, user_id: str) -> None:
        kept = [one.credential_id for one in passkeys_of(connection, user_id)]
        remove_passkeys(connection, user_id, kept)
        end_grants_of(connection, user_id, now=milliseconds(self._clock.now()))
        self._callers.sessions.close_others(connection, user_id, besides=None)

    def _forget(self, user_id: str) -> None:
        self._callers.sessions.forget_others(user_id, besides=None)
        self._callers.forget(user_id)
