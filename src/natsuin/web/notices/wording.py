"""One notice, in Japanese and then in English, since nobody knows which of the two a person reads.

Nothing that another person typed is in a notice, so nobody writes into somebody's mails or into their headers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

from natsuin.clock import from_milliseconds
from natsuin.mail_server import MailImpossible, Sender
from natsuin.web.notices.key_texts import KEY_TEXTS
from natsuin.web.notices.texts import CLOSING, TEXTS

_JAPAN = timezone(timedelta(hours=9))
_ALL_TEXTS = TEXTS | KEY_TEXTS


@dataclass(frozen=True)
class Notice:
    """What one person is told once. `moment` in milliseconds: the time that the text speaks of."""

    notice_id: str
    user_id: str
    event: str
    moment: int


@dataclass(frozen=True)
class Words:
    """A notice in one language: a line, and paragraphs with empty lines between them."""

    subject: str
    body: str


def address_of(address: str) -> Address:
    """The one address that mails go to. Raises `MailImpossible`."""
    try:
        return Address(addr_spec=address)
    except Exception as error:
        # The parser of the standard library answers some texts with an AttributeError, and may with others.
        raise MailImpossible("the address is not one") from error


def mail_of(notice: Notice, address: str, sender: Sender, *, now: datetime) -> EmailMessage:
    """The mail. Raises `MailImpossible` for an address that is not one address."""
    mail = EmailMessage(policy=SMTP)
    mail["To"] = address_of(address)
    try:
        mail["From"] = Address(sender.service, addr_spec=sender.address)
    except Exception as error:
        raise MailImpossible("the sender's address is not one") from error
    japanese, english = (text_of(notice, sender, lang) for lang in ("ja", "en"))
    mail["Subject"] = f"{japanese.subject} / {english.subject}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{notice.notice_id}@{urlsplit(sender.origin).hostname}>"
    mail["Auto-Submitted"] = "auto-generated"
    signature = f"{sender.service}\n{sender.origin}"
    mail.set_content("\n\n".join([japanese.body, "-" * 40, english.body, signature]) + "\n")
    return mail


def text_of(notice: Notice, sender: Sender, lang: str) -> Words:
    """What a notice says, in `ja` or `en`."""
    words = {"name": sender.service, "origin": sender.origin, "when": _when(notice.moment, lang)}
    text = _ALL_TEXTS[notice.event][lang]
    paragraphs = [paragraph.format(**words) for paragraph in (*text.paragraphs, CLOSING[lang])]
    return Words(text.subject.format(**words), "\n\n".join(paragraphs))


def _when(moment: int, lang: str) -> str:
    time = from_milliseconds(moment)
    return f"{time.astimezone(_JAPAN):%Y-%m-%d %H:%M}（日本時間）" if lang == "ja" else f"{time:%Y-%m-%d %H:%M} UTC"
