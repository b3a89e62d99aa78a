"""What security officers decide about officers and about stops, over the JSON API."""

from typing import Annotated, Any, Literal

from pydantic import Field

from natsuin.sam.protocol import Act, ApproveOfficerAct, OfficerActStep, ProposeOfficerAct, ReviewOfficerAct
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.fields import AssertionCredential, Body
from natsuin.web.api.key_acts import Note
from natsuin.web.callers import Access
from natsuin.web.officer_board import OfficerBoard
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask
from natsuin.web.settings import WebSettings

_Role = Literal["registration-officer", "security-officer", "system-administrator", "auditor"]
_Tx = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$")]
_Account = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.:-]{0,127})?$")]


class OfficerActBody(Body):
    """What the officer wants."""

    act: Literal[
        "name-officer",
        "remove-officer",
        "stop-signing",
        "resume-signing",
        "disclose-entries",
        "erase-openings",
        "revocation-told",
    ]
    name: Annotated[str, Field(max_length=100)] = ""
    roles: Annotated[list[_Role], Field(max_length=4)] = Field(default_factory=list)
    namesake: bool = False
    user_id: _Account = ""
    """Of the officer to be removed, or whose signing is meant; empty for everybody's; of whom openings are about."""
    note: Note = ""
    entries: Annotated[list[_Tx], Field(max_length=200)] = Field(default_factory=list)
    """By their `tx`."""
    serial: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""
    """Of the certificate whose authority was told by hand, hexadecimal."""
    fields: Annotated[list[_Name], Field(max_length=50)] = Field(default_factory=list)


class OfficerApprovalBody(Body):
    """The officer's approval."""

    credential: AssertionCredential


class OfficerActAPI:
    """`/api/officer/officers` and `/api/officer/officer-acts/...`."""

    def __init__(self, sam: Sam, *, settings: WebSettings, board: OfficerBoard, answers: ActAnswers) -> None:
        self._sam = sam
        self._settings = settings
        self._board = board
        self._answers = answers

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        base = "/api/officer/officer-acts"
        routes.add("GET", "/api/officer/officers", self.officers, access=Access.SECURITY)
        routes.add("POST", base, self.propose, access=Access.SECURITY)
        routes.add("POST", base + "/{act_id}/review", self.review, access=Access.SECURITY)
        routes.add("POST", base + "/{act_id}/approval", self.approve, access=Access.SECURITY)

    async def officers(self, caller: SignedIn) -> dict[str, Any]:
        """Every officer, what waits for a second one, what is stopped, which authorities are to be told."""
        board = await self._board.look(caller.user_id)
        return {
            "officers": board.officers,
            "waiting": board.waiting,
            "stops": board.stops,
            "revocations": board.revocations,
        }

    async def propose(self, body: OfficerActBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the act, which this officer approves first."""
        message = ProposeOfficerAct(
            officer_id=caller.user_id,
            act=body.act,
            name=body.name,
            roles=tuple(body.roles),
            namesake=body.namesake,
            user_id=body.user_id,
            note=body.note,
            entries=tuple(body.entries),
            fields=tuple(body.fields),
            serial=body.serial,
        )
        return await self._answers.of(await ask(self._sam, message, Act))

    async def review(self, act_id: Identifier, caller: SignedIn) -> dict[str, Any]:
        """The same record for the second officer."""
        return await self._answers.of(
            await ask(self._sam, ReviewOfficerAct(officer_id=caller.user_id, act_id=act_id), Act)
        )

    async def approve(self, act_id: Identifier, body: OfficerApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass this officer's approval to sam. The link of somebody who was named, and a file of what was
        disclosed, are told once: nobody keeps them."""
        message = ApproveOfficerAct(act_id=act_id, assertion=body.credential.message(), by=caller.user_id)
        step = await ask(self._sam, message, OfficerActStep)
        if step.user_id:
            await self._board.forget(step.user_id)
        link = f"{self._settings.origin}/officer/enrol#{step.token}" if step.token else ""
        return {"waiting": step.waiting, "act": step.act, "link": link, "disclosure": step.disclosure.decode()}
