"""Mails that wait in DB-1 until a mail server took them: nothing is lost by a crash, and what fails is tried again.

A mail may go out twice, if the process dies between the server's yes and the note of it; its Message-ID is the same.
"""

from typing import Any

import sqlalchemy as sa
import structlog

from natsuin.clock import Clock, milliseconds
from natsuin.mail_server import MailFailed, MailImpossible, MailServer
from natsuin.storage import Database
from natsuin.user_management import find_person
from natsuin.web.notices.tables import outgoing_mail
from natsuin.web.notices.wording import Notice, mail_of

FIRST_PAUSE_MS = 60_000
LONGEST_PAUSE_MS = 6 * 3_600_000
GIVE_UP_AFTER_MS = 14 * 86_400_000
_AT_ONCE = 20
_KEEP_FOR_MS = 180 * 86_400_000
"""How long it is remembered what was sent: longer than `_LOOK_BACK` in replacement_notices.py reaches, which may be up
to 7 days, and than a replacement can run (30 days of waiting, 14 of its link), or the same would be told again."""
_log = structlog.get_logger("natsuin.web")


class Outbox:
    """The mails of one database. Thread safe; what is put is durable on return."""

    def __init__(self, database: Database, clock: Clock, *, server: MailServer) -> None:
        self._database = database
        self._clock = clock
        self.server = server

    def put(self, notices: list[Notice]) -> int:
        """Keep those that are not there yet, for people who exist; answers with how many."""
        now = milliseconds(self._clock.now())
        kept = 0
        with self._database.write() as connection:
            for notice in notices:
                known = sa.select(outgoing_mail.c.mail_id).where(outgoing_mail.c.mail_id == notice.mail_id)
                if connection.execute(known).first() or find_person(connection, notice.user_id) is None:
                    continue
                connection.execute(
                    sa.insert(outgoing_mail).values(
                        mail_id=notice.mail_id,
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

    def deliver(self) -> int:
        """Send what is due, once each; answers with how many went out. A refusal is tried again later, less and less
        often, for two weeks."""
        sent = 0
        for row in self._take_due():
            state, attempts = "waiting", row.attempts + 1
            try:
                self._send(Notice(row.mail_id, row.user_id, row.event, row.moment))
                state = "sent"
                sent += 1
            except MailImpossible as problem:
                state = "given-up"
                _log.error("mail-impossible", mail=row.mail_id, reason=str(problem))
            except MailFailed as problem:
                if milliseconds(self._clock.now()) - row.created_at > GIVE_UP_AFTER_MS:
                    state = "given-up"
                _log.warning("mail-failed", mail=row.mail_id, attempts=attempts, state=state, reason=str(problem))
            except Exception as problem:
                # One mail never holds up another. Nothing of the text: it may repeat the address.
                if milliseconds(self._clock.now()) - row.created_at > GIVE_UP_AFTER_MS:
                    state = "given-up"
                _log.error(
                    "mail-failed", mail=row.mail_id, attempts=attempts, state=state, reason=type(problem).__name__
                )
            if state != "waiting":
                self._note(row.mail_id, state)
        return sent

    def purge(self) -> int:
        """Forget mails that were sent or given up long ago; answers with how many."""
        columns = outgoing_mail.c
        oldest = milliseconds(self._clock.now()) - _KEEP_FOR_MS
        over = sa.and_(columns.state != "waiting", columns.created_at < oldest)
        with self._database.read() as connection:
            if connection.execute(sa.select(columns.mail_id).where(over).limit(1)).first() is None:
                return 0
        with self._database.write() as connection:
            return int(connection.execute(sa.delete(outgoing_mail).where(over)).rowcount)

    def _take_due(self) -> list[Any]:
        """What is due, each put off first: a process that dies while sending does not try at once, again and again."""
        now = milliseconds(self._clock.now())
        columns = outgoing_mail.c
        query = (
            sa.select(
                columns.mail_id, columns.user_id, columns.event, columns.moment, columns.attempts, columns.created_at
            )
            .where(columns.state == "waiting", columns.next_at <= now)
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
                connection.execute(sa.update(outgoing_mail).where(columns.mail_id == row.mail_id).values(**changes))
        return rows

    def _send(self, notice: Notice) -> None:
        with self._database.read() as connection:
            person = find_person(connection, notice.user_id)
        if person is None or not person.email:
            raise MailImpossible("there is no address")
        self.server.send(mail_of(notice, person.email, self.server.sender, now=self._clock.now()))

    def _note(self, mail_id: str, state: str) -> None:
        with self._database.write() as connection:
            connection.execute(sa.update(outgoing_mail).where(outgoing_mail.c.mail_id == mail_id).values(state=state))
