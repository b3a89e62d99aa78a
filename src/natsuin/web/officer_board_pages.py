"""The pages about officers, stops and the service itself."""

from starlette.requests import Request

from natsuin.errors import NotFound
from natsuin.web.callers import Access
from natsuin.web.officer_board import OfficerBoard
from natsuin.web.pages import Context, Page
from natsuin.web.service_state import ServiceState

_ACTS = (
    "name-officer",
    "remove-officer",
    "stop-signing",
    "resume-signing",
    "disclose-entries",
    "erase-openings",
    "revocation-told",
)


class OfficerBoardPages:
    """Makes them."""

    def __init__(self, board: OfficerBoard, state: ServiceState) -> None:
        self._board = board
        self._state = state

    def pages(self) -> tuple[Page, ...]:
        """All of them."""
        return (
            Page("/officer/officers", "officers", Access.SECURITY, self._officers),
            Page("/officer/officers/new", "officer_decision", Access.SECURITY, self._new),
            Page("/officer/officers/acts/{act_id}", "officer_decision", Access.SECURITY, self._review),
            self._state.page(),
        )

    async def _officers(self, request: Request) -> Context:
        board = await self._board.look(request.state.caller.user_id)
        stopped = any(one["user_id"] == "" for one in board.stops)
        return {
            "officers": board.officers,
            "waiting": board.waiting,
            "stops": board.stops,
            "all_stopped": stopped,
            "revocations": board.revocations,
        }

    async def _new(self, request: Request) -> Context:
        act = request.query_params.get("act", "name-officer")
        if act not in _ACTS:
            raise NotFound("there is no such page")
        user_id = request.query_params.get("user", "")[:128]
        name = await self._board.name_of(user_id) if user_id else ""
        serial = request.query_params.get("serial", "")[:64]
        return {"act": act, "user_id": user_id, "name": name, "one": None, "serial": serial}

    async def _review(self, request: Request) -> Context:
        act_id = request.path_params["act_id"]
        board = await self._board.look(request.state.caller.user_id)
        for one in board.waiting:
            if one["act_id"] == act_id:
                return {"act": one["act"], "user_id": one["user_id"], "name": one["name"], "one": one, "serial": ""}
        raise NotFound("there is no such act to approve", hint="Begin again.")
