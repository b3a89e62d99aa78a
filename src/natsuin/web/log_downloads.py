"""What an auditor found, as a file: JSON lines with each entry's own bytes, or CSV for spreadsheets."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from natsuin.sam.protocol import LogEntry
from natsuin.web.log_reading import content_of

MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
_COLUMNS: Final = ("type", "key", "result", "reason", "tx", "commitment")
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""With what a cell begins that a spreadsheet may take for a formula (OWASP, CSV Injection)."""
_YEAR_10000: Final = 253_402_300_800_000


def as_file(form: str, entries: Sequence[LogEntry]) -> bytes:
    """The file in `form`, a name of `MEDIA_TYPES`."""
    return as_csv(entries) if form == "csv" else as_lines(entries)


def as_lines(entries: Sequence[LogEntry]) -> bytes:
    """One object a line, as `natsuin log find --json` prints them; `entry` is byte for byte what was hashed."""
    return b"".join(b'{"index":%d,"entry":%b}\n' % (entry.index, entry.leaf) for entry in entries)


def as_csv(entries: Sequence[LogEntry]) -> bytes:
    """RFC 4180 in UTF-8 with a byte order mark, without which spreadsheets misread Japanese. The last column is the
    whole entry."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(("index", "time", *_COLUMNS, "entry"))
    for entry in entries:
        fields = content_of(entry)
        cells = [_cell(fields.get(name, "")) for name in _COLUMNS]
        writer.writerow((entry.index, _time(fields.get("time")), *cells, _cell(entry.leaf.decode("utf-8", "replace"))))
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULAS) else text


def _time(moment: object) -> str:
    if not isinstance(moment, int) or not 0 <= moment < _YEAR_10000:
        return ""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
