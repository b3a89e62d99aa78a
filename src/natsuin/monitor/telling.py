"""How each receiver is told: the standard output, webhooks, mail."""

import sqlite3
import sys
from collections.abc import Callable
from typing import TextIO

from natsuin.clock import Clock, milliseconds
from natsuin.mail_server import MailServer, Sender
from natsuin.monitor.messages import line_of, mail_of
from natsuin.monitor.outbox import Send
from natsuin.monitor.receivers import OUTPUT
from natsuin.monitor.settings import MonitorSettings
from natsuin.webhooks import post


def sender_for(receiver: str, settings: MonitorSettings, clock: Clock, output: TextIO | None = None) -> Send:
    """What hands alarms over to the receiver of that name. Raises `ConfigurationRefused` for an unusable secret."""
    kind, _, name = receiver.partition(":")
    if receiver == OUTPUT:
        return _to_output(output or sys.stdout)
    if kind == "webhook":
        return _to_webhook(name, settings, clock)
    return _to_mail(name, settings, clock)


def _to_output(output: TextIO) -> Callable[[sqlite3.Row, int], None]:
    def send(row: sqlite3.Row, sequence: int) -> None:
        output.write(line_of(row, sequence) + "\n")
        output.flush()

    return send


def _to_webhook(name: str, settings: MonitorSettings, clock: Clock) -> Callable[[sqlite3.Row, int], None]:
    webhook = next(one for one in settings.webhook if one.name == name)
    key = webhook.key()

    def send(row: sqlite3.Row, sequence: int) -> None:
        now = milliseconds(clock.now()) // 1000
        post(webhook.url, key, f"{row['id']}.{sequence}", line_of(row, sequence).encode(), now=now)

    return send


def _to_mail(address: str, settings: MonitorSettings, clock: Clock) -> Callable[[sqlite3.Row, int], None]:
    # The mail server is greeted with the domain that mails come from.
    domain = settings.mail.sender.rpartition("@")[2]
    server = MailServer(settings.mail, Sender("Natsuin Monitor", f"smtp://{domain}", settings.mail.sender))

    def send(row: sqlite3.Row, sequence: int) -> None:
        server.send(mail_of(row, sequence, address, server.sender, now=clock.now()))

    return send
