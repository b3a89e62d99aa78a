"""The mail server of the configuration, spoken to with the standard library's client (RFC 5321, 3207, 8314)."""

import smtplib
import ssl
import threading
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import urlsplit

from natsuin.settings import MailSection, secret_file

_PATIENCE_SECONDS = 20
"""For each answer of the mail server."""
WHOLE_SECONDS = 60.0
"""For one mail as a whole: a server that gives a byte now and then holds nobody up for longer."""


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

    def __init__(self, notices: MailSection, sender: Sender) -> None:
        self._notices = notices
        self.sender = sender
        self._stuck: list[threading.Thread] = []

    @property
    def exists(self) -> bool:
        """Whether mails are sent at all."""
        return bool(self._notices.host)

    def send(self, mail: EmailMessage) -> None:
        """Hand one mail over, within `WHOLE_SECONDS`. Raises `MailFailed`; with `tls` and `starttls` also if the
        server's certificate is not good.

        A mail that took longer may still arrive, and then arrives again with the next try. Until the server has let go
        of it no further one is tried.
        """
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        if self._stuck:
            raise MailFailed("TimeoutError")
        failures: list[BaseException] = []
        # A thread of its own, because a wait for each single answer is all that the client can be told to bound.
        thread = threading.Thread(target=self._deliver, args=(mail, failures), name="mail", daemon=True)
        thread.start()
        thread.join(WHOLE_SECONDS)
        if thread.is_alive():
            self._stuck.append(thread)
            raise MailFailed("TimeoutError")
        if failures:
            raise failures[0]

    def _deliver(self, mail: EmailMessage, failures: list[BaseException]) -> None:
        try:
            self._hand_over(mail)
        except BaseException as error:  # The thread that waits raises it.
            failures.append(error)

    def _hand_over(self, mail: EmailMessage) -> None:
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
