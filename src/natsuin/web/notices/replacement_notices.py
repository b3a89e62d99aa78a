"""Who is told of the replacement of their passkeys, and when: its begin, the end of the waiting period, its end.

What happened is always read from sam's record, at once after each step and again and again, so that a crash between
sam's answer and the outbox loses no mail. web can keep silent, and that is why the record of sam, the log and the
waiting period do not depend on it.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from anyio import to_thread

from natsuin.clock import Clock, milliseconds
from natsuin.errors import NatsuinError
from natsuin.sam.protocol import ListReplacements, ReplacementInformation, ReplacementPage
from natsuin.web.notices.outbox import Outbox
from natsuin.web.notices.texts import BEGUN, CANCELLED, COMPLETED, READY
from natsuin.web.notices.wording import Notice
from natsuin.web.sam_calls import Sam, ask

_LOOK_BACK = timedelta(days=7)
_PAGE = 500
_REMEMBER_SECONDS = 2.0
_MOST_REMEMBERED = 10_000


class ReplacementNotices:
    """Tells people. Used from one event loop."""

    def __init__(self, sam: Sam, clock: Clock, *, outbox: Outbox) -> None:
        self._sam = sam
        self._clock = clock
        self._outbox = outbox
        self._known: dict[str, tuple[float, ReplacementInformation | None]] = {}

    @property
    def by_mail(self) -> bool:
        """Whether mails go out at all."""
        return self._outbox.by_mail

    async def catch_up(self) -> int:
        """Put whatever people must be told and were not into the outbox; answers with how many. Raises what sam and the
        database raise."""
        self._known.clear()
        if not self._outbox.leads_anywhere:
            return 0
        since = milliseconds(self._clock.now() - _LOOK_BACK)
        kept, after = 0, ""
        while True:
            asked = ListReplacements(after=after, limit=_PAGE, since=since)
            found = (await ask(self._sam, asked, ReplacementPage)).replacements
            notices = [notice for one in found for notice in _notices_of(one)]
            kept += await to_thread.run_sync(self._outbox.put, notices)
            if len(found) < _PAGE:
                return kept
            after = found[-1].act_id

    async def after_step(self) -> None:
        """The same right after a step. What fails now is made good at the next look, and the step stands anyway."""
        with suppress(NatsuinError):
            await self.catch_up()

    async def banner(self, user_id: str) -> ReplacementInformation | None:
        """What runs for a person, for every page that they see. None also where sam does not answer: a page without it
        is better than none."""
        known = self._known.get(user_id)
        if known is not None and time.monotonic() - known[0] < _REMEMBER_SECONDS:
            return known[1]
        try:
            page = await ask(self._sam, ListReplacements(user_id=user_id, since=2**62), ReplacementPage)
        except NatsuinError:
            return None
        running = next((one for one in page.replacements if one.state == "waiting"), None)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[user_id] = (time.monotonic(), running)
        return running


def _notices_of(one: ReplacementInformation) -> Iterator[Notice]:
    """What the person of a replacement is to be told by now. What never began is no news."""
    if not one.ends_waiting_at:
        return
    events = {"waiting": BEGUN, "completed": COMPLETED, "cancelled": CANCELLED}
    event = events.get(one.state)
    if event is not None:
        moment = one.ends_waiting_at if one.state == "waiting" else one.changed_at
        yield Notice(f"{one.act_id}.{event}", one.user_id, event, moment)
    if one.waited:
        yield Notice(f"{one.act_id}.{READY}", one.user_id, READY, one.expires_at)
