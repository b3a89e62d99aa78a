"""Notices that wait in DB-1 until a mail server or a webhook's receiver took them: nothing is lost by a crash, and what
fails is tried again.

A notice may go out twice on one way, if the process dies between the receiver's yes and the note of it; its name is the
same.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
import structlog

from natsuin.clock import Clock, milliseconds
from natsuin.mail_server import MailFailed, MailImpossible
from natsuin.storage import Database
from natsuin.user_management import find_person
from natsuin.web.notices.channels import MAIL, Channel
from natsuin.web.notices.tables import notice_delivery
from natsuin.web.notices.wording import Notice
from natsuin.webhooks import WebhookFailed

FIRST_PAUSE_MS = 60_000
LONGEST_PAUSE_MS = 6 * 3_600_000
GIVE_UP_AFTER_MS = 14 * 86_400_000
_AT_ONCE = 20
_KEEP_FOR_MS = 180 * 86_400_000
"""How long it is remembered what was sent: longer than `_LOOK_BACK` in replacement_notices.py reaches, which may be up
to 7 days, and than a replacement can run (30 days of waiting, 14 of its link), or the same would be told again."""
_log = structlog.get_logger("natsuin.web")


class Outbox:
    """The notices of one database, each to leave on every one of `channels`. Thread safe."""

    def __init__(self, database: Database, clock: Clock, *, channels: Sequence[Channel]) -> None:
        self._database = database
        self._clock = clock
        self._channels = {channel.name: channel for channel in channels}

    @property
    def ways(self) -> tuple[str, ...]:
        """The names of the channels."""
        return tuple(self._channels)

    @property
    def leads_anywhere(self) -> bool:
        """Whether there is any way on which people are told."""
        return bool(self._channels)

    @property
    def by_mail(self) -> bool:
        """Whether mails go out."""
        return MAIL in self._channels

    def put(self, notices: Sequence[Notice]) -> int:
        """Keep those that are not there yet, for people who exist; durable on return. Answers with how many."""
        if not notices:
            return 0
        with self._database.write() as connection:
            return self.put_with(connection, notices)

    def put_with(self, connection: sa.Connection, notices: Sequence[Notice]) -> int:
        """The same in the caller's transaction."""
        now = milliseconds(self._clock.now())
        kept = 0
        columns = notice_delivery.c
        for notice in notices:
            if find_person(connection, notice.user_id) is None:
                continue
            known = sa.select(columns.channel).where(columns.notice_id == notice.notice_id)
            for channel in self._channels.keys() - set(connection.execute(known).scalars()):
                connection.execute(
                    sa.insert(notice_delivery).values(
                        notice_id=notice.notice_id,
                        channel=channel,
                        user_id=notice.user_id,
                        event=notice.event,
                        moment=notice.moment,
                        state="waiting",
                        attempts=0,
                        next_at=now,
                        created_at=now,
                    )
                )
                kept += 1
        return kept

    def deliver(self, way: str) -> int:
        """Send what is due on one way, once each; answers with how many went out. A refusal is tried again later, less
        and less often, for two weeks. For one thread at a time for each way: none waits for another."""
        channel, sent = self._channels[way], 0
        for row in self._take_due(channel.name):
            state, attempts = "waiting", row.attempts + 1
            try:
                self._send(channel, Notice(row.notice_id, row.user_id, row.event, row.moment))
                state = "sent"
                sent += 1
            except MailImpossible as problem:
                state = "given-up"
                _log.error("notice-impossible", notice=row.notice_id, channel=channel.name, reason=str(problem))
            except Exception as problem:
                # Whatever it was, and be it a mistake of ours: one notice never holds up another. Only texts of our own
                # are told, since others may repeat the address.
                ours = isinstance(problem, MailFailed | WebhookFailed)
                reason = (str(problem) if ours else "") or type(problem).__name__
                if milliseconds(self._clock.now()) - row.created_at > GIVE_UP_AFTER_MS:
                    state = "given-up"
                told = {"notice": row.notice_id, "channel": channel.name, "attempts": attempts, "state": state}
                (_log.warning if ours else _log.error)("notice-failed", **told, reason=reason)
            if state != "waiting":
                self._note(row, channel, state)
        return sent

    def purge(self) -> int:
        """Forget notices that were sent or given up long ago; answers with how many."""
        columns = notice_delivery.c
        oldest = milliseconds(self._clock.now()) - _KEEP_FOR_MS
        over = sa.and_(columns.state != "waiting", columns.created_at < oldest)
        with self._database.read() as connection:
            if connection.execute(sa.select(columns.notice_id).where(over).limit(1)).first() is None:
                return 0
        with self._database.write() as connection:
            return int(connection.execute(sa.delete(notice_delivery).where(over)).rowcount)

    def _take_due(self, channel: str) -> list[Any]:
        """What is due, each put off first: a process that dies while sending does not try at once, again and again."""
        now = milliseconds(self._clock.now())
        columns = notice_delivery.c
        query = (
            sa.select(
                columns.notice_id, columns.user_id, columns.event, columns.moment, columns.attempts, columns.created_at
            )
            .where(columns.channel == channel, columns.state == "waiting", columns.next_at <= now)
            .order_by(columns.next_at)
            .limit(_AT_ONCE)
        )
        with self._database.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return []
        with self._database.write() as connection:
            rows = list(connection.execute(query.with_for_update(skip_locked=True)).all())
            for row in rows:
                pause = min(FIRST_PAUSE_MS * 2**row.attempts, LONGEST_PAUSE_MS)
                changes = {"attempts": row.attempts + 1, "next_at": now + pause}
                mine = sa.update(notice_delivery).where(columns.notice_id == row.notice_id, columns.channel == channel)
                connection.execute(mine.values(**changes))
        return rows

    def _send(self, channel: Channel, notice: Notice) -> None:
        with self._database.read() as connection:
            person = find_person(connection, notice.user_id)
        if person is None or not person.email:
            raise MailImpossible("there is no address")
        channel.send(notice, person.email, now=self._clock.now())

    def _note(self, row: Any, channel: Channel, state: str) -> None:
        columns = notice_delivery.c
        mine = sa.update(notice_delivery).where(columns.notice_id == row.notice_id, columns.channel == channel.name)
        with self._database.write() as connection:
            connection.execute(mine.values(state=state))
