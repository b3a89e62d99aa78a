"""The mail server of the configuration, spoken to with the standard library's client (RFC 5321, 3207, 8314)."""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import urlsplit

from natsuin.settings import NoticesSection, secret_file

_PATIENCE_SECONDS = 20


class MailFailed(Exception):
    """The mail did not go out; later it may."""


class MailImpossible(Exception):
    """It never will."""


@dataclass(frozen=True)
class Sender:
    """Who writes: the service's name and address in the browser, and the address that mails come from."""

    service: str
    origin: str
    address: str


class MailServer:
    """Where mails are handed over. Thread safe: each mail has a connection of its own."""

    def __init__(self, notices: NoticesSection, sender: Sender) -> None:
        self._notices = notices
        self.sender = sender

    @property
    def exists(self) -> bool:
        """Whether mails are sent at all."""
        return bool(self._notices.host)

    def send(self, mail: EmailMessage) -> None:
        """Hand one mail over. Raises `MailFailed`; with `tls` and `starttls` also if the server's certificate is not
        good."""
        notices = self._notices
        try:
            with self._connected() as connection:
                if notices.user:
                    connection.login(notices.user, self._password())
                connection.send_message(mail)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            # What the server says may repeat the address, which belongs into no log.
            raise MailFailed(type(error).__name__) from error

    def _connected(self) -> smtplib.SMTP:
        notices = self._notices
        name = urlsplit(self.sender.origin).hostname or "localhost"
        if notices.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(
                notices.host, notices.port, local_hostname=name, timeout=_PATIENCE_SECONDS, context=context
            )
        connection = smtplib.SMTP(notices.host, notices.port, local_hostname=name, timeout=_PATIENCE_SECONDS)
        if notices.security == "starttls":
            try:
                connection.starttls(context=ssl.create_default_context())
            except BaseException:
                connection.close()
                raise
        return connection

    def _password(self) -> str:
        notices = self._notices
        if notices.password is None:
            return ""
        path = secret_file(notices.password, "notices.password")
        return path.read_text(encoding="utf-8").partition("\n")[0]
