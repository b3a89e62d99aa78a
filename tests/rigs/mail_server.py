"""A real mail server on the loopback, which keeps what it is given and can be told to refuse."""

import email
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from natsuin.cli.demo.story import free_port
from natsuin.notice_settings import NoticesSection


@dataclass
class Mailbox:
    """What arrived: envelopes as the server took them."""

    taken: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    refusing: bool = False
    port: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        if self.refusing:
            return "451 later, please"
        content = envelope.content
        assert isinstance(content, bytes)
        mail = email.message_from_bytes(content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.taken.append((envelope.mail_from or "", list(envelope.rcpt_tos), mail))
        return "250 OK"

    @property
    def section(self) -> NoticesSection:
        """The settings that lead here."""
        return NoticesSection(host="127.0.0.1", port=self.port, security="none", sender="natsuin@example.jp")

    def subjects(self, address: str) -> list[str]:
        return [str(mail["Subject"]) for _, to, mail in self.taken if to == [address]]


@contextmanager
def mail_server(*, tls: Any = None, known: dict[bytes, bytes] | None = None) -> Iterator[Mailbox]:
    """One on a free port; with `tls`, a server context, it takes mail after STARTTLS only, from `known` people."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(known or {}).get(data.login) == data.password)

    box = Mailbox()
    options: dict[str, Any] = {"tls_context": tls, "require_starttls": True} if tls else {}
    if known:
        options |= {"authenticator": check, "auth_required": True}
    box.port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
