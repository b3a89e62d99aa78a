"""Replacements of lost passkeys as officers and their persons see them: sam's record, with names from the register."""

from dataclasses import asdict, dataclass

from anyio import to_thread

from natsuin.clock import Clock, milliseconds
from natsuin.errors import NotFound
from natsuin.sam.protocol import ListReplacements, ReplacementInformation, ReplacementPage
from natsuin.storage import Database
from natsuin.user_management import find_person, names_of
from natsuin.web.sam_calls import Sam, ask

_LOOK_BACK_MS = 90 * 86_400_000
_PAGE = 200


@dataclass(frozen=True)
class ReplacementView:
    """One of them. Times in milliseconds; `remaining` is what is left of the waiting period by web's clock, which only
    shows it."""

    act_id: str
    user_id: str
    name: str
    email: str
    state: str
    officers: tuple[str, ...]
    officer_ids: tuple[str, ...]
    evidence_kind: str
    evidence_reference: str
    evidence_level: int
    waiting: int
    proposed_at: int
    ends_waiting_at: int
    expires_at: int
    changed_at: int
    waited: bool
    remaining: int

    def as_json(self) -> dict[str, object]:
        """For the JSON API."""
        return asdict(self)


class Replacements:
    """Reads them."""

    def __init__(self, sam: Sam, clock: Clock, *, database: Database) -> None:
        self._sam = sam
        self._clock = clock
        self._database = database

    async def page(self, *, after: str = "") -> tuple[tuple[ReplacementView, ...], str]:
        """Those that are open and those of the last three months, and what the next page is asked with, or empty."""
        since = milliseconds(self._clock.now()) - _LOOK_BACK_MS
        asked = ListReplacements(after=after, limit=_PAGE, since=since)
        found = (await ask(self._sam, asked, ReplacementPage)).replacements
        views = await to_thread.run_sync(lambda: tuple(self._view(one) for one in found))
        order = {"proposed": 0, "waiting": 1}
        listed = sorted(views, key=lambda view: (order.get(view.state, 2), -view.changed_at))
        return tuple(listed), found[-1].act_id if len(found) == _PAGE else ""

    async def require(self, act_id: str, *, user_id: str = "") -> ReplacementView:
        """One of them; with `user_id` only if it is this person's. Raises `NotFound`."""
        asked = ListReplacements(act_id=act_id, user_id=user_id)
        for one in (await ask(self._sam, asked, ReplacementPage)).replacements:
            return await to_thread.run_sync(self._view, one)
        raise NotFound("there is no such replacement of a passkey")

    async def view(self, one: ReplacementInformation) -> ReplacementView:
        """What an officer, or its person, is shown of it."""
        return await to_thread.run_sync(self._view, one)

    def _view(self, one: ReplacementInformation) -> ReplacementView:
        with self._database.read() as connection:
            person = find_person(connection, one.user_id)
            names = names_of(connection, one.officers)
        now = milliseconds(self._clock.now())
        return ReplacementView(
            act_id=one.act_id,
            user_id=one.user_id,
            name=person.display_name if person is not None else "",
            email=person.email if person is not None else "",
            state=one.state,
            officers=tuple(names.get(name, name) for name in one.officers),
            officer_ids=one.officers,
            evidence_kind=one.evidence.kind,
            evidence_reference=one.evidence.reference,
            evidence_level=one.evidence.level,
            waiting=one.waiting,
            proposed_at=one.proposed_at,
            ends_waiting_at=one.ends_waiting_at,
            expires_at=one.expires_at,
            changed_at=one.changed_at,
            waited=one.waited,
            remaining=max(one.ends_waiting_at - now, 0) if one.state == "waiting" else 0,
        )
