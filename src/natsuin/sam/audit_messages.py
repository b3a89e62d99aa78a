"""What an auditor's reading of the signing log is asked for and answered with (docs/auditors.md). The list of every
message is in `natsuin.sam.protocol`.

A reading begins with an act that the auditor's passkey approves and sam verifies. What is read names it by a secret
that sam gave for it, so that web without an auditor opens nothing; each answer is an entry of the log before it leaves.
"""

import msgspec

from natsuin.sam.message_pieces import Assertion, Message


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are looked for; what is empty or 0 does not matter."""

    since: int = 0
    """Entries of this moment and later, in milliseconds."""
    until: int = 0
    """Entries before this moment."""
    kinds: tuple[str, ...] = ()
    """Of one of these types, at most 50."""
    key_id: str = ""
    user_ids: tuple[str, ...] = ()
    """That are about a key of these accounts or commit to them in whatever role, at most 100."""
    said: str = ""
    """With this result or this reason."""


class ProposeReading(Message, frozen=True, kw_only=True):
    """An auditor wants to read. Nothing can be read before their passkey approves the record."""

    auditor_id: str
    purpose: str
    """Why, at most 200 characters."""


class BeginReading(Message, frozen=True, kw_only=True):
    """The auditor's approval. The act is spent by the first answer, good or not."""

    act_id: str
    assertion: Assertion


class ReadingBegun(Message, frozen=True, kw_only=True):
    """The reading is open until `expires_at`, or until sam is started anew."""

    auditor_id: str
    reading: bytes
    """32 bytes, secret."""
    expires_at: int


class EndReading(Message, frozen=True, kw_only=True):
    """Close a reading before its time; one that is not open stays closed."""

    auditor_id: str
    reading: bytes


class ReadingEnded(Message, frozen=True, kw_only=True):
    """It opens nothing any more."""


class SearchLog(Message, frozen=True, kw_only=True):
    """The newest entries that fit below entry `before` (0: of all). Entry `audit-read`."""

    auditor_id: str
    reading: bytes
    query: LogQuery = LogQuery()
    before: int = 0
    limit: int = 50
    """At most 100; for a file 10,000."""
    file: str = ""
    """`csv` or `jsonl` where the entries are to be downloaded; the log says so."""


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it stands in the log, led back to the signed checkpoint."""

    index: int
    leaf: bytes


class LogFound(Message, frozen=True, kw_only=True):
    """Newest first; `more` if there are older ones."""

    entries: tuple[LogEntry, ...]
    matching: int
    """How many entries fit in the whole log."""
    more: bool
    checkpoint: str
    """The signed note under which they were read."""
    noted: int
    """The index of the entry that tells of this reading."""
    kinds: tuple[str, ...]
    """Every type that the log has."""
    said: tuple[str, ...]
    """Every result and reason that it has, at most 500."""


class ReadActivity(Message, frozen=True, kw_only=True):
    """How many entries of each kind there were on each day, from `first_day` on. Entry `audit-read`."""

    auditor_id: str
    reading: bytes
    first_day: int
    """Days since 1970-01-01, UTC."""
    days: int
    """At most 366."""


class ActivityCount(msgspec.Struct, frozen=True, kw_only=True):
    """So many entries of one type with one result (empty where it has none) on one day."""

    day: int
    kind: str
    result: str
    count: int


class Activity(Message, frozen=True, kw_only=True):
    """In the order of days; what is not there did not happen."""

    counts: tuple[ActivityCount, ...]
    entries: int
    """In the whole log."""
    checkpoint: str
    noted: int


class OpenEntries(Message, frozen=True, kw_only=True):
    """What entries commit to, at most 50 at once. Entry `audit-read` names them."""

    auditor_id: str
    reading: bytes
    indices: tuple[int, ...]


class EntryOpening(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry commits to."""

    index: int
    state: str
    """`opened`; `none` where the entry commits to nothing; `gone` where the opening was erased or does not fit."""
    fields: bytes = b""
    """RFC 8785 JSON, which was hashed and is what the entry commits to."""


class EntriesOpened(Message, frozen=True, kw_only=True):
    """In the order of the request."""

    openings: tuple[EntryOpening, ...]
    noted: int
