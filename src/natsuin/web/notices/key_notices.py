"""Who is told of what happened to their keys: the signing log is followed, so that notices and log say the same.

How far it was followed is kept in DB-1 in the same transaction as what is to be sent: a crash of web loses no notice.
Whoever has DB-1 or web can keep notices back, and that is why the log does not depend on them.
"""

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa
from anyio import to_thread

from natsuin.clock import Clock, milliseconds
from natsuin.sam.protocol import ListNews, News, NewsPage
from natsuin.storage import Database
from natsuin.web.notices.choices import wants_use
from natsuin.web.notices.key_texts import CLOSED, REFUSED, TOLD_AS, USED
from natsuin.web.notices.outbox import Outbox
from natsuin.web.notices.tables import notice_progress
from natsuin.web.notices.wording import Notice
from natsuin.web.sam_calls import Sam, ask

_SOURCE = "signing-log"
_LOOK_BACK = timedelta(days=7)
_PAGE = 500
_DAY_MS = 24 * 3600 * 1000
_NOWHERE = -1


class KeyNotices:
    """Follows the log. For one event loop, and one web process at a time does each step."""

    def __init__(self, sam: Sam, database: Database, clock: Clock, *, outbox: Outbox, of_use: bool) -> None:
        self._sam = sam
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._of_use = of_use

    async def catch_up(self) -> int:
        """Put whatever owners must be told and were not into the outbox; answers with how many. Raises what sam and the
        database raise.

        Where nobody was ever told of anything, and where nothing leads anywhere, the past is passed over. What is older
        than a week is told no more.
        """
        kept = 0
        reached = await to_thread.run_sync(self._reached)
        while True:
            page = await ask(self._sam, ListNews(since=max(reached, 0), limit=_PAGE), NewsPage)
            begins_now = reached == _NOWHERE or not self._outbox.leads_anywhere
            # A log that is shorter than what was followed of it was put back: begin again at its end.
            begins_now = begins_now or reached > page.size
            goes_on_at = page.size if begins_now else page.reached
            if goes_on_at != reached:
                notices = [] if begins_now else list(self._notices_of(page.news))
                kept += await to_thread.run_sync(self._keep, notices, reached, goes_on_at)
            if goes_on_at >= page.size:
                return kept
            reached = goes_on_at

    def _reached(self) -> int:
        asked = sa.select(notice_progress.c.reached).where(notice_progress.c.source == _SOURCE)
        with self._database.read() as connection:
            row = connection.execute(asked).one_or_none()
        return row.reached if row is not None else _NOWHERE

    def _keep(self, notices: list[Notice], reached: int, goes_on_at: int) -> int:
        with self._database.write() as connection:
            if not self._move(connection, reached, goes_on_at):
                return 0  # Another web process was there first, and keeps the same notices.
            wanted = [one for one in notices if one.event != USED or wants_use(connection, one.user_id, one.moment)]
            return self._outbox.put_with(connection, wanted)

    def _move(self, connection: sa.Connection, reached: int, goes_on_at: int) -> bool:
        columns = notice_progress.c
        if reached == _NOWHERE:
            connection.execute(sa.insert(notice_progress).values(source=_SOURCE, reached=goes_on_at))
            return True
        mine = sa.update(notice_progress).where(columns.source == _SOURCE, columns.reached == reached)
        return connection.execute(mine.values(reached=goes_on_at)).rowcount == 1

    def _notices_of(self, news: tuple[News, ...]) -> Iterator[Notice]:
        oldest = milliseconds(self._clock.now() - _LOOK_BACK)
        for one in news:
            event = event_of(one)
            if one.event.time >= oldest and event and (event != USED or self._of_use):
                yield Notice(_name_of(event, one), one.user_id, event, one.event.time)


def event_of(news: News) -> str:
    """Which notice tells of an entry, or nothing."""
    event = news.event
    if event.kind == "outcome":
        return USED if event.result == "signed" else ""
    if news.one_time:
        # The key comes and goes with its one use, of which the person is told.
        return ""
    if event.kind == "key-destroyed" and event.reason == "renewed":
        return ""  # The new key in its place is told.
    if event.kind == "secret-refused" and event.tries_left == 0:
        return CLOSED
    return TOLD_AS.get(event.kind, "")


def _name_of(event: str, news: News) -> str:
    """Names what is told: use once for each instruction, refusals once for each key and day, all else each time."""
    entry = news.event
    if event == USED and entry.instruction_id:
        return f"{event}.{entry.instruction_id}"
    if event == REFUSED:
        return f"{event}.{entry.key_id}.{entry.time // _DAY_MS}"
    return f"{event}.{entry.index}"
