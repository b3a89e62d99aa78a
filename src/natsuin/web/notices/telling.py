"""All notices of this service: where they come from, and the ways on which they leave."""

from dataclasses import dataclass

from anyio import to_thread
from sqlalchemy import Connection

from natsuin.clock import Clock, milliseconds
from natsuin.mail_server import MailServer
from natsuin.storage import Database
from natsuin.web.notices.channels import Channel, MailChannel, webhook_channel
from natsuin.web.notices.choices import choose, wants_use
from natsuin.web.notices.key_notices import KeyNotices
from natsuin.web.notices.key_texts import UNTOLD
from natsuin.web.notices.outbox import Outbox
from natsuin.web.notices.replacement_notices import ReplacementNotices
from natsuin.web.notices.wording import Notice
from natsuin.web.sam_calls import Sam
from natsuin.web.settings import WebSettings


@dataclass(frozen=True)
class Telling:
    """What web does about notices besides its answers. For one event loop."""

    database: Database
    clock: Clock
    outbox: Outbox
    replacements: ReplacementNotices
    keys: KeyNotices
    of_use: bool
    """Whether people may be told of each use of their keys."""

    def of_use_told(self, connection: Connection, user_id: str) -> bool:
        """Whether this person is told of each use of their keys by now."""
        return self.of_use and wants_use(connection, user_id, milliseconds(self.clock.now()))

    def choose(self, user_id: str, *, of_use: bool) -> None:
        """Write down whether a person wishes to be told of each use; who was told until now is told of the end of it.
        Durable on return."""
        now = milliseconds(self.clock.now())
        with self.database.write() as connection:
            ends = wants_use(connection, user_id, now) and not of_use
            choose(connection, user_id, of_use=of_use, now=now)
            if ends and self.of_use:
                self.outbox.put_with(connection, [Notice(f"{UNTOLD}.{user_id}.{now}", user_id, UNTOLD, now)])

    async def catch_up(self) -> int:
        """Put whatever people must be told and were not into the outbox; answers with how many. Raises what sam and the
        database raise."""
        return await self.replacements.catch_up() + await self.keys.catch_up()

    async def deliver(self, channel: str) -> int:
        """Send what is due on one way; answers with how many."""
        return await to_thread.run_sync(self.outbox.deliver, channel)

    async def purge(self) -> int:
        """Forget notices that went out long ago; answers with how many."""
        return await to_thread.run_sync(self.outbox.purge)


def make_telling(settings: WebSettings, database: Database, sam: Sam, clock: Clock) -> Telling:
    """As the configuration says. Nothing is connected or read yet but the webhook's secret: raises
    `ConfigurationRefused` if that is unusable."""
    notices, sender = settings.notices, settings.mail_sender
    mail, webhook = MailServer(notices, sender), webhook_channel(notices, sender)
    channels: list[Channel] = [MailChannel(mail)] if mail.exists else []
    channels += [webhook] if webhook is not None else []
    outbox = Outbox(database, clock, channels=channels)
    keys = KeyNotices(sam, database, clock, outbox=outbox, of_use=notices.of_use)
    replacements = ReplacementNotices(sam, clock, outbox=outbox)
    return Telling(database, clock, outbox, replacements, keys, of_use=notices.of_use)
