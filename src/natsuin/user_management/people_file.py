"""Reading a CSV file of people to be registered (RFC 4180): all of it or a refusal, nothing guessed.

The encoding is named by whoever brings the file and never guessed, because Shift_JIS read as something else is a wrong
name and no error. The first line names the columns, in English or in Japanese.
"""

import csv
import io
from dataclasses import dataclass

from natsuin.errors import Refused

MOST_BYTES = 1 << 20
MOST_LINES = 1_000
LONGEST_FIELD = 400
ENCODINGS = {"utf-8": "utf-8-sig", "shift_jis": "cp932"}
"""What may be named, and how it is read: UTF-8 with or without a byte order mark; Shift_JIS as Windows writes it."""
COLUMNS = {
    "氏名": "common_name",
    "フリガナ": "name_kana",
    "ローマ字氏名": "name_romanised",
    "役職": "job_title",
    "メールアドレス": "email",
    "組織": "organization",
    "国": "country",
    "鍵の種類": "algorithm",
    "確認書類": "evidence_kind",
    "確認記録": "evidence_reference",
    "確認水準": "evidence_level",
}
REQUIRED = frozenset({"common_name", "email", "evidence_kind", "evidence_reference", "evidence_level"})


class PeopleFileRefused(Refused):
    """The file as a whole is not one."""

    code = "people_file"


class PeopleFileEncoding(PeopleFileRefused):
    """It is not in the encoding that was named."""

    code = "people_file_encoding"


class PeopleFileHeader(PeopleFileRefused):
    """Its first line does not name the columns."""

    code = "people_file_header"


class PeopleFileTooLong(PeopleFileRefused):
    """There are more lines, or longer fields, than are taken at once."""

    code = "people_file_too_long"


@dataclass(frozen=True)
class PeopleLine:
    """One person of the file. `number` counts records, the one below the header being 1. `whole` is False where the
    record has another number of fields than the header; `fields` is then empty."""

    number: int
    fields: dict[str, str]
    whole: bool = True


def read_people(content: bytes, *, encoding: str) -> tuple[PeopleLine, ...]:
    """Every record of the file but empty ones. Raises `PeopleFileRefused` or what is more exact."""
    if len(content) > MOST_BYTES:
        raise PeopleFileTooLong("the file is larger than a mebibyte")
    try:
        text = content.decode(ENCODINGS[encoding])
    except UnicodeDecodeError as error:
        raise PeopleFileEncoding("the file is not in the encoding that was named") from error
    if "\0" in text:
        raise PeopleFileRefused("the file contains a character that no text has")
    records = _records(text)
    if not records:
        raise PeopleFileHeader("the file is empty")
    columns = [COLUMNS.get(name.strip(), name.strip()) for name in records[0]]
    if len(set(columns)) < len(columns) or not set(COLUMNS.values()) >= set(columns) >= REQUIRED:
        raise PeopleFileHeader("the first line does not name the columns")
    return tuple(_line(number, columns, record) for number, record in enumerate(records[1:], start=1))


def _records(text: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), strict=True):
            if not record:
                continue
            if len(found) > MOST_LINES or any(len(field) > LONGEST_FIELD for field in record):
                raise PeopleFileTooLong("the file has too many lines or too long a field")
            found.append(record)
    except csv.Error as error:
        raise PeopleFileRefused("the file is not CSV") from error
    return found


def _line(number: int, columns: list[str], record: list[str]) -> PeopleLine:
    if len(record) != len(columns):
        return PeopleLine(number, {}, whole=False)
    return PeopleLine(number, dict(zip(columns, (field.strip() for field in record), strict=True)))
