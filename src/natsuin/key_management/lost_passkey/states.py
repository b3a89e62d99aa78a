"""The life of a replacement, and how it moves: under the lock of its row, with the entry in the log before the row.

    drafted --propose--> proposed --begin--> waiting --complete--> completed
       \\--------------------\\------------------\\------cancel--> cancelled

A draft is only a record: without its officer's approval it is nothing. What is too late in any state counts no more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin import faults
from natsuin.errors import AlreadyUsed, Conflict, Expired, NotFound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.journal import Opening
from natsuin.key_management.lost_passkey.tables import passkey_replacement
from natsuin.sam.protocol import IdentityEvidence, ReplacementInformation

MOST_REFUSALS = 5
"""So many refused approvals or wrong secrets end a replacement."""


class State(StrEnum):
    """Where a replacement is."""

    DRAFTED = "drafted"
    PROPOSED = "proposed"
    WAITING = "waiting"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What moves it."""

    PROPOSE = "propose"
    BEGIN = "begin"
    COMPLETE = "complete"
    CANCEL = "cancel"


ENTRY_OF = {
    Step.PROPOSE: "replacement-proposed",
    Step.BEGIN: "replacement-begun",
    Step.COMPLETE: "replacement-completed",
    Step.CANCEL: "replacement-cancelled",
}
"""The type of the entry that tells of a step."""

_MOVES: dict[tuple[State, Step], State] = {
    (State.DRAFTED, Step.PROPOSE): State.PROPOSED,
    (State.PROPOSED, Step.BEGIN): State.WAITING,
    (State.WAITING, Step.COMPLETE): State.COMPLETED,
    (State.DRAFTED, Step.CANCEL): State.CANCELLED,
    (State.PROPOSED, Step.CANCEL): State.CANCELLED,
    (State.WAITING, Step.CANCEL): State.CANCELLED,
}
OPEN = (State.PROPOSED, State.WAITING)
"""States in which somebody has approved it and something may still come of it."""


class ReplacementOver(AlreadyUsed):
    """It was completed or cancelled, or its time has passed."""

    code = "replacement_over"


class StillWaiting(Conflict):
    """The waiting period is not over."""

    code = "replacement_waiting"


def after(state: State, step: Step) -> State:
    """The state that `step` leads to. Raises `ReplacementOver`, or `Conflict` where another step is due."""
    try:
        return _MOVES[state, step]
    except KeyError:
        if state in (State.COMPLETED, State.CANCELLED):
            raise ReplacementOver(
                f"this replacement of a passkey was {state.value}", hint="Ask a registration officer to begin again."
            ) from None
        raise Conflict(f"this is not due while it is {state.value}", hint="Look at its present state.") from None


def require_in_time(foundation: Foundation, row: Mapping[str, Any]) -> None:
    """Raise `Expired` if the present step of an open replacement is too late."""
    if row["expires_at"] < foundation.now():
        raise Expired("the time for this has passed", hint="Ask a registration officer to begin again.")


def require_waited(foundation: Foundation, row: Mapping[str, Any]) -> None:
    """Raise `StillWaiting` before the end of the waiting period."""
    if foundation.now() < row["ends_waiting_at"]:
        raise StillWaiting("the waiting period is not over", hint="Open the link again when it is.")


@dataclass(frozen=True)
class Move:
    """One step that somebody has the right to make. `by` is officer, owner or service; `changes` go into the row."""

    step: Step
    by: str
    officer: str = ""
    changes: Mapping[str, Any] | None = None


def prepare(foundation: Foundation, row: Mapping[str, Any], move: Move) -> Opening:
    """Make the opening of the step's entry durable, before the transaction that `make_in` belongs to."""
    return foundation.journal.open(_private(row, move))


