"""An alarm as its receivers get it: one JSON object, or one mail in Japanese and English.

What comes from the log are the facts, which are harmless by their making (`natsuin.monitor.entries`); they are in the
body alone. Headers hold nothing but our own words and the log's name from the settings.
"""

import json
import sqlite3
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from natsuin.clock import from_milliseconds
from natsuin.mail_server import MailImpossible, Sender
from natsuin.monitor.kinds import FACTS, KINDS
from natsuin.monitor.severity import Severity

_WORDS = {
    Severity.NOTICE: ("NOTICE", "お知らせ"),
    Severity.WARNING: ("WARNING", "警告"),
    Severity.CRITICAL: ("CRITICAL", "重大"),
}


def described(row: sqlite3.Row, sequence: int = 1) -> dict[str, Any]:
    """The JSON object of an alarm's row. `sequence` 1 is the alarm, 2 says how many there were in the end."""
    kind = KINDS[row["kind"]]
    return {
        "version": 1,
        "id": row["id"],
        "sequence": sequence,
        "log": row["log"],
        "kind": row["kind"],
        "severity": Severity(row["severity"]).word,
        "found": _written(row["found_at"]),
        "entry": row["entry"],
        "entry_time": _written(row["entry_time"]),
        "count": row["count"] if sequence > 1 else 1,
        "last_entry": row["last_entry"] if sequence > 1 else row["entry"],
        "facts": json.loads(row["facts"]),
        "text": {"en": kind.says[0], "ja": kind.says[1]},
        "advice": {"en": kind.advises[0], "ja": kind.advises[1]},
    }


def line_of(row: sqlite3.Row, sequence: int) -> str:
    """The object on one line of ASCII: what goes to the standard output and to webhooks."""
    return json.dumps(described(row, sequence), ensure_ascii=True, separators=(",", ":"))


def mail_of(row: sqlite3.Row, sequence: int, to: str, sender: Sender, *, now: datetime) -> EmailMessage:
    """The mail about an alarm. Its Message-ID is the same however often it is sent. Raises `MailImpossible`."""
    told = described(row, sequence)
    english, japanese = _WORDS[Severity(row["severity"])]
    mail = EmailMessage(policy=SMTP)
    try:
        mail["To"] = Address(addr_spec=to)
        mail["From"] = Address(sender.service, addr_spec=sender.address)
    except Exception as error:
        # The parser of the standard library answers some texts with an AttributeError, and may with others.
        raise MailImpossible("an address is not one") from error
    more = f" x{told['count']}" if sequence > 1 else ""
    mail["Subject"] = f"[Natsuin {english}] {told['log']}: {told['kind']}{more} / {japanese}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{row['id']}.{sequence}@{sender.address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    parts = [_body(told, sequence, 1, japanese), "-" * 40, _body(told, sequence, 0, english)]
    mail.set_content("\n\n".join(parts) + "\n")
    return mail


def _body(told: dict[str, Any], sequence: int, lang: int, severity: str) -> str:
    names = (
        ("Log", "ログ"),
        ("Alarm", "警報"),
        ("Found", "検知"),
        ("Entry", "記録番号"),
        ("Written at", "記録の時刻"),
        ("Count", "件数"),
        ("Newest entry", "最新の記録番号"),
    )
    values = (
        told["log"],
        f"{told['kind']} ({severity})",
        told["found"],
        told["entry"],
        told["entry_time"],
        told["count"] if sequence > 1 else None,
        told["last_entry"] if sequence > 1 else None,
    )
    lines = [f"{name[lang]}: {value}" for name, value in zip(names, values, strict=True) if value is not None]
    lines += [f"{FACTS[name][lang]}: {value}" for name, value in told["facts"].items()]
    language = "ja" if lang else "en"
    return "\n\n".join([told["text"][language], "\n".join(lines), told["advice"][language]])


def _written(moment: int | None) -> str | None:
    return None if moment is None else from_milliseconds(moment).isoformat(timespec="milliseconds")
