"""A person's history: what the signing log tells of them and their keys, beside it the names of their documents."""

from dataclasses import dataclass

from anyio import to_thread

from natsuin.sam.protocol import Event, Events, ListEvents
from natsuin.web.instruction_store import InstructionStore
from natsuin.web.sam_calls import Sam, ask

PAGE = 25


@dataclass(frozen=True)
class HistoryEntry:
    """One line. `kind` is the entry's type, with the result after a hyphen where there is one; `reason` an error code
    or empty; `secret` is pin, recovery or empty; times in milliseconds."""

    at: int
    kind: str
    log_index: int
    key_id: str
    reason: str
    secret: str
    tries_left: int | None
    document_id: str | None
    document_name: str


@dataclass(frozen=True)
class HistoryPage:
    """Newest first; `older` is the index to go on below, or None at the end."""

    entries: tuple[HistoryEntry, ...]
    older: int | None


class Histories:
    """Puts histories together. For one event loop."""

    def __init__(self, sam: Sam, instructions: InstructionStore) -> None:
        self._sam = sam
        self._instructions = instructions

    async def of(self, user_id: str, *, before: int = 0, most: int = PAGE) -> HistoryPage:
        """The newest `most` entries below log index `before` (0: of all). Raises what sam raises."""
        answer = await ask(self._sam, ListEvents(user_id=user_id, before=before, limit=most), Events)
        wanted = {event.instruction_id for event in answer.events if event.instruction_id}
        known = await to_thread.run_sync(self._instructions.documents_of, user_id, wanted)
        entries = tuple(_entry(event, known) for event in answer.events)
        return HistoryPage(entries, entries[-1].log_index if entries and answer.more else None)


def _entry(event: Event, known: dict[str, tuple[str | None, str]]) -> HistoryEntry:
    document_id, document_name = known.get(event.instruction_id, (None, ""))
    return HistoryEntry(
        at=event.time,
        kind=f"{event.kind}-{event.result}" if event.result else event.kind,
        log_index=event.index,
        key_id=event.key_id,
        reason=event.reason,
        secret=event.secret,
        tries_left=event.tries_left if event.tries_left >= 0 else None,
        document_id=document_id,
        document_name=document_name,
    )
