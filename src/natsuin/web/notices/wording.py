"""One mail, in Japanese and then in English, since nobody knows which of the two a person reads.

Nothing that another person typed is in a mail, so nobody writes into somebody's mails or into their headers.
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
from natsuin.web.notices.texts import CLOSING, TEXTS

_JAPAN = timezone(timedelta(hours=9))


@dataclass(frozen=True)
class Notice:
    """What one person is told once. `moment` in milliseconds: the time that the text speaks of."""

    mail_id: str
    user_id: str
    event: str
    moment: int


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
    subjects, bodies = [], []
    for lang in ("ja", "en"):
        words = {"name": sender.service, "origin": sender.origin, "when": _when(notice.moment, lang)}
        text = TEXTS[notice.event][lang]
        subjects.append(text.subject.format(**words))
        bodies.append("\n\n".join([*(paragraph.format(**words) for paragraph in text.paragraphs), CLOSING[lang]]))
    mail["Subject"] = " / ".join(subjects)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{notice.mail_id}@{urlsplit(sender.origin).hostname}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join([bodies[0], "-" * 40, bodies[1], f"{sender.service}\n{sender.origin}"]) + "\n")
    return mail


def _when(moment: int, lang: str) -> str:
    time = from_milliseconds(moment)
    return f"{time.astimezone(_JAPAN):%Y-%m-%d %H:%M}（日本時間）" if lang == "ja" else f"{time:%Y-%m-%d %H:%M} UTC"