def make_in(
    foundation: Foundation,
    connection: sa.Connection,
    act_id: str,
    move: Move,
    opening: Opening,
    *,
    more: Iterable[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Make the step in the caller's write transaction, `more` entries with its own; answers with the new row.

    Raises what `after`, `require_in_time` and `require_waited` raise of the row as it is by then.
    """
    row = lock(foundation, connection, act_id)
    state = after(State(row["state"]), move.step)
    if move.step is not Step.CANCEL:
        require_in_time(foundation, row)
    if move.step is Step.COMPLETE:
        require_waited(foundation, row)
    changes = {**(move.changes or {}), "state": state.value, "changed_at": foundation.now()}
    public = {"replacement": row["act_id"], "by": move.by, "until": changes.get("ends_waiting_at", 0)}
    entry = foundation.journal.entry(ENTRY_OF[move.step], public, opening)
    foundation.journal.log.add_all([entry, *more])
    faults.point("replacement.after_entry")
    foundation.update(connection, passkey_replacement, row, **changes)
    return {**row, **changes}


def lock(foundation: Foundation, connection: sa.Connection, act_id: str) -> dict[str, Any]:
    """The row, held until the transaction ends. Raises `NotFound`, `Tampered`."""
    row = foundation.find(connection, passkey_replacement, lock=True, act_id=act_id)
    if row is None:
        raise NotFound("there is no such replacement of a passkey", hint="Begin again.")
    return row


def make_good(foundation: Foundation, entry: Mapping[str, Any]) -> bool:
    """After a crash: a replacement that the log says was cancelled is cancelled, whatever DB-2 says."""
    with foundation.database.write() as connection:
        row = foundation.find(connection, passkey_replacement, lock=True, act_id=entry["replacement"])
        if row is None or row["state"] in (State.COMPLETED, State.CANCELLED):
            return False
        changes = {"state": State.CANCELLED.value, "changed_at": entry["time"]}
        return foundation.update(connection, passkey_replacement, row, **changes)


def require_open_in_log(foundation: Foundation, act_id: str) -> None:
    """Raise `ReplacementOver` if the log says that it was cancelled, or that its tries are used up, whatever its row
    says: a genuine row of before may have been put back. Reads the whole log."""
    name, refused = act_id.encode(), 0
    for _, leaf in foundation.journal.log.entries():
        if name not in leaf:
            continue
        entry = msgspec.json.decode(leaf)
        if entry.get("replacement") != act_id:
            continue
        if entry["type"] == "replacement-begun":
            refused = 0
        refused += entry["type"] == "replacement-refused"
        if entry["type"] == ENTRY_OF[Step.CANCEL] or refused >= MOST_REFUSALS:
            raise ReplacementOver(
                "this replacement of a passkey was cancelled, says the log",
                hint="Tell the operator that DB-2 says otherwise, and ask a registration officer to begin again.",
            )


def completed_since(foundation: Foundation, connection: sa.Connection, user_id: str, moment: int) -> bool:
    """Whether a replacement of the person was completed at `moment` or later. In a write transaction the rows are held,
    so that none is completed before its end."""
    query = sa.select(passkey_replacement).where(passkey_replacement.c.user_id == user_id).with_for_update()
    rows = [foundation.checked(passkey_replacement, row) for row in connection.execute(query).mappings()]
    return any(row["state"] == State.COMPLETED and row["changed_at"] >= moment for row in rows)


def postpone_waiting(foundation: Foundation, by: int) -> int:
    """The clock was moved forward by so many milliseconds, in which nobody waited: every waiting period that ran ends
    so much later. Durable on return; answers with how many."""
    query = sa.select(passkey_replacement).where(passkey_replacement.c.state == State.WAITING.value)
    postponed = 0
    with foundation.database.write() as connection:
        for row in connection.execute(query.with_for_update()).mappings().all():
            known = foundation.checked(passkey_replacement, row)
            if known["ends_waiting_at"] + by > foundation.now():
                later = {name: known[name] + by for name in ("ends_waiting_at", "expires_at")}
                postponed += foundation.update(connection, passkey_replacement, known, **later)
    return postponed


def information(foundation: Foundation, row: Mapping[str, Any]) -> ReplacementInformation:
    """What may be told of a replacement to its person and to officers."""
    now, state = foundation.now(), State(row["state"])
    is_open = state not in (State.COMPLETED, State.CANCELLED)
    content = msgspec.json.decode(row["record"], type=_Recorded)
    return ReplacementInformation(
        act_id=row["act_id"],
        user_id=row["user_id"],
        state="expired" if is_open and row["expires_at"] < now else state.value,
        officers=tuple(row["officers"].split()),
        evidence=content.evidence,
        waiting=row["waiting"],
        proposed_at=row["proposed_at"],
        ends_waiting_at=row["ends_waiting_at"],
        expires_at=row["expires_at"],
        changed_at=row["changed_at"],
        waited=state is State.WAITING and row["ends_waiting_at"] <= now <= row["expires_at"],
    )


class _Recorded(msgspec.Struct, frozen=True):
    evidence: IdentityEvidence


def _private(row: Mapping[str, Any], move: Move) -> dict[str, Any]:
    return {"user": row["user_id"], "officer": move.officer, "act": row["act_id"]}
