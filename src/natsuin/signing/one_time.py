"""Keys for one instruction: approved once, and destroyed as soon as that instruction is over."""

import sqlalchemy as sa
from cryptography import x509

from natsuin.clock import milliseconds
from natsuin.errors import Conflict
from natsuin.key_management import (
    Foundation,
    IllegalMove,
    KeyMoves,
    KeyState,
    Move,
    Mover,
    StoredKey,
    Wish,
    signing_key,
)
from natsuin.signing.instructing import APPROVED, WAITING
from natsuin.signing.tables import RESERVED, instruction, use


def require_first_approval(connection: sa.Connection, key: StoredKey, instruction_id: str) -> None:
    """Raise `Conflict` if a key for one instruction was approved for another one before."""
    if not key.row["one_time"]:
        return
    others = sa.select(instruction.c.instruction_id).where(
        instruction.c.key_id == key.key_id,
        instruction.c.instruction_id != instruction_id,
        instruction.c.approved_at > 0,
    )
    if connection.execute(others.limit(1)).first() is not None:
        raise Conflict("the key was made for one instruction and approved for another", hint="Make a new one-time key.")


def spent_one_time_keys(foundation: Foundation) -> list[str]:
    """Ids of keys for one instruction whose work is done, was given up, or can no longer be done."""
    now = foundation.now()
    open_states = (KeyState.PRE_ACTIVE.value, KeyState.ACTIVE.value, KeyState.SUSPENDED.value)
    query = sa.select(signing_key).where(signing_key.c.one_time == 1, signing_key.c.state.in_(open_states))
    with foundation.database.read() as connection:
        keys = [StoredKey(foundation.checked(signing_key, row)) for row in connection.execute(query).mappings()]
        return [key.key_id for key in keys if _certificate_ended(key, now) or _work_ended(connection, key, now)]


def destroy_one_time_keys(foundation: Foundation, moves: KeyMoves) -> int:
    """Destroy those that are spent; answers how many. Running it twice, or from two threads, changes nothing more."""
    destroyed = 0
    for key_id in spent_one_time_keys(foundation):
        try:
            moves.make(key_id, Wish(Move.DESTROY, Mover.SERVICE, "one-time"))
        except IllegalMove:
            # Another thread was a moment earlier.
            continue
        destroyed += 1
    return destroyed


def _certificate_ended(key: StoredKey, now: int) -> bool:
    ends = x509.load_der_x509_certificate(key.row["certificate"]).not_valid_after_utc
    return milliseconds(ends) < now


def _work_ended(connection: sa.Connection, key: StoredKey, now: int) -> bool:
    """Whether its approved instruction is done, cancelled or expired."""
    columns = instruction.c
    query = sa.select(columns.instruction_id, columns.state, columns.used, columns.count, columns.expires_at).where(
        columns.key_id == key.key_id, columns.approved_at > 0
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return False
    if row["expires_at"] >= now:
        # What is taken and not signed yet, perhaps because it waits for witnesses, still needs the key.
        taken = sa.select(use.c.tx).where(use.c.instruction_id == row["instruction_id"], use.c.state == RESERVED)
        if connection.execute(taken.limit(1)).first() is not None:
            return False
    return bool(row["state"] not in (WAITING, APPROVED) or row["used"] >= row["count"] or row["expires_at"] < now)
