"""The ways on which a notice leaves: a mail to the person, and a message to a system of the operator's."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from natsuin.clock import from_milliseconds, milliseconds
from natsuin.mail_server import MailServer, Sender
from natsuin.notice_settings import NoticesSection
from natsuin.web.notices.wording import Notice, mail_of, text_of
from natsuin.webhooks import post, webhook_key

FORMAT: Final = "natsuin-notice/v1"
MAIL: Final = "mail"
WEBHOOK: Final = "webhook"


class Channel(Protocol):
    """One way. Thread safe."""

    @property
    def name(self) -> str:
        """As `notice_delivery.channel` has it."""

    def send(self, notice: Notice, address: str, *, now: datetime) -> None:
        """Hand one notice over for the person with this mail address.

        Raises `MailFailed` and `WebhookFailed` for what may go out later, `MailImpossible` for what never will.
        """


@dataclass(frozen=True)
class MailChannel:
    """Mails to the person's own address."""

    server: MailServer
    name: str = MAIL

    def send(self, notice: Notice, address: str, *, now: datetime) -> None:
        """As in `Channel`."""
        self.server.send(mail_of(notice, address, self.server.sender, now=now))


@dataclass(frozen=True)
class WebhookChannel:
    """Messages to one address, signed as the Standard Webhooks specification says, with the address and both texts, so
    that whatever is there can tell the person by a way of its own. It may hear of one notice twice, under the same
    name."""

    url: str
    key: bytes = field(repr=False)
    sender: Sender
    name: str = WEBHOOK

    def send(self, notice: Notice, address: str, *, now: datetime) -> None:
        """As in `Channel`."""
        post(self.url, self.key, notice.notice_id, self.body(notice, address), now=milliseconds(now) // 1000)

    def body(self, notice: Notice, address: str) -> bytes:
        """What is posted: JSON."""
        texts = {lang: text_of(notice, self.sender, lang) for lang in ("ja", "en")}
        told = {
            "format": FORMAT,
            "event": notice.event,
            "user_id": notice.user_id,
            "email": address,
            "moment": f"{from_milliseconds(notice.moment):%Y-%m-%dT%H:%M:%SZ}",
            "texts": {lang: {"subject": text.subject, "body": text.body} for lang, text in texts.items()},
        }
        return json.dumps(told, ensure_ascii=False).encode()


def webhook_channel(notices: NoticesSection, sender: Sender) -> WebhookChannel | None:
    """As the configuration says; None where it says nothing. Raises `ConfigurationRefused` for an unusable secret."""
    if notices.webhook is None or notices.webhook_secret is None:
        return None
    return WebhookChannel(notices.webhook, webhook_key(notices.webhook_secret, "notices.webhook_secret"), sender)
